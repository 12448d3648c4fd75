"""What all modes of a macro share; see the table in `amcspice.circuit.topologies.macro`."""

from __future__ import annotations

import numpy as np

from amcspice.circuit.base import Amplifiers, Array, Circuit
from amcspice.circuit.crossbar import Crossbar
from amcspice.circuit.network import GROUND, Network, Nodes
from amcspice.circuit.parts.effective import DrivenColumns
from amcspice.circuit.parts.switches import Switches

__all__ = ["MacroWiring", "first_array"]


def first_array(circuit: Circuit, switches: Switches) -> DrivenColumns:
    """Return array 1 behind wires and switches: corrected in the same way for every mode."""
    return DrivenColumns(circuit.wire, circuit.device, switch=switches.on or 0.0)


class MacroWiring:
    """The wiring that every mode has: array 1 on the word lines of the amplifiers R.

    Parameters
    ----------
    circuit : Circuit
        The macro in one of its modes.
    switches : Switches
    name : str
        Prefix of the nodes at the outputs of R.
    """

    def __init__(self, circuit: Circuit, switches: Switches, name: str) -> None:
        self.circuit, self.switches, self.network = circuit, switches, Network()
        m = len(circuit.matrix)
        self.summing, self.r = self.network.nodes("s", m), self.network.nodes(name, m)

    def first(self, bits: Nodes, name: str = "") -> Crossbar:
        """Return array 1, driven at its bit lines."""
        circuit = self.circuit
        cells = circuit.device.program(circuit.mapping.target, 0, circuit.cycle)
        wire = circuit.wire
        return self.crossbar(name, cells, self.summing, bits, wire.termination, wire.driver)

    def crossbar(
        self,
        name: str,
        cells: Array,
        rows: Nodes,
        columns: Nodes,
        row_lead: float | None,
        column_lead: float | None,
    ) -> Crossbar:
        """Return an array; leads are those of its word lines and of its bit lines [ohm]."""
        return Crossbar.of(
            self.circuit.wire,
            cells,
            rows,
            columns,
            row_lead=row_lead,
            column_leads=column_lead,
            name=name,
        )

    def bank(self, name: str) -> Amplifiers:
        """Return the amplifiers R."""
        ground = np.full(len(self.r), GROUND)
        return Amplifiers(name, plus=ground, minus=self.summing, out=self.r)

    def leak(self, bits: Nodes, *, from_r: bool, others: int) -> None:
        """Add the open switches at the bit lines of array 1; ``others`` end at 0 V."""
        for _ in range(others):
            self.switches.opened(self.network, bits)
        if from_r:
            self.opened_from_r(bits)

    def opened_from_r(self, to: Nodes) -> None:
        """Add open switches from the outputs R_j to nodes j."""
        both = min(len(self.r), len(to))
        self.switches.opened(self.network, self.r[:both], to[:both])

    def feed_back(self, conductance: float | None, *, branches: int) -> None:
        """Close one feedback branch, or none, and leave others open."""
        if conductance is not None:
            value = self.switches.in_series(conductance)
            self.network.connect(self.summing, self.r, value)
        for _ in range(branches):
            self.switches.opened(self.network, self.summing, self.r)

    def leave_x(self) -> None:
        """Leave array 2 and the inverters: both hang on R through open switches."""
        self.switches.opened(self.network, self.r)
        both = min(self.circuit.matrix.shape)
        self.switches.opened(self.network, self.r[:both])
