"""Cells of a network as sub-circuits in its deck: their lines, and what a result must hold.

A conductance that no single cell has, as those that compensate a line, is that of several equal
cells in parallel: one of them stands in the deck, and a source gives the current of the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit.network import Network
from amcspice.device import LiveCells
from amcspice.netlist.cell_circuit import CellCircuit

__all__ = ["CellInstances"]

Array = NDArray[np.float64]

ROUNDING = 1e-9
"""By how much, as a fraction, a conductance may exceed the largest of one cell."""


@dataclass(frozen=True, eq=False)
class CellInstances:
    """The cells of one network.

    Parameters
    ----------
    cells : LiveCells
    circuit : CellCircuit
        Their sub-circuit.
    names : tuple of str
        Nodes at word and bit lines, without ground, each once.
    word, bit : ndarray of int, shape (cells,)
        Place of a cell's node among the names; -1 is ground.
    states : ndarray, shape (cells,)
        At the beginning.
    parallel : ndarray of int, shape (cells,)
        Equal cells between the same two nodes.
    """

    cells: LiveCells
    circuit: CellCircuit
    names: tuple[str, ...]
    word: NDArray[np.intp]
    bit: NDArray[np.intp]
    states: Array
    parallel: NDArray[np.intp]

    @classmethod
    def of(cls, network: Network, cells: LiveCells) -> CellInstances:
        """Make the instances of a network whose cells have its conductances at 0 V.

        Raises
        ------
        InputError
            See `CellCircuit.of`.
        """
        a, b, value = network.elements
        here = network.are_cells
        a, b, conductance = a[here], b[here], value[here]
        largest = cells.conductances(np.array([cells.model.low, cells.model.high])).max()
        parallel = np.ceil(conductance / largest * (1 - ROUNDING)).astype(int)
        states = cells.states(np.minimum(conductance / parallel, largest))
        nodes = np.unique(np.concatenate([a, b]))
        place = np.full(len(network), -1)
        place[nodes[nodes > 0]] = np.arange(np.count_nonzero(nodes))
        names = network.names
        return cls(
            cells, CellCircuit.of(cells.model), tuple(names[k] for k in nodes if k),
            place[a], place[b], states, parallel,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.states)

    @property
    def state_vectors(self) -> tuple[str, ...]:
        """Nodes of the states; empty of cells without any."""
        vectors = (self.circuit.state_vector(str(k)) for k in range(len(self)))
        return tuple(name for name in vectors if name is not None)

    @property
    def saved(self) -> tuple[str, ...]:
        """Nodes that a result must hold."""
        return self.names + self.state_vectors

    def lines(self) -> Iterator[str]:
        """Yield the library and the cells."""
        yield from self.circuit.library
        names = (*self.names, "0")  # -1 is ground
        columns = (self.word, self.bit, self.states, self.parallel)
        for k, (word, bit, state, count) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        ):
            at, to = names[word], names[bit]
            if count > 1:
                yield f"Vm_{k} {at} m_{k} 0"
                yield f"Fm_{k} {at} {to} Vm_{k} {count - 1}"
                at = f"m_{k}"
            yield from self.circuit.instance(str(k), at, to, state)
