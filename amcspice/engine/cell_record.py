"""`CellRecord`: what cells that stand in decks as sub-circuits saw, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from amcspice.errors import SimulationError
from amcspice.netlist.live_cells import CellInstances

__all__ = ["SWITCHED", "CellRecord"]

Array = NDArray[np.float64]

SWITCHED = 0.1
"""Change of a conductance from which on it is not that of the cell that was programmed."""

STATE_ERROR = 1e-6
"""What a state at t = 0 may be off by, as a fraction of the range of states."""


@dataclass(frozen=True, eq=False)
class CellRecord:
    """Of N right-hand sides.

    Parameters
    ----------
    voltage : ndarray, shape (N,)
        Largest voltage across a cell at any time [V].
    drift : ndarray, shape (N,)
        Largest change of a cell's conductance at 0 V from the start of its simulation to the end
        of the right-hand side, as a fraction; nan of cells without a state.
    """

    voltage: Array
    drift: Array

    @classmethod
    def of(
        cls, cells: CellInstances, vectors: Mapping[str, Array], cuts: NDArray[np.intp]
    ) -> CellRecord:
        """Look through the result of one deck.

        Parameters
        ----------
        cells : CellInstances
        vectors : mapping of str to ndarray, each shape (T,)
            From t = 0 on.
        cuts : ndarray of int, shape (N + 1,)
            First sample of each right-hand side, and the last one.

        Raises
        ------
        SimulationError
            If a cell does not start in the state that was set.
        """
        nodes = np.stack([vectors[name] for name in cells.names], axis=1)
        nodes = np.pad(nodes, ((0, 0), (0, 1)))  # place -1 is ground
        largest = np.zeros(len(nodes))
        for word, bit in zip(cells.word, cells.bit, strict=True):
            np.maximum(largest, np.abs(nodes[:, word] - nodes[:, bit]), out=largest)
        voltage = np.array([largest[first : last + 1].max() for first, last in pairwise(cuts)])
        names = cells.state_vectors
        if not names:
            return cls(voltage, np.full(len(voltage), np.nan))
        states = np.stack([vectors[name][[0, 1, *cuts[1:]]] for name in names], axis=1)
        # What .ic holds at t = 0 may be let go of right after it: picoseconds move no state.
        for start in states[:2]:
            _check_start(cells, start)
        conductance = cells.cells.conductances(states[1:])
        drift = np.abs(conductance[1:] / conductance[0] - 1).max(axis=1)
        return cls(voltage, drift)

    def replaced(self, index: int, other: CellRecord) -> CellRecord:
        """Return it with the first of another one in the place of a right-hand side."""
        voltage, drift = self.voltage.copy(), self.drift.copy()
        voltage[index], drift[index] = other.voltage[0], other.drift[0]
        return CellRecord(voltage, drift)


def _check_start(cells: CellInstances, states: Array) -> None:
    model = cells.circuit.model
    away = np.abs(states - cells.states)
    worst = int(np.argmax(away))
    if away[worst] <= STATE_ERROR * (model.high - model.low):
        return
    names = (*cells.names, "0")
    where = f"{names[cells.word[worst]]} and {names[cells.bit[worst]]}"
    raise SimulationError(
        f"the cell between {where} starts in state {states[worst]:.6g}, not in "
        f"{cells.states[worst]:.6g}, which was set: is the voltage of {model.state_node} "
        f"(state_node) what the parameter {model.state} says, in its unit, and free to be set at "
        "t = 0?"
    )
