"""Modulation against the table of the standard, channels, EVM, intervals of error rates."""

import numpy as np
import pytest
from scipy.stats import norm

import amcspice as amc
from amcspice.workload.wireless import (
    MODULATIONS,
    ErrorCount,
    FileChannel,
    Kronecker,
    Rayleigh,
    best_gain,
    estimated,
    evm,
    modulation,
    noise_variance,
    spread_powers,
)
from amcspice.workload.wireless.figures import interval


def written_out(name, b):
    """TS 38.211, 5.1.3 to 5.1.6, as it is printed."""
    s = 1 - 2 * np.asarray(b)
    if name == "qpsk":
        return (s[0] + 1j * s[1]) / 2**0.5
    if name == "16qam":
        return (s[0] * (2 - s[2]) + 1j * s[1] * (2 - s[3])) / 10**0.5
    if name == "64qam":
        return (s[0] * (4 - s[2] * (2 - s[4])) + 1j * s[1] * (4 - s[3] * (2 - s[5]))) / 42**0.5
    return (
        s[0] * (8 - s[2] * (4 - s[4] * (2 - s[6])))
        + 1j * s[1] * (8 - s[3] * (4 - s[5] * (2 - s[7])))
    ) / 170**0.5


@pytest.fixture(params=MODULATIONS)
def qam(request):
    return modulation(request.param)


def all_bits(qam):
    return np.array(list(np.ndindex(*(2,) * qam.bits)))


def test_symbols_are_those_of_the_standard(qam):
    bits = all_bits(qam)
    expected = [written_out(qam.name, word) for word in bits]
    np.testing.assert_allclose(qam.modulate(bits), expected, atol=1e-15)
    np.testing.assert_array_equal(qam.points, qam.modulate(bits))
    assert np.mean(np.abs(qam.points) ** 2) == pytest.approx(1, abs=1e-14)


def test_decisions_take_the_nearest_symbol(qam):
    received = np.random.default_rng(1).normal(size=(300, 2)) @ [1, 1j]
    nearest = np.abs(received[:, None] - qam.points).argmin(axis=1)
    np.testing.assert_array_equal(qam.demodulate(received), all_bits(qam)[nearest])


def test_likelihoods_are_max_log_over_all_symbols(qam):
    received = np.random.default_rng(2).normal(size=(50, 2)) @ [1, 1j]
    variance = np.linspace(0.1, 1, 50)
    distance = np.abs(received[:, None] - qam.points) ** 2
    bits, expected = all_bits(qam), []
    for place in range(qam.bits):
        one = bits[:, place] == 1
        expected.append((distance[:, one].min(1) - distance[:, ~one].min(1)) / variance)
    made = qam.log_likelihood(received, variance)
    np.testing.assert_allclose(made, np.transpose(expected), atol=1e-12)
    np.testing.assert_array_equal(made < 0, qam.demodulate(received) == 1)


def test_error_rate_in_noise_is_that_of_all_decisions(qam):
    """Probability of each decision by the normal distribution, bit by bit."""
    half = qam.bits // 2
    words = np.array(list(np.ndindex(*(2,) * half)))
    bits = np.zeros((len(words), qam.bits), int)
    bits[:, ::2] = words
    levels = qam.modulate(bits).real
    order = np.argsort(levels)
    levels, words = levels[order], words[order]
    edges = np.concatenate([[-np.inf], (levels[1:] + levels[:-1]) / 2, [np.inf]])
    snr = 10 ** (np.array([5.0, 12.0, 20.0]) / 10)
    for value in snr:
        spread = (1 / value / 2) ** 0.5
        moved = np.diff(norm.cdf((edges - levels[:, None]) / spread), axis=1)
        wrong = (words[:, None] != words).mean(axis=2)
        expected = (moved * wrong).sum(axis=1).mean()
        assert qam.bit_error_rate(value) == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_what_is_no_symbol_is_refused(qam):
    with pytest.raises(amc.InputError, match="the last axis must hold"):
        qam.modulate(np.zeros((3, qam.bits + 1)))
    for bit in (2, -1, 0.5, np.nan):
        with pytest.raises(amc.InputError, match="each must be 0 or 1"):
            qam.modulate(np.full(qam.bits, bit))
    with pytest.raises(amc.InputError, match="modulation = '32qam'"):
        modulation("32qam")


def test_channels_have_the_power_and_correlation_that_they_say():
    drawn = np.array([Kronecker(8, 2, 0.7).draw(k, seed=3) for k in range(2000)])
    measured = np.einsum("cik,cjk->ij", drawn, drawn.conj()) / 4000
    apart = abs(np.subtract.outer(np.arange(8), np.arange(8)))
    np.testing.assert_allclose(measured, 0.7**apart, atol=0.07)
    rayleigh = Rayleigh(8, 2)
    np.testing.assert_allclose(rayleigh.draw(5, 3), Kronecker(8, 2, 0.0).draw(5, 3), atol=1e-12)
    assert (rayleigh.draw(5, 3) != rayleigh.draw(6, 3)).all()


def test_an_estimate_is_off_by_the_variance_that_was_asked_for():
    H = Rayleigh(128, 64).draw(0)
    assert np.mean(abs(estimated(H, 0.02, 0) - H) ** 2) == pytest.approx(0.02, rel=0.05)
    assert estimated(H, 0.0, 0) is H


def test_a_file_holds_one_channel_or_many(tmp_path):
    H = 3.0 * np.array([Rayleigh(4, 2).draw(k) for k in range(3)])
    np.save(tmp_path / "H.npy", H)
    channel = FileChannel.read(tmp_path / "H.npy")
    assert (channel.antennas, channel.users) == (4, 2)
    np.testing.assert_array_equal(channel.draw(4), channel.draw(1))
    scale = np.mean(abs(H) ** 2) ** 0.5
    np.testing.assert_allclose(channel.draw(2), H[2] / scale)
    np.save(tmp_path / "one.npy", H[0])
    assert FileChannel.read(tmp_path / "one.npy").matrices.shape == (1, 4, 2)
    np.save(tmp_path / "wide.npy", H[0].T)
    for name, match in (("wide", "more users"), ("none", "no such file")):
        with pytest.raises(amc.InputError, match=match):
            FileChannel.read(tmp_path / f"{name}.npy")
    np.save(tmp_path / "large.npy", 1e200 * H)  # whose squares no number holds
    np.testing.assert_allclose(FileChannel.read(tmp_path / "large.npy").draw(2), H[2] / scale)
    H[1, :, 0] = 0
    np.save(tmp_path / "silent.npy", H)
    with pytest.raises(amc.InputError, match="user 0 of channel 1 has zeros only"):
        FileChannel.read(tmp_path / "silent.npy")
    (tmp_path / "text.npy").write_text("no array")
    with pytest.raises(amc.InputError, match="no array of numpy"):
        FileChannel.read(tmp_path / "text.npy")


def test_powers_and_noise_follow_the_convention():
    powers = spread_powers(16, 30)
    assert powers.mean() == pytest.approx(1)
    assert 10 * np.log10(powers[-1] / powers[0]) == pytest.approx(30)
    # All users together have K times the power of a symbol.
    assert 16 / noise_variance(12.0, 16) == pytest.approx(10**1.2)
    with pytest.raises(amc.InputError, match="no more users than antennas"):
        Rayleigh(4, 5)


def test_evm_is_taken_after_the_gain_of_each_user():
    draw = np.random.default_rng(0)
    sent = draw.normal(size=(3, 400)) + 1j * draw.normal(size=(3, 400))
    gains = np.array([[1.0], [0.5j], [2.0]])
    received = gains * (sent + 0.1 * sent[:, ::-1])
    found = best_gain(received, sent, axis=1)
    np.testing.assert_allclose(found, gains[:, 0], rtol=0.05)
    np.testing.assert_allclose(evm(received / found[:, None], sent, axis=1), 0.1, rtol=0.05)
    assert evm(1.1 * sent, sent) == pytest.approx(0.1)


def test_intervals_hold_the_rate_as_often_as_they_say():
    draw, inside = np.random.default_rng(0), []
    for _ in range(400):
        low, high = interval(draw.binomial(2000, 0.003), 2000)
        inside.append(low <= 0.003 <= high)
    assert 0.92 < np.mean(inside) < 0.99
    assert interval(0, 1000)[0] == 0
    assert interval(0, 0) == (0.0, 1.0)


def test_errors_that_come_together_widen_the_interval():
    draw, inside = np.random.default_rng(1), {True: [], False: []}
    for _ in range(300):
        count = ErrorCount()
        for rate in draw.choice([0.0, 0.04], 60):
            count.add(draw.binomial(500, rate), 500)
        low, high = count.interval()
        inside[True].append(low <= 0.02 <= high)
        low, high = interval(sum(count.errors), sum(count.bits))
        inside[False].append(low <= 0.02 <= high)
    assert np.mean(inside[True]) > 0.92
    assert np.mean(inside[False]) < 0.6


def test_design_effect_is_the_variance_over_that_of_independent_bits():
    """Of n bits with one of two rates each: 1 + (n - 1) var(rate) / (p (1 - p))."""
    draw, count = np.random.default_rng(2), ErrorCount()
    for rate in draw.choice([0.3, 0.5], 3000):
        count.add(draw.binomial(50, rate), 50)
    assert count.design_effect == pytest.approx(1 + 49 * 0.01 / 0.24, rel=0.1)
