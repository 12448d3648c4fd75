"""`Arrays`: a matrix as it was written into arrays, and the circuits that its cells make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array, are_complex
from amcspice.device import Cell, Hardware
from amcspice.errors import InputError, UnsupportedError
from amcspice.problem import PROBLEMS, CircuitForm
from amcspice.problem.choice import circuit_of, form_of
from amcspice.system.macro import MACRO, macro_circuit

__all__ = ["Arrays", "Lines", "lines_of"]


class Lines(NamedTuple):
    """Lines that are connected; all others are off.

    Parameters
    ----------
    rows, columns : ndarray of int
        Their numbers, ascending.
    changes : dict
        See `amcspice.CompactGINV.select`.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    changes: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Arrays:
    """A matrix as it was written, once.

    Parameters
    ----------
    problem : str
        What for, or ``macro``.
    topology : str, optional
        Circuit; None is that of the problem.
    parameters : mapping
        Of the circuit.
    device : Cell
        Cells, with a seed of these arrays alone.
    matrix : array_like, shape (m, n)
        Complex too.
    cycle : int
        How often these cells were written before.
    written_at : float
        Time of the chip [s].
    calibration : array_like, optional
        Right-hand sides that ranges are predicted from; None: generic ones.
    lines : Lines, optional
        That are connected; None: all.
    """

    problem: str
    topology: str | None
    parameters: Mapping[str, Any]
    device: Cell
    matrix: Any
    cycle: int = 0
    written_at: float = 0.0
    calibration: Any = None
    lines: Lines | None = None

    def __post_init__(self) -> None:
        """Refuse what is no matrix."""
        if np.ma.is_masked(self.matrix):
            raise InputError("matrix: entries are masked; fill them in")
        try:
            values = np.array(self.matrix)  # a copy: what is written stays
        except ValueError as error:
            raise InputError(f"matrix: not numbers ({error})") from None
        object.__setattr__(self, "matrix", values)
        if self.calibration is not None:
            object.__setattr__(self, "calibration", np.array(self.calibration))
        object.__setattr__(self, "_form", self._form_of(values))

    def _form_of(self, matrix: NDArray[Any]) -> CircuitForm:
        if self.problem == MACRO and are_complex(matrix):
            raise UnsupportedError("the macro holds non-negative matrices only, no complex ones")
        asked = PROBLEMS.choose(self.first)
        topology = None if self.problem == MACRO else self.topology
        return form_of(asked, matrix, None, topology, self.parameters)

    @property
    def first(self) -> str:
        """The operation that they are made ready for when they are written."""
        return "mvm" if self.problem == MACRO else self.problem

    @property
    def offered(self) -> tuple[str, ...]:
        """The operations that these cells can do."""
        return tuple(PROBLEMS) if self.problem == MACRO else (self.problem,)

    def form(self, problem: str) -> CircuitForm:
        """Return how solutions of the circuit become those of an operation."""
        form: CircuitForm = self._form  # type: ignore[attr-defined]
        return form if self.problem != MACRO else CircuitForm(problem, form.matrix, None)

    def vectors(self, circuit: Circuit, b: ArrayLike) -> Array:
        """Return right-hand sides as a circuit takes them, shape (K, m)."""
        if are_complex(self.matrix):
            asked = PROBLEMS.choose(self.problem)
            form = form_of(asked, self.matrix, b, self.topology, self.parameters)
            b = form.vectors  # type: ignore[assignment]
        elif are_complex(b):
            raise UnsupportedError(
                "the matrix is real: program it as a complex one for complex right-hand sides"
            )
        return circuit.vectors(b)

    def again(self, matrix: ArrayLike, calibration: ArrayLike | None, now: float) -> Arrays:
        """Return them with another matrix, in the next cycle of the same cells."""
        return replace(
            self, matrix=matrix, calibration=calibration, cycle=self.cycle + 1, written_at=now
        )

    def circuit(
        self, problem: str, hardware: Hardware, now: float, temperature: float | None
    ) -> Circuit:
        """Return the circuit of an operation, with its cells as they are at some time.

        Parameters
        ----------
        problem : str
            One of `offered`.
        hardware : Hardware
            Its cells are left aside for these.
        now : float
            Time of the chip [s].
        temperature : float, optional
            Of the cells [K]; None is that of the device.
        """
        options = {**hardware.parts(), "device": self._aged(now, temperature), "cycle": self.cycle}
        matrix = self.form(problem).matrix
        if self.problem == MACRO:
            return macro_circuit(problem, matrix, options, self.parameters)
        asked = PROBLEMS.choose(problem)
        given = {**self.parameters, **options}
        made = circuit_of(asked, self.form(problem), self.topology, given)
        if made.open_range:
            raise InputError(
                f"{made.name} on a chip needs a threshold_voltage: the range, the same for "
                "every right-hand side, follows from it"
            )
        if self.lines is None:
            return made
        rows, columns, changes = self.lines
        return made.select(rows, columns, **changes)  # type: ignore[attr-defined, no-any-return]

    def _aged(self, now: float, temperature: float | None) -> Cell:
        return self.device.aged(now - self.written_at, temperature)

    def written(self, circuit: Circuit, hardware: Hardware) -> Circuit:
        """Return the circuit whose cells are all that is written, by that of `first`."""
        if self.problem != MACRO:
            return circuit
        # The second array of a macro is written, too.
        return self.circuit("lstsq", hardware, self.written_at, None)


def lines_of(name: str, given: Any, count: int) -> NDArray[np.intp]:
    """Return numbers of lines, ascending, each once.

    Raises
    ------
    InputError
        If they are not.
    """
    if isinstance(given, slice):
        return np.arange(count)[given]
    try:
        lines = np.asarray(given)
    except ValueError:
        lines = np.empty(0)
    whole = lines.ndim == 1 and lines.size and np.issubdtype(lines.dtype, np.integer)
    if not whole or lines.min() < 0 or lines.max() >= count or (np.diff(lines) <= 0).any():
        raise InputError(
            f"select: {name} must be numbers of lines, ascending, from 0 to {count - 1}"
        )
    return lines.astype(np.intp)
