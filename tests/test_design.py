"""Circuits side by side, their stability margins, and what their parts have to be."""

import dataclasses
import json

import numpy as np
import pytest
from cli_helpers import refused, run

import amcspice as amc
from amcspice.design import stability_margin
from amcspice.design.advice import Criteria, advice, pareto
from amcspice.design.search import Bound, Limit, Outcome, bisect, scan
from amcspice.engine import LinearModel
from amcspice.problem.generators import GeneratedProblem
from amcspice.reduction import reduce_to_ports


def problem(name="lstsq", m=12, n=4, seed=0, **fields):
    """Return a matrix and right-hand sides."""
    asked = amc.PROBLEMS[name]
    made = GeneratedProblem(
        name, asked.generator, m, n, setting=10.0, right_hand_sides=2,
        zeros=asked.planted_zeros, noise=asked.planted_noise, seed=seed, **fields,
    )  # fmt: skip
    matrix = made.make()
    return matrix, made.vectors(matrix)


# -- stability margin ------------------------------------------------------------------------


def classic(name="lstsq", gbw=50e6):
    A, b = problem(name)
    circuit = amc.make_circuit(name, A, circuit="ginv-classic", gbw=gbw, gain=1e5)
    return circuit, b, amc.simulate(circuit, b, fidelity="dc")


def with_amplifier(circuit, **changes):
    return dataclasses.replace(circuit, opamp=dataclasses.replace(circuit.opamp, **changes))


@pytest.mark.ngspice
@pytest.mark.slow
@pytest.mark.parametrize("name", ["input_capacitance", "second_pole"])
def test_margin_is_where_ngspice_stops_to_settle(name):
    circuit, b, found = classic()
    edge = getattr(stability_margin(circuit, b, found), name)
    worse = 1.1 if name == "input_capacitance" else 1 / 1.1
    for factor, settles in ((1 / worse, True), (worse, False)):
        run = amc.simulate(
            with_amplifier(circuit, **{name: edge * factor}), b, fidelity="reduced",
            allow_unstable=True, range=found.range.volts_per_unit, window="3 us",
        )  # fmt: skip
        assert (run.settled == settles).all()


def test_margin_scales_with_the_amplifier():
    """Twice as fast amplifiers bear half the capacitance, and a second pole twice as far out."""
    slow, fast = (stability_margin(*classic(gbw=gbw)) for gbw in (50e6, 100e6))
    assert fast.damping == pytest.approx(slow.damping, rel=1e-3)
    assert fast.input_capacitance == pytest.approx(slow.input_capacitance / 2, rel=0.03)
    assert fast.second_pole == pytest.approx(slow.second_pole * 2, rel=0.03)


def test_margin_beside_what_amplifiers_have():
    circuit, b, run = classic()
    free = stability_margin(circuit, b, run).input_capacitance
    loaded = with_amplifier(circuit, input_capacitance=free / 2)
    assert stability_margin(loaded, b, run).input_capacitance == pytest.approx(free / 2, rel=0.05)


def test_margin_of_a_constraint_is_that_where_outputs_rest():
    """With outputs at zero fewer loops are closed: a second pole may be lower."""
    circuit, _, _ = classic("nnls")
    b = -np.ones(12)  # every output rests at zero
    run = amc.simulate(circuit, b + 1e-9 * np.arange(12), fidelity="dc", range=1.0)
    assert run.x.max() == pytest.approx(0.0, abs=1e-6)
    inside = stability_margin(*classic())
    assert stability_margin(circuit, b, run).second_pole < inside.second_pole


def test_circuit_of_one_loop_bears_anything():
    A, b = problem(signed=True)
    circuit = amc.make_circuit("lstsq", A, circuit="ginv-compact", gbw=50e6)
    margin = stability_margin(circuit, b, amc.simulate(circuit, b, fidelity="dc"))
    assert margin.input_capacitance == np.inf
    assert margin.second_pole == 0.0
    assert margin.damping == pytest.approx(1.0)


def test_damping_is_that_of_two_poles():
    """One amplifier around one cell: s^2 / w2 + s + w = 0 has the damping sqrt(w2 / w) / 2."""
    circuit = amc.INV([[1.0]], gbw=10e6, second_pole=10e6, gain=1e9, input_conductance=1.0)
    modes = LinearModel.of(circuit, reduce_to_ports(circuit.schematic)).modes
    loop = 10e6 / 2  # half of the output comes back to the input
    assert float(modes.damping) == pytest.approx(np.sqrt(10e6 / loop) / 2, rel=1e-3)


# -- circuits side by side -------------------------------------------------------------------


def test_every_circuit_that_takes_the_matrix_is_there():
    A, b = problem(signed=True)
    found = amc.compare("lstsq", A, b, seeds=3, write_noise=0.02, gbw=50e6)
    assert set(found.circuits) == {"ginv-classic", "ginv-compact", "chain-detector"}
    assert set(found.circuits) | set(found.refused) == set(amc.CIRCUITS)
    assert "non-negative matrices only" in found.refused["macro-ginv"]
    assert "does not solve lstsq" in found.refused["mvm"]
    classic = found.circuits["ginv-classic"]
    circuit = amc.make_circuit(
        "lstsq", A, circuit="ginv-classic", write_noise=0.02, gbw=50e6
    )  # fmt: skip
    alone = amc.simulate(circuit, b, fidelity="behavioural")
    assert classic.settling_time == pytest.approx(alone.settling_time.max())
    assert classic.energy == pytest.approx(alone.energy.mean())
    assert classic.power == pytest.approx(alone.power["total"].mean())
    assert classic.amplifiers == 16
    assert classic.budget.error == amc.error_budget(circuit, b, seeds=3).error


def test_what_no_circuit_takes_is_refused():
    with pytest.raises(amc.InputError, match="square"):
        amc.compare("inv", np.ones((3, 2)), np.ones(3))
    with pytest.raises(amc.UnsupportedError, match="no time"):
        amc.compare("lstsq", np.ones((3, 2)), np.ones(3), fidelity="dc")
    with pytest.raises(amc.InputError, match="did you mean"):
        amc.compare("lstsq", np.ones((3, 2)), np.ones(3), write_nose=0.1)


def test_lines_left_bare_refuse_one_circuit_not_all():
    A, b = problem(m=12, n=2)
    found = amc.compare("lstsq", A, b, stuck_off=0.4, seeds=10, seed=0)
    assert "chain-detector" in found.circuits
    assert "connected to nothing" in found.refused["ginv-compact"]
    with pytest.raises(amc.InputError, match=r"^seeds = 0"):
        amc.compare("lstsq", A, b, seeds=0)


def criteria(error=0.1, settling=1e-6, energy=1e-9, amplifiers=10, pole=0.0, spread=0.0):
    return Criteria(error, spread, settling, energy, amplifiers, pole, "write_noise", 0.6)


def test_pareto_front():
    circuits = {
        "best": criteria(error=0.1),
        "cheap": criteria(error=0.2, energy=1e-10),
        "beaten": criteria(error=0.2, energy=1e-9),
        "restless": criteria(error=0.05, settling=np.nan, energy=np.nan),
        "wrong": criteria(error=2.0, settling=1e-9, energy=1e-12),
    }
    assert pareto(circuits) == ("best", "cheap")


def test_advice_has_its_reason():
    said = advice(
        {"a": criteria(0.1, pole=2e8), "b": criteria(0.2, energy=1e-10, amplifiers=4)}, 1e8
    )
    assert said.startswith("take a: an error of 0.1, 60% of its square by write noise")
    assert "b has 4 amplifiers, not 10 and takes 0.1 of the energy, with 2 times the error" in said
    assert "a oscillates where its amplifiers have a second pole below 200 MHz, 2 times" in said


def test_of_errors_alike_the_least_energy_is_taken():
    circuits = {"a": criteria(0.1), "b": criteria(0.104, energy=1e-10)}
    assert advice(circuits, 1e8).startswith("take b")
    assert "as small as that of a" in advice(circuits, 1e8)
    noisy = {"a": criteria(0.1, spread=0.02), "b": criteria(0.12, energy=1e-10, spread=0.02)}
    assert advice(noisy, 1e8).startswith("take b")


def test_no_circuit_is_advised_that_has_no_answer():
    assert advice({"a": criteria(error=3.0)}, 1e8).startswith("none of them")


def test_command_compare(tmp_path):
    plot = tmp_path / "plot.svg"
    result = run(
        "compare", "lstsq", "--rows", "5", "--columns", "2", "--signed", "--write-noise", "2 %",
        "--seeds", "2", "--json", "-", "--plot", plot,
    )  # fmt: skip
    content = json.loads(result.stdout)
    circuit = content["circuits"]["ginv-classic"]
    assert {
        "relative_error", "budget", "settling_time_s", "power_w", "energy_j", "amplifiers",
        "cells", "stability_margin",
    } <= set(circuit)  # fmt: skip
    assert content["advice"].startswith("take ")
    assert plot.stat().st_size > 1000
    text = run(
        "compare", "lstsq", "--rows", "5", "--columns", "2", "--write-noise", "2 %", "--seeds", "1"
    ).stdout
    assert "not mvm, inv, " in text
    assert "take " in text


def test_command_compare_refuses():
    refused(run("compare", "lstsq", "--rows", "4", "--columns", "2", "--circuit", "inv"), "every")
    refused(run("compare", "lstsq"), "--matrix")
    refused(run("compare", "lstsq", "--columns", "2", "--plot", "x.bmp"), "x.bmp")


# -- what parts have to be --------------------------------------------------------------------


def power_law(slope, scale=1.0):
    """Return an evaluation whose error is scale value^slope in each of eight problems."""

    def evaluate(value):
        errors = scale * (value or 0.0) ** slope * np.linspace(0.8, 1.2, 8)
        return Outcome(errors**2, np.zeros(8))

    return evaluate


def test_bisection_finds_the_crossing():
    mean = np.sqrt(np.mean(np.linspace(0.8, 1.2, 8) ** 2))
    found = bisect(power_law(1.0), Bound((0.0,), 1e-6, 1e3), Limit(0.05))
    assert 0.05 / mean / 1.03 <= found.value <= 0.05 / mean
    assert found.spread == pytest.approx(0.05 * np.linspace(0.8, 1.2, 8).std() / 8**0.5, rel=0.3)
    falling = bisect(power_law(-2.0), Bound((1e6,), 0.0, 1e-3), Limit(0.01))
    assert (mean / 0.01) ** 0.5 <= falling.value <= (mean / 0.01) ** 0.5 * 1.03


def test_ends_of_bisection():
    never = bisect(power_law(0.0), Bound((0.0,), 1e-6, 1.0), Limit(0.5))
    assert not never.reachable
    always = bisect(power_law(1.0), Bound((0.0,), 1e-6, 1.0), Limit(2.0))
    assert always.open
    assert always.value == 1.0
    jump = bisect(
        lambda value: Outcome(np.full(4, 1.0 if value else 0.0), np.zeros(4)),
        Bound((0.0,), 1e-6, 1.0), Limit(0.5),
    )  # fmt: skip
    assert jump.reachable
    assert jump.value == 0.0


def test_settling_counts_beside_the_error():
    def evaluate(value):
        return Outcome(np.zeros(3), np.array([1.0, 2.0, 4.0]) / value)

    found = bisect(evaluate, Bound((1e6, 1e3), 0.0, 1e-3), Limit(0.1, 0.5))
    assert 8.0 <= found.value <= 8.0 * 1.03


def test_scan_does_not_believe_two_lucky_numbers():
    errors = {None: 0.0, 2: 0.5, 3: 0.05, 4: 0.06, 5: 0.2, 6: 0.09, 7: 0.08, 8: 0.07, 9: 0.01}
    found = scan(
        lambda value: Outcome(np.full(4, errors[value] ** 2), np.zeros(4)),
        [2, 3, 4, 5, 6, 7, 8, 9], Limit(0.1),
    )  # fmt: skip
    assert found.value == 6
    assert 9 not in found.tried


@pytest.fixture(scope="module")
def requirements():
    """Return requirements of products, of which theory knows the answers."""
    problems = [problem("mvm", 8, 8, seed) for seed in range(10)]
    return problems, amc.require("mvm", problems, error="1 %", settle="200 ns", gain=1e6)


def test_write_noise_that_products_bear(requirements):
    """y = (A + s E) v: the rms of s |E v| / |A v| over problems is the limit; entries are one."""
    problems, found = requirements
    squares = [
        np.mean(len(A) * (v**2).sum(axis=0) / ((A @ v) ** 2).sum(axis=0)) for A, v in problems
    ]
    expected = 0.01 / np.sqrt(np.mean(squares))
    assert found.answers["write_noise"].value == pytest.approx(expected, rel=0.1)


def test_gain_that_products_need(requirements):
    """y_i = A v / (1 + (1 + sum_j A_ij) / gain): the error of rows is their total over the gain."""
    problems, found = requirements
    squares = []
    for A, v in problems:
        y = A @ v
        off = (1 + A.sum(axis=1))[:, None] * y
        squares.append(np.mean((off**2).sum(axis=0) / (y**2).sum(axis=0)))
    expected = np.sqrt(np.mean(squares)) / 0.01
    assert found.answers["gain"].value == pytest.approx(expected, rel=0.05)


def test_bandwidth_that_products_need(requirements):
    """Rows are of first order: from one right-hand side to the next, into 1 % of the largest."""
    problems, found = requirements
    needed = []
    for A, v in problems:
        y = A @ v
        steps = abs(np.diff(y, axis=1, prepend=0.0))
        constants = np.log(np.maximum(steps / (0.01 * abs(y).max(axis=0)), 1.0))
        totals = 1 + A.sum(axis=1)  # 1 / (2 pi GBW) times it is the time constant of a row
        needed.append((totals[:, None] * constants).max() / (2 * np.pi * 200e-9))
    answer = found.answers["gbw"]
    assert answer.value == pytest.approx(max(needed), rel=0.03)
    assert answer.settling_time <= 200e-9 < answer.beyond_settling_time


def test_answers_hold_and_values_beyond_do_not(requirements):
    _, found = requirements
    assert set(found.answers) == {"wire_resistance", "write_noise", "levels", "gain", "gbw"}
    for name, answer in found.answers.items():
        assert answer.reachable, name
        assert answer.error <= 0.01
        assert answer.runs <= 1200
        if name != "gbw":
            assert answer.beyond_error > 0.01


def test_what_cannot_be_met_says_why():
    problems = [problem("mvm", 5, 5, seed) for seed in range(10)]
    found = amc.require("mvm", problems, error="1 %", write_noise=0.05, seeds=2)
    for name in ("wire_resistance", "levels", "gain"):
        answer = found.answers[name]
        assert not answer.reachable
        assert "most of it by write noise" in answer.reason
    assert found.answers["write_noise"].reachable
    assert "gbw" not in found.answers
    assert "cannot be met" in str(found)


def test_cells_without_a_parameter_say_so():
    problems = [problem("mvm", 4, 4, seed) for seed in range(3)]
    found = amc.require("mvm", problems, error=0.45, device="pcm-joshi-2020", seeds=1)
    assert "no such parameter" in found.answers["write_noise"].reason


def test_what_comes_to_no_rest_cannot_be_met():
    """Errors that are not known are no errors of zero, and not a matter of settling."""
    problems = [problem("nnls", 6, 2, seed) for seed in range(10)]
    found = amc.require("nnls", problems, error="2 %", stuck_off=0.2)
    for answer in found.answers.values():
        assert not answer.reachable
        assert answer.error == np.inf
        assert "comes to no rest" in answer.reason


def test_one_problem_has_no_spread():
    found = amc.require("mvm", [problem("mvm", 4, 4)], error="2 %")
    assert all(np.isnan(answer.spread) for answer in found.answers.values())
    assert "+-" not in str(found)


def test_problems_that_do_not_differ_have_a_spread_of_zero():
    found = bisect(
        lambda value: Outcome(np.full(8, (value / 3) ** 2), np.zeros(8)),
        Bound((0.0,), 1e-6, 1e3), Limit(0.05),
    )  # fmt: skip
    assert found.spread == 0.0


def test_require_refuses():
    problems = [problem("mvm", 4, 4)]
    with pytest.raises(amc.InputError, match="error"):
        amc.require("mvm", problems, error=0.0)
    for odd in (problems[0], [(problems[0][0],)], None):
        with pytest.raises(amc.InputError, match="pairs"):
            amc.require("mvm", odd, error=0.1)
    with pytest.raises(amc.InputError, match="there is none"):
        amc.require("mvm", [], error=0.1)
    with pytest.raises(amc.InputError, match="2 shapes"):
        amc.require("mvm", [*problems, problem("mvm", 5, 5)], error=0.1)
    with pytest.raises(amc.InputError, match="fidelity"):
        amc.require("mvm", problems, error=0.1, fidelity="dc")


def test_command_require():
    result = run(
        "require", "mvm", "--shape", "4x4", "--problems", "3", "--error", "3 %", "--json", "-"
    )
    content = json.loads(result.stdout)
    assert content["problems"] == 3
    assert {"value", "spread", "reachable"} <= set(content["answers"]["write_noise"])
    assert content["answers"]["levels"]["value"] >= 2


def test_command_require_draws_problems_from_the_seed():
    asked = ("require", "mvm", "--shape", "4x4", "--problems", "2", "--error", "3 %")
    gains = [
        json.loads(run(*asked, "--seed", seed, "--json", "-").stdout)["answers"]["gain"]
        for seed in ("0", "1")
    ]
    assert gains[0]["relative_error"] != pytest.approx(gains[1]["relative_error"], rel=1e-6)


def test_command_require_refuses(tmp_path):
    refused(run("require", "mvm", "--shape", "4x4"), "--error")
    refused(run("require", "mvm", "--error", "0.1"), "--shape")
    refused(run("require", "inv", "--shape", "4x3", "--error", "0.1"), "square")
    refused(run("require", "mvm", "--shape", "4", "--error", "0.1"), "ROWSxCOLUMNS")


def test_a_wrong_file_is_no_answer_but_bare_lines_are(tmp_path):
    np.savetxt(tmp_path / "cells.csv", np.full((2, 3), 5e-5), delimiter=",")
    pairs = [problem(m=6, n=2, seed=seed) for seed in range(3)]
    with pytest.raises(amc.InputError, match=r"\(2, 3\)"):
        amc.require("lstsq", pairs, error=0.02, measured=str(tmp_path / "cells.csv"))
    found = amc.require("lstsq", pairs, error=0.02, stuck_off=0.9, circuit="ginv-classic")
    assert all(not answer.reachable for answer in found.answers.values())


def test_writing_and_converters_stand_beside_settling():
    A, b = problem(signed=False)
    hardware = {"write_noise": 0.02, "gbw": 50e6}
    found = amc.compare("lstsq", A, b, seeds=2, **hardware).circuits["ginv-classic"]
    chip = amc.Chip(fidelity="behavioural", **hardware)
    chip.program(A, "lstsq", circuit="ginv-classic").run(b)
    cost = chip.cost("typical")
    assert found.writing.time == pytest.approx(cost.time["write"], rel=1e-9)
    pulses = cost.energy["write_pulses"] + cost.energy["write_verify"]
    assert found.writing.energy == pytest.approx(pulses, rel=1e-6)
    assert found.operation.energy > found.energy
    assert found.to_json()["writing"]["time_s"] == found.writing.time
