"""`Record`: right-hand sides and ranges of operations, as far as memory is set aside for them."""

from __future__ import annotations

import bisect

import numpy as np

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.errors import InputError
from amcspice.simulation.conversion import Inputs

__all__ = ["Record"]

MOST_VALUES, MOST_CALLS = 4_000_000, 20_000
"""Numbers and calls that are kept; later operations are counted only."""


class Record:
    """The first operations of a chip."""

    def __init__(self) -> None:
        self._calls: list[tuple[Circuit, Array, Array]] = []
        self._ends: list[int] = []
        self._values = 0
        self._count = 0

    def add(self, circuit: Circuit, vectors: Array, volts: Array) -> None:
        """Keep the operations of a call, as many as there is room for.

        Parameters
        ----------
        circuit : Circuit
        vectors : ndarray, shape (K, m)
        volts : ndarray, shape (K,)
        """
        whole = self._count == (self._ends[-1] if self._ends else 0)
        self._count += len(vectors)
        room = (MOST_VALUES - self._values) // (vectors.shape[1] + 1)
        if not whole or room <= 0 or len(self._calls) >= MOST_CALLS:
            return
        kept = min(room, len(vectors))
        self._calls.append((circuit, vectors[:kept].copy(), volts[:kept].copy()))
        self._ends.append((self._ends[-1] if self._ends else 0) + kept)
        self._values += kept * (vectors.shape[1] + 1)

    def at(self, number: int) -> tuple[Circuit, Array, float]:
        """Return circuit, right-hand side as it was sent (m,) and range of an operation.

        Raises
        ------
        InputError
            If there is none, or it was not kept.
        """
        if not isinstance(number, int | np.integer) or not 0 <= number < self._count:
            raise InputError(f"operation {number!r}: there are {self._count}, counted from 0")
        kept = self._ends[-1] if self._ends else 0
        if number >= kept:
            raise InputError(
                f"operation {number}: its right-hand side was not kept, only those of the first "
                f"{kept}"
            )
        call = bisect.bisect_right(self._ends, number)
        circuit, vectors, volts = self._calls[call]
        row = int(number) - (self._ends[call - 1] if call else 0)
        rows = slice(row, row + 1)
        return circuit, Inputs(circuit, vectors[rows]).at_each(volts[rows])[0], float(volts[row])
