"""Ageing of written channels, and how often they must be written."""

from __future__ import annotations

import numpy as np
import pytest

import amcspice as amc
from amcspice.errors import InputError
from amcspice.workload.wireless import (
    Rayleigh,
    ageing_evm,
    coherence_time,
    doppler,
    update_interval,
    updates,
)

USERS, ANTENNAS = 4, 32


def aged_channels(phase, number):
    """Return a channel and what it has become: a sum of waves from all sides, written apart."""
    draw = np.random.default_rng(number)
    waves = 60
    angle = draw.uniform(0, 2 * np.pi, (waves, ANTENNAS, USERS))
    start = np.exp(1j * draw.uniform(0, 2 * np.pi, angle.shape))
    later = start * np.exp(1j * phase * np.cos(angle))
    return start.sum(axis=0) / np.sqrt(waves), later.sum(axis=0) / np.sqrt(waves)


@pytest.mark.parametrize("aged", ["all", "gram"])
@pytest.mark.parametrize("age", [0.01, 0.03])
def test_evm_is_that_of_waves_from_all_sides(aged, age):
    squares = []
    for number in range(150):
        before, now = aged_channels(2 * np.pi * age, number)
        gram = before.conj().T @ before
        filtered = (before if aged == "all" else now).conj().T @ now
        mixed = np.linalg.solve(gram, filtered)
        off = mixed / np.diag(mixed)[:, None] - np.eye(USERS)
        squares.append((np.abs(off) ** 2).sum() / USERS)
    found = np.sqrt(np.mean(squares))
    expected = ageing_evm(1.0, age, USERS, ANTENNAS, aged)
    # The equaliser takes the user's own part of the error away, one of K.
    assert found == pytest.approx(expected * np.sqrt(1 - 1 / USERS), rel=0.1)


def test_table_of_speeds():
    """3.5 GHz: f_D = v f / c, T = 0.423 / f_D, and 3.35 % after 0.02 of a period (16 x 128)."""
    shift = doppler(30 / 3.6, 3.5e9)
    assert shift == pytest.approx(97.29, abs=0.01)
    assert coherence_time(30 / 3.6, 3.5e9) == pytest.approx(4.348e-3, rel=1e-3)
    interval = update_interval(shift, 0.0335, 16, 128)
    assert shift * interval == pytest.approx(0.02, rel=2e-3)
    for aged in ("all", "gram"):
        interval = update_interval(shift, 0.05, 16, 128, aged)
        assert ageing_evm(shift, interval, 16, 128, aged) == pytest.approx(0.05, rel=1e-9)
    assert ageing_evm(shift, 1e-3, 16, 128, "gram") == pytest.approx(
        1.52 * ageing_evm(shift, 1e-3, 16, 128), rel=0.01
    )


def test_what_never_happens_is_refused():
    with pytest.raises(InputError, match=r"less than 0\.378"):
        update_interval(100.0, 0.5, 16, 128)
    with pytest.raises(InputError, match="fewer users"):
        ageing_evm(100.0, 1e-3, 16, 16)
    for shift in (0.0, -3.0):
        with pytest.raises(InputError, match="never ages"):
            update_interval(shift, 0.03, 16, 128)


def test_rows_follow_from_the_cost_of_a_chip():
    chip = amc.Chip(opamp="onchip-1g")
    H = Rayleigh(ANTENNAS, USERS).draw(0)
    chip.program(H, "precode").run(np.ones((USERS, 2), complex))
    cost = chip.cost()
    slow, fast = updates(cost, [0.1, 100.0], users=USERS, antennas=ANTENNAS, bits=24)
    assert slow.fits
    assert not fast.fits
    assert fast.throughput == 0
    assert slow.interval == pytest.approx(1000 * fast.interval)
    assert slow.writing == pytest.approx(cost.writing.time / slow.interval)
    left = slow.interval - cost.writing.time
    assert slow.throughput == pytest.approx(24 * left / cost.operation.time / slow.interval)
    per_cell = cost.technology.writing.mean_pulses
    assert slow.pulses_per_second * slow.life == pytest.approx(1e6)
    assert slow.pulses_per_second == pytest.approx(per_cell / slow.interval)
    assert slow.vectors == pytest.approx(168 * slow.interval / 0.5e-3)
    spent = cost.writing.energy + slow.vectors * cost.operation.energy
    assert slow.energy_per_bit == pytest.approx(spent / slow.vectors / 24)
