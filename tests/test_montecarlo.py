"""Trials: seeds, distributions against theory, draws without an answer, any number of jobs."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
from cli_helpers import files, refused, run, write
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import random_problem

import amcspice as amc
from amcspice import view
from amcspice.circuit import INV, MVM
from amcspice.simulation import pose
from amcspice.simulation.montecarlo import trial_seed
from amcspice.simulation.trials import Distribution

NOISY = amc.Memristor(levels=16, write_noise=0.02)
BEHAVIOURAL = amc.Analysis(fidelity="behavioural")


def nnls(rows=8, columns=3, vectors=None, **parameters):
    """Return a circuit with noisy cells and amplifiers that differ, and right-hand sides."""
    A, b = random_problem(4, rows=rows, columns=columns, vectors=vectors)
    given = {
        "device": NOISY, "opamp": amc.OpAmp(offset_sigma=1e-3), "constraint": amc.NonNegative(),
    }  # fmt: skip
    return amc.CompactGINV(A, **{**given, **parameters}), b


def same(one, other):
    """Check that two results are equal to the last bit."""
    for item in dataclasses.fields(one):
        left, right = getattr(one, item.name), getattr(other, item.name)
        if item.name == "power":
            assert left.keys() == right.keys()
            assert all(np.array_equal(left[k], right[k]) for k in left)
        elif dataclasses.is_dataclass(left):
            same(left, right)
        elif isinstance(left, np.ndarray):
            np.testing.assert_array_equal(left, right, err_msg=item.name)
        elif item.name != "provenance":
            assert left == right


@pytest.mark.parametrize(
    "fidelity", ["behavioural", pytest.param("reduced", marks=pytest.mark.ngspice)]
)
def test_the_number_of_jobs_changes_nothing(fidelity):
    circuit, b = nnls(vectors=2)
    alone = amc.monte_carlo(circuit, b, trials=5, seed=9, fidelity=fidelity)
    same(alone, amc.monte_carlo(circuit, b, trials=5, seed=9, fidelity=fidelity, jobs=2))
    assert len({tuple(x.ravel()) for x in alone.x}) == 5


def test_a_trial_is_a_run_with_its_seed():
    circuit, b = nnls(vectors=2)
    trials = amc.monte_carlo(circuit, b, trials=3, seed=5, analysis=BEHAVIOURAL)
    for k, seed in enumerate(trials.seeds):
        one = dataclasses.replace(
            circuit,
            device=dataclasses.replace(NOISY, seed=int(seed)),
            opamp=amc.OpAmp(offset_sigma=1e-3, mismatch_seed=int(seed)),
        )
        expected = amc.simulate(one, b, analysis=BEHAVIOURAL)
        np.testing.assert_array_equal(trials.x[k], expected.x)
        np.testing.assert_array_equal(trials.settling_time[k], expected.settling_time)
        np.testing.assert_array_equal(trials.power["total"][k], expected.power["total"])
        np.testing.assert_array_equal(trials.reference, expected.reference)


def test_more_trials_leave_the_first_ones_as_they_are():
    circuit, b = nnls()
    few, many = (amc.monte_carlo(circuit, b, trials=k, analysis=BEHAVIOURAL) for k in (2, 6))
    np.testing.assert_array_equal(few.x, many.x[:2])
    assert few.seeds.tolist() == many.seeds[:2].tolist()
    other = amc.monte_carlo(circuit, b, trials=2, seed=1, analysis=BEHAVIOURAL)
    assert not np.intersect1d(other.seeds, many.seeds).size


@settings(deadline=None)
@given(st.integers(0, 2**70), st.integers(0, 10**6))
def test_seeds_survive_json(seed, trial):
    drawn = trial_seed(seed, trial)
    assert 0 <= drawn < 2**53
    assert float(drawn) == drawn
    assert drawn != trial_seed(seed, trial + 1)


def test_write_noise_spreads_a_product_as_theory_says():
    """With y = A x each entry has the variance (sigma max|A|)^2 |x|^2, and no bias."""
    draw = np.random.default_rng(0)
    A, x, sigma = draw.uniform(0.3, 1.0, (3, 6)), draw.uniform(0.5, 1, 6), 0.02
    circuit = MVM(A, device=amc.Memristor(write_noise=sigma), opamp=amc.OpAmp(gain=1e7))
    trials = amc.monte_carlo(circuit, x, trials=200, analysis=BEHAVIOURAL)
    away = trials.x - A @ x
    expected = sigma * A.max() * np.linalg.norm(x)
    # Standard errors: of a mean sigma / sqrt(N), of a standard deviation sigma / sqrt(2 N).
    assert np.abs(away.mean(axis=0)).max() < 4 * expected / np.sqrt(200)
    np.testing.assert_allclose(away.std(axis=0), expected, rtol=4 / np.sqrt(400))


def test_offsets_spread_a_solution_as_theory_says():
    """A x = b with an offset v_i at amplifier i: row i stands at v_i, and A is driven to it."""
    A, sigma = np.array([[2.0, 0.5], [0.3, 1.5]]), 1e-3
    circuit = INV(A, opamp=amc.OpAmp(gain=1e8, offset_sigma=sigma))
    trials = amc.monte_carlo(circuit, [1.0, 1.0], trials=300, analysis=BEHAVIOURAL)
    volts = amc.simulate(circuit, [1.0, 1.0], analysis=BEHAVIOURAL).volts_per_unit
    # The current into row i is sum_j G_ij (x_j - v_i): x moves by A^-1 (A 1 v), row by row.
    spread = np.linalg.inv(A) * A.sum(axis=1) * sigma / volts
    expected = np.sqrt((spread**2).sum(axis=1))
    np.testing.assert_allclose(trials.x.std(axis=0), expected, rtol=4 / np.sqrt(600))


def test_distributions_are_quantiles_of_what_is_finite():
    values = np.append(np.arange(101.0), [np.nan, np.inf])
    assert Distribution.of(values) == Distribution(50.0, 5.0, 95.0, 101)
    empty = Distribution.of([np.nan])
    assert empty.count == 0
    assert np.isnan(empty.median)


def test_cells_that_make_the_circuit_unstable_are_a_result():
    """One eigenvalue is so small that noise turns its sign in about half of the draws."""
    A = np.array([[1.0, 0.8], [0.8, 0.641]])
    circuit = INV(A, device=amc.Memristor(write_noise=0.01), opamp=amc.OpAmp(gain=1e8))
    trials = amc.monte_carlo(circuit, [1.0, 0.8], trials=20, analysis=BEHAVIOURAL)
    failed = sorted(trials.failures)
    assert 3 < len(failed) < 17
    assert "unstable: eigenvalue" in trials.failures[failed[0]]
    assert np.isnan(trials.relative_error[failed]).all()
    assert np.isfinite(np.delete(trials.relative_error, failed, axis=0)).all()
    assert trials.distributions()["relative_error"].count == 20 - len(failed)
    assert not np.intersect1d(trials.not_settled, failed).size
    assert {"total", "supply", "input", "array"} < trials.power.keys()
    for watts in trials.power.values():
        assert np.flatnonzero(np.isnan(watts[:, 0])).tolist() == failed
    for k in failed:
        device = dataclasses.replace(circuit.device, seed=int(trials.seeds[k]))
        first, second = device.program(circuit.mapping.target)
        assert np.linalg.det([first, second]) < 0


def test_every_trial_without_an_answer_is_an_error():
    A = np.array([[0.2, 1.0], [1.0, 0.2]])
    circuit = INV(A, device=amc.Memristor(write_noise=0.01))
    with pytest.raises(amc.UnsupportedError, match="unstable"):
        amc.monte_carlo(circuit, [1.0, 0.8], trials=3, analysis=BEHAVIOURAL)


def test_what_does_not_settle_is_named():
    circuit, b = nnls(opamp=amc.OpAmp(gbw=1e6))
    whole = amc.monte_carlo(circuit, b, trials=8, analysis=BEHAVIOURAL)
    assert whole.not_settled.size == 0
    middle = float(np.median(whole.settling_time)) * 1.5
    cut = amc.monte_carlo(circuit, b, trials=8, fidelity="behavioural", window=middle)
    late = cut.not_settled
    assert late.size > 0
    assert np.isnan(cut.settling_time[late]).all()
    assert np.isfinite(cut.relative_error).all()
    assert cut.distributions()["settling_time"].count == 8 - late.size
    assert cut.distributions()["relative_error"].count == 8


def test_errors_of_another_form_are_those_of_each_right_hand_side():
    """The solutions of a lasso are joined of two halves, and so are its answers."""
    A, b = random_problem(4, rows=8, columns=3, vectors=2)
    posed = pose("lasso", A, b, parameters={"lasso": 0.1, "device": NOISY})
    trials = posed.restore(
        amc.monte_carlo(posed.circuit, posed.vectors, trials=3, analysis=BEHAVIOURAL)
    )
    assert trials.x.shape == (3, 3, 2)
    away = np.linalg.norm(trials.x - trials.reference, axis=1)
    expected = away / np.linalg.norm(trials.reference, axis=0)
    np.testing.assert_allclose(trials.relative_error, expected, rtol=1e-12)


def test_table_holds_every_value():
    circuit, b = nnls(vectors=2)
    trials = amc.monte_carlo(circuit, b, trials=3, analysis=BEHAVIOURAL)
    table = trials.to_pandas()
    assert table.index.names == ["trial", "rhs"]
    assert len(table) == 6
    assert table.loc[(2, 1), "settling_time"] == trials.settling_time[2, 1]
    assert table.loc[(1, 0), "power.total"] == trials.power["total"][1, 0]
    assert table["settled"].all()


@pytest.mark.ngspice
def test_trials_are_verified_one_fidelity_higher():
    circuit, b = nnls(vectors=2)
    trials = amc.monte_carlo(circuit, b, trials=4, analysis=BEHAVIOURAL, verify=2)
    assert trials.verification.fidelity == "reduced"
    assert len(trials.verification.solution_deviation) == 2
    assert trials.verification.largest_solution_deviation < 1e-4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trials": 0}, "trials = 0 must be at least 1"),
        ({"seed": -1}, "seed = -1 must be"),
        ({"verify": 4}, "verify = 4 is more than there are trials"),
        ({"fidelity": "ideal"}, "every trial would be the same"),
        ({"analysis": BEHAVIOURAL, "fidelity": "flat"}, "not both"),
    ],
)
def test_refused(change, message):
    circuit, b = nnls()
    with pytest.raises(amc.InputError, match=message):
        amc.monte_carlo(circuit, b, **{"trials": 3, **change})


@pytest.mark.parametrize(
    "device",
    [
        amc.Memristor(levels=16, drift_exponent=0.1, drift_time=10.0),
        amc.Memristor(stuck_off=np.ones((1, 8, 3), bool)),
        amc.Memristor(programmed=np.full((2, 8, 3), 5e-5), write_noise=0.1),
    ],
)
def test_nothing_to_draw_is_refused(device):
    circuit, b = nnls(device=device, opamp=amc.OpAmp())
    with pytest.raises(amc.InputError, match="nothing of this circuit is drawn"):
        amc.monte_carlo(circuit, b, trials=2)


@pytest.mark.parametrize(
    "changes",
    [
        {"write_noise": 0.01}, {"device_variation": 0.1}, {"cycle_variation": 0.1},
        {"stuck_on": 0.2}, {"stuck_off": 0.2}, {"read_noise": 0.1},
        {"drift_spread": 0.1, "drift_time": 100.0},
        {"programmed": np.full((2, 8, 3), 5e-5), "read_noise": 0.1},
    ],
)  # fmt: skip
def test_whatever_is_drawn_differs_from_trial_to_trial(changes):
    circuit, b = nnls(device=amc.Memristor(**changes), opamp=amc.OpAmp())
    trials = amc.monte_carlo(circuit, b, trials=2, analysis=BEHAVIOURAL)
    assert not np.array_equal(trials.x[0], trials.x[1])


def test_picture_counts_every_trial():
    circuit, b = nnls()
    trials = amc.monte_carlo(circuit, b, trials=4, analysis=BEHAVIOURAL)
    times = trials.measurement.settling_time.copy()
    times[1] = np.nan
    measurement = dataclasses.replace(trials.measurement, settling_time=times)
    error, time_axis = view.distributions(dataclasses.replace(trials, measurement=measurement)).axes
    curve = max(error.lines, key=lambda line: len(line.get_xdata()))
    np.testing.assert_allclose(curve.get_ydata(), [0, 0.25, 0.5, 0.75, 1.0])
    np.testing.assert_allclose(curve.get_xdata()[1:], 100 * np.sort(trials.relative_error.ravel()))
    late = max(time_axis.lines, key=lambda line: len(line.get_xdata()))
    assert late.get_ydata()[-1] == 0.75
    assert "1 of 4 without a value" in time_axis.get_title(loc="left")
    measurement = dataclasses.replace(trials.measurement, settling_time=np.full_like(times, np.nan))
    nothing = dataclasses.replace(trials, measurement=measurement)
    assert view.distributions(nothing).axes[1].get_title(loc="left") == "no value"


TRIALS = ["--trials", 4, "--write-noise", 0.02, "--levels", 16, "--fidelity", "behavioural"]


def test_command_line(tmp_path):
    target, problem = tmp_path / "r.json", write(tmp_path)
    result = run("solve", "nnls", *problem, *TRIALS, "--seed", 3, "--json", target, "--plot",
                 tmp_path / "t.png", "--out", tmp_path / "x.npy", "--jobs", 1)  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "4 trials of 2 right-hand sides" in " ".join(result.stdout.split())
    for word in ("median", "5 %", "95 %", "relative error", "settling time", "power, total"):
        assert word in result.stdout
    content = json.loads(target.read_text())
    assert content["trials"] == 4
    assert np.shape(content["relative_error"]) == (4, 2)
    assert np.shape(content["power_w"]["total"]) == (4, 2)
    assert content["not_settled"] == []
    assert content["failed"] == {}
    assert content["provenance"]["seed"] == 3
    for name, values in (
        ("settling_time_s", content["settling_time_s"]), ("energy_j", content["energy_j"]),
        ("relative_error", content["relative_error"]),
    ):  # fmt: skip
        found = content["distributions"][name]
        expected = np.quantile(values, [0.05, 0.5, 0.95])
        np.testing.assert_allclose([found["p05"], found["median"], found["p95"]], expected)
        assert found["values"] == 8
    assert content["distributions"]["power_w"]["total"]["median"] > 0
    solutions = np.load(tmp_path / "x.npy")
    assert solutions.shape == (4, 3, 2)
    assert (tmp_path / "t.png").read_bytes().startswith(b"\x89PNG")
    one = run("solve", "nnls", *problem, *TRIALS[2:], "--seed", content["trial_seed"][1],
              "--json", "-")  # fmt: skip
    np.testing.assert_array_equal(json.loads(one.stdout)["solution"], solutions[1].T)


def test_failures_are_told(tmp_path):
    np.save(tmp_path / "A.npy", [[1.0, 0.8], [0.8, 0.641]])
    np.save(tmp_path / "b.npy", [1.0, 0.8])
    result = run("solve", "inv", "--matrix", tmp_path / "A.npy", "--rhs", tmp_path / "b.npy",
                 "--trials", 12, "--write-noise", 0.01, "--fidelity", "behavioural",
                 "--json", tmp_path / "r.json", "--jobs", 1)  # fmt: skip
    assert result.exit_code == 0, result.output
    failed = json.loads((tmp_path / "r.json").read_text())["failed"]
    assert f"note: {len(failed)} of 12 trials failed" in result.stderr
    assert f"trial {next(iter(failed))}: the circuit is unstable" in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([*TRIALS, "--waveforms", "w.csv"], "waveforms of trials are not kept"),
        ([*TRIALS, "--out", "x.csv"], "the solutions of all trials fit into .npy only"),
        (["--trials", 0], "--trials"),
        (["--trials", 3], "nothing of this circuit is drawn at random"),
        (["--trials", 3, "--fidelity", "ideal"], "every trial would be the same"),
        ([*TRIALS, "--verify", 5], "more than there are trials"),
    ],
)
def test_refused_on_the_command_line(tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    problem = write(tmp_path)
    before = files(tmp_path)
    refused(run("solve", "nnls", *problem, *options), message)
    assert files(tmp_path) == before


@pytest.mark.slow
def test_interrupted_trials_leave_nothing(tmp_path):
    command = [sys.executable, "-c", "from amcspice.cli import main; main()", "solve", "nnls",
               *map(str, [*write(tmp_path), *TRIALS, "--trials", 200_000, "--jobs", 2]),
               "--json", str(tmp_path / "r.json")]  # fmt: skip
    before = files(tmp_path)
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 90
    children = []
    while len(children) < 2:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
        children = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert said.strip().splitlines()[-1] == "amcspice: interrupted"
    assert not psutil.wait_procs(children, timeout=20)[1]
    assert files(tmp_path) == before


@pytest.mark.slow
@pytest.mark.ngspice
def test_one_command_for_a_designer(tmp_path, measured):
    """128 x 32, 16 levels, 2 % noise, 1 ohm wires, ad823: equations give what ngspice does."""
    draw = np.random.default_rng(0)
    A = draw.random((128, 32))
    np.save(tmp_path / "A.npy", A)
    np.save(tmp_path / "b.npy", A @ np.maximum(draw.normal(size=32), 0) + 0.1 * draw.random(128))
    options = ["--matrix", tmp_path / "A.npy", "--rhs", tmp_path / "b.npy", "--levels", 16,
               "--write-noise", 0.02, "--wire-resistance", 1, "--opamp", "ad823", "--trials", 4,
               "--plot", tmp_path / "t.svg", "--json", "-", "--jobs", 1]  # fmt: skip
    results = []
    for fidelity in ("reduced", "behavioural"):
        result = run("solve", "nnls", *options, "--fidelity", fidelity)
        assert result.exit_code == 0, result.output
        results.append(json.loads(result.stdout))
        assert results[-1]["not_settled"] == []
    ngspice, equations = results
    np.testing.assert_allclose(ngspice["relative_error"], equations["relative_error"], rtol=1e-3)
    np.testing.assert_allclose(ngspice["settling_time_s"], equations["settling_time_s"], rtol=0.02)
    assert (tmp_path / "t.svg").stat().st_size > 1000
    measured("median error", ngspice["distributions"]["relative_error"]["median"])
