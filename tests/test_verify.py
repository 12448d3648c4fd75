"""Verification one fidelity higher: what is drawn, and what is reported."""

from __future__ import annotations

import dataclasses
import json
import pickle

import numpy as np
import pytest
from cli_helpers import refused, run, write
from oracles import random_problem

import amcspice as amc
from amcspice.simulation import Verification
from amcspice.simulation.sample import draw, priorities
from amcspice.simulation.verification import FIGURES
from amcspice.simulation.verify import Operation, Verifier, _is_knife_edge, repeat

BEHAVIOURAL = amc.Analysis(fidelity="behavioural")


def offered(count, batches, seed=0):
    """Return the right-hand sides that a verifier keeps of batches of several."""
    A, _ = random_problem(0, rows=4, columns=2)
    verifier = Verifier(count, BEHAVIOURAL, seed)
    for batch, size in enumerate(batches):
        vectors = np.arange(size, dtype=float)[:, None] * np.ones(4) + 100 * batch
        result = amc.simulate(amc.CompactGINV(A), np.ones((4, size)), analysis=BEHAVIOURAL)
        part = pickle.loads(pickle.dumps(verifier.part()))  # as in another process
        part.offer(amc.CompactGINV(A), vectors, result, index=(batch,))
        verifier.merge(part)
    return [divmod(int(operation.vectors[-1, 0]), 100) for operation in verifier.sample]


def test_what_is_kept_is_the_sample_of_all_operations():
    for seed in range(3):
        assert offered(5, [10, 10], seed) == draw(5, seed, (2, 10))
    assert offered(5, [2, 1]) == [(0, 0), (0, 1), (1, 0)]


def test_numbers_of_operations_may_be_given():
    A, _ = random_problem(0, rows=4, columns=2)
    circuit, numbers = amc.CompactGINV(A), np.array([7, 3, 9])
    run = amc.simulate(circuit, np.ones((4, 3)), analysis=BEHAVIOURAL)
    verifier = Verifier(2, BEHAVIOURAL, 4)
    verifier.offer(circuit, np.ones((3, 4)), run, (6, 1), numbers)
    ranked = sorted(numbers.tolist(), key=lambda number: int(priorities(4, 6, 1, number)[0]))
    assert verifier.sample.indices == sorted((6, 1, number) for number in ranked[:2])


@pytest.mark.ngspice
def test_every_output_is_compared():
    """A product has another number of outputs than of inputs; an eigenvector has a direction."""
    draw = np.random.default_rng(2)
    cases = [(amc.MVM(draw.random((5, 3))), draw.random((3, 2)))]
    square = draw.random((3, 3))
    cases.append((amc.Eigen(square + square.T + np.eye(3)), draw.random(3)))
    for circuit, b in cases:
        run = amc.simulate(circuit, b, analysis=BEHAVIOURAL, verify=2)
        assert run.verification.largest_solution_deviation < 1e-3
        vectors = circuit.vectors(b)
        operation = Operation.of(circuit, vectors, run, 0)
        assert len(operation.solution) == len(circuit.matrix)
        for output in range(len(operation.solution)):
            wrong = operation.solution.copy()
            wrong[output] += 0.1 * np.linalg.norm(wrong)
            spoilt = dataclasses.replace(operation, solution=wrong)
            deviation = repeat([spoilt], BEHAVIOURAL).largest_solution_deviation
            if circuit.problem == "eig":  # what is along the direction is no deviation
                along = operation.solution[output]
                assert deviation == pytest.approx(0.1 * np.sqrt(1 - along**2), rel=0.02)
            else:
                assert deviation == pytest.approx(0.1, rel=0.02)


@pytest.mark.ngspice
def test_products_and_eigenvectors_are_verified(tmp_path):
    """A 4 x 3 product, and a direction that is right; on the command line."""
    draw = np.random.default_rng(3)
    np.save(tmp_path / "A.npy", draw.random((4, 3)))
    np.save(tmp_path / "B.npy", draw.random((3, 2)))
    square = draw.random((3, 3))
    np.save(tmp_path / "S.npy", square + square.T)
    target = tmp_path / "result.json"
    for arguments in (("mvm", "--matrix", "A.npy", "--rhs", "B.npy"), ("eig", "--matrix", "S.npy")):
        paths = [tmp_path / word if word.endswith(".npy") else word for word in arguments]
        result = run("solve", *paths, "--verify", 2, "--json", target)
        assert result.exit_code == 0, result.output
        content = json.loads(target.read_text())["verification"]
        assert content["passed"]
        assert max(content["solution_deviation"]) < 1e-3


@pytest.mark.ngspice
@pytest.mark.parametrize(("fidelity", "higher"), [("behavioural", "reduced"), ("reduced", "flat")])
def test_a_run_reports_how_far_it_is_off(fidelity, higher):
    A, b = random_problem(3, rows=12, columns=3, vectors=6)
    circuit = amc.CompactGINV(A, wire=amc.Wire(row=1.0), constraint=amc.NonNegative())
    run = amc.simulate(circuit, b, fidelity=fidelity, verify=4)
    assert run.verification.fidelity == higher
    assert len(run.verification.solution_deviation) == 4
    assert run.verification.largest_solution_deviation < 1e-4
    assert run.verification.largest_settling_deviation < 0.05
    assert amc.simulate(circuit, b, fidelity=fidelity).verification is None


@pytest.mark.ngspice
def test_a_factorisation_draws_from_all_of_its_regressions():
    V = np.random.default_rng(0).random((8, 6))
    found = amc.nmf(V, 2, iterations=2, analysis=BEHAVIOURAL, verify=5)
    assert len(found.verification.solution_deviation) == 5
    assert found.verification.largest_solution_deviation < 1e-3
    again = amc.nmf(V, 2, iterations=2, analysis=BEHAVIOURAL, verify=5)
    np.testing.assert_array_equal(
        again.verification.solution_deviation, found.verification.solution_deviation
    )
    plain = amc.nmf(V, 2, iterations=2, analysis=BEHAVIOURAL)
    np.testing.assert_array_equal(plain.W, found.W)


def found(solution=0.0, settling=0.0, power=0.0, energy=0.0, knife_edge=False):
    """Return the verification of as many regressions as the longest list has entries."""
    values = np.broadcast_arrays(solution, settling, power, energy, knife_edge, [0.0])
    limits = {"solution": 1e-3, "settling": 0.02, "power": 2e-3, "energy": 0.03}
    *deviations, edges = values[:5]
    return Verification("reduced", *deviations, edges.astype(bool), limits)


def test_the_largest_deviation_of_either_sign_is_reported():
    parts = [found([1e-5, 9e-4], [0.01, -0.015]), found([2e-5], [np.nan])]
    whole = Verification.join(parts)
    assert whole.largest_settling_deviation == 0.015
    assert whole.largest_solution_deviation == 9e-4
    assert whole.passed
    assert np.isnan(parts[1].largest_settling_deviation)
    assert not Verification.join([*parts, found([2e-3], [0.0])]).passed
    assert Verification.join([]) is None


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_is_judged(figure):
    """Beyond its limit with either sign, and where one of the fidelities does not have it."""
    limit = found().limits[figure]
    assert found(**{figure: [0.0, 0.9 * limit]}).passed
    for wrong in (1.1 * limit, -1.1 * limit, np.inf):
        verification = found(**{figure: [0.0, wrong]})
        assert verification.failed == {figure: 1}
        assert "NOT CONFIRMED" in str(verification)
        assert "1 of 2" in verification.caution
    assert found().caution == ""


def test_what_is_not_known_does_not_pass_silently():
    """No solution and no power is never right; no time is where neither fidelity has any."""
    for figure in ("solution", "power"):
        assert found(**{figure: [np.nan]}).failed == {figure: 1}
    timeless = found(settling=[np.nan], energy=[np.nan])
    assert timeless.passed
    assert "settling times not compared" in str(timeless)
    assert "and 1 not compared" in str(found(settling=[0.01, np.nan], energy=[0.01, np.nan]))
    assert "1 known to one fidelity only" in str(found(settling=[np.inf]))


def test_a_knife_edge_excuses_times_and_nothing_else():
    excused = found(settling=[0.3], energy=[0.3], knife_edge=True)
    assert excused.passed
    assert "1 of 1 on a knife edge" in str(excused)
    for figure in ("solution", "power"):
        assert not found(**{figure: [0.3]}, knife_edge=True).passed


def test_the_text_says_how_many():
    assert str(found()).startswith("verified 1 regression at reduced fidelity: solutions off")
    assert str(found([0.0, 0.0])).startswith("verified 2 regressions at")


def problem(**changes):
    A, b = random_problem(3, rows=12, columns=3, vectors=3)
    return amc.CompactGINV(A, constraint=amc.NonNegative(hold=True), **changes), b


@pytest.mark.ngspice
@pytest.mark.parametrize(
    ("figure", "factor"), [("settling_time", 1.1), ("energy", 1.2), ("power", 1.001)]
)
def test_figures_that_are_wrong_are_not_confirmed(figure, factor):
    """Spoilt by more than the fidelities' errors, by which the right ones are confirmed."""
    circuit, b = problem()
    run = amc.simulate(circuit, b, analysis=BEHAVIOURAL)
    right = Operation.of(circuit, circuit.vectors(b), run, 1)
    assert repeat([right], BEHAVIOURAL).passed
    value = getattr(right.measured, figure)
    wrong = {"total": factor * value["total"]} if figure == "power" else factor * value
    measured = dataclasses.replace(right.measured, **{figure: wrong})
    verification = repeat([dataclasses.replace(right, measured=measured)], BEHAVIOURAL)
    name = figure.removesuffix("_time")
    assert verification.failed == {name: 1}
    before = getattr(repeat([right], BEHAVIOURAL), f"{name}_deviation")[0]
    after = getattr(verification, f"{name}_deviation")[0]
    assert after == pytest.approx(factor * (1 + before) - 1, abs=1e-6)


@pytest.mark.ngspice
def test_figures_that_are_missing_are_not_confirmed():
    circuit, b = problem()
    run = amc.simulate(circuit, b, analysis=BEHAVIOURAL)
    right = Operation.of(circuit, circuit.vectors(b), run, 1)
    nothing = np.array([np.nan])
    measured = dataclasses.replace(
        right.measured, settled=np.array([False]), settling_time=nothing, energy=nothing
    )
    verification = repeat([dataclasses.replace(right, measured=measured)], BEHAVIOURAL)
    assert verification.failed == {"settling": 1, "energy": 1}
    lost = dataclasses.replace(right, solution=right.solution * np.nan)
    assert repeat([lost], BEHAVIOURAL).failed == {"solution": 1}


@pytest.mark.ngspice
def test_answers_of_zero_and_repeated_ones_are_confirmed():
    """Nothing to show, next to nothing, and at rest from the first moment on."""
    circuit, b = problem()
    first = b[:, 0]
    rights = np.stack([0 * first, first, first, 0 * first, 1e-4 * first, 1e-9 * first], axis=1)
    for fidelity in ("dc", "behavioural", "reduced"):
        verification = amc.simulate(circuit, rights, fidelity=fidelity, verify=6).verification
        assert verification.passed, str(verification)
        if fidelity != "dc":
            assert verification.settling_deviation[2] == verification.energy_deviation[2] == 0


@pytest.mark.ngspice
def test_an_error_that_both_fidelities_share_shows_two_steps_up(monkeypatch):
    """The reduction is spoilt: behavioural and reduced agree, the flat deck knows better."""
    from amcspice.engine import batch

    def spoilt(schematic):
        model = batch_reduce(schematic)
        uneven = np.linspace(1.0, 1.02, len(model.conductance))
        return dataclasses.replace(model, conductance=uneven[:, None] * model.conductance * uneven)

    batch_reduce = batch.reduce_to_ports
    circuit, b = problem(wire=amc.Wire(row=1.0))
    flat = amc.Verify(2, fidelity="flat")
    assert amc.simulate(circuit, b, fidelity="behavioural", verify=flat).verification.passed
    monkeypatch.setattr(batch, "reduce_to_ports", spoilt)
    one = amc.simulate(circuit, b, fidelity="behavioural", verify=2).verification
    assert "solution" not in one.failed
    with pytest.warns(amc.CautionWarning, match="not confirmed at flat fidelity: solutions of 2"):
        two = amc.simulate(circuit, b, fidelity="behavioural", verify=flat).verification
    assert two.fidelity == "flat"
    assert "solution" in two.failed


@pytest.mark.ngspice
def test_limits_may_be_given():
    circuit, b = problem()
    with pytest.warns(amc.CautionWarning, match="not confirmed at reduced fidelity") as told:
        run = amc.simulate(
            circuit, b, analysis=BEHAVIOURAL, verify=amc.Verify(2, limit={"solution": 1e-12})
        )
    assert len(told) == 1
    assert told[0].filename == __file__
    assert run.verification.failed == {"solution": 2}
    assert "NOT CONFIRMED, solutions beyond 1.0e-12" in repr(run)
    assert run.verification.limits["settling"] == 0.02
    for limit in (0.5, "50 %"):
        run = amc.simulate(circuit, b, analysis=BEHAVIOURAL, verify=amc.Verify(2, limit=limit))
        assert set(run.verification.limits.values()) == {0.5}
        assert run.verification.passed
        assert "settling times off by at most" in repr(run)


def test_limits_follow_the_errors_of_the_fidelities():
    limits = [
        amc.Verify(1).limits(amc.BACKENDS[name](amc.Analysis(relative_tolerance=1e-5)).tolerance)
        for name in ("reduced", "behavioural")
    ]
    assert [each["solution"] for each in limits] == [1e-5, 1e-5]
    assert [each["settling"] for each in limits] == [0.01, 1e-3]
    assert all(each["energy"] > each["settling"] for each in limits)


@pytest.mark.ngspice
def test_a_knife_edge_of_the_band_is_told_from_an_error():
    """An output rings by as much as the band is wide: it just leaves it, or does not."""
    A, b = random_problem(3, rows=8, columns=3)
    circuit = amc.ClassicGINV(A, feedback=0.1)
    run = amc.simulate(circuit, b, analysis=BEHAVIOURAL)
    _, outputs = run.waveforms.solution()
    away = np.abs(outputs - outputs[-1]).max(axis=1) / np.abs(outputs[-1]).max()
    peaks = away[1:-1][(away[1:-1] > away[:-2]) & (away[1:-1] > away[2:])]
    peak = peaks[(peaks > 1e-3) & (peaks < 0.1)][0]
    edges = []
    for tolerance in peak * (1 + 0.004 * np.arange(-4, 5)):
        analysis = amc.Analysis(fidelity="behavioural", settle_tolerance=tolerance)
        verification = amc.simulate(circuit, b, analysis=analysis, verify=1).verification
        assert verification.passed, str(verification)
        edges.append(bool(verification.knife_edge[0]))
    assert any(edges)
    assert not all(edges)


@pytest.mark.parametrize(
    ("verify", "message"),
    [
        ({"count": True}, "verify = True"),
        ({"count": 1, "limit": 0}, "verify: limit = 0 must be a fraction above zero"),
        ({"count": 1, "limit": {"settling": np.nan}}, "limit of settling = nan"),
        ({"count": 1, "limit": {"sttling": 0.1}}, "did you mean settling?"),
        ({"count": 1, "limit": "much"}, "verify: limit = 'much'"),
    ],
)
def test_what_cannot_be_asked_is_refused(verify, message):
    with pytest.raises(amc.InputError, match=message):
        amc.Verify(**verify)


def test_what_cannot_be_verified_is_refused(tmp_path):
    A, b = random_problem(0, rows=4, columns=2)
    with pytest.raises(amc.InputError, match="nothing to verify the ideal"):
        amc.simulate(amc.CompactGINV(A), b, fidelity="ideal", verify=1)
    with pytest.raises(amc.InputError, match="verify = -1"):
        amc.simulate(amc.CompactGINV(A), b, fidelity="behavioural", verify=-1)
    result = run("solve", "nnls", *write(tmp_path), "--fidelity", "flat", "--verify", 2)
    refused(result, "nothing to verify the flat fidelity with")
    with pytest.raises(amc.InputError, match="dc fidelity does not check behavioural; choose from"):
        amc.simulate(amc.CompactGINV(A), b, analysis=BEHAVIOURAL, verify=amc.Verify(1, "dc"))
    words = ["solve", "nnls", *write(tmp_path)]
    refused(run(*words, "--verify-limit", 1e-3), "give --verify K, too")
    refused(run(*words, "--verify", 1, "--verify-limit", "speed=1"), "limit of 'speed'")


@pytest.mark.ngspice
def test_the_command_says_and_stores_it(tmp_path):
    target = tmp_path / "result.json"
    result = run("solve", "nnls", *write(tmp_path), "--fidelity", "behavioural", "--verify", 2,
                 "--json", target)  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "verified 2 regressions at reduced fidelity" in result.stdout
    assert "settling times off by at most" in result.stdout
    assert "note" not in result.stderr
    content = json.loads(target.read_text())
    assert content["simulator"] == "behavioural"
    assert content["provenance"]["ngspice"] is None
    assert content["verification"]["checked"] == 2
    assert content["verification"]["solution_deviation_max"] < 1e-4
    assert len(content["verification"]["settling_deviation"]) == 2
    assert len(content["verification"]["power_deviation"]) == 2
    assert content["verification"]["limit"] == content["verification"]["limits"]["solution"] == 5e-5
    assert content["verification"]["passed"]


@pytest.mark.ngspice
def test_a_command_that_is_not_confirmed_writes_everything_and_fails(tmp_path):
    asked = ["--fidelity", "behavioural", "--verify", 1, "--verify-limit", "settling=1e-9"]
    V = np.random.default_rng(0).random((6, 5))
    np.save(tmp_path / "V.npy", V)
    commands = {
        "solve": ["solve", "nnls", *write(tmp_path)],
        "trials": ["solve", "nnls", *write(tmp_path), "--trials", 2, "--write-noise", "1 %"],
        "nmf": ["nmf", "matrix", tmp_path / "V.npy", "--rank", 2, "--iterations", 1,
                "--out", tmp_path / "out"],
    }  # fmt: skip
    for name, words in commands.items():
        target = tmp_path / f"{name}.json"
        result = run(*words, *asked, "--json", target)
        assert result.exit_code == 1, result.output
        assert "verified 1 regression at reduced fidelity" in " ".join(result.stdout.split())
        assert "NOT CONFIRMED" in result.stdout
        told = "not confirmed at reduced fidelity: settling times of 1 of 1"
        assert result.stderr.count(told) == 1
        content = json.loads(target.read_text())["verification"]
        assert content["failed"] == {"settling": 1}
        assert not content["passed"]
    flat = ["--fidelity", "behavioural", "--verify", 1, "--verify-fidelity", "flat"]
    result = run(*commands["solve"], *flat)
    assert result.exit_code == 0, result.output
    assert "verified 1 regression at flat fidelity" in result.stdout


@pytest.mark.ngspice
@pytest.mark.parametrize("fidelity", ["behavioural", "reduced"])
def test_jobs_change_no_result(fidelity):
    A, b = random_problem(5, rows=8, columns=3, vectors=300)
    circuit = amc.CompactGINV(A, constraint=amc.NonNegative())
    options = {"fidelity": fidelity, "keep_waveforms": False}
    one, two = (amc.simulate(circuit, b, jobs=jobs, **options) for jobs in (1, 2))
    for name in ("x", "settling_time", "energy", "relative_error"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


@pytest.mark.ngspice
def test_columns_that_repeat_each_other_are_confirmed():
    """An open-loop mode that nothing drives does not make inputs rise more slowly."""
    A = np.outer([1.0, 0.5, 0.2], [1.0, 1.0])
    circuit = amc.CompactGINV(A, constraint=amc.NonNegative(hold=True))
    run = amc.simulate(circuit, [1.0, 0.6, 0.1], fidelity="behavioural", verify=1)
    assert run.verification.passed
    assert abs(run.verification.settling_deviation[0]) < 0.01


def test_times_whose_moved_bands_do_not_meet_are_no_knife_edge():
    figures = np.array([[1.0, 1.0], [2.0, 2.0]])
    moved = np.array([[[0.9, 0.9], [1.1, 1.1]], [[1.9, 1.9], [2.1, 2.1]]])
    assert not _is_knife_edge(figures, moved, np.array([0.01, 0.01]))
    assert _is_knife_edge(figures, moved, np.array([0.9, 0.9]))
