"""`CircuitForm`: a problem as circuits are asked it, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array

__all__ = ["CircuitForm"]


def _unchanged(solutions: Array) -> Any:
    return solutions


@dataclass(frozen=True, eq=False)
class CircuitForm:
    """A problem as circuits are asked it.

    Parameters
    ----------
    problem : str
        Name of the problem that the circuit solves.
    matrix : ndarray, shape (m', n')
        Real.
    vectors : ndarray, shape (m',) or (m', K), optional
        Right-hand sides; None if none were given.
    parameters : dict
        Of the circuit, in the place of those that were given.
    restore : callable
        Takes solutions along the last axis (..., n'); returns those of the problem, (..., n).
    error : callable, optional
        Takes restored solutions and answers (K, n); returns their relative errors.  None: the
        error of the circuit's own solution is that of the restored one.
    is_unique : callable, optional
        In the place of `Problem.is_unique` of the circuit's problem.
    """

    problem: str
    matrix: Array
    vectors: Array | None
    parameters: dict[str, Any] = field(default_factory=dict)
    restore: Callable[[Array], Any] = _unchanged
    error: Callable[[Array, Array], Array] | None = None
    is_unique: Callable[[Circuit, Array, Array], NDArray[np.bool_]] | None = None
