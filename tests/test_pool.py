"""The pool: order, reports, errors, and the death of a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import amcspice as amc
from amcspice.pool import Pool, map_tasks


def square(task, report):
    time.sleep(0.05 * (3 - task % 3))
    report(task)
    return task * task, os.getpid()


def refuse(task, report):
    if task == 2:
        raise amc.SimulationError("no such luck", deck="d.cir", log="all of it")
    time.sleep(0.01)
    return task


def refuse_unpicklable(task, report):
    class LocalError(Exception):
        pass

    raise LocalError("inner")


def die(task, report):
    if task == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def die_at_first(task, report):
    """Kill this process, unless one died for the task before."""
    number, folder = task
    mark = Path(folder) / f"{number}"
    if number == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number**2


def nap(task, report):
    report(1)
    time.sleep(60)


def children():
    tracker = "resource_tracker"
    return [c for c in psutil.Process().children() if tracker not in " ".join(c.cmdline())]


@pytest.mark.parametrize("jobs", [1, 3])
def test_results_come_in_order_and_reports_add_up(jobs):
    heard = []
    results = map_tasks(square, range(5), jobs, heard.append)
    assert [value for value, _ in results] == [0, 1, 4, 9, 16]
    assert sum(heard) == 10
    assert len({process for _, process in results}) <= jobs
    assert (os.getpid() in {process for _, process in results}) == (jobs == 1)
    assert not children()


@pytest.mark.parametrize("jobs", [1, 2])
def test_error_arrives_with_its_fields(jobs):
    with pytest.raises(amc.SimulationError, match="no such luck") as caught:
        map_tasks(refuse, range(4), jobs)
    assert (caught.value.deck, caught.value.log) == ("d.cir", "all of it")
    assert not children()


def test_error_that_cannot_be_sent_arrives_by_its_text():
    with pytest.raises(RuntimeError, match="LocalError: inner"):
        map_tasks(refuse_unpicklable, range(2), 2)


def test_death_of_a_process_is_an_error_and_ends_the_others():
    started = time.monotonic()
    with pytest.raises(amc.SimulationError, match=r"killed \(exit code -9\).*memory"):
        map_tasks(die, range(2), 2)
    assert time.monotonic() - started < 30
    assert not children()


def test_death_of_a_process_costs_only_its_task_where_there_are_retries(tmp_path):
    tasks = [(number, str(tmp_path)) for number in range(5)]
    with Pool(2, retries=1) as pool:
        assert pool.map(die_at_first, tasks) == [0, 1, 4, 9, 16]
    assert (tmp_path / "1").exists()
    assert not children()
    with pytest.raises(amc.SimulationError, match="killed"), Pool(2, retries=1) as pool:
        pool.map(die, [1, 2])
    assert not children()


@pytest.mark.parametrize("retries", [0, 1])
def test_death_of_a_process_that_waits_costs_nothing_where_there_are_retries(retries):
    with Pool(2, retries) as pool:
        pool.start()
        for idle in children():
            idle.kill()
            while idle.status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.01)
        if retries:
            assert [value for value, _ in pool.map(square, range(5))] == [0, 1, 4, 9, 16]
            assert len(children()) == 2
        else:
            with pytest.raises(amc.SimulationError, match="killed"):
                pool.map(square, range(5))
    assert not children()


def test_exception_in_a_report_ends_every_process():
    def stop(_count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        map_tasks(nap, range(4), 2, stop)
    assert not children()


def test_a_pool_serves_several_functions_with_the_same_processes():
    with Pool(2) as pool:
        first = pool.map(square, range(4))
        second = pool.map(square, range(4))
        assert pool.map(refuse, range(2)) == [0, 1]
        assert {p for _, p in first} | {p for _, p in second} == {p for _, p in first}
    assert not children()


def test_a_pool_needs_a_process():
    with pytest.raises(amc.InputError, match="jobs = 0"):
        Pool(0)


UNGUARDED = """
import numpy as np
import amcspice as amc
import amcspice.pool
amcspice.pool.START = 0.0
A = np.random.default_rng(0).random((8, 3))
print("imported", flush=True)
try:
    amc.solve("nnls", A, A @ np.ones((3, 9000)), fidelity="behavioural", jobs=2)
except amc.InputError as error:
    print(error)
"""


def script(text, *words):
    command = [sys.executable, *map(str, words)]
    return subprocess.run(
        command, input=text if not words else None, capture_output=True, text=True, timeout=120
    )


def test_a_missing_guard_is_told_as_such(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(UNGUARDED)
    done = script(None, path)
    assert done.returncode == 0, done.stderr
    *imported, told = done.stdout.splitlines()
    assert set(imported) <= {"", *(k * "imported" for k in range(1, 9))}  # lines may run together
    assert 'put what the script does under `if __name__ == "__main__":`' in told
    assert "memory" not in told
    assert done.stderr == ""
    guarded = UNGUARDED.replace("print(", 'print("done:", ').replace("\n", "\n    ")
    path.write_text(f'if __name__ == "__main__":{guarded}')
    done = script(None, path)
    assert (done.stdout, done.stderr, done.returncode) == ("done: imported\n", "", 0)


def test_a_script_that_processes_cannot_import_is_told_as_such():
    done = script(UNGUARDED)  # from standard input: there is no file to import
    assert "a worker process could not begin: it imports the script" in done.stdout
    assert "memory" not in done.stdout


def here(task, report):
    begun = time.process_time()
    while time.process_time() - begun < task:
        pass
    return os.getpid()


def test_short_tasks_run_here_until_processes_pay(monkeypatch):
    monkeypatch.setattr("amcspice.pool.START", 1.0)
    with Pool(2) as pool:
        done = pool.map(here, [0.001] * 8, short=True)
        assert set(done) == {os.getpid()}
        assert not children()
        # The first one may load; the second shows that what is left takes longer than a start.
        first, second, *rest = pool.map(here, [0.5] * 8, short=True)
        assert {first, second} == {os.getpid()}
        assert len(set(rest) - {os.getpid()}) == 2
        # They are there now.
        assert os.getpid() not in pool.map(here, [0.001] * 4, short=True)
