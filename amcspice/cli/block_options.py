"""Linear systems in blocks and their refinement, as ``solve inv`` and ``forecast`` take them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from amcspice.algorithm.block_solver import BlockSolver, ProgrammedBlocks
from amcspice.algorithm.iterations.product_solver import ProductSolver
from amcspice.cli.common import Settings
from amcspice.cli.parameter_options import decorate, given, parameter_options
from amcspice.errors import InputError, UnsupportedError
from amcspice.schema import field_parameters
from amcspice.settings.table import PARAMETERS
from amcspice.system import Chip

__all__ = [
    "block_options",
    "blocks_given",
    "make_chip",
    "program",
    "solver_given",
    "solver_options",
]

NAMES = tuple(parameter.name for parameter in field_parameters(BlockSolver))
OF_PRODUCTS = tuple(parameter.name for parameter in field_parameters(ProductSolver))
OF_BOTH = tuple(dict.fromkeys((*NAMES, *OF_PRODUCTS)))

block_options = decorate(parameter_options(PARAMETERS[name] for name in NAMES))
"""Adds the options to a command, which receives them by their names."""


def solver_options() -> list[click.Option]:
    """Return these options with those of iterations on products."""
    return parameter_options(PARAMETERS[name] for name in OF_BOTH)


def blocks_given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was given of blocks and refinement."""
    return given(options, NAMES)


def solver_given(problem: str, chosen: Mapping[str, Any]) -> BlockSolver | ProductSolver:
    """Return the solver that parameters ask for.

    Parameters
    ----------
    problem : str
    chosen : mapping
        What was given of solvers, at least one.

    Raises
    ------
    InputError, UnsupportedError
        If parameters do not fit together, or to the problem.
    """
    iterates = chosen.get("iterate") is not None
    if not iterates and chosen.get("residual") is not None:
        raise InputError("--residual: of iterations on products; give --iterate, too")
    if problem != "inv":
        what = "iterations on products are" if iterates else "blocks and refinement are"
        raise UnsupportedError(f"{what} of problem inv, not of {problem}")
    names = OF_PRODUCTS if iterates else NAMES
    extra = [name for name in chosen if name not in names and chosen[name] is not None]
    if extra:
        raise InputError(
            f"--{extra[0].replace('_', '-')}: of blocks and refinement; leave it or --iterate out"
        )
    fields = {name: value for name, value in chosen.items() if name in names}
    return ProductSolver(**fields) if iterates else BlockSolver(**fields)


def make_chip(settings: Settings, watch: Callable[[str], None]) -> Chip:
    """Return the chip that the shared options describe, which chooses its circuits.

    Parameters
    ----------
    settings : Settings
    watch : callable
        Is told what begins.

    Raises
    ------
    UnsupportedError
        If a circuit was asked for.
    """
    if settings.circuit is not None:
        raise UnsupportedError(
            "--circuit: a chip takes the circuits that fit the signs of its blocks and products"
        )
    chip = settings.chip(jobs=settings.jobs)
    chip.watch = watch
    return chip


def program(
    solver: BlockSolver, matrix: Any, b: Any, settings: Settings, watch: Callable[[str], None]
) -> ProgrammedBlocks:
    """Program a matrix into a chip, as the shared options say; see `make_chip`."""
    return solver.program(make_chip(settings, watch), matrix, b, **settings.circuit_options)
