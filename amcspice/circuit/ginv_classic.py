"""Generalised inverse with two arrays and m + n amplifiers.

Array 1: rows end at transimpedance amplifiers, columns are driven by the solution x; it gives
the residual r = -(G x - I) / g_f.  Array 2: rows are driven by r, columns end at the
non-inverting inputs of the amplifiers that drive x.  At rest G' r = 0: x is the least-squares
solution, and with outputs that stop at 0 V the non-negative one, because the column of a
saturated amplifier loads nothing.

Ridge appends n rows that hold sqrt(ridge) times the identity.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np

from amcspice.circuit.base import Amplifiers, Array, Circuit, Schematic
from amcspice.circuit.constraint import NonNegative
from amcspice.circuit.lattice import Lattice
from amcspice.circuit.network import GROUND, Network
from amcspice.device import Mapping, map_matrix
from amcspice.errors import InputError, UnsupportedError

__all__ = ["ClassicGINV"]


@dataclass(frozen=True, eq=False)
class ClassicGINV(Circuit):
    """Classic two-array generalised-inverse circuit; see `Circuit` for the other parameters.

    Parameters
    ----------
    feedback : float
        Conductance of every transimpedance amplifier, as a multiple of ``g_max``.
    """

    name: ClassVar[str] = "ginv-classic"
    problems: ClassVar[tuple[str, ...]] = ("lstsq", "nnls")

    feedback: float = field(default=1.0, kw_only=True)

    def __post_init__(self) -> None:
        """Validate."""
        super().__post_init__()
        if not (np.isfinite(self.feedback) and self.feedback > 0):
            raise InputError(f"feedback = {self.feedback} must be positive")
        if isinstance(self.constraint, NonNegative) and self.constraint.hold:
            raise UnsupportedError(
                "ginv-classic does not take hold: a saturated amplifier loads no row there, so "
                "there is nothing to hold; leave it out"
            )

    @cached_property
    def mapping(self) -> Mapping:
        """How the matrix stands in the arrays, ridge rows not included."""
        return map_matrix(
            self.selected, self.device.g_max, self.scaling, largest=self._ridge_entries().max()
        )

    def _ridge_entries(self) -> Array:
        unscaled = map_matrix(self.selected, 1.0, self.scaling)
        entries: Array = np.sqrt(self.ridge) * unscaled.column_scale
        return entries

    def _wire_up(self) -> Schematic:
        target = self.mapping.target
        m, n = target.shape
        if self.ridge:
            target = np.vstack([target, np.diag(self._ridge_entries() * self.mapping.scale)])
        rows = np.append(self.rows, np.ones(len(target) - m, bool))
        network = Network()
        x, sense = network.nodes("x", n), network.nodes("c", n)
        summing, residual = network.nodes("s", len(target)), network.nodes("r", len(target))
        lattices = tuple(
            Lattice(
                name=f"a{index + 1}",
                cells=self.device.program(target, index, self.cycle) * rows[:, None],
                rows=terminals,
                columns=columns,
                row_segment=self.wire.row,
                column_segment=self.wire.column,
                row_lead=row_lead,
                column_leads=np.full(n, column_lead or 0.0),
                row_ground=np.zeros(len(target)),
            )
            for index, (terminals, columns, row_lead, column_lead) in enumerate(
                [
                    (summing, x, self.wire.termination, self.wire.driver),
                    (residual, sense, self.wire.driver, self.wire.termination),
                ]
            )
        )
        network.connect(summing, residual, self.feedback * self.device.g_max)
        ground_m, ground_n = np.full(len(target), GROUND), np.full(n, GROUND)
        return Schematic(
            peripheral=network,
            lattices=lattices,
            amplifiers=(
                Amplifiers("r", plus=ground_m, minus=summing, out=residual),
                Amplifiers(
                    "x", plus=sense, minus=ground_n, out=x, floor_at_ground=self.non_negative
                ),
            ),
            inputs=summing[:m],
            input_gain=-self.mapping.scale * self.rows,
            outputs=x,
            bias=sense if self.lasso else sense[:0],
            bias_gain=self._bias_gain() if self.lasso else np.empty(0),
            cells=2 * target.size,
        )

    def _largest_swing(self, vectors: Array, scaled: Array) -> float:
        """Include the residual amplifiers, which start at b scale / g_f, and the L1 currents."""
        feedback = self.feedback * self.device.g_max
        residual = float(np.abs(vectors).max()) * self.mapping.scale / feedback
        column_total = self.device.quantise(self.mapping.target).sum(axis=0)
        columns = float(np.abs(self._bias_gain() / column_total).max())
        return max(super()._largest_swing(vectors, scaled), residual, columns)

    def _bias_gain(self) -> Array:
        """Return the current per volt out of each column wire that adds lasso to the gradient.

        With s = mapping.scale, G' r = -s^2 A'(A x - b) / g_f; adding lasso to the gradient
        takes s^2 lasso / g_f out of the wire.
        """
        feedback = self.feedback * self.device.g_max
        return -self.lasso * self.mapping.column_scale * self.mapping.scale**2 / feedback
