"""Word lines of a signed matrix: its positive part on one line, its negative part on another.

With A = A+ - A- the line of the inverting input carries A+ and that of the non-inverting input
A-.  Where both lines have the same total conductance their difference answers to A alone: that
is conductance compensation, a grounded conductance on the line with the smaller total.  A matrix
without negative entries needs neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from amcspice.circuit.base import Array
from amcspice.circuit.network import GROUND, Network, Nodes
from amcspice.circuit.parts.array_pair import compensating_cells
from amcspice.device import Cell

__all__ = ["Compensation", "DifferentialLines", "column_compensation", "line_totals", "parts"]

Compensation = Annotated[
    bool,
    Field(
        description="Equalise the totals at both inputs of an amplifier (matrices with negative "
        "entries)."
    ),
]
"""A parameter of circuits that hold signed matrices."""


@dataclass(frozen=True, eq=False)
class DifferentialLines:
    """Lines that end at the two inputs of amplifiers.

    Parameters
    ----------
    minus, plus : ndarray of int, shape (m,)
        Nodes of the inputs; ``plus`` is ground where nothing is negative.
    lines : ndarray of int, shape (m,) or (2 m,)
        Nodes that need word lines: of ``minus``, then of ``plus``.
    cells : ndarray, shape (m, n) or (2 m, n)
        Conductances on these lines [S].
    grounded : ndarray, shape (m,) or (2 m,)
        Compensation on these lines [S].
    count : int
        Cells used, compensation included.
    """

    minus: Nodes
    plus: Nodes
    lines: Nodes
    cells: Array
    grounded: Array
    count: int

    @classmethod
    def of(
        cls,
        network: Network,
        names: tuple[str, str],
        target: Array,
        device: Cell,
        *,
        cycle: int,
        arrays: tuple[int, int, int],
        extra: Array | float = 0.0,
        matched: float = 0.0,
        compensation: bool = True,
    ) -> DifferentialLines:
        """Program the cells and make the nodes.

        Parameters
        ----------
        network : Network
            Takes the nodes.
        names : (str, str)
            Prefixes of the inverting and the non-inverting nodes.
        target : ndarray, shape (m, n)
            Wanted conductances, signed [S].
        device : Cell
        cycle : int
        arrays : (int, int, int)
            Indices of the arrays for the positive part, the negative part and compensation.
        extra : ndarray or float
            What else hangs on the inverting lines, such as feedback [S].
        matched : float
            What else hangs on both lines of every pair [S].
        compensation : bool
            Whether the totals are made equal.
        """
        m = len(target)
        positive, negative = parts(target)
        above, below = (
            device.program(part, array, cycle)
            for part, array in zip((positive, negative), arrays[:2], strict=True)
        )
        minus = network.nodes(names[0], m)
        if not negative.any():
            ground = np.full(m, GROUND)
            return cls(minus, ground, minus, above, np.zeros(m), target.size)
        plus = network.nodes(names[1], m)
        grounded, used = np.zeros(2 * m), 2 * target.size
        if compensation:
            first = device.quantise(positive).sum(axis=1) + extra
            second = device.quantise(negative).sum(axis=1)
            largest = np.maximum(first, second)
            wanted = np.concatenate([largest - first, largest - second])
            grounded, stacked = compensating_cells(device, wanted, cycle, arrays[2])
            used += 2 * m * stacked
        cells = np.vstack([above, below])
        # A line on which nothing hangs is grounded, so that it does not float.
        other = matched + np.append(np.zeros(m) + extra, np.zeros(m))
        grounded[cells.sum(axis=1) + grounded + other == 0] = device.g_max
        return cls(minus, plus, np.concatenate([minus, plus]), cells, grounded, used)


def line_totals(
    positive: Array, negative: Array, extra: Array | float, *, compensation: bool
) -> Array:
    """Return what hangs on the non-inverting line of every pair, shape (m,) [S].

    Parameters
    ----------
    positive, negative : ndarray, shape (m, n)
        Parts of the matrix as conductances [S].
    extra : ndarray, shape (m,), or float
        What else hangs on the inverting line [S].
    compensation : bool
        Whether both lines of a pair carry the same.
    """
    totals: Array = negative.sum(axis=1)
    if compensation:
        totals = np.maximum(positive.sum(axis=1) + extra, totals)
    return totals


def column_compensation(positive: Array, negative: Array) -> Array:
    """Return what hangs on bit lines so that both of every column carry the same, shape (2 n,) [S].

    Parameters
    ----------
    positive, negative : ndarray, shape (m, n)
        Parts of the matrix as conductances [S].
    """
    totals = [positive.sum(axis=0), negative.sum(axis=0)]
    return np.concatenate([np.maximum(*totals) - total for total in totals])


def parts(matrix: Array) -> tuple[Array, Array]:
    """Return the positive and the negative part of a matrix, both non-negative."""
    return np.maximum(matrix, 0.0), np.maximum(-matrix, 0.0)
