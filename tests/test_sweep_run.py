"""Running sweeps: every point exactly once, whatever fails, hangs, dies or interrupts."""

import itertools
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import sweep_points

from amcspice.errors import InputError
from amcspice.sweep.execute.estimate import estimate, probe_indices
from amcspice.sweep.execute.executors import Local, LostBatch, PointBatch
from amcspice.sweep.execute.run import run_sweep
from amcspice.sweep.outcome import point_key, surroundings
from amcspice.sweep.point import run_point
from amcspice.sweep.spec.plan import make_grid, make_plan
from amcspice.sweep.spec.specification import parse_spec
from amcspice.sweep.store.store import Store

CHILD = Path(__file__).with_name("sweep_child.py")


def plan_of(text):
    return make_plan(make_grid(parse_spec(text)))


def plan(columns=(8, 16), repeats=3):
    return plan_of(f"repeats = {repeats}\n[axes]\ncolumns = {list(columns)}\n")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.sqlite"


@pytest.fixture
def store(path):
    with Store.open(path, create=True, own=True) as opened:
        yield opened


class Heard:
    """An observer that remembers."""

    def __init__(self):
        self.results, self.running = [], []

    def on_start(self, total, done):
        self.start = total, done

    def on_running(self, count):
        self.running.append(count)

    def on_result(self, result):
        self.results.append(result)


def values(store):
    """Return what the points of a store hold, but for times and places."""
    own = ["seconds", "finished_at", "deck"]
    return store.frame().drop(columns=own).sort_values("key", ignore_index=True).sort_index(axis=1)


def test_points_run_once_and_never_again(store):
    heard = Heard()
    summary = run_sweep(plan(), store, function=sweep_points.trivial, jobs=2, observer=heard)
    assert (summary.total, summary.before, summary.done, summary.failed) == (6, 0, 6, 0)
    assert heard.start == (6, 0)
    assert sorted(result.key for result in heard.results) == sorted(plan().keys)
    assert max(heard.running) <= 6
    frame = store.frame()
    assert set(frame["key"]) == set(plan().keys)
    expected = frame["columns"] / frame["gbw"]
    assert frame["settling_time_median_s"].to_numpy() == pytest.approx(expected.to_numpy())
    # A larger sweep of the same store runs what is new; the same one nothing at all.
    larger = plan((8, 16, 32))
    heard = Heard()
    summary = run_sweep(larger, store, function=sweep_points.trivial, observer=heard)
    assert (summary.total, summary.before, summary.done) == (9, 6, 3)
    assert {result.parameters["columns"] for result in heard.results} == {32}
    assert run_sweep(larger, store, function=None).done == 0


@pytest.mark.slow
def test_what_fails_hangs_or_dies_is_stored_and_stops_nothing(store, failed_decks):
    summary = run_sweep(plan((8,), 7), store, function=sweep_points.troubled, jobs=2, timeout=1.5)
    assert (summary.done, summary.failed) == (2, 5)
    frame = store.frame().set_index("seed")
    assert set(frame.index[frame["status"] == "done"]) == {0, 6}
    for seed, words in {
        1: "no stable answer",
        2: "longer than 1.5 s",
        3: "SIGKILL",
        4: "ZeroDivisionError: a mistake in the program",
        5: "timestep too small",
    }.items():
        assert words in frame.loc[seed, "error"]
    assert "Traceback" in frame.loc[4, "error"]
    assert "Traceback" not in frame.loc[1, "error"]
    # The deck moved beside the store, out of the folder that is cleaned now and then.
    deck = Path(frame.loc[5, "deck"])
    assert deck.parent == store.path.with_name("runs.sqlite.failed")
    assert deck.read_text() == "* a deck\n.end\n"
    assert not list(failed_decks.iterdir())
    assert frame["deck"].notna().sum() == 1
    # Failed points are finished, unless they are asked for.
    again = {"function": sweep_points.mended, "jobs": 1}
    assert run_sweep(plan((8,), 7), store, **again).before == 7
    summary = run_sweep(plan((8,), 7), store, **again, retry_failed=True)
    assert (summary.before, summary.done) == (2, 5)
    frame = store.frame()
    assert (frame["status"] == "done").all()
    assert frame["error"].isna().all()


def test_a_batch_that_is_lost_is_tried_point_by_point(store):
    """Many short points make batches; one of them dies, the others are unharmed."""
    summary = run_sweep(plan((8,), 40), store, function=sweep_points.deadly, jobs=1)
    assert (summary.done, summary.failed) == (39, 1)
    frame = store.frame({"status": "failed"})
    assert list(frame["seed"]) == [33]
    assert "SIGSEGV" in frame["error"][0]


def test_a_batch_whose_points_turn_out_long_comes_back_early(store):
    """Else one process would keep them all, and a kill would lose them all."""
    arrived = []
    heard = Heard()
    heard.on_result = lambda result: arrived.append(time.monotonic())
    summary = run_sweep(
        plan((8,), 50), store, function=sweep_points.suddenly_long, observer=heard, timeout=1.0
    )
    assert (summary.done, summary.failed) == (50, 0)
    longest = max(later - earlier for earlier, later in itertools.pairwise(arrived))
    assert longest < 3.5  # ten of them in one batch would take five


def test_a_worker_of_another_version_is_refused():
    executor = Local(sweep_points.trivial, 1)
    try:
        process = executor._idle[0]
        batch = PointBatch((("key", {"columns": 1, "seed": 0, "gbw": 1.0}),))
        future = process.submit(sweep_points.trivial, batch, "amcspice 99")
        with pytest.raises(InputError, match=r"another amcspice.*install the same version"):
            future.result(timeout=60)
        future = process.submit(sweep_points.trivial, batch, surroundings())
        assert future.result(timeout=60)[0].metrics["relative_error_median"] == 0
    finally:
        executor.close()


def test_a_pool_that_breaks_loses_its_batch_and_no_other(monkeypatch):
    executor = Local(sweep_points.asleep, 1)
    try:
        executor.submit(PointBatch((("key", {"seconds": 60}),)))
        time.sleep(0.2)
        executor._all[0]._pool._context.status = 4  # pebble's ERROR: a thread of it died
        answer = None
        while answer is None:
            answer = executor.receive(0.1)
        assert isinstance(answer[1], LostBatch)
        executor.submit(PointBatch((("key", {"seconds": 0}),)))
        while (answer := executor.receive(1)) is None:
            pass
        assert answer[1][0].status == "done"
    finally:
        executor.close()


def test_jobs_must_be_at_least_one(store):
    with pytest.raises(InputError, match="jobs = 0"):
        run_sweep(plan(), store, function=sweep_points.trivial, jobs=0)


# Interruptions

MANY = "repeats = 100\n[axes]\ncolumns = [8, 16, 32, 64, 128]\ngbw = [1e7, 1e8]\n"


def child(path, spec, function="short", *options):
    """Start a sweep in a process group of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(CHILD.parent), *sys.path])}
    return subprocess.Popen(
        [sys.executable, str(CHILD), str(path), str(spec), function, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        start_new_session=True,
    )


def wait_for(path, count):
    """Wait until a store holds some points; return how many."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if path.exists() and path.stat().st_size:
            try:
                with Store.open(path, read_only=True) as store:
                    done = store.counts()["done"]
            except InputError:  # it is being made
                done = 0
            if done >= count:
                return done
        time.sleep(0.02)
    raise AssertionError("the sweep does not get on")


def nobody_left(group):
    """Wait until no process of a group is alive."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_five_kills_at_random_lose_nothing(tmp_path):
    spec, path = tmp_path / "sweep.toml", tmp_path / "runs.sqlite"
    many = MANY.replace("100", "300")  # more than five kills on a busy machine let pass
    spec.write_text(many)
    draw = random.Random(6)
    done = 0
    for _ in range(5):
        running = child(path, spec)
        done = wait_for(path, done + draw.randint(1, 120))
        time.sleep(draw.uniform(0, 0.3))
        running.kill()
        running.communicate()
        assert nobody_left(running.pid)  # workers end with their parent
    last = child(path, spec)
    out, _ = last.communicate(timeout=120)
    assert last.returncode == 0, out
    sweep = plan_of(many)
    with Store.open(tmp_path / "other.sqlite", create=True, own=True) as whole:
        run_sweep(sweep, whole, function=sweep_points.trivial, jobs=1)
        with Store.open(path, read_only=True) as store:
            assert store.counts(1) == {"done": 3000, "failed": 0, "left": 0}
            assert sorted(store.frame()["key"]) == sorted(sweep.keys)
            assert values(store).equals(values(whole))
    total, before, now = map(int, out.split()[-3:])
    assert (total, before + now) == (3000, 3000)
    assert before >= done


def test_sigterm_stops_cleanly_and_what_is_done_is_kept(tmp_path):
    """SIGINT: see the test of the command."""
    spec, path = tmp_path / "sweep.toml", tmp_path / "runs.sqlite"
    spec.write_text(MANY)
    running = child(path, spec)
    done = wait_for(path, 20)
    running.terminate()
    out, _ = running.communicate(timeout=30)
    assert running.returncode == 143, out
    assert "Traceback" not in out
    assert nobody_left(running.pid)
    with Store.open(path, own=True) as store:
        assert done <= store.counts()["done"] < 1000
    assert sorted(item.name for item in tmp_path.iterdir()) == ["runs.sqlite", "sweep.toml"]


def test_a_full_disk_ends_the_sweep_with_one_message(tmp_path):
    spec, path = tmp_path / "sweep.toml", tmp_path / "runs.sqlite"
    spec.write_text(MANY)
    running = child(path, spec, "trivial", "600000")
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 1
    assert out.startswith("FullError") or "\nFullError" in out
    assert "free space" in out
    assert nobody_left(running.pid)
    with Store.open(path, own=True) as store:
        assert store._query("PRAGMA integrity_check") == [("ok",)]
        assert store.counts()["done"] < 1000
        summary = run_sweep(plan_of(MANY), store, function=sweep_points.trivial)
        assert summary.done + summary.before == 1000


def test_readers_see_a_running_sweep(store, path):
    seen = []
    stop = threading.Event()

    def read():
        while not stop.is_set():
            with Store.open(path, read_only=True) as reader:
                seen.append(len(reader.frame()))

    thread = threading.Thread(target=read)
    thread.start()
    try:
        run_sweep(plan((8, 16), 100), store, function=sweep_points.short, jobs=1)
    finally:
        stop.set()
        thread.join()
    assert seen == sorted(seen)
    assert len(set(seen)) > 1


# What it costs


@pytest.mark.slow
def test_the_machinery_costs_little(store, measured):
    """Beyond the start of the processes, a point that does nothing costs far less than 5 ms."""
    first = run_sweep(plan((8,), 200), store, function=sweep_points.trivial)
    second = run_sweep(plan((8, 16, 32, 64, 128), 200), store, function=sweep_points.trivial)
    assert second.done == 800
    overhead = max(second.seconds - first.seconds, 0) / 600
    measured("overhead_a_point_s", overhead)
    assert overhead < 5e-3


# Estimates


def test_probes_are_at_the_corners():
    grid = make_grid(
        parse_spec(
            'repeats = 2\n[axes]\ncolumns = [8, 16, 32]\nopamp = ["ideal", "ad823", "opa690"]\n'
            "gbw = [1e7, 1e8, 1e9]\n"
        )
    )
    places = {grid.places(index)[:3] for index in probe_indices(grid, range(len(grid)))}
    assert places == {(0, 0, 0), (2, 0, 0), (0, 1, 0), (0, 2, 0), (0, 0, 2), (1, 1, 1), (2, 2, 2)}
    # What is in the store already is no probe.
    left = [index for index in range(len(grid)) if grid.places(index)[0] == 2]
    assert set(probe_indices(grid, left)) <= set(left)
    assert probe_indices(grid, [3]) == [3]


def test_the_estimate_follows_what_probes_took():
    spec = '[axes]\ncolumns = [1, 2, 4, 8]\ncircuit = ["ginv-compact", "ginv-classic"]\n'
    grid = make_grid(parse_spec(spec))
    forecast = estimate(grid, range(len(grid)), sweep_points.grows)
    real = sum(sweep_points.duration(c, k) for c in (1, 2, 4, 8) for k in (0, 1))
    assert forecast.points == 8
    assert forecast.complete
    assert 0.8 * real < forecast.seconds < 2 * real
    assert forecast.start > 0
    assert {outcome.key for outcome in forecast.outcomes} <= {
        point_key(make_plan(grid).parameters(index)) for index in range(8)
    }


def test_an_estimate_ends_in_time():
    grid = make_grid(parse_spec("[axes]\ncolumns = [1, 60]\n"))
    started = time.monotonic()
    forecast = estimate(grid, range(2), sweep_points.asleep_for_columns, most_seconds=2)
    assert not forecast.complete
    assert forecast.seconds > 1.5
    assert time.monotonic() - started < 30


# Real points


@pytest.mark.ngspice
@pytest.mark.slow
def test_real_points_are_the_same_in_other_processes(store):
    sweep = plan_of(
        'repeats = 2\n[base]\nopamp = "onchip-1g"\nright_hand_sides = 2\n'
        '[axes]\nfidelity = ["reduced", "behavioural"]\ncolumns = [2, 4]\n'
    )
    run_sweep(sweep, store, jobs=2)
    assert store.counts() == {"done": 8, "failed": 0}
    for index, key in enumerate(sweep.keys):
        point = store.point(key)
        expected = run_point(sweep.parameters(index))
        assert point["metrics"]["settled"] == 1
        for name, value in expected.metrics.items():
            assert name == "wall_time_s" or point["metrics"][name] == pytest.approx(
                value, rel=0, abs=0, nan_ok=True
            ), name
        assert point["provenance"]["deck_sha256"] == expected.provenance["deck_sha256"]


@pytest.mark.ngspice
def test_a_simulation_that_takes_too_long_leaves_its_deck(store):
    text = '[base]\nfidelity = "flat"\nsimulator = "batch"\ncolumns = 24\ntimeout = 0.02\n'
    summary = run_sweep(plan_of(text), store)
    assert summary.failed == 1
    frame = store.frame()
    assert "took longer" in frame["error"][0]
    assert ".end" in Path(frame["deck"][0]).read_text()


UNGUARDED = """
from amcspice.sweep.spec.plan import make_grid, make_plan
from amcspice.sweep.execute.run import run_sweep
from amcspice.sweep.spec.specification import read_spec
from amcspice.sweep.store.store import Store

plan = make_plan(make_grid(read_spec("sweep.toml")))
with Store.open("runs.sqlite", create=True, own=True) as store:
    run_sweep(plan, store, jobs=2)
"""


def test_a_script_without_the_guard_is_told_so(tmp_path):
    (tmp_path / "sweep.toml").write_text(MANY)
    (tmp_path / "script.py").write_text(UNGUARDED)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert done.stderr.count("Traceback") == 1  # of the script, not of its processes
    assert 'put what the script does under `if __name__ == "__main__":`' in done.stderr
    with Store.open(tmp_path / "runs.sqlite", read_only=True) as store:
        assert store.counts() == {"done": 0, "failed": 0}
