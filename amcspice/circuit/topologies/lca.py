"""Sparse recovery by a locally competitive circuit: soft thresholds in a loop of two arrays.

Array 1 and m transimpedance amplifiers give the residual r = (s1/g_f) (b - A x).  Array 2 brings
A' r to the columns, where n amplifiers integrate it into u.  A buffer whose output is clamped at
plus and minus the threshold V, and a difference amplifier, make the soft threshold of each:

    c = clip(u, +-V),    x = u - c.

c returns to the column through g_c, so that u stands still where

    (s1 s2 / g_f) A'(b - A x) = g_c c,

with s1, s2 the scales of the arrays in siemens: where x_j is not zero c_j is the threshold with its
sign, where it is zero c_j is somewhere in between.  These are the conditions of the least
|A x - b|^2 / 2 + lambda |x|_1 with lambda s1 s2 = V g_f g_c (C. Rozell et al., Neural Comput. 20,
2526 (2008)); on the way du/dt is proportional to A'(b - A x) + x - u as in their equations.

The threshold is a voltage and lambda a number, so that one volt for a unit of x belongs to one
threshold: the range sets the threshold, or a threshold that is given the range.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from amcspice.circuit.base import OUTPUT_USE, Amplifiers, Array, Circuit, Schematic, Swing
from amcspice.circuit.crossbar import Crossbar
from amcspice.circuit.network import GROUND, Network, Nodes
from amcspice.circuit.parts.array_pair import compensating_cells
from amcspice.circuit.parts.cell_voltage import across, passive_lines
from amcspice.circuit.parts.differential import (
    DifferentialLines,
    column_compensation,
    line_totals,
    parts,
)
from amcspice.circuit.parts.effective import DrivenColumns, SensedColumns
from amcspice.circuit.parts.predistortion import predistorted
from amcspice.device import Mapping, map_matrix
from amcspice.errors import InputError
from amcspice.schema import Quantity

__all__ = ["LCA"]

SINGULAR = 1e-2
"""Singular values below this fraction of the largest count as none."""

SAME_RANGE = 1e-9
"""How far a range may be from that of the threshold, as a fraction."""


@dataclass(frozen=True, eq=False)
class LCA(Circuit):
    """Least squares with an L1 term, by soft thresholds; see `Circuit` for other parameters.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> A = np.array([[1.0, 0.2, 0.0], [0.0, 1.0, 0.3]])
    >>> run = amc.simulate(amc.LCA(A, lasso=0.1), [0.5, 1.0], fidelity="dc")
    >>> run.x[:2].round(2), bool(abs(run.x[2]) < 1e-3)
    (array([0.22, 0.92]), True)
    """

    name: ClassVar[str] = "lca"
    problems: ClassVar[tuple[str, ...]] = ("lasso",)
    predistorts: ClassVar[bool] = True
    signed: ClassVar[bool] = True
    range_sets_limits: ClassVar[bool] = True

    lasso: Annotated[
        float,
        Field(ge=0, description="Adds lasso sum(|x|) to the objective (nnls, lasso)."),
        Quantity(),
    ] = field(default=0.0, kw_only=True)
    crossover: Annotated[
        float,
        Field(
            gt=0,
            le=0.7,
            description="Where the gain of the loop falls to one, with every buffer clamped, as a "
            "fraction of the gain-bandwidth product: it sets the feedback of the transimpedance "
            "amplifiers.",
        ),
        Quantity("", (1e-3, 1)),
    ] = field(default=0.25, kw_only=True)
    threshold_conductance: Annotated[
        float,
        Field(
            gt=0,
            description="Conductance from every clamped buffer to its column, as a multiple of "
            "g_max: the larger, the lower the threshold voltage.",
        ),
        Quantity("", (1e-4, 1e4)),
    ] = field(default=1.0, kw_only=True)
    threshold_voltage: Annotated[
        float | None,
        Field(
            gt=0,
            description="Voltage at which the buffers are clamped, which stands for lasso and so "
            "sets the range; none: the range sets it.",
        ),
        Quantity("V", (1e-6, 1e3)),
    ] = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Validate."""
        super().__post_init__()
        if self.threshold_voltage is None:
            return
        if not self.lasso:
            raise InputError(
                "threshold_voltage stands for lasso: give both, or none for least squares"
            )
        if self.threshold_voltage >= min(self.opamp.highest_output, -self.opamp.lowest_output):
            raise InputError(
                f"threshold_voltage = {self.threshold_voltage:g} V is beyond the output range of "
                "the amplifier: take a lower one"
            )

    @property
    def bounded(self) -> bool:
        """Whether outputs are meant to come to rest at a limit: those of the buffers."""
        return bool(self.lasso)

    @property
    def objective(self) -> str:
        """What it minimises."""
        return f"x that minimises |A x - b|^2 / 2 + {self.lasso!r} sum(|x|)"

    @property
    def threshold(self) -> float:
        """What buffers are clamped at in a range of one volt per unit [V]."""
        squared = self.mapping.scale * self._second.scale
        return self.lasso * squared / (self.feedback * self._return)

    @property
    def _return(self) -> float:
        """Conductance from every clamped buffer to its column [S]."""
        return self.threshold_conductance * self.device.g_max

    @cached_property
    def feedback(self) -> float:
        """Conductance of every transimpedance amplifier [S].

        The loop through an integrator, its column of total T, and the arrays has a gain of one at
        w_u |G|^2 / (g_f T), with |G| the largest singular value.
        """
        return float(self._around[0] ** 2 / self.crossover)

    @cached_property
    def _around(self) -> Array:
        """Singular values of the arrays over the totals of the columns, falling [S^1/2]."""
        target = self._plain.target
        columns = np.maximum(*(part.sum(axis=0) for part in parts(target))) + self._return
        values: Array = np.linalg.svd(target / np.sqrt(columns), compute_uv=False)
        return values

    @property
    def slowest_clamped(self) -> float:
        """Time constant of the slowest mode of the loop with every buffer clamped [s]."""
        values = self._around[self._around > SINGULAR * self._around[0]]
        unity = 2 * np.pi * self.opamp.gbw * self.crossover
        return float((values[0] / values[-1]) ** 2 / unity) if self.lasso else 0.0

    @property
    def digital_work(self) -> dict[str, float]:
        """What is worked out digitally before the arrays are written: operations by name."""
        m, n = self.matrix.shape
        return {**super().digital_work, "spectral norm": 4.0 * m * n * min(m, n)}

    @property
    def open_range(self) -> bool:
        """Whether no threshold voltage was given."""
        return bool(self.lasso) and self.threshold_voltage is None

    def in_range(self, volts_per_unit: float) -> LCA:
        """Return the circuit with the threshold of a range; see `Circuit.in_range`."""
        if not self.lasso:
            return self
        wanted = self.threshold * volts_per_unit
        if self.threshold_voltage is None:
            return replace(self, threshold_voltage=wanted)
        if abs(wanted / self.threshold_voltage - 1) > SAME_RANGE:
            raise InputError(
                f"range = {volts_per_unit:g} volts per unit belongs to a threshold_voltage of "
                f"{wanted:g} V, not of {self.threshold_voltage:g} V: give one of them"
            )
        return self

    def range_of(self, swing: Swing, read_voltage: float) -> float:
        """Return the range of the threshold, or one in which integrators have room, too."""
        if self.threshold_voltage is not None:
            return self.threshold_voltage / self.threshold
        by_outputs = OUTPUT_USE * self.opamp.highest_output / (swing.outputs + self.threshold)
        return min(super().range_of(swing, read_voltage), by_outputs)

    @cached_property
    def _plain(self) -> Mapping:
        return map_matrix(self.matrix, self.device.g_max)

    @cached_property
    def mapping(self) -> Mapping:
        """How the matrix stands in the first array."""
        array = DrivenColumns(self.wire, self.device, extra=self.feedback)
        return predistorted(self._plain, array)[0]

    @cached_property
    def _second(self) -> Mapping:
        """How it stands in the second one."""
        array = SensedColumns(self.wire, self.device, extra=self._return)
        return predistorted(self._plain, array)[0]

    @property
    def _mappings(self) -> tuple[Mapping, ...]:
        return self.mapping, self._second

    def _wire_up(self) -> Schematic:
        network, wire = Network(), self.wire
        m, n = self.matrix.shape
        x, residual = network.nodes("x", n), network.nodes("r", m)
        lines = DifferentialLines.of(
            network,
            ("s", "p"),
            self.mapping.target,
            self.device,
            cycle=self.cycle,
            arrays=(0, 3, 5),
            extra=self.feedback,
        )
        network.connect(lines.minus, residual, self.feedback)
        sense, opposite = network.nodes("c", n), network.nodes("d", n)
        second, columns, used = self._second_array(network, sense, opposite)
        crossbars = (
            Crossbar.of(
                wire,
                lines.cells,
                lines.lines,
                x,
                row_lead=wire.termination,
                column_leads=wire.driver,
                row_ground=lines.grounded,
                name="a1",
            ),
            Crossbar.of(
                wire,
                second,
                residual,
                columns,
                row_lead=wire.driver,
                column_leads=wire.termination,
                name="a2",
            ),
        )
        return Schematic(
            peripheral=network,
            crossbars=crossbars,
            amplifiers=(
                Amplifiers("r", plus=lines.plus, minus=lines.minus, out=residual),
                *self._soft_thresholds(network, sense, opposite, x),
            ),
            inputs=lines.minus,
            input_gain=np.full(m, -self.mapping.scale),
            outputs=x,
            cells=lines.count + used,
        )

    def _second_array(
        self, network: Network, sense: Nodes, opposite: Nodes
    ) -> tuple[Array, Nodes, int]:
        """Return cells, bit lines, and the number of cells; the totals of both lines are equal."""
        device, target = self.device, self._second.target
        signed = parts(target)
        wished = [device.quantise(part) for part in signed]
        grounded, stacked = compensating_cells(device, column_compensation(*wished), self.cycle, 6)
        network.connect(np.concatenate([sense, opposite]), GROUND, grounded, cells=True)
        used = target.size + 2 * len(sense) * stacked
        above = device.program(signed[0], 1, self.cycle)
        if not signed[1].any():
            return above, sense, used
        below = device.program(signed[1], 4, self.cycle)
        return np.hstack([above, below]), np.concatenate([sense, opposite]), used + target.size

    def _soft_thresholds(
        self, network: Network, sense: Nodes, opposite: Nodes, x: Nodes
    ) -> tuple[Amplifiers, ...]:
        """Wire integrators, clamped buffers and difference amplifiers; return their banks.

        What is clamped at nothing is ground, and needs no buffer.
        """
        n, g_max = len(x), self.device.g_max
        u, plus, minus = (network.nodes(name, n) for name in ("u", "e", "f"))
        clamped = network.nodes("k", n) if self.lasso else np.full(n, GROUND)
        network.connect(opposite, clamped, self._return)
        network.connect(sense, GROUND, self._return)
        for at, source, end in ((plus, u, GROUND), (minus, clamped, x)):
            network.connect(source, at, g_max)
            network.connect(at, end, g_max)
        volts = self.threshold if self.threshold_voltage is None else self.threshold_voltage
        buffers = (Amplifiers("k", plus=u, minus=clamped, out=clamped, clamp=volts),)
        return (
            Amplifiers("u", plus=sense, minus=opposite, out=u),
            *(buffers if self.lasso else ()),
            Amplifiers("x", plus=plus, minus=minus, out=x),
        )

    def _largest_swing(self, vectors: Array, scaled: Array) -> float:
        """Include the residual amplifiers, at the start and at rest."""
        feedback, target = self.feedback, self.mapping.target
        positive, negative = parts(target)
        start = vectors * self.mapping.scale / feedback
        rest = start - scaled @ target.T / feedback
        totals = line_totals(positive, negative, feedback, compensation=True)
        above, below = (part.sum(axis=0) for part in parts(self._second.target))
        columns = np.maximum(above, below) + self._return
        first = passive_lines(scaled, negative, totals)
        second = passive_lines(rest, positive.T, columns)
        return max(across(scaled, first), across(rest, second), across(start))
