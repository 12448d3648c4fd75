"""What a point of a sweep costs on a chip, where it asks for it by ``technology``.

With ``range = "predicted"`` a chip programs the matrix and asks it: what it measures are the
metrics of the point.  In any other range the point runs as ever, and its writing and operations are
entered into a ledger as they were.
"""

from __future__ import annotations

import functools
import math
import time
from dataclasses import replace

import numpy as np

from amcspice.circuit.base import Array
from amcspice.engine import BACKENDS
from amcspice.settings.assemble import chip_of
from amcspice.simulation import Run
from amcspice.simulation.provenance import provenance
from amcspice.simulation.result import Range, judge
from amcspice.sweep.spec import parts
from amcspice.sweep.spec.experiment import Experiment
from amcspice.system import Activity, Chip, Cost, Digital, Ledger, Technology, Work, digital_peer

__all__ = ["chip_costs", "run_costs", "run_on_chip"]


def run_on_chip(experiment: Experiment, matrix: Array) -> tuple[Run, Chip]:
    """Program the matrix of a point into a chip that predicts its ranges, and run its operations.

    Returns
    -------
    run : Run
        Of the last go at each right-hand side.
    chip : Chip
        With the ledger of writing, calibration, operations and repeats.
    """
    started = time.perf_counter()
    analysis = experiment.analysis()
    chip = chip_of(experiment.hardware(), analysis, experiment.values)
    options = parts.circuit_options(experiment.values)
    programmed = chip.program(
        matrix, experiment["problem"], circuit=experiment["circuit"], **options
    )
    answers = programmed.run(experiment.vectors(matrix))
    made, circuit = answers.operations, programmed.circuit()
    measurement = replace(
        made.measurement,
        answer=made.reference,
        relative_error=made.relative_error,
        near_limit=made.saturated > 0,
    )
    form = answers.form
    run = Run(
        problem=circuit.problem,
        circuit=circuit.name,
        fidelity=analysis.fidelity,
        measurement=measurement,
        single=answers.single,
        range=Range("predicted", float(np.median(made.volts_per_unit)), int(made.repeats.max())),
        amplifiers=circuit.amplifier_count,
        cells=circuit.schematic.cells,
        waveforms=None,
        provenance=provenance(circuit, None, started),
        judgement=functools.partial(judge, circuit, made.vectors, measurement, form),
        form=form,
    )
    return run, chip


def run_costs(experiment: Experiment, run: Run, matrix: Array) -> dict[str, float]:
    """Return the metrics of cost of a run that was no chip's."""
    ledger = _ledger_of(experiment, run, matrix)
    return _metrics(experiment, Work.of(ledger), digital_peer(ledger))


def chip_costs(experiment: Experiment, chip: Chip, *, digital: bool) -> dict[str, float]:
    """Return the metrics of cost of everything that a chip did.

    Parameters
    ----------
    experiment : Experiment
    chip : Chip
    digital : bool
        Whether each of its operations is one right-hand side, which has a digital peer.
    """
    peer = digital_peer(chip.ledger) if digital else None
    return _metrics(experiment, Work.of(chip.ledger, chip.estimates()), peer)


def _metrics(experiment: Experiment, work: Work, peer: Digital | None) -> dict[str, float]:
    """Return the metrics of cost: nan where time and energy of some operations are unknown."""
    cost = Cost(work, Technology.load(experiment["technology"]), peer)
    written = not (work.calibrated.unknown or work.calibrated.unsettled)
    ran = work.operated
    operated = ran.count > 0 and not (ran.unknown or ran.unsettled)
    figures = {
        "write_time_s": (cost.writing.time, written),
        "write_energy_j": (cost.writing.energy, written),
        "cost_time_s": (cost.counted.time, written and operated),
        "cost_energy_j": (cost.counted.energy, written and operated),
        "cost_time_ignored_s": (cost.ignored.time, operated),
        "cost_energy_ignored_j": (cost.ignored.energy, operated),
        "break_even_rhs": (cost.break_even, written and operated),
    }
    return {name: value if known else math.nan for name, (value, known) in figures.items()}


def _ledger_of(experiment: Experiment, run: Run, matrix: Array) -> Ledger:
    """Return the account of a run that was no chip's: one writing, and each operation once."""
    circuit = experiment.circuit(matrix)
    ledger = Ledger()
    activity = ledger.activity(Activity.of("matrix", circuit.problem, circuit, run.range.choice))
    ledger.write(activity)
    ledger.operate(
        activity, run.measurement, run.volts_per_unit, cell_voltage=run.range.cell_voltage,
        in_time=BACKENDS[run.fidelity].in_time,
    )  # fmt: skip
    return ledger
