"""The table at the end of a factorisation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from amcspice.cli.quantity import si
from amcspice.simulation import Verification

__all__ = ["print_table"]


def print_table(
    metrics: dict[str, Any],
    folder: Path,
    verification: Verification | None = None,
    *,
    stderr: bool = False,
) -> None:
    """Print the figures of a factorisation, the circuit's beside its digital twin's.

    Parameters
    ----------
    metrics : dict
        Metrics as written to ``metrics.json``.
    folder : Path
        Where the results are.
    verification : Verification, optional
    stderr : bool
        Print to standard error, because standard output is taken.
    """
    table = Table()
    table.add_column("figure")
    table.add_column("analog circuit", justify="right")
    table.add_column("digital twin", justify="right")
    for name, analog, digital in _rows(metrics):
        table.add_row(name, analog, digital)
    console = Console(stderr=stderr, markup=False)
    console.print(f"{metrics['problem']}: {_what(metrics)}", highlight=False, soft_wrap=True)
    console.print(table)
    if verification is not None:
        console.print(str(verification), highlight=False, soft_wrap=True)
        if verification.caution:
            click.echo(f"note: {verification.caution}", err=True)
    if metrics["near_limit"]:
        click.echo(
            f"note: in {metrics['near_limit']} of {metrics['regressions']} regressions an "
            "amplifier ends at a limit, so that they are wrong",
            err=True,
        )
    if metrics["transients"]:
        console.print(_left_out(metrics), highlight=False, soft_wrap=True)
    console.print(f"Results are in {folder}", highlight=False, soft_wrap=True)


def _left_out(metrics: dict[str, Any]) -> str:
    """Return what stands in which time and energy, and what the ranges were chosen with."""
    settings = metrics["settings"]
    oracle = settings["analysis"]["range"] == "reference" and not settings.get("predict_range")
    ranges = "; ranges chosen with the ideal answers" if oracle else ""
    technology = metrics["cost"]["technology"] if metrics.get("cost") else ""
    whole = f"; those of all with them, in technology {technology}" if technology else ""
    return f"times and energies of a regression without writing and converters{whole}{ranges}"


def _what(metrics: dict[str, Any]) -> str:
    inputs, origin = metrics["settings"], metrics["provenance"]
    shape = " x ".join(str(side) for side in inputs["shape"])
    ngspice = f"ngspice {origin['ngspice']}" if origin.get("ngspice") else "ngspice not used"
    simulator = f", {metrics['simulator']}" if metrics["simulator"] else ""
    return (
        f"{inputs['file']} ({shape}), rank {inputs['rank']}, {metrics['circuit']}, "
        f"{metrics['fidelity']} fidelity, {ngspice}{simulator}"
    )


def _rows(metrics: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    digital = metrics["digital"]
    if "psnr_db" in metrics:
        yield "PSNR", f"{metrics['psnr_db']:.2f} dB", f"{digital['psnr_db']:.2f} dB"
        yield "SSIM", _plain(metrics["ssim"]), _plain(digital["ssim"])
    names = {
        "rmse_test": "RMSE, held out",
        "mae_test": "MAE, held out",
        "rmse_train": "RMSE, training",
    }
    for key, name in names.items():
        if metrics.get(key) is not None:
            yield name, _plain(metrics[key]), _plain(digital[key])
    if metrics.get("coverage") is not None:
        yield "coverage", f"{100 * metrics['coverage']:.2f} %", "same"
    yield (
        "relative residual",
        f"{metrics['relative_residual']:.4g}",
        f"{digital['relative_residual']:.4g}",
    )
    yield "compression", f"{metrics['compression_ratio']:.3g} : 1", "same"
    if "tiles" in metrics:
        yield "tiles", str(metrics["tiles"]), ""
    name = "iterations, slowest tile" if "tiles" in metrics else "iterations"
    yield name, str(metrics["iterations"]), "same"
    yield "regressions", str(metrics["regressions"]), "same"
    yield "transients simulated", str(metrics["transients"]), ""
    yield "settled", f"{metrics['settled']} of {metrics['regressions']}", ""
    if metrics.get("below_floor"):
        yield "below the floor, not counted below", str(metrics["below_floor"]), ""
    settling, energy = metrics["settling_time_s"], metrics["energy_j"]
    yield "settling time, median", si(settling["median"], "s"), ""
    yield "settling time, longest", si(settling["max"], "s"), ""
    yield "energy per regression", si(energy["per_regression"], "J"), ""
    yield "power at rest, mean", si(metrics["power_w"]["mean"], "W"), ""
    yield from _costs(metrics)
    yield "time taken", f"{metrics['provenance']['wall_time_s']:.1f} s", ""


def _costs(metrics: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield what everything takes on one chip, with writing and without."""
    cost, count = metrics.get("cost"), metrics["regressions"]
    if cost is None or not metrics["transients"]:
        return
    core = cost["digital"]["time_s"]
    counted, ignored = cost["counted"], cost["ignored"]
    digital = si(core * count, "s") if core else ""
    yield "all regressions, writing counted", si(counted["time_s"], "s"), digital
    yield "all regressions, writing ignored", si(ignored["time_s"], "s"), ""
    yield "energy of all, writing counted", si(counted["energy_j"], "J"), ""
    yield "energy of all, writing ignored", si(ignored["energy_j"], "J"), ""


def _plain(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "-"
