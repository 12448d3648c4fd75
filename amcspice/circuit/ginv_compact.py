"""Generalised inverse with two arrays and n amplifiers only.

Each word line is one passive node shared by both arrays.  Array 1 is driven by the solution x,
array 2 ends at the inverting inputs.  With virtual ground at those, a row settles at
v = (G x - I) / S with S the total conductance of the row, and G' S^-1 (G x - I) = 0: least
squares weighted by 1/S.  Conductance compensation adds one grounded conductance a row that
makes every S equal and the answer exact.

Ridge is a conductance from x_j to column wire j, ridge * scale^2 / S; L1 a constant current
into column wire j.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np

from amcspice.circuit.base import Amplifiers, Array, Circuit, Schematic
from amcspice.circuit.constraint import NonNegative
from amcspice.circuit.lattice import Lattice
from amcspice.circuit.network import GROUND, Network
from amcspice.device import Mapping, Memristor, map_matrix
from amcspice.errors import InputError

__all__ = ["CompactGINV"]


@dataclass(frozen=True, eq=False)
class CompactGINV(Circuit):
    """Compact two-array generalised-inverse circuit; see `Circuit` for the other parameters.

    Parameters
    ----------
    compensation : bool
        Equalise the row totals.  Without it row i is weighted by 1/S_i.
    column_load : float
        Extra grounded conductance on every column wire, as a multiple of the largest column
        total: divides the leak of a saturated column and multiplies the settling time.
    """

    name: ClassVar[str] = "ginv-compact"
    problems: ClassVar[tuple[str, ...]] = ("lstsq", "nnls")

    compensation: bool = field(default=True, kw_only=True)
    column_load: float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        """Validate."""
        super().__post_init__()
        if not (np.isfinite(self.column_load) and self.column_load >= 0):
            raise InputError(f"column_load = {self.column_load} must be zero or positive")

    @cached_property
    def mapping(self) -> Mapping:
        """How the matrix stands in both arrays."""
        return map_matrix(self.selected, self.device.g_max, self.scaling)

    @property
    def row_totals(self) -> Array:
        """Conductance of each row in both arrays, without compensation, shape (m,) [S]."""
        totals: Array = 2 * self.device.quantise(self.mapping.target).sum(axis=1) * self.rows
        return totals

    def _largest_swing(self, vectors: Array, scaled: Array) -> float:
        """Include the lines: what the injected currents alone would raise them to.

        A line must not leave the rails of whatever drives it; this matters where the solution
        is zero, or far smaller than the input.
        """
        scale, total = self.mapping.scale, float(self.row_totals.max())
        rows = float(np.abs(vectors[:, self.rows]).max()) * scale / total
        column_total = self.device.quantise(self.mapping.target).sum(axis=0)
        bias = self.lasso * self.mapping.column_scale * scale**2 / total
        columns = float((bias / column_total).max())
        return max(super()._largest_swing(vectors, scaled), rows, columns)

    def _wire_up(self) -> Schematic:
        target, device, wire = self.mapping.target, self.device, self.wire
        m, n = target.shape
        network = Network()
        x, sense, row = network.nodes("x", n), network.nodes("c", n), network.nodes("r", m)
        totals = self.row_totals
        largest = float(totals.max())
        # An unselected word line has no cells left; it is grounded, so that it does not float.
        grounded = np.where(self.rows, 0.0, device.g_max)
        cells_used = 2 * target.size
        if self.compensation:
            extra, parts = _compensate(device, (largest - totals) * self.rows, self.cycle)
            grounded = grounded + extra
            cells_used += m * parts
        lattice = Lattice(
            name="",
            cells=np.hstack([device.program(target, k, self.cycle) for k in (0, 1)])
            * self.rows[:, None],
            rows=row,
            columns=np.concatenate([x, sense]),
            row_segment=wire.row,
            column_segment=wire.column,
            row_lead=wire.termination,
            column_leads=np.repeat([wire.driver or 0.0, wire.termination or 0.0], n),
            row_ground=grounded,
        )
        # One unit of gradient, A'(A x - b), is scale^2 / largest siemens.
        gradient = self.mapping.scale**2 / largest
        scale = self.mapping.column_scale
        network.connect(x, sense, self.ridge * scale**2 * gradient)
        load = self.column_load * float(device.quantise(target).sum(axis=0).max())
        network.connect(sense, GROUND, load)
        hold = None
        if isinstance(self.constraint, NonNegative) and self.constraint.hold is not False:
            hold = self.constraint.hold_conductance
        return Schematic(
            peripheral=network,
            lattices=(lattice,),
            amplifiers=(
                Amplifiers(
                    "x", plus=np.full(n, GROUND), minus=sense, out=x, hold=hold,
                    floor_at_ground=self.non_negative and hold is None,
                ),
            ),
            inputs=row,
            input_gain=-self.mapping.scale * self.rows,
            outputs=x,
            bias=sense if self.lasso else sense[:0],
            bias_gain=self.lasso * scale * gradient if self.lasso else np.empty(0),
            cells=cells_used,
        )  # fmt: skip


def _compensate(device: Memristor, wanted: Array, cycle: int) -> tuple[Array, int]:
    """Build grounded conductances of parallel cells: full ones and one for the remainder.

    Returns
    -------
    conductance : ndarray, shape (m,)
        As programmed [S].
    parts : int
        Parallel cells a row.
    """
    parts = max(1, int(np.ceil(wanted.max() / device.g_max * (1 - 1e-12))))
    filled = np.clip(wanted[:, None] - device.g_max * np.arange(parts), 0.0, device.g_max)
    return device.program(filled, 2, cycle).sum(axis=1), parts
