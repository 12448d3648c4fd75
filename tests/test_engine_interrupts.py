"""Signals during a foreign call arrive after it, once, and only where there is a handler."""

from __future__ import annotations

import signal
import threading
import time

import numpy as np
import pytest
from oracles import random_problem

import amcspice as amc
from amcspice.engine import Batch, Drive, Integrator
from amcspice.engine.interrupts import signals_deferred


def test_interrupt_is_delivered_after_the_block():
    reached = []

    def foreign_call():
        with signals_deferred() as pending:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            reached.extend(pending)

    with pytest.raises(KeyboardInterrupt):
        foreign_call()
    assert reached == [signal.SIGINT, signal.SIGINT]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_nothing_happens_in_another_thread():
    seen = []

    def other():
        with signals_deferred() as pending:
            seen.append(pending)

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert seen == [[]]


@pytest.mark.ngspice
def test_interrupted_shared_run_stops_at_once_and_the_next_one_works():
    A = np.random.default_rng(0).random((32, 8))
    circuit = amc.CompactGINV(A)
    amc.simulate(circuit, A[:, 0], simulator="shared")  # imports: an interrupt would break them
    timer = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        amc.simulate(circuit, A[:, :1] * np.ones(2000), simulator="shared", max_step=1e-11)
    assert not timer.is_alive()
    assert amc.simulate(circuit, A[:, 0], simulator="shared").settled.all()


def behavioural_run(vectors):
    """Return a run of the compiled kernel in one call."""
    A, b = random_problem(1, rows=64, columns=24, vectors=vectors)
    circuit = amc.ClassicGINV(A, constraint=amc.NonNegative(), opamp=amc.OpAmp(gain=1e5))
    batch = Batch.of([circuit])
    drive = Drive.of(batch, [circuit.schematic.currents(b.T, 0.5)])
    engine = Integrator(batch, longest=np.ones(1), chunk=vectors)
    return lambda: list(engine.run(drive))


@pytest.mark.parametrize("raised", [KeyboardInterrupt, SystemExit])
def test_compiled_code_stops_at_a_signal(raised):
    arrived = []

    def handle(_number, _frame):
        arrived.append(time.perf_counter())
        raise raised

    behavioural_run(1)()
    run = behavioural_run(4000)
    previous = signal.signal(signal.SIGINT, handle)
    timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
    try:
        timer.start()
        with pytest.raises(raised):
            run()
        ended = time.perf_counter()
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, previous)
    assert len(arrived) == 1
    assert ended - arrived[0] < 0.5


def test_compiled_code_lets_other_threads_run():
    run, ticks, done = behavioural_run(10), [], threading.Event()

    def tick():
        while not done.wait(0.001):
            ticks.append(time.perf_counter())

    thread = threading.Thread(target=tick)
    thread.start()
    began = time.perf_counter()
    run()
    ended = time.perf_counter()
    done.set()
    thread.join()
    assert sum(began < at < ended for at in ticks) > 3
