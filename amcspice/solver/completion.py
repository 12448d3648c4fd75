"""Factorisation of a sparse matrix of which only the stored entries are known.

Alternating non-negative least squares as in `amcspice.solver.anls`, but every regression leaves
out what is missing: only the word lines of known entries are selected, and the ridge grows with
their number (Zhou et al., "Large-scale parallel collaborative filtering for the Netflix prize",
AAIM 2008, weight the penalty in this way).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from amcspice.circuit.base import Array
from amcspice.errors import InputError
from amcspice.pool import Pool, as_pool
from amcspice.solver.anls import revive
from amcspice.solver.checkpoint import Checkpoint
from amcspice.solver.factorisation import Factorisation, Iteration, has_converged
from amcspice.solver.result import Analysis
from amcspice.solver.selection import (
    AnalogSelection,
    DigitalSelection,
    Selection,
    selected_regression,
)
from amcspice.solver.statistics import Statistics
from amcspice.solver.verify import Verifier

__all__ = ["Completion", "Scores", "complete", "inner_products"]

Scores = dict[str, float]
"""Figures of merit of a pair of factors."""

ENTRIES_AT_ONCE = 1_000_000


@dataclass(frozen=True, eq=False)
class Completion(Factorisation):
    """Result of `complete`.

    Parameters
    ----------
    measured : Statistics
        Of every regression of every iteration.
    scores, digital_scores : tuple of dict
        What the scoring function gave after each iteration.
    """

    measured: Statistics = field(default_factory=lambda: Statistics.of([]))
    scores: tuple[Scores, ...] = ()
    digital_scores: tuple[Scores, ...] = ()


def complete(
    known: sp.csr_array,
    rank: int,
    *,
    iterations: int = 8,
    tolerance: float = 0.0,
    seed: int = 0,
    ridge: float = 0.1,
    circuit: str | None = None,
    analysis: Analysis | None = None,
    turned: sp.csr_array | None = None,
    score: Callable[[Array, Array], Scores] | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    jobs: int | Pool = 1,
    verify: int = 0,
    progress: Callable[[int], None] | None = None,
    on_iteration: Callable[[int, Iteration], None] | None = None,
    **parameters: Any,
) -> Completion:
    """Factorise V ~ W H over the stored entries of V, on the simulated circuit.

    Parameters
    ----------
    known : csr_array, shape (m, n)
        Stored entries are known, explicit zeros too; none may be negative.
    rank : int
        Columns of W; at most min(m, n).
    iterations, tolerance, seed
        See `amcspice.nmf`.
    ridge : float
        Of a regression, for each entry that is known in it.
    circuit, analysis
        See `amcspice.nmf`; the classic circuit is refused.
    turned : csr_array, shape (n, m), optional
        Transpose of ``known``, where it is at hand, such as on disk.
    score : callable, optional
        Takes W (m, rank) and H' (n, rank) after an iteration; returns figures to keep.
    checkpoint, resume, jobs, verify, progress, on_iteration, **parameters
        See `amcspice.nmf`.

    Returns
    -------
    Completion
        Factors of a row or column without known entries are zero.

    Raises
    ------
    InputError
        If an entry is negative or the rank does not fit, or if the checkpoint is of another run.
    SimulationError
        If a simulation fails.

    Examples
    --------
    >>> import numpy as np, scipy.sparse as sp
    >>> V = np.outer([1.0, 2.0, 3.0], [1.0, 0.5, 0.25, 1.0])
    >>> V[0, 0] = V[2, 1] = 0  # not stored: not known
    >>> found = complete(sp.csr_array(V), rank=1, ridge=1e-6, jobs=1)
    >>> float(found.approximation[0, 0].round(2))
    1.0
    """
    known = sp.csr_array(known)
    _check(known, turned, rank, iterations, tolerance, ridge)
    chosen = analysis or Analysis()
    verifier = Verifier(verify, chosen, seed)
    with as_pool(jobs) as pool:
        analog = AnalogSelection(chosen, circuit, parameters, ridge, pool, progress)
        run = _Alternation(
            known,
            sp.csr_array(known.T) if turned is None else turned,
            rank,
            seed,
            analog,
            DigitalSelection(ridge, pool),
            score or (lambda _w, _h: {}),
        )
        saved = Checkpoint(checkpoint, run.identity(tolerance))
        stored = saved.load() if resume else None
        state = _State.from_mapping(*stored) if stored else run.start()
        drawn = run.draw(verify, len(state.history), iterations)
        for number in range(len(state.history), iterations):
            if state.converged(tolerance):
                break
            state = run.iterate(state, number, verifier, drawn)
            over = number + 1 == iterations or state.converged(tolerance)
            saved.save(state.to_mapping, last=over)
            if on_iteration is not None:
                on_iteration(number + 1, state.history[-1])
    return Completion(
        W=state.W,
        H=state.H.T,
        digital_W=state.digital_W,
        digital_H=state.digital_H.T,
        history=tuple(state.history),
        provenance=state.provenance,
        verification=verifier.verify(),
        measured=state.measured,
        scores=tuple(state.scores),
        digital_scores=tuple(state.digital_scores),
    )


@dataclass(frozen=True, eq=False)
class _State:
    """Everything that one iteration hands to the next; H has a row for every column of V."""

    W: Array
    H: Array
    digital_W: Array
    digital_H: Array
    measured: Statistics
    history: list[Iteration]
    scores: list[Scores]
    digital_scores: list[Scores]
    provenance: dict[str, Any]

    def converged(self, tolerance: float) -> bool:
        """See `has_converged`."""
        return has_converged(self.history, tolerance)

    def to_mapping(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return arrays and plain values for a checkpoint."""
        arrays = {name: getattr(self, name) for name in ("W", "H", "digital_W", "digital_H")}
        measured = {
            f"measured_{f.name}": getattr(self.measured, f.name) for f in fields(Statistics)
        }
        values = {
            "history": [asdict(item) for item in self.history],
            "scores": self.scores,
            "digital_scores": self.digital_scores,
            "provenance": self.provenance,
        }
        return arrays | measured, values

    @classmethod
    def from_mapping(cls, arrays: dict[str, Array], values: dict[str, Any]) -> _State:
        """Reverse `to_mapping`."""
        measured = Statistics(
            **{f.name: arrays.pop(f"measured_{f.name}") for f in fields(Statistics)}
        )
        history = [Iteration(**item) for item in values.pop("history")]
        return cls(**{**arrays, **values, "measured": measured, "history": history})


@dataclass(frozen=True, eq=False)
class _Alternation:
    """One factorisation: its input and how its regressions are solved."""

    known: sp.csr_array
    turned: sp.csr_array
    rank: int
    seed: int
    analog: AnalogSelection
    digital: DigitalSelection
    score: Callable[[Array, Array], Scores]

    def __post_init__(self) -> None:
        # The circuit is refused before any work if it cannot select rows.
        self.analog.program(np.ones((1, 1)), 0)

    def identity(self, tolerance: float) -> list[Any]:
        """Return everything that the result depends on."""
        known, analog = self.known, self.analog
        return [
            known.indptr, known.indices, known.data, known.shape, self.rank, tolerance, self.seed,
            analog.ridge, analog.circuit, repr(sorted(analog.parameters.items())),
            repr(analog.analysis),
        ]  # fmt: skip

    def start(self) -> _State:
        """Draw W such that W H has the size of V for an H of about one; H is not used yet."""
        m, n = self.known.shape
        mean = float(self.known.data.mean(dtype=float)) or 1.0
        W = np.random.default_rng(self.seed).random((m, self.rank)) * 2 * mean / self.rank
        H = np.zeros((n, self.rank))
        return _State(W, H, W, H, Statistics.of([]), [], [], [], {})

    def draw(self, count: int, done: int, iterations: int) -> set[tuple[int, int]]:
        """Draw which regressions, by half-step and number, are verified."""
        if done >= iterations:
            return set()
        m, n = self.known.shape
        draw = np.random.default_rng(self.seed)
        places = draw.integers([2 * done, 0], [2 * iterations, max(m, n)], size=(count, 2))
        return {(int(half), int(at) % (n, m)[half % 2]) for half, at in places}

    def iterate(
        self, state: _State, number: int, verifier: Verifier, drawn: set[tuple[int, int]]
    ) -> _State:
        """Return the state after one more iteration."""
        W, H, measured, reseeded, provenance = self._alternate(
            self.analog, state.W, number, verifier, drawn
        )
        digital_W, digital_H, *_ = self._alternate(self.digital, state.digital_W, number)
        iteration = Iteration.of(
            measured,
            relative_residual=self._residual(W, H),
            digital_relative_residual=self._residual(digital_W, digital_H),
            reseeded=reseeded,
        )
        return _State(
            W, H, digital_W, digital_H,
            measured=Statistics.join([state.measured, measured]),
            history=[*state.history, iteration],
            scores=[*state.scores, self.score(W, H)],
            digital_scores=[*state.digital_scores, self.score(digital_W, digital_H)],
            provenance=provenance or state.provenance,
        )  # fmt: skip

    def _alternate(
        self,
        step: Selection,
        W: Array,
        number: int,
        verifier: Verifier | None = None,
        drawn: set[tuple[int, int]] = frozenset(),  # type: ignore[assignment]
    ) -> tuple[Array, Array, Statistics, int, dict[str, Any]]:
        factor, measured, reseeded = W, [], 0
        provenance: dict[str, Any] = {}
        for half, known in enumerate((self.turned, self.known), 2 * number):
            matrix, dead = revive(factor, [self.seed, half])
            solved = step(matrix, known, half)
            factor, before = solved.solutions, matrix
            measured.append(solved.measured)
            provenance = solved.provenance or provenance
            reseeded += dead
            if verifier is not None:
                self._offer(verifier, matrix, known, half, drawn)
        return factor, before, Statistics.join(measured), reseeded, provenance

    def _offer(
        self,
        verifier: Verifier,
        matrix: Array,
        known: sp.csr_array,
        half: int,
        drawn: set[tuple[int, int]],
    ) -> None:
        """Show the verifier the regressions that were drawn from a half-step."""
        for at in sorted(at for where, at in drawn if where == half):
            again = selected_regression(self.analog, matrix, known, at, half)
            if again is not None:
                circuit, vector, run = again
                verifier.offer(circuit, vector[None], run)

    def _residual(self, W: Array, H: Array) -> float:
        V = self.known
        rows = np.repeat(np.arange(V.shape[0]), np.diff(V.indptr))
        error = V.data - inner_products(W, H, rows, V.indices)
        return float(np.linalg.norm(error) / (np.sqrt(np.square(V.data, dtype=float).sum()) or 1.0))


def inner_products(W: Array, H: Array, rows: Any, columns: Any) -> Array:
    """Return single entries of W H', a bounded number at a time, shape (N,)."""
    parts = [
        np.einsum("kr,kr->k", W[rows[k : k + ENTRIES_AT_ONCE]], H[columns[k : k + ENTRIES_AT_ONCE]])
        for k in range(0, len(rows), ENTRIES_AT_ONCE)
    ]
    return np.concatenate(parts) if parts else np.empty(0)


def _check(
    known: sp.csr_array,
    turned: sp.csr_array | None,
    rank: int,
    iterations: int,
    tolerance: float,
    ridge: float,
) -> None:
    if not known.nnz:
        raise InputError("V: no entry is known; there is nothing to factorise")
    if not (np.isfinite(known.data).all() and known.data.min() >= 0):
        raise InputError("V: a known entry is negative or not finite; NMF needs V >= 0")
    if turned is not None and (turned.shape, turned.nnz) != (known.shape[::-1], known.nnz):
        raise InputError(f"turned: {turned.shape} is not the transpose of {known.shape}")
    if not 1 <= rank <= min(known.shape):
        raise InputError(f"rank = {rank} must be from 1 to {min(known.shape)} (V is {known.shape})")
    if iterations < 1:
        raise InputError(f"iterations = {iterations} must be at least 1")
    if not 0 <= tolerance < 1:
        raise InputError(f"tolerance = {tolerance} must be from 0 to below 1")
    if not (np.isfinite(ridge) and ridge >= 0):
        raise InputError(f"ridge = {ridge} must be zero or positive")
