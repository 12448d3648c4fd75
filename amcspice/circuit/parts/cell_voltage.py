"""What stands across cells: voltages of the lines of arrays, from expected solutions.

Cells stand between a line that is driven and one that is sensed or passive, compensating cells
between a line and ground.  All voltages are those of the ideal circuit: infinite gain, no wires.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit.base import Array

__all__ = ["across", "passive_lines", "sensed_lines"]

FEW = 16
"""Columns that are taken one after the other."""


def across(lines: Array, others: Array | None = None) -> float:
    """Return the largest voltage between any two of lines, crossing ones, and ground.

    Parameters
    ----------
    lines : ndarray, shape (K, n)
        Voltages for K right-hand sides.
    others : ndarray, shape (K, m), optional
        Of the lines that cross them; None: they are at ground.
    """
    largest = float(np.abs(lines).max(initial=0.0))
    if others is None or not others.size:
        return largest
    above = _along_rows(np.maximum, lines) - _along_rows(np.minimum, others)
    below = _along_rows(np.maximum, others) - _along_rows(np.minimum, lines)
    return max(largest, float(np.abs(others).max()), float(np.maximum(above, below).max()))


def _along_rows(larger: np.ufunc, values: Array) -> Array:
    """Return the largest or smallest of each row: many short rows a column at a time."""
    while values.shape[1] > FEW:
        half = (values.shape[1] + 1) // 2
        values = larger(values[:, :half], values[:, -half:])
    extreme: Array = functools.reduce(larger, values.T)
    return extreme


def passive_lines(driven: Array, cells: Array, totals: Array, into: Array | float = 0.0) -> Array:
    """Return where lines rest that carry no current beside that of their cells, shape (K, m).

    Parameters
    ----------
    driven : ndarray, shape (K, n)
        Voltages at the other ends of the cells.
    cells : ndarray, shape (m, n)
        [S].
    totals : ndarray, shape (m,)
        Everything that hangs on each line [S].
    into : ndarray, shape (K, m), or float
        Currents into the lines, in the unit of ``driven`` times siemens.
    """
    voltages: Array = (driven @ cells.T + into) / np.where(totals > 0, totals, 1.0)
    return voltages


def sensed_lines(
    cells: Array,
    rows: Array,
    columns: Array,
    into: Array,
    active: NDArray[np.bool_],
    bias: Array | float = 0.0,
) -> Array:
    """Return where the sensed lines of an array on passive rows rest, shape (K, N).

    An amplifier that is active holds its line at ground, or two lines at one voltage; what
    one that stands at the end of its range senses floats.

    Parameters
    ----------
    cells : ndarray, shape (M, N)
        Cells between the rows and the sensed lines; of pairs, those of all inverting inputs
        first [S].
    rows, columns : ndarray, shapes (M,) and (N,)
        Totals of the lines [S].
    into : ndarray, shape (K, M)
        Currents into the rows.
    active : ndarray of bool, shape (K, n)
        Of N = n single lines or N = 2 n paired ones.
    bias : ndarray, shape (N,), or float
        Currents into the sensed lines.
    """
    weights = np.diag(columns) - cells.T @ (cells / rows[:, None])
    right = (into / rows) @ cells + bias
    found = np.zeros((len(into), cells.shape[1]))
    n = active.shape[1]
    patterns, which = np.unique(active, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        chosen = np.flatnonzero(which.ravel() == number)
        system, wanted = weights.copy(), right[chosen].T.copy()
        held = np.flatnonzero(pattern)
        system[held], wanted[held] = 0.0, 0.0
        system[held, held] = 1.0
        if len(columns) == 2 * n:
            system[held, n + held] = -1.0
        found[chosen] = np.linalg.solve(system, wanted).T
    return found
