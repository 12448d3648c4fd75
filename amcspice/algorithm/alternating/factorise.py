"""Non-negative matrix factorisation on a simulated circuit: `nmf` and `complete`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import scipy
from numpy.typing import ArrayLike

from amcspice.algorithm.alternating.anls import nmf_many
from amcspice.algorithm.alternating.data import DenseData, SparseData
from amcspice.algorithm.alternating.factorisation import Factorisation, Iteration, Scores
from amcspice.algorithm.alternating.selection import check_selection
from amcspice.algorithm.alternating.task import FactorisationTask
from amcspice.circuit.base import Array
from amcspice.engine import Analysis, choose_analysis, split_options
from amcspice.pool import Pool
from amcspice.simulation.verification import Verify
from amcspice.simulation.verify import Verifier

__all__ = ["analysis_among", "complete", "nmf", "predicted_among"]


def nmf(
    V: ArrayLike,
    rank: int,
    *,
    iterations: int = 20,
    tolerance: float = 1e-4,
    seed: int = 0,
    mask: ArrayLike | None = None,
    ridge: float = 0.0,
    lasso: float = 0.0,
    circuit: str | None = None,
    analysis: Analysis | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    jobs: int | Pool = 1,
    verify: int | Verify = 0,
    progress: Callable[[float], None] | None = None,
    on_iteration: Callable[[int, Iteration], None] | None = None,
    **options: Any,
) -> Factorisation:
    """Factorise a non-negative matrix on the simulated circuit.

    Parameters
    ----------
    V : array_like, shape (m, n)
        Non-negative.
    rank : int
        Columns of W; at most min(m, n).
    iterations : int
        Largest number of iterations.
    tolerance : float
        Stop once the relative residual falls by less than this fraction in an iteration;
        0 runs all iterations.
    seed : int
        Of the initial factors.
    mask : array_like of bool, shape (m, n), optional
        Entries that are known; the others are left out of every regression.
    ridge, lasso : float
        Of every regression, see `amcspice.Circuit`.
    circuit : {"ginv-compact", "ginv-classic"}, optional
    analysis : Analysis, optional
        How each regression is simulated; or its fields as keywords: ``fidelity="behavioural"``.
    checkpoint : Path, optional
        File that is replaced after an iteration, at most once a second, and at the end.
    resume : bool
        Continue from the checkpoint if there is one; the result is the same as without a stop.
    jobs : int or Pool
        Processes that share the regressions of a half-step; changes no result.
    verify : int or Verify
        How many regressions, drawn from all of this run, are run again at the next higher
        fidelity; see `amcspice.simulate`.
    progress : callable, optional
        Called with the number of regressions finished since the last call.
    on_iteration : callable, optional
        Called with the number of the iteration (from 1) and its figures.
    **options
        Parameters of the circuit (``device``, ``wire``, ``opamp``, ``hold``, ``compensation``,
        ...) and fields of `Analysis`; ``range="predicted"`` predicts ranges from the first 16
        regressions of every half-step, which are run for that, as a chip can.

    Returns
    -------
    Factorisation

    Raises
    ------
    InputError
        If V has negative entries or the rank does not fit, or if the checkpoint is of another
        run.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> V = np.outer([1.0, 2.0, 3.0], [1.0, 0.5, 0.25, 1.0])
    >>> result = amc.nmf(V, rank=1, iterations=2)
    >>> bool(result.history[-1].relative_residual < 1e-3)
    True
    """
    predicted, options = predicted_among(options)
    analysis, parameters = analysis_among(options, analysis)
    task = FactorisationTask(
        data=DenseData(V, mask, ridge),
        rank=rank,
        iterations=iterations,
        tolerance=tolerance,
        seed=seed,
        circuit=circuit,
        parameters={"lasso": lasso, **parameters},
        checkpoint=None if checkpoint is None else Path(checkpoint),
        resume=resume,
        on_iteration=on_iteration,
        predicted=predicted,
    )
    return _factorise(task, analysis, jobs, verify, progress)


def complete(
    known: scipy.sparse.csr_array,
    rank: int,
    *,
    iterations: int = 8,
    tolerance: float = 0.0,
    seed: int = 0,
    ridge: float = 0.1,
    circuit: str | None = None,
    analysis: Analysis | None = None,
    transpose: scipy.sparse.csr_array | None = None,
    score: Callable[[Array, Array], Scores] | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    jobs: int | Pool = 1,
    verify: int | Verify = 0,
    progress: Callable[[float], None] | None = None,
    on_iteration: Callable[[int, Iteration], None] | None = None,
    **options: Any,
) -> Factorisation:
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
    transpose : csr_array, shape (n, m), optional
        Transpose of ``known``, where it is at hand, such as on disk.
    score : callable, optional
        Takes W (m, rank) and H' (n, rank) after an iteration; returns figures to keep.
    checkpoint, resume, jobs, verify, progress, on_iteration, **options
        See `amcspice.nmf`.

    Returns
    -------
    Factorisation
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
    >>> from amcspice.algorithm import complete
    >>> V = np.outer([1.0, 2.0, 3.0], [1.0, 0.5, 0.25, 1.0])
    >>> V[0, 0] = V[2, 1] = 0  # not stored: not known
    >>> result = complete(scipy.sparse.csr_array(V), rank=1, ridge=1e-6)
    >>> float(result.approximation[0, 0].round(2))
    1.0
    """
    predicted, options = predicted_among(options)
    analysis, parameters = analysis_among(options, analysis)
    task = FactorisationTask(
        data=SparseData(known, transpose, ridge),
        rank=rank,
        iterations=iterations,
        tolerance=tolerance,
        seed=seed,
        circuit=circuit,
        parameters=parameters,
        score=score,
        checkpoint=None if checkpoint is None else Path(checkpoint),
        resume=resume,
        on_iteration=on_iteration,
        predicted=predicted,
    )
    check_selection(circuit, parameters)
    return _factorise(task, analysis, jobs, verify, progress)


def predicted_among(options: Mapping[str, Any]) -> tuple[bool, dict[str, Any]]:
    """Return whether ranges are to be predicted, and all other options."""
    predicted = options.get("range") == "predicted"
    return predicted, {k: v for k, v in options.items() if not (predicted and k == "range")}


def _factorise(
    task: FactorisationTask,
    analysis: Analysis,
    jobs: int | Pool,
    verify: int | Verify,
    progress: Callable[[float], None] | None,
) -> Factorisation:
    verifier = Verifier(verify, analysis, task.seed)
    (result,) = nmf_many([task], analysis, jobs=jobs, verifier=verifier, progress=progress)
    return replace(result, verification=verifier.verify())


def analysis_among(
    options: Mapping[str, Any], analysis: Analysis | None = None
) -> tuple[Analysis, dict[str, Any]]:
    """Part the fields of `Analysis` from the parameters of a circuit.

    Parameters
    ----------
    options : mapping
    analysis : Analysis, optional
        Instead of its fields.

    Returns
    -------
    analysis : Analysis
    parameters : dict

    Raises
    ------
    InputError
        If there are both, or a field does not fit.
    """
    analysis_fields, parameters = split_options(options)
    return choose_analysis(analysis, analysis_fields), parameters
