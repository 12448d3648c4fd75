"""The backend passes what every backend must; and it is the limit of large gain."""

import numpy as np

import amcspice as amc
from amcspice.contract import check_backend

draw = np.random.default_rng(0)
A, B = draw.random((5, 5)) + 2 * np.eye(5), draw.uniform(-1, 1, (5, 3))


def test_it_passes_what_every_backend_must():
    check_backend("nullor", amc.INV(A, wire=amc.Wire(row=1.0), opamp=amc.OpAmp(gain=1e9)), B)


def test_it_is_the_limit_of_large_gain():
    limit = amc.solve("inv", A, B, fidelity="nullor").x
    low, high = (amc.solve("inv", A, B, fidelity="dc", gain=gain).x for gain in (1e4, 1e6))
    np.testing.assert_allclose(low - limit, 100 * (high - limit), rtol=0.05, atol=1e-9)
