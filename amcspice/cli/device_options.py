"""The options of memristors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from amcspice.cli.number import ABOVE_ZERO, FROM_ZERO, Number

__all__ = ["DEVICE_OPTIONS"]

_ANY = Number(float("-inf"))

DEVICE_OPTIONS: tuple[Any, ...] = (
    click.option(
        "--device", default="ideal", show_default=True, metavar="NAME",
        help="Memristor preset: ideal, or hfo2-16 (generic assumption: 16 levels, 2 % noise).",
    ),
    click.option("--g-max", type=ABOVE_ZERO, metavar="S", help="Largest conductance."),
    click.option("--g-min", type=FROM_ZERO, metavar="S", help="Smallest conductance."),
    click.option(
        "--selector/--no-selector", default=None,
        help="Whether a cell that holds zero is switched off, or stays at g-min.",
    ),
    click.option("--levels", type=click.IntRange(min=2), help="Programmable levels."),
    click.option(
        "--write-noise", type=FROM_ZERO, metavar="FRACTION",
        help="Standard deviation of a programmed conductance, as a fraction of g-max.",
    ),
    click.option(
        "--noise-relative-to", type=click.Choice(["g_max", "g"]),
        help="What write noise is a fraction of.",
    ),
    click.option(
        "--write-errors", type=click.Path(path_type=Path), metavar="FILE",
        help="Draw write errors from those that 'amcspice program --errors' found.",
    ),
    click.option(
        "--programmed", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
        help="Conductances [S] that the cells really hold, .npy; once for each array, in order.",
    ),
    click.option(
        "--device-variation", type=FROM_ZERO, metavar="FRACTION",
        help="Deviation of a factor that belongs to the cell.",
    ),
    click.option(
        "--cycle-variation", type=FROM_ZERO, metavar="FRACTION",
        help="Deviation of a factor that every programming cycle draws anew.",
    ),
    click.option(
        "--stuck-on", metavar="FRACTION|FILE",
        help="Cells stuck at g-max: a fraction, or .npy of booleans (arrays, rows, columns).",
    ),
    click.option(
        "--stuck-off", metavar="FRACTION|FILE", help="Cells stuck off: the same.",
    ),
    click.option(
        "--drift-exponent", type=FROM_ZERO, metavar="NU", help="g(t) = g (t/t0)^-NU.",
    ),
    click.option(
        "--drift-spread", type=FROM_ZERO, metavar="NU", help="Deviation of NU from cell to cell.",
    ),
    click.option(
        "--drift-time", type=Number(1.0, included=True), metavar="T",
        help="Time since programming in units of t0; 1 is no drift.",
    ),
    click.option("--temperature", type=ABOVE_ZERO, metavar="K", help="Default: 300."),
    click.option(
        "--temperature-coefficient", type=_ANY, metavar="1/K",
        help="Relative change of conductance per kelvin, from 300 K on.",
    ),
    click.option(
        "--read-noise", type=FROM_ZERO, metavar="FRACTION",
        help="Deviation of a conductance when it is read, as a fraction of itself.",
    ),
    click.option(
        "--noise-bandwidth", type=ABOVE_ZERO, metavar="HZ",
        help="Noise fluctuates in time up to this frequency (read noise: flat fidelity only); "
        "without it read noise is frozen.",
    ),
    click.option(
        "--thermal-noise", is_flag=True, default=None,
        help="Johnson noise of cells and wires; needs --noise-bandwidth.",
    ),
    click.option(
        "--sinh-voltage", type=ABOVE_ZERO, metavar="V",
        help="V0 of the curve i = g V0 sinh(v / V0): flat fidelity only.",
    ),
)  # fmt: skip
