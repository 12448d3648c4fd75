"""The store: what is written is there, whatever happens, and nothing else is touched."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from amcspice.errors import InputError, WaitingWarning
from amcspice.sweep.outcome import Outcome, canonical, point_key
from amcspice.sweep.spec.plan import make_grid, make_plan
from amcspice.sweep.spec.specification import parse_spec
from amcspice.sweep.store import connection, schema
from amcspice.sweep.store.connection import LockedError
from amcspice.sweep.store.export import export
from amcspice.sweep.store.lock import owner
from amcspice.sweep.store.store import FullError, Store

AXES = {"columns": [8, 16, 32], "gbw": [1e7, 2.5e7]}


def points(count=6, status="done", **more):
    outcomes = []
    for index in range(count):
        parameters = {
            "columns": AXES["columns"][index // 2 % 3],
            "gbw": AXES["gbw"][index % 2],
            "rows": 4 * AXES["columns"][index // 2 % 3],
            "circuit": "inv",
            "hold": None,
            "signed": False,
            "seed": index // 6,
        }
        metrics = {"settling_time_median_s": 1e-9 * index, "settled": 1.0, "near_limit": False}
        outcomes.append(Outcome(point_key(parameters), parameters, status, metrics, **more))
    return outcomes


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.sqlite"


@pytest.fixture
def store(path):
    with Store.open(path, create=True) as opened:
        keys = [point.key for point in points()]
        opened.add_sweep(
            "a sweep",
            "[axes]",
            AXES,
            keys=keys,
            units={"gbw": "Hz", "settling_time_median_s": "s", "columns": ""},
        )
        yield opened


def test_keys_depend_on_values_alone(monkeypatch):
    key = point_key({"columns": 8, "gbw": 1e8})
    assert key == point_key({"gbw": 100_000_000, "columns": 8.0})
    assert len({key, point_key({"columns": 8, "gbw": 1.1e8}), point_key({"columns": "8"})}) == 3
    assert len(key) == 64
    monkeypatch.setattr("amcspice.__version__", "99")
    from amcspice.sweep.outcome import surroundings

    surroundings.cache_clear()
    assert point_key({"columns": 8, "gbw": 1e8}) != key
    surroundings.cache_clear()


def test_numbers_that_json_cannot_hold_are_no_parameters():
    with pytest.raises(ValueError, match="JSON"):
        canonical({"gbw": float("inf")})


def test_what_is_written_is_read(store):
    written = points(5, provenance={"amcspice": "1", "deck_sha256": "ab"})
    written += points(6, "failed", error="singular matrix", deck="/x.cir")[5:]
    store.write(written)
    assert store.counts() == {"done": 5, "failed": 1}
    assert store.counts(1) == {"done": 5, "failed": 1, "left": 0}
    assert store.finished() == {point.key for point in written}
    assert store.finished(failed=False) == {point.key for point in written[:5]}
    frame = store.frame(sweep=1)
    assert list(frame["columns"]) == [8, 8, 16, 16, 32, 32]
    assert list(frame["status"]) == ["done"] * 5 + ["failed"]
    assert frame["settling_time_median_s"].to_numpy() == pytest.approx(1e-9 * np.arange(6))
    assert frame.loc[5, "error"] == "singular matrix"
    assert frame.loc[5, "deck"] == "/x.cir"
    assert frame["error"].isna().sum() == 5
    assert frame["hold"].isna().all()
    assert list(frame.columns[:4]) == ["key", "status", "columns", "gbw"]
    assert store.axes == AXES
    assert store.units == {"gbw": "Hz", "settling_time_median_s": "s"}
    point = store.point(written[2].key[:10])
    assert point["parameters"] == dict(written[2].parameters)
    assert point["provenance"] == {"amcspice": "1", "deck_sha256": "ab"}
    assert [(group.get("amcspice"), group["points"]) for group in store.provenance] == [
        ("1", 5),
        (None, 1),
    ]
    assert set(store.frame()["key"]) == store.finished()


def test_a_point_that_is_done_stays_and_a_failed_one_is_replaced(store):
    first, second = points(2)
    store.write([first, *points(2, "failed", error="no")[1:]])
    changed = {"settling_time_median_s": 5.0}
    store.write(
        [Outcome(outcome.key, outcome.parameters, "done", changed) for outcome in (first, second)]
    )
    assert store.point(first.key)["metrics"]["settling_time_median_s"] == 0.0
    point = store.point(second.key)
    assert point["metrics"] == changed
    assert point["error"] is None
    assert store.counts() == {"done": 2, "failed": 0}


def test_numbers_that_are_not_finite_come_back_as_nan(store):
    outcomes = [Outcome("ab", {"columns": 1}, "done", {"a": np.nan, "b": np.inf, "c": 1.5})]
    store.write(outcomes)
    assert np.isnan([store.frame()["a"][0], store.frame()["b"][0]]).all()
    assert np.isnan(store.point("ab")["metrics"]["a"])


def test_words_and_numbers_in_one_column(store, path):
    store.write([Outcome("a1", {"x": "word"}, "done"), Outcome("a2", {"x": 3}, "done")])
    assert list(store.frame()["x"]) == ["word", 3]
    for suffix, read in ((".csv", pd.read_csv), (".parquet", pd.read_parquet)):
        export(store, path.with_suffix(suffix))
        assert list(read(path.with_suffix(suffix))["x"]) == ["word", "3"]


def test_points_are_filtered(store):
    store.write(points(12))
    assert len(store.frame({"columns": 32})) == 4
    assert len(store.frame({"columns": [8, 32], "gbw": 1e7})) == 4
    assert len(store.frame({"gbw": 25000001})) == 6  # as many digits as people type
    assert len(store.frame({"hold": None, "signed": False, "circuit": "inv"})) == 12
    assert len(store.frame({"settling_time_median_s": 1.1e-8})) == 1
    assert len(store.frame({"status": "failed"})) == 0
    assert "columns" in store.frame({"status": "failed"})
    assert len(store.frame({"columns": 32}, sweep=1)) == 2
    with pytest.raises(InputError, match=r"'colums'.*columns"):
        store.frame({"colums": 3})


def test_an_empty_store(store):
    assert store.frame().empty
    assert store.counts(1) == {"done": 0, "failed": 0, "left": 6}
    assert store.extremes("anything") == {"best": None, "worst": None}


def test_keys_are_found_by_their_beginning(store):
    store.write([Outcome("abc1", {}, "done"), Outcome("abd2", {}, "done")])
    assert store.find("abc") == "abc1"
    for wrong, message in (("ab", "more than one"), ("ff", "no point"), ("x", "hexadecimal")):
        with pytest.raises(InputError, match=message):
            store.find(wrong)


def test_failures_are_grouped_and_extremes_are_found(store):
    store.write(points(4))
    failed = [
        Outcome(f"f{k}", {"columns": 8}, "failed", error=f"took longer than {k}.5 s\nmore")
        for k in range(3)
    ]
    failed.append(Outcome("e", {}, "failed", error="internal error: Traceback\n  x\nKeyError: 'a'"))
    store.write(failed)
    assert [(failure["points"], failure["reason"]) for failure in store.failures()] == [
        (3, "took longer than # s"),
        (1, "KeyError: 'a'"),
    ]
    extremes = store.extremes("settling_time_median_s")
    assert extremes["best"]["value"] == 0.0
    assert extremes["worst"]["axes"] == {"columns": 16, "gbw": 25000000}
    with pytest.raises(InputError, match="choose from settling_time_median_s"):
        store.extremes("speed")


def test_the_same_sweep_is_added_once_and_the_last_run_is_the_current_one(store):
    assert store.add_sweep("other", "text", {"seed": [1]}) == 2
    assert store.axes == {"seed": [1]}
    assert store.add_sweep("a sweep", "[axes]", AXES) == 1
    assert [sweep.number for sweep in store.sweeps()] == [2, 1]
    assert store.axes == AXES


def test_a_dataset_has_axes_units_and_gaps(store):
    store.write(points(5))
    dataset = store.dataset()
    assert dict(dataset.sizes) == {"columns": 3, "gbw": 2}
    assert list(dataset["columns"].to_numpy()) == [8, 16, 32]
    assert dataset["rows"].dims == ("columns",)  # follows from the columns
    assert dataset["gbw"].attrs == {"units": "Hz"}
    assert dataset["settling_time_median_s"].attrs == {"units": "s"}
    assert dataset.attrs["circuit"] == "inv"
    assert dataset.attrs["signed"] == 0
    times = dataset["settling_time_median_s"]
    assert times.sel(columns=16, gbw=2.5e7) == pytest.approx(3e-9)
    assert np.isnan(times.sel(columns=32, gbw=2.5e7))
    assert dataset["status"].sel(columns=32).to_numpy().tolist() == ["done", ""]
    part = store.dataset(where={"columns": [8, 32]})
    assert part["columns"].to_numpy().tolist() == [8, 32]
    with pytest.raises(InputError, match="no sweep 7"):
        store.dataset(7)


def test_an_axis_of_several_parameters_is_a_column(path):
    text = """
        [[zip]]
        circuit = ["ginv-compact", "ginv-compact", "ginv-classic"]
        levels = [4, "none", 4]
        [axes]
        seed = [0, 1]
        """
    plan = make_plan(make_grid(parse_spec(text)))
    axes = plan.grid.named()
    assert axes["circuit+levels"] == ["ginv-compact, 4", "ginv-compact, none", "ginv-classic, 4"]
    with Store.open(path, create=True) as store:
        store.add_sweep(plan.name, text, axes, keys=plan.keys)
        store.write(
            Outcome(plan.keys[k], plan.parameters(k), "done", {"number": k}) for k in range(6)
        )
        assert set(store.frame(sweep=1)["circuit+levels"]) == set(axes["circuit+levels"])
        dataset = store.dataset()
    assert dict(dataset.sizes) == {"seed": 2, "circuit+levels": 3}
    assert dataset["number"].sel({"seed": 1, "circuit+levels": "ginv-compact, none"}) == 4
    assert dataset["levels"].dims == ("circuit+levels",)


@pytest.mark.parametrize("suffix", ["csv", "parquet", "nc"])
def test_exports_hold_the_same_numbers(store, path, suffix):
    store.write(points())
    target = path.with_suffix(f".{suffix}")
    assert export(store, target) == 6
    frame = store.frame(sweep=1)
    if suffix == "nc":
        with xr.open_dataset(target, engine="scipy") as content:
            assert content["settling_time_median_s"].attrs["units"] == "s"
            times = content["settling_time_median_s"].to_numpy().ravel()
            assert json.loads(content.attrs["provenance"])[0]["points"] == 6
    else:
        content = pd.read_csv(target) if suffix == "csv" else pd.read_parquet(target)
        content = content.set_index("key").loc[frame["key"]]
        gbw = "gbw_Hz" if suffix == "csv" else "gbw"
        assert list(content[gbw]) == list(frame["gbw"])
        times = content["settling_time_median_s"].to_numpy()
    assert times == pytest.approx(frame["settling_time_median_s"].to_numpy())
    assert [p.name for p in path.parent.glob(f"*.{suffix}")] == [target.name]


def test_parquet_knows_units(store, path):
    import pyarrow.parquet

    store.write(points())
    export(store, path.with_suffix(".parquet"), {"columns": 8})
    schema = pyarrow.parquet.read_schema(path.with_suffix(".parquet"))
    assert schema.field("gbw").metadata[b"unit"] == b"Hz"


def test_exports_that_cannot_be(store, path):
    with pytest.raises(InputError, match=r"unknown type '\.xls'"):
        export(store, path.with_suffix(".xls"))
    for suffix in (".csv", ".nc"):
        with pytest.raises(InputError, match="nothing to export"):
            export(store, path.with_suffix(suffix))
        assert not path.with_suffix(suffix).exists()


# Who may open it


def test_one_owner_and_any_number_of_readers(path):
    with Store.open(path, create=True, own=True) as writer:
        assert owner(path) == os.getpid()
        with pytest.raises(InputError, match=f"another sweep is running.*process {os.getpid()}"):
            Store.open(path, own=True)
        writer.write(points(2))
        with Store.open(path, read_only=True) as reader:
            assert reader.counts()["done"] == 2
            writer.write(points(6))
            assert reader.counts()["done"] == 6
            with pytest.raises(InputError, match="readonly"):
                reader.write(points(7))
    assert owner(path) is None
    assert sorted(item.name for item in path.parent.iterdir()) == ["runs.sqlite"]
    Store.open(path, own=True).close()


def test_files_that_are_no_store_are_refused_and_left_alone(tmp_path):
    with pytest.raises(InputError, match="there is no store"):
        Store.open(tmp_path / "absent.sqlite")
    assert not list(tmp_path.iterdir())
    text = tmp_path / "text.sqlite"
    text.write_text("just some text, long enough to look like anything " * 50)
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    empty = tmp_path / "empty.sqlite"
    empty.touch()
    for path in (text, other, empty, tmp_path):
        before = path.read_bytes() if path.is_file() else b""
        for options in ({}, {"read_only": True}, {"create": path not in (empty,)}):
            with pytest.raises(InputError, match="not an amcspice store"):
                Store.open(path, **options)
        assert (path.read_bytes() if path.is_file() else b"") == before


def test_a_store_of_a_newer_version_is_refused(path):
    Store.open(path, create=True).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    connection.close()
    for options in ({}, {"read_only": True}, {"create": True}):
        with pytest.raises(InputError, match="newer amcspice"):
            Store.open(path, **options)


@pytest.mark.parametrize("read_only", [False, True])
def test_an_older_store_is_migrated_whole_or_not_at_all(path, monkeypatch, read_only):
    with Store.open(path, create=True) as store:
        store.write(points(3))
    version = len(schema.MIGRATIONS)
    bad = [*schema.MIGRATIONS, ("ALTER TABLE point ADD COLUMN cost REAL", "no SQL at all")]
    monkeypatch.setattr(schema, "MIGRATIONS", bad)
    monkeypatch.setattr("amcspice.sweep.store.connection.MIGRATIONS", bad)
    with pytest.raises(InputError, match="cannot be used"):
        Store.open(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (version,)
        assert (
            "cost" not in connection.execute("SELECT sql FROM sqlite_master").fetchall().__str__()
        )
    connection.close()
    good = [*bad[:-1], ("ALTER TABLE point ADD COLUMN cost REAL DEFAULT 7",)]
    monkeypatch.setattr(schema, "MIGRATIONS", good)
    monkeypatch.setattr("amcspice.sweep.store.connection.MIGRATIONS", good)
    with Store.open(path, read_only=read_only) as store:
        assert store.counts()["done"] == 3
        assert store._query("SELECT cost FROM point LIMIT 1") == [(7.0,)]


def test_a_store_in_a_folder_that_cannot_be_written_is_read():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.sqlite"
        with Store.open(path, create=True) as store:
            store.write(points(2))
        Path(folder).chmod(0o555)
        root = os.geteuid() == 0
        try:
            if root:
                os.seteuid(65534)  # nobody
            with pytest.raises(InputError, match="cannot be"):
                Store.open(path, own=True)
            with Store.open(path, read_only=True) as store:
                assert store.counts()["done"] == 2
        finally:
            if root:
                os.seteuid(0)
            Path(folder).chmod(0o755)


# Trouble


def test_a_full_store_says_so_and_keeps_what_it_has(store):
    store.write(points(2))
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    large = [Outcome(f"{k:064x}", {"text": "x" * 5000}, "done") for k in range(50)]
    with pytest.raises(FullError, match=r"cannot grow.*free space"):
        store.write(large)
    assert store.counts() == {"done": 2, "failed": 0}
    store._connection.execute("PRAGMA max_page_count = 1000000")
    store.write(large)
    assert store.counts()["done"] == 52
    assert store._query("PRAGMA integrity_check") == [("ok",)]


@pytest.fixture
def other_writer(path, store):
    """Hold the store's lock as another program would; return what gives it up."""
    store._connection.execute("PRAGMA busy_timeout = 100")
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    yield lambda: other.execute("ROLLBACK")
    other.close()


def test_a_locked_store_is_waited_for_with_a_note(store, other_writer, monkeypatch):
    monkeypatch.setattr(connection, "QUIET_PATIENCE", 0.0)
    timer = threading.Timer(1.0, other_writer)
    timer.start()
    started = time.monotonic()
    with pytest.warns(WaitingWarning, match="is locked by another process; waiting") as told:
        store.write(points(2))
    assert time.monotonic() - started >= 1.0
    assert len(told) == 1
    assert store.counts()["done"] == 2
    timer.join()


def test_a_store_that_stays_locked_is_a_failed_run(path, store, other_writer, monkeypatch):
    monkeypatch.setattr(connection, "QUIET_PATIENCE", 0.0)
    monkeypatch.setattr(connection, "BUSY_PATIENCE", 0.5)
    for use in (
        lambda: store.write(points(2)),
        lambda: store.add_sweep("name", "text", {}),
    ):
        with (
            pytest.warns(WaitingWarning),
            pytest.raises(LockedError, match=r"holds every point.*run the same command again") as e,
        ):
            use()
        assert e.value.exit_code == 1
    assert store.counts()["done"] == 0  # readers need not wait
    other_writer()
    store.write(points(2))
    assert store.counts()["done"] == 2


WRITES_FOREVER = """
    import resource, signal, sys
    from amcspice.sweep.outcome import Outcome
    from amcspice.sweep.store.store import Store

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limit = int(sys.argv[2])
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    with Store.open(sys.argv[1], create=True, own=True) as store:
        for number in range(10**6):
            store.write([Outcome(f"{number:064x}", {"text": "x" * 3000}, "done", {"n": number})])
            print(number + 1, flush=True)
"""


def writer(path, limit=0):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITES_FOREVER), str(path), str(limit)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def check_whole(path, written):
    """Check that a store holds every point that was reported as written, in order."""
    with Store.open(path, own=True) as store:
        assert store._query("PRAGMA integrity_check") == [("ok",)]
        keys = sorted(store.finished())
        assert keys == [f"{number:064x}" for number in range(len(keys))]
        assert len(keys) in (written, written + 1)
        store.write([Outcome("ff", {}, "done")])


def test_a_writer_that_hits_the_end_of_the_disk(path):
    process = writer(path, 400_000)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "FullError" in err
    assert "cannot grow" in err
    check_whole(path, int(out.split()[-1]))


def test_a_writer_that_is_killed(path):
    process = writer(path)
    while int(process.stdout.readline()) < 20:
        pass
    with Store.open(path, read_only=True) as reader:
        assert reader.counts()["done"] >= 20
    process.send_signal(signal.SIGKILL)
    out, _ = process.communicate()
    with Store.open(path, read_only=True) as reader:  # before anybody repairs anything
        assert reader.counts()["done"] >= 20
    check_whole(path, int(out.split()[-1]) if out.split() else 20)


@pytest.mark.slow
def test_many_points_are_read_filtered_and_exported_quickly(path, measured):
    """A twentieth of the hundred thousand that a store is meant for; limits are generous."""
    import time

    count = 5_000
    base = {f"parameter_{k}": [1.5e3, 7, True, None, "word"][k % 5] for k in range(60)}
    with Store.open(path, create=True) as store:
        for first in range(0, count, 1000):
            store.write(
                Outcome(
                    f"{k:064x}",
                    {**base, "columns": k % 10},
                    "done",
                    {f"metric_{m}": k / 7 + m for m in range(18)},
                )
                for k in range(first, first + 1000)
            )
        for name, action in {
            "frame": lambda: store.frame(),
            "filter": lambda: store.frame({"columns": 3}),
            "csv": lambda: export(store, path.with_suffix(".csv")),
            "parquet": lambda: export(store, path.with_suffix(".parquet")),
        }.items():
            started = time.process_time()
            result = action()
            seconds = time.process_time() - started
            measured(f"{name}_100000_points_s", 20 * seconds)
            assert seconds < 5, name
            assert (result if isinstance(result, int) else len(result)) in (count, count // 10)
