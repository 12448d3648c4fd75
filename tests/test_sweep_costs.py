"""Costs of the points of a sweep, and points that a chip runs."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import amcspice as amc
from amcspice.settings.table import PARAMETERS
from amcspice.sweep.metrics import COSTS
from amcspice.sweep.outcome import Outcome, canonical, point_key
from amcspice.sweep.point import command, run_experiment, run_point
from amcspice.sweep.spec.experiment import Experiment
from amcspice.sweep.store.store import Store

BASE = {"columns": 3, "opamp": "onchip-1g", "fidelity": "behavioural", "right_hand_sides": 6}
PREDICTED = {**BASE, "technology": "typical", "range": "predicted"}


def without_time(metrics):
    return {name: value for name, value in metrics.items() if name not in ("wall_time_s", *COSTS)}


def test_points_without_technology_are_what_they_were():
    """No new metric, the key of before there were costs, and the same figures with them."""
    plain = run_point(BASE).metrics
    assert not set(plain) & set(COSTS)
    parameters = Experiment.of(BASE).parameters()
    later = {parameter.name for parameter in PARAMETERS.of_group("chip", "system")}
    before = {name: value for name, value in parameters.items() if name not in later}
    text = "{" + ",".join(json.dumps({n: before[n]}, separators=(",", ":"))[1:-1]
                          for n in sorted(before)) + "}"  # fmt: skip
    text = text.replace(".0,", ",").replace(".0}", "}")
    assert canonical(parameters) == canonical(before) == text
    assert point_key(parameters) == point_key(before)
    asks = Experiment.of({**BASE, "technology": "typical"}).parameters()
    assert point_key(asks) != point_key(before)
    costly = run_point({**BASE, "technology": "typical"}).metrics
    np.testing.assert_equal(without_time(costly), without_time(plain))
    assert set(COSTS) <= set(costly)


def test_costs_of_a_run_by_hand():
    """docs/cost.md: writing from write-verify, operations from settling, converters and energy."""
    experiment = Experiment.of({**BASE, "technology": "typical"})
    result = run_experiment(experiment)
    run, metrics = result.run, result.metrics
    of, circuit = amc.Technology.load("typical"), experiment.circuit()
    crossbars = circuit.schematic.crossbars
    rows = sum(len(crossbar.cells) for crossbar in crossbars)
    cells = circuit.schematic.cells
    writing = of.writing
    write = rows * writing.slowest_pulses(cells / rows) * writing.slot
    energy = cells * (
        writing.pulse_energy + writing.read_energy + writing.mean_pulses * of["verify_energy"]
    )
    inputs, outputs, count = circuit.input_size, 3, 6
    operate = run.settling_time.sum() + count * (
        of["dac_time"] + outputs / of["adcs"] * of["adc_time"]
    )
    moved = count * (inputs + outputs) * of["value_bytes"]
    spent = run.energy.sum() + count * (inputs * of["dac_energy"] + outputs * of["adc_energy"])
    byte = of["buffer_energy"] + of["dram_energy"]
    assert metrics["write_time_s"] == pytest.approx(write, rel=1e-12)
    assert metrics["cost_time_ignored_s"] == pytest.approx(operate, rel=1e-12)
    assert metrics["cost_time_s"] == pytest.approx(write + operate, rel=1e-12)
    assert metrics["cost_energy_ignored_j"] == pytest.approx(spent + moved * byte, rel=1e-12)
    written = energy + circuit.matrix.size * of["value_bytes"] * byte
    assert metrics["write_energy_j"] == pytest.approx(written, rel=1e-9)
    assert metrics["cost_energy_j"] == pytest.approx(written + spent + moved * byte, rel=1e-9)
    assert metrics["break_even_rhs"] > 0


def test_a_chip_that_predicts_runs_the_point():
    experiment = Experiment.of(PREDICTED)
    result = run_experiment(experiment)
    run, metrics = result.run, result.metrics
    chip = amc.Chip(experiment.hardware(), fidelity="behavioural")
    matrix = experiment.matrix()
    programmed = chip.program(matrix, "nnls", circuit="ginv-compact", hold=True)
    answers = programmed.run(experiment.vectors(matrix))
    np.testing.assert_array_equal(run.x, answers.x)
    np.testing.assert_array_equal(run.relative_error, answers.relative_error)
    assert run.range.choice == "predicted"
    cost = chip.cost("typical")
    assert metrics["cost_time_s"] == pytest.approx(cost.counted.time, rel=1e-12)
    assert metrics["cost_energy_ignored_j"] == pytest.approx(cost.ignored.energy, rel=1e-12)
    plain = run_point({**BASE, "technology": "typical"}).metrics
    assert metrics["write_time_s"] > plain["write_time_s"]  # it calibrates


def test_at_dc_only_a_chip_knows_time():
    metrics = run_point({**BASE, "fidelity": "dc", "technology": "typical"}).metrics
    assert metrics["write_time_s"] > 0
    assert all(math.isnan(metrics[name]) for name in list(COSTS)[2:])
    estimated = run_point({**PREDICTED, "fidelity": "dc"}).metrics
    timed = run_point(PREDICTED).metrics
    for name in list(COSTS)[:-1]:
        assert estimated[name] == pytest.approx(timed[name], rel=0.02), name


def test_what_does_not_fit_is_refused():
    for given, message in (
        ({"technology": "typcal"}, "unknown technology 'typcal'; did you mean typical"),
        ({"technology": "absent.toml"}, "absent.toml cannot be read"),
        ({"technology": "typical", "fidelity": "ideal"}, "the ideal fidelity runs nothing"),
        ({"range": "predict"}, "range = 'predict': reference, predicted, or a number"),
        ({"range": "predicted", "cycle": 2}, "a chip counts its writings itself"),
    ):
        with pytest.raises(amc.InputError, match=message):
            Experiment.of({**BASE, **given})


def test_a_technology_is_part_of_the_key(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = amc.model_files.models_folder() / "technology" / "typical.toml"
    text = source.read_text()
    keys = []
    for name, content in (("a.toml", text), ("b.toml", text.replace("0.291", "0.292", 1))):
        (tmp_path / name).write_text(content)
        (tmp_path / "own.toml").write_text(content + "\n" * len(keys))
        parameters = Experiment.of({**BASE, "technology": "own.toml"}).parameters()
        keys.append(point_key(parameters))
    assert keys[0] != keys[1]
    assert command({**BASE, "technology": "typical"}).endswith("--set technology=typical")
    assert "--set range=predicted" in command(PREDICTED)


def test_a_store_holds_points_with_costs_and_without(tmp_path):
    with Store.open(tmp_path / "runs.sqlite", create=True, own=True) as store:
        outcomes = []
        for given in (BASE, PREDICTED):
            parameters = Experiment.of(given).parameters()
            result = run_point(parameters)
            outcomes.append(
                Outcome(
                    point_key(parameters), parameters, "done", result.metrics, result.provenance
                )
            )
        store.write(outcomes)
        frame = store.frame()
        assert frame["cost_time_s"].notna().sum() == 1
        best = store.extremes("cost_energy_j")["best"]
        assert best["key"] == outcomes[1].key
        assert len(store.frame({"technology": "typical"})) == 1
