"""The equaliser where Sionna calls its own, and matrices that are released."""

from __future__ import annotations

import numpy as np
import pytest
from link_cases import chip, scaled_gram, symbols

import amcspice as amc
from amcspice.workload.wireless import (
    Rayleigh,
    as_equalizer,
    precoder,
    receiver,
)
from amcspice.workload.wireless.channel import gaussian


class Tensor:
    """What an equaliser uses of a tensor of torch."""

    def __init__(self, values):
        self.values = np.asarray(values)

    def detach(self):
        return self

    def cpu(self):
        return self

    def numpy(self):
        return self.values

    @property
    def real(self):
        return Tensor(self.values.real)

    def new_tensor(self, values):
        return Tensor(np.asarray(values, self.values.dtype))


@pytest.mark.parametrize("detector", ["zf", "mmse"])
def test_equaliser_stands_where_sionna_calls_its_own(detector):
    """Symbols without bias, and their noise: of the linear estimate, written out."""
    batch, antennas, users = (2, 3), 6, 2
    h = gaussian((*batch, antennas, users), 0, "h")
    h[:, 1] = h[:, 0]  # neighbours that share a channel
    root = gaussian((antennas, antennas), 0, "s")
    s = 0.1 * np.eye(antennas) + 0.02 * root @ root.conj().T
    y = gaussian((*batch, antennas), 0, "y")
    device = chip(gain=1e9)
    covariance = np.broadcast_to(s, (*batch, antennas, antennas))
    symbols, noise = as_equalizer(device, detector)(Tensor(y), Tensor(h), Tensor(covariance))
    assert symbols.values.dtype == complex
    assert noise.values.dtype == float
    inverse = np.linalg.inv(s)
    for at in np.ndindex(*batch):
        H = h[at]
        gram = H.conj().T @ inverse @ H + (np.eye(users) if detector == "mmse" else 0)
        W = np.linalg.solve(gram, H.conj().T @ inverse)
        gains = np.diag(W @ H)
        W = W / gains[:, None]
        np.testing.assert_allclose(symbols.values[at], W @ y[at], atol=1e-5)
        # Interference and noise that are left beside the symbol.
        left = W @ H - np.eye(users)
        variance = np.diag(left @ left.conj().T + W @ s @ W.conj().T).real
        np.testing.assert_allclose(noise.values[at], variance, rtol=1e-4)
    assert len(device.matrices) == 4
    with pytest.raises(amc.InputError, match="need"):
        as_equalizer(device)(y, h[..., :3, :], s)
    with pytest.raises(amc.InputError, match="zf or mmse"):
        as_equalizer(device, "ml")


def test_equaliser_refuses_what_is_no_covariance_or_batch():
    equalise, H = as_equalizer(chip()), Rayleigh(8, 2).draw(0)
    for noise in (np.zeros((8, 8)), -np.eye(8)):
        with pytest.raises(amc.errors.InputError, match="must be positive definite"):
            equalise(np.ones(8), H, noise)
    with pytest.raises(amc.errors.InputError, match="do not fit together"):
        equalise(np.ones((3, 8)), np.stack([H, H]), np.eye(8))
    for programmed in (receiver, precoder):
        with pytest.raises(amc.errors.InputError, match="load = -1"):
            programmed(chip(), H, -1.0)


def test_what_is_released_answers_as_before():
    device = chip(write_noise=0.02)
    made = device.program(scaled_gram(Rayleigh(8, 2).draw(0)), "inv", diagonal="fixed")
    b = symbols(0, 3, 2)
    before, operations = made.solve(b), device.ledger.operations
    made.release()
    np.testing.assert_array_equal(made.solve(b), before)
    assert device.ledger.operations == operations + 3  # nothing is calibrated again
