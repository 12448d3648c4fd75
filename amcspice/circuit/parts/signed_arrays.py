"""The compact generalised inverse of a signed matrix, still with n amplifiers.

With A = A+ - A- every row has two passive word lines v+ and v-, every amplifier uses both inputs.
x_j reaches v+ through A+ and v- through A-; the column of the inverting input sees A+ from v+ and
A- from v-, that of the non-inverting input A- from v+ and A+ from v-.  With all 2 m word lines
raised to one total S, and the input into v+,

    v+ - v- = (A x - b) / S,    u+ - u- = -A'(v+ - v-) / T,

where T_j = sum_i |A_ij| loads both columns of amplifier j.  The common mode of a column pair is
not zero, but it reaches both word lines of a row alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amcspice.circuit.base import Array
from amcspice.circuit.parts.array_pair import compensating_cells
from amcspice.circuit.parts.differential import parts
from amcspice.device import Cell, Mapping

__all__ = ["SignedArrays"]


@dataclass(frozen=True, eq=False)
class SignedArrays:
    """Cells on 2 m word lines, v+ then v-, and 3 n bit lines, as programmed.

    Parameters
    ----------
    mapping : Mapping
        How the matrix stands in the arrays.
    cells : ndarray, shape (2 m, 3 n)
        Bit lines of x, of the inverting and of the non-inverting inputs [S].
    compensation : ndarray, shape (2 m,)
        Grounded conductance of each word line [S].
    largest : float
        Total that every word line is raised to [S].
    column_totals : ndarray, shape (n,)
        T, before noise [S].
    count : int
        Programmed cells.
    """

    mapping: Mapping
    cells: Array
    compensation: Array
    largest: float
    column_totals: Array
    count: int

    @classmethod
    def of(
        cls,
        mapping: Mapping,
        device: Cell,
        cycle: int,
        *,
        rows: Array,
        compensation: bool,
        second: Array | None = None,
    ) -> SignedArrays:
        """Program arrays; see `amcspice.circuit.parts.array_pair.ArrayPair.of`."""
        first = parts(mapping.target * rows[:, None])
        sensed = first if second is None else parts(second * rows[:, None])
        # Which part stands on each word line of a pair, for every group of bit lines.
        groups = (first, sensed, sensed[::-1])
        cells = np.hstack(
            [
                np.vstack(
                    [
                        device.program(part, 3 + 2 * k + line, cycle)
                        for line, part in enumerate(group)
                    ]
                )
                for k, group in enumerate(groups)
            ]
        )
        driven = [device.quantise(part).sum(axis=1) for part in first]
        both = np.add(*(device.quantise(part) for part in sensed))
        totals = np.concatenate([each + both.sum(axis=1) for each in driven])
        largest = float(totals.max())
        extra, stacked = np.zeros(len(totals)), 0
        if compensation:
            wanted = (largest - totals) * np.tile(rows, 2)
            extra, stacked = compensating_cells(device, wanted, cycle)
        return cls(
            mapping=mapping,
            cells=cells * np.tile(rows, 2)[:, None],
            compensation=extra,
            largest=largest,
            column_totals=both.sum(axis=0),
            count=6 * mapping.target.size + len(totals) * stacked,
        )
