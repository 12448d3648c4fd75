"""Generated problems: matrices by name and right-hand sides with planted solutions.

Every draw has a seed, and matrices and right-hand sides draw from streams of their own: another
number of right-hand sides leaves the matrix and the first of them as they are.  Square problems
whose matrix must be symmetric (eig), and those of which a stable circuit needs it (inv with
``conditioned``), get a symmetric one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy

from amcspice.circuit.base import Array
from amcspice.errors import InputError
from amcspice.problem.choice import PROBLEMS

__all__ = ["FILES", "GENERATORS", "GeneratedProblem", "Generator", "is_file"]

FILES = (".npy", ".npz", ".csv", ".txt", ".mtx", ".mat")
"""How the names of matrix files end, or end before ``.gz``."""

SAMPLES = 4
"""Observations for each variable of a covariance."""


def is_file(matrix: str) -> bool:
    """Return whether a matrix is given by a file, not by a generator."""
    return matrix.lower().removesuffix(".gz").endswith(FILES)


@dataclass(frozen=True)
class GeneratedProblem:
    """A problem whose matrix and right-hand sides are drawn from a seed.

    Parameters
    ----------
    problem : str
        Name of the problem.
    matrix : str
        Name of the generator.
    rows, columns : int
    signed : bool
        Entries have both signs.
    setting : float
        The generator's own parameter.
    right_hand_sides : int
    zeros : float
        Fraction of planted solution entries that are zero.
    noise : float
        Standard deviation of the noise of right-hand sides, over their own without it.
    seed : int
    """

    problem: str
    matrix: str
    rows: int
    columns: int
    signed: bool = False
    setting: float = 0.0
    right_hand_sides: int = 1
    zeros: float = 0.0
    noise: float = 0.0
    seed: int = 0

    @property
    def symmetric(self) -> bool:
        """Whether the matrix must be symmetric."""
        return PROBLEMS[self.problem].symmetric

    def make(self) -> Array:
        """Return the matrix, shape (rows, columns); its largest entry has magnitude one."""
        draw = np.random.default_rng([self.seed, self.rows, self.columns, 0])
        entries = GENERATORS[self.matrix].make(self, draw)
        if self.symmetric:
            entries = (entries + entries.T) / 2
        scaled: Array = entries / np.abs(entries).max()
        return scaled

    def vectors(self, matrix: Array) -> Array:
        """Return right-hand sides for a matrix (m, n), shape (m, K).

        The planted solutions are non-negative for nnls and have both signs for inv and lstsq;
        mvm and eig take the planted vectors themselves.
        """
        m, n = matrix.shape
        problem = PROBLEMS[self.problem]
        count, lowest = self.right_hand_sides, 0.0 if problem.non_negative else -1.0
        draw = np.random.default_rng([self.seed, m, n, 1])
        planted = np.empty((count, n))
        disturbance = np.empty((count, m))
        for k in range(count):
            planted[k] = draw.uniform(lowest, 1.0, n)
            support = np.ones(n)
            support[draw.random(n) < self.zeros] = 0.0
            support[draw.integers(n)] = 1.0
            planted[k] *= support
            disturbance[k] = draw.standard_normal(m)
        if problem.takes_vectors:
            return planted.T
        exact = planted @ matrix.T
        spread = exact.std(axis=1, keepdims=True) if m > 1 else np.abs(exact)
        noisy: Array = exact + self.noise * spread * disturbance
        return noisy.T


@dataclass(frozen=True)
class Generator:
    """A family of matrices.

    Parameters
    ----------
    make : callable
        Takes a `GeneratedProblem` and a random generator.
    description : str
    setting : str
        Name of its own parameter; "" if it has none.
    default : float
        Default of that parameter.
    square : bool
        Whether it makes square matrices only.
    signed : bool
        Whether entries have both signs, whatever was said.
    """

    make: Callable[[GeneratedProblem, np.random.Generator], Array]
    description: str
    setting: str = ""
    default: float = 0.0
    square: bool = False
    signed: bool = False


def _uniform(problem: GeneratedProblem, draw: np.random.Generator) -> Array:
    return draw.uniform(-1.0 if problem.signed else 0.0, 1.0, (problem.rows, problem.columns))


def _sparse(problem: GeneratedProblem, draw: np.random.Generator) -> Array:
    """Keep a fraction of the entries, and at least one in every row and column."""
    m, n = problem.rows, problem.columns
    full = _uniform(problem, draw)
    mask = np.zeros((m, n), bool)
    mask[draw.random((m, n)) < problem.setting] = True
    for i in np.flatnonzero(~mask.any(axis=1)):
        mask[i, draw.integers(n)] = True
    for j in np.flatnonzero(~mask.any(axis=0)):
        mask[draw.integers(m), j] = True
    return full * mask


def _dominant(problem: GeneratedProblem, draw: np.random.Generator) -> Array:
    entries = _uniform(problem, draw)
    if problem.symmetric:
        entries = (entries + entries.T) / 2
    np.fill_diagonal(entries, 0.0)
    row_sums = np.abs(entries).sum(axis=1)
    return entries + np.diag(problem.setting * np.where(row_sums > 0, row_sums, 1.0))


def _covariance(problem: GeneratedProblem, draw: np.random.Generator) -> Array:
    """Return the sample covariance of variables that share one common part."""
    n, shared = problem.columns, problem.setting
    common, individual = (
        draw.standard_normal((SAMPLES * n, 1)),
        draw.standard_normal((SAMPLES * n, n)),
    )
    samples = np.sqrt(shared) * common + np.sqrt(1 - shared) * individual
    covariance: Array = samples.T @ samples / len(samples)
    return covariance if problem.signed else np.maximum(covariance, 0.0)


def _conditioned(problem: GeneratedProblem, draw: np.random.Generator) -> Array:
    """Return a matrix with the wanted condition number, on a path between three matrices.

    The path leads from orthogonal columns without overlap (condition number one; square: the
    identity) over a dense random matrix (square: its Gram matrix, which is positive definite)
    to a constant one (rank one); only the place on it depends on what is wanted.
    """
    m, n = problem.rows, problem.columns
    square = PROBLEMS[problem.problem].square
    if square:
        tall = _uniform(GeneratedProblem("lstsq", "uniform", 2 * n, n, problem.signed), draw)
        orthogonal, dense = np.eye(n), tall.T @ tall / (2 * n)
    else:
        orthogonal, dense = np.zeros((m, n)), _uniform(problem, draw)
        orthogonal[np.arange(m), np.arange(m) % n] = draw.uniform(0.5, 1.0, m)
        orthogonal /= np.linalg.norm(orthogonal, axis=0)
        orthogonal *= np.abs(dense).max() / orthogonal.max()
    constant = np.full((m, n), np.abs(dense).mean())
    matrices = (orthogonal, dense, constant)
    # A sum of these has a Gram matrix that is a sum of theirs.
    gram = [[a.T @ b for b in matrices] for a in matrices]

    def weights(place: float) -> tuple[float, float, float]:
        return max(1 - place, 0.0), 1 - abs(1 - place), max(place - 1, 0.0)

    def condition(place: float) -> float:
        w = weights(place)
        if square:
            values = np.linalg.eigvalsh(sum(w[k] * matrices[k] for k in range(3)))
            return float(values[-1] / max(values[0], 1e-12 * values[-1]))
        total = sum(w[j] * w[k] * gram[j][k] for j in range(3) for k in range(3))
        values = np.linalg.eigvalsh(np.asarray(total))
        return float(np.sqrt(values[-1] / max(values[0], 1e-14 * values[-1])))

    def excess(place: float) -> float:
        return float(np.log(condition(place) / problem.setting))

    if n == 1 or excess(0.0) >= 0:
        return orthogonal
    place = scipy.optimize.brentq(excess, 0.0, 2.0, xtol=1e-9, rtol=1e-9)
    w = weights(place)
    return np.asarray(sum(w[k] * matrices[k] for k in range(3)))


def _spectrum(problem: GeneratedProblem, draw: np.random.Generator) -> Array:
    """Return a matrix of singular values i^-decay with random singular vectors.

    Square problems get a symmetric one, whose eigenvalues these are.
    """
    m, n = problem.rows, problem.columns
    values = np.arange(1.0, min(m, n) + 1) ** -problem.setting
    left, right = (_orthonormal(lines, len(values), draw) for lines in (m, n))
    if PROBLEMS[problem.problem].square:
        left = right
    return np.asarray((left * values) @ right.T)


def _orthonormal(lines: int, count: int, draw: np.random.Generator) -> Array:
    """Return so many orthonormal columns, every direction being as likely as any other."""
    q, r = np.linalg.qr(draw.standard_normal((lines, count)))
    return np.asarray(q * np.where(np.diag(r) < 0, -1.0, 1.0))


GENERATORS: dict[str, Generator] = {
    "uniform": Generator(_uniform, "independent entries from 0 to 1"),
    "sparse": Generator(_sparse, "the same, most of them zero", "density", 0.1),
    "conditioned": Generator(_conditioned, "a stated condition number", "condition", 10.0),
    "dominant": Generator(_dominant, "a dominant diagonal", "dominance", 1.5, square=True),
    "covariance": Generator(
        _covariance, "covariance of correlated variables", "correlation", 0.5, square=True
    ),
    "spectrum": Generator(
        _spectrum, "singular values i^-decay, both signs", "decay", 1.0, signed=True
    ),
}
"""Families of matrices by name."""


def check_generator(name: str, problem: str, settings: set[str]) -> None:
    """Refuse a generator that is unknown, does not fit the problem, or has another parameter.

    Parameters
    ----------
    name, problem : str
    settings : set of str
        Parameters of generators that are set.

    Raises
    ------
    InputError
    """
    if name not in GENERATORS:
        raise InputError(
            f"matrix = {name!r}: neither a generator ({', '.join(GENERATORS)}) nor a file "
            f"({', '.join(FILES)})"
        )
    generator = GENERATORS[name]
    if generator.square and not PROBLEMS[problem].square:
        raise InputError(f"matrix = {name!r}: makes square matrices; {problem} is no such problem")
    for setting in sorted(settings - {generator.setting}):
        raise InputError(f"{setting}: matrix = {name!r} has no such parameter")
