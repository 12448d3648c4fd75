"""What a new cell, amplifier, problem and system must pass.

PYTHONPATH=tests/extension python -m pytest tests/extension/contract_parts.py
"""

import numpy as np
import pytest

import amcspice as amc
from amcspice.sweep.point import run_point

draw = np.random.default_rng(0)
A, B = draw.random((5, 5)) + 2 * np.eye(5), draw.uniform(-1, 1, (5, 3))
CELLS = {"ageing": {"write_noise": 0.02, "age": 1e8}, "binary": {"on_spread": 0.05}}


@pytest.mark.parametrize("name", CELLS)
def test_what_cells_say_of_their_mean_and_variance_is_that_of_their_draws(name):
    target = np.full((100, 100), 0.8e-4)
    cells = amc.cell(name, seed=3, **CELLS[name])
    drawn = cells.program(target)
    mean, variance = cells.moments(target)
    np.testing.assert_allclose(drawn.mean(), mean.mean(), atol=5e-2 * np.sqrt(variance).mean())
    np.testing.assert_allclose(drawn.var(), variance.mean(), rtol=0.1)


@pytest.mark.parametrize("name", CELLS)
def test_cells_are_programmable_and_follow_from_their_seed(name):
    target = draw.random((6, 6)) * 1e-4
    cells, again, others = (amc.cell(name, seed=seed, **CELLS[name]) for seed in (5, 5, 6))
    levels = cells.quantise(target)
    np.testing.assert_array_equal(cells.quantise(levels), levels)
    np.testing.assert_array_equal(cells.program(target), again.program(target))
    assert (cells.program(target) != others.program(target)).any()


def test_equations_of_an_amplifier_agree_with_its_deck():
    circuit = amc.INV(A, opamp=amc.OpAmp.preset("invented"))
    run = amc.simulate(circuit, B, fidelity="behavioural", verify=3)
    assert run.verification.fidelity == "reduced"
    assert run.verification.passed
    assert run.provenance["circuit"]["opamp"]["source"] == "invented"


def test_answer_of_a_problem_satisfies_what_is_asked():
    circuit = amc.make_circuit("loaded-inv", A)
    x = amc.PROBLEMS["loaded-inv"].answer(circuit, B.T).T
    np.testing.assert_allclose(A @ x + circuit.loading * x, B, atol=1e-12)
    assert amc.simulate(circuit, B, fidelity="ideal").relative_error.max() < 1e-12


def test_a_system_ends_at_the_answer_and_its_work_is_counted():
    low, high = (run_point({"problem": "self-test", "gain": gain}).metrics for gain in (1e3, 1e5))
    assert low["test_error"] == pytest.approx(100 * high["test_error"], rel=0.05)
