"""The options of converters at the inputs and outputs of a circuit."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from amcspice.cli.common import Number
from amcspice.settings.options import CONVERTER_OPTIONS, make_converters

__all__ = ["converter_options"]

_ABOVE_ZERO = Number()
_OPTIONS = (
    click.option(
        "--dac-bits", type=click.IntRange(1, 32), metavar="N",
        help="Round the inputs, as N-bit converters do [default: exact].",
    ),
    click.option(
        "--dac-full-scale", type=_ABOVE_ZERO, metavar="A",
        help="Largest input current [A], for mvm voltage [V] [default: of the right-hand sides].",
    ),
    click.option(
        "--dac-offset", type=float, metavar="LSB", help="Added to every input, in steps."
    ),
    click.option(
        "--adc-bits", type=click.IntRange(1, 32), metavar="N",
        help="Round the outputs, as N-bit converters do [default: exact].",
    ),
    click.option(
        "--adc-full-scale", type=_ABOVE_ZERO, metavar="V",
        help="Largest output voltage [default: the positive output range].",
    ),
    click.option(
        "--adc-offset", type=float, metavar="LSB", help="Added before rounding, in steps."
    ),
    click.option(
        "--sample-time", type=_ABOVE_ZERO, metavar="SECONDS",
        help="Read the outputs this long after the input step [default: at rest].",
    ),
)  # fmt: skip


def converter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options; the command receives ``converters``, fields of `Analysis`."""

    @functools.wraps(command)
    def wrapped(*args: Any, **values: Any) -> Any:
        options = {name: values.pop(name) for name in CONVERTER_OPTIONS}
        return command(*args, converters=make_converters(options), **values)

    decorated: Callable[..., Any] = wrapped
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated
