"""What the rest solver gives of C circuits with K right-hand sides each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine.backend import Origin
from amcspice.engine.dc.static import StaticPorts
from amcspice.engine.supply import supply_currents

__all__ = ["ORIGIN", "Injected", "Rest"]

ORIGIN = Origin("dc", "active set")
"""What finds rests."""

FEW = 8
"""Sources over right-hand sides from which on it is quicker to take these to the ports first."""


@dataclass(frozen=True, eq=False)
class Injected:
    """What sources send into the ports.

    Parameters
    ----------
    currents : ndarray, shape (C, K, q)
        What the sources give; currents into the ports themselves where there is no transfer [A].
    transfer : ndarray, shape (q, P), optional
        See `PortModel`; of one circuit.
    """

    currents: Array
    transfer: Array | None = None

    def by(self, matrix: Array) -> Array:
        """Return ``matrix @ current`` for matrices (C, n, P), shape (C, K, n)."""
        factor = matrix.swapaxes(-1, -2)
        product: Array
        if self.transfer is None:
            product = self.currents @ factor
        elif self.currents.shape[1] * FEW < len(self.transfer):
            product = self._into_ports @ factor
        else:
            product = self.currents @ (self.transfer @ factor)
        return product

    @cached_property
    def _into_ports(self) -> Array:
        """Currents into the ports, shape (C, K, P) [A]."""
        return self.currents if self.transfer is None else self.currents @ self.transfer

    def rows(self, member: NDArray[np.intp], row: NDArray[np.intp]) -> Array:
        """Return the currents into the ports of some right-hand sides, shape (R, P) [A]."""
        currents = self.currents[member, row]
        return currents if self.transfer is None else currents @ self.transfer


@dataclass(frozen=True, eq=False)
class Rest:
    """Rests of C K right-hand sides, K of each circuit in order; nan where there is none.

    Parameters
    ----------
    sources : ndarray, shape (C K, k)
        Voltages behind the output resistances [V].
    held : ndarray, shape (C K, k)
        Currents through the hold devices [A].
    found : ndarray of bool, shape (C K,)
        Whether there is a rest.
    circuit : Circuit
        One of them.
    ports : StaticPorts
        Their equations.
    injected : Injected
    """

    sources: Array
    held: Array
    found: NDArray[np.bool_]
    circuit: Circuit
    ports: StaticPorts
    injected: Injected

    timeless: ClassVar[bool] = True
    exact: ClassVar[None] = None
    rate_error: ClassVar[float] = 0.0

    def __len__(self) -> int:
        return len(self.found)

    @property
    def time(self) -> Array:
        """Zeros: there is no time, shape (C K,)."""
        return np.zeros(len(self))

    @property
    def starts(self) -> NDArray[np.intp]:
        """Each right-hand side has one sample, shape (C K + 1,)."""
        return np.arange(len(self) + 1)

    @property
    def at_rest(self) -> NDArray[np.bool_]:
        """The same as ``found``."""
        return self.found

    @cached_property
    def voltages(self) -> Array:
        """Port voltages, shape (C K, P) [V]."""
        return self.at(slice(None))

    def at(self, ports: NDArray[np.intp] | slice) -> Array:
        """Return the voltages at some of the ports, shape (C K, n) [V]."""
        static = self.ports
        count, k = len(static.resistance), self.sources.shape[-1]
        sources, held = (part.reshape(count, -1, k) for part in (self.sources, self.held))
        voltages: Array = sources @ static.from_sources[:, ports].swapaxes(-1, -2)
        if static.hold.any():
            voltages -= held @ static.from_held[:, ports].swapaxes(-1, -2)
        voltages += self.injected.by(static.resistance[:, ports])
        voltages += static.bias[:, None, ports]
        return voltages.reshape(-1, voltages.shape[-1])

    @cached_property
    def delivered(self) -> Array:
        """Currents out of the outputs, shape (C K, k) [A]."""
        across: Array = self.sources - self.at(self.ports.out)
        return across / self.ports.rout

    @cached_property
    def supply(self) -> Array:
        """Currents out of both supplies, shape (C K, 2) [A]; see `supply_currents`."""
        return supply_currents(self.circuit, self.delivered, self.held)
