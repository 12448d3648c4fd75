"""`compare`: every circuit that takes a matrix, side by side, and which one to take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from amcspice.circuit import CIRCUITS
from amcspice.design.advice import Criteria, advice, pareto
from amcspice.design.budget import ErrorBudget
from amcspice.design.chip_cost import TECHNOLOGY, chip_cost
from amcspice.design.error_budget import SEEDS, error_budget
from amcspice.design.margin import StabilityMargin, stability_margin
from amcspice.engine import Analysis, get_backend, split_options
from amcspice.errors import InputError, SimulationError, UnsupportedError
from amcspice.problem import PROBLEMS
from amcspice.simulation import simulate
from amcspice.simulation.solve import PosedProblem, pose
from amcspice.system.cost import Totals

__all__ = ["Candidate", "CircuitComparison", "compare"]


@dataclass(frozen=True)
class Candidate:
    """What a circuit comes to.

    Parameters
    ----------
    budget : ErrorBudget
        Of its error, at dc.
    settling_time : float
        Longest of all right-hand sides; nan where one does not settle [s].
    power : float
        At rest, mean over right-hand sides [W].
    energy : float
        Until settled, mean over right-hand sides; nan as above [J].
    amplifiers, cells : int
    margin : StabilityMargin, optional
        None of circuits that grow to a rail by design.
    writing, operation : Totals
        On a chip, in a technology: of writing the matrix once, with what prepares it, and of one
        right-hand side with converters; nan where one does not settle.
    cautions : tuple of str
    """

    budget: ErrorBudget
    settling_time: float
    power: float
    energy: float
    amplifiers: int
    cells: int
    margin: StabilityMargin | None
    writing: Totals
    operation: Totals
    cautions: tuple[str, ...]

    def criteria(self) -> Criteria:
        """Return what circuits are chosen by."""
        bears = 0.0 if self.margin is None else self.margin.second_pole
        return Criteria(
            self.budget.error, self.budget.spread, self.settling_time, self.energy,
            self.amplifiers, bears, self.budget.largest(),
            self.budget.shares[self.budget.largest()].share
            if self.budget.largest() in self.budget.shares
            else self.budget.circuit,
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "relative_error": self.budget.error,
            "budget": self.budget.to_json(),
            "settling_time_s": self.settling_time,
            "power_w": self.power,
            "energy_j": self.energy,
            "amplifiers": self.amplifiers,
            "cells": self.cells,
            "stability_margin": None if self.margin is None else self.margin.to_json(),
            "writing": self.writing.to_json(),
            "operation": self.operation.to_json(),
            "cautions": list(self.cautions),
        }


@dataclass(frozen=True)
class CircuitComparison:
    """Circuits side by side; make it with `amcspice.compare`.

    Parameters
    ----------
    problem : str
    shape : (int, int)
        Of the matrix.
    circuits : dict of str to Candidate
        Those that take it, the least error first.
    refused : dict of str to str
        Those that do not, and why.
    pareto : tuple of str
        Those to which no other is better in error, settling time and energy together.
    advice : str
        Which one to take, and the reason.
    technology : str
        In which writing and converters are counted.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> comparison = amc.compare("inv", [[2.0, 1.0], [1.0, 3.0]], np.eye(2), write_noise="1 %")
    >>> "inv" in comparison.circuits, set(comparison.pareto) <= set(comparison.circuits)
    (True, True)
    """

    problem: str
    shape: tuple[int, int]
    circuits: Mapping[str, Candidate]
    refused: Mapping[str, str]
    pareto: tuple[str, ...]
    advice: str
    technology: str

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "problem": self.problem,
            "shape": list(self.shape),
            "circuits": {name: each.to_json() for name, each in self.circuits.items()},
            "refused": dict(self.refused),
            "pareto": list(self.pareto),
            "advice": self.advice,
            "technology": self.technology,
        }

    def __repr__(self) -> str:
        return f"{self.problem}, {self.shape[0]} x {self.shape[1]}: {self.advice}"


def compare(
    problem: str,
    A: ArrayLike,
    b: ArrayLike | None = None,
    *,
    seeds: int = SEEDS,
    seed: int | None = None,
    progress: Callable[[str], None] | None = None,
    **options: Any,
) -> CircuitComparison:
    """Return every circuit that takes a problem, side by side.

    Parameters
    ----------
    problem : {"mvm", "inv", "lstsq", "nnls", "lasso", "eig"}
        Or another name of ``amcspice.PROBLEMS``.
    A : array_like, shape (m, n)
    b : array_like, shape (m,) or (m, K), optional
        Right-hand sides; may be left out where the problem has an input by default.
    seeds, seed
        Of the budgets, see `amcspice.error_budget`.
    progress : callable, optional
        Told what begins.
    **options
        Fields of `Analysis`, parameters of circuits and hardware, as `amcspice.solve` takes them.

    Returns
    -------
    CircuitComparison

    Raises
    ------
    InputError
        If no circuit takes the problem, or something cannot be used.

    Notes
    -----
    Errors are those at dc over all draws; settling, power and energy those of the first draw in
    time, at behavioural fidelity where no other is given.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> A = np.random.default_rng(0).random((8, 3))
    >>> found = amc.compare("lstsq", A, A @ [0.5, 0.2, 0.1], write_noise="1 %", gain=1e4)
    >>> [name for name in found.circuits if name.startswith("ginv")]
    ['ginv-classic', 'ginv-compact']
    """
    asked = PROBLEMS.choose(problem)
    fields, parameters = split_options(options)
    analysis = Analysis(**{"fidelity": "behavioural", **fields})
    if not get_backend(analysis).in_time:
        raise UnsupportedError(
            f"the {analysis.fidelity} fidelity has no time, and circuits are compared in settling "
            "and energy, too: use behavioural, reduced or flat"
        )
    posed, refused = _posed(asked.name, A, b, parameters)
    circuits: dict[str, Candidate] = {}
    for name, each in posed.items():
        if progress is not None:
            progress(name)
        try:
            circuits[name] = _candidate(each, analysis, seeds, seed)
        except (InputError, SimulationError) as error:  # also lines left bare by bad cells
            refused[name] = str(error)
    if not circuits:
        reasons = list(dict.fromkeys(refused[name] for name in posed))
        if len(reasons) == 1:
            raise InputError(reasons[0])
        told = "; ".join(f"{name}: {refused[name]}" for name in posed)
        raise InputError(f"no circuit takes this problem: {told}")
    ranked = dict(sorted(circuits.items(), key=lambda pair: pair[1].budget.error))
    criteria = {name: each.criteria() for name, each in ranked.items()}
    gbw = next(iter(posed.values())).circuit.opamp.gbw
    rows, columns = np.shape(A)
    return CircuitComparison(
        asked.name, (int(rows), int(columns)), ranked, refused, pareto(criteria),
        advice(criteria, gbw), TECHNOLOGY,
    )  # fmt: skip


def _posed(
    problem: str, A: ArrayLike, b: ArrayLike | None, parameters: Mapping[str, Any]
) -> tuple[dict[str, PosedProblem], dict[str, str]]:
    """Return the problem on every circuit that takes it, and why others do not.

    What no circuit takes is wrong in itself, and raised as the circuit by default says it.
    """
    posed: dict[str, PosedProblem] = {}
    refused: dict[str, str] = {}
    for name in CIRCUITS:
        try:
            posed[name] = pose(problem, A, b, circuit=name, parameters=parameters)
            posed[name].circuit.vectors(posed[name].vectors)
        except InputError as error:
            posed.pop(name, None)
            refused[name] = str(error)
    if not posed:
        pose(problem, A, b, parameters=parameters)
    return posed, refused


def _candidate(posed: PosedProblem, analysis: Analysis, seeds: int, seed: int | None) -> Candidate:
    circuit, b = posed.circuit, posed.vectors
    budget = error_budget(
        circuit, b, seeds=seeds, seed=seed, analysis=analysis.at_rest(), form=posed.form
    )
    run = simulate(circuit, b, analysis=analysis, keep_waveforms=False)
    margin = None if circuit.rail_limited else stability_margin(circuit, b, run)
    measured = run.measurement
    settles = bool(np.isfinite(measured.settling_time).all())
    writing, operation = chip_cost(circuit, measured)
    return Candidate(
        budget=budget,
        settling_time=float(measured.settling_time.max()) if settles else np.nan,
        power=float(np.mean(measured.power["total"])),
        energy=float(np.mean(measured.energy)) if settles else np.nan,
        amplifiers=run.amplifiers,
        cells=run.cells,
        margin=margin,
        writing=writing,
        operation=operation,
        cautions=tuple(dict.fromkeys((*run.cautions, *budget.cautions))),
    )
