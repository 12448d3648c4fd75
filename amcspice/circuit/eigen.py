"""Dominant eigenvector by a loop that grows until a rail stops it.

Rows end at transimpedance amplifiers with feedback g_lambda, each followed by an inverter that
drives the same-numbered column; the negative part of a matrix is driven by the transimpedance
amplifiers themselves, which give -x.  With g_lambda a little below the largest eigenvalue (the
detuning) the loop gain along the dominant eigenvector is above one: the outputs grow along it
until the largest one reaches a rail.  The direction is read; the smaller the detuning, the less
the rail bends it, and the slower it grows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np

from amcspice.circuit.base import Amplifiers, Array, Circuit, Schematic
from amcspice.circuit.differential import parts
from amcspice.circuit.lattice import Lattice
from amcspice.circuit.network import GROUND, Network
from amcspice.device import Mapping, map_matrix
from amcspice.errors import InputError

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

    Parameters
    ----------
    detuning : float
        How far the feedback is below the eigenvalue, as a fraction of it.
    eigenvalue : float, optional
        That the feedback is set by; None takes the largest one of the matrix.
    kick : float
        Size of the start, as a fraction of the output range.
    """

    name: ClassVar[str] = "eigen"
    problems: ClassVar[tuple[str, ...]] = ("eig",)
    signed: ClassVar[bool] = True
    square: ClassVar[bool] = True
    rail_limited: ClassVar[bool] = True

    detuning: float = field(default=0.01, kw_only=True)
    eigenvalue: float | None = field(default=None, kw_only=True)
    kick: float = field(default=1e-5, kw_only=True)

    def __post_init__(self) -> None:
        """Validate."""
        super().__post_init__()
        matrix = self.matrix
        if np.abs(matrix - matrix.T).max() > SYMMETRIC * np.abs(matrix).max():
            raise InputError("matrix: it is not symmetric; the eigenvector circuit needs that")
        if not 0 < self.detuning < 1:
            raise InputError(f"detuning = {self.detuning} must be between 0 and 1")
        if not 0 < self.kick < 1:
            raise InputError(f"kick = {self.kick} must be between 0 and 1")
        if self._eigenvalue <= 0:
            raise InputError(
                f"the largest eigenvalue, {self._eigenvalue:g}, is not positive: nothing grows"
            )

    @cached_property
    def _eigenvalue(self) -> float:
        return dominant(self.matrix)[0] if self.eigenvalue is None else self.eigenvalue

    @cached_property
    def mapping(self) -> Mapping:
        """How the matrix stands in the array; the feedback must fit in too."""
        return map_matrix(self.matrix, self.device.g_max)

    @property
    def objective(self) -> str:
        """What it finds."""
        return "the dominant eigenvector of A; b is the start"

    def volts_per_unit(self, vectors: Array, solutions: Array, full_scale: float) -> float:
        """Return the range in which the largest entry ends at the rail."""
        return self.opamp.highest_output / float(np.abs(solutions).max())

    def read_out(self, outputs: Array, volts_per_unit: float) -> Array:
        """Return directions, shape (K, n), each of length one."""
        length = np.linalg.norm(outputs, axis=1, keepdims=True)
        direction: Array = outputs / np.where(length > 0, length, 1.0)
        return direction

    def _wire_up(self) -> Schematic:
        device, wire, network = self.device, self.wire, Network()
        n = len(self.matrix)
        positive, negative = parts(self.mapping.target)
        x, residual = network.nodes("x", n), network.nodes("r", n)
        summing, middle = network.nodes("s", n), network.nodes("m", n)
        feedback = (1 - self.detuning) * self._eigenvalue * self.mapping.scale
        network.connect(summing, residual, feedback)
        network.connect(middle, residual, device.g_max)
        network.connect(middle, x, device.g_max)
        cells, columns = device.program(positive, 0, self.cycle), x
        if negative.any():
            cells = np.hstack([cells, device.program(negative, 1, self.cycle)])
            columns = np.concatenate([x, residual])
        lattice = Lattice(
            name="",
            cells=cells,
            rows=summing,
            columns=columns,
            row_segment=wire.row,
            column_segment=wire.column,
            row_lead=wire.termination,
            column_leads=np.full(len(columns), wire.driver or 0.0),
            row_ground=np.zeros(n),
        )
        ground = np.full(n, GROUND)
        return Schematic(
            peripheral=network,
            lattices=(lattice,),
            amplifiers=(
                Amplifiers("r", plus=ground, minus=summing, out=residual),
                Amplifiers("x", plus=ground, minus=middle, out=x),
            ),
            inputs=summing,
            input_gain=np.full(n, self.kick * self.mapping.scale),
            outputs=x,
            bias=x[:0],
            bias_gain=np.empty(0),
            cells=cells.size,
        )
