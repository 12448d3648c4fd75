"""``amcspice forecast``: whether and how fast block inverse and refinement work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from amcspice.cli.block_options import Blocks, block_options
from amcspice.cli.common import Settings, shared_options
from amcspice.cli.output import check_target
from amcspice.cli.parameter_options import GroupedCommand
from amcspice.cli.solve_blocks import plain_comparison
from amcspice.workload.matrix_file import read_numbers

__all__ = ["forecast"]

BITS = 24.0


@click.command(
    cls=GroupedCommand,
    epilog="Example: amcspice forecast --matrix A.npy --stages 1 --refine 24 --levels 8",
)
@click.option(
    "--matrix", required=True, type=click.Path(path_type=Path), metavar="FILE", help="The matrix A."
)
@block_options
@shared_options
def forecast(matrix: Path, blocks: Blocks, settings: Settings) -> None:
    """Say how refinement of A x = b will go, without a transient.

    The spectral radius of I - A T, with T what the programmed inverse really applies, says whether
    plain refinement converges and how many bits an iteration gains; what the product really applies
    says which bits it cannot pass.
    """
    values: Any = read_numbers(matrix)
    blocks.check("inv") if blocks.refine is not None else None
    if settings.json is not None:
        check_target(settings.json)
    chip = blocks.chip(_at_rest(settings))
    inverse = blocks.inverse(chip, values, None, settings)
    made = blocks.forecast(inverse, blocks.product(chip, values))
    bits = blocks.refine or BITS
    needed = made.iterations(bits)
    comparison = inverse.compare() if len(inverse.arrays) > 1 else None
    content = {
        "spectral_radius": made.spectral_radius,
        "bits_per_iteration": made.bits_per_iteration,
        "converges": made.converges,
        "floor_bits": made.floor_bits if np.isfinite(made.floor_bits) else None,
        "iterations": needed,
        "bits": bits,
        **inverse.counts(),
        **plain_comparison(comparison),
    }
    if str(settings.json) != "-":
        speed = f"{made.bits_per_iteration:.2f} bits an iteration"
        click.echo(
            f"spectral radius {made.spectral_radius:.3g}: plain refinement "
            + (f"converges, {speed}" if made.converges else "diverges; gcr may reach it")
        )
        if np.isfinite(made.floor_bits):
            click.echo(f"floor of the product: {made.floor_bits:.1f} bits")
        reached = f"{needed} iterations" if needed else "not reached by plain refinement"
        click.echo(f"{bits:g} bits: {reached}; {content['phases']} phases each")
        if comparison is not None:
            click.echo(str(comparison))
            if comparison.caution:
                click.echo(f"note: {comparison.caution}", err=True)
    settings.write_json(content)


def _at_rest(settings: Settings) -> Settings:
    """Return the settings without time: a forecast takes none."""
    import dataclasses

    analysis = dataclasses.replace(settings.analysis, fidelity="dc", simulator=None)
    return dataclasses.replace(settings, analysis=analysis)
