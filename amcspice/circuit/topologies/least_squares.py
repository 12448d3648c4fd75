"""What circuits for least squares share: constraint, ridge, L1 term, selected rows."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from amcspice.circuit.base import Array, Circuit
from amcspice.circuit.parts.constraint import Constraint, NonNegative, Unconstrained
from amcspice.device.mapping import Scaling
from amcspice.errors import AccuracyWarning, InputError, UnsupportedError

__all__ = ["LeastSquares"]


@dataclass(frozen=True, eq=False)
class LeastSquares(Circuit):
    """A circuit that minimises |A x - b|; see `Circuit` for the other parameters.

    Parameters
    ----------
    constraint : Constraint
        `Unconstrained` or `NonNegative`.
    ridge : float
        Adds ``ridge / 2 * |x|^2`` to the objective ``|A x - b|^2 / 2``.
    lasso : float
        Adds ``lasso * sum(x)`` to the objective.
    rows : array_like of bool, shape (m,), optional
        Word lines that are selected; the others are disconnected.
    scaling : {"matrix", "columns"}
        See `amcspice.device.map_matrix`.
    """

    problems: ClassVar[tuple[str, ...]] = ("lstsq", "nnls")

    constraint: Constraint = field(default_factory=Unconstrained, kw_only=True)
    ridge: float = field(default=0.0, kw_only=True)
    lasso: float = field(default=0.0, kw_only=True)
    rows: Any = field(default=None, kw_only=True)
    scaling: Scaling = field(default="matrix", kw_only=True)

    def __post_init__(self) -> None:
        """Validate what is asked of the circuit."""
        super().__post_init__()
        matrix = self.matrix
        rows = np.ones(len(matrix), bool) if self.rows is None else np.asarray(self.rows)
        if rows.shape != (len(matrix),) or rows.dtype != bool or not rows.any():
            raise InputError(
                f"rows must be {len(matrix)} booleans, at least one true (one for every row)"
            )
        object.__setattr__(self, "rows", rows)
        self._check_not_negative("ridge", "lasso")
        # With ridge such a column is determined: it is zero.
        if not (self.ridge or self.selected.any(axis=0).all()):
            empty = np.flatnonzero(~self.selected.any(axis=0))[0]
            raise InputError(
                f"column {empty} of the matrix is all zero (in the selected rows): "
                "its solution is undetermined; leave the column out"
            )
        if self.lasso and not isinstance(self.constraint, NonNegative):
            raise UnsupportedError("lasso needs the non-negative constraint (problem nnls)")
        self._warn_of_headroom()

    def _warn_of_headroom(self) -> None:
        """Say that what should be zero stays above it; a smaller range makes it worse."""
        headroom = self.opamp.headroom_negative
        if self.floor_at_ground and headroom:
            warnings.warn(
                f"{self.name} with this amplifier cannot show zero: outputs stop "
                f"{1e3 * headroom:g} mV above ground (headroom_negative), so x is wrong unless "
                "every entry is larger; use ginv-compact with hold (matrices without negative "
                "entries), or an amplifier with headroom_negative = 0, such as preset ideal",
                AccuracyWarning,
                stacklevel=2,
            )

    @property
    def problem(self) -> str:
        """``nnls`` with a constraint, else ``lstsq``."""
        return "nnls" if self.non_negative else "lstsq"

    @property
    def selected(self) -> Array:
        """The matrix with unselected rows zero, shape (m, n)."""
        matrix: Array = self.matrix * self.rows[:, None]
        return matrix

    @property
    def non_negative(self) -> bool:
        """Whether the solution is held at or above zero."""
        return isinstance(self.constraint, NonNegative)

    @property
    def floor_at_ground(self) -> bool:
        """Whether the end of the output range holds the constraint: negative supply at ground."""
        return self.non_negative

    @property
    def objective(self) -> str:
        """What it minimises."""
        ridge = f" + {self.ridge!r} |x|^2 / 2" if self.ridge else ""
        lasso = f" + {self.lasso!r} sum(x)" if self.lasso else ""
        bound = " subject to x >= 0" if self.non_negative else ""
        rows = "" if self.rows.all() else f" over {int(self.rows.sum())} selected rows"
        return f"x that minimises |A x - b|^2 / 2{ridge}{lasso}{bound}{rows}"
