"""Options of iterations on products."""

from __future__ import annotations

from typing import Any

import click

from amcspice.algorithm.iteration import ITERATIONS
from amcspice.cli.block_options import Blocks
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


def check_iteration(problem: str, iterate: str | None, residual: Any, blocks: Blocks) -> None:
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
    given = {name: value for name, value in vars(blocks).items() if name not in ALLOWED}
    extra = [name for name, value in given.items() if value not in (None, False)]
    if extra:
        raise InputError(
            f"--{extra[0].replace('_', '-')}: of blocks and refinement; leave it or --iterate out"
        )
