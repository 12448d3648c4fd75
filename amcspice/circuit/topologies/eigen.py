"""Dominant eigenvector by a loop that grows until a rail stops it.

Rows end at transimpedance amplifiers with feedback g_lambda, each followed by an inverter that
drives the same-numbered column.  With the feedback a little below the largest eigenvalue (the
detuning) the loop gain along the dominant eigenvector is above one: the outputs grow along it
until the largest inverter reaches a rail.

With that output p held, (1 - d) lambda_1 x_i = sum_j A_ij x_j for the others: x has a part
d lambda_1 / ((1 - d) lambda_1 - lambda_k) v_kp / v_1p along eigenvector v_k, in units of that along
v_1.  The inverters amplify a little, so that they meet the rail before the transimpedance
amplifiers; these give A x, one step of power iteration nearer, and there the direction is read:
every part is smaller by lambda_k / lambda_1.  The smaller the detuning, the smaller the error and
the slower the growth, both in proportion.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from amcspice.circuit.base import Amplifiers, Array, Circuit, Schematic, Swing
from amcspice.circuit.crossbar import Crossbar
from amcspice.circuit.network import GROUND, Network
from amcspice.circuit.parts.cell_voltage import across, passive_lines
from amcspice.circuit.parts.differential import (
    Compensation,
    DifferentialLines,
    line_totals,
    parts,
)
from amcspice.circuit.parts.effective import DrivenColumns
from amcspice.circuit.parts.predistortion import predistorted
from amcspice.device import Mapping, map_matrix
from amcspice.errors import InputError
from amcspice.schema import Quantity

__all__ = ["Eigen", "dominant"]

SYMMETRIC = 1e-9
"""Largest asymmetry, as a fraction of the largest entry."""


def dominant(matrix: Array) -> tuple[float, Array]:
    """Return the largest eigenvalue of a symmetric matrix and its eigenvector, of length one."""
    values, vectors = np.linalg.eigh(matrix)
    return float(values[-1]), vectors[:, -1]


@dataclass(frozen=True, eq=False)
class Eigen(Circuit):
    """Dominant eigenvector of a symmetric matrix; see `Circuit` for the other parameters.

    Right-hand sides are start vectors: what noise or offset give in hardware.  They choose the
    sign.

    Examples
    --------
    >>> import amcspice as amc
    >>> run = amc.simulate(amc.Eigen([[2.0, 1.0], [1.0, 2.0]]), [1.0, 0.0], fidelity="dc")
    >>> run.x.round(2)
    array([0.71, 0.71])
    """

    name: ClassVar[str] = "eigen"
    problems: ClassVar[tuple[str, ...]] = ("eig",)
    predistorts: ClassVar[bool] = True
    signed: ClassVar[bool] = True
    square: ClassVar[bool] = True
    rail_limited: ClassVar[bool] = True

    detuning: Annotated[
        float,
        Field(
            gt=0,
            lt=1,
            description="How far the feedback is below the eigenvalue, as a fraction of it.",
        ),
        Quantity(),
    ] = field(default=0.01, kw_only=True)
    eigenvalue: Annotated[
        Annotated[float, Quantity()] | Literal["search"] | None,
        Field(
            description="That the feedback is set by: a number; search looks for the largest one "
            "with which the circuit grows, as hardware can; none takes that of the matrix, which "
            "hardware does not know."
        ),
    ] = field(default=None, kw_only=True)
    kick: Annotated[
        float,
        Field(gt=0, lt=1, description="Size of the start, as a fraction of the output range."),
        Quantity(),
    ] = field(default=1e-5, kw_only=True)
    inverter_gain: Annotated[
        float,
        Field(
            gt=1,
            description="How much of the output range the transimpedance amplifiers leave unused: "
            "they reach its inverse.",
        ),
        Quantity("", (1, 100)),
    ] = field(default=1.25, kw_only=True)
    compensation: Compensation = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        """Validate."""
        super().__post_init__()
        matrix = self.matrix
        if np.abs(matrix - matrix.T).max() > SYMMETRIC * np.abs(matrix).max():
            raise InputError("matrix: it is not symmetric; the eigenvector circuit needs that")
        if self.set_by <= 0:
            raise InputError(
                f"the largest eigenvalue, {self.set_by:g}, is not positive: nothing grows"
            )

    @cached_property
    def set_by(self) -> float:
        """What the feedback is set by, before the detuning.

        A search begins at the largest sum of a row, in magnitudes: no eigenvalue is above it.
        """
        if self.eigenvalue == "search":
            return float(np.abs(self.matrix).sum(axis=1).max())
        return dominant(self.matrix)[0] if self.eigenvalue is None else self.eigenvalue

    @cached_property
    def mapping(self) -> Mapping:
        """How the matrix stands in the array."""
        mapping = map_matrix(self.matrix, self.device.g_max)
        return predistorted(mapping, self._array(mapping))[0]

    def _array(self, mapping: Mapping) -> DrivenColumns:
        """Return what holds the matrix, behind its wires.

        The cells must not depend on the feedback, which may be searched for: the largest it can be
        stands for it.
        """
        bound = float(np.abs(self.matrix).sum(axis=1).max()) * mapping.scale
        return DrivenColumns(
            self.wire,
            self.device,
            extra=self.inverter_gain * bound,
            compensation=self.compensation,
        )

    def vectors(self, b: ArrayLike) -> Array:
        """Return start vectors as an array of shape (K, n); none may be zero."""
        vectors = super().vectors(b)
        if not vectors.any(axis=1).all():
            where = int(np.flatnonzero(~vectors.any(axis=1))[0])
            raise InputError(f"right-hand side {where}: a start of zero grows into no direction")
        return vectors

    @property
    def objective(self) -> str:
        """What it finds."""
        return "the dominant eigenvector of A; b is the start"

    def range_of(self, swing: Swing, read_voltage: float) -> float:
        """Return the range in which the largest entry ends at the rail."""
        return self.opamp.highest_output / (self.inverter_gain * swing.outputs)

    def cell_voltage(self, swing: Swing, volts_per_unit: float) -> float:
        """Return what stands across cells where the largest inverter has come to a rail [V]."""
        return swing.cells

    def swing(self, vectors: Array, solutions: Array) -> Swing:
        """Return the largest output, and what stands across cells at the rail."""
        positive, negative = parts(self.mapping.target)
        extra = self.inverter_gain * (1 - self.detuning) * self.set_by * self.mapping.scale
        totals = line_totals(positive, negative, extra, compensation=self.compensation)
        rail = max(self.opamp.highest_output, -self.opamp.lowest_output)
        outputs = solutions / np.abs(solutions).max(axis=1, keepdims=True) * rail
        cells = across(outputs, passive_lines(outputs, negative, totals))
        return Swing(cells, float(np.abs(solutions).max()))

    @property
    def output_scale(self) -> Array:
        """Outputs have the opposite sign."""
        return -np.ones(len(self.matrix))

    def read_out(self, outputs: Array, volts_per_unit: float | Array) -> Array:
        """Return directions, shape (K, n), each of length one; outputs have the opposite sign."""
        length = np.linalg.norm(outputs, axis=1, keepdims=True)
        direction: Array = -outputs / np.where(length > 0, length, 1.0)
        return direction

    def _wire_up(self) -> Schematic:
        device, wire, network = self.device, self.wire, Network()
        n = len(self.matrix)
        x, residual = network.nodes("x", n), network.nodes("r", n)
        feedback = (1 - self.detuning) * self.set_by * self.mapping.scale
        lines = DifferentialLines.of(
            network,
            ("s", "p"),
            self.mapping.target,
            device,
            cycle=self.cycle,
            arrays=(0, 1, 2),
            extra=self.inverter_gain * feedback,
            compensation=self.compensation,
        )
        middle = network.nodes("m", n)
        network.connect(lines.minus, residual, self.inverter_gain * feedback)
        network.connect(middle, residual, device.g_max)
        network.connect(middle, x, device.g_max / self.inverter_gain)
        crossbar = Crossbar.of(
            wire,
            lines.cells,
            lines.lines,
            x,
            row_lead=wire.termination,
            column_leads=wire.driver,
            row_ground=lines.grounded,
        )
        return Schematic(
            peripheral=network,
            crossbars=(crossbar,),
            amplifiers=(
                Amplifiers("r", plus=lines.plus, minus=lines.minus, out=residual),
                Amplifiers("x", plus=np.full(n, GROUND), minus=middle, out=x),
            ),
            inputs=lines.minus,
            input_gain=np.full(n, self.kick * self.mapping.scale),
            outputs=residual,
            cells=lines.count,
        )
