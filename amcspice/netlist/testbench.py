"""`make_testbench`: what a deck holds of a circuit, its network whole or reduced to its ports.

Every writer (deck text, PySpice export) takes a `Testbench`, so that none of them has to know
whether the network was reduced.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit.base import Amplifiers, Array, Schematic
from amcspice.circuit.capacitance import Capacitors
from amcspice.circuit.network import Network, Nodes

__all__ = ["PortNetwork", "Testbench", "make_testbench"]


@dataclass(frozen=True)
class Transient:
    """How the right-hand sides are streamed through one transient.

    Parameters
    ----------
    window : float
        Time given to each right-hand side [s].
    max_step : float
        Largest time step [s].
    rise : float
        Duration of each input step [s].
    relative_tolerance : float
        ``reltol`` of the simulator.
    solver : {"sparse", "klu"}
        Matrix solver.
    charge_tolerance : float
        ``chgtol`` of the simulator [C].
    damping : float
        By how much the trapezoidal rule weights the new instant more than one half.
    damped : bool
        Integrate by Gear's method, which loses what the trapezoidal rule lets ring for many
        steps: the node of an amplifier that has just reached its rail.
    """

    window: float
    max_step: float
    rise: float
    relative_tolerance: float = 1e-4
    solver: str = "sparse"
    charge_tolerance: float = 1e-16
    damping: float = 0.01
    damped: bool = False

    def with_changes(
        self,
        *,
        window: float | None = None,
        max_step: float | None = None,
        solver: str | None = None,
    ) -> Transient:
        """Return a copy with what is given changed; in a shorter window steps are shorter."""
        changed = self
        if window is not None:
            step = self.max_step * min(window / self.window, 1.0)
            changed = replace(changed, window=window, max_step=step)
        if max_step is not None:
            changed = replace(changed, max_step=max_step)
        if solver is not None:
            changed = replace(changed, solver=solver)
        return changed

    @property
    def options(self) -> str:
        """Simulator options as they stand in the deck."""
        solver = " klu" if self.solver == "klu" else ""
        method = "gear" if self.damped else f"trap xmu={0.5 - self.damping:.6g}"
        return (
            f"reltol={self.relative_tolerance:g} abstol=1e-12 vntol=1e-6 "
            f"chgtol={self.charge_tolerance:g} method={method}{solver}"
        )


@dataclass(frozen=True, eq=False)
class Stimulus:
    """Sources at nodes, one row a right-hand side.

    Parameters
    ----------
    nodes : ndarray of int, shape (p,)
        Node of each current.
    currents : ndarray, shape (K, p)
        Injected into the node [A], or its voltage [V].
    windows : ndarray, shape (K,), optional
        Time given to each right-hand side [s]; None is that of the transient.
    is_driven : ndarray of bool, shape (p,), optional
        Which are voltage sources; None is none.
    """

    nodes: Nodes
    currents: Array
    windows: Array | None = None
    is_driven: NDArray[np.bool_] | None = None

    def edges(self, transient: Transient) -> Array:
        """Return the times of the input steps and the end, shape (K + 1,) [s]."""
        count = len(self.currents)
        windows = np.full(count, transient.window) if self.windows is None else self.windows
        return np.append(0.0, np.cumsum(windows))


class PortNetwork(Protocol):
    """A network reduced to its ports: `amcspice.reduction.PortModel`, or what a `Core` leaves."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the ports."""
        ...

    @property
    def conductance(self) -> Array:
        """Conductance matrix of the ports, symmetric [S]."""
        ...

    @property
    def nodes(self) -> Nodes:
        """Nodes of the ports in the network that was reduced."""
        ...

    @property
    def network(self) -> Network:
        """Conductances between the ports; port k is node k + 1."""
        ...

    def port_currents(self, currents: Array) -> Array:
        """Return what injected currents (K, q) amount to at the ports, shape (K, P) [A]."""
        ...


@dataclass(frozen=True, eq=False)
class Testbench:
    """A network, the amplifiers at it and the currents into it.

    Parameters
    ----------
    network : Network
    amplifiers : tuple of Amplifiers
        Pins are nodes of ``network``.
    stimulus : Stimulus
        Nodes are nodes of ``network``.
    ports : ndarray of int
        Nodes that amplifiers or capacitors of the reduced network touch, in the order of the
        schematic's ports.
    capacitors : tuple of (ndarray, ndarray)
        Nodes of ``network`` with a capacitance to ground, and the capacitances [F].
    """

    network: Network
    amplifiers: tuple[Amplifiers, ...]
    stimulus: Stimulus
    ports: Nodes
    capacitors: Capacitors


def make_testbench(
    schematic: Schematic,
    currents: Array,
    model: PortNetwork | None = None,
    windows: Array | None = None,
) -> Testbench:
    """Return a testbench of a schematic.

    Parameters
    ----------
    schematic : Schematic
    currents : ndarray, shape (K, q)
        Injected, see `Schematic.currents` [A].
    model : PortNetwork, optional
        Takes the place of the network; None draws every cell.  Outputs that are none of its nodes
        stand at ground.
    windows : ndarray, shape (K,), optional
        See `Stimulus`.
    """
    if model is None:
        return Testbench(
            network=schematic.network,
            amplifiers=schematic.amplifiers,
            stimulus=Stimulus(schematic.injected, currents, windows, schematic.is_driven),
            ports=schematic.ports,
            capacitors=schematic.flat_capacitors or schematic.capacitors,
        )
    ports = np.arange(1, len(model.network))
    place = np.zeros(schematic.ports.max() + 1, dtype=np.intp)
    place[model.nodes] = ports
    nodes, farads = schematic.capacitors
    return Testbench(
        network=model.network,
        amplifiers=tuple(_at_ports(schematic, place)),
        stimulus=Stimulus(ports, model.port_currents(currents), windows),
        ports=ports,
        capacitors=(place[nodes], farads),
    )


def _at_ports(schematic: Schematic, place: Nodes) -> Iterator[Amplifiers]:
    for bank in schematic.amplifiers:
        yield replace(bank, plus=place[bank.plus], minus=place[bank.minus], out=place[bank.out])
