"""What circuits for least squares share: constraint, ridge, L1 term, selected rows."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from amcspice.circuit.base import Array, Circuit
from amcspice.circuit.parts.constraint import Constraint, NonNegative, Unconstrained
from amcspice.device.mapping import Scaling
from amcspice.errors import AccuracyWarning, InputError, UnsupportedError
from amcspice.schema import Name, Quantity

__all__ = ["LeastSquares"]


@dataclass(frozen=True, eq=False)
class LeastSquares(Circuit):
    """A circuit that minimises |A x - b|; see `Circuit` for the other parameters.

    Examples
    --------
    >>> import amcspice as amc
    >>> A, b = [[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], [1.0, 1.0, 1.0]
    >>> isinstance(amc.ClassicGINV(A), amc.LeastSquares)
    True
    >>> amc.simulate(amc.ClassicGINV(A, ridge=0.5), b, fidelity="dc").x.round(3)
    array([0.571, 0.571])
    """

    problems: ClassVar[tuple[str, ...]] = ("lstsq", "nnls")

    constraint: Annotated[
        Constraint,
        Field(description="Unconstrained, or NonNegative: what holds the solution."),
        Name(made_of=("problem", "hold")),
    ] = field(default_factory=Unconstrained, kw_only=True)
    ridge: Annotated[
        float,
        Field(ge=0, description="Adds ridge/2 |x|^2 to the objective |A x - b|^2 / 2."),
        Quantity(),
    ] = field(default=0.0, kw_only=True)
    lasso: Annotated[
        float,
        Field(ge=0, description="Adds lasso sum(|x|) to the objective (nnls, lasso)."),
        Quantity(),
    ] = field(default=0.0, kw_only=True)
    rows: Annotated[
        Any,
        Field(
            description="Word lines that are selected, the others are disconnected: a boolean for "
            "every row, or a file of them (.npy, .csv, .txt)."
        ),
        Name("row_mask", file=True),
    ] = field(default=None, kw_only=True)
    scaling: Annotated[
        Scaling,
        Field(
            description="One factor for the whole matrix, or one a column, so that every column "
            "uses the full range of conductance; x is un-scaled afterwards."
        ),
    ] = field(default="matrix", kw_only=True)

    def __post_init__(self) -> None:
        """Validate what is asked of the circuit."""
        super().__post_init__()
        matrix = self.matrix
        rows = np.ones(len(matrix), bool) if self.rows is None else _row_mask(self.rows)
        if rows.shape != (len(matrix),) or rows.dtype != bool or not rows.any():
            raise InputError(
                f"rows (row_mask) must be {len(matrix)} booleans, at least one true: one for every "
                "row of the matrix"
            )
        object.__setattr__(self, "rows", rows)
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
    def floor(self) -> float:
        """How far above ground outputs stop that a constraint holds at zero [V]."""
        return self.opamp.headroom_negative if self.floor_at_ground else 0.0

    @property
    def objective(self) -> str:
        """What it minimises."""
        ridge = f" + {self.ridge!r} |x|^2 / 2" if self.ridge else ""
        lasso = f" + {self.lasso!r} sum(x)" if self.lasso else ""
        bound = " subject to x >= 0" if self.non_negative else ""
        rows = "" if self.rows.all() else f" over {int(self.rows.sum())} selected rows"
        return f"x that minimises |A x - b|^2 / 2{ridge}{lasso}{bound}{rows}"


def _row_mask(rows: Any) -> Any:
    """Return a mask as it is given, or as its file holds it: booleans, or zeros and ones."""
    if not isinstance(rows, str | Path):
        return np.asarray(rows)
    path = Path(rows)
    try:
        mask = np.load(path) if path.suffix == ".npy" else np.loadtxt(path, delimiter=",", ndmin=1)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError:
        raise InputError(f"{path}: no mask of rows: give booleans, or zeros and ones") from None
    if mask.dtype != bool and not np.isin(mask, (0, 1)).all():
        raise InputError(f"{path}: no mask of rows: give booleans, or zeros and ones")
    return mask.astype(bool).ravel()
