"""Generalised inverse with two arrays and n amplifiers only.

Each word line is one passive node shared by both arrays.  Array 1 is driven by the solution x,
array 2 ends at the inverting inputs.  With virtual ground at those, a row settles at
v = (G x - I) / S with S the total conductance of the row, and G' S^-1 (G x - I) = 0: least
squares weighted by 1/S.  Conductance compensation adds one grounded conductance a row that
makes every S equal and the answer exact.

Ridge is a conductance from x_j to column wire j, ridge * scale^2 / S; L1 a constant current
into column wire j.

Rows may be split over blocks: separate pairs of arrays whose column wires are joined at the
amplifiers, so that the currents of all blocks add up at the inverting inputs.  Without bit-line
resistance that is the same network as one tall pair.

A signed matrix takes two word lines a row and both inputs of every amplifier, see
`amcspice.circuit.parts.signed_arrays`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from amcspice.circuit.base import Amplifiers, Array, Schematic
from amcspice.circuit.crossbar import Crossbar
from amcspice.circuit.network import GROUND, Network, Nodes
from amcspice.circuit.parts.array_pair import ArrayPair
from amcspice.circuit.parts.cell_voltage import across, sensed_lines
from amcspice.circuit.parts.compact import CompactArrays
from amcspice.circuit.parts.constraint import NonNegative
from amcspice.circuit.parts.differential import parts
from amcspice.circuit.parts.predistortion import predistorted
from amcspice.circuit.parts.signed_arrays import SignedArrays
from amcspice.circuit.topologies.least_squares import LeastSquares
from amcspice.device import Mapping, map_matrix
from amcspice.errors import InputError, UnsupportedError
from amcspice.schema import Quantity

__all__ = ["CompactGINV"]


@dataclass(frozen=True, eq=False)
class CompactGINV(LeastSquares):
    """Compact two-array generalised-inverse circuit; see `LeastSquares` for the others.

    Examples
    --------
    >>> import amcspice as amc
    >>> A, b = [[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], [1.0, 1.5, 0.5]
    >>> circuit = amc.CompactGINV(A, constraint=amc.NonNegative(hold=True))
    >>> amc.simulate(circuit, b, fidelity="dc").x.round(3)
    array([1. , 0.5])
    """

    name: ClassVar[str] = "ginv-compact"
    predistorts: ClassVar[bool] = True
    signed: ClassVar[bool] = True

    compensation: Annotated[
        bool,
        Field(description="Equalise the row totals; without it row i is weighted by 1/S_i."),
    ] = field(default=True, kw_only=True)
    column_load: Annotated[
        float,
        Field(
            ge=0,
            description="Extra grounded conductance on every column wire, as a multiple of the "
            "largest column total: divides the leak of a saturated column and multiplies the "
            "settling time.",
        ),
        Quantity("", (1e-6, 1e4)),
    ] = field(default=0.0, kw_only=True)
    array_rows: Annotated[
        int | None,
        Field(
            ge=1,
            description="Word lines of one pair of arrays; more rows are split over several pairs "
            "(blocks). None is one pair.",
        ),
    ] = field(default=None, kw_only=True)
    pair: ArrayPair | None = field(default=None, kw_only=True, repr=False)

    def __post_init__(self) -> None:
        """Validate."""
        super().__post_init__()
        if self.pair is not None and self.pair.mapping.target.shape != self.matrix.shape:
            raise InputError("pair does not fit the matrix: use select()")
        if self.holds_signs:
            self._refuse_signed()
        if self.wire.predistort and not self.compensation:
            raise UnsupportedError(
                "predistort needs compensation: without it the answer is wrong by the totals of "
                "the rows, which no step corrects"
            )

    def _refuse_signed(self) -> None:
        if isinstance(self.constraint, NonNegative) and self.constraint.hold:
            raise UnsupportedError(
                "hold needs a non-negative matrix: the columns of a signed one are not at virtual "
                "ground, so a hold device would conduct all the time; leave it out"
            )
        if self.array_rows is not None or self.pair is not None:
            raise UnsupportedError(
                "blocks of rows and selected word lines need a non-negative matrix"
            )

    @cached_property
    def holds_signs(self) -> bool:
        """Whether the matrix has negative entries."""
        return bool((self.matrix < 0).any())

    @property
    def floor_at_ground(self) -> bool:
        """Whether the output range alone holds the constraint: with hold, rectifiers do."""
        if not isinstance(self.constraint, NonNegative):
            return False
        return self.holds_signs or self.constraint.hold is False

    @cached_property
    def arrays(self) -> Any:
        """The cells as programmed: those that were given, or the matrix programmed now."""
        if self.pair is not None:
            return self.pair
        mapping = map_matrix(self.selected, self.device.g_max, self.scaling)
        kind: Any = SignedArrays if self.holds_signs else ArrayPair
        arrays = CompactArrays(self.wire, self.device, kind, self.array_rows, self.column_load)
        first, second = predistorted(mapping, arrays)
        return kind.of(
            first,
            self.device,
            self.cycle,
            rows=self.rows,
            compensation=self.compensation,
            second=second.target,
        )

    @property
    def mapping(self) -> Mapping:
        """How the matrix stands in both arrays."""
        mapping: Mapping = self.arrays.mapping
        return mapping

    def select(self, rows: Any, columns: Any = slice(None), **changes: Any) -> CompactGINV:
        """Return the circuit with these word and bit lines connected and all others off.

        The arrays are not programmed anew: conductances, their noise, the scale of the columns
        and the compensation stay those of the whole matrix.  Right-hand sides and solutions of
        the result are those of the selected lines.

        Parameters
        ----------
        rows : array_like of int, shape (k,)
            Numbers of the rows, ascending.
        columns : array_like of int, optional
            None are left out by default.
        **changes
            Values of parameters that programming does not depend on, such as ``ridge``.

        Examples
        --------
        >>> import numpy as np, amcspice as amc
        >>> whole = amc.CompactGINV(np.array([[1.0, 0.2], [0.3, 0.8], [0.5, 0.5]]))
        >>> amc.simulate(whole.select([0, 2], ridge=0.1), [1.0, 0.5]).reference.round(3)
        array([0.88 , 0.139])
        """
        if self.holds_signs:
            raise UnsupportedError("selected word lines need a non-negative matrix")
        return dataclasses.replace(
            self,
            matrix=self.matrix[rows][:, columns],
            rows=None,
            pair=self.arrays.take(rows, columns),
            zero_bias=None,
            tangent=None,
            **changes,
        )

    def _largest_swing(self, vectors: Array, scaled: Array) -> float:
        """Include the lines: what the injected currents alone would raise them to.

        A line must not leave the rails of whatever drives it; this matters where the solution
        is zero, or far smaller than the input.
        """
        scale, total = self.mapping.scale, float(self.arrays.largest)
        currents = vectors * (self.rows * scale)
        start = max(float(currents.max()), -float(currents.min())) / total
        largest = max(self._at_rest(scaled, currents), start)
        if not self.lasso:
            return largest
        bias = self.lasso * self.mapping.column_scale * scale**2 / total
        return max(largest, float((bias / self.arrays.column_totals).max()))

    def _at_rest(self, scaled: Array, currents: Array) -> float:
        """Return the largest voltage across a cell, with amplifiers at zero at their end."""
        target = self.mapping.target * self.rows[:, None]
        positive, negative = parts(target)
        cells, driven, into = positive, positive, -currents
        if self.holds_signs:
            cells = np.block([[positive, negative], [negative, positive]])
            driven = np.vstack([positive, negative])
            into = np.hstack([into, np.zeros_like(into)])
        totals = np.full(len(driven), float(self.arrays.largest))
        if not self.compensation:
            own = driven.sum(axis=1) + cells.sum(axis=1)
            totals = np.where(own > 0, own, 1.0)
        into += scaled @ driven.T
        if not (self.holds_signs or self.floor_at_ground):  # sensed lines are at ground
            return across(scaled, into / totals)
        columns = np.tile(self._column_loads(), cells.shape[1] // scaled.shape[1])
        active = scaled > 0 if self.non_negative else np.ones(scaled.shape, bool)
        bias = np.zeros(len(columns))  # L1 currents flow into the inverting lines
        bias[: active.shape[1]] = self.lasso * self.mapping.column_scale * self._gradient
        sense = sensed_lines(cells, totals, columns, into, active, bias)
        into += sense @ cells.T
        into /= totals
        return max(across(scaled, into), across(sense, into))

    def _column_loads(self) -> Array:
        """Return what hangs on each column wire beside what it gets from its output [S]."""
        columns = self.arrays.column_totals
        ridge = self.ridge * self.mapping.column_scale**2 * self._gradient
        loads: Array = columns + ridge + self.column_load * columns.max()
        return loads

    @property
    def _gradient(self) -> float:
        """Siemens of one unit of the gradient, A'(A x - b)."""
        return float(self.mapping.scale**2 / self.arrays.largest)

    def _word_lines(self) -> tuple[list[NDArray[np.intp]], NDArray[np.intp]]:
        """Return the word lines of every block, and where the rows of the matrix stand in them.

        Without bit-line wires a word line that is off contributes nothing, so only the
        selected ones are built; with them it keeps its segments and its capacitance.  A block
        without any selected line is disconnected as a whole; blocks whose columns meet without
        any resistance or capacitance are one network, and built as one.
        """
        at, height, wire = self.arrays.positions, self.arrays.height, self.wire
        plain = wire.column is None and wire.column_capacitance is None
        together = plain and wire.driver is None and wire.termination is None
        size = (None if together else self.array_rows) or height
        lines = at if plain else np.arange(height)
        if size >= height:
            return [lines], np.arange(len(at)) if plain else at
        blocks = [lines[lines // size == block] for block in np.unique(at // size)]
        return blocks, np.searchsorted(np.concatenate(blocks), at)

    def _wire_up(self) -> Schematic:
        return self._wire_signed() if self.holds_signs else self._wire_unsigned()

    def _wire_unsigned(self) -> Schematic:
        arrays, device, wire = self.arrays, self.device, self.wire
        blocks, at = self._word_lines()
        m, n = sum(map(len, blocks)), self.matrix.shape[1]
        network = Network()
        x, sense, row = network.nodes("x", n), network.nodes("c", n), network.nodes("r", m)
        cells = np.zeros((m, 2 * n))
        cells[at] = arrays.cells * self.rows[:, None]
        # An unselected word line has no cells left; it is grounded, so that it does not float.
        grounded = np.full(m, device.g_max)
        grounded[at] = np.where(self.rows, arrays.compensation, device.g_max)
        edges = np.cumsum([0, *map(len, blocks)])
        crossbars = tuple(
            Crossbar.of(
                wire,
                cells[first:last],
                row[first:last],
                np.concatenate([x, sense]),
                row_lead=wire.termination,
                column_leads=self._leads(2),
                row_ground=grounded[first:last],
                name="" if len(blocks) == 1 else f"k{index}",
            )
            for index, (first, last) in enumerate(pairwise(edges))
        )
        hold = None
        if isinstance(self.constraint, NonNegative) and not self.floor_at_ground:
            hold = self.constraint.hold_conductance
        bank = Amplifiers(
            "x",
            plus=np.full(n, GROUND),
            minus=sense,
            out=x,
            hold=hold,
            floor_at_ground=self.floor_at_ground,
        )
        return self._finish(network, crossbars, bank, row[at])

    def _wire_signed(self) -> Schematic:
        arrays, wire, network = self.arrays, self.wire, Network()
        m, n = self.matrix.shape
        x, sense, opposite = (network.nodes(prefix, n) for prefix in ("x", "c", "p"))
        row = np.concatenate([network.nodes("r", m), network.nodes("q", m)])
        off = np.tile(~self.rows, 2) * self.device.g_max
        crossbar = Crossbar.of(
            wire,
            arrays.cells,
            row,
            np.concatenate([x, sense, opposite]),
            row_lead=wire.termination,
            column_leads=self._leads(3),
            row_ground=arrays.compensation + off,
        )
        bank = Amplifiers(
            "x", plus=opposite, minus=sense, out=x, floor_at_ground=self.floor_at_ground
        )
        return self._finish(network, (crossbar,), bank, row[:m])

    def _leads(self, groups: int) -> Array:
        """Return the leads of the bit lines: the first group is driven, the others are sensed."""
        driver, termination = self.wire.driver or 0.0, self.wire.termination or 0.0
        return np.repeat([driver, *[termination] * (groups - 1)], self.matrix.shape[1])

    def _finish(
        self, network: Network, crossbars: tuple[Crossbar, ...], bank: Amplifiers, inputs: Nodes
    ) -> Schematic:
        """Add ridge, load and L1 term at the columns."""
        arrays, scale = self.arrays, self.mapping.column_scale
        gradient = self._gradient
        network.connect(bank.out, bank.minus, self.ridge * scale**2 * gradient)
        load = self.column_load * float(arrays.column_totals.max())
        if load:
            network.connect(bank.minus, GROUND, load)
        if self.holds_signs:  # the columns of a pair must carry the same load
            network.connect(bank.plus, GROUND, self.ridge * scale**2 * gradient + load)
        return Schematic(
            peripheral=network,
            crossbars=crossbars,
            amplifiers=(bank,),
            inputs=inputs,
            input_gain=-self.mapping.scale * self.rows,
            outputs=bank.out,
            bias=bank.minus if self.lasso else bank.minus[:0],
            bias_gain=self.lasso * scale * gradient if self.lasso else np.empty(0),
            cells=arrays.count,
        )
