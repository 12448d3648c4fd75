"""The simulators: where ngspice is found, what counts as success, what is left behind."""

import os
import pickle
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from oracles import random_problem

import amcspice as amc
from amcspice.engine import (
    BatchSimulator,
    Installation,
    SharedSimulator,
    find_installation,
    get_simulator,
)
from amcspice.engine.ngspice.simulator import check_result
from amcspice.errors import InputError, SimulationError
from amcspice.netlist import Deck

GOOD = """* RC low pass
V1 in 0 PWL(0 0 1e-9 1)
R1 in out 1000
C1 out 0 1e-9
.options reltol=1e-5
.save v(out) i(v1)
.tran 1e-8 5e-6 0 1e-8 uic
.end
"""
DECK = Deck(text=GOOD, saved=("out", "v1#branch"), stop_time=5e-6)
BROKEN = Deck(
    text=GOOD.replace("C1 out 0 1e-9", "X1 out 0 nowhere"), saved=("out",), stop_time=5e-6
)


@pytest.fixture
def fake(tmp_path):
    """Return a function that makes an ngspice out of shell lines."""

    def make(lines, banner="** ngspice-46 : Circuit level simulation program"):
        prefix = tmp_path / "fake"
        (prefix / "bin").mkdir(parents=True, exist_ok=True)
        script = prefix / "bin" / "ngspice"
        script.write_text(
            f'#!/bin/sh\nif [ "$1" = --version ]; then echo "{banner}"; exit 0; fi\n{lines}\n'
        )
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        return prefix

    return make


def children():
    """Processes that this one has started, zombies included."""
    return set(psutil.Process().children(recursive=True))


class TestInstallation:
    @pytest.mark.ngspice
    def test_what_is_installed(self):
        ngspice = find_installation()
        assert ngspice.version >= 39
        assert os.access(ngspice.executable, os.X_OK)
        assert ngspice.environment["OMP_NUM_THREADS"] == "1"
        log = subprocess.run(
            [ngspice.executable, "--version"], capture_output=True, text=True, check=False
        ).stdout
        assert f"ngspice-{ngspice.version}" in log
        assert ngspice.klu == ("KLU" in log)

    def test_prefix_that_does_not_exist(self, monkeypatch, tmp_path):
        monkeypatch.setenv("AMCSPICE_NGSPICE", str(tmp_path / "absent"))
        with pytest.raises(InputError) as caught:
            find_installation()
        message = str(caught.value)
        assert "AMCSPICE_NGSPICE" in message
        assert "scripts/install-ngspice.sh" in message
        assert "\n" not in message

    def test_nothing_on_the_path(self, monkeypatch, tmp_path):
        monkeypatch.delenv("AMCSPICE_NGSPICE", raising=False)
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(InputError, match="ngspice not found on this machine"):
            find_installation()

    def test_missing_ngspice_stops_a_run_with_the_same_message(self, monkeypatch, tmp_path):
        monkeypatch.setenv("AMCSPICE_NGSPICE", str(tmp_path / "absent"))
        with pytest.raises(InputError, match="ngspice not found"):
            amc.solve("nnls", [[1.0]], [1.0], analysis=amc.Analysis(simulator="batch"))

    def test_ideal_fidelity_needs_none(self, monkeypatch, tmp_path):
        monkeypatch.setenv("AMCSPICE_NGSPICE", str(tmp_path / "absent"))
        run = amc.solve("nnls", [[2.0]], [1.0], analysis=amc.Analysis(fidelity="ideal"))
        np.testing.assert_allclose(run.x, [0.5])

    def test_another_program_is_refused(self, monkeypatch, fake):
        monkeypatch.setenv("AMCSPICE_NGSPICE", str(fake("", banner="spice 3f5")))
        with pytest.raises(InputError, match="does not look like ngspice: 'spice 3f5"):
            find_installation()

    def test_file_that_cannot_be_executed_is_refused(self, monkeypatch, fake):
        prefix = fake("")
        (prefix / "bin" / "ngspice").chmod(0o644)
        monkeypatch.setenv("AMCSPICE_NGSPICE", str(prefix))
        with pytest.raises(InputError, match="ngspice not found in the folder"):
            find_installation()

    @pytest.mark.parametrize(
        ("version", "works"), [(39, True), (42, False), (43, False), (44, True)]
    )
    def test_versions_that_pyspice_cannot_drive(self, version, works):
        installation = Installation("ngspice", "libngspice.so.0", version, klu=False)
        assert installation.shared_works is works
        if not works:
            with pytest.raises(InputError, match=f"ngspice {version}; use the batch simulator"):
                SharedSimulator(installation)

    def test_without_a_library_batch_is_taken(self, monkeypatch, fake):
        monkeypatch.setenv("AMCSPICE_NGSPICE", str(fake("")))
        ngspice = find_installation()
        assert ngspice.library is None
        assert get_simulator().name == "batch"
        with pytest.raises(InputError, match="libngspice not found"):
            SharedSimulator(ngspice)

    def test_unknown_simulator(self):
        with pytest.raises(InputError, match="unknown simulator 'xyce'; choose shared or batch"):
            get_simulator("xyce")


VECTORS = {"time": np.linspace(0, 5e-6, 5), "out": np.ones(5), "v1#branch": np.ones(5)}


class TestSuccess:
    def test_good_result(self):
        assert check_result(DECK, VECTORS) is None

    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            ({"time": np.empty(0)}, "no points"),
            ({"time": np.linspace(0, 4e-6, 5)}, "stopped at 4e-06 s of 5e-06 s"),
            ({"out": np.array([1, 1, np.nan, 1, 1.0])}, "out is not finite"),
            ({"out": np.array([1, np.inf, 1, 1, 1.0])}, "out is not finite"),
            ({"out": np.ones(4)}, "out is not finite over the whole"),
        ],
    )
    def test_bad_result(self, change, problem):
        assert problem in check_result(DECK, {**VECTORS, **change})

    def test_missing_vectors(self):
        assert check_result(DECK, {}) == "the transient gave no points"
        without = {name: v for name, v in VECTORS.items() if name != "out"}
        assert check_result(DECK, without) == "vector out is missing from the result"


@pytest.mark.ngspice
class TestRuns:
    def test_known_circuit(self, simulator):
        vectors = simulator.run(DECK)
        assert set(vectors) >= {"time", "out", "v1#branch"}
        time, late = vectors["time"], vectors["time"] > 1e-7
        assert (np.diff(time) > 0).all()
        np.testing.assert_allclose(vectors["out"][late], 1 - np.exp(-time[late] / 1e-6), atol=1e-3)

    def test_both_simulators_give_the_same_numbers(self):
        shared, batch = (get_simulator(name).run(DECK) for name in ("shared", "batch"))
        for name in batch:
            np.testing.assert_allclose(shared[name], batch[name], rtol=0, atol=1e-12)

    def test_runs_do_not_disturb_each_other(self, simulator):
        first = simulator.run(DECK)
        other = Deck(GOOD.replace("1e-9\n.opt", "2e-9\n.opt"), DECK.saved, DECK.stop_time)
        assert not np.array_equal(simulator.run(other)["out"][-1], first["out"][-1])
        again = simulator.run(DECK)
        np.testing.assert_array_equal(again["out"], first["out"])

    def test_results_are_copies(self, simulator):
        first = simulator.run(DECK)
        kept = {name: values.copy() for name, values in first.items()}
        simulator.run(Deck(GOOD.replace("1000", "500"), DECK.saved, DECK.stop_time))
        for name, values in first.items():
            np.testing.assert_array_equal(values, kept[name])

    def test_failed_run_names_cause_deck_and_command(self, simulator, failed_decks):
        with pytest.raises(SimulationError) as caught:
            simulator.run(BROKEN)
        error = caught.value
        assert "sub-circuit not defined" in error.cause
        assert "nowhere" in error.cause
        assert Path(error.deck).parent == failed_decks
        assert Path(error.deck).read_text() == BROKEN.text
        assert error.deck in str(error)
        assert error.command in str(error)
        again = subprocess.run(
            error.command, shell=True, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        assert again.returncode != 0
        assert "nowhere" in (again.stdout + again.stderr)
        copy = pickle.loads(pickle.dumps(error))
        assert (str(copy), copy.deck, copy.log) == (str(error), error.deck, error.log)

    def test_the_next_run_after_a_failure_works(self, simulator):
        with pytest.raises(SimulationError):
            simulator.run(BROKEN)
        assert check_result(DECK, simulator.run(DECK)) is None

    def test_vector_that_does_not_exist(self, simulator):
        deck = Deck(GOOD, saved=("out", "elsewhere"), stop_time=5e-6)
        with pytest.raises(SimulationError, match="vector elsewhere is missing"):
            simulator.run(deck)

    def test_transient_that_stops_early(self, simulator):
        deck = Deck(GOOD, saved=("out",), stop_time=6e-6)
        with pytest.raises(SimulationError, match=r"stopped at 5e-06 s of 6e-06 s"):
            simulator.run(deck)

    def test_timeout(self, simulator):
        # Ten million points: many seconds, but no more memory than there is.
        endless = Deck(GOOD.replace("5e-6 0 1e-8", "0.1 0 1e-8"), saved=("out",), stop_time=0.1)
        before, started = children(), time.monotonic()
        with pytest.raises(SimulationError, match=r"took longer than 0\.5 s"):
            simulator.run(endless, timeout=0.5)
        assert time.monotonic() - started < 10
        assert children() == before
        assert check_result(DECK, simulator.run(DECK)) is None

    def test_batch_leaves_no_process_and_no_file(self, monkeypatch, tmp_path):
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(scratch))
        before = children()
        simulator = get_simulator("batch")
        for _ in range(3):
            simulator.run(DECK)
        with pytest.raises(SimulationError):
            simulator.run(BROKEN)
        assert children() == before
        assert list(scratch.iterdir()) == []

    def test_start_up_file_of_the_user_is_not_read(self, monkeypatch, tmp_path, batch):
        (tmp_path / ".spiceinit").write_text("echo start-up file was read\nquit 3\n")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.chdir(tmp_path)
        _, log = batch.run_text(GOOD)
        assert "start-up file" not in log
        program = (
            "from amcspice.engine import get_simulator\n"
            "from amcspice.netlist import Deck\n"
            "import os, sys\n"
            "found = get_simulator('shared').run(Deck(sys.argv[1], ('out',), 5e-6))\n"
            "print(len(found['time']), os.environ['HOME'], os.getcwd())\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, GOOD], capture_output=True, text=True, check=True
        )
        points, home, here = done.stdout.split()
        assert int(points) > 100
        assert home == here == str(tmp_path)

    def test_shared_simulator_is_one_a_process(self):
        assert SharedSimulator.instance() is SharedSimulator.instance() is get_simulator("shared")

    def test_threads_take_turns(self):
        simulator, results = get_simulator("shared"), []
        threads = [
            threading.Thread(target=lambda: results.append(simulator.run(DECK))) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(results) == 4
        for vectors in results[1:]:
            np.testing.assert_array_equal(vectors["out"], results[0]["out"])


class TestHangingProcess:
    @pytest.fixture
    def grandchild(self, monkeypatch, fake, tmp_path):
        """Install an ngspice that starts another process and waits; return how to find that."""
        path = tmp_path / "pid"
        monkeypatch.setenv("AMCSPICE_NGSPICE", str(fake(f"sleep 300 & echo $! > {path}; wait")))

        def gone():
            deadline = time.monotonic() + 5
            while psutil.pid_exists(int(path.read_text())) and time.monotonic() < deadline:
                if psutil.Process(int(path.read_text())).status() == psutil.STATUS_ZOMBIE:
                    return True
                time.sleep(0.02)
            return not psutil.pid_exists(int(path.read_text()))

        return gone

    def test_timeout_kills_the_whole_group(self, grandchild):
        before, started = children(), time.monotonic()
        with pytest.raises(SimulationError) as caught:
            BatchSimulator().run(DECK, timeout=0.5)
        assert time.monotonic() - started < 5
        assert children() == before
        assert grandchild()
        assert "took longer than 0.5 s" in caught.value.cause
        assert Path(caught.value.deck).read_text() == GOOD

    def test_interrupt_kills_the_whole_group(self, grandchild):
        simulator, before = BatchSimulator(), children()
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            simulator.run(DECK, timeout=60)
        assert time.monotonic() - started < 10
        assert children() == before
        assert grandchild()

    def test_silent_failure_is_a_failure(self, monkeypatch, fake):
        monkeypatch.setenv("AMCSPICE_NGSPICE", str(fake("exit 0")))
        with pytest.raises(SimulationError, match="no raw file was written"):
            BatchSimulator().run(DECK)
        monkeypatch.setenv("AMCSPICE_NGSPICE", str(fake("exit 7")))
        with pytest.raises(SimulationError, match="exit code 7"):
            BatchSimulator().run(DECK)
        monkeypatch.setenv("AMCSPICE_NGSPICE", str(fake(': > "$4"; exit 0')))
        with pytest.raises(SimulationError, match="wrote no plot"):
            BatchSimulator().run(DECK)


MEMORY = """
import gc, sys
import numpy as np, psutil
import amcspice as amc

A, b = np.random.default_rng(0).random((16, 4)), np.ones(16)
circuit = amc.CompactGINV(A, constraint=amc.NonNegative())
process = psutil.Process()

def solve(count):
    for _ in range(count):
        amc.simulate(circuit, b, simulator="shared", keep_waveforms=False)
    gc.collect()
    return process.memory_info().rss / 1e6

before = solve(50)
print(solve(500) - before)
"""


@pytest.mark.ngspice
@pytest.mark.slow
def test_five_hundred_shared_runs_do_not_grow(measured):
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True, timeout=240
    )
    growth = float(done.stdout)
    measured("growth of 500 runs [MB]", growth)
    assert growth < 20


@pytest.mark.ngspice
def test_failed_simulation_inside_solve_keeps_the_deck(failed_decks):
    """A window that the simulator cannot finish in time: the error comes through unchanged."""
    A, b = random_problem(0)
    analysis = amc.Analysis(timeout=0.05, fidelity="flat", max_step=1e-13, simulator="batch")
    with pytest.raises(SimulationError, match=r"took longer than 0\.05 s") as caught:
        amc.solve("nnls", A, b, analysis=analysis)
    assert Path(caught.value.deck).read_text().startswith("* amcspice ginv-compact 32x8, flat")
