"""Ratings in a folder: blocks, half-steps, samples, resuming, shapes and the command."""

import dataclasses
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from cli_helpers import refused, run
from rating_sets import generated, write

import amcspice as amc
from amcspice.algorithm import complete
from amcspice.errors import InputError
from amcspice.pool import Pool
from amcspice.workload.rating_shape import NETFLIX, RatingShape, write_ratings_of_shape
from amcspice.workload.rating_store import write_rating_store
from amcspice.workload.rating_table import Ratings, RatingTable
from amcspice.workload.recommend import Recommender
from amcspice.workload.stored.blocks import cuts
from amcspice.workload.stored.factorise import factorise_stored
from amcspice.workload.stored.ratings import StoredRatings, store_ratings
from amcspice.workload.stored.report import figures
from amcspice.workload.stored.sample import Sample, draw
from amcspice.workload.stored.task import StoredTask

DRAW = np.random.default_rng(0)
RATED = np.where(DRAW.random((90, 40)) < 0.25, DRAW.integers(1, 6, (90, 40)), 0).astype(float)
RATED[7], RATED[:, 3] = 0, 0  # somebody rated nothing, and nobody rated something
MATRIX = sp.csr_array(RATED)
PARAMETERS = {
    "device": amc.Memristor(write_noise=0.01, levels=256, seed=3), "opamp": amc.OpAmp(gain=1e4),
}  # fmt: skip


@pytest.fixture
def ratings(tmp_path):
    folder = tmp_path / "ratings"
    folder.mkdir()
    write_rating_store(folder, [MATRIX[:33], MATRIX[33:]], MATRIX.shape)
    return StoredRatings(folder)


def task(ratings, **changes):
    folder = ratings.folder.parent / "checkpoint"
    folder.mkdir(exist_ok=True)
    fields = {
        "ratings": ratings, "rank": 3, "iterations": 2, "tolerance": 0.0, "seed": 0, "ridge": 0.1,
        "scale": (1.0, 5.0), "circuit": None, "parameters": PARAMETERS,
        "analysis": amc.Analysis(fidelity="dc"), "predicted": False, "sample": 0, "blocks": 5,
        "folder": folder,
    }  # fmt: skip
    return StoredTask(**(fields | changes))


def factorised(ratings, pool=None, **changes):
    return factorise_stored(task(ratings, **changes), pool or Pool(1))


def test_what_is_read_is_what_was_written(ratings):
    assert ratings.shape == MATRIX.shape
    assert ratings.count == MATRIX.nnz
    for order, matrix in (("by_user", MATRIX), ("by_item", sp.csr_array(MATRIX.T))):
        np.testing.assert_array_equal(ratings.counts(order), np.diff(matrix.indptr))
        known = ratings.known(order, 5, 9)
        part = matrix[5:9]
        np.testing.assert_array_equal(known.starts, part.indptr)
        np.testing.assert_array_equal(known.indices, part.indices)
        np.testing.assert_array_equal(known.values, part.data)
        chosen = ratings.some(order, np.array([2, 8, 30]))
        np.testing.assert_array_equal(chosen.values, matrix[[2, 8, 30]].data)
    figures = ratings.figures
    assert (figures.lowest, figures.highest) == (1.0, 5.0)
    assert figures.mean == pytest.approx(MATRIX.data.mean())
    assert figures.norm == pytest.approx(np.linalg.norm(MATRIX.data))


@pytest.mark.parametrize(
    ("part", "place", "value", "message"),
    [
        ("indices", 3, 40, "a number is not from 0 to 39"),
        ("indices", 3, -1, "a number is not from 0 to 39"),
        ("indptr", 5, 0, "starts do not ascend"),
        ("data", 3, np.nan, "a rating is negative or not finite"),
        ("data", 3, -1.0, "a rating is negative or not finite"),
    ],
)
def test_files_that_hold_something_else_are_refused(ratings, part, place, value, message):
    path = ratings.folder / "by_user" / f"{part}.npy"
    values = np.load(path)
    values[place] = value
    np.save(path, values)
    with pytest.raises(InputError, match=message):
        ratings.known("by_user", 0, 90)
    np.save(path, values[:-20])
    with pytest.raises(InputError, match=r"ends too early|ascend"):
        ratings.known("by_user", 0, 90)


@pytest.mark.parametrize(
    "fidelity", ["dc", "behavioural", pytest.param("reduced", marks=pytest.mark.ngspice)]
)
@pytest.mark.parametrize("predicted", [False, True])
def test_factors_are_those_of_the_factorisation_in_memory(ratings, fidelity, predicted):
    analysis = amc.Analysis(fidelity=fidelity)
    made = factorised(ratings, analysis=analysis, predicted=predicted)
    more = {"range": "predicted", "fidelity": fidelity} if predicted else {"analysis": analysis}
    other = complete(MATRIX, 3, iterations=2, ridge=0.1, **more, **PARAMETERS)
    for mine, theirs in (
        (made.W, other.W), (made.H, other.H.T), (made.digital_W, other.digital_W),
        (made.digital_H, other.digital_H.T),
    ):  # fmt: skip
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-9 * theirs.max())
    for mine, theirs in zip(made.history, other.history, strict=True):
        for field in dataclasses.fields(mine):
            assert getattr(mine, field.name) == pytest.approx(
                getattr(theirs, field.name), rel=1e-6, nan_ok=True
            )
    sums = [
        {(held.kind, held.shape): row for held, row in each.ledger.sums("operation")}
        for each in (made, other)
    ]
    assert sums[0].keys() == sums[1].keys()
    for key, mine in sums[0].items():
        for name in ("count", "dac", "adc", "untimed", "unsettled"):
            assert mine[name] == sums[1][key][name]
        for name in ("lowest_range", "highest_range", "cell_voltage", "settling", "array"):
            assert mine[name] == pytest.approx(sums[1][key][name], rel=1e-6)


def test_blocks_and_processes_change_no_bit(ratings):
    first = factorised(ratings, blocks=1, sample=20)
    with Pool(2) as pool:
        shared = factorised(ratings, pool, blocks=7, sample=20)
    for name in ("W", "H", "digital_W", "digital_H"):
        np.testing.assert_array_equal(getattr(first, name), getattr(shared, name))
    assert first.scores == shared.scores
    for mine, theirs in zip(first.half_steps, shared.half_steps, strict=True):
        assert mine["sample"] == theirs["sample"]
        assert mine["output_current_a"] == theirs["output_current_a"]


def test_goes_on_after_any_half_step(ratings, tmp_path):
    whole = factorised(ratings, sample=20)
    checkpoint, count = tmp_path / "kept.npz", 0

    def stop(state):
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        factorise_stored(
            task(ratings, sample=20), Pool(1), checkpoint=checkpoint, on_half_step=stop
        )
    rest = []
    resumed = factorise_stored(
        task(ratings, sample=20, blocks=2), Pool(1), checkpoint=checkpoint, resume=True,
        on_half_step=rest.append,
    )  # fmt: skip
    assert len(rest) == 1
    np.testing.assert_array_equal(resumed.W, whole.W)
    assert resumed.scores == whole.scores
    assert resumed.ledger.to_json() == whole.ledger.to_json()
    assert resumed.estimate == whole.estimate
    with pytest.raises(InputError, match="is of another run"):
        factorise_stored(
            task(ratings, ridge=0.2, sample=20), Pool(1), checkpoint=checkpoint, resume=True
        )


def test_no_more_than_the_files_of_one_half_step_are_left(ratings):
    factorised(ratings)
    names = sorted(path.name for path in (ratings.folder.parent / "checkpoint").iterdir())
    assert names == ["cells-0003.npy", "factor-0003.npy", "twin-0003.npy"]


def test_sample_is_run_in_time_on_the_same_cells(ratings):
    made = factorised(ratings, sample=1000)  # all of them
    timed = complete(
        MATRIX, 3, iterations=2, ridge=0.1, analysis=amc.Analysis(fidelity="behavioural"),
        **PARAMETERS,
    )  # fmt: skip
    users = made.half_steps[3]["sample"]
    assert users["regressions"] == users["of"] == users["settled"] == 89
    assert users["largest_deviation_from_dc"] < 1e-6
    last = timed.measured.take(slice(-89, None))
    assert users["energy_j"]["total"] == pytest.approx(last.energy.sum(), rel=1e-6)
    assert users["energy_j"]["total_interval"] == pytest.approx([last.energy.sum()] * 2, rel=1e-6)
    assert users["settling_time_s"]["mean"] == pytest.approx(last.settling_time.mean(), rel=1e-6)
    half = np.sort(last.settling_time)[44]
    assert users["settling_time_s"]["median"] == pytest.approx(half, rel=1e-6)
    cost = figures(task(ratings, sample=1000), made, "typical")["cost"]
    assert np.isfinite(cost["counted"]["energy_j"])


def test_intervals_of_a_sample_hold_what_is_true():
    counts = np.random.default_rng(1).lognormal(4, 1.2, 20_000).astype(int) + 1
    values = counts**0.5 * np.random.default_rng(2).lognormal(0, 0.3, len(counts))
    held = {"total": 0, "median": 0, "p95": 0}
    for seed in range(60):
        sample = draw(counts, 500, (seed,))
        assert sample.total == pytest.approx(20_000)
        made = sample.describe(values[sample.numbers])
        truth = {
            "total": values.sum(),
            "median": np.median(values),
            "p95": np.quantile(values, 0.95),
        }
        for name, value in truth.items():
            low, high = made[f"{name}_interval"]
            held[name] += low <= value <= high
    # 95 % of 60 is 57; fewer than 51 would come about once in 500 times.
    assert min(held.values()) >= 51, held


def test_sample_holds_those_with_the_most_ratings_and_all_sizes():
    counts = np.concatenate([np.zeros(50, int), np.full(5000, 3), np.full(20, 700), [9000]])
    sample = draw(counts, 300, (0,))
    assert counts[sample.numbers].max() == 9000
    assert (counts[sample.numbers] == 700).sum() >= 16
    assert (counts[sample.numbers] > 0).all()
    assert sample.total == pytest.approx(5021)
    assert len(draw(counts, 6000, (0,))) == 5021
    marks = np.where(counts[sample.numbers] == 3, 1.0, 0.0)
    assert sample.mean(marks)[0] == pytest.approx(5000 / 5021)


def test_values_that_are_missing_are_stood_for_by_their_stratum():
    sample = Sample(np.arange(4), np.array([0, 0, 1, 1]), np.array([10.0, 10.0, 1.0, 1.0]))
    mean, error = sample.mean(np.array([2.0, np.nan, 4.0, 4.0]))
    assert mean == pytest.approx((20 * 2 + 2 * 4) / 22)
    assert error == 0
    assert np.isnan(sample.mean(np.full(4, np.nan))[0])


def test_held_out_ratings_are_predicted_as_a_recommender_does(tmp_path):
    train, test = generated(24, 16)
    strange = RatingTable(
        np.append(test.users, [9999, test.users[0], 9999]),
        np.append(test.items, [test.items[0], 8888, 8888]),
        np.append(test.values, [1.0, 2.0, 3.0]),
    )
    known = Ratings.of(train)
    (tmp_path / "ratings").mkdir()
    stored = store_ratings(tmp_path / "ratings", known, strange)
    made = factorised(stored, rank=2, scale=known.scale)
    recommender = Recommender(known, made.W, made.H.T)
    error = recommender.predict(strange)[0] - strange.values
    assert made.scores[-1]["rmse_test"] == pytest.approx(np.sqrt((error**2).mean()))
    assert made.scores[-1]["mae_test"] == pytest.approx(np.abs(error).mean())
    np.testing.assert_array_equal(stored.ids[0], known.users)


def test_output_currents_beyond_every_amplifier_are_told(ratings):
    strong = {"device": amc.Memristor(g_max=0.1), "opamp": amc.OpAmp(gain=1e5)}
    made = factorised(ratings, parameters=strong, iterations=1)
    current = made.half_steps[0]["output_current_a"]
    assert current["largest"] > 0.19 == current["strongest_amplifier"]
    assert 0 < current["share_beyond"] <= 1
    said = figures(task(ratings, parameters=strong), made, "typical")["cautions"]
    assert any("ask an output for more than 190 mA" in each for each in said)


def test_cuts_split_no_regression_and_take_about_as_long():
    counts = np.random.default_rng(0).lognormal(4, 1.5, 5000).astype(int)
    edges = cuts(counts, 16)
    assert edges[0][0] == 0
    assert edges[-1][1] == 5000
    assert all(one[1] == other[0] for one, other in itertools.pairwise(edges))
    cost = [60e-9 * counts[first:last].sum() + 15e-6 * (last - first) for first, last in edges]
    assert max(cost) < 1.3 * min(cost)
    assert cuts(np.array([5]), 64) == [(0, 1)]


def test_shape_has_as_many_ratings_as_asked_for_and_no_pair_twice(tmp_path):
    shape = RatingShape(3000, 400, 60_000)
    made = write_ratings_of_shape(tmp_path, shape, seed=5)
    ratings = StoredRatings(tmp_path)
    assert ratings.count + len(ratings.held_out) == 60_000
    assert made["ratings"] == ratings.count
    assert len(ratings.held_out) == pytest.approx(60_000 / 70, rel=0.15)
    counts = ratings.counts("by_user")
    assert made["of_a_user"]["largest"] == counts.max()
    owners = np.repeat(np.arange(3000), counts)
    items = ratings.known("by_user", 0, 3000).indices
    pairs = np.concatenate([owners * 400 + items,
                            ratings.held_out.users * 400 + ratings.held_out.items])  # fmt: skip
    assert len(np.unique(pairs)) == 60_000
    back = ratings.known("by_item", 0, 400)
    assert (np.diff(back.indices)[np.diff(np.repeat(np.arange(400), back.counts)) == 0] > 0).all()
    # Log-normal: the mean over the median is exp(sigma^2/2).
    assert np.mean(counts) / np.median(counts) == pytest.approx(np.exp(1.28**2 / 2), rel=0.1)
    values = ratings.known("by_user", 0, 3000).values
    assert set(np.unique(values)) == {1.0, 2.0, 3.0, 4.0, 5.0}
    (tmp_path / "again").mkdir()
    write_ratings_of_shape(tmp_path / "again", shape, seed=5)
    again = StoredRatings(tmp_path / "again").known("by_item", 0, 400)
    np.testing.assert_array_equal(again.values, back.values)
    assert (NETFLIX.users, NETFLIX.items, NETFLIX.ratings) == (480_189, 17_770, 98_800_000)
    assert NETFLIX.part(4).ratings == 24_700_000


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    train, test = generated(24, 16)
    write(Path("in/train"), train)
    write(Path("in/test"), test)
    Path("in/folder").mkdir()
    write_rating_store(Path("in/folder"), [MATRIX], MATRIX.shape)
    return tmp_path


QUICK = ["--rank", "2", "--iterations", "2", "--fidelity", "dc", "--jobs", "1"]


def test_command_on_a_file_gives_what_it_gives_in_memory(here):
    shared = run(
        "nmf", "ratings", "in/train", *QUICK, "--test", "in/test", "--executor", "local",
        "--sample", "10", "--out", "shared", "--json", "shared.json",
    )  # fmt: skip
    assert shared.exit_code == 0, shared.stderr
    run("nmf", "ratings", "in/train", *QUICK, "--test", "in/test", "--out", "memory")
    mine, theirs = (
        json.loads(Path(name).read_text()) for name in ("shared.json", "memory/metrics.json")
    )
    for name in ("rmse_train", "rmse_test", "mae_test", "relative_residual", "regressions",
                 "settled", "compression_ratio"):  # fmt: skip
        assert mine[name] == pytest.approx(theirs[name], rel=1e-6)
    assert mine["digital"] == pytest.approx(theirs["digital"], rel=1e-6)
    assert "sampled" in shared.stdout
    assert "ideal answers" in shared.stderr
    with np.load("shared/factors.npz") as factors:
        assert factors["W"].shape == (24, 2)
        assert factors["H"].shape == (2, 16)


def test_command_on_a_folder_resumes_and_refuses_what_does_not_fit(here):
    fixed = ["nmf", "ratings", "in/folder", *QUICK, "--sample", "5"]
    done = run(*fixed, "--out", "out")
    assert done.exit_code == 0, done.stderr
    before = Path("out/factors.npz").read_bytes()
    again = run(*fixed, "--out", "out", "--resume")
    assert again.exit_code == 0, again.stderr
    assert Path("out/factors.npz").read_bytes() == before
    for message, *more in (
        ("--executor dask and --scheduler", "--executor", "dask"),
        ("--verify is not for", "--verify", "3"),
        ("do not know wires", "--wire-resistance", "1"),
        ("--test and --names are not for a folder", "--test", "in/test"),
        ("rank = 50 must be from 1 to 40", "--rank", "50"),
        ("do not know ideal fidelity: use dc, behavioural or reduced", "--fidelity", "ideal"),
    ):
        refused(run(*fixed, "--out", "other", *more), message)
        assert not Path("other").exists()
    unshared = ["nmf", "ratings", "in/train", *QUICK, "--out", "other"]
    refused(run(*unshared, "--sample", "5"), "--sample is for regressions that are shared out")
    Path("in/empty").mkdir()
    refused(run("nmf", "ratings", "in/empty", *QUICK, "--out", "other"), "holds no ratings")
    Path("in/equal").write_text("a,x,3\na,y,3\nb,x,3\n")
    equal = ["nmf", "ratings", "in/equal", *QUICK, "--rank", "1", "--executor", "local"]
    refused(run(*equal, "--out", "other"), "all 3 ratings are 3; give ratings that differ")
    assert not Path("other").exists()


def test_a_scheduler_that_is_not_there_leaves_no_folder(here, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("amcspice.cluster.CONNECT_PATIENCE", 1.0)
    fixed = ["nmf", "ratings", "in/train", *QUICK, "--executor", "dask"]
    refused(run(*fixed, "--scheduler", "127.0.0.1:9", "--out", "other"), "no Dask scheduler")
    assert not Path("other").exists()


@pytest.mark.slow
def test_cluster_gives_the_same_bits_also_after_a_worker_is_killed(tmp_path):
    pytest.importorskip("distributed")
    root = Path(__file__).parents[1]
    (tmp_path / "ratings").mkdir()
    write_ratings_of_shape(tmp_path / "ratings", RatingShape(40_000, 800, 1_000_000), seed=1)
    done = subprocess.run(
        [
            sys.executable, root / "scripts" / "shared_ratings.py", "--folder",
            tmp_path / "ratings", "--out", tmp_path / "runs", "--sample", "100",
            "--kill-after", "0.02",
        ],
        check=True, capture_output=True, text=True, env={**os.environ},
    )  # fmt: skip
    local, dask, killed = map(json.loads, done.stdout.splitlines())
    assert local["sha256"] == dask["sha256"] == killed["sha256"]
    assert killed["killed"] == 1
