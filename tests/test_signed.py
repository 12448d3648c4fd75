"""Signed matrices: what compensation buys, over ten random problems each."""

import contextlib

import numpy as np
import pytest

import amcspice as amc
from amcspice.errors import UnsupportedError

OPAMP = amc.OpAmp(gain=1e5)
SEEDS = range(10)


def positive_definite(seed, n):
    """Return a signed symmetric matrix with eigenvalues from 1 to 3, stable in every circuit."""
    draw = np.random.default_rng(seed)
    Q = np.linalg.qr(draw.standard_normal((n, n)))[0]
    return Q * draw.uniform(1.0, 3.0, n) @ Q.T, draw.uniform(-1, 1, (n, 4))


def tall(seed, n):
    draw = np.random.default_rng(seed)
    return draw.standard_normal((3 * n, n)), draw.uniform(-1, 1, (3 * n, 4))


def error(circuit, b):
    """Largest relative error; infinite if the circuit is unstable."""
    with contextlib.suppress(UnsupportedError):
        run = amc.simulate(circuit, b, fidelity="behavioural", keep_waveforms=False)
        return run.relative_error.max()
    return np.inf


@pytest.mark.filterwarnings("ignore::amcspice.CautionWarning")  # without it, rails are met
@pytest.mark.parametrize("n", [8, 32])
@pytest.mark.parametrize("seed", SEEDS)
def test_compensated_inverse(seed, n, measured):
    A, b = positive_definite(seed, n)
    with_it = error(amc.CompensatedINV(A, opamp=OPAMP), b)
    without = error(amc.CompensatedINV(A, opamp=OPAMP, compensation=False), b)
    measured("error with compensation", with_it)
    measured("error without", without)
    assert with_it < 3e-4
    assert without > 10 * with_it


@pytest.mark.parametrize("circuit", [amc.CompactGINV, amc.ClassicGINV, amc.MVM])
@pytest.mark.parametrize("n", [4, 16])
@pytest.mark.parametrize("seed", SEEDS[:5])
def test_other_signed_circuits(circuit, seed, n, measured):
    A, b = tall(seed, n)
    if circuit is amc.MVM:
        b = b[:n]
    with_it = error(circuit(A, opamp=OPAMP), b)
    without = error(circuit(A, opamp=OPAMP, compensation=False), b)
    measured("error with compensation", with_it)
    measured("error without", without)
    assert with_it < 2e-3
    assert without > 10 * with_it


@pytest.mark.ngspice
@pytest.mark.parametrize("seed", SEEDS[:2])
def test_compensated_inverse_in_ngspice(seed):
    A, b = positive_definite(seed, 8)
    run = amc.simulate(amc.CompensatedINV(A, opamp=OPAMP), b, fidelity="flat")
    assert run.relative_error.max() < 3e-4


def test_inverters_and_compensation_agree():
    A, b = positive_definite(3, 8)
    runs = [
        amc.simulate(kind(A, opamp=OPAMP), b, fidelity="behavioural")
        for kind in (amc.CompensatedINV, amc.InverterINV)
    ]
    np.testing.assert_allclose(runs[0].x, runs[1].x, atol=1e-3)
    assert [run.amplifiers for run in runs] == [8, 16]


def test_signed_matrix_takes_the_signed_circuit():
    A, _ = positive_definite(0, 4)
    assert amc.make_circuit("inv", A).name == "inv-compensated"
    assert amc.make_circuit("inv", np.abs(A) + 2 * np.eye(4)).name == "inv"
