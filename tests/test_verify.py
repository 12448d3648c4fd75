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
from amcspice.simulation.verify import Operation, Verifier

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
            deviation = spoilt.deviation(amc.Analysis())[0]
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


def test_the_largest_deviation_of_either_sign_is_reported():
    def found(solution, settling):
        return Verification("reduced", np.array(solution), np.array(settling))

    parts = [found([1e-5, 9e-4], [0.01, -0.2]), found([2e-5], [np.nan])]
    whole = Verification.join(parts)
    assert whole.largest_settling_deviation == 0.2
    assert whole.largest_solution_deviation == 9e-4
    assert whole.passed
    assert np.isnan(parts[1].largest_settling_deviation)
    assert not Verification.join([*parts, found([2e-3], [0.0])]).passed
    assert Verification.join([]) is None


def test_what_cannot_be_verified_is_refused(tmp_path):
    A, b = random_problem(0, rows=4, columns=2)
    with pytest.raises(amc.InputError, match="nothing to verify the ideal"):
        amc.simulate(amc.CompactGINV(A), b, fidelity="ideal", verify=1)
    with pytest.raises(amc.InputError, match="verify = -1"):
        amc.simulate(amc.CompactGINV(A), b, fidelity="behavioural", verify=-1)
    result = run("solve", "nnls", *write(tmp_path), "--fidelity", "flat", "--verify", 2)
    refused(result, "nothing to verify the flat fidelity with")


@pytest.mark.ngspice
def test_the_command_says_and_stores_it(tmp_path):
    target = tmp_path / "result.json"
    result = run("solve", "nnls", *write(tmp_path), "--fidelity", "behavioural", "--verify", 2,
                 "--json", target)  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "verified 2 regressions at reduced fidelity" in result.stdout
    content = json.loads(target.read_text())
    assert content["simulator"] == "behavioural"
    assert content["provenance"]["ngspice"] is None
    assert content["verification"]["checked"] == 2
    assert content["verification"]["solution_deviation_max"] < 1e-4
    assert len(content["verification"]["settling_deviation"]) == 2


@pytest.mark.ngspice
@pytest.mark.parametrize("fidelity", ["behavioural", "reduced"])
def test_jobs_change_no_result(fidelity):
    A, b = random_problem(5, rows=8, columns=3, vectors=300)
    circuit = amc.CompactGINV(A, constraint=amc.NonNegative())
    options = {"fidelity": fidelity, "keep_waveforms": False}
    one, two = (amc.simulate(circuit, b, jobs=jobs, **options) for jobs in (1, 2))
    for name in ("x", "settling_time", "energy", "relative_error"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
