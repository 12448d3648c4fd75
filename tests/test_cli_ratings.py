"""``amcspice nmf ratings`` and ``amcspice recommend``: results, refusals, resuming."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from cli_helpers import files, refused, run
from rating_sets import generated, write

from amcspice.workload.ratings import Ratings
from amcspice.workload.recommend import load_recommender

QUICK = ["--rank", "2", "--iterations", "2", "--jobs", "1", "--fidelity", "behavioural"]
RESULTS = {
    "checkpoint", "ratings.npz", "error_by_count.png", "learning.png", "metrics.json",
    "recommender.npz", "run.json", "settling.png",
}  # fmt: skip


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Go to an empty folder with ratings in a subfolder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    train, test = generated(24, 16)
    write(Path("in/train"), train)
    write(Path("in/test"), test, separator="::")
    Path("in/titles").write_text("".join(f"{k}|Film {k} (1999)|x\n" for k in range(10, 171, 10)))
    return tmp_path


def ratings(*arguments):
    return run("nmf", "ratings", "in/train", *QUICK, *arguments)


def test_writes_every_result_and_figures_that_agree(here):
    done = ratings("--test", "in/test", "--out", "out", "--json", "copy.json")
    assert done.exit_code == 0, done.stderr
    assert set(files(here / "out")) == RESULTS
    metrics = json.loads((here / "out/metrics.json").read_text())
    assert metrics == json.loads((here / "copy.json").read_text())
    assert metrics["regressions"] == metrics["transients"] == 2 * (24 + 16)
    assert metrics["settings"]["ridge"] == 0.1
    for name in ("rmse_train", "rmse_test", "mae_test"):
        assert metrics[name] == pytest.approx(metrics["digital"][name], abs=2e-3)
        assert f"{metrics[name]:.4f}" in done.stdout
    assert metrics["coverage"] == 1.0
    times, energy = metrics["settling_time_s"], metrics["energy_j"]
    assert 0 < times["p05"] < times["median"] < times["p95"] <= times["max"]
    assert energy["total"] == pytest.approx(energy["per_regression"] * 80)
    train, test = generated(24, 16)
    again = load_recommender(here / "out/recommender.npz")
    error = again.predict(test)[0] - test.values
    assert metrics["rmse_test"] == pytest.approx(np.sqrt(np.mean(error**2)))
    np.testing.assert_array_equal(
        again.ratings.matrix.toarray(), Ratings.of(train).matrix.toarray()
    )


def test_without_held_out_ratings_there_is_no_test_error(here):
    assert ratings("--out", "out", "--test", "in/test").exit_code == 0
    done = ratings("--out", "out", "--overwrite")
    assert done.exit_code == 0, done.stderr
    metrics = json.loads((here / "out/metrics.json").read_text())
    assert metrics["rmse_test"] is metrics["coverage"] is metrics["digital"]["rmse_test"] is None
    assert set(files(here / "out")) == RESULTS - {"error_by_count.png"}


def test_blocks_of_ideal_arrays_change_nothing(here):
    one, many = (
        json.loads(ratings("--test", "in/test", "--json", "-", *extra).stdout)
        for extra in ([], ["--array-rows", "7", "--out", "rows"])
    )
    assert many["settings"]["array_rows"] == 7
    assert one["rmse_test"] == pytest.approx(many["rmse_test"], abs=1e-9)


def test_recommends_what_the_user_has_not_rated(here):
    assert ratings("--out", "out").exit_code == 0
    done = run("recommend", "out/recommender.npz", "--user", 3, "--titles", "in/titles", "--top", 4,
               "--least-ratings", 1, "--json", "best.json")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    best = json.loads((here / "best.json").read_text())
    assert best["known"]
    assert len(best["items"]) == 4
    train = generated(24, 16)[0]
    rated = set(train.items[train.users == 3].tolist())
    for one in best["items"]:
        assert one["item"] not in rated
        assert one["title"] == f"Film {one['item']} (1999)"
        assert one["title"] in done.stdout
    predicted = [one["rating"] for one in best["items"]]
    assert predicted == sorted(predicted, reverse=True)
    stranger = run("recommend", "out/recommender.npz", "--user", 999)
    assert "user 999 has no training ratings" in stranger.stdout


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1\t2\t3\t4\n1\t3\n", "line 2: 2 fields"),
        ("1,2,3\n1,3,bad\n", "line 2: rating 'bad' is not a number"),
        ("1,2,3\n1,3,-1\n", "line 2: rating '-1' is negative"),
        ("", "line 1: there is nothing; the file is empty"),
        (None, "line 1: not text"),
    ],
)
@pytest.mark.parametrize("which", ["train", "test"])
def test_malformed_file_is_refused_and_writes_nothing(here, content, message, which):
    data = random.Random(0).randbytes(10_000_000) if content is None else content.encode()
    (here / "in/bad").write_bytes(data)
    before = files(here)
    words = ["in/bad"] if which == "train" else ["in/train", "--test", "in/bad"]
    done = run("nmf", "ratings", *words, *QUICK)
    refused(done, f"in/bad, {message}")
    assert len(done.stderr.splitlines()) == 1
    assert files(here) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rank", "17"], "rank = 17 must be from 1 to 16 (24 users rated 16 items)"),
        (["--tolerance", "1"], "--tolerance 1"),
        (["--scale", "5", "1"], "--scale 5 1: must be 0 <= LOW < HIGH"),
        (["--scale", "2", "5"], "is outside the scale from 2 to 5"),
        (["--array-rows", "0"], "'--array-rows'"),
        (["--circuit", "ginv-classic"], "ginv-classic"),
        (["--test", "in/none"], "in/none: no such file"),
        (["--verify", "1", "--fidelity", "ideal"], "nothing to verify"),
        (["--out", "in/train"], "output folder in/train cannot be written"),
    ],
)
def test_bad_option_is_refused_and_writes_nothing(here, arguments, message):
    before = files(here)
    refused(ratings(*arguments), message)
    assert files(here) == before


def test_recommend_refuses_what_it_cannot_use(here):
    refused(run("recommend", "in/train", "--user", 1), "not a recommender")
    refused(run("recommend", "none.npz", "--user", 1), "no such file")
    refused(run("recommend", "in/train", "--user", 1, "--json", "no/x"), "no folder no")


@pytest.mark.slow
def test_killed_run_resumes_to_the_same_result(here):
    write(here / "in/train", generated(120, 80, share=0.3)[0])
    words = ["nmf", "ratings", "in/train", "--rank", "3", "--iterations", "6", "--fidelity",
             "behavioural", "--write-noise", "0.02"]  # fmt: skip
    code = "from amcspice.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words, "--out", "out", "--jobs", "2"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not Path("out/checkpoint/ratings.npz").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    children = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not psutil.wait_procs(children, timeout=20)[1]
    assert not Path("out/metrics.json").exists()
    for folder, extra in (("out", ["--resume"]), ("whole", [])):
        done = run(*words, "--out", folder, "--jobs", "1", *extra)
        assert done.exit_code == 0, done.stderr
    resumed, whole = (load_recommender(here / f / "recommender.npz") for f in ("out", "whole"))
    np.testing.assert_array_equal(resumed.W, whole.W)
    np.testing.assert_array_equal(resumed.H, whole.H)


def test_names_of_users_and_items_from_the_table_to_the_recommendation(here):
    """The same ratings under names: the same predictions, up to which is which."""
    train, test = generated(24, 16)

    def write_named(path, table):
        rows = zip(table.users, table.items, table.values, strict=True)
        lines = [f'"{value:g}";"u{user:02}";"0{item:03}"' for user, item, value in rows]
        text = "\n".join(['"Book-Rating";"User-ID";"ISBN"', *lines])
        path.write_bytes(gzip.compress(text.encode(), mtime=0))

    write_named(here / "in/named.csv.gz", train)
    write_named(here / "in/held.csv.gz", test)
    names = "ISBN;title\n" + "".join(f"0{k:03};[REC] {k}\n" for k in range(10, 171, 10))
    (here / "in/names.csv").write_text(names)
    plain = run("nmf", "ratings", "in/train", "--test", "in/test", *QUICK, "--out", "out",
                "--json", "plain.json")  # fmt: skip
    named = run("nmf", "ratings", "in/named.csv.gz", "--test", "in/held.csv.gz", *QUICK,
                "--out", "named", "--json", "named.json")  # fmt: skip
    assert plain.exit_code == named.exit_code == 0, named.stderr
    one, other = (json.loads((here / f"{name}.json").read_text()) for name in ("plain", "named"))
    for what in ("rmse_train", "rmse_test", "coverage"):
        assert one[what] == other[what]
    done = run("recommend", "named/recommender.npz", "--user", "u03", "--titles", "in/names.csv",
               "--json", "best.json")  # fmt: skip
    run("recommend", "out/recommender.npz", "--user", "3", "--json", "numbers.json")
    best, numbers = (
        json.loads((here / f"{name}.json").read_text()) for name in ("best", "numbers")
    )
    assert best["user"] == "u03"
    assert best["known"]
    assert [int(row["item"]) for row in best["items"]] == [row["item"] for row in numbers["items"]]
    assert best["items"][0]["title"] == f"[REC] {int(best['items'][0]['item'])}"
    assert best["items"][0]["title"] in done.stdout
    assert "user u99 has no training" in run("recommend", "named/recommender.npz", "--user",
                                            "u99").stdout  # fmt: skip
    refused(run("recommend", "out/recommender.npz", "--user", "u3"), "whole numbers")
