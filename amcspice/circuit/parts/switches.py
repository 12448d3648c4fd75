"""Switches between the lines of a reconfigurable macro and what they may be connected to."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from amcspice.circuit.network import GROUND, Network, Nodes
from amcspice.schema import Name, Quantity, parameters

__all__ = ["Switches"]

_OHM = Quantity("ohm", (1e-3, 1e18))


@parameters
class Switches:
    """Resistances of the switches of a macro.

    Examples
    --------
    >>> import amcspice as amc
    >>> macro = amc.Macro([[1.0, 0.2], [0.3, 0.8]], switch_on="50 ohm", switch_off="1 Gohm")
    >>> macro.circuit("inv").switches == amc.Switches(on=50.0, off=1e9)
    True
    """

    on: Annotated[
        float | None,
        Field(
            gt=0,
            description="Resistance of a closed switch of a macro circuit; none is an ideal "
            "connection.",
        ),
        _OHM,
        Name("switch_on"),
    ] = 100.0
    off: Annotated[
        float | None,
        Field(
            gt=0, description="Resistance of an open switch of a macro circuit; none is no leak."
        ),
        _OHM,
        Name("switch_off"),
    ] = 1e9

    def __post_init__(self) -> None:
        """Refuse switches that are open when closed."""
        if self.on is not None and self.off is not None and self.off <= self.on:
            raise ValueError(f"off = {self.off:g} ohm must be above on = {self.on:g} ohm")

    def closed(self, network: Network, name: str, to: Nodes) -> Nodes:
        """Return nodes that closed switches join to others; the same nodes if they are ideal.

        Parameters
        ----------
        network : Network
            Takes the switches.
        name : str
            Prefix of the new nodes.
        to : ndarray of int, shape (k,)
        """
        if self.on is None:
            return to
        nodes = network.nodes(name, len(to))
        network.connect(nodes, to, 1 / self.on)
        return nodes

    def opened(self, network: Network, a: ArrayLike, b: ArrayLike = GROUND) -> None:
        """Add the leak of open switches between nodes."""
        if self.off is not None:
            network.connect(a, b, 1 / self.off)

    def in_series(self, conductance: float) -> float:
        """Return what a conductance behind a closed switch amounts to [S]."""
        return conductance if self.on is None else 1 / (1 / conductance + self.on)

    def grounded(self, network: Network, name: str, count: int) -> Nodes:
        """Return nodes that closed switches hold at ground."""
        return self.closed(network, name, np.full(count, GROUND))
