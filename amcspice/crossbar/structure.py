"""A wired crossbar: word lines, bit lines and the cells between them.

Terminals are at the first row and the first column; one wire segment lies between neighbouring
crossing points and between a terminal and the first of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amcspice.device import Wire

__all__ = ["Crossbar"]

Array = NDArray[np.float64]
Nodes = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Crossbar:
    """Cells on M word lines and N bit lines; arrays side by side share word lines.

    Parameters
    ----------
    name : str
        Prefix of the nodes it creates.
    cells : ndarray, shape (M, N)
        Conductances [S].
    rows, columns : ndarray of int, shapes (M,) and (N,)
        Terminals of the word lines and of the bit lines.
    row_segment, column_segment : float, optional
        Resistance of one wire segment [ohm]; None is an ideal wire.
    row_lead : float, optional
        Resistance in series at the terminal of every word line [ohm].
    column_leads : ndarray, shape (N,)
        Resistance in series at the terminal of each bit line, 0 for none [ohm].
    row_ground : ndarray, shape (M,)
        Grounded conductance at the terminal of each word line, of cells too [S].
    """

    name: str
    cells: Array
    rows: Nodes
    columns: Nodes
    row_segment: float | None
    column_segment: float | None
    row_lead: float | None
    column_leads: Array
    row_ground: Array

    @classmethod
    def of(
        cls,
        wire: Wire,
        cells: Array,
        rows: Nodes,
        columns: Nodes,
        *,
        row_lead: float | None,
        column_leads: Array | float | None,
        row_ground: Array | float = 0.0,
        name: str = "",
    ) -> Crossbar:
        """Return a crossbar with the segments of a wire; single leads and grounds serve all lines.

        Parameters
        ----------
        wire : Wire
        cells, rows, columns, row_lead, column_leads, row_ground, name
            See `Crossbar`; None is no lead.
        """
        return cls(
            name=name,
            cells=cells,
            rows=rows,
            columns=columns,
            row_segment=wire.row,
            column_segment=wire.column,
            row_lead=row_lead,
            column_leads=_for_each(0.0 if column_leads is None else column_leads, len(columns)),
            row_ground=_for_each(row_ground, len(rows)),
        )

    @property
    def row_first(self) -> float:
        """Resistance between a row terminal and its first crossing point, 0 for none [ohm]."""
        return (self.row_segment or 0.0) + (self.row_lead or 0.0)

    @property
    def column_first(self) -> Array:
        """Resistance between each column terminal and its first crossing point [ohm]."""
        first: Array = (self.column_segment or 0.0) + self.column_leads
        return first


def _for_each(value: Array | float, count: int) -> Array:
    return value if isinstance(value, np.ndarray) else np.full(count, float(value))
