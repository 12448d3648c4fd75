"""Generalised inverse of the transposed matrix: the shortest x with A'x = b, in one step.

The circuit is `ClassicGINV`, entered elsewhere.  The right-hand side goes into the columns of its
second array, and x is what the transimpedance amplifiers give.  With y from the amplifiers at the
columns, array 1 makes x = -(G y) / g_f and array 2 demands G'x + I = 0, at rest

    x = A (A'A + ridge I)^-1 b,

with the modes of ginv-classic.  That is zero-forcing precoding, or with a ridge the regularised
one, with the channel in the cells and no Gram matrix formed.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from amcspice.circuit.base import Array, Circuit, Schematic
from amcspice.circuit.parts.cell_voltage import across, passive_lines
from amcspice.circuit.parts.differential import Compensation, line_totals, parts
from amcspice.circuit.parts.feedback import Feedback
from amcspice.circuit.topologies.ginv_classic import ClassicGINV
from amcspice.device import Mapping
from amcspice.device.mapping import Scaling
from amcspice.errors import InputError
from amcspice.schema import Quantity

__all__ = ["RightGINV"]

SET_LATER = {"zero_bias", "tangent"}
"""What a circuit is given once its cells are set."""


@dataclass(frozen=True, eq=False)
class RightGINV(Circuit):
    """Shortest x with A'x = b, by two arrays; see `Circuit` for the other parameters.

    Raises
    ------
    InputError
        If the columns of the matrix depend on each other and there is no ridge.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> A = np.array([[1.0, 0.2], [0.1, 1.0], [0.4, -0.3]])
    >>> run = amc.simulate(amc.RightGINV(A), [1.0, -1.0], fidelity="dc")
    >>> (A.T @ run.x).round(3)
    array([ 1., -1.])
    """

    name: ClassVar[str] = "ginv-right"
    problems: ClassVar[tuple[str, ...]] = ("precode",)
    signed: ClassVar[bool] = True
    predistorts: ClassVar[bool] = True

    feedback: Feedback = field(default=1.0, kw_only=True)
    compensation: Compensation = field(default=True, kw_only=True)
    ridge: Annotated[
        float,
        Field(ge=0, description="Added to the diagonal of A'A."),
        Quantity(),
    ] = field(default=0.0, kw_only=True)
    scaling: Annotated[
        Scaling,
        Field(
            description="One factor for the whole matrix, or one a column, so that every column "
            "uses the full range of conductance; the right-hand side is scaled alike."
        ),
    ] = field(default="matrix", kw_only=True)

    def __post_init__(self) -> None:
        """Validate the matrix."""
        super().__post_init__()
        rank = np.linalg.matrix_rank(self.matrix)
        if not self.ridge and rank < self.matrix.shape[1]:
            raise InputError(
                "matrix: its columns depend on each other, so that not every b has an x with "
                "A'x = b: leave columns out, or give a ridge"
            )

    @cached_property
    def _classic(self) -> ClassicGINV:
        """The same arrays and amplifiers, for least squares."""
        names = {item.name for item in dataclasses.fields(RightGINV)} - SET_LATER
        return ClassicGINV(**{name: getattr(self, name) for name in names})

    @property
    def mapping(self) -> Mapping:
        """How the matrix stands in the first array, ridge rows not included."""
        return self._classic.mapping

    @property
    def _mappings(self) -> tuple[Mapping, ...]:
        return self._classic._mappings

    @property
    def input_size(self) -> int:
        """Length of b."""
        return int(self.matrix.shape[1])

    @property
    def output_scale(self) -> Array:
        """All outputs have the same volts for a unit."""
        return np.ones(len(self.matrix))

    @property
    def objective(self) -> str:
        """What it finds."""
        ridge = f" + {self.ridge!r} I" if self.ridge else ""
        return f"x = A (A'A{ridge})^-1 b"

    @property
    def _gain(self) -> Array:
        """Current into each column for one volt [S]."""
        second = self._classic._second
        gain: Array = -second.scale * second.column_scale
        return gain

    def _wire_up(self) -> Schematic:
        wired = self._classic.wired("y", "x")
        rows, columns = wired.amplifiers
        return dataclasses.replace(
            wired,
            inputs=columns.plus,
            input_gain=self._gain,
            outputs=rows.out[: len(self.matrix)],
        )

    def _largest_swing(self, vectors: Array, scaled: Array) -> float:
        """Include the amplifiers at the columns and of the ridge, and both ends of an array."""
        classic, feedback = self._classic, self.feedback * self.device.g_max
        target = classic._first.target
        # x = -G y / g_f, whose rows of the ridge follow from y.
        shortest = np.linalg.lstsq(target[: len(self.matrix)], scaled.T, rcond=None)[0].T
        inner: Array = -feedback * shortest.astype(float)
        outputs: Array = -inner @ target.T / feedback
        positive, negative = parts(target)
        totals = line_totals(positive, negative, feedback, compensation=self.compensation)
        rows = passive_lines(inner, negative, totals)
        into = vectors * self._gain
        columns = classic.sensed_columns(outputs, into)
        start = classic.sensed_columns(0 * outputs, into)
        return max(across(inner, rows), across(outputs, columns), across(start))
