"""``amcspice train gain``: what inverses on a chip may gain, over width and batch of a layer."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from amcspice.cli.nmf_options import technology_option
from amcspice.cli.output import check_target, write_json
from amcspice.errors import InputError

__all__ = ["gain"]

PLOTS = (".png", ".pdf", ".svg")

MEASURED = (16, 64, 256, 512)
"""Widths that a core inverts in a measurement, half a second in all."""


@click.command(epilog="Example: amcspice train gain --every 3 --plot gain.png")
@click.option(
    "--widths", default="64,128,256,512,1024,2048,4096", show_default=True, metavar="N[,N...]",
    help="Inputs and outputs of a layer.",
)  # fmt: skip
@click.option(
    "--batches", default="64,256,1024,4096", show_default=True, metavar="N[,N...]",
    help="Examples times positions of a step.",
)  # fmt: skip
@click.option(
    "--every", default=1, show_default=True, type=click.IntRange(min=1), metavar="N",
    help="Steps between two inversions.",
)  # fmt: skip
@click.option(
    "--applies/--inverts-only", default=True, show_default=True,
    help="The chip preconditions gradients, or gives inverses that are applied digitally.",
)  # fmt: skip
@technology_option
@click.option(
    "--plot", type=click.Path(path_type=Path), metavar="FILE",
    help="Draw maps over width and batch: .png, .pdf or .svg.",
)  # fmt: skip
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), metavar="FILE",
    help="Write the figures as JSON; - is standard output.",
)  # fmt: skip
def gain(
    widths: str, batches: str, every: int, applies: bool, technology: str, plot: Path | None,
    json_file: Path | None,
) -> None:  # fmt: skip
    """Say how much faster a second-order step may get with inverses on a chip.

    One core of this machine is measured in single precision; the chip's writing and solutions
    are those of the technology.  The limit is that of a chip that takes no time at all (Amdahl).
    """
    from amcspice.algorithm.curvature import Core, Gains
    from amcspice.system import Technology

    chosen = Technology.load(technology)
    if plot is not None:
        if plot.suffix.lower() not in PLOTS:
            raise InputError(f"{plot}: unknown type {plot.suffix!r}; use {', '.join(PLOTS)}")
        check_target(plot)
    if json_file is not None:
        check_target(json_file)
    asked = _numbers("--widths", widths), _numbers("--batches", batches)
    if plot is not None and min(map(len, asked)) < 2:
        raise InputError("--plot: a map needs two widths and two batches at least")
    made = Gains.of(Core.measure(MEASURED), chosen, *asked, every=every, applies=applies)
    table = Table(
        title="speed of a step over that of one core: writing counted (ignored; limit)",
        title_justify="left",
    )
    for column in ("width", *(f"{count:,}" for count in made.batches)):
        table.add_column(column, justify="right")
    for at, width in enumerate(made.widths):
        cells = (
            f"{made.counted[row, at]:.2f} ({made.ignored[row, at]:.2f}; {made.limit[row, at]:.2f})"
            for row in range(len(made.batches))
        )
        table.add_row(f"{width:,}", *cells)
    console = Console(stderr=str(json_file) == "-", markup=False)
    console.print(table)
    found = "at no width" if made.break_even is None else f"from {made.break_even:,} rows on"
    if made.break_even == min(MEASURED):
        found += ", or fewer"
    console.print(
        f"an inverse takes less time on the chip {found}, writing counted", soft_wrap=True
    )
    if plot is not None:
        from amcspice.view import save
        from amcspice.view.second_order import gain_maps

        maps = {"limit": made.limit, "writing ignored": made.ignored}
        maps[f"{made.technology}, writing counted"] = made.counted
        save(gain_maps(made.widths, made.batches, maps), plot)
    if json_file is not None:
        write_json(json_file, {"problem": "train gain", **made.to_json()})


def _numbers(name: str, text: str) -> list[int]:
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"{name} {text}: must be whole numbers, apart by commas") from None
    if numbers[0] < 1 or any(second <= first for first, second in pairwise(numbers)):
        raise InputError(f"{name} {text}: must be numbers from 1, ascending")
    return numbers
