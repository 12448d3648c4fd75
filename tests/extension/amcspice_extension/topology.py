"""A topology: the dominant-diagonal inverse with a resistor of its own in every loop.

x = (A + d I)^-1 b, with d I a resistor from each output back to its row.
"""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from amcspice.circuit import GROUND, Amplifiers, Circuit, Network, Schematic
from amcspice.circuit.crossbar import Crossbar
from amcspice.device import map_matrix
from amcspice.schema import Quantity


@dataclass(frozen=True, eq=False)
class LoadedINV(Circuit):
    """Rows end at inverting inputs, outputs drive columns and, through d, their own rows."""

    name: ClassVar[str] = "loaded-inv"
    problems: ClassVar[tuple[str, ...]] = ("loaded-inv",)
    square: ClassVar[bool] = True

    loading: Annotated[
        float,
        Field(ge=0, description="Conductance from each output to its row, over the largest entry."),
        Quantity("", (1e-3, 1e3)),
    ] = field(default=0.5, kw_only=True)

    @property
    def mapping(self):
        return map_matrix(self.matrix, self.device.g_max)

    def _wire_up(self):
        n, network = len(self.matrix), Network()
        x, row = network.nodes("x", n), network.nodes("r", n)
        network.connect(row, x, self.loading * self.mapping.scale)
        cells = self.device.program(self.mapping.target, 0, self.cycle)
        crossbar = Crossbar.of(self.wire, cells, row, x, row_lead=None, column_leads=None)
        bank = Amplifiers("x", plus=np.full(n, GROUND), minus=row, out=x)
        gain = np.full(n, -self.mapping.scale)
        return Schematic(network, (crossbar,), (bank,), row, gain, x, cells.size)
