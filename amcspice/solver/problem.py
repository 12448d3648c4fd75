"""`solve`: a problem by name, with the circuit chosen for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from numpy.typing import ArrayLike

from amcspice.circuit import CIRCUITS, Circuit, NonNegative, Unconstrained
from amcspice.errors import InputError, UnsupportedError
from amcspice.pool import Pool
from amcspice.solver.result import Analysis, Run
from amcspice.solver.run import simulate

__all__ = ["PROBLEMS", "make_circuit", "solve"]

PROBLEMS: dict[str, str] = {"lstsq": "ginv-compact", "nnls": "ginv-compact"}
"""Problems and the circuit that each takes by default."""


def make_circuit(
    problem: str,
    matrix: ArrayLike,
    *,
    circuit: str | None = None,
    hold: bool | None = None,
    **parameters: Any,
) -> Circuit:
    """Return the circuit that solves a problem.

    Parameters
    ----------
    problem : {"lstsq", "nnls"}
        Least squares, or non-negative least squares.
    matrix : array_like, shape (m, n)
        Non-negative.
    circuit : {"ginv-compact", "ginv-classic"}, optional
        None is the default of the problem.
    hold : bool, optional
        See `amcspice.NonNegative`.
    **parameters
        Of the circuit: ``device``, ``wire``, ``opamp``, ``ridge``, ``lasso``, ``rows``, ...

    Raises
    ------
    InputError
        If problem or circuit are unknown.
    UnsupportedError
        If the circuit does not support what is asked for.
    """
    if problem not in PROBLEMS:
        raise InputError(f"unknown problem {problem!r}; choose from {', '.join(PROBLEMS)}")
    name = circuit or PROBLEMS[problem]
    if name not in CIRCUITS:
        raise InputError(f"unknown circuit {name!r}; choose from {', '.join(CIRCUITS)}")
    if problem not in CIRCUITS[name].problems:
        raise UnsupportedError(f"{name} does not solve {problem}")
    if problem != "nnls" and hold:
        raise UnsupportedError("hold needs the non-negative constraint (problem nnls)")
    constraint = NonNegative(hold=hold) if problem == "nnls" else Unconstrained()
    topology = CIRCUITS[name]
    unknown = set(parameters) - {item.name for item in dataclasses.fields(topology)}
    if unknown:
        raise UnsupportedError(f"{name} does not take {', '.join(sorted(unknown))}")
    return topology(matrix, constraint=constraint, **parameters)


def solve(
    problem: str,
    A: ArrayLike,
    b: ArrayLike,
    *,
    analysis: Analysis | None = None,
    keep_waveforms: bool = True,
    progress: Callable[[int], None] | None = None,
    jobs: int | Pool = 1,
    verify: int = 0,
    **parameters: Any,
) -> Run:
    """Solve a problem on an analog circuit.

    Parameters
    ----------
    problem : {"lstsq", "nnls"}
    A : array_like, shape (m, n)
        Non-negative matrix.
    b : array_like, shape (m,) or (m, K)
        Right-hand sides.
    analysis : Analysis, optional
        How it is simulated.
    keep_waveforms, progress, jobs, verify
        See `amcspice.simulate`.
    **parameters
        See `make_circuit`.

    Returns
    -------
    Run

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> A = np.array([[1.0, 0.2], [0.3, 0.8], [0.5, 0.5]])
    >>> amc.solve("nnls", A, [1.0, 0.0, 0.1]).x.round(3)
    array([0.784, 0.   ])
    """
    made = make_circuit(problem, A, **parameters)
    return simulate(
        made, b, analysis=analysis, keep_waveforms=keep_waveforms, progress=progress, jobs=jobs,
        verify=verify,
    )  # fmt: skip
