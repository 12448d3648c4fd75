"""The nodes inside a network: their voltages, and what currents into them amount to at its ends.

With the terminals t held at V_t and the currents J into nodes, L the node conductance matrix
(G. Kron's elimination of the interior nodes e):

    V_e = L_ee^-1 (J_e - L_et V_t),        I_t = J_t - L_te L_ee^-1 J_e
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from amcspice.circuit.base import Array, Schematic
from amcspice.circuit.network import Nodes

__all__ = ["Interior"]


@dataclass(frozen=True, eq=False)
class Interior:
    """A network whose terminals are the pins of amplifiers and the nodes that sources drive.

    Parameters
    ----------
    size : int
        Nodes of the network, ground included.
    terminals : ndarray of int, shape (T,)
        Pins and driven nodes.
    inner : ndarray of int, shape (I,)
        All others.
    coupling : sparse array, shape (I, T)
        L_et [S].
    factor : object
        Sparse factorisation of L_ee; None where there are no inner nodes.
    """

    size: int
    terminals: Nodes
    inner: Nodes
    coupling: Any
    factor: Any

    @classmethod
    def of(cls, schematic: Schematic) -> Interior:
        """Factorise the network of a schematic, cell by cell."""
        network = schematic.network
        laplacian = network.laplacian()
        driven = schematic.injected[schematic.is_driven]
        terminals = np.union1d(schematic.ports, driven)
        inner = np.setdiff1d(np.arange(1, len(network)), terminals)
        factor = None
        if inner.size:
            between = sp.csc_array(laplacian[inner - 1][:, inner - 1])
            options = {"SymmetricMode": True}
            factor = splu(between, permc_spec="MMD_AT_PLUS_A", options=options)
        coupling = sp.csr_array(laplacian[inner - 1][:, terminals - 1])
        return cls(len(network), terminals, inner, coupling, factor)

    def into(self, injected: Array) -> Array:
        """Return what currents into nodes (K, nodes) amount to at the terminals, (K, T) [A]."""
        into = injected[:, self.terminals]
        if self.factor is None:
            return into
        passed: Array = into - self._solve(injected[:, self.inner]) @ self.coupling
        return passed

    def voltages(self, injected: Array, held: Array) -> Array:
        """Return the voltages of all nodes, shape (K, nodes) [V].

        Parameters
        ----------
        injected : ndarray, shape (K, nodes)
            Currents into the nodes [A].
        held : ndarray, shape (K, T)
            Voltages of the terminals [V].
        """
        voltages = np.zeros((len(injected), self.size))
        voltages[:, self.terminals] = held
        if self.factor is not None:
            currents = injected[:, self.inner] - held @ self.coupling.T
            voltages[:, self.inner] = self._solve(currents)
        return voltages

    def _solve(self, currents: Array) -> Array:
        solution: Array = self.factor.solve(np.ascontiguousarray(currents.T)).T
        return solution
