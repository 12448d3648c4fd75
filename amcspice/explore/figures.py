"""Figures of a question: solution, waveforms, power and modes while sliders move; its budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from amcspice.circuit import Circuit
from amcspice.design import ErrorBudget, error_budget
from amcspice.design.chip_cost import TECHNOLOGY, chip_cost
from amcspice.engine import Analysis, LinearModel, get_backend
from amcspice.engine.equations.linear import Modes
from amcspice.errors import AmcspiceError
from amcspice.explore.session import Question
from amcspice.measure import measure_settling
from amcspice.reduction import reduce_to_ports
from amcspice.simulation import Run, simulate
from amcspice.simulation.solve import PosedProblem

__all__ = ["budget_of", "figures_of", "waveforms"]

SHOWN = 2.5
"""Settling times that waveforms are shown for."""

LEAST_SAMPLES, MOST_SAMPLES = 400, 800
"""Samples of a waveform in the page: so many that no curve looks like a polygon, and no more than
it can draw."""

MOST_CURVES = 16
"""Outputs that are drawn; figures are of all."""

DIGITS = 7


def figures_of(question: Question) -> dict[str, Any]:
    """Return what the page shows, in plain values and arrays.

    Parameters
    ----------
    question : Question

    Raises
    ------
    InputError
        If the circuit cannot be simulated, such as an unstable one.
    """
    experiment = question.experiment
    posed, analysis = experiment.posed(), experiment.analysis()
    timed = get_backend(analysis).in_time
    run = posed.restore(
        simulate(posed.circuit, posed.vectors, analysis=analysis, keep_waveforms=timed)
    )
    measured = run.measurement
    return {
        "x": run.x[:, 0],
        "reference": run.reference[:, 0],
        "relative_error": run.relative_error[0],
        "absolute_error": run.absolute_error[0],
        "settled": run.settled[0],
        "settling_time": run.settling_time[0],
        "energy": run.energy[0],
        "power": {name: watts[0] for name, watts in measured.power.items()},
        "circuit": run.circuit,
        "amplifiers": run.amplifiers,
        "cells": run.cells,
        "chip": _on_a_chip(posed.circuit, run) if timed else None,
        "shape": posed.circuit.matrix.shape,
        "volts_per_unit": run.volts_per_unit,
        "range": run.range.choice,
        "waveforms": waveforms(
            _densely(posed, analysis, run), analysis.settle_tolerance, float(run.settling_time[0])
        ),
        "modes": _modes(posed.circuit),
        "cautions": (*run.cautions, *posed.circuit.device.cautions),
        "values": experiment.values,
    }


def _densely(posed: PosedProblem, analysis: Analysis, run: Run) -> Run:
    """Return a run with samples enough until past settling: itself, or one with shorter steps."""
    backend = get_backend(analysis)
    quick = backend.in_time and not backend.uses_ngspice
    if not quick or run.waveforms is None or not run.settled[0]:
        return run
    until = SHOWN * float(run.settling_time[0])
    if not 0 < until < np.inf:
        return run
    time, _ = run.waveforms.solution(0)
    gaps = np.diff(time, prepend=0.0)[: np.searchsorted(time, until) + 1]
    step = until / LEAST_SAMPLES
    if gaps.max(initial=0.0) <= step:
        return run
    dense = replace(analysis, max_step=step, range=run.volts_per_unit)
    return simulate(posed.circuit, posed.vectors, analysis=dense)


def _on_a_chip(circuit: Circuit, run: Run) -> dict[str, Any]:
    """Return what writing takes, and a right-hand side with converters."""
    writing, operation = chip_cost(circuit, run.measurement)
    return {
        "technology": TECHNOLOGY, "writing": writing.to_json(), "operation": operation.to_json(),
    }  # fmt: skip


def waveforms(run: Run, tolerance: float, settling_time: float) -> dict[str, Any] | None:
    """Return the outputs after the first right-hand side, well past settling; None without time.

    Parameters
    ----------
    run : Run
    tolerance : float
        Half-width of the settling band, as a fraction of the largest final value.
    settling_time : float
        nan shows all that there is [s].

    Returns
    -------
    dict, optional
        ``time`` [s], ``voltages`` [V], a list an output, their ``final`` ones and ``band`` [V],
        and ``of``, how many outputs there are.
    """
    if run.waveforms is None:
        return None
    time, outputs = run.waveforms.solution(0)
    settling = measure_settling(time, outputs, tolerance)
    until = time[-1]
    if settling_time > 0:
        until = min(until, SHOWN * settling_time)
    last = min(int(np.searchsorted(time, until)) + 1, len(time))
    kept = np.unique(np.linspace(0, last - 1, min(last, MOST_SAMPLES)).round().astype(int))
    curves = range(min(outputs.shape[1], MOST_CURVES))
    return {
        "time": _short(time[kept]),
        "until": until,
        "names": [run.waveforms.names[run.waveforms.outputs[k]] for k in curves],
        "voltages": [_short(outputs[kept, k]) for k in curves],
        "final": _short(settling.final[: len(curves)]),
        "band": settling.band,
        "of": outputs.shape[1],
    }


def _short(values: Any) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values.tolist()]


def _modes(circuit: Circuit) -> dict[str, Any] | None:
    """Return the modes of a circuit with nothing at a limit; None where equations know none."""
    try:
        modes: Modes = LinearModel.of(circuit, reduce_to_ports(circuit.schematic)).modes
    except AmcspiceError:
        return None
    order = np.argsort(np.abs(modes.eigenvalues.real))
    values = modes.eigenvalues[order]
    return {
        "rate": values.real,
        "frequency": values.imag / (2 * np.pi),
        "slowest": float(modes.slowest),
        "damping": float(modes.damping),
        "stable": bool(modes.stable),
        "constraint": circuit.non_negative,
    }


def budget_of(question: Question, progress: Callable[[float], None] | None = None) -> ErrorBudget:
    """Return the error budget of a question at dc, as `amcspice.error_budget` has it.

    Parameters
    ----------
    question : Question
    progress : callable, optional
        Called while circuits run; what it raises ends them.
    """
    experiment = question.experiment
    posed, analysis = experiment.posed(), experiment.analysis()
    return error_budget(
        posed.circuit, posed.vectors, form=posed.form, progress=progress,
        range=analysis.range, read_voltage=analysis.read_voltage,
    )  # fmt: skip
