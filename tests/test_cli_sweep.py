"""The commands of sweeps: run, status, export, point."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from cli_helpers import files, refused, run

from amcspice.sweep.outcome import Outcome
from amcspice.sweep.store import connection
from amcspice.sweep.store.store import Store

SPEC = """\
name = "a small one"
repeats = 2

[base]
fidelity = "behavioural"
opamp = "onchip-1g"
right_hand_sides = 2

[axes]
columns = [2, 3]
"""


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory):
    """Return the folder of a sweep that was run, and what the command printed."""
    folder = tmp_path_factory.mktemp("sweep")
    (folder / "sweep.toml").write_text(SPEC)
    result = run(
        "sweep",
        "run",
        folder / "sweep.toml",
        "--store",
        folder / "runs.sqlite",
        "--jobs",
        1,
        "--json",
        folder / "run.json",
    )
    assert result.exit_code == 0, result.output
    return folder, result


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text(SPEC)
    return path


def test_run_says_what_it_did(finished_run):
    folder, result = finished_run
    assert "a small one: 4 of 4 points done; 4 run now" in result.stdout
    told = json.loads((folder / "run.json").read_text())
    assert (told["points"], told["done"], told["failed"], told["left"]) == (4, 4, 0, 0)
    assert told["run"]["wall_time_s"] > 0
    assert files(folder) == ["run.json", "runs.sqlite", "sweep.toml"]
    again = run("sweep", "run", folder / "sweep.toml", "--store", folder / "runs.sqlite")
    assert "0 run now" in again.stdout
    assert "4 before" in again.stdout


def test_a_circuit_that_cannot_show_zero_is_noted_once(spec, tmp_path):
    spec.write_text(SPEC.replace("[axes]", 'circuit = "ginv-classic"\n\n[axes]'))
    result = run("sweep", "run", spec, "--store", tmp_path / "runs.sqlite", "--jobs", 1)
    assert result.exit_code == 0, result.output
    assert result.stderr.count("cannot show zero") == 1
    point = ("sweep", "point", "--set", "columns=3", "--set", "fidelity=behavioural", "--set")
    noted = run(*point, "circuit=ginv-classic", "--set", "opamp=onchip-1g").stderr
    assert noted.count("note: ginv-classic with this amplifier cannot show zero") == 1
    assert "cannot" not in run(*point, "opamp=onchip-1g").stderr


def test_status_takes_the_most_settled_as_the_best(tmp_path):
    path = tmp_path / "runs.sqlite"
    with Store.open(path, create=True) as store:
        store.add_sweep("a sweep", "[axes]", {"columns": [8, 16]})
        for columns, settled in ((8, 0.25), (16, 1.0)):
            parameters, metrics = {"columns": columns}, {"settled": settled}
            store.write([Outcome(f"{columns}", parameters, "done", metrics)])
    shown = run("sweep", "status", path, "--watch", "settled").stdout
    assert "best settled: 1 at columns = 16" in shown
    assert "worst settled: 0.25 at columns = 8" in shown


def test_status_shows_best_worst_and_versions(finished_run):
    folder, _ = finished_run
    result = run("sweep", "status", folder / "runs.sqlite", "--json", folder / "status.json")
    assert result.exit_code == 0, result.output
    assert re.search(
        r"best relative_error_median: \S+ at columns = [23], seed = [01]", result.stdout
    )
    told = json.loads((folder / "status.json").read_text())
    assert told["running"] is None
    assert told["points"] == {"done": 4, "failed": 0}
    assert told["sweeps"][0]["name"] == "a small one"
    assert told["best"]["value"] <= told["worst"]["value"]
    assert told["provenance"][0]["points"] == 4
    (folder / "status.json").unlink()
    refused(run("sweep", "status", folder / "runs.sqlite", "--watch", "speed"), "choose from")


def test_export_in_every_format(finished_run, tmp_path):
    folder, _ = finished_run
    for name in ("a.csv", "a.parquet", "a.nc"):
        result = run("sweep", "export", folder / "runs.sqlite", "--out", tmp_path / name)
        assert result.exit_code == 0, result.output
        assert "4 points" in result.stdout
    csv, parquet = pd.read_csv(tmp_path / "a.csv"), pd.read_parquet(tmp_path / "a.parquet")
    assert list(csv["settling_time_median_s"]) == list(parquet["settling_time_median_s"])
    assert csv["gbw_Hz"].tolist() == [1e9] * 4
    with xr.open_dataset(tmp_path / "a.nc", engine="scipy") as read:
        assert dict(read.sizes) == {"columns": 2, "seed": 2}
        assert read["settling_time_median_s"].attrs["units"] == "s"
        assert np.isfinite(read["settling_time_median_s"]).all()
        assert read.attrs["circuit"] == "ginv-compact"
    some = tmp_path / "some.csv"
    run("sweep", "export", folder / "runs.sqlite", "--out", some, "--where", "columns=3")
    assert list(pd.read_csv(some)["columns"]) == [3, 3]


def test_export_tells_what_it_wrote_as_json(finished_run, tmp_path):
    store, target = finished_run[0] / "runs.sqlite", tmp_path / "runs.csv"
    result = run("sweep", "export", store, "--out", target, "--json", "-", "--where", "columns=2")
    assert json.loads(result.stdout) == {
        "store": str(store), "sweep": None, "out": str(target), "points": 2,
    }  # fmt: skip
    assert len(pd.read_csv(target)) == 2
    refused(run("sweep", "export", store, "--out", target, "--json", "no/j.json"), "no folder no")


def test_export_that_cannot_be(finished_run, tmp_path):
    store = finished_run[0] / "runs.sqlite"
    refused(run("sweep", "export", store, "--out", tmp_path / "a.xls"), "unknown type")
    refused(run("sweep", "export", store, "--out", tmp_path / "no" / "a.csv"), "no folder")
    out = ("--out", tmp_path / "a.csv")
    refused(run("sweep", "export", store, *out, "--where", "columns=99"), "nothing to export")
    refused(run("sweep", "export", store, *out, "--where", "colums=3"), "no column 'colums'")
    refused(run("sweep", "export", store, *out, "--where", "columns=3 V"), "columns")
    refused(run("sweep", "export", store, *out, "--sweep", "other"), "no sweep 'other'")
    refused(run("sweep", "export", tmp_path / "no.sqlite", *out), "there is no store")
    assert files(tmp_path) == []


def test_a_point_is_run_again_and_gives_the_same(finished_run, tmp_path):
    folder, _ = finished_run
    with Store.open(folder / "runs.sqlite", read_only=True) as store:
        key = store.frame()["key"][0]
        held = store.point(key)
    result = run(
        "sweep",
        "point",
        folder / "runs.sqlite",
        key[:8],
        "--json",
        tmp_path / "p.json",
        "--waveforms",
        tmp_path / "w.csv",
    )
    assert result.exit_code == 0, result.output
    assert "in the store" in result.stdout
    told = json.loads((tmp_path / "p.json").read_text())
    assert told["key"] == key
    for name in ("settling_time_median_s", "relative_error_median", "power_total_w"):
        assert told["metrics"][name] == held["metrics"][name]
    assert len((tmp_path / "w.csv").read_text().splitlines()) > 10
    # The command line that is printed describes the same point without the store.
    words = told["command"].split()[1:]
    again = run(*words, "--json", "-")
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["key"] == key


def test_a_point_with_a_parameter_changed_and_its_deck(finished_run, tmp_path):
    folder, _ = finished_run
    with Store.open(folder / "runs.sqlite", read_only=True) as store:
        key = store.frame({"columns": 2})["key"][0]
    result = run(
        "sweep",
        "point",
        folder / "runs.sqlite",
        key,
        "--set",
        "gbw=100 MHz",
        "--set",
        "fidelity=behavioural",
        "--json",
        "-",
    )
    told = json.loads(result.stdout)
    assert told["parameters"]["gbw"] == 1e8
    assert told["stored"] is None
    assert told["key"] != key
    deck = tmp_path / "deck.cir"
    wrong = run("sweep", "point", folder / "runs.sqlite", key, "--deck", deck)
    refused(wrong, "behavioural has no deck")
    assert files(tmp_path) == []


def test_a_point_that_failed_says_why(tmp_path):
    path = tmp_path / "runs.sqlite"
    parameters = {"columns": 2, "fidelity": "ideal", "seed": 0}
    with Store.open(path, create=True) as store:
        store.write(
            [Outcome("ab", parameters, "failed", error="timestep too small", deck="/x.cir")]
        )
    result = run("sweep", "point", path, "ab")
    assert result.exit_code == 0, result.output
    assert "timestep too small" in result.stderr
    assert "/x.cir" in result.stderr


def test_points_that_cannot_be(tmp_path):
    refused(run("sweep", "point", "--set", "colums=3"), "did you mean columns?")
    refused(run("sweep", "point", "--set", "columns"), "NAME=VALUE")
    refused(run("sweep", "point", "--set", "gbw=3 V"), "Hz")
    refused(run("sweep", "point", tmp_path / "runs.sqlite"), "KEY")
    refused(run("sweep", "point", tmp_path / "runs.sqlite", "ab"), "there is no store")


def test_bad_specifications_are_refused_and_nothing_is_made(spec, tmp_path):
    store = ("--store", tmp_path / "runs.sqlite")
    spec.write_text(SPEC.replace("columns", "colums"))
    refused(run("sweep", "run", spec, *store), "sweep.toml, line 10: axes.colums: unknown")
    spec.write_text(SPEC.replace("[2, 3]", "[2, 3"))
    refused(run("sweep", "run", spec, *store), "not valid TOML")
    refused(run("sweep", "run", tmp_path / "no.toml", *store), "cannot be read")
    spec.write_text(SPEC)
    refused(run("sweep", "run", spec, *store, "--executor", "dask"), "--scheduler")
    refused(run("sweep", "run", spec, *store, "--scheduler", "tcp://x:1"), "--executor dask")
    refused(run("sweep", "run", spec, *store, "--watch", "speed"), "choose from")
    refused(run("sweep", "run", spec, "--store", tmp_path / "no" / "x.sqlite"), "cannot be")
    (tmp_path / "other.sqlite").write_text("not a store at all, but text " * 99)
    refused(run("sweep", "run", spec, "--store", tmp_path / "other.sqlite"), "not an amcspice")
    assert files(tmp_path) == ["other.sqlite", "sweep.toml"]


def test_two_runs_on_one_store_are_refused(spec, tmp_path):
    with Store.open(tmp_path / "runs.sqlite", create=True, own=True):
        result = run("sweep", "run", spec, "--store", tmp_path / "runs.sqlite")
        refused(result, f"another sweep is running on {tmp_path / 'runs.sqlite'}")


@pytest.mark.slow
def test_a_store_that_another_program_locks_is_waited_for(spec, tmp_path, monkeypatch):
    path = tmp_path / "runs.sqlite"
    with Store.open(path, create=True):
        pass
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(connection, "QUIET_PATIENCE", 0.1)
    monkeypatch.setattr(connection, "BUSY_PATIENCE", 1.0)
    result = run("sweep", "run", spec, "--store", path, "--jobs", 1)
    assert result.exit_code == 1
    assert result.stderr.count(f"note: {path} is locked by another process") == 1
    assert "then run the same command again" in result.stderr
    assert result.stderr.count("amcspice:") == 1
    monkeypatch.setattr(connection, "BUSY_PATIENCE", 60.0)
    timer = threading.Timer(1.0, other.execute, ["ROLLBACK"])
    timer.start()
    result = run("sweep", "run", spec, "--store", path, "--jobs", 1)
    timer.join()
    other.close()
    assert result.exit_code == 0, result.output
    assert "is locked by another process; waiting" in result.stderr
    assert "points done" in result.stdout


def test_a_million_points_by_mistake(spec, tmp_path):
    text = SPEC.replace("repeats = 2", "repeats = 1000")
    spec.write_text(text + "gbw = { from = 1e6, to = 1e9, points = 500 }\n")
    result = run("sweep", "run", spec, "--store", tmp_path / "runs.sqlite", "--jobs", 4)
    refused(result, "1,000,000 points (2 columns x 500 gbw x 1000 seed), about")
    assert "with 4 jobs" in result.stderr
    assert "need --yes" in result.stderr
    assert files(tmp_path) == ["sweep.toml"]


@pytest.mark.slow
def test_a_dry_run_stores_its_probes_only_where_there_is_a_store(spec, tmp_path):
    store = tmp_path / "runs.sqlite"
    result = run("sweep", "run", spec, "--store", store, "--dry-run", "--json", "-")
    told = json.loads(result.stdout)
    assert (told["points"], told["in_store"], told["to_run"]) == (4, 0, 4)
    assert told["wall_time_s"] > 0
    assert told["disk_bytes"] > 4 * 1000
    assert told["axes"] == {"columns": [2, 3], "seed": [0, 1]}
    assert files(tmp_path) == ["sweep.toml"]
    Store.open(store, create=True).close()
    shown = run("sweep", "run", spec, "--store", store, "--dry-run")
    assert "nothing is run" in shown.stdout
    with Store.open(store, read_only=True) as opened:
        probes = opened.counts()["done"]
        assert opened.sweeps() == []
    assert 0 < probes <= 4
    again = run("sweep", "run", spec, "--store", store, "--dry-run", "--json", "-")
    assert json.loads(again.stdout)["in_store"] == probes


def test_an_interrupted_run_says_how_to_go_on(spec, tmp_path):
    spec.write_text(SPEC.replace("repeats = 2", "repeats = 2000"))
    store = tmp_path / "runs.sqlite"
    program = "import sys; from amcspice.cli import main; main(sys.argv[1:])"
    running = subprocess.Popen(
        [sys.executable, "-c", program, "sweep", "run", spec, "--store", store, "--jobs", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (store.exists() and _done(store)):
        time.sleep(0.1)
    os.killpg(running.pid, signal.SIGINT)
    _, err = running.communicate(timeout=30)
    assert running.returncode == 130, err
    match = re.search(
        r"(\d+) of 4000 points are in .*; the same command goes on with the rest", err
    )
    assert int(match[1]) == _done(store) > 0
    assert err.count("amcspice:") == 1
    assert "Traceback" not in err
    assert files(tmp_path) == ["runs.sqlite", "sweep.toml"]


def _done(path):
    try:
        with Store.open(path, read_only=True) as store:
            return store.counts()["done"]
    except ValueError:  # it is being made
        return 0


def test_a_sweep_in_which_everything_fails_is_a_failed_run(spec, tmp_path):
    spec.write_text(
        '[base]\nproblem = "nnls"\nfidelity = "behavioural"\nrows = 200\ncolumns = 90\n'
        "[axes]\nseed = [0]\ntimeout = [1e-9]\n"
    )
    store = tmp_path / "runs.sqlite"
    result = run("sweep", "run", spec, "--store", store, "--jobs", 1, "--timeout", 0.001)
    assert result.exit_code == 1, result.output
    assert "0 of 1 points done, 1 failed" in result.stdout
    assert "--retry-failed" in result.stderr
    status = run("sweep", "status", store)
    assert "it took longer than # s and was stopped" in status.stdout
