"""Circuits at rest whose cells are no straight lines.

A cell with the conductance g at 0 V and the curve i(v) is a resistor g with a current source
e = i(v) - g v beside it, its companion (L. W. Nagel, SPICE2, Memorandum UCB/ERL M520, 1975).  All
but the e is the linear network that was reduced, with its amplifiers and constraints: for given e
the rest solver finds the rest, limits included, this gives the voltages of the cells, and these
give e.  The fixed point is found with every factor kept, by Anderson's mixing.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.device.curve import Curve
from amcspice.engine.batch import Batch, Beyond, Drive
from amcspice.engine.dc.mixing import Anderson
from amcspice.engine.dc.solver import RestSolver
from amcspice.errors import SimulationError, UnstableError, UnsupportedError
from amcspice.reduction import Interior

__all__ = ["CurvedRest", "with_curves"]

MOST_ITERATIONS = 60

REST = 1e-11
"""Change of the cells' currents that ends the iteration, as a fraction of the largest current."""

ASTRAY = 1e6
"""Change that ends it as hopeless, over the largest current of the linear circuit."""

FIRST, LONGER = 1.5, 1.3
"""Voltages beyond this factor of the largest one of the linear circuit count as if they were that,
and with each iteration beyond a larger one: a first step may go far astray."""

SMALL = 1e-5
"""Half of the voltage by which slopes are taken [V]."""

MOST_NUMBERS = 2_000_000
"""Currents of cells that are iterated together."""


def with_curves(batch: Batch, drive: Drive, *, strict: bool) -> Drive:
    """Return a drive with what cells carry at rest beyond their conductances.

    Parameters
    ----------
    batch : Batch
    drive : Drive
    strict : bool
        Whether what is not found is an error; else it is not a number.

    Raises
    ------
    SimulationError
        If currents of cells come to no rest.
    """
    if batch.circuit.device.curve is None or batch.circuit.device.fluctuates:
        return drive
    parts = [
        _of_circuit(solver, currents, into, strict=strict)
        for solver, currents, into in zip(_solvers(batch), drive.currents, drive.into, strict=True)
    ]
    beyond = Beyond(*(np.stack(column) for column in zip(*parts, strict=True)))
    return dataclasses.replace(
        drive,
        into=drive.into + np.nan_to_num(beyond.into),
        local=drive.local + beyond.local,  # not known: the power is not, either
        beyond=beyond,
    )


@functools.lru_cache(maxsize=4)
def _solvers(batch: Batch) -> list[CurvedRest | None]:
    """Return the solver of each circuit; None for one without a rest."""
    return [_solver(batch.take([number])) for number in range(len(batch))]


def _solver(batch: Batch) -> CurvedRest | None:
    try:
        return None if batch.circuit.rail_limited else CurvedRest.of(batch)
    except (UnsupportedError, UnstableError):
        return None


def _of_circuit(
    solver: CurvedRest | None, currents: Array, into: Array, *, strict: bool
) -> tuple[Array, Array, Array, NDArray[np.intp]]:
    """Return the fields of `Beyond` of one circuit."""
    if solver is None:
        unknown = np.full(into.shape, np.nan)
        return unknown, unknown[:, 0], unknown[:, 0], np.zeros(len(into), np.intp)
    excess, voltage, found = solver.solve(currents, into)
    lost = np.flatnonzero(np.logical_not(found))
    if lost.size and strict:
        raise SimulationError(
            f"right-hand side {lost[0]}: currents through cells with "
            f"{solver.curve.words} come to no rest in at most "
            f"{MOST_ITERATIONS} iterations; take a smaller read_voltage, or flat fidelity"
        )
    excess[lost], voltage[lost] = np.nan, np.nan
    size = np.abs(voltage)
    at_ports, local = solver.at_ports(excess), solver.local(currents, excess)
    return at_ports, local, size.max(axis=1, initial=0.0), np.argmax(size, axis=1)


@dataclass(frozen=True, eq=False)
class CurvedRest:
    """Finds what the cells of a circuit carry at rest.

    Parameters
    ----------
    circuit : Circuit
    solver : RestSolver
        Of the circuit with cells that keep their conductances at 0 V.
    interior : Interior
    incidence : sparse array, shape (E, nodes)
        1 where a cell begins, -1 where it ends.
    conductance : ndarray, shape (E,)
        Of the cells in the network: that at 0 V, or a slope of their curves [S].
    zero_bias : ndarray, shape (E,)
        Of the cells at 0 V [S].
    curve : Curve
    """

    circuit: Circuit
    solver: RestSolver
    interior: Interior
    incidence: Any
    conductance: Array
    zero_bias: Array
    curve: Curve

    @classmethod
    def of(cls, batch: Batch) -> CurvedRest:
        """Make the solver of a batch of one circuit.

        Raises
        ------
        UnsupportedError, UnstableError
            See `RestSolver`.
        """
        circuit, schematic, curve = (
            batch.circuit,
            batch.circuit.schematic,
            batch.circuit.device.curve,
        )
        assert curve is not None
        if circuit.device.live is not None:
            circuit = dataclasses.replace(circuit, device=circuit.device.frozen)
        held = schematic
        if circuit.tangent is not None:
            held = dataclasses.replace(circuit, tangent=None).schematic
        solver = RestSolver(circuit, batch, check_stability=False)
        network, cells = schematic.network, schematic.network.are_cells
        a, b, conductance = network.elements
        a, b, conductance = a[cells], b[cells], conductance[cells]
        number = np.arange(len(a))
        ends = np.concatenate([a, b]), np.concatenate([number, number])
        signs = np.repeat([1.0, -1.0], len(a))
        incidence = sp.csr_array((signs, ends[::-1]), shape=(len(a), len(network)))
        own = held.network.elements[2][held.network.are_cells]
        return cls(circuit, solver, Interior.of(schematic), incidence, conductance, own, curve)

    @functools.cached_property
    def _excess(self) -> Any:
        beyond = self.curve.excess(self.zero_bias)
        if self.zero_bias is self.conductance:
            return beyond
        more = self.zero_bias - self.conductance
        return lambda voltage: beyond(voltage) + more * voltage

    def slopes(self, voltage: Array) -> Array:
        """Return the slopes of the curves at voltages (K, E), the same shape [S]."""
        beyond = self._excess
        rise: Array = (beyond(voltage + SMALL) - beyond(voltage - SMALL)) / (2 * SMALL)
        return self.conductance + rise

    @functools.cached_property
    def _ports(self) -> Any:
        """Places of the ports among the terminals."""
        return np.searchsorted(self.interior.terminals, self.circuit.schematic.ports)

    def solve(self, currents: Array, into: Array) -> tuple[Array, Array, Array]:
        """Return currents beyond g v, voltages of the cells, both (K, E), and what was found.

        Parameters
        ----------
        currents : ndarray, shape (K, q)
            What the sources give [A] or [V].
        into : ndarray, shape (K, P)
            What that amounts to at the ports [A].
        """
        size = max(1, MOST_NUMBERS // max(len(self.conductance), 1))
        rows = [slice(first, first + size) for first in range(0, len(into), size)]
        parts = [self._iterate(currents[part], into[part]) for part in rows]
        excess, voltage, found = (np.concatenate(column) for column in zip(*parts, strict=True))
        return excess, voltage, found

    def straight(self, currents: Array, into: Array) -> Array:
        """Return voltages of the cells while they are straight lines, shape (K, E) [V]."""
        injected, held = self._sources(currents)
        return self._voltages(np.zeros((len(into), len(self.conductance))), injected, held, into)

    def _iterate(self, currents: Array, into: Array) -> tuple[Array, Array, Array]:
        injected, held = self._sources(currents)
        excess = np.zeros((len(into), len(self.conductance)))
        voltage = self._voltages(excess, injected, held, into)
        limit = FIRST * np.abs(voltage).max(axis=1, keepdims=True, initial=0.0)
        mixing, found = Anderson(), np.zeros(len(into), bool)
        size = np.abs(self.conductance * voltage).max(initial=0.0)
        with np.errstate(all="ignore"):
            for _ in range(MOST_ITERATIONS):
                image = self._excess(np.clip(voltage, -limit, limit))
                largest = np.abs(self.conductance * voltage).max(axis=1, initial=0.0)
                moved = np.abs(image - excess).max(axis=1, initial=0.0)
                within = np.abs(voltage).max(axis=1, initial=0.0) <= limit[:, 0]
                found = (moved <= REST * largest) & within
                astray = not np.isfinite(moved).all() or moved.max(initial=0.0) > ASTRAY * size
                if found.all() or astray:
                    break
                excess = mixing.next(excess, image)
                voltage = self._voltages(excess, injected, held, into)
                limit = limit * LONGER
        return excess, voltage, found

    def _sources(self, currents: Array) -> tuple[Array, Array]:
        """Return currents into the nodes (K, nodes) [A], and voltages of driven ones (K, T) [V]."""
        schematic, nodes = self.circuit.schematic, self.interior.size
        driven, at = schematic.is_driven, schematic.injected
        into = np.zeros((nodes, len(currents)))
        np.add.at(into, at[~driven], currents[:, ~driven].T)
        held = np.zeros((len(currents), len(self.interior.terminals)))
        held[:, np.searchsorted(self.interior.terminals, at[driven])] = currents[:, driven]
        return into.T, held

    def _voltages(self, excess: Array, injected: Array, held: Array, into: Array) -> Array:
        """Return the voltages of the cells at the rest with given excess currents (K, E) [V]."""
        companion = self._companion(excess)
        rest = self.solver.solve(into + self.interior.into(companion)[:, self._ports])
        held = held.copy()
        held[:, self._ports] = rest.voltages
        nodes = self.interior.voltages(injected + companion, held)
        voltage: Array = nodes @ self.incidence.T
        return voltage

    def _companion(self, excess: Array) -> Array:
        """Return what excess currents (K, E) give to the nodes, shape (K, nodes) [A]."""
        companion: Array = -(excess @ self.incidence)
        return companion

    def at_ports(self, excess: Array) -> Array:
        """Return what excess currents (K, E) amount to at the ports, shape (K, P) [A]."""
        return self.interior.into(self._companion(excess))[:, self._ports]

    def local(self, currents: Array, excess: Array) -> Array:
        """Return what sources deliver into excess currents with all ports at 0 V, (K,) [W].

        Parameters
        ----------
        currents : ndarray, shape (K, q)
            What the sources give [A] or [V].
        excess : ndarray, shape (K, E)
            Of the cells [A].
        """
        companion, (injected, held) = self._companion(excess), self._sources(currents)
        raised = self.interior.voltages(companion, np.zeros_like(held))
        into = self.interior.into(companion)
        power: Array = (injected * raised).sum(axis=1) - (held * into).sum(axis=1)
        return power
