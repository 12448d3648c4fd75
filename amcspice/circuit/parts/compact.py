"""What the two arrays of the compact generalised inverse apply behind their wires.

Word lines are passive: with the currents i into them, the bit lines at x, and the sensed ones c
(and p, the other input) at one voltage u, no current leaves the sensed lines.  By the reduction to
bit lines, K their conductance matrix and T what a current into a word line sends to each of them,

    H x = B' i,    B' = T_c' - Q T_p',    H = -(K_cx - Q K_px),    Q (K_pc + K_pp) = K_cc + K_cp

(Q = 0 where there are no lines p).  Without wires B = G / S and H = G'G / S with S the total of a
word line: the second array is corrected by S B, the first one by S H, as far as the columns of B
reach, which is all that x depends on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from amcspice.circuit.base import Array
from amcspice.circuit.parts.predistortion import Arrays
from amcspice.crossbar import Crossbar, CrossbarReduction
from amcspice.device import Cell, Mapping

__all__ = ["CompactArrays"]


@dataclass(frozen=True)
class CompactArrays(Arrays):
    """Two arrays on shared word lines; see `amcspice.circuit.topologies.ginv_compact`.

    Parameters
    ----------
    kind : type
        `ArrayPair` or `SignedArrays`, which program the cells.
    array_rows : int, optional
        Word lines of a pair; more are split over several.
    column_load : float
        Grounded conductance on every sensed bit line, as a multiple of the largest column total.
    """

    kind: Any
    array_rows: int | None = None
    column_load: float = 0.0

    @property
    def count(self) -> int:
        """Number of arrays."""
        return 2

    def lines(self, target: Array) -> tuple[int, int]:
        """Return the word lines and bit lines; see `Arrays`."""
        m, n = target.shape
        return (2 * m, 3 * n) if (target < 0).any() else (m, 2 * n)

    def effective(
        self, targets: tuple[Array, ...], cells: Cell, scale: float = 1.0
    ) -> tuple[Array, ...]:
        """Return S H, shape (n, n) [S^2], and S B, shape (m, n) [S]; see the module."""
        first, second = targets
        m, n = first.shape
        rows = first.any(axis=1)
        arrays = self.kind.of(
            Mapping(first, 1.0, np.ones(n)), cells, 0, rows=rows, compensation=True, second=second
        )
        off = np.tile(~rows, len(arrays.cells) // m) * cells.g_max
        grounded = arrays.compensation + off
        size = self.array_rows or len(grounded)
        blocks = [slice(start, start + size) for start in range(0, len(grounded), size)]
        reduced = [self._reduction(arrays.cells[block], grounded[block], n) for block in blocks]
        conductance = np.sum([each.conductance for each in reduced], axis=0)
        transfer = np.vstack([each.transfer for each in reduced])[:m]
        driven, sensed = transfer[:, n : 2 * n], -conductance[n : 2 * n, :n]
        if conductance.shape[0] > 2 * n:
            held = conductance[n:, n : 2 * n] + conductance[n:, 2 * n :]
            held += np.tile(self.column_load * arrays.column_totals.max() * np.eye(n), (2, 1))
            share = np.linalg.solve(held[n:].T, held[:n].T).T
            driven = driven - transfer[:, 2 * n :] @ share.T
            sensed = sensed + share @ conductance[2 * n :, :n]
        return arrays.largest * sensed, arrays.largest * driven

    def _reduction(self, cells: Array, grounded: Array, columns: int) -> CrossbarReduction:
        wire, lines = self.wire, cells.shape[1]
        leads = np.full(lines, wire.termination or 0.0)
        leads[:columns] = wire.driver or 0.0
        return CrossbarReduction(
            Crossbar.of(
                wire,
                cells,
                np.arange(len(cells)),
                np.arange(lines),
                row_lead=wire.termination,
                column_leads=leads,
                row_ground=grounded,
            )
        )

    def deviations(
        self,
        effective: tuple[Array, ...],
        targets: tuple[Array, ...],
        wanted: Array,
        scale: float = 1.0,
    ) -> tuple[float, float]:
        """Return predicted errors of G'G and of G together; see `Arrays`."""
        gram, size = wanted.T @ wanted, float(np.linalg.norm(wanted))
        first = float(np.linalg.norm(effective[0] - gram) / np.linalg.norm(gram))
        second = float(np.linalg.norm(effective[1] - wanted)) / size
        cells = sum(float(np.sum(self._variance(target))) for target in targets)
        return float(np.hypot(first, second)), float(np.sqrt(cells)) / size

    def corrections(
        self, effective: tuple[Array, ...], targets: tuple[Array, ...], wanted: Array
    ) -> tuple[Array, ...]:
        """Return what to add to both targets: to the first the least that makes S H = S B' G."""
        missing = effective[1].T @ wanted - effective[0]
        least = np.asarray(np.linalg.lstsq(effective[1].T, missing, rcond=1e-10)[0], float)
        return least, wanted - effective[1]
