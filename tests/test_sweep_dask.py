"""Sweeps on a real Dask cluster: a scheduler and workers on the loopback."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sweep_points

from amcspice import cluster as cluster_of_tasks
from amcspice.errors import AmcspiceError, InputError
from amcspice.extras import MissingExtraError
from amcspice.sweep.execute import cluster as dask_cluster
from amcspice.sweep.execute.cluster import Dask
from amcspice.sweep.execute.run import run_sweep
from amcspice.sweep.point import run_point
from amcspice.sweep.spec.plan import make_grid, make_plan
from amcspice.sweep.spec.specification import parse_spec
from amcspice.sweep.store.store import Store

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow

MANY = "repeats = 50\n[axes]\ncolumns = [8, 16, 32, 64, 128]\ngbw = [1e7, 1e8]\n"


def plan_of(text):
    return make_plan(make_grid(parse_spec(text)))


class Cluster:
    """A scheduler and the workers that were started for it, each a process group."""

    def __init__(self, folder):
        self.folder, self.running = folder, []
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0")
        self.address = self._heard(r"Scheduler at: +(tcp://\S+)")

    def worker(self, *options):
        """Start a worker."""
        return self._start("worker", self.address, "--nthreads", "1", *options)

    def _start(self, what, *options):
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
            "PYTHONWARNINGS": "",
            "AMCSPICE_FAILED_DECKS": str(self.folder / "decks"),
        }
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "distributed.cli.dask_" + what, *options, "--no-dashboard"],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=environment,
                start_new_session=True,
            )
        self.running.append(process)
        return process

    def _heard(self, pattern):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            match = re.search(pattern, (self.folder / "log").read_text())
            if match:
                return match[1]
            time.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text())

    def close(self):
        """End everything."""
        for process in reversed(self.running):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    dask = Cluster(tmp_path_factory.mktemp("dask"))
    dask.worker()
    dask.worker("--no-nanny")
    yield dask
    dask.close()


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "runs.sqlite", create=True, own=True) as opened:
        yield opened


class KillsAt:
    """An observer that kills a process group after some points."""

    def __init__(self, count, process):
        self.count, self.process, self.heard = count, process, 0

    def on_start(self, total, done):
        pass

    def on_running(self, count):
        pass

    def on_result(self, result):
        self.heard += 1
        if self.heard == self.count:
            os.killpg(self.process.pid, signal.SIGKILL)


def values(store):
    frame = store.frame().drop(columns=["seconds", "finished_at", "deck"])
    return frame.sort_values("key", ignore_index=True).sort_index(axis=1)


def test_results_are_those_of_this_machine(cluster, store, tmp_path, measured):
    plan = plan_of(MANY)
    summary = run_sweep(plan, store, executor=Dask(sweep_points.trivial, cluster.address))
    measured("dask_seconds_a_point", summary.seconds / 500)
    assert (summary.done, summary.failed) == (500, 0)
    with Store.open(tmp_path / "local.sqlite", create=True, own=True) as local:
        run_sweep(plan, local, function=sweep_points.trivial)
        assert values(store).equals(values(local))


def test_time_limits_and_crashes_hold_there_too(cluster, store):
    plan = plan_of("repeats = 7\n[axes]\ncolumns = [8]\n")
    summary = run_sweep(
        plan, store, executor=Dask(sweep_points.troubled, cluster.address), timeout=1.0
    )
    assert (summary.done, summary.failed) == (2, 5)
    errors = store.frame().set_index("seed")["error"]
    assert "longer than 1 s" in errors[2]
    assert "SIGKILL" in errors[3]
    assert Path(store.frame({"seed": 5})["deck"][0]).read_text() == "* a deck\n.end\n"


def test_a_worker_that_is_killed_loses_nothing(cluster, store):
    victim = cluster.worker()
    plan = plan_of(MANY)
    executor = Dask(sweep_points.short, cluster.address)
    executor._client.wait_for_workers(3, timeout=60)
    summary = run_sweep(plan, store, executor=executor, observer=KillsAt(50, victim))
    assert (summary.done, summary.failed) == (500, 0)
    assert sorted(store.frame()["key"]) == sorted(plan.keys)
    assert victim.wait() == -signal.SIGKILL


@pytest.mark.ngspice
def test_real_points_are_those_of_this_machine(cluster, store):
    plan = plan_of('[base]\nfidelity = "reduced"\n[axes]\ncolumns = [2, 4]\n')
    run_sweep(plan, store, executor=Dask(run_point, cluster.address))
    for index, key in enumerate(plan.keys):
        expected = run_point(plan.parameters(index)).metrics
        metrics = store.point(key)["metrics"]
        for name in ("settling_time_median_s", "relative_error_max", "power_total_w"):
            assert metrics[name] == expected[name]


def test_a_scheduler_that_dies_ends_the_sweep_and_what_is_done_is_kept(store, tmp_path):
    cluster = Cluster(tmp_path)
    try:
        cluster.worker("--no-nanny")
        executor = Dask(sweep_points.short, cluster.address)
        with pytest.raises(AmcspiceError, match="does not answer any more"):
            run_sweep(
                plan_of(MANY), store, executor=executor, observer=KillsAt(50, cluster.scheduler)
            )
        assert 50 <= store.counts()["done"] < 500
    finally:
        cluster.close()


def test_a_cluster_without_workers_is_not_waited_for_forever(store, tmp_path, monkeypatch):
    monkeypatch.setattr(dask_cluster, "WORKERS_WANTED", 1.0)
    cluster = Cluster(tmp_path)
    try:
        executor = Dask(sweep_points.trivial, cluster.address)
        with pytest.raises(AmcspiceError, match="has had no workers"):
            run_sweep(plan_of(MANY), store, executor=executor)
    finally:
        cluster.close()


def test_a_scheduler_that_is_not_there(monkeypatch):
    monkeypatch.setattr(cluster_of_tasks, "CONNECT_PATIENCE", 1.0)
    for address in ("tcp://127.0.0.1:9", "nonsense://x"):
        with pytest.raises(InputError, match="no Dask scheduler answers"):
            Dask(sweep_points.trivial, address)


def test_dask_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'amcspice\[dask\]'"):
        Dask(sweep_points.trivial, "tcp://127.0.0.1:9")
