"""What circuits make of the cells as they were programmed: levels, compensation, loads, leads."""

from __future__ import annotations

import numpy as np
import pytest

import amcspice as amc

GOOD = amc.OpAmp(gain=1e9, gbw=1e8)
COARSE = amc.Memristor(levels=6)


def quantised(circuit):
    """Return the matrix that the programmed cells hold, by the definition of levels."""
    target, step = circuit.mapping.target, circuit.device.g_max / (circuit.device.levels - 1)
    held = np.sign(target) * np.round(np.abs(target) / step) * step
    return held / circuit.mapping.scale


def answer(circuit, A, b):
    """Return what the circuit was asked, for another matrix."""
    if circuit.problem == "mvm":
        return A @ b
    if circuit.problem == "inv":
        return np.linalg.solve(A, b)
    if circuit.problem == "eig":
        return np.linalg.eigh(A)[1][:, -1]
    return np.linalg.lstsq(A, b)[0]


def problem(kind, *, signed, symmetric=False):
    draw = np.random.default_rng(5)
    lowest = -1.0 if signed else 0.0
    if kind.square:
        A = draw.uniform(lowest, 1, (5, 5)) + 3 * np.eye(5)
        A = (A + A.T) / 2 if symmetric else A
    else:
        A = draw.uniform(lowest, 1, (9, 4))
    return A, draw.uniform(-1, 1, A.shape[1] if kind is amc.MVM else len(A))


COMPENSATED = [
    (amc.MVM, True),
    (amc.CompensatedINV, True),
    (amc.CompactGINV, False),
    (amc.CompactGINV, True),
    (amc.ClassicGINV, True),
]


@pytest.mark.parametrize(("kind", "signed"), COMPENSATED)
def test_compensation_is_that_of_the_programmed_cells(kind, signed):
    """Coarse levels change the matrix that is solved for, and nothing else.

    Sums of levels are levels again, so compensating cells can make line totals exactly equal.
    """
    A, b = problem(kind, signed=signed)
    circuit = kind(A, device=COARSE, opamp=GOOD)
    run = amc.simulate(circuit, b, fidelity="dc")
    expected = answer(circuit, quantised(circuit), b)
    np.testing.assert_allclose(run.x, expected, atol=1e-5 * np.abs(expected).max())
    assert run.relative_error > 1e-3  # the levels are coarse enough to be seen


@pytest.mark.parametrize("options", [{"column_load": 2.0}, {"ridge": 0.7}], ids=str)
@pytest.mark.parametrize("signed", [False, True])
def test_loads_of_both_columns_of_a_pair_change_no_answer(signed, options):
    A, b = problem(amc.CompactGINV, signed=signed)
    run = amc.simulate(amc.CompactGINV(A, opamp=GOOD, **options), b, fidelity="dc")
    ridge = options.get("ridge", 0.0)
    expected = np.linalg.solve(A.T @ A + ridge * np.eye(4), A.T @ b)
    np.testing.assert_allclose(run.x, expected, atol=1e-5 * np.abs(expected).max())


def classic_with_leads(circuit, b, driver, termination):
    """Solve the classic circuit with resistive leads and ideal amplifiers, node by node.

    Array 1: x_j - driver - column line; row line - termination - virtual ground, where the
    current and b meet the feedback g_f of r_i.  Array 2: r_i - driver - row line; no current
    leaves at the sense end of a column line, so it stands at virtual ground.
    """
    G = circuit.mapping.target
    m, n = G.shape
    feedback = circuit.feedback * circuit.device.g_max
    total = 2 * n + 3 * m
    x, r, first, rows, second = np.split(np.arange(total), np.cumsum([n, m, n, m]))
    equations, known = np.zeros((total, total)), np.zeros(total)
    line = 0
    for j in range(n):  # column lines of array 1
        equations[line, x[j]] = 1 / driver
        equations[line, first[j]] = -1 / driver - G[:, j].sum()
        equations[line, rows] = G[:, j]
        line += 1
    for i in range(m):  # row lines of array 1
        equations[line, first] = G[i]
        equations[line, rows[i]] = -G[i].sum() - 1 / termination
        line += 1
    for i in range(m):  # virtual ground of r_i
        equations[line, rows[i]] = 1 / termination
        equations[line, r[i]] = feedback
        known[line] = b[i] * circuit.mapping.scale
        line += 1
    for i in range(m):  # row lines of array 2, whose column lines are at 0 V
        equations[line, r[i]] = 1 / driver
        equations[line, second[i]] = -1 / driver - G[i].sum()
        line += 1
    for j in range(n):  # no current out of a column line of array 2
        equations[line, second] = G[:, j]
        line += 1
    return np.linalg.solve(equations, known)[x]


@pytest.mark.parametrize("leads", [(900.0, 150.0), (150.0, 900.0)])
def test_drivers_and_terminations_stand_at_their_ends(leads):
    driver, termination = leads
    A, b = problem(amc.ClassicGINV, signed=False)
    wire = amc.Wire(driver=driver, termination=termination)
    circuit = amc.ClassicGINV(A, wire=wire, opamp=GOOD)
    run = amc.simulate(circuit, b, fidelity="dc")
    expected = classic_with_leads(circuit, b, driver, termination)
    np.testing.assert_allclose(run.x, expected, atol=1e-6 * np.abs(expected).max())
    swapped = classic_with_leads(circuit, b, termination, driver)
    assert np.abs(swapped - expected).max() > 1e-3 * np.abs(expected).max()


def test_reading_and_writing_draw_from_streams_of_their_own():
    target = np.full((200, 100), 50e-6)
    written = amc.Memristor(write_noise=0.05, seed=3).program(target, 0)
    read = amc.Memristor(write_noise=0.05, read_noise=0.05, seed=3).program(target, 0)
    write_error, read_error = written - target, read / written - 1
    assert read_error.std() == pytest.approx(0.05, rel=0.05)
    correlation = np.corrcoef(write_error.ravel(), read_error.ravel())[0, 1]
    assert abs(correlation) < 0.03  # four standard deviations of independent draws
