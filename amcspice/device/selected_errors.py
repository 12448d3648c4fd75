"""`SelectedErrors`: cells with some of their errors, whatever model they are of.

A cell model says what can be programmed (`Cell.quantise`), what is written and what is read.  The
differences between these are the errors of a cell, so that each of them can be left out of any
model: what remains draws as it does in the cells themselves.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import InstanceOf

from amcspice.device.cell_model import Cell
from amcspice.device.curve import Curve
from amcspice.schema import parameters

__all__ = ["CELL_ERRORS", "COMPENSATION", "SelectedErrors"]

Array = NDArray[np.float64]

QUANTISATION, WRITING, READING = "quantisation", "write_noise", "drift"
CELL_ERRORS = (QUANTISATION, WRITING, READING)
"""Errors of the cells of arrays, in the order in which they come about."""

COMPENSATION = "compensation"
"""All errors of the cells that make the totals of lines equal."""


@parameters
class SelectedErrors(Cell):
    """Cells that have some of the errors of others; make them with `SelectedErrors.of`.

    Parameters
    ----------
    cells : Cell
        As they are.
    kept : frozenset of str
        Names of `CELL_ERRORS`, and ``compensation``.
    """

    cells: InstanceOf[Cell]
    kept: frozenset[str]

    @classmethod
    def of(cls, cells: Cell, kept: frozenset[str]) -> Cell:
        """Return cells with the errors that are kept; with all of them the cells themselves."""
        own = kept & {*CELL_ERRORS, COMPENSATION}
        if len(own) == len(CELL_ERRORS) + 1:
            return cells
        return cls(
            cells=cells, kept=own, g_max=cells.g_max, temperature=cells.temperature,
            seed=cells.seed,
        )  # fmt: skip

    @property
    def _drawn(self) -> Cell:
        """The cells, with the seed of these."""
        if self.cells.seed == self.seed:
            return self.cells
        return dataclasses.replace(self.cells, seed=self.seed)

    def quantise(self, target: Array) -> Array:
        """Return the programmable conductances nearest to ``target``; see `Cell.quantise`."""
        return self.cells.quantise(target) if QUANTISATION in self.kept else target

    def write(self, target: Array, array: int = 0, cycle: int = 0) -> Array:
        """Return the conductances right after programming [S]; see `Cell.write`."""
        wanted = self.quantise(target)
        if WRITING not in self.kept:
            return wanted
        error = self._drawn.write(target, array, cycle) - self.cells.quantise(target)
        return np.maximum(wanted + error, 0.0)

    def read(self, written: Array, array: int = 0, cycle: int = 0) -> Array:
        """Return what conductances have become [S]; see `Cell.read`."""
        if READING not in self.kept:
            return written
        return self._drawn.read(written, array, cycle)

    @property
    def compensating(self) -> Cell:
        """The cells with all errors, or with none."""
        if COMPENSATION in self.kept:
            return self._drawn
        return dataclasses.replace(self, kept=frozenset())

    @property
    def drawn(self) -> bool:
        """Whether anything depends on the seed."""
        return bool(self.kept - {QUANTISATION}) and self.cells.drawn

    @property
    def curve(self) -> Curve | None:
        """Current over voltage; None is a straight line."""
        return self.cells.curve

    @property
    def fluctuates(self) -> bool:
        """Whether conductances change during a simulation."""
        return self.cells.fluctuates

    @property
    def cautions(self) -> tuple[str, ...]:
        """What figures of these cells stand on."""
        return self.cells.cautions

    @property
    def of_single_cells(self) -> str:
        """Name of a parameter that says something of single cells; empty if none does."""
        return self.cells.of_single_cells

    def write_spread(self, aimed: Array) -> Any:
        """Return the standard deviation that writing leaves; see `Cell.write_spread`."""
        if WRITING in self.kept:
            return self.cells.write_spread(aimed)
        return super().write_spread(aimed)

    def moments(self, target: Array) -> tuple[Array, Array]:
        """Return those of the cells with all errors: what is chosen by them stays as it is."""
        return self.cells.moments(target)

    def aged(self, age: float, temperature: float | None) -> Self:
        """Return the same cells at a later time; see `Cell.aged`."""
        return dataclasses.replace(self, cells=self.cells.aged(age, temperature))

    def typical(self) -> Any:
        """Return the cells with all errors: what is designed for them stays as it is."""
        return self.cells.typical()
