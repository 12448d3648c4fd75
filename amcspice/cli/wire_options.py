"""Options of the lines of an array and of the switches between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from amcspice.circuit import Switches
from amcspice.cli.number import ABOVE_ZERO, Number
from amcspice.device import Wire
from amcspice.errors import InputError

__all__ = ["WIRE_OPTIONS", "make_switches", "make_wire"]

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


def make_wire(values: Mapping[str, Any]) -> Wire:
    """Return the wires that these options describe.

    Raises
    ------
    InputError
        If the options contradict each other.
    """
    made = {}
    for what, suffix in (("resistance", ""), ("capacitance", "_capacitance")):
        both, row, column = (values[f"{line}_{what}"] for line in ("wire", "row", "column"))
        if both is not None and (row is not None or column is not None):
            raise InputError(f"give either --wire-{what} or --row-{what} and --column-{what}")
        made[f"row{suffix}"] = row if both is None else both
        made[f"column{suffix}"] = column if both is None else both
    if values["sections"] is not None:
        if made["row_capacitance"] is None and made["column_capacitance"] is None:
            raise InputError("--sections needs a line capacitance, such as --wire-capacitance")
        made |= {"capacitance": "distributed", "sections": values["sections"]}
    return Wire(**made)


def make_switches(values: Mapping[str, Any]) -> dict[str, Switches]:
    """Return the parameter of a circuit that these options describe; none if none is given."""
    given = {
        name: values[f"switch_{name}"]
        for name in ("on", "off")
        if values[f"switch_{name}"] is not None
    }
    return {"switches": Switches(**given)} if given else {}
