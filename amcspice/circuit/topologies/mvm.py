"""Matrix-vector product in one step.

Columns are driven by the input voltages, rows end at transimpedance amplifiers with feedback
g_f: y = -(G x) / g_f.  It settles at the rate w_u g_f / (g_f + sum_j G_ij).  The inputs are
driven with the opposite sign, so that outputs are +A x.

A gain a row lets every row use the full range of its cells: row i stands in them q_i = max|A| /
max|A_i| times larger, and its output is read as so much less, or its feedback is q_i g_f.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from amcspice.circuit.base import Amplifiers, Array, Circuit, Schematic
from amcspice.circuit.crossbar import Crossbar
from amcspice.circuit.network import Network
from amcspice.circuit.parts.cell_voltage import across, passive_lines
from amcspice.circuit.parts.differential import (
    Compensation,
    DifferentialLines,
    line_totals,
    parts,
)
from amcspice.circuit.parts.effective import DrivenColumns
from amcspice.circuit.parts.feedback import Feedback
from amcspice.circuit.parts.predistortion import predistorted
from amcspice.device import LargestEntry, Mapping, map_matrix

__all__ = ["MVM"]

RowGain = Literal["one", "read-out", "feedback"]


@dataclass(frozen=True, eq=False)
class MVM(Circuit):
    """Matrix-vector product y = A x; see `Circuit` for the other parameters.

    Examples
    --------
    >>> import amcspice as amc
    >>> circuit = amc.MVM([[1.0, -2.0], [0.5, 1.0]])
    >>> amc.simulate(circuit, [1.0, 0.25], fidelity="dc").x.round(3)
    array([0.5 , 0.75])
    """

    name: ClassVar[str] = "mvm"
    problems: ClassVar[tuple[str, ...]] = ("mvm",)
    predistorts: ClassVar[bool] = True
    signed: ClassVar[bool] = True
    outputs_drive_cells: ClassVar[bool] = False

    feedback: Feedback = field(default=1.0, kw_only=True)
    largest_entry: LargestEntry = field(default=0.0, kw_only=True)
    row_gain: Annotated[
        RowGain,
        Field(
            description="One gain for all rows, or one for each, so that it uses the full range of "
            "its cells: in how its output is read, or in the feedback of its amplifier."
        ),
    ] = field(default="one", kw_only=True)
    compensation: Compensation = field(default=True, kw_only=True)

    @cached_property
    def mapping(self) -> Mapping:
        """How the matrix stands in the array."""
        mapping = map_matrix(
            self.matrix,
            self.device.g_max,
            "matrix" if self.row_gain == "one" else "rows",
            largest=self.largest_entry,
        )
        return predistorted(mapping, self._array(mapping))[0]

    def _array(self, mapping: Mapping) -> DrivenColumns:
        """Return what holds the matrix, behind its wires."""
        extra = tuple(self._feedbacks_on(mapping).tolist())
        return DrivenColumns(self.wire, self.device, extra=extra, compensation=self.compensation)

    def _feedbacks_on(self, mapping: Mapping) -> Array:
        feedback: Array = np.full(len(self.matrix), self.feedback * self.device.g_max)
        return feedback * mapping.row_scale if self.row_gain == "feedback" else feedback

    @property
    def input_size(self) -> int:
        """Length of x."""
        return int(self.matrix.shape[1])

    @property
    def output_scale(self) -> Array:
        """What a row stands larger by in its cells, where the read-out makes up for it."""
        if self.row_gain == "read-out":
            return np.ones(len(self.matrix)) / self.mapping.row_scale
        return np.ones(len(self.matrix))

    @property
    def feedbacks(self) -> Array:
        """Conductance across each amplifier, shape (m,) [S]."""
        return self._feedbacks_on(self.mapping)

    @property
    def objective(self) -> str:
        """What it finds."""
        return "y = A b, for inputs b"

    @property
    def _input_volts(self) -> float:
        """Input volts for one volt at the output, both in units of the problem."""
        return self.feedback * self.device.g_max / self.mapping.scale

    def _largest_swing(self, vectors: Array, scaled: Array) -> float:
        """Return the inputs over the rows: outputs stand across the feedback, which is no cell."""
        inputs = vectors * self._input_volts
        positive, negative = parts(self.mapping.target)
        totals = line_totals(positive, negative, self.feedbacks, compensation=self.compensation)
        rows = passive_lines(inputs, negative, totals)
        return across(inputs, rows)

    def _wire_up(self) -> Schematic:
        target, wire, network = self.mapping.target, self.wire, Network()
        m, n = target.shape
        inputs, y = network.nodes("u", n), network.nodes("y", m)
        lines = DifferentialLines.of(
            network,
            ("s", "p"),
            target,
            self.device,
            cycle=self.cycle,
            arrays=(0, 1, 2),
            extra=self.feedbacks,
            compensation=self.compensation,
        )
        network.connect(lines.minus, y, self.feedbacks)
        crossbar = Crossbar.of(
            wire,
            lines.cells,
            lines.lines,
            inputs,
            row_lead=wire.termination,
            column_leads=wire.driver,
            row_ground=lines.grounded,
        )
        return Schematic(
            peripheral=network,
            crossbars=(crossbar,),
            amplifiers=(Amplifiers("y", plus=lines.plus, minus=lines.minus, out=y),),
            inputs=inputs,
            input_gain=np.full(n, -self._input_volts),
            outputs=y,
            cells=lines.count,
            driven=True,
        )
