"""Regressions on selected rows as networks between lines: what a backend runs."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from amcspice.algorithm.alternating.records import FactorRecords
from amcspice.algorithm.alternating.selected_rows import SelectedRows
from amcspice.algorithm.alternating.selection import rows_of
from amcspice.engine import Analysis
from amcspice.engine.batch import Batch, Drive
from amcspice.measure import Measurement
from amcspice.reduction import reduce_to_ports

__all__ = ["Networks", "range_of"]

Doubles = NDArray[np.float64]


class Networks:
    """Regressions that are solved together, as circuits.

    Parameters
    ----------
    factor : FactorRecords
    reduced : SelectedRows
        Its conductances take up ridge and load.
    ridges : ndarray, shape (C,)
        In units of the matrix squared.
    """

    def __init__(self, factor: FactorRecords, reduced: SelectedRows, ridges: Doubles) -> None:
        self.factor, self.reduced = factor, reduced
        circuit, n = factor.circuit, factor.width
        mapping, arrays = circuit.mapping, circuit.arrays
        self.scale, self.column_scale = mapping.scale, mapping.column_scale
        link = ridges[:, None] * self.column_scale**2 * (self.scale**2 / arrays.largest)
        own, line = np.arange(n), np.arange(n, 2 * n)
        self.conductance = reduced.conductance
        self.conductance[:, own, own] += link
        self.conductance[:, own, line] -= link
        self.conductance[:, line, own] -= link
        self.conductance[:, line, line] += link
        self.conductance[:, line, line] += circuit.column_load * float(arrays.column_totals.max())

    @functools.cached_property
    def swing(self) -> Doubles:
        """Largest voltage across a cell, at one volt per unit, shape (C,); see `Circuit.swing`."""
        reduced = self.reduced
        scaled = np.ldexp(reduced.answers, -self.factor.exponent) / self.column_scale
        high, low = -self.scale * reduced.least, -self.scale * reduced.most  # of the rows
        crossing = np.maximum(scaled.max(axis=1) - low, high - scaled.min(axis=1))
        start = reduced.largest * self.scale / float(self.factor.circuit.arrays.largest)
        sizes = (np.abs(scaled).max(axis=1), np.abs(low), np.abs(high), crossing, start)
        return np.asarray(np.max(sizes, axis=0))

    def first_volts(self, analysis: Analysis) -> Doubles:
        """Return the first ranges that are tried, shape (C,)."""
        count, prediction = len(self.reduced.left), self.factor.programmed.prediction
        if analysis.range != "reference":
            return np.full(count, float(analysis.range))
        if prediction is not None:
            return prediction.volts_of(np.sqrt(self.reduced.size))
        return range_of(self.factor, analysis, self.swing)

    def batch(self, rows: NDArray[np.intp]) -> Batch:
        """Return some regressions as a batch of circuits."""
        one = reduce_to_ports(self.factor.circuit.schematic).at_ports()
        each = (self.factor.circuit,) * len(rows), (one,) * len(rows)
        return Batch(*each, self.conductance[rows])

    def drive(self, rows: NDArray[np.intp], volts: Doubles) -> Drive:
        """Return what the sources of some regressions give in given ranges."""
        amperes = -self.scale * volts
        into = (amperes[:, None] * self.reduced.into[rows])[:, None]
        local = (amperes**2 * self.reduced.square[rows])[:, None]
        return Drive(tuple(into), into, np.zeros_like(into), local)

    def rows_of(self, measured: Measurement, volts: Doubles) -> Doubles:
        """Return rows of the factor, shape (C, n)."""
        return rows_of(self.factor.circuit, measured.solution, volts[:, None])


def range_of(factor: FactorRecords, analysis: Analysis, swing: Doubles) -> Doubles:
    """Return ranges in which cells see the read voltage at most; see `Circuit.range_of`."""
    by_cells = min(analysis.read_voltage, factor.circuit.opamp.highest_output)
    return np.asarray(by_cells / np.where(swing > 0, swing, 1.0))
