"""Verification one fidelity higher: what is drawn, and what is reported."""

from __future__ import annotations

import json

import numpy as np
import pytest
from amcspice.solver.verify import Verifier
from cli_helpers import refused, run, write
from oracles import random_problem

import amcspice as amc

BEHAVIOURAL = amc.Analysis(fidelity="behavioural")


def offered(count, batches, seed=0):
    """Return the right-hand sides that a verifier keeps of batches of several."""
    A, _ = random_problem(0, rows=4, columns=2)
    verifier = Verifier(count, BEHAVIOURAL, seed)
    first = 0
    for size in batches:
        vectors = np.arange(first, first + size, dtype=float)[:, None] * np.ones(4)
        first += size
        result = amc.simulate(amc.CompactGINV(A), np.ones((4, size)), analysis=BEHAVIOURAL)
        verifier.offer(amc.CompactGINV(A), vectors, result)
    return [int(kept.vectors[-1, 0]) for kept in verifier._kept]


def test_every_regression_has_the_same_chance():
    drawn = np.concatenate([offered(5, [10, 10], seed) for seed in range(200)])
    counts = np.bincount(drawn, minlength=20)
    assert counts.sum() == 1000
    # Each is drawn 50 times of 200; five standard deviations of the binomial are 31.
    assert counts.min() > 19
    assert counts.max() < 81


def test_all_are_drawn_where_there_are_few():
    assert offered(5, [2, 1]) == [0, 1, 2]
    assert offered(3, [8, 8], seed=1) == offered(3, [8, 8], seed=1)


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
