"""What every new circuit must pass.

PYTHONPATH=tests/extension python -m pytest tests/extension/contract.py
"""

import numpy as np
import pytest

import amcspice as amc

draw = np.random.default_rng(0)
A, B = draw.random((5, 5)) + 2 * np.eye(5), draw.uniform(-1, 1, (5, 3))
LOADED = A + 0.5 * np.eye(5)
WIRES = {"ideal wires": amc.Wire(), "wires": amc.Wire(row=1.0, column=2.5, driver=3.0)}
SOLUTIONS_APART = {"reduced": 1e-6, "behavioural": 1e-4, "dc": 1e-6}
"""From the fidelity that checks it: flat, reduced, behavioural."""


def make(**changes):
    return amc.CIRCUITS["loaded-inv"](A, **{"opamp": amc.OpAmp(gain=1e5), **changes})


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("fidelity", SOLUTIONS_APART)
def test_fidelity_agrees_with_the_one_that_checks_it(fidelity, wire):
    run = amc.simulate(make(wire=WIRES[wire]), B, fidelity=fidelity, verify=3)
    assert run.all_settled
    assert run.verification.fidelity == amc.BACKENDS[fidelity].verified_by
    assert run.verification.largest_solution_deviation < SOLUTIONS_APART[fidelity]
    if amc.BACKENDS[fidelity].in_time:
        assert run.verification.largest_settling_deviation < 0.05


def test_ideal_answer_is_the_algebraic_one():
    run = amc.simulate(make(), B, fidelity="ideal")
    np.testing.assert_allclose(run.x, np.linalg.solve(LOADED, B), atol=1e-12)


def test_error_of_ideal_cells_and_wires_is_one_over_the_gain():
    errors = [
        amc.simulate(make(opamp=amc.OpAmp(gain=gain, output_resistance=1e-6)), B, fidelity="dc")
        for gain in (1e4, 1e6)
    ]
    assert errors[0].relative_error.max() < 1e-2
    np.testing.assert_allclose(errors[0].relative_error, 100 * errors[1].relative_error, rtol=0.05)


def test_seed_fixes_the_result():
    noisy = [make(device=amc.Memristor(write_noise=0.02, seed=seed)) for seed in (5, 5, 6)]
    first, again, other = (amc.simulate(circuit, B, fidelity="dc").x for circuit in noisy)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_what_it_cannot_do_is_refused():
    with pytest.raises(amc.UnsupportedError, match="non-negative matrices only"):
        amc.CIRCUITS["loaded-inv"](-A)
    with pytest.raises(amc.InputError, match="square"):
        amc.CIRCUITS["loaded-inv"](A[:3])
