"""`solve` and `make_circuit`: the five-line case."""

import numpy as np
import pytest
from oracles import nnls, random_problem

import amcspice as amc
from amcspice.problem import PROBLEMS

A, B = random_problem(0, rows=12, columns=4, vectors=2)


def test_every_problem_has_a_circuit_that_solves_it():
    for name, problem in PROBLEMS.items():
        for signed in (False, True):
            topology = amc.CIRCUITS[problem.default_circuit(signed=signed)]
            form = problem.circuit_form([[1.0, 0.5], [0.5, 1.0]], None, {"lasso": 0.1})
            assert form.problem in topology.problems, name
            assert topology.signed or not signed


@pytest.mark.parametrize(
    ("problem", "constraint"), [("lstsq", amc.Unconstrained), ("nnls", amc.NonNegative)]
)
@pytest.mark.parametrize("circuit", [None, "ginv-compact", "ginv-classic"])
def test_circuit_and_constraint_follow_the_problem(problem, constraint, circuit):
    made = amc.make_circuit(problem, A, circuit=circuit, ridge=0.5)
    assert made.name == (circuit or "ginv-compact")
    assert isinstance(made.constraint, constraint)
    assert made.ridge == 0.5


@pytest.mark.parametrize("hold", [None, True, False])
def test_hold_reaches_the_circuit(hold):
    made = amc.make_circuit("nnls", A, hold=hold)
    bank = made.schematic.amplifiers[0]
    assert (bank.hold is None) == (hold is False)


@pytest.mark.ngspice
@pytest.mark.parametrize("circuit", [None, "ginv-classic"])
def test_nnls(circuit):
    run = amc.solve("nnls", A, B, circuit=circuit, opamp=amc.OpAmp(gain=1e7))
    expected = np.stack([nnls(A, b) for b in B.T], axis=1)
    np.testing.assert_allclose(run.x, expected, atol=1e-4 * expected.max())


@pytest.mark.ngspice
@pytest.mark.parametrize("circuit", [None, "ginv-classic"])
def test_lstsq(circuit):
    run = amc.solve("lstsq", A, B[:, 0], circuit=circuit, opamp=amc.OpAmp(gain=1e7))
    expected = np.linalg.lstsq(A, B[:, 0])[0]
    np.testing.assert_allclose(run.x, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.ngspice
def test_solve_is_make_circuit_and_simulate():
    analysis = amc.Analysis(fidelity="flat", settle_tolerance=0.02)
    parameters = {"wire": amc.Wire(row=1.0), "compensation": False}
    seen = []
    one = amc.solve(
        "nnls", A, B, analysis=analysis, keep_waveforms=False, progress=seen.append, **parameters
    )
    other = amc.simulate(amc.make_circuit("nnls", A, **parameters), B, analysis=analysis)
    np.testing.assert_array_equal(one.x, other.x)
    np.testing.assert_array_equal(one.settling_time, other.settling_time)
    assert one.waveforms is None
    assert seen[-1] == 2
    assert one.provenance["deck_sha256"] == other.provenance["deck_sha256"]


@pytest.mark.ngspice
def test_device_errors_reach_the_answer():
    """A programmed matrix that differs is solved as it is, not as it should be."""
    device = amc.Memristor(levels=8)
    b = B[:, 0]
    run = amc.solve("nnls", A, b, device=device, opamp=amc.OpAmp(gain=1e7))
    scale = 1e-4 / A.max()
    quantised = np.round(A * scale / (1e-4 / 7)) * (1e-4 / 7) / scale
    expected = nnls(quantised, b)
    assert np.linalg.norm(run.reference - expected) > 0.01 * np.linalg.norm(expected)
    # Compensation is quantised too, so that rows are weighted a little apart.
    assert np.linalg.norm(run.x - expected) < np.linalg.norm(run.x - run.reference)
    exact = amc.solve(
        "nnls", A, b, device=device, opamp=amc.OpAmp(gain=1e7), circuit="ginv-classic"
    )
    np.testing.assert_allclose(exact.x, expected, atol=1e-4 * expected.max())
