"""The cells of a pair of equal arrays and of their compensation, as programmed.

Programming belongs to the arrays, not to what is solved with them: many regressions may share
one programming and differ in the word lines that are selected.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.device import Cell, Mapping

__all__ = ["ArrayPair", "compensating_cells"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ArrayPair:
    """Two arrays that hold the same matrix, and a grounded conductance a row.

    Corrected for their wires they hold what makes both apply it.

    Parameters
    ----------
    mapping : Mapping
        How the matrix stands in the arrays.
    cells : ndarray, shape (m, 2 n)
        Both arrays side by side [S].
    compensation : ndarray, shape (m,)
        Grounded conductance of each row [S].
    largest : float
        Total that every row is raised to; without compensation that of the largest row [S].
    column_totals : ndarray, shape (n,)
        Column totals of the second array, over all its rows, before noise [S].
    positions : ndarray of int, shape (m,)
        Word lines that hold the rows, ascending.
    height : int
        Word lines of the arrays.
    count : int
        ArrayPair cells of the arrays, of all word lines.
    """

    mapping: Mapping
    cells: Array
    compensation: Array
    largest: float
    column_totals: Array
    positions: NDArray[np.intp]
    height: int
    count: int

    @classmethod
    def of(
        cls,
        mapping: Mapping,
        device: Cell,
        cycle: int,
        *,
        rows: NDArray[np.bool_],
        compensation: bool,
        second: Array | None = None,
    ) -> ArrayPair:
        """Program arrays.

        Parameters
        ----------
        mapping : Mapping
        device : Cell
        cycle : int
            Number of the programming cycle.
        rows : ndarray of bool, shape (m,)
            Rows that count.
        compensation : bool
            Whether their totals are equalised.
        second : ndarray, shape (m, n), optional
            Target of the second array; None is that of the first [S].
        """
        m = len(mapping.target)
        targets = (mapping.target, mapping.target if second is None else second)
        nominal = [device.quantise(target) * rows[:, None] for target in targets]
        totals = sum(each.sum(axis=1) for each in nominal)
        largest = float(totals.max())
        extra, parts = np.zeros(m), 0
        if compensation:
            extra, parts = compensating_cells(device, (largest - totals) * rows, cycle)
        return cls(
            mapping=mapping,
            cells=np.hstack([device.program(target, k, cycle) for k, target in enumerate(targets)]),
            compensation=extra,
            largest=largest,
            column_totals=nominal[1].sum(axis=0),
            positions=np.arange(m),
            height=m,
            count=2 * mapping.target.size + m * parts,
        )

    def take(self, rows: Any, columns: Any = slice(None)) -> ArrayPair:
        """Return some rows and columns; the arrays stay what they are."""
        target, both = self.mapping.target, self.cells.reshape(len(self.cells), 2, -1)
        chosen = both[rows][:, :, columns]
        mapping = replace(
            self.mapping,
            target=target[rows][:, columns],
            column_scale=self.mapping.column_scale[columns],
        )
        return replace(
            self,
            mapping=mapping,
            cells=chosen.reshape(len(chosen), -1),
            compensation=self.compensation[rows],
            column_totals=self.column_totals[columns],
            positions=self.positions[rows],
        )


def compensating_cells(
    device: Cell, wanted: Array, cycle: int, array: int = 2
) -> tuple[Array, int]:
    """Build grounded conductances of parallel cells: full ones and one for the remainder.

    Parameters
    ----------
    device : Cell
    wanted : ndarray, shape (m,)
        [S].
    cycle, array : int
        See `Cell.program`.

    Returns
    -------
    conductance : ndarray, shape (m,)
        Grounded conductances as programmed [S].
    parts : int
        Parallel cells a row.
    """
    parts = max(1, int(np.ceil(wanted.max() / device.g_max * (1 - 1e-12))))
    filled = np.clip(wanted[:, None] - device.g_max * np.arange(parts), 0.0, device.g_max)
    return device.compensating.program(filled, array, cycle).sum(axis=1), parts
