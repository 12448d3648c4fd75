"""Options that the factorisation commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from amcspice.cli.result_folder import folder_options

__all__ = ["iteration_options", "names_option", "predicting", "technology_option"]

C = TypeVar("C", bound=Callable[..., Any])

names_option = click.option(
    "--names",
    multiple=True,
    type=click.Choice(["users", "items"]),
    help="Whose ids are names, even if the first is a whole number; may be given twice.",
)

technology_option = click.option(
    "--technology",
    default="typical",
    show_default=True,
    metavar="NAME",
    help="What costs are worked out in: best, typical, board-ad823, or a .toml file.",
)


def predicting(predict_range: bool) -> dict[str, Any]:
    """Return the options of a factorisation whose ranges are predicted, or none."""
    return {"range": "predicted"} if predict_range else {}


def iteration_options(iterations: int, tolerance: float) -> Callable[[C], C]:
    """Return a decorator that adds the options of iterations, results and costs.

    Parameters
    ----------
    iterations : int
        Default number of iterations.
    tolerance : float
        Default fall of the residual that ends a factorisation.
    """
    options = [
        click.option(
            "--iterations",
            default=iterations,
            show_default=True,
            type=click.IntRange(min=1),
            help="At most.",
        ),
        click.option(
            "--tolerance",
            default=tolerance,
            show_default=True,
            type=float,
            help="Done once the residual falls by less than this fraction an iteration.",
        ),
        technology_option,
        click.option(
            "--predict-range",
            is_flag=True,
            help="Predict ranges from the first 16 regressions of every half-step, as a chip can, "
            "instead of choosing them with the ideal answers.",
        ),
    ]

    def decorate(command: C) -> C:
        command = folder_options(command)
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
