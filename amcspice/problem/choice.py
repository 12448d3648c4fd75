"""Problems by name, and the circuit that is made for one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import ArrayLike

from amcspice.circuit import CIRCUITS, Circuit, LeastSquares, as_matrix
from amcspice.circuit.options import topology_fields
from amcspice.device.hardware import hardware_names, split_hardware
from amcspice.errors import UnsupportedError, did_you_mean
from amcspice.problem.base import Problem
from amcspice.problem.eig import DominantEigenvector
from amcspice.problem.form import CircuitForm
from amcspice.problem.inv import LinearSystem
from amcspice.problem.lasso import Lasso
from amcspice.problem.least_squares import LeastSquaresProblem, NonNegativeLeastSquares
from amcspice.problem.mvm import MatrixProduct
from amcspice.problem.precoding import Precoding, Projection
from amcspice.registry import Registry

__all__ = ["PROBLEMS", "circuit_of", "form_of", "make_circuit", "problem_of"]


def _fault(entry: Any) -> str | None:
    return None if isinstance(entry, Problem) else "it is no instance of amcspice.Problem"


PROBLEMS: Registry[Problem] = Registry(
    "problem",
    "amcspice.problems",
    {
        problem.name: problem
        for problem in (
            MatrixProduct(), LinearSystem(), LeastSquaresProblem(), NonNegativeLeastSquares(),
            Lasso(), DominantEigenvector(), Precoding(), Projection(),
        )
    },
    _fault,
    doc="""Every problem by its name on the command line, a mapping to instances of `Problem`.

    Examples
    --------
    >>> import amcspice as amc
    >>> amc.PROBLEMS["nnls"].title
    'non-negative least squares'
    """,
)  # fmt: skip


def problem_of(circuit: Circuit) -> Problem:
    """Return what a circuit solves."""
    return PROBLEMS.choose(circuit.problem)


def make_circuit(
    problem: str, matrix: ArrayLike, *, circuit: str | None = None, **parameters: Any
) -> Circuit:
    """Return the circuit that solves a problem.

    Parameters
    ----------
    problem : str
        A name of ``amcspice.PROBLEMS``: ``mvm``, ``inv``, ``lstsq``, ``nnls``, ``lasso``, ``eig``,
        ``precode``, ``project``.
    matrix : array_like, shape (m, n)
        Of the problem; what the circuit holds follows from it (lasso: [A, -A]).
    circuit : str, optional
        Name of a topology, see ``amcspice.CIRCUITS``; None is the default of the problem.
    **parameters
        Of the circuit: ``ridge``, ``lasso``, ``rows``, ``hold`` (see `amcspice.NonNegative`), ...;
        its hardware, whole (``hardware``), in parts (``device``, ``wire``, ``opamp``, ``dac``,
        ``adc``) or by single parameters as the command line names them (``gbw="50 MHz"``).

    Raises
    ------
    InputError
        If problem or circuit are unknown.
    UnsupportedError
        If the circuit does not support what is asked for.

    Examples
    --------
    >>> import amcspice as amc
    >>> A = [[1.0, 0.5], [0.2, 1.0]]
    >>> circuit = amc.make_circuit("nnls", A, circuit="ginv-compact", levels=16)
    >>> type(circuit).__name__, circuit.device.levels
    ('CompactGINV', 16)
    """
    asked = PROBLEMS.choose(problem)
    return circuit_of(asked, form_of(asked, matrix, None, circuit, parameters), circuit, parameters)


def form_of(
    problem: Problem,
    A: ArrayLike,
    b: ArrayLike | None,
    circuit: str | None,
    parameters: Mapping[str, Any],
) -> CircuitForm:
    """Return a problem as circuits are asked it: directly where the one that was chosen solves it.

    Parameters
    ----------
    problem : Problem
    A, b
        See `Problem.circuit_form`.
    circuit : str, optional
        Name of a topology; None is the default of the problem.
    parameters : mapping
        Of the circuit.
    """
    if circuit is not None and problem.name in CIRCUITS.choose(circuit).problems:
        return problem.direct_form(A, b, parameters)
    return problem.circuit_form(A, b, parameters)


def circuit_of(
    problem: Problem, form: CircuitForm, circuit: str | None, parameters: Mapping[str, Any]
) -> Circuit:
    """Return the circuit for a form of a problem; see `make_circuit`."""
    solved = PROBLEMS.choose(form.problem)
    values = as_matrix(form.matrix)
    name = circuit or problem.default_circuit(signed=bool(values.min() < 0))
    topology = CIRCUITS.choose(name)
    if solved.name not in topology.problems:
        raise UnsupportedError(f"{name} does not solve {problem.name}")
    parts, others = split_hardware({**parameters, **form.parameters})
    chosen = solved.circuit_parameters(topology, topology_fields(topology, others))
    # What is off by default may be named for any circuit.
    for option in ("ridge", "lasso", "hold"):
        if not chosen.get(option) and not issubclass(topology, LeastSquares):
            chosen.pop(option, None)
    fields = [item.name for item in dataclasses.fields(topology)]
    unknown = sorted(set(chosen) - set(fields))
    if unknown:
        names = [*(field for field in fields if field != "matrix"), *hardware_names()]
        raise UnsupportedError(
            f"{name} does not take {', '.join(unknown)}{_who_does(unknown[0], names)}"
        )
    return topology(values, **chosen, **parts)


def _who_does(parameter: str, names: Sequence[str]) -> str:
    """Return which circuits take a parameter that one does not take, or what it may be instead."""
    takers = [
        name
        for name, topology in CIRCUITS.items()
        if parameter in (item.name for item in dataclasses.fields(topology))
    ]
    if takers:
        return f", which is of {', '.join(takers)}"
    remark = did_you_mean(parameter, names)
    return f": {remark}" if remark.startswith("did you mean") else ""
