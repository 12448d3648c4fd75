"""Options of iterations on products."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from amcspice.algorithm.iteration import ITERATIONS
from amcspice.errors import InputError, UnsupportedError

__all__ = ["check_iteration", "iteration_options"]

ALLOWED = ("slices", "iterations")
"""Options of refinement that iterations on products take, too."""


def iteration_options() -> list[click.Option]:
    """Return the options; a command receives them as ``iterate`` and ``residual``."""
    return [
        click.Option(
            ["--iterate"],
            type=click.Choice(ITERATIONS),
            help="Solve with products of the programmed matrix alone (inv); --slices and "
            "--iterations count, too.",
        ),
        click.Option(
            ["--residual"],
            type=click.FloatRange(min=0, max=1, min_open=True, max_open=True),
            help="Of --iterate, relative, that is aimed at.  [default: 1e-06]",
        ),
    ]


def check_iteration(
    problem: str, iterate: str | None, residual: Any, blocks: Mapping[str, Any]
) -> None:
    """Refuse what does not fit together.

    Raises
    ------
    UnsupportedError, InputError
    """
    if iterate is None:
        if residual is not None:
            raise InputError("--residual: of iterations on products; give --iterate, too")
        return
    if problem != "inv":
        raise UnsupportedError(f"iterations on products are of problem inv, not of {problem}")
    extra = [name for name in blocks if name not in ALLOWED]
    if extra:
        raise InputError(
            f"--{extra[0].replace('_', '-')}: of blocks and refinement; leave it or --iterate out"
        )
