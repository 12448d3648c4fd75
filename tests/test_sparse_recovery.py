"""Sparse recovery: debiasing, digital peers, and channels estimated on a chip."""

import json

import numpy as np
import pytest
import sklearn.linear_model
from cli_helpers import run
from numpy.testing import assert_allclose

import amcspice as amc
from amcspice.algorithm.sparse import debiased, fista, matching_pursuit
from amcspice.problem.l1 import lasso
from amcspice.workload.wireless import BeamChannel, EstimationStudy, estimate_channels


def compressed(rows, columns, entries, *, is_complex=True, seed=0, noise=0.0):
    draw = np.random.default_rng(seed)

    def numbers(*shape):
        real = draw.standard_normal(shape)
        return real + 1j * draw.standard_normal(shape) if is_complex else real

    A, x = numbers(rows, columns) / np.sqrt(rows), numbers(columns, 3)
    for column in x.T:
        column[draw.permutation(columns)[entries:]] = 0
    return A, x, A @ x + noise * numbers(rows, 3)


def test_matching_pursuit_is_that_of_scikit_learn():
    A, _, b = compressed(12, 20, 3, is_complex=False, noise=0.05)
    A = A / np.linalg.norm(A, axis=0)  # theirs takes columns of length one
    theirs = sklearn.linear_model.orthogonal_mp(A, b, n_nonzero_coefs=3)
    assert_allclose(matching_pursuit(A, b, 3), theirs, atol=1e-12)


def test_matching_pursuit_recovers_complex_vectors_whatever_the_lengths_of_columns():
    A, x, b = compressed(16, 24, 2)
    assert_allclose(matching_pursuit(A, b, 2), x, atol=1e-12)
    scale = np.geomspace(0.01, 100, 24)
    assert_allclose(matching_pursuit(A * scale, b, 2) * scale[:, None], x, atol=1e-10)


def test_fista_of_real_numbers_is_the_lasso():
    A, _, b = compressed(12, 20, 3, is_complex=False, noise=0.05)
    assert_allclose(fista(A, b, 0.1), lasso(A, b.T, penalty=0.1).T, atol=1e-6)


def test_fista_of_complex_numbers_fulfils_the_conditions_of_magnitudes():
    A, _, b = compressed(12, 20, 3, noise=0.05)
    x, penalty = fista(A, b, 0.1), 0.1
    pull = A.conj().T @ (b - A @ x)
    assert np.abs(pull).max() <= penalty * (1 + 1e-5)
    on = np.abs(x) > 1e-6
    assert_allclose(pull[on], penalty * x[on] / np.abs(x[on]), atol=1e-6)
    assert not on.all()


def test_debiasing_takes_the_bias_out_and_adds_no_entry():
    A, x, b = compressed(12, 20, 2)
    assert_allclose(debiased(A, b, 0.3 * x, 4), x, atol=1e-12)  # no more than those not zero
    strange = np.where(x == 0, 0.4 * (np.arange(20) % 10 == 7)[:, None], 0.3 * x)
    assert_allclose(debiased(A, b, strange, 2), x, atol=1e-12)  # wrong ones fall away
    assert np.count_nonzero(debiased(A, b, np.ones_like(x), 2), axis=0).tolist() == [2, 2, 2]
    with pytest.raises(amc.InputError, match="entries = 13"):
        debiased(A, b, x, 13)


@pytest.mark.slow
def test_lasso_of_fewer_rows_than_columns_without_ridge(measured):
    """64 complex unknowns from 24 pilots: 304 amplifiers, where ridge rows would add 256."""
    channel = BeamChannel()
    pilots, snr = channel.pilot_matrix(1), 20.0
    received = (pilots @ channel.draw(1, 1) + channel.noise(1, snr, 1))[:, 0]
    answer = amc.solve(
        "lasso", pilots, received, lasso=channel.penalty(snr), fidelity="behavioural", gain=1e5,
        gbw="1 GHz", keep_waveforms=False,
    )  # fmt: skip
    measured("error", answer.relative_error)
    assert answer.amplifiers == 2 * (24 + 2 * 64)
    assert answer.settled
    assert answer.relative_error < 1e-4


def test_channels_are_as_they_are_said_to_be():
    channel = BeamChannel(32, 16, 3)
    drawn, pilots = channel.draw(2000, 1), channel.pilot_matrix(1)
    assert (np.count_nonzero(drawn, axis=0) == 3).all()
    assert_allclose(np.mean(np.sum(np.abs(drawn) ** 2, axis=0)), 1, atol=0.05)
    power = np.mean(np.abs(pilots @ drawn) ** 2)
    assert_allclose(power / channel.deviation(13.0) ** 2, 10**1.3, rtol=0.15)
    largest = channel.deviation(13.0) * np.sqrt(np.log(2 * 32))
    assert channel.penalty(13.0) == pytest.approx(0.75 * largest)
    with pytest.raises(amc.InputError, match="no more paths than pilots"):
        BeamChannel(8, 4, 5)


def test_ideal_chip_estimates_what_the_lasso_does():
    channel = BeamChannel(16, 10, 2)
    made = estimate_channels(channel, amc.Chip(fidelity="ideal"), 20.0, count=6, seed=2)
    assert_allclose(made.debiased, made.peers["lasso"], atol=1e-12)
    figures = made.figures()
    assert figures["oracle_nmse_db"] <= min(figures["omp_nmse_db"], figures["fista_nmse_db"])
    assert figures["biased_nmse_db"] > figures["nmse_db"]


def test_least_squares_on_the_paths_takes_levels_and_noise_of_cells_out():
    chip = amc.Chip(levels=16, write_noise=0.02, gain=1e6, seed=1)
    study = EstimationStudy(beams=24, pilots=14, paths=2, estimates=5)
    made = study.estimate(chip, seed=3)
    assert made.paths_found == 1
    assert_allclose(made.nmse_db(made.debiased), made.nmse_db(made.peers["oracle"]), atol=1e-9)
    assert made.nmse_db(made.found) > made.nmse_db(made.debiased) + 6
    assert "debiasing" in json.dumps(chip.ledger.to_json())


def test_help_says_what_pilots_are_here():
    shown = " ".join(run("mimo", "estimate", "--help").output.split())
    assert "--pilots N Equations that pilots give of them. [default: 24]" in shown


def test_command_writes_what_it_shows(tmp_path):
    file = tmp_path / "e.json"
    result = run(
        "mimo", "estimate", "--beams", "12", "--pilots", "8", "--paths", "1", "--estimates", "3",
        "--snr", "15,25", "--gain", "1e6", "--json", str(file),
    )  # fmt: skip
    assert result.exit_code == 0
    assert "all paths" in result.output
    content = json.loads(file.read_text())
    assert content["snr_db"] == [15.0, 25.0]
    assert len(content["nmse_db"]) == len(content["omp_nmse_db"]) == 2
    assert content["writing"]["time_s"] > 0
    refused = run("mimo", "estimate", "--beams", "4", "--pilots", "8", "--json", str(file))
    assert refused.exit_code == 2


def test_beamforming_vector_of_a_covariance_is_found_up_to_a_phase():
    """One strong path and scattering at eight antennas; detuning 0.01."""
    steering = np.exp(0.9j * np.arange(8))
    for seed in range(3):
        draw = np.random.default_rng(seed)
        H = draw.standard_normal((8, 4)) + 1j * draw.standard_normal((8, 4))
        R = H @ H.conj().T / 16 + np.outer(steering, steering.conj())
        v = np.linalg.eigh(R)[1][:, -1]
        answer = amc.solve("eig", R, fidelity="dc", gain=1e5, seed=seed)
        along = abs(np.vdot(v, answer.x))
        assert np.sqrt(max(1 - along**2, 0.0)) < 5e-3
        turned = amc.solve("eig", R, np.exp(0.7j) * answer.x, fidelity="dc", gain=1e5)
        assert_allclose(abs(np.vdot(turned.x, answer.x)), 1, atol=1e-4)
