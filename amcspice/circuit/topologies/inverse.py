"""Linear systems in one step: A x = b.

Row i ends at the inverting input of amplifier i, whose output drives column i; b is injected
into the rows.  At rest no current flows into an input: G x + I = 0.  With U = diag(1/S_i), S_i
the total conductance of row i, dx/dt = -w_u U (G x + I): stable where every eigenvalue of U G has
a positive real part.  The inputs are injected with the opposite sign, so that outputs are
+A^-1 b.

A signed matrix A = A+ - A- takes either both inputs of every amplifier and conductance
compensation (n amplifiers), or the columns once more, driven by inverters (2 n amplifiers).

The diagonal may stand in fixed resistors from outputs to inverting lines, which cells then need
not hold: (G + g_d) x + I = 0, with s_G (A - c I) in G and g_d = s_G c.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, ClassVar

import numpy as np
import scipy
from pydantic import Field

from amcspice.circuit.base import Amplifiers, Array, Circuit, Schematic
from amcspice.circuit.crossbar import Crossbar
from amcspice.circuit.network import GROUND, Network, Nodes
from amcspice.circuit.parts.cell_voltage import across, passive_lines
from amcspice.circuit.parts.differential import DifferentialLines, line_totals, parts
from amcspice.circuit.parts.effective import DrivenColumns, InvertedColumns
from amcspice.circuit.parts.fixed_diagonal import (
    Diagonal,
    FixedDiagonal,
    ResistorMismatch,
    matched_resistors,
)
from amcspice.circuit.parts.predistortion import Arrays, predistorted
from amcspice.device import LargestEntry, Mapping, map_matrix
from amcspice.errors import InputError
from amcspice.schema import Quantity

__all__ = ["INV", "CompensatedINV", "InverterINV"]

SINGULAR = 1e12
"""Condition number from which on a matrix counts as singular."""

DOUBTFUL = 10.0
"""What LAPACK's estimate of a condition number may be too small by; seldom more than 3."""


def is_singular(matrix: Array) -> bool:
    """Return whether the condition number of a square matrix is above `SINGULAR`.

    The number in the 1-norm, which an LU decomposition tells, is at most n times smaller; only
    where that leaves it open are singular values worked out.
    """
    factor, _, fault = scipy.linalg.lapack.dgetrf(matrix)
    if not fault:
        size = float(np.abs(matrix).sum(axis=0).max())
        reciprocal, _ = scipy.linalg.lapack.dgecon(factor, size)
        if reciprocal * SINGULAR > DOUBTFUL * len(matrix):
            return False
    return bool(np.linalg.cond(matrix) > SINGULAR)


@dataclass(frozen=True, eq=False)
class INV(Circuit):
    """Linear system of a non-negative matrix; see `Circuit` for the other parameters.

    Examples
    --------
    >>> import amcspice as amc
    >>> circuit = amc.INV([[2.0, 1.0], [1.0, 3.0]], opamp=amc.OpAmp(gain=1e5))
    >>> run = amc.simulate(circuit, [3.0, 5.0], fidelity="dc")
    >>> run.x.round(3), f"{run.relative_error:.0e}"
    (array([0.8, 1.4]), '1e-05')
    """

    name: ClassVar[str] = "inv"
    problems: ClassVar[tuple[str, ...]] = ("inv",)
    predistorts: ClassVar[bool] = True
    square: ClassVar[bool] = True

    input_conductance: Annotated[
        float,
        Field(
            ge=0,
            description="Conductance of each input source to ground, as a multiple of g_max; 0 is "
            "a current source.",
        ),
        Quantity("", (1e-6, 1e4)),
    ] = field(default=0.0, kw_only=True)
    largest_entry: LargestEntry = field(default=0.0, kw_only=True)
    diagonal: Diagonal = field(default="programmed", kw_only=True)
    diagonal_mismatch: ResistorMismatch = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        """Validate."""
        super().__post_init__()
        if is_singular(self.matrix):
            raise InputError("matrix: it is singular; there is no solution to settle to")
        if self._fixed is None and self.diagonal_mismatch:
            raise InputError(
                "diagonal_mismatch is of the resistors that diagonal = 'fixed' has: give both"
            )

    @cached_property
    def _fixed(self) -> FixedDiagonal | None:
        """The matrix as resistors and cells; None where cells hold all of it."""
        if self.diagonal != "fixed":
            return None
        return FixedDiagonal.of(self.matrix, signed=self.signed)

    @cached_property
    def mapping(self) -> Mapping:
        """How the matrix stands in the array."""
        fixed, largest = self._fixed, self.largest_entry
        values = self.matrix if fixed is None else fixed.remainder
        if fixed is not None:
            largest = max(largest, fixed.largest)
        mapping = map_matrix(values, self.device.g_max, largest=largest)
        return predistorted(mapping, self._array(mapping))[0]

    def _array(self, mapping: Mapping) -> Arrays:
        """Return what holds the matrix, behind its wires, and resistors beside it."""
        return DrivenColumns(
            self.wire,
            self.device,
            extra=self._source,
            compensation=self._compensate,
            inverse=True,
            diagonal=self._diagonal_on(mapping),
        )

    def _diagonal_on(self, mapping: Mapping) -> float:
        return 0.0 if self._fixed is None else self._fixed.value * mapping.scale

    @property
    def drawn(self) -> bool:
        """Whether anything of it is drawn at random."""
        return super().drawn or bool(self.diagonal_mismatch)

    @property
    def objective(self) -> str:
        """What it finds."""
        return "x with A x = b"

    @property
    def beside_cells(self) -> str:
        """The fixed diagonal."""
        if self._fixed is None:
            return ""
        count, ohm, c = len(self.matrix), 1 / self.fixed_conductance, self._fixed.value
        return f"{count} of {ohm:g} ohm hold c I, c = {c:g}; cells hold what remains of A"

    def _largest_swing(self, vectors: Array, scaled: Array) -> float:
        """Include the rows: where they rest, and what injected currents alone raise them to."""
        rows = float((np.abs(vectors) * self.mapping.scale / self._row_totals).max())
        return max(across(scaled, self._plus_lines(scaled)), rows)

    @cached_property
    def _row_totals(self) -> Array:
        """What cells and resistors load each row by, shape (m,) [S]."""
        totals: Array = np.abs(self.mapping.target).sum(axis=1) + self.fixed_conductance
        return totals

    def _plus_lines(self, scaled: Array) -> Array | None:
        """Return where the lines of a row rest, shape (K, m); None: at ground."""
        return None

    def _wire_up(self) -> Schematic:
        network = Network()
        x = network.nodes("x", len(self.matrix))
        lines = self._lines(network, x)
        return self._schematic(network, x, lines, lines.cells, x, lines.count)

    def _lines(self, network: Network, x: Nodes, target: Array | None = None) -> DifferentialLines:
        matched = self.fixed_conductance if self._compensate else 0.0
        lines = DifferentialLines.of(
            network,
            ("s", "p"),
            self.mapping.target if target is None else target,
            self.device,
            cycle=self.cycle,
            arrays=(0, 1, 2),
            extra=self._source + self.fixed_conductance - matched,
            matched=matched,
            compensation=self._compensate,
        )
        network.connect(lines.minus, x, self._resistors(0))
        if matched:  # so that compensation has only the totals of cells to make equal
            network.connect(lines.plus, GROUND, self._resistors(1))
        return lines

    @property
    def fixed_conductance(self) -> float:
        """Conductance of the resistors from outputs to their rows, c s_G [S]; zero: none."""
        return self._diagonal_on(self.mapping)

    def _resistors(self, line: int) -> Array:
        return matched_resistors(
            self.fixed_conductance, len(self.matrix), self.diagonal_mismatch, self.device.seed, line
        )

    @property
    def _source(self) -> float:
        return self.input_conductance * self.device.g_max

    @property
    def _compensate(self) -> bool:
        return False

    def _schematic(
        self,
        network: Network,
        x: Nodes,
        lines: DifferentialLines,
        cells: Array,
        columns: Nodes,
        count: int,
        more: tuple[Amplifiers, ...] = (),
    ) -> Schematic:
        wire = self.wire
        crossbar = Crossbar.of(
            wire,
            cells,
            lines.lines,
            columns,
            row_lead=wire.termination,
            column_leads=wire.driver,
            row_ground=lines.grounded,
        )
        return Schematic(
            peripheral=network,
            crossbars=(crossbar,),
            amplifiers=(Amplifiers("x", plus=lines.plus, minus=lines.minus, out=x), *more),
            inputs=lines.minus,
            input_gain=np.full(len(x), -self.mapping.scale),
            outputs=x,
            cells=count,
            source_conductance=np.full(len(x), self._source),
        )


@dataclass(frozen=True, eq=False)
class CompensatedINV(INV):
    """Linear system of a signed matrix with n amplifiers; see `INV` for the other parameters.

    Examples
    --------
    >>> import amcspice as amc
    >>> circuit = amc.CompensatedINV([[2.0, -1.0], [-1.0, 3.0]])
    >>> amc.simulate(circuit, [1.0, 2.0], fidelity="dc").x.round(3)
    array([1., 1.])
    """

    name: ClassVar[str] = "inv-compensated"
    signed: ClassVar[bool] = True

    compensation: Annotated[
        bool,
        Field(
            description="Equalise the totals of both lines of a row; without it the answer is "
            "wrong."
        ),
    ] = field(default=True, kw_only=True)

    @property
    def _compensate(self) -> bool:
        return self.compensation

    def _plus_lines(self, scaled: Array) -> Array | None:
        """Return where both lines of a row rest, shape (K, m)."""
        return passive_lines(scaled, *self._plus_cells)

    @cached_property
    def _plus_cells(self) -> tuple[Array, Array]:
        """Cells at the other lines of the rows, shape (m, n), and their totals, shape (m,) [S]."""
        positive, negative = parts(self.mapping.target)
        totals = line_totals(positive, negative, self._source, compensation=self.compensation)
        matched = self.fixed_conductance if self.compensation else 0.0
        return negative, totals + matched


@dataclass(frozen=True, eq=False)
class InverterINV(INV):
    """Linear system of a signed matrix with 2 n amplifiers; see `INV` for the parameters.

    An inverter for every output drives the columns of the negative part.

    Examples
    --------
    >>> import amcspice as amc
    >>> circuit = amc.InverterINV([[2.0, -1.0], [-1.0, 3.0]])
    >>> circuit.amplifier_count, amc.simulate(circuit, [1.0, 2.0], fidelity="dc").x.round(3)
    (4, array([1., 1.]))
    """

    name: ClassVar[str] = "inv-inverters"
    signed: ClassVar[bool] = True

    def _array(self, mapping: Mapping) -> Arrays:
        return InvertedColumns(
            self.wire,
            self.device,
            extra=self._source,
            inverse=True,
            diagonal=self._diagonal_on(mapping),
        )

    def _wire_up(self) -> Schematic:
        network, device = Network(), self.device
        n = len(self.matrix)
        x = network.nodes("x", n)
        positive, negative = parts(self.mapping.target)
        lines = self._lines(network, x, positive)
        if not negative.any():
            return self._schematic(network, x, lines, lines.cells, x, lines.count)
        opposite, middle = network.nodes("n", n), network.nodes("m", n)
        network.connect(middle, x, device.g_max)
        network.connect(middle, opposite, device.g_max)
        inverters = Amplifiers("n", plus=np.full(n, GROUND), minus=middle, out=opposite)
        return self._schematic(
            network,
            x,
            lines,
            np.hstack([lines.cells, device.program(negative, 1, self.cycle)]),
            np.concatenate([x, opposite]),
            2 * positive.size,
            (inverters,),
        )
