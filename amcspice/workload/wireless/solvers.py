"""Linear systems of a link on a chip: one small protocol, and what answers it.

A receiver and a precoder solve A x = b, A the Gram matrix of the channel with a load on its
diagonal, scaled to a diagonal of ones.  How: in one step by an inverting circuit, by iterations on
products of the same kind of cells, by refinement, or digitally, which is the twin of all others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from amcspice.algorithm import Iterated, iterate, refine
from amcspice.errors import InputError
from amcspice.problem import PROBLEMS
from amcspice.system import Chip, Ledger, ProgrammedMatrix
from amcspice.workload.wireless.channel import Complex

__all__ = [
    "GRAM_SOLVERS",
    "DigitalSolver",
    "LinearSolver",
    "MappingName",
    "SolverOptions",
    "gram_solver",
]

MappingName = Literal["fixed-diagonal", "programmed"]

COMPLEX = 8.0
"""Digital operations of a complex multiplication and addition."""


LARGE = 0.1
"""Residual above which one that has grown is no floor of converters."""


class LinearSolver(Protocol):
    """Whatever solves A x = b for a complex matrix."""

    def solve(self, b: Any) -> Any:
        """Return solutions of (K, N)."""
        ...


@dataclass(frozen=True)
class SolverOptions:
    """What solvers may be told.

    Parameters
    ----------
    mapping : {"fixed-diagonal", "programmed"}
        Where the diagonal stands: in resistors, or in cells with all the rest.
    residual : float
        Of iterations on products, that is aimed at.
    iterations : int
        Of iterations and refinement, at most.
    bits : float
        Of refinement.
    circuit : mapping
        Further parameters of the inverting circuit.
    """

    mapping: MappingName = "fixed-diagonal"
    residual: float = 1e-4
    iterations: int = 60
    bits: float = 10.0
    circuit: Mapping[str, Any] | None = None


@dataclass(frozen=True, eq=False)
class DigitalSolver:
    """The solution in digital arithmetic, which a ledger counts.

    Parameters
    ----------
    matrix : ndarray, shape (K, K)
    ledger : Ledger
    """

    matrix: Complex
    ledger: Ledger

    def solve(self, b: Any) -> Any:
        """See `LinearSolver.solve`."""
        n, count = len(self.matrix), np.shape(b)[1]
        self.ledger.compute("solution", COMPLEX * (n**3 / 3 + 2 * n**2 * count))
        return np.linalg.solve(self.matrix, b)


@dataclass(frozen=True, eq=False)
class DiagonalProduct:
    """Products of c I + R with R in cells; c v is added digitally, as resistors would.

    Parameters
    ----------
    value : float
        c.
    remainder : ProgrammedMatrix
        R.
    ledger : Ledger
    """

    value: float
    remainder: ProgrammedMatrix
    ledger: Ledger

    def __matmul__(self, v: Any) -> Any:
        self.ledger.compute("diagonal", 2.0 * np.size(v))
        return self.remainder @ v + self.value * v


class IteratedSolver:
    """Iterations on products of a programmed matrix.

    Parameters
    ----------
    chip : Chip
    matrix : ndarray, shape (K, K)
    method : str
        See `amcspice.algorithm.iterate`.
    options : SolverOptions

    Attributes
    ----------
    ended : str
        Why it fell short: ``iterations`` were not enough, or there is no solution, as it
        ``diverges`` or is ``indefinite``; empty if it did not.
    """

    def __init__(self, chip: Chip, matrix: Complex, method: Any, options: SolverOptions) -> None:
        self.chip, self.matrix, self.method, self.options = chip, matrix, method, options
        self.real = PROBLEMS["inv"].circuit_form(matrix, None, {}).matrix
        n, self.ended = len(self.real), ""
        middle = float(np.diag(matrix).real.mean())
        fixed = options.mapping == "fixed-diagonal"
        held = self.real - middle * np.eye(n) if fixed else self.real
        cells = chip.program(held, "mvm", label="Gram matrix")
        self.product: Any = DiagonalProduct(middle, cells, chip.ledger) if fixed else cells

    def solve(self, b: Any) -> Any:
        """See `LinearSolver.solve`."""
        form = PROBLEMS["inv"].circuit_form(self.matrix, b, {})
        assert form.vectors is not None
        made = iterate(
            self.product, self.real, form.vectors, method=self.method,
            residual=self.options.residual, iterations=self.options.iterations,
            ledger=self.chip.ledger,
        )  # fmt: skip
        self.ended = _short(made) or self.ended
        return form.restore(made.x.T).T


def _short(made: Iterated) -> str:
    """Return why an iteration fell short; empty if it did not."""
    residuals = [step.residual for step in made.steps]
    if made.failed:
        return made.reason
    if min(residuals) > LARGE and max(residuals) > residuals[0]:
        return "diverges"  # slowly, and given up before it was large
    return made.reason if made.reason == "iterations" else ""


class RefinedSolver:
    """A coarse inverse on the chip, refined with digital products.

    Parameters
    ----------
    inverse : ProgrammedMatrix
    matrix : ndarray, shape (K, K)
    options : SolverOptions

    Attributes
    ----------
    ended : str
        See `IteratedSolver`.
    """

    def __init__(self, inverse: ProgrammedMatrix, matrix: Complex, options: SolverOptions) -> None:
        self.inverse, self.matrix, self.options, self.ended = inverse, matrix, options, ""

    def solve(self, b: Any) -> Any:
        """See `LinearSolver.solve`."""
        made = refine(
            self.inverse, self.matrix, b, ledger=self.inverse.chip.ledger, method="gcr",
            bits=self.options.bits, iterations=self.options.iterations,
        )  # fmt: skip
        if made.reason in ("diverges", "iterations"):
            self.ended = made.reason
        return made.x


def _inverse(chip: Chip, matrix: Complex, options: SolverOptions) -> ProgrammedMatrix:
    diagonal = "fixed" if options.mapping == "fixed-diagonal" else "programmed"
    circuit = dict(options.circuit or {})
    return chip.program(matrix, "inv", label="Gram matrix", diagonal=diagonal, **circuit)


def _iterated(method: str) -> Callable[[Chip, Complex, SolverOptions], LinearSolver]:
    return lambda chip, matrix, options: IteratedSolver(chip, matrix, method, options)


GRAM_SOLVERS: dict[str, Callable[[Chip, Complex, SolverOptions], LinearSolver]] = {
    "inv": _inverse,
    "cg": _iterated("cg"),
    "chebyshev": _iterated("chebyshev"),
    "richardson": _iterated("richardson"),
    "jacobi": _iterated("jacobi"),
    "refined": lambda chip, matrix, options: RefinedSolver(
        _inverse(chip, matrix, options), matrix, options
    ),
    "digital": lambda chip, matrix, options: DigitalSolver(matrix, chip.ledger),
}
"""What solves with the Gram matrix, by name."""


def gram_solver(
    name: str, chip: Chip, matrix: Complex, options: SolverOptions | None = None
) -> LinearSolver:
    """Return a solver, with its matrix programmed.

    Parameters
    ----------
    name : str
        Of `GRAM_SOLVERS`.
    chip : Chip
    matrix : ndarray, shape (K, K)
        Hermitian, positive definite.
    options : SolverOptions, optional

    Raises
    ------
    InputError
        If there is none of that name, or the matrix cannot be programmed.
    """
    if name not in GRAM_SOLVERS:
        raise InputError(f"solver = {name!r}: choose from {', '.join(GRAM_SOLVERS)}")
    return GRAM_SOLVERS[name](chip, matrix, options or SolverOptions())
