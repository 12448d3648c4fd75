"""Signals during a foreign call arrive after it, once, and only where there is a handler."""

from __future__ import annotations

import signal
import threading

import numpy as np
import pytest

import amcspice as amc
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
