"""``amcspice nmf image``: a picture, tile by tile."""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import click
import numpy as np

from amcspice.cli.common import Settings, shared_options
from amcspice.cli.nmf_options import iteration_options, predicting
from amcspice.cli.nmf_table import print_table
from amcspice.cli.output import write_json
from amcspice.cli.parameter_options import GroupedCommand
from amcspice.cli.progress import progress
from amcspice.cli.result_folder import ResultFolder
from amcspice.cli.without_ngspice import runnable
from amcspice.errors import InputError
from amcspice.files import writable_folder
from amcspice.problem import PROBLEMS
from amcspice.simulation import Run
from amcspice.simulation.plain import plain_verification
from amcspice.system import Technology
from amcspice.workload import (
    Crop,
    ImageFactorisation,
    Tiling,
    choose_rank,
    factorise_image,
    history,
    read_image,
    regressions_at_most,
    representative_run,
    summarise,
    write_image,
)

__all__ = ["image"]

FILES = (
    "reconstructed.png",
    "reconstruction.png",
    "waveforms.png",
    "convergence.png",
    "metrics.json",
    "checkpoint/tile-*.npz",
)


@click.command(
    cls=GroupedCommand,
    epilog="Example: amcspice nmf image photo.png --crop 0 0 64 64 --tile 16 --out out",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--crop", nargs=4, type=int, metavar="ROW COLUMN HEIGHT WIDTH",
    help="Take this rectangle of the picture only [pixels].",
)  # fmt: skip
@click.option("--tile", default=32, show_default=True, type=click.IntRange(min=1),
              help="Side of the square tiles [pixels].")  # fmt: skip
@click.option("--rank", type=int, help="Of each tile [default: a quarter of its side].")
@click.option(
    "--padding", type=click.Choice(["edge", "reflect"]), default="edge", show_default=True,
    help="What fills tiles that reach over the edge of the picture.",
)  # fmt: skip
@iteration_options(iterations=10, tolerance=1e-3)
@shared_options
def image(
    file: Path,
    crop: tuple[int, int, int, int] | None,
    tile: int,
    rank: int | None,
    padding: Literal["edge", "reflect"],
    iterations: int,
    tolerance: float,
    folder: ResultFolder,
    technology: str,
    predict_range: bool,
    settings: Settings,
) -> None:
    """Factorise every tile of every channel of a picture on the simulated circuit.

    Writes to DIR: reconstructed.png (the picture), reconstruction.png (beside the original),
    waveforms.png (one regression), convergence.png, metrics.json, run.json and checkpoint/.
    """
    started = time.perf_counter()
    picture = read_image(file)
    picture = np.ascontiguousarray(Crop(*crop).of(picture)) if crop else picture
    rank = choose_rank(tile, rank)
    if not 0 <= tolerance < 1:
        raise InputError(f"--tolerance {tolerance} must be from 0 to below 1")
    Technology.load(technology)  # refused before any work
    settings = runnable(settings)
    settings.check("nnls")
    inputs = {
        "file": file.name, "pixels_sha256": hashlib.sha256(picture.tobytes()).hexdigest(),
        "shape": list(picture.shape), "crop": crop, "tile": tile, "rank": rank,
        "padding": padding, "iterations": iterations, "tolerance": tolerance,
        "seed": settings.seed, "technology": technology,
        "predict_range": predict_range, "jobs": settings.jobs,
    }  # fmt: skip
    path = folder.claim("nmf image", settings.record(inputs), FILES)
    settings.write_config()
    checkpoints = writable_folder(path / "checkpoint")
    tiling = Tiling((picture.shape[0], picture.shape[1], picture.shape[2]), tile, padding)
    total = regressions_at_most(tiling, iterations)
    with folder.interruptible(checkpoints), progress(total, "regressions") as advance:
        result = factorise_image(
            picture, tile=tile, rank=rank, iterations=iterations, tolerance=tolerance,
            padding=padding, seed=settings.seed, circuit=settings.circuit,
            analysis=settings.analysis, jobs=settings.jobs, verify=settings.verify,
            checkpoints=checkpoints, resume=folder.resume, progress=advance,
            **predicting(predict_range), **settings.parameters,
        )  # fmt: skip
    run = representative_run(
        result, analysis=settings.analysis, circuit=settings.circuit, **settings.parameters
    )
    metrics = _metrics(result, run, settings, inputs, started)
    _write(path, result, run, settings)
    metrics["provenance"]["wall_time_s"] = time.perf_counter() - started
    write_json(path / "metrics.json", metrics)
    settings.write_json(metrics)
    print_table(metrics, path, result.verification, stderr=str(settings.json) == "-")
    settings.confirm(result.verification)


def _metrics(
    result: ImageFactorisation,
    run: Run | None,
    settings: Settings,
    inputs: dict[str, Any],
    started: float,
) -> dict[str, Any]:
    analog, digital = _history(result)
    origins = [tile.provenance for tile in result.tiles if tile.provenance]
    provenance = {**(origins[0] if origins else {}), "seed": settings.seed}
    return {
        "problem": "nmf image",
        "circuit": settings.circuit or PROBLEMS["nnls"].circuit,
        "fidelity": settings.analysis.fidelity,
        "simulator": provenance.get("simulator"),
        **asdict(result.analog_score),
        "compression_ratio": result.compression_ratio,
        "digital": asdict(result.digital_score),
        "tiles": result.tiling.count,
        **summarise(result.tiles, settings.analysis.fidelity, inputs["technology"]),
        "amplifiers": run.amplifiers if run else None,
        "cells": run.cells if run else None,
        **plain_verification(result.verification),
        "history": {"relative_residual": analog, "digital_relative_residual": digital},
        "settings": {**inputs, "analysis": asdict(settings.analysis)},
        "provenance": {**provenance, "wall_time_s": time.perf_counter() - started},
    }


def _history(result: ImageFactorisation) -> tuple[Any, Any]:
    norms = np.linalg.norm(result.tiling.split(result.original), axis=(1, 2))
    return history(result.tiles, list(norms))


def _write(folder: Path, result: ImageFactorisation, run: Run | None, settings: Settings) -> None:
    from amcspice import view

    write_image(folder / "reconstructed.png", result.analog)
    figure = view.reconstruction(
        result.original, result.analog, result.digital,
        analog_psnr=result.analog_score.psnr_db, digital_psnr=result.digital_score.psnr_db,
    )  # fmt: skip
    view.save(figure, folder / "reconstruction.png")
    for name in ("convergence.png", "waveforms.png"):  # of an earlier run, if not drawn now
        (folder / name).unlink(missing_ok=True)
    if run is not None:
        view.save(view.convergence(*_history(result)), folder / "convergence.png")
    if run is not None and run.waveforms is not None:
        tolerance = settings.analysis.settle_tolerance
        view.save(view.settling(run, tolerance=tolerance), folder / "waveforms.png")
