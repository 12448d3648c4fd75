"""One point of a sweep: run it, or say how to run it again."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from amcspice.algorithm.system import System
from amcspice.errors import InputError
from amcspice.problem import PROBLEMS
from amcspice.simulation import Run
from amcspice.simulation.provenance import versions_at
from amcspice.sweep.costs import chip_costs, run_costs, run_on_chip
from amcspice.sweep.metrics import (
    Metrics,
    matrix_metrics,
    metric_units,
    metrics_of,
    run_metrics,
)
from amcspice.sweep.spec.experiment import PARAMETERS, Experiment
from amcspice.sweep.spec.parts import PREDICTED

__all__ = ["PointResult", "command", "run_experiment", "run_point", "units"]

_PROVENANCE = (
    "amcspice",
    "ngspice",
    "python",
    "numpy",
    "scipy",
    "simulator",
    "solver",
    "options",
    "deck_sha256",
    "amplifier",
)


@dataclass(frozen=True)
class PointResult:
    """What a point gave.

    Parameters
    ----------
    metrics : dict of str to number
        See `amcspice.sweep.metrics`.
    provenance : dict
        Versions and how it was simulated.
    run : Run, optional
        Of a single circuit, where it stays in this process.
    """

    metrics: Metrics
    provenance: dict[str, Any]
    run: Run | None = None


def run_point(parameters: Mapping[str, Any]) -> PointResult:
    """Run one point: what every executor does.

    Parameters
    ----------
    parameters : mapping
        See `Experiment.of`.

    Raises
    ------
    InputError
        If the parameters cannot be used, or the circuit is unstable.
    SimulationError
        If the simulation fails.
    """
    result = run_experiment(Experiment.of(parameters))
    return PointResult(result.metrics, {name: result.provenance.get(name) for name in _PROVENANCE})


def run_experiment(experiment: Experiment, *, keep_waveforms: bool = False) -> PointResult:
    """Return the metrics of a point with all that is known of how they came about.

    Raises
    ------
    InputError
        If the circuit is unstable.
    SimulationError
        If the simulation fails.
    """
    started = time.perf_counter()
    system = experiment.system()
    if system is not None:
        return _run_system(experiment, system, started)
    matrix = experiment.matrix()
    chip = None
    if experiment["range"] == PREDICTED:
        run, chip = run_on_chip(experiment, matrix)
    else:
        run = experiment.simulate(matrix, keep_waveforms=keep_waveforms)
    metrics = run_metrics(run, matrix, non_negative=PROBLEMS[experiment["problem"]].non_negative)
    metrics["wall_time_s"] = time.perf_counter() - started
    if experiment["technology"] is not None:
        if chip is None:
            metrics |= run_costs(experiment, run, matrix)
        else:
            metrics |= chip_costs(experiment, chip, digital=True)
    return PointResult(metrics, run.provenance, run)


def _run_system(experiment: Experiment, system: System, started: float) -> PointResult:
    metrics = metrics_of(system, system.run(experiment))
    if system.asks is not None:
        metrics |= matrix_metrics(experiment.matrix())
    metrics["wall_time_s"] = time.perf_counter() - started
    if experiment["technology"] is not None:
        metrics |= chip_costs(experiment, experiment.chip, digital=False)
    return PointResult(metrics, versions_at(experiment.analysis()))


def units() -> dict[str, str]:
    """Return the unit of every parameter and metric that has one."""
    columns = {name: parameter.unit for name, parameter in PARAMETERS.items()} | metric_units()
    return {name: unit for name, unit in {**columns, "seconds": "s"}.items() if unit}


def command(parameters: Mapping[str, Any]) -> str:
    """Return the command line that repeats a point: what differs from the defaults.

    >>> command({"columns": 4, "gbw": 1e9})
    'amcspice sweep point --set columns=4 --set gbw=1e9'
    """
    parameter_values = Experiment.of(parameters).parameters()
    chosen: dict[str, Any] = {}
    # What others imply need not be said; where defaults follow others, a second look is needed.
    while missing := _different(chosen, parameter_values):
        chosen |= missing
    for name in [name for name in _derived() if name in chosen]:
        fewer = {key: value for key, value in chosen.items() if key != name}
        if not _different(fewer, parameter_values):
            chosen = fewer
    settings = (
        shlex.quote(f"{name}={_text(chosen[name])}") for name in PARAMETERS if name in chosen
    )
    return " ".join(["amcspice sweep point", *(f"--set {setting}" for setting in settings)])


_FIRST = ("matrix_sha256", "rhs_sha256", "files_sha256")
"""What follows from other parameters at any rate."""


def _derived() -> list[str]:
    """Return what may follow from other parameters, what others set together at the end."""
    chosen = ("rows_per_column", "rows", "problem_seed", "matrix", "circuit", "right_hand_sides")
    problem = [parameter.name for parameter in PARAMETERS.of_group("problem", "system")]
    problem.append("range")
    rest = [
        parameter.name
        for parameter in PARAMETERS.of_group("circuit", "wires", "amplifier", "device")
        if not parameter.made_of
    ]
    together = [name for name, parameter in PARAMETERS.items() if parameter.made_of]
    return list(dict.fromkeys([*_FIRST, *rest, *together, *chosen, *problem]))


def _different(chosen: Mapping[str, Any], parameter_values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what chosen parameters do not imply; everything if they do not fit together."""
    try:
        implied = Experiment.of(chosen).parameters()
    except InputError:
        implied = {}
    return {
        name: value
        for name, value in parameter_values.items()
        if name not in implied or implied[name] != value
    }


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        mantissa, exponent = f"{value:.16e}".split("e")
        texts = (repr(value).removesuffix(".0"), f"{float(mantissa):g}e{int(exponent)}")
        return min((text for text in texts if float(text) == value), key=len)
    return str(value)
