"""Links on chips: rates, detection, precoding, and what hardware adds, against formulas."""

from __future__ import annotations

import numpy as np
import pytest
from link_cases import ANTENNAS, USERS, chip, scaled_gram, symbols
from scipy.special import erfc

import amcspice as amc
from amcspice.algorithm import iterate
from amcspice.workload.wireless import (
    BitErrorStudy,
    Kronecker,
    Link,
    Plan,
    Rayleigh,
    SolverOptions,
    closed_form,
    evm,
    gram_solver,
    leakage_beams,
    link_costs,
    modulation,
    noise_variance,
    precoder,
    receiver,
    run_link,
    spread_powers,
)
from amcspice.workload.wireless.channel import gaussian

MASSIVE = Rayleigh(ANTENNAS, USERS)


def test_rates_without_hardware_are_those_of_the_closed_form():
    """Zero forcing leaves every user Gaussian noise: within 5 % above 1e-2."""
    for name in ("qpsk", "16qam", "64qam", "256qam"):
        link = Link(MASSIVE, modulation(name))
        ratios = [snr for snr in (-3.0, 1.0, 6.0, 10.0) if closed_form(link, snr) > 1e-2]
        curve = run_link(link, chip(), ratios, plan=Plan("digital"), channels=100)
        for point in curve.points:
            assert point.digital.rate == pytest.approx(closed_form(link, point.snr_db), rel=0.05)
            assert point.analog.rate == point.digital.rate


def test_closed_form_is_that_of_the_ratio_after_zero_forcing():
    """SNR (M - K + 1) / K of a user: as many users as antennas have a K-th of it."""
    rate = 0.5 * erfc(np.sqrt(10**0.6 / 4 / 2))
    assert closed_form(Link(Rayleigh(4, 4), modulation("qpsk")), 6.0) == pytest.approx(rate)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "expected"), [("qpsk", 1.4), ("16qam", 8.15), ("64qam", 14.15), ("256qam", 20.0)]
)
def test_ratio_of_one_error_in_a_thousand_bits(name, expected, measured):
    link = Link(MASSIVE, modulation(name))
    ratios = expected + np.array([-0.6, 0.0, 0.6])
    curve = run_link(link, chip(), ratios, plan=Plan("digital"), channels=400, bits=1_000_000)
    found = curve.snr_at(1e-3)
    measured(f"SNR of {name} at BER 1e-3 [dB]", found)
    assert found == pytest.approx(expected, abs=0.15)


def test_powers_of_users_move_their_rates_as_the_closed_form_says():
    """A user with the power p has p times the signal-to-noise ratio."""
    link = Link(Rayleigh(64, 4), modulation("16qam"), spread=9.0)
    powers = spread_powers(4, 9.0)
    errors, snr = np.zeros(4), 2.0
    for number in range(60):
        H, x = link.channel.draw(number) * np.sqrt(powers), np.zeros((4, 100), complex)
        bits = np.random.default_rng(number).integers(0, 2, (4, 100, 4))
        x = link.modulation.modulate(bits)
        noise = np.sqrt(noise_variance(snr, 4)) * gaussian((64, 100), number, "noise")
        found = receiver(chip(), H, 0.0, Plan("digital")).detect(H @ x + noise)
        errors += (link.modulation.demodulate(found) != bits).mean(axis=(1, 2)) / 60
    ratio = 10 ** (snr / 10) * (64 - 4 + 1) / 4 * powers
    np.testing.assert_allclose(errors, link.modulation.bit_error_rate(ratio), rtol=0.25)


def test_mmse_is_the_linear_estimate_of_least_error():
    H, variance = Rayleigh(8, 6).draw(3), 2.0
    y = H @ symbols(0, 4000, 6) + np.sqrt(variance) * gaussian((8, 4000), 0, "noise")
    found = receiver(chip(), H, variance, Plan("digital")).detect(y)
    covariance = H @ H.conj().T + variance * np.eye(8)
    np.testing.assert_allclose(found, H.conj().T @ np.linalg.solve(covariance, y), atol=1e-10)
    plain = receiver(chip(), H, 0.0, Plan("digital")).detect(y)
    assert evm(found, symbols(0, 4000, 6)) < evm(plain, symbols(0, 4000, 6))


def test_an_estimated_channel_costs_what_its_error_is():
    """An error of variance e adds e K p to the noise at every antenna: closed form at that SNR."""
    snr, error = 6.0, 0.02
    link = Link(MASSIVE, modulation("16qam"), channel_error=error)
    curve = run_link(link, chip(), [snr], plan=Plan("digital"), channels=100)
    worse = 10 * np.log10(1 / (10 ** (-snr / 10) + error))
    expected = closed_form(Link(MASSIVE, modulation("16qam")), worse)
    assert curve.points[0].analog.rate == pytest.approx(expected, rel=0.15)


def test_precoding_leaves_no_interference_and_sends_the_power_of_one():
    H = Rayleigh(12, 4).draw(0)
    made = precoder(chip(), H, 0.0, Plan("digital"))
    W = made.send(np.eye(4, dtype=complex))
    arriving = H.conj().T @ W
    np.testing.assert_allclose(arriving, arriving[0, 0] * np.eye(4), atol=1e-12)
    assert np.linalg.norm(W) == pytest.approx(1)


def test_rzf_has_the_load_of_least_error_at_the_users():
    """Of what all users receive together, after one gain that they share."""
    H, snr = Rayleigh(6, 4).draw(2), 3.0
    load = Link(Rayleigh(6, 4), modulation("qpsk"), "rzf", "downlink").load(snr)

    def error(factor):
        W = precoder(chip(), H, factor * load, Plan("digital")).send(np.eye(4, dtype=complex))
        arriving, noise = H.conj().T @ W, 4 * 10 ** (-snr / 10)
        gain = np.trace(arriving).real / (np.linalg.norm(arriving) ** 2 + noise)
        return np.linalg.norm(np.eye(4) - gain * arriving) ** 2 + noise * gain**2

    assert error(1.0) < min(error(0.8), error(1.25))


def test_slnr_has_the_directions_of_leakage_by_eigenvectors():
    """Of max w'A w / w'B w, user by user, by a generalised eigenvalue problem."""
    from scipy.linalg import eigh

    H, load = Rayleigh(6, 3).draw(1), 0.7
    W = precoder(chip(), H, load, Plan("digital"), equal_powers=True).send(np.eye(3) + 0j)
    for user in range(3):
        h = H[:, [user]]
        others = np.delete(H, user, axis=1)
        leakage = others @ others.conj().T + load * np.eye(6)
        best = eigh(h @ h.conj().T, leakage)[1][:, -1]
        cosine = abs(best.conj() @ W[:, user]) / np.linalg.norm(best) / np.linalg.norm(W[:, user])
        assert cosine == pytest.approx(1, abs=1e-12)
        assert np.linalg.norm(W[:, user]) ** 2 == pytest.approx(1 / 3)


@pytest.mark.parametrize("solver", ["digital", "inv"])
def test_beams_of_users_with_several_antennas_leak_least(solver):
    """The ratio is the largest generalised eigenvalue, user by user."""
    from scipy.linalg import eigh

    channels = np.array([Rayleigh(12, 2).draw(user) for user in range(3)])
    beams = leakage_beams(chip(gain=1e9), channels, 0.5, Plan(solver))
    for user, w in enumerate(beams.T):
        wanted = channels[user] @ channels[user].conj().T
        leakage = 0.5 * np.eye(12) + sum(
            H @ H.conj().T for k, H in enumerate(channels) if k != user
        )
        ratio = (w.conj() @ wanted @ w / (w.conj() @ leakage @ w)).real
        best = eigh(wanted, leakage, eigvals_only=True)[-1]
        assert ratio == pytest.approx(best, rel=1e-10 if solver == "digital" else 1e-5)
    with pytest.raises(amc.InputError, match="no more antennas"):
        leakage_beams(chip(), channels[:, :4], 0.5)
    with pytest.raises(amc.InputError, match="above zero"):
        leakage_beams(chip(), channels, 0.0)


def test_both_directions_have_nearly_the_same_rates():
    rates = {}
    for direction in ("uplink", "downlink"):
        link = Link(MASSIVE, modulation("64qam"), "mmse", direction)
        curve = run_link(link, chip(), [9.0], plan=Plan("digital"), channels=60)
        rates[direction] = curve.points[0].analog.rate
    assert rates["downlink"] == pytest.approx(rates["uplink"], rel=0.05)


def hardware_evm(plan, channel=MASSIVE, channels=10, powers=1.0, **options):
    """Return the EVM of each user without noise, root mean square of the channels."""
    device, errors = chip(**options), 0.0
    for number in range(channels):
        H, x = channel.draw(number) * np.sqrt(powers), symbols(number)
        errors = errors + np.mean(abs(receiver(device, H, 0.0, plan).detect(H @ x) - x) ** 2, 1)
    return np.sqrt(errors / channels)


def mean_square(values):
    return float(np.sqrt(np.mean(np.square(values))))


def test_fixed_diagonal_and_programmed_one(measured):
    fixed = mean_square(hardware_evm(Plan(), write_noise=0.01))
    programmed = mean_square(
        hardware_evm(Plan(options=SolverOptions("programmed")), write_noise=0.01)
    )
    measured("EVM, diagonal in resistors, 1 %", fixed)
    measured("EVM, diagonal in cells, 1 %", programmed)
    assert fixed <= 0.015
    assert 0.06 < programmed < 0.085
    # d sqrt(2 tr A^-2), d = sigma r.
    expected = [
        0.01 * np.linalg.norm(np.linalg.inv(A)) * np.sqrt(2)
        * max(abs((A - np.eye(USERS)).real).max(), abs(A.imag).max()) / np.sqrt(USERS) * 4
        for A in (scaled_gram(MASSIVE.draw(number)) for number in range(10))
    ]  # fmt: skip
    assert fixed == pytest.approx(mean_square(expected) / 4 * np.sqrt(USERS), rel=0.1)


def test_a_weak_user_has_the_error_of_all_over_its_own_power(measured):
    """EVM_0 sqrt(mean p / p_i); no cell on the diagonal, so what disturbs is all other power."""
    powers = spread_powers(USERS, 30.0)
    alike = mean_square(hardware_evm(Plan(), channels=40, write_noise=0.005))
    spread = hardware_evm(Plan(), channels=40, powers=powers, write_noise=0.005)
    measured("EVM of users alike, 0.5 %", alike)
    measured("EVM of the weakest of 30 dB, 0.5 %", spread[0])
    law = alike / np.sqrt(powers)
    assert spread[0] <= 0.1
    np.testing.assert_allclose(spread[:-2], law[:-2], rtol=0.1)
    others = np.sqrt((1 - powers / USERS) / (1 - 1 / USERS))
    np.testing.assert_allclose(spread, law * others, rtol=0.1)
    programmed = hardware_evm(
        Plan(options=SolverOptions("programmed")), powers=powers, write_noise=0.005
    )
    measured("the same, programmed diagonal", programmed[0])
    assert programmed[0] > 4 * spread[0]


def test_without_power_control_a_spread_is_unstable_or_useless():
    link = Link(MASSIVE, modulation("qpsk"), spread=30.0)
    curve = run_link(link, chip(write_noise=0.01), [9.0], plan=Plan(equalise=False), channels=5)
    assert curve.points[0].failures == {"unstable": 5}
    assert curve.cautions[0] == "no answer for 5 channels: the programmed circuit is unstable"
    assert curve.to_json()["ber"] == [None]


@pytest.mark.parametrize("method", ["cg", "chebyshev", "richardson", "jacobi"])
def test_iterations_end_at_the_inverse_of_the_same_cells(method):
    for rho in (0.0, 0.7) if method != "jacobi" else (0.0,):
        A, device = scaled_gram(Kronecker(ANTENNAS, USERS, rho).draw(0)), chip(write_noise=0.01)
        x = symbols(0)
        solver = gram_solver(method, device, A)
        held = solver.product.remainder.look(np.eye(2 * USERS)) + np.eye(2 * USERS)
        real, imaginary = np.split(
            np.linalg.solve(held, np.vstack([(A @ x).real, (A @ x).imag])), 2
        )
        expected = evm(real + 1j * imaginary, x)
        assert expected > 0.005
        assert evm(solver.solve(A @ x), x) == pytest.approx(expected, rel=0.01)
        assert not solver.ended


def test_iterations_that_diverge_are_no_rate():
    channel = Kronecker(ANTENNAS, USERS, 0.7)
    A = scaled_gram(channel.draw(0))
    assert abs(1 - np.linalg.eigvalsh(A)).max() > 1  # of Jacobi's iteration, ideal cells
    made = iterate(None, np.block([[A.real, -A.imag], [A.imag, A.real]]), np.ones(32), method="cg")
    assert made.reason == "reached"
    link = Link(channel, modulation("qpsk"))
    curve = run_link(link, chip(), [6.0, 9.0], plan=Plan("jacobi"), channels=2, vectors=5)
    assert [point.failures for point in curve.points] == [{"diverges": 2}] * 2
    assert curve.to_json()["ber"] == [None, None]
    assert "no answer for 2 channels: the iteration diverges" in curve.cautions


def test_iterations_that_are_cut_short_are_told():
    plan = Plan("cg", options=SolverOptions(iterations=2))
    curve = run_link(Link(MASSIVE, modulation("qpsk")), chip(), [6.0], plan=plan, channels=2)
    assert curve.points[0].short == 2
    assert not curve.points[0].failed
    assert any("did not get there" in said for said in curve.cautions)
    assert 0.03 < curve.points[0].evm("hardware") < 0.2


@pytest.mark.parametrize("circuit", ["ginv-compact", "ginv-classic"])
def test_least_squares_with_the_channel_in_cells(circuit):
    """d sqrt(2 tr (H'H)^-1) of the classic circuit; the compact one has compensation cells, too."""
    channel = Rayleigh(32, 4)
    plan = Plan("ginv", options=SolverOptions(circuit={"circuit": circuit}))
    found, expected = [], []
    for number in range(6):
        H, x = channel.draw(number), symbols(number, users=4)
        unit = H / np.sqrt(np.mean(abs(H) ** 2, axis=0))
        largest = max(abs(unit.real).max(), abs(unit.imag).max())
        step = 0.01 * largest * np.sqrt(2 * np.trace(np.linalg.inv(unit.conj().T @ unit)).real)
        expected.append(step)
        made = receiver(chip(write_noise=0.01), H, 0.0, plan)
        found.append(evm(made.detect(H @ x), x))
    ratio = mean_square(found) / mean_square(expected)
    assert 0.8 < ratio < (1.25 if circuit == "ginv-classic" else 2.0)


def test_least_squares_with_a_load_is_mmse():
    H, device = Rayleigh(10, 3).draw(0), chip(gain=1e9)
    y = gaussian((10, 5), 0, "y")
    expected = np.linalg.solve(H.conj().T @ H + 0.5 * np.eye(3), H.conj().T @ y)
    np.testing.assert_allclose(
        receiver(device, H, 0.5, Plan("ginv")).detect(y), expected, atol=1e-5
    )


@pytest.mark.parametrize("load", [0.0, 0.5])
def test_right_inverses_precode_as_formulas_do(load):
    """Zero forcing and RZF with H in the cells, and power one over all symbols."""
    H, device = Rayleigh(10, 3).draw(0), chip(gain=1e9)
    made = precoder(device, H, load, Plan("ginv"))
    W = H @ np.linalg.inv(H.conj().T @ H + load * np.eye(3))
    W /= np.sqrt((abs(W) ** 2).sum())
    np.testing.assert_allclose(made.send(np.eye(3) + 0j), W, atol=1e-5 * abs(W).max())
    assert len(device.matrices) == 1


def test_right_inverses_do_not_square_the_condition():
    """Errors of cells reach users through H alone: sqrt(2) d |W|, d the noise of a cell."""
    found, expected = [], []
    for number in range(6):
        H, x = Rayleigh(32, 4).draw(number), symbols(number, users=4)
        made = precoder(chip(write_noise=0.01), H, 0.0, Plan("ginv"))
        gains = np.diag(H.conj().T @ made.send(np.eye(4) + 0j))
        found.append(evm(H.conj().T @ made.send(x) / gains[:, None], x))
        unit = H / np.sqrt(np.mean(abs(H) ** 2, axis=0))
        largest = max(abs(unit.real).max(), abs(unit.imag).max())
        step = 0.01 * largest * np.sqrt(2 * np.trace(np.linalg.inv(unit.conj().T @ unit)).real)
        expected.append(step)
    assert 0.7 < mean_square(found) / mean_square(expected) < 1.3


def test_a_refined_inverse_has_the_bits_that_it_was_asked_for():
    plan = Plan("refined", options=SolverOptions(bits=14.0))
    found = mean_square(hardware_evm(plan, channels=3, levels=8, write_noise=0.01))
    assert found < 2.0**-13


def test_products_on_the_chip_add_their_errors():
    """Matched filter and inverse err independently: EVM adds in squares, and is more than one."""
    alone = mean_square(hardware_evm(Plan(), channels=6, write_noise=0.01))
    chain = mean_square(hardware_evm(Plan(products="analog"), channels=6, write_noise=0.01))
    assert 1.2 * alone < chain < 2.5 * alone


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "around", "cells", "most"),
    [
        ("64qam", 14.25, {"write_noise": 0.01}, 0.2),
        ("256qam", 20.2, {"levels": 64, "write_noise": 0.005}, 0.4),
    ],
)
def test_loss_at_one_error_in_a_thousand(name, around, cells, most, measured):
    link = Link(MASSIVE, modulation(name))
    curve = run_link(
        link, chip(**cells), around + np.array([-0.5, 0.0, 0.5]), channels=300, bits=400_000
    )
    loss = curve.snr_at(1e-3) - curve.snr_at(1e-3, digital=True)
    measured(f"loss of {name} at BER 1e-3 [dB]", loss)
    assert 0 < loss <= most


def test_pulses_of_a_writing_are_those_of_the_technology():
    study = BitErrorStudy(users=2, antennas=8, channels=2, symbol_vectors=2)
    device = amc.Chip(seed=1)
    curve = study.curve(device)
    for name in ("typical", "best"):
        cost = device.cost(name)
        mean = cost.technology.writing.mean_pulses * cost.technology["pulse_factor"]
        written = link_costs(curve, cost)
        assert written["pulses"] == pytest.approx(written["cells"] * mean)
    assert cost.technology["pulse_factor"] != 1


def test_digital_work_stands_in_the_ledger():
    """Gram matrix, matched filter, solution: flops counted by hand."""
    H, device = Rayleigh(8, 2).draw(0), chip()
    receiver(device, H, 0.0, Plan("digital")).detect(H @ symbols(0, 5, 2))
    flops = {held.label: row["flops"] for held, row in device.ledger.sums("digital")}
    assert flops["matched filter"] == 8 * 8 * 2 * 5
    assert flops["Gram matrix"] == 8 * 8 * 3 + 4 * 4
    assert flops["solution"] == 8 * (2**3 / 3 + 2 * 2**2 * 5)
