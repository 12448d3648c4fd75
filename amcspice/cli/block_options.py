"""Linear systems in blocks and their refinement, as ``solve inv`` and ``forecast`` take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amcspice.algorithm.block_solver import BlockSolver, ProgrammedBlocks
from amcspice.cli.common import Settings
from amcspice.cli.parameter_options import decorate, given, parameter_options
from amcspice.errors import UnsupportedError
from amcspice.schema import field_parameters
from amcspice.settings.table import PARAMETERS
from amcspice.system import Chip

__all__ = ["block_options", "blocks_given", "make_chip", "program"]

NAMES = tuple(parameter.name for parameter in field_parameters(BlockSolver))

block_options = decorate(parameter_options(PARAMETERS[name] for name in NAMES))
"""Adds the options to a command, which receives them by their names."""


def blocks_given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was given of blocks and refinement."""
    return given(options, NAMES)


def make_chip(settings: Settings) -> Chip:
    """Return the chip that the shared options describe, which chooses its circuits.

    Raises
    ------
    UnsupportedError
        If a circuit was asked for.
    """
    if settings.circuit is not None:
        raise UnsupportedError("--circuit: blocks take the inverse that fits their signs")
    return settings.chip(jobs=settings.jobs)


def program(solver: BlockSolver, matrix: Any, b: Any, settings: Settings) -> ProgrammedBlocks:
    """Program a matrix into a chip, as the shared options say; see `make_chip`."""
    return solver.program(make_chip(settings), matrix, b, **settings.circuit_options)
