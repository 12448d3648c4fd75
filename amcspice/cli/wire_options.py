"""Options of the lines of an array and of the switches between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from amcspice.cli.number import ABOVE_ZERO, Number

__all__ = ["WIRE_OPTIONS"]

C = TypeVar("C", bound=Callable[..., Any])

_RESISTANCE = Number(reason="leave the option out for ideal wires")
_CAPACITANCE = Number(reason="leave the option out for lines without capacitance")

WIRE_OPTIONS: tuple[Callable[[C], C], ...] = (
    click.option(
        "--wire-resistance", type=_RESISTANCE, metavar="OHM",
        help="Of one segment of every line; default: ideal wires.",
    ),
    click.option("--row-resistance", type=_RESISTANCE, metavar="OHM", help="Word lines only."),
    click.option("--column-resistance", type=_RESISTANCE, metavar="OHM", help="Bit lines only."),
    click.option(
        "--wire-capacitance", type=_CAPACITANCE, metavar="F",
        help="Of every line to ground, at each crossing; default: none.",
    ),
    click.option("--row-capacitance", type=_CAPACITANCE, metavar="F", help="Word lines only."),
    click.option("--column-capacitance", type=_CAPACITANCE, metavar="F", help="Bit lines only."),
    click.option(
        "--sections", type=click.IntRange(min=1), metavar="K",
        help="Line capacitance is distributed: at every crossing in flat decks, in K sections a "
        "line in reduced ones [default: lumped at the end of the line].",
    ),
    click.option(
        "--switch-on", type=ABOVE_ZERO, metavar="OHM",
        help="Of a closed switch of a macro circuit [default: 100].",
    ),
    click.option(
        "--switch-off", type=ABOVE_ZERO, metavar="OHM",
        help="Of an open switch of a macro circuit [default: 1e9].",
    ),
)  # fmt: skip
