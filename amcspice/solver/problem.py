"""`solve`: a problem by name, with the circuit chosen for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from amcspice.circuit import CIRCUITS, Circuit, LeastSquares, NonNegative, Unconstrained, as_matrix
from amcspice.circuit.base import Array
from amcspice.errors import InputError, UnsupportedError
from amcspice.pool import Pool
from amcspice.solver.complex_form import as_complex, real_form
from amcspice.solver.result import Analysis, Run
from amcspice.solver.run import simulate

__all__ = ["PROBLEMS", "make_circuit", "solve", "start_vector"]

PROBLEMS: dict[str, str] = {
    "mvm": "mvm",
    "inv": "inv",
    "lstsq": "ginv-compact",
    "nnls": "ginv-compact",
    "eig": "eigen",
}
"""Problems and the circuit that each takes by default."""

SIGNED = {"inv": "inv-compensated", "nnls": "ginv-classic"}
"""The same for matrices with negative entries, where it is another one: a saturated column of
ginv-compact leaks, and hold, the remedy, needs a non-negative matrix."""


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
    problem : {"mvm", "inv", "lstsq", "nnls", "eig"}
        Product with a matrix, linear system, least squares, non-negative least squares, or
        dominant eigenvector.
    matrix : array_like, shape (m, n)
    circuit : str, optional
        Name of a topology, see ``amcspice.CIRCUITS``; None is the default of the problem.
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
    values = as_matrix(matrix)
    name = circuit or (SIGNED.get(problem) if values.min() < 0 else None) or PROBLEMS[problem]
    if name not in CIRCUITS:
        raise InputError(f"unknown circuit {name!r}; choose from {', '.join(CIRCUITS)}")
    if problem not in CIRCUITS[name].problems:
        raise UnsupportedError(f"{name} does not solve {problem}")
    if problem != "nnls" and hold:
        raise UnsupportedError("hold needs the non-negative constraint (problem nnls)")
    topology = CIRCUITS[name]
    if issubclass(topology, LeastSquares):
        parameters["constraint"] = NonNegative(hold=hold) if problem == "nnls" else Unconstrained()
    # What is off by default may be named for any circuit.
    for option in ("ridge", "lasso"):
        if not parameters.get(option) and not issubclass(topology, LeastSquares):
            parameters.pop(option, None)
    unknown = set(parameters) - {item.name for item in dataclasses.fields(topology)}
    if unknown:
        raise UnsupportedError(f"{name} does not take {', '.join(sorted(unknown))}")
    return topology(values, **parameters)


def solve(
    problem: str,
    A: ArrayLike,
    b: ArrayLike | None = None,
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
    problem : {"mvm", "inv", "lstsq", "nnls", "eig"}
    A : array_like, shape (m, n)
        Complex for ``mvm``, ``inv`` and ``lstsq`` too: see `amcspice.solver.complex_form`.
    b : array_like, shape (m,) or (m, K), optional
        Right-hand sides; for ``mvm`` the vectors, for ``eig`` the start, which may be left out.
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
    is_complex = problem in PROBLEMS and any(
        np.iscomplexobj(values) for values in (A, b) if values is not None
    )
    if is_complex:
        A, b = real_form(problem, A, b)
        if parameters.get("rows") is not None:
            parameters["rows"] = np.tile(parameters["rows"], 2)
    made = make_circuit(problem, A, **parameters)
    if b is None:
        if problem != "eig":
            raise InputError(f"problem {problem} needs right-hand sides")
        b = start_vector(made)
    run = simulate(
        made, b, analysis=analysis, keep_waveforms=keep_waveforms, progress=progress, jobs=jobs,
        verify=verify,
    )  # fmt: skip
    return as_complex(run) if is_complex else run


def start_vector(circuit: Circuit) -> Array:
    """Return a start for an eigenvector circuit, drawn with the device's seed, shape (n,)."""
    draw = np.random.default_rng([circuit.device.seed, circuit.cycle])
    vector: Array = draw.uniform(-1.0, 1.0, circuit.input_size)
    return vector
