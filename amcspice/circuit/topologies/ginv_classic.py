"""Generalised inverse with two arrays and m + n amplifiers.

Array 1: rows end at transimpedance amplifiers, columns are driven by the solution x; it gives
the residual r = -(G x - I) / g_f.  Array 2: rows are driven by r, columns end at the
non-inverting inputs of the amplifiers that drive x.  At rest G' r = 0: x is the least-squares
solution, and with outputs that stop at 0 V the non-negative one, because the column of a
saturated amplifier loads nothing.

Ridge appends n rows that hold sqrt(ridge) times the identity.  A signed matrix takes both inputs
of every amplifier and conductance compensation, see `amcspice.circuit.parts.differential`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np

from amcspice.circuit.base import Amplifiers, Array, Schematic
from amcspice.circuit.crossbar import Crossbar
from amcspice.circuit.network import GROUND, Network, Nodes
from amcspice.circuit.parts.array_pair import compensating_cells
from amcspice.circuit.parts.cell_voltage import across, passive_lines
from amcspice.circuit.parts.constraint import NonNegative
from amcspice.circuit.parts.differential import (
    Compensation,
    DifferentialLines,
    column_compensation,
    line_totals,
    parts,
)
from amcspice.circuit.parts.effective import DrivenColumns, SensedColumns
from amcspice.circuit.parts.feedback import Feedback
from amcspice.circuit.parts.predistortion import predistorted
from amcspice.circuit.topologies.least_squares import LeastSquares
from amcspice.device import Mapping, map_matrix
from amcspice.errors import UnsupportedError

__all__ = ["ClassicGINV"]


@dataclass(frozen=True, eq=False)
class ClassicGINV(LeastSquares):
    """Classic two-array generalised-inverse circuit; see `LeastSquares` for the others.

    Examples
    --------
    >>> import amcspice as amc
    >>> A, b = [[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], [1.0, 1.5, 0.5]
    >>> circuit = amc.ClassicGINV(A, constraint=amc.NonNegative())
    >>> amc.simulate(circuit, b, fidelity="dc").x.round(3)
    array([1. , 0.5])
    """

    name: ClassVar[str] = "ginv-classic"
    predistorts: ClassVar[bool] = True

    signed: ClassVar[bool] = True

    feedback: Feedback = field(default=1.0, kw_only=True)
    compensation: Compensation = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        """Validate."""
        super().__post_init__()
        if isinstance(self.constraint, NonNegative) and self.constraint.hold:
            raise UnsupportedError(
                "ginv-classic does not take hold: a saturated amplifier loads no row there, so "
                "there is nothing to hold; leave it out"
            )

    @cached_property
    def mapping(self) -> Mapping:
        """How the matrix stands in the first array, ridge rows not included."""
        first = self._first
        return dataclasses.replace(first, target=first.target[: len(self.matrix)])

    @cached_property
    def _plain(self) -> Mapping:
        """How the matrix stands in the arrays without wires, ridge rows included."""
        ridge = self._ridge_entries()
        mapping = map_matrix(
            self.selected, self.device.g_max, self.scaling, largest=float(ridge.max())
        )
        if not self.ridge:
            return mapping
        target = np.vstack([mapping.target, np.diag(ridge * mapping.scale)])
        return dataclasses.replace(mapping, target=target)

    @cached_property
    def _first(self) -> Mapping:
        extra = self.feedback * self.device.g_max
        arrays = DrivenColumns(
            self.wire,
            self.device,
            extra=extra,
            compensation=self.compensation,
            switch=self._switch,
        )
        return predistorted(self._plain, arrays)[0]

    @cached_property
    def _second(self) -> Mapping:
        arrays = SensedColumns(
            self.wire, self.device, compensation=self.compensation, switch=self._switch
        )
        return predistorted(self._plain, arrays)[0]

    @property
    def _mappings(self) -> tuple[Mapping, ...]:
        return self._first, self._second

    @property
    def _switch(self) -> float:
        """Resistance in series with the lines of the arrays, beside what drives them [ohm]."""
        return 0.0

    def _ridge_entries(self) -> Array:
        unscaled = map_matrix(self.selected, 1.0, self.scaling)
        entries: Array = np.sqrt(self.ridge) * unscaled.column_scale
        return entries

    def _wire_up(self) -> Schematic:
        return self.wired("x", "r")

    def wired(self, columns_from: str, rows_to: str) -> Schematic:
        """Return the circuit, with names for what drives the columns and for what rows give."""
        target = self._first.target
        m, n = self.matrix.shape
        rows = np.append(self.rows, np.ones(len(target) - m, bool))
        network, feedback = Network(), self.feedback * self.device.g_max
        x, sense = network.nodes(columns_from, n), network.nodes("c", n)
        lines = DifferentialLines.of(
            network,
            ("s", "p"),
            target,
            self.device,
            cycle=self.cycle,
            arrays=(0, 3, 5),
            extra=feedback,
            compensation=self.compensation,
        )
        residual = network.nodes(rows_to, len(target))
        second, opposite, used = self._second_array(network, sense)
        wire, on = self.wire, rows[:, None]
        signed = len(lines.lines) > len(target)
        columns = np.concatenate([sense, opposite]) if signed else sense
        crossbars = (
            Crossbar.of(
                wire,
                lines.cells * (np.tile(on, (2, 1)) if signed else on),
                lines.lines,
                x,
                row_lead=wire.termination,
                column_leads=wire.driver,
                row_ground=lines.grounded,
                name="a1",
            ),
            Crossbar.of(
                wire,
                second * on,
                residual,
                columns,
                row_lead=wire.driver,
                column_leads=wire.termination,
                name="a2",
            ),
        )
        network.connect(lines.minus, residual, feedback)
        return Schematic(
            peripheral=network,
            crossbars=crossbars,
            amplifiers=(
                Amplifiers(rows_to, plus=lines.plus, minus=lines.minus, out=residual),
                Amplifiers(
                    columns_from,
                    plus=sense,
                    minus=opposite,
                    out=x,
                    floor_at_ground=self.floor_at_ground,
                ),
            ),
            inputs=lines.minus[:m],
            input_gain=-self.mapping.scale * self.rows,
            outputs=x,
            bias=sense if self.lasso else sense[:0],
            bias_gain=self._bias_gain() if self.lasso else np.empty(0),
            cells=lines.count + used,
        )

    def _second_array(self, network: Network, sense: Nodes) -> tuple[Array, Nodes, int]:
        """Return the cells, the nodes of the inverting inputs, and the number of cells.

        Of a signed matrix the positive part ends at the non-inverting inputs and the negative
        part at the inverting ones; grounded cells make both columns of a pair carry the same.
        """
        device, target = self.device, self._second.target
        n = target.shape[1]
        positive, negative = parts(target)
        above = device.program(positive, 1, self.cycle)
        if not negative.any():
            return above, np.full(n, GROUND), target.size
        opposite = network.nodes("d", n)
        wished = [device.quantise(part) for part in (positive, negative)]
        used = 2 * target.size
        if self.compensation:
            wanted = column_compensation(*wished)
            grounded, stacked = compensating_cells(device, wanted, self.cycle, 6)
            network.connect(np.concatenate([sense, opposite]), GROUND, grounded, cells=True)
            used += 2 * n * stacked
        else:
            for nodes, cells in zip((sense, opposite), wished, strict=True):
                # A line without any cell is grounded, so that it does not float.
                empty = cells.sum(axis=0) == 0
                network.connect(nodes, GROUND, np.where(empty, device.g_max, 0.0))
        return np.hstack([above, device.program(negative, 4, self.cycle)]), opposite, used

    def _largest_swing(self, vectors: Array, scaled: Array) -> float:
        """Include the residual amplifiers, at the start and at rest, and the L1 currents."""
        feedback, scale = self.feedback * self.device.g_max, self.mapping.scale
        target, right = self._first.target, vectors * self.rows
        column_total = self.device.quantise(np.abs(target)).sum(axis=0)
        hanging = np.where(column_total > 0, column_total, np.inf)
        bias = float(np.abs(self._bias_gain() / hanging).max())
        if self.ridge:
            right = np.hstack([right, np.zeros((len(right), target.shape[1]))])
        positive, negative = parts(target)
        start = -right * scale / feedback
        rest = scaled @ target.T / feedback + start
        totals = line_totals(positive, negative, feedback, compensation=self.compensation)
        first = passive_lines(scaled, negative, totals)
        second = self.sensed_columns(rest, -self._bias_gain())
        return max(across(scaled, first), across(rest, second), across(start), bias)

    def sensed_columns(self, rows: Array, into: Array) -> Array:
        """Return where the columns of the second array rest, shape (K, n), or (K, 2 n) in pairs.

        That is at ground, or equal in a pair, but where an amplifier stands at its end.

        Parameters
        ----------
        rows : ndarray, shape (K, m)
            Voltages of its rows.
        into : ndarray, shape (n,) or (K, n)
            Currents into the columns.
        """
        positive, negative = parts(self._first.target)
        above, below = positive.sum(axis=0), negative.sum(axis=0)
        if self.compensation and negative.any():
            above = below = np.maximum(above, below)
        return np.hstack([
            passive_lines(rows, positive.T, above, into), passive_lines(rows, negative.T, below),
        ])  # fmt: skip

    def _bias_gain(self) -> Array:
        """Return the current per volt out of each column wire that adds lasso to the gradient.

        With s the scales of both arrays, G' r = -s1 s2 A'(A x - b) / g_f; adding lasso to the
        gradient takes s1 s2 lasso / g_f out of the wire.
        """
        feedback = self.feedback * self.device.g_max
        gradient = self._first.scale * self._second.scale / feedback
        return -self.lasso * self.mapping.column_scale * gradient
