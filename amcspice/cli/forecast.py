"""``amcspice forecast``: whether and how fast block inverse and refinement work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from amcspice.algorithm.block_solver import METHOD, BlockForecast
from amcspice.cli.block_options import block_options, blocks_given, program
from amcspice.cli.common import Settings, shared_options
from amcspice.cli.output import check_target
from amcspice.cli.parameter_options import GroupedCommand
from amcspice.cli.progress import activity
from amcspice.cli.solve_blocks import plain_comparison
from amcspice.errors import UnsupportedError, counted
from amcspice.workload.matrix_file import read_numbers

__all__ = ["forecast"]

FIDELITY = "dc"
"""Forecasts are of the rest: they take no time."""


@click.command(
    cls=GroupedCommand,
    problem=BlockForecast.name,
    epilog="Example: amcspice forecast --matrix A.npy --stages 1 --refine 24 --levels 8",
)
@click.option(
    "--matrix", required=True, type=click.Path(path_type=Path), metavar="FILE", help="The matrix A."
)
@block_options
@shared_options
def forecast(matrix: Path, settings: Settings, **options: Any) -> None:
    """Say how refinement of A x = b will go, without a transient.

    The spectral radius of I - A T, with T what the programmed inverse really applies, says whether
    plain refinement converges and how many bits an iteration gains; what the product really applies
    says which bits it cannot pass.
    """
    values: Any = read_numbers(matrix)
    chosen = blocks_given(options)
    solver = BlockForecast(**chosen)
    if settings.verify.count or settings.given.get("fidelity", FIDELITY) != FIDELITY:
        raise UnsupportedError(
            f"--verify, --fidelity: a forecast is of the rest ({FIDELITY}), and runs nothing"
        )
    if settings.json is not None:
        check_target(settings.json)
    settings.write_config(problem=solver.name, matrix=str(matrix), **chosen)
    with activity() as watch:
        blocks = program(solver, values, None, settings.at(FIDELITY), watch)
        made, bits = blocks.forecast(), solver.refine
        needed, rehearsed = made.iterations(bits), blocks.rehearse()
        comparison = blocks.inverse.compare() if len(blocks.inverse.arrays) > 1 else None
    method = solver.method or METHOD
    cautions = list(getattr(blocks.product, "cautions", ()))
    content = {
        "spectral_radius": made.spectral_radius,
        "bits_per_iteration": made.bits_per_iteration,
        "converges": made.converges,
        "floor_bits": made.floor_bits if np.isfinite(made.floor_bits) else None,
        "iterations": needed,
        "bits": bits,
        "definiteness": made.definiteness,
        "gcr_converges": made.gcr_converges,
        "method": method,
        "method_iterations": rehearsed,
        "slices": 0 if blocks.product is None else len(blocks.product.slices),
        "cautions": cautions,
        **blocks.inverse.counts(),
        **plain_comparison(comparison),
    }
    if str(settings.json) != "-":
        speed = f"{made.bits_per_iteration:.2f} bits an iteration"
        click.echo(
            f"spectral radius {made.spectral_radius:.3g}: plain refinement "
            + (f"converges, {speed}" if made.converges else "diverges")
        )
        sure = "is sure to converge" if made.gcr_converges else "may break down"
        click.echo(
            f"smallest eigenvalue of the symmetric part of A T {made.definiteness:.3g}: gcr {sure}"
        )
        if np.isfinite(made.floor_bits):
            click.echo(f"floor of the product: {made.floor_bits:.1f} bits")
        reached = counted(needed, "iteration") if needed else "not reached by plain refinement"
        click.echo(f"{bits:g} bits: {reached}; {counted(content['phases'], 'phase')} each")
        told = "not reached" if rehearsed is None else counted(rehearsed, "iteration")
        click.echo(f"{method}, rehearsed with the matrices alone: {told}")
        for sentence in cautions:
            click.echo(f"note: {sentence}", err=True)
        if comparison is not None:
            click.echo(str(comparison))
            if comparison.caution:
                click.echo(f"note: {comparison.caution}", err=True)
    settings.write_json(content)
