"""The outcomes of a run on their way into the store, and who is told of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from amcspice.files import replacing, writable_folder
from amcspice.sweep.outcome import Outcome
from amcspice.sweep.store.store import Store

__all__ = ["Observer", "OutcomeWriter"]

WRITE_EVERY = 0.5
"""Seconds between transactions."""


class Observer(Protocol):
    """Is told how a sweep goes on."""

    def on_start(self, total: int, done: int) -> None:
        """Hear how many points there are, and how many were finished before."""
        ...

    def on_running(self, count: int) -> None:
        """Hear how many points are being run."""
        ...

    def on_result(self, result: Outcome) -> None:
        """Hear of a finished or failed point."""
        ...


class OutcomeWriter:
    """Collects outcomes, tells the observer of them and writes them now and then.

    Parameters
    ----------
    store : Store
    observer : Observer, optional

    Attributes
    ----------
    pending : list of Outcome
        Outcomes that are not written yet.
    done, failed : int
        Number of points that were taken in.
    """

    def __init__(self, store: Store, observer: Observer | None) -> None:
        self._store, self._observer = store, observer
        self._due = time.monotonic() + WRITE_EVERY
        self.pending: list[Outcome] = []
        self.done = self.failed = 0

    def due_in(self) -> float:
        """Return the time until the next transaction [s]."""
        return max(self._due - time.monotonic(), 0.0)

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Take outcomes in and tell the observer of them."""
        for outcome in outcomes:
            stored = _keep_deck(self._store, outcome) if outcome.deck is not None else outcome
            self.pending.append(stored)
            if stored.status == "done":
                self.done += 1
            else:
                self.failed += 1
            if self._observer is not None:
                self._observer.on_result(stored)

    def write(self) -> None:
        """Write what was noted."""
        if self.pending:
            self._store.write(self.pending)
            self.pending.clear()
        self._due = time.monotonic() + WRITE_EVERY


def _keep_deck(store: Store, outcome: Outcome) -> Outcome:
    """Put the deck of a failed point beside the store."""
    assert outcome.deck is not None
    folder = writable_folder(store.path.with_name(f"{store.path.name}.failed"))
    path = folder / f"{outcome.key}.cir"
    with replacing(path) as temporary:
        temporary.write_text(outcome.deck)
    return replace(outcome, deck=str(path))
