"""Factors as circuits and as matrices: what regressions on selected word lines are solved with.

A half-step programs the arrays once; its regressions then select the word lines that count for
them and switch all others off.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from amcspice.algorithm.alternating.data import RightHandSides
from amcspice.circuit import Circuit, CompactGINV
from amcspice.circuit.base import Array
from amcspice.engine import BACKENDS
from amcspice.errors import UnsupportedError
from amcspice.problem import (
    make_circuit,
    nonnegative_least_squares,
    nonnegative_least_squares_rows,
)
from amcspice.simulation import Run
from amcspice.system.ledger import Activity, Ledger
from amcspice.system.prediction import Prediction

__all__ = [
    "FACTOR",
    "DigitalFactor",
    "ProgrammedFactor",
    "Selected",
    "check_selection",
    "read_out",
    "rows_of",
]

Lines = NDArray[np.intp]

FACTOR = "factor"
"""What ledgers call the arrays of a half-step."""

RESOLUTION = 1e-5
"""Smallest output that counts as a factor's entry, as a fraction of the output range."""


@dataclass(frozen=True, eq=False)
class Selected:
    """A circuit with the word lines of some right-hand sides connected.

    Parameters
    ----------
    circuit : Circuit
    values : ndarray, shape (K, input size)
        Right-hand sides.
    columns : ndarray of int
        Columns of the factor that its solutions belong to.
    reprogrammed : bool
        Whether its arrays were written for this selection.
    volts : float, optional
        Volts per unit, where they are predicted.
    """

    circuit: Circuit
    values: Array
    columns: NDArray[np.intp]
    reprogrammed: bool = False
    volts: float | None = None


@dataclass(frozen=True, eq=False)
class ProgrammedFactor:
    """A factor in the arrays of a circuit, or some word lines of it.

    Parameters
    ----------
    circuit : Circuit, optional
        None if there is no entry.
    columns : ndarray of int
        Columns of the factor that it holds: one without an entry is undetermined, and stays zero.
    width : int
        Columns of the factor.
    lines : ndarray of int, optional
        Word lines of the factor that it holds, ascending; None: every one.
    activity : Activity, optional
        What the ledger says of the whole arrays.
    prediction : Prediction, optional
        Of ranges, without the answers.
    calibrated : Ledger, optional
        What that took.
    """

    circuit: Circuit | None
    columns: NDArray[np.intp]
    width: int
    lines: Lines | None = None
    activity: Activity | None = None
    prediction: Prediction | None = None
    calibrated: Ledger | None = None

    @classmethod
    def of(
        cls, factor: Array, cycle: int, circuit: str | None, parameters: Mapping[str, Any]
    ) -> ProgrammedFactor:
        """Program a factor.

        Parameters
        ----------
        factor : ndarray, shape (m, rank)
        cycle : int
            Number of the programming cycle.
        circuit, parameters
            See `amcspice.make_circuit`.
        """
        columns = np.flatnonzero(factor.any(axis=0))
        options = {"scaling": "columns", "cycle": cycle, **parameters}
        if not columns.size:
            return cls(None, columns, factor.shape[1])
        arrays = make_circuit("nnls", factor[:, columns], circuit=circuit, **options)
        return cls(arrays, columns, factor.shape[1], activity=Activity.of(FACTOR, "nnls", arrays))

    def part(self, lines: Lines) -> ProgrammedFactor:
        """Return just these word lines, as programmed, where the circuit can select them."""
        circuit = self.circuit
        if not isinstance(circuit, CompactGINV) or len(lines) == len(circuit.matrix):
            return self
        if not circuit.matrix[lines].any():
            return dataclasses.replace(self, circuit=None)
        # It is never simulated: regressions bring a ridge of their own.
        part = circuit.select(lines, ridge=1.0)
        return dataclasses.replace(self, circuit=part, lines=lines)

    def select(self, right: RightHandSides) -> Selected | None:
        """See `_connected`; where ranges are predicted, those that run together share one."""
        selected = self._connected(right)
        if selected is None or self.prediction is None:
            return selected
        volts = float(self.prediction.volts(selected.values).min())
        return dataclasses.replace(selected, volts=volts)

    def _connected(self, right: RightHandSides) -> Selected | None:
        """Connect the word lines of right-hand sides; None if there is no entry on them.

        Ridge makes the solution of a column without an entry in the selected lines zero; without
        ridge it is undetermined, and its amplifier is disconnected.
        """
        circuit, lines = self.circuit, right.lines
        if circuit is None:
            return None
        if lines is None:
            return Selected(circuit, right.values, self.columns)
        if self.lines is not None:
            lines = np.searchsorted(self.lines, lines)
        entries = circuit.matrix[lines].any(axis=0)
        if not entries.any():
            return None
        if not isinstance(circuit, CompactGINV):
            return self._reprogrammed(circuit, right, lines, np.flatnonzero(entries))
        if right.ridge or entries.all():
            selected = circuit.select(lines, ridge=right.ridge)
            return Selected(selected, right.values, self.columns)
        columns = np.flatnonzero(entries)
        selected = circuit.select(lines, columns, ridge=right.ridge)
        return Selected(selected, right.values, self.columns[columns])

    def _reprogrammed(
        self, circuit: Circuit, right: RightHandSides, lines: Lines, columns: NDArray[np.intp]
    ) -> Selected:
        """Program the arrays for one selection, as the classic circuit does."""
        rows = np.zeros(len(circuit.matrix), bool)
        rows[lines] = True
        values = np.zeros((len(right.values), len(rows)))
        values[:, lines] = right.values
        options: dict[str, Any] = {"matrix": circuit.matrix[:, columns], "rows": rows}
        made = dataclasses.replace(circuit, **options)
        return Selected(made, values, self.columns[columns], reprogrammed=True)


def check_selection(circuit: str | None, parameters: Mapping[str, Any]) -> None:
    """Refuse a circuit that cannot select word lines of programmed arrays.

    Raises
    ------
    UnsupportedError
        If it programs its arrays for one selection.
    """
    programmed = ProgrammedFactor.of(np.ones((1, 1)), 0, circuit, parameters).circuit
    assert programmed is not None
    if not isinstance(programmed, CompactGINV):
        raise UnsupportedError(
            f"{programmed.name} programs its arrays for one selection of rows; use ginv-compact"
        )


def read_out(circuit: Circuit, run: Run) -> Array:
    """Return rows of a factor (K, n): not negative, zero where an amplifier rests at zero.

    What an offset, or a drop over the output resistance, leaves there is no component: taken
    for one, it would be scaled up to the full range in the next half-step.
    """
    if not BACKENDS[run.fidelity].simulates:
        return np.maximum(run.measurement.solution, 0.0)
    return rows_of(circuit, run.measurement.solution, run.volts_per_unit)


def rows_of(circuit: Circuit, solutions: Array, volts_per_unit: float | Array) -> Array:
    """Return rows of a factor (K, n) for solutions that were simulated; see `read_out`.

    A range is that of all, or has a row for each, shape (K, 1).
    """
    rows: Array = np.maximum(solutions, 0.0)
    volts = rows / circuit.mapping.column_scale * volts_per_unit
    return np.where(volts < RESOLUTION * circuit.opamp.highest_output, 0.0, rows)


@dataclass(frozen=True, eq=False)
class DigitalFactor:
    """A factor as a matrix, for the digital twin; see `ProgrammedFactor`.

    Parameters
    ----------
    matrix : ndarray, shape (lines, rank)
    lasso : float
        Of every regression.
    lines : ndarray of int, optional
    """

    matrix: Array
    lasso: float = 0.0
    lines: Lines | None = None

    def part(self, lines: Lines) -> DigitalFactor:
        """Return just these word lines."""
        if len(lines) == len(self.matrix):
            return self
        return DigitalFactor(self.matrix[lines], self.lasso, lines)

    def solve(self, right_hand_sides: Sequence[RightHandSides]) -> Array:
        """Return the solutions of right-hand sides, one after the other, shape (K, rank)."""
        if all(right.lines is not None and len(right.values) == 1 for right in right_hand_sides):
            return self._solve_rows(right_hand_sides)
        solutions: Array = np.concatenate([self._solve_shared(right) for right in right_hand_sides])
        return solutions

    def _solve_shared(self, right: RightHandSides) -> Array:
        """Solve right-hand sides with the same word lines."""
        matrix = self.matrix[self._places(right.lines)]
        return nonnegative_least_squares(matrix, right.values, ridge=right.ridge, lasso=self.lasso)

    def _solve_rows(self, right_hand_sides: Sequence[RightHandSides]) -> Array:
        """Solve right-hand sides that each have word lines of their own; changes no bit."""
        places = [self._places(right.lines) for right in right_hand_sides]
        values = np.concatenate([right.values[0] for right in right_hand_sides])
        known = scipy.sparse.csr_array(
            (values, np.concatenate(places), np.cumsum([0, *map(len, places)])),
            shape=(len(places), len(self.matrix)),
        )
        ridges = [right.ridge for right in right_hand_sides]
        return nonnegative_least_squares_rows(self.matrix, known, ridge=ridges, lasso=self.lasso)

    def _places(self, lines: Lines | None) -> Any:
        """Return where word lines stand in the matrix."""
        if lines is None:
            return slice(None)
        return lines if self.lines is None else np.searchsorted(self.lines, lines)
