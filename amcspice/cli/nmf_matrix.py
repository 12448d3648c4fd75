"""``amcspice nmf matrix``: any non-negative matrix."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np
from threadpoolctl import threadpool_limits

from amcspice.algorithm import Factorisation, nmf
from amcspice.cli.common import Settings, shared_options
from amcspice.cli.nmf_options import iteration_options, predicting
from amcspice.cli.nmf_table import print_table
from amcspice.cli.output import write_json
from amcspice.cli.parameter_options import GroupedCommand
from amcspice.cli.progress import progress
from amcspice.cli.result_folder import ResultFolder
from amcspice.cli.without_ngspice import runnable
from amcspice.errors import InputError
from amcspice.files import replacing, writable_folder
from amcspice.problem import PROBLEMS
from amcspice.simulation.plain import plain_verification
from amcspice.system import Technology
from amcspice.workload import history, read_matrix, summarise

__all__ = ["matrix"]

FILES = ("W.npy", "H.npy", "convergence.png", "metrics.json", "checkpoint/matrix.npz")


@click.command(
    cls=GroupedCommand,
    epilog="Example: amcspice nmf matrix V.csv --rank 4 --iterations 20 --out out",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--rank", type=int, required=True, help="Columns of W.")
@iteration_options(iterations=20, tolerance=1e-4)
@shared_options
def matrix(
    file: Path,
    rank: int,
    iterations: int,
    tolerance: float,
    folder: ResultFolder,
    technology: str,
    predict_range: bool,
    settings: Settings,
) -> None:
    """Factorise a non-negative matrix (.npy .npz .csv .txt .mtx .mat) on the simulated circuit.

    Writes to DIR: W.npy, H.npy, convergence.png, metrics.json, run.json and checkpoint/.
    """
    started = time.perf_counter()
    values = read_matrix(file)
    _check(values, file, rank, tolerance)
    Technology.load(technology)  # refused before any work
    settings = runnable(settings)
    settings.check("nnls")
    inputs = {
        "file": file.name, "shape": list(values.shape), "rank": rank, "iterations": iterations,
        "tolerance": tolerance, "seed": settings.seed,
        "technology": technology, "predict_range": predict_range,
    }  # fmt: skip
    path = folder.claim("nmf matrix", settings.record(inputs, values), FILES)
    settings.write_config()
    checkpoint = writable_folder(path / "checkpoint") / "matrix.npz"
    if not folder.resume:
        checkpoint.unlink(missing_ok=True)
    total = iterations * sum(values.shape)
    with (
        folder.interruptible(checkpoint),
        progress(total, "regressions") as advance,
        threadpool_limits(1),
    ):
        result = nmf(
            values, rank, iterations=iterations, tolerance=tolerance, seed=settings.seed,
            circuit=settings.circuit, analysis=settings.analysis, checkpoint=checkpoint,
            resume=folder.resume, jobs=settings.jobs, verify=settings.verify, progress=advance,
            **predicting(predict_range), **settings.parameters,
        )  # fmt: skip
    metrics = _metrics(values, result, settings, inputs)
    _write(path, result, metrics)
    metrics["provenance"]["wall_time_s"] = time.perf_counter() - started
    write_json(path / "metrics.json", metrics)
    settings.write_json(metrics)
    print_table(metrics, path, result.verification, stderr=str(settings.json) == "-")
    settings.confirm(result.verification)


def _check(values: Any, file: Path, rank: int, tolerance: float) -> None:
    """Refuse before anything is written what `nmf` would refuse."""
    if values.min() < 0:
        where = tuple(int(k) for k in np.argwhere(values < 0)[0])
        raise InputError(f"{file}: entry {where} is negative ({values[where]:g}); NMF needs V >= 0")
    if not values.any():
        raise InputError(f"{file}: every entry is zero; there is nothing to factorise")
    if not 1 <= rank <= min(values.shape):
        rows, columns = values.shape
        raise InputError(
            f"rank = {rank} must be from 1 to {min(values.shape)} (V is {rows} x {columns})"
        )
    if not 0 <= tolerance < 1:
        raise InputError(f"--tolerance {tolerance} must be from 0 to below 1")


def _metrics(
    values: Any, result: Factorisation, settings: Settings, inputs: dict[str, Any]
) -> dict[str, Any]:
    analog, digital = history([result], [float(np.linalg.norm(values))])
    return {
        "problem": "nmf matrix",
        "circuit": settings.circuit or PROBLEMS["nnls"].circuit,
        "fidelity": settings.analysis.fidelity,
        "simulator": result.provenance.get("simulator"),
        "relative_residual": analog[-1],
        "compression_ratio": values.size / (result.W.size + result.H.size),
        "digital": {"relative_residual": digital[-1]},
        **summarise([result], settings.analysis.fidelity, inputs["technology"]),
        **plain_verification(result.verification),
        "history": {"relative_residual": analog, "digital_relative_residual": digital},
        "settings": {**inputs, "analysis": asdict(settings.analysis)},
        "provenance": {**result.provenance, "seed": settings.seed},
    }


def _write(folder: Path, result: Factorisation, metrics: dict[str, Any]) -> None:
    from amcspice import view

    for name, factor in (("W", result.W), ("H", result.H)):
        with replacing(folder / f"{name}.npy") as temporary, temporary.open("wb") as stream:
            np.save(stream, factor)
    residuals = metrics["history"]
    figure = view.convergence(
        residuals["relative_residual"], residuals["digital_relative_residual"]
    )
    view.save(figure, folder / "convergence.png")
