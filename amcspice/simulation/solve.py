"""`solve`: a problem by name, with the circuit chosen for it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from numpy.typing import ArrayLike

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine import Analysis, choose_analysis, split_options
from amcspice.pool import Pool
from amcspice.problem import PROBLEMS, CircuitForm
from amcspice.problem.choice import circuit_of, form_of
from amcspice.simulation.path import simulate
from amcspice.simulation.result import judge
from amcspice.simulation.run import Run
from amcspice.simulation.trials import Trials
from amcspice.simulation.verification import Verify

__all__ = ["PosedProblem", "pose", "solve"]

R = TypeVar("R", Run, Trials)


@dataclass(frozen=True, eq=False)
class PosedProblem:
    """A problem made ready for a circuit.

    Parameters
    ----------
    name : str
        Of the problem.
    circuit : Circuit
    vectors : ndarray, shape (m,) or (m, K)
        Right-hand sides as the circuit takes them.
    form : CircuitForm
        How its solutions become those of the problem.
    """

    name: str
    circuit: Circuit
    vectors: Array
    form: CircuitForm

    def restore(self, result: R) -> R:
        """Return the result of the circuit as that of the problem."""
        if isinstance(result, Trials):
            return replace(result, form=self.form)
        asked = functools.partial(
            judge, self.circuit, self.circuit.vectors(self.vectors), result.measurement, self.form
        )
        return replace(result, problem=self.name, form=self.form, judgement=asked)


def pose(
    problem: str,
    A: ArrayLike,
    b: ArrayLike | None,
    *,
    circuit: str | None = None,
    parameters: Mapping[str, Any],
) -> PosedProblem:
    """Return a problem with its circuit and right-hand sides.

    Parameters
    ----------
    problem : str
    A : array_like, shape (m, n)
    b : array_like, shape (m,) or (m, K), optional
    circuit : str, optional
        Topology; None is the default of the problem.
    parameters : mapping
        Of the circuit.

    Raises
    ------
    InputError
        If something cannot be used, or right-hand sides are missing.
    """
    asked = PROBLEMS.choose(problem)
    form = form_of(asked, A, b, circuit, parameters)
    made = circuit_of(asked, form, circuit, parameters)
    vectors = form.vectors
    if vectors is None:
        vectors = asked.default_input(made)
    return PosedProblem(problem, made, vectors, form)


def solve(
    problem: str,
    A: ArrayLike,
    b: ArrayLike | None = None,
    *,
    circuit: str | None = None,
    analysis: Analysis | None = None,
    keep_waveforms: bool = True,
    progress: Callable[[float], None] | None = None,
    jobs: int | Pool = 1,
    verify: int | Verify = 0,
    **options: Any,
) -> Run:
    """Solve a problem on an analog circuit.

    Parameters
    ----------
    problem : {"mvm", "inv", "lstsq", "nnls", "lasso", "eig"}
        Or another name of ``amcspice.PROBLEMS``.
    A : array_like, shape (m, n)
        Complex for ``mvm``, ``inv``, ``lstsq`` and ``eig`` (Hermitian) too, by its real form.
    b : array_like, shape (m,) or (m, K), optional
        Right-hand sides; for ``mvm`` the vectors, for ``eig`` the start, which may be left out.
    circuit : str, optional
        Topology, see ``amcspice.CIRCUITS``; None is the default of the problem.
    analysis : Analysis, optional
        How it is simulated; or its fields as keywords, such as ``fidelity="behavioural"``.
    keep_waveforms, progress, jobs, verify
        See `amcspice.simulate`.
    **options
        Fields of `Analysis`, parameters of the circuit (``ridge``, ``lasso``, ``hold``, ...) and
        its hardware: see `amcspice.make_circuit`.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        If something cannot be used.
    SimulationError
        If a simulation fails.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> A = np.array([[1.0, 0.2], [0.3, 0.8], [0.5, 0.5]])
    >>> amc.solve("nnls", A, [1.0, 0.0, 0.1]).x.round(3)
    array([0.784, 0.   ])
    """
    fields, parameters = split_options(options)
    chosen = choose_analysis(analysis, fields)
    posed = pose(problem, A, b, circuit=circuit, parameters=parameters)
    run = simulate(
        posed.circuit, posed.vectors, analysis=chosen, keep_waveforms=keep_waveforms,
        progress=progress, jobs=jobs, verify=verify,
    )  # fmt: skip
    return posed.restore(run)
