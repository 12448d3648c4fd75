"""Factorising a picture: what the circuit finds, and that nothing but the input decides it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.optimize
import skimage.data

import amcspice as amc
from amcspice.algorithm import Factorisation
from amcspice.workload import (
    factorise_image,
    history,
    regressions_at_most,
    representative_run,
    score,
    summarise,
)

PICTURE = skimage.data.astronaut()[100:114, 200:220] / 255.0
SMALL = {"tile": 8, "rank": 2, "iterations": 2, "tolerance": 0.0, "seed": 5}


@pytest.mark.ngspice
@pytest.mark.slow
def test_number_of_jobs_changes_no_bit():
    alone = factorise_image(PICTURE[:, :, :1], jobs=1, **SMALL)
    shared = factorise_image(PICTURE[:, :, :1], jobs=2, **SMALL)
    assert len(alone.tiles) == 6
    for one, other in zip(alone.tiles, shared.tiles, strict=True):
        np.testing.assert_array_equal(one.W, other.W)
        np.testing.assert_array_equal(one.H, other.H)
        assert one.history == other.history


@pytest.mark.ngspice
def test_circuit_stays_within_half_a_decibel_of_its_digital_twin(measured):
    found = factorise_image(PICTURE, **SMALL)
    gap = found.digital_score.psnr_db - found.analog_score.psnr_db
    measured("psnr_gap_db", gap)
    assert abs(gap) < 0.5
    summary = summarise(found.tiles, "reduced")
    assert summary["regressions"] == summary["settled"] == 18 * 2 * 16
    assert 0 < summary["settling_time_s"]["median"] <= summary["settling_time_s"]["max"]
    assert summary["energy_j"]["total"] > 0


@pytest.mark.ngspice
def test_the_regressions_that_are_verified_are_drawn_from_all_tiles(monkeypatch):
    """How many processes share the tiles, and how many a process takes at once, is the same."""
    options = {**SMALL, "fidelity": "behavioural", "device": amc.Memristor(write_noise=0.02)}
    plain = factorise_image(PICTURE, **options)
    assert plain.verification is None
    checked = []
    for at_once, jobs in ((16, 1), (16, 2), (1, 1)):
        monkeypatch.setattr("amcspice.workload.factorise.TILES_AT_ONCE", at_once)
        result = factorise_image(PICTURE, verify=6, jobs=jobs, **options)
        np.testing.assert_array_equal(result.analog, plain.analog)
        checked.append(result.verification)
    for verification in checked:
        assert verification.fidelity == "reduced"
        assert len(verification.solution_deviation) == 6
        assert verification.largest_solution_deviation < 1e-3
        np.testing.assert_array_equal(
            verification.solution_deviation, checked[0].solution_deviation
        )


def test_digital_twin_is_alternating_least_squares_by_scipy():
    ideal = amc.Analysis(fidelity="ideal")
    found = factorise_image(PICTURE[:8, :8, :1], analysis=ideal, **SMALL)
    tile = found.tiles[0]
    V = PICTURE[:8, :8, 0]
    again = np.array([scipy.optimize.nnls(tile.digital_H.T, row)[0] for row in V])
    np.testing.assert_allclose(tile.digital_W, again, atol=1e-12)
    np.testing.assert_allclose(tile.W, tile.digital_W, atol=1e-9)


@pytest.mark.parametrize("fidelity", ["ideal", "behavioural"])
def test_a_tile_is_a_factorisation_with_a_seed_of_its_own(fidelity):
    penalties = {"ridge": 0.05, "lasso": 0.02}
    options = {**SMALL, "fidelity": fidelity, **penalties}
    device = amc.Memristor(write_noise=0.02)
    found = factorise_image(PICTURE[:8, :16, :1], device=device, **options)
    seeds = [int(s.generate_state(1)[0]) for s in np.random.SeedSequence(5).spawn(2)]
    for number, (tile, seed) in enumerate(zip(found.tiles, seeds, strict=True)):
        alone = amc.nmf(
            PICTURE[:8, 8 * number : 8 * number + 8, 0], 2, iterations=2, tolerance=0.0, seed=seed,
            fidelity=fidelity, device=dataclasses.replace(device, seed=seed), **penalties,
        )  # fmt: skip
        np.testing.assert_array_equal(tile.W, alone.W)
        np.testing.assert_array_equal(tile.digital_W, alone.digital_W)


def test_scores_are_of_the_whole_picture_and_storage_counts_padding():
    found = factorise_image(PICTURE, analysis=amc.Analysis(fidelity="ideal"), **SMALL)
    assert found.analog.shape == PICTURE.shape
    assert found.analog_score == score(PICTURE, found.analog)
    # 14 x 20 pixels need 2 x 3 tiles of 8 x 8; each stores two factors of 8 x 2, per channel.
    assert found.compression_ratio == pytest.approx(14 * 20 / (6 * 2 * 8 * 2))
    whole = factorise_image(PICTURE[:, :, :1], tile=4, analysis=amc.Analysis(fidelity="ideal"))
    assert whole.rank == 1


def test_history_of_tiles_joins_to_that_of_the_picture():
    found = factorise_image(PICTURE[:8, :16], analysis=amc.Analysis(fidelity="ideal"), **SMALL)
    tiles = found.tiling.split(found.original)
    analog, _ = history(found.tiles, list(np.linalg.norm(tiles, axis=(1, 2))))
    residual = np.linalg.norm(found.analog - found.original) / np.linalg.norm(found.original)
    assert analog.shape == (2,)
    assert analog[-1] == pytest.approx(residual, rel=1e-9)


def test_progress_adds_up_even_if_tiles_converge_early():
    heard = []
    found = factorise_image(
        PICTURE, tile=8, rank=1, iterations=30, tolerance=0.5, progress=heard.append,
        analysis=amc.Analysis(fidelity="ideal"),
    )  # fmt: skip
    assert max(len(tile.history) for tile in found.tiles) < 30
    assert sum(heard) == regressions_at_most(found.tiling, 30)


def test_black_picture_needs_no_regression():
    found = factorise_image(np.zeros((8, 8, 1)), tile=4)
    assert not found.analog.any()
    assert summarise(found.tiles, "reduced")["regressions"] == 0
    assert representative_run(found) is None
    assert history(found.tiles, [0.0] * 4)[0].size == 0


@pytest.mark.parametrize("rank", [0, 9])
def test_rank_beyond_the_tile_is_refused(rank):
    with pytest.raises(amc.InputError, match="side of the tile, 8"):
        factorise_image(PICTURE, tile=8, rank=rank)


@pytest.mark.ngspice
def test_resumed_run_ends_with_the_same_factors_and_needs_fewer_regressions(tmp_path):
    picture = PICTURE[:8, :16, :1]
    options = {**SMALL, "device": amc.Memristor(levels=16, write_noise=0.02)}
    whole = factorise_image(picture, **options)
    factorise_image(picture, checkpoints=tmp_path, **{**options, "iterations": 1})
    resumed = factorise_image(picture, checkpoints=tmp_path, resume=True, **options)
    for one, other in zip(whole.tiles, resumed.tiles, strict=True):
        np.testing.assert_array_equal(one.W, other.W)
        np.testing.assert_array_equal(one.H, other.H)
        assert one.history == other.history


def test_checkpoint_of_another_run_is_refused_only_when_resuming(tmp_path):
    options = {**SMALL, "analysis": amc.Analysis(fidelity="ideal"), "checkpoints": tmp_path}
    first = factorise_image(PICTURE[:8, :8], **options)
    other = {**options, "seed": 6}
    with pytest.raises(amc.InputError, match="another run"):
        factorise_image(PICTURE[:8, :8], resume=True, **other)
    anew = factorise_image(PICTURE[:8, :8], **other)
    assert not np.array_equal(first.tiles[0].W, anew.tiles[0].W)


@pytest.mark.ngspice
def test_representative_run_solves_the_brightest_column_of_the_first_tile():
    found = factorise_image(PICTURE[:8, :8, :1], **SMALL)
    run = representative_run(found)
    brightest = PICTURE[:8, :8, 0][:, np.linalg.norm(PICTURE[:8, :8, 0], axis=0).argmax()]
    expected = scipy.optimize.nnls(found.tiles[0].W, brightest)[0]
    np.testing.assert_allclose(run.x, expected, atol=1e-3 * expected.max())
    assert run.waveforms is not None


def test_summary_of_nothing_is_not_a_number():
    empty = Factorisation(*np.zeros((4, 2, 2)), history=())
    assert np.isnan(summarise([empty], "reduced")["settling_time_s"]["median"])
