"""The circuit with soft thresholds: lasso as it stands, its threshold and its range."""

import numpy as np
import pytest
import sklearn.linear_model
from numpy.testing import assert_allclose

import amcspice as amc
from amcspice.circuit import Amplifiers
from amcspice.engine import LinearModel
from amcspice.netlist.elements import write_elements
from amcspice.reduction import reduce_to_ports

ACCURATE = {"gain": 1e6, "output_resistance": 1e-3, "gbw": "1 GHz"}
PENALTY = 0.05


def sparse_problem(rows, columns, entries, seed=0):
    """Return a matrix with columns of about length one, and what a sparse vector gives."""
    draw = np.random.default_rng(seed)
    A, x = draw.standard_normal((rows, columns)) / np.sqrt(rows), np.zeros(columns)
    x[draw.choice(columns, entries, replace=False)] = draw.standard_normal(entries)
    return A, A @ x + 0.02 * draw.standard_normal(rows)


def peer(A, b, penalty):
    """Return the answer of scikit-learn's coordinate descent, whose penalty is one of the mean."""
    model = sklearn.linear_model.Lasso(
        alpha=penalty / len(A), fit_intercept=False, tol=1e-14, max_iter=100_000
    )
    return model.fit(A, b).coef_


@pytest.mark.parametrize(("rows", "columns"), [(16, 32), (32, 16)])
def test_rest_is_the_lasso_of_another_library(rows, columns):
    A, b = sparse_problem(rows, columns, 4)
    run = amc.solve("lasso", A, b, circuit="lca", lasso=PENALTY, fidelity="dc", **ACCURATE)
    answer = peer(A, b, PENALTY)
    assert np.linalg.norm(run.x - answer) < 1e-4 * np.linalg.norm(answer)
    assert run.unique
    assert run.amplifiers == rows + 3 * columns


@pytest.mark.ngspice
def test_ngspice_finds_the_lasso_of_fewer_rows_than_columns(measured):
    A, b = sparse_problem(16, 32, 4)
    run = amc.solve(
        "lasso", A, b, circuit="lca", lasso=PENALTY, keep_waveforms=False, verify=0, **ACCURATE
    )
    measured("error in ngspice", run.relative_error)
    assert run.settled
    assert run.relative_error < 1e-4
    assert np.linalg.norm(run.x - peer(A, b, PENALTY)) < 1e-4 * np.linalg.norm(run.x)


def test_complex_numbers_are_solved_by_their_parts():
    draw = np.random.default_rng(1)
    A = (draw.standard_normal((5, 8)) + 1j * draw.standard_normal((5, 8))) / np.sqrt(10)
    b = A[:, 2] * (1 - 0.5j) - 0.6 * A[:, 6]
    real = np.block([[A.real, -A.imag], [A.imag, A.real]])
    answer = peer(real, np.concatenate([b.real, b.imag]), PENALTY)
    for circuit in ("lca", "ginv-classic"):
        run = amc.solve("lasso", A, b, circuit=circuit, lasso=PENALTY, fidelity="dc", **ACCURATE)
        assert_allclose(run.x, answer[:8] + 1j * answer[8:], atol=1e-4 * np.abs(answer).max())


def test_columns_that_do_not_pull_enough_rest_at_zero():
    """Above the largest pull |A'b| the answer is zero: no buffer reaches its clamp."""
    A, b = sparse_problem(6, 9, 2)
    most = np.abs(A.T @ b).max()
    none = amc.simulate(amc.LCA(A, lasso=1.01 * most, **ACCURATE), b, fidelity="dc", range=0.1)
    some = amc.simulate(amc.LCA(A, lasso=0.9 * most, **ACCURATE), b, fidelity="dc", range=0.1)
    assert np.abs(none.x).max() < 1e-4 * np.abs(some.x).max()
    assert np.argmax(np.abs(some.x)) == np.argmax(np.abs(A.T @ b))


def test_error_of_finite_gain_is_a_ridge():
    """Integrators need u/A0 between their inputs, which a column of total T takes current for."""
    A, b = sparse_problem(16, 8, 3)
    hardware = {"gain": 1e5, "output_resistance": 1e-6, "crossover": 0.25}
    run = amc.solve("lasso", A, b, circuit="lca", lasso=PENALTY, fidelity="dc", **hardware)
    totals = np.maximum(np.maximum(A, 0).sum(axis=0), np.maximum(-A, 0).sum(axis=0))
    totals += np.abs(A).max()  # the threshold conductance is g_max
    ridge = np.linalg.norm(A / np.sqrt(totals), 2) ** 2 / 0.25 / 1e5 * totals
    on = np.flatnonzero(run.reference)
    integrated = np.abs(run.x[on]) + amc.LCA(A, lasso=PENALTY).threshold
    excess = np.abs(A.T @ (b - A @ run.x))[on] - PENALTY
    assert_allclose(excess, ridge[on] * integrated, rtol=0.02)


def test_loop_is_stable_with_everything_clamped_and_less_damped_at_a_higher_crossover():
    A, _ = sparse_problem(12, 24, 3)
    damping = []
    for crossover in (0.25, 0.5, 0.7):
        circuit = amc.LCA(A, crossover=crossover, **ACCURATE)  # no buffers: all at a clamp
        modes = np.linalg.eigvals(LinearModel.of(circuit, reduce_to_ports(circuit.schematic)).state)
        assert modes.real.max() < 0
        damping.append(np.min(-modes.real / np.abs(modes)))
    assert damping[0] > damping[1] > damping[2] > 0


def test_threshold_that_is_given_sets_the_range():
    A, b = sparse_problem(6, 9, 2)
    free = amc.LCA(A, lasso=PENALTY, **ACCURATE)
    set_to = amc.LCA(A, lasso=PENALTY, threshold_voltage="20 mV", **ACCURATE)
    run = amc.simulate(set_to, b, fidelity="dc")
    assert_allclose(run.range.volts_per_unit, 0.02 / free.threshold)
    other = amc.simulate(free, b, fidelity="dc", range=run.range.volts_per_unit)
    assert_allclose(run.x, other.x, rtol=1e-9)
    halved = amc.simulate(free, b, fidelity="dc", range=run.range.volts_per_unit / 2)
    assert_allclose(run.x, halved.x, atol=1e-6)
    with pytest.raises(amc.InputError, match="threshold_voltage"):
        amc.simulate(set_to, b, fidelity="dc", range=0.5)


def test_what_does_not_fit_is_refused():
    A, b = sparse_problem(6, 9, 2)
    with pytest.raises(amc.InputError, match="threshold_voltage stands for lasso"):
        amc.LCA(A, threshold_voltage=0.1)
    with pytest.raises(amc.InputError, match="beyond the output range"):
        amc.LCA(A, lasso=0.1, threshold_voltage=50.0)
    with pytest.raises(amc.InputError, match="weight of its L1 term"):
        amc.solve("lasso", A, b, circuit="lca")
    with pytest.raises(amc.InputError, match="needs a threshold_voltage"):
        amc.Chip(amc.Hardware(), fidelity="dc").program(A, "lasso", circuit="lca", lasso=0.1)


def test_chip_runs_it_in_the_range_of_its_threshold():
    A, b = sparse_problem(6, 9, 2)
    options = {"lasso": PENALTY, "threshold_voltage": 0.02}
    chip = amc.Chip(amc.Hardware(opamp=amc.OpAmp(**ACCURATE)), fidelity="dc")
    programmed = chip.program(A, "lasso", circuit="lca", **options)
    alone = amc.simulate(amc.LCA(A, **options, **ACCURATE), b, fidelity="dc")
    assert_allclose(programmed.run(b).x, alone.x, rtol=1e-12)
    assert chip.ledger.operations == 1


def test_clamps_narrow_the_output_range():
    opamp = amc.OpAmp(headroom_positive=0.5)
    pins = (np.array([1]), np.array([2]), np.array([2]))
    assert Amplifiers("k", *pins, clamp=0.2).output_range(opamp) == (-0.2, 0.2)
    assert Amplifiers("k", *pins, clamp=99.0).output_range(opamp) == (
        opamp.lowest_output, opamp.highest_output
    )  # fmt: skip
    assert Amplifiers("k", *pins, clamp=0.2, floor_at_ground=True).output_range(opamp) == (0, 0.2)


def test_decks_hold_the_clamp():
    circuit = amc.LCA([[1.0, -0.5]], lasso=0.1, threshold_voltage=0.125)
    text = "\n".join(
        write_elements(circuit.schematic.network, circuit.schematic.amplifiers, circuit.opamp)
    )
    assert "max(min(v(i_k0),0.125),-0.125)" in text
    rail = circuit.opamp.supply_positive - 0.125
    volts = circuit.range_of(circuit.swing(np.ones((1, 1)), np.ones((1, 2))), 0.2)
    netlist = amc.to_pyspice(circuit, [1.0], volts_per_unit=volts)
    assert f"hi={rail!r}" in str(netlist)
