"""The shared simulator: libngspice inside this process, driven through PySpice.

PySpice's low-level class treats every unknown line on stderr as a failure and never frees a
circuit.  The subclass here only collects lines (success is judged by the result), and each run
ends by destroying plots, circuit and command history.  A run goes on ngspice's own thread, so
that it can be interrupted and timed out.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import logging
import os
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from amcspice.engine.headway import tell
from amcspice.engine.interrupts import signals_deferred
from amcspice.engine.ngspice.installation import Installation, find_installation
from amcspice.engine.ngspice.rawfile import normalise
from amcspice.engine.ngspice.simulator import Vectors, check_result, failure, refuse_compiled
from amcspice.errors import InputError, SimulationError
from amcspice.netlist.deck import Deck

__all__ = ["SharedSimulator"]

_HALT_PATIENCE = 10.0
"""Seconds that a halted run may take to stop."""

_SIMULATED = re.compile(r"tran: ([\d.]+)%")
"""What ngspice says of a transient, some times a second."""


class SharedSimulator:
    """Runs decks in libngspice; there is one a process, see `SharedSimulator.instance`."""

    name = "shared"

    def __init__(self, installation: Installation) -> None:
        if installation.library is None:
            raise InputError(
                "libngspice not found: run scripts/install-ngspice.sh, or use the batch simulator"
            )
        if not installation.shared_works:
            raise InputError(
                f"PySpice cannot drive the shared library of ngspice {installation.version}; "
                "use the batch simulator"
            )
        self.installation = installation
        with signals_deferred():
            self._spice = _load(installation)
        self._lock = threading.Lock()

    @classmethod
    def instance(cls) -> SharedSimulator:
        """Return the one instance of this process."""
        return _instance(os.getpid())

    def run(self, deck: Deck, timeout: float | None = None) -> Vectors:
        """Run a deck; see `amcspice.engine.ngspice.simulator.Simulator`."""
        refuse_compiled(deck.text, self.installation)
        with self._lock, signals_deferred() as pending:
            self._spice.lines.clear()
            if deck.compat is not None:
                self._spice.exec_command(f"set ngbehavior={deck.compat}")
            try:
                problem = self._start_and_wait(deck, timeout, pending)
                vectors = {} if problem else self._spice.copied_vectors()
            finally:
                log = "\n".join(self._spice.lines)
                self._clean_up()
                if deck.compat is not None:
                    self._spice.exec_command("unset ngbehavior")
        problem = problem or check_result(deck, vectors)
        if problem:
            raise failure(deck.text, problem, log, self.installation, compat=deck.compat)
        return vectors

    def _start_and_wait(self, deck: Deck, timeout: float | None, pending: list[int]) -> str | None:
        spice = self._spice
        if not spice.load(deck.text):
            return "ngspice could not load the deck"
        spice.finished.clear()
        spice.fraction = 0.0
        try:
            spice.exec_command("bg_run")
        except NameError:
            return "ngspice could not start the run"
        problem: str | None = "not finished"
        try:
            problem = self._wait(timeout, pending)
        finally:  # whatever ended the wait, nothing is cleared under a run that goes on
            if problem:
                self._halt()
        return problem

    def _wait(self, timeout: float | None, pending: list[int]) -> str | None:
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._spice.finished.wait(0.05):
            tell(self._spice.fraction)
            if pending:
                return "interrupted"
            if deadline is not None and time.monotonic() > deadline:
                return f"ngspice took longer than {timeout:g} s"
        return None

    def _halt(self) -> None:
        self._spice.exec_command("bg_halt")
        if not self._spice.finished.wait(_HALT_PATIENCE):
            raise SimulationError("libngspice does not stop; restart the program")

    def _clean_up(self) -> None:
        for command in ("destroy all", "remcirc"):
            self._spice.exec_command(command)
        self._spice.forget_history()


@functools.cache
def _instance(_process: int) -> SharedSimulator:
    return SharedSimulator(find_installation())


def _load(installation: Installation) -> Any:
    """Load libngspice with PySpice's class, taught to collect output only."""
    from PySpice.Spice.NgSpice import Shared as pyspice_shared  # noqa: N813

    if installation.script_directory:
        os.environ["SPICE_LIB_DIR"] = installation.script_directory

    class CollectingShared(pyspice_shared.NgSpiceShared):  # type: ignore[misc]
        LIBRARY_PATH = installation.library

        def __init__(self) -> None:
            self.lines: list[str] = []
            self.finished = threading.Event()
            self.fraction = 0.0  # of the transient's time
            super().__init__()

        @staticmethod
        def _send_char(message: Any, _identity: int, user_data: Any) -> int:
            self = pyspice_shared.ffi.from_handle(user_data)
            text = pyspice_shared.ffi_string_utf8(message)
            stream, _, content = text.partition(" ")
            self.lines.append(content)
            if stream == "stdout":
                self._stdout.append(content)
            return 0

        @staticmethod
        def _send_stat(message: Any, _identity: int, user_data: Any) -> int:
            simulated = _SIMULATED.match(pyspice_shared.ffi_string_utf8(message))
            if simulated:
                pyspice_shared.ffi.from_handle(user_data).fraction = float(simulated[1]) / 100
            return 0

        @staticmethod
        def _background_thread_running(not_running: bool, _identity: int, user_data: Any) -> int:
            if not_running:
                pyspice_shared.ffi.from_handle(user_data).finished.set()
            return 0

        def load(self, deck_text: str) -> bool:
            """Hand a deck over, all lines in one piece of memory; return whether it was taken."""
            ffi = pyspice_shared.ffi
            text = ffi.new("char[]", deck_text.encode().replace(b"\n", b"\0"))
            codes = np.frombuffer(ffi.buffer(text), np.uint8)
            begins = np.append(0, np.flatnonzero(codes == 0)[:-1] + 1)
            # No empty line but the last one, which ngspice wants.
            lines = np.append(begins[codes[begins] != 0], len(codes) - 1)
            addresses = np.append(int(ffi.cast("intptr_t", text)) + lines, 0)
            pointers = ffi.cast("char **", ffi.from_buffer(addresses))
            return bool(self._ngspice_shared.ngSpice_Circ(pointers) == 0)

        def copied_vectors(self) -> Vectors:
            """Return copies of the vectors of the last transient; PySpice's own are slow."""
            library, ffi = self._ngspice_shared, pyspice_shared.ffi
            plot = next((name for name in self.plot_names if name.startswith("tran")), None)
            if plot is None:
                return {}
            names, vectors = library.ngSpice_AllVecs(plot.encode()), {}
            for name in itertools.takewhile(bool, map(names.__getitem__, itertools.count())):
                label = ffi.string(name)
                vector = library.ngGet_Vec_Info(plot.encode() + b"." + label)
                values = ffi.buffer(vector.v_realdata, 8 * vector.v_length)
                vectors[normalise(label.decode())] = np.frombuffer(values).copy()
            return vectors

        def forget_history(self) -> None:
            self._ngspice_shared.ngSpice_Command(pyspice_shared.FFI.NULL)

    logger = CollectingShared._logger
    harmless = _Without("Unsupported Ngspice version")
    logger.addFilter(harmless)
    try:
        with _without_start_up_file():
            shared = CollectingShared()
    except OSError as error:
        raise InputError(f"libngspice cannot be loaded: {error}") from None
    finally:
        logger.removeFilter(harmless)
    # It would open and read /proc/meminfo at every time point.
    shared.exec_command("set no_mem_check")
    return shared


@contextlib.contextmanager
def _without_start_up_file() -> Iterator[None]:
    """Hide the user's ``.spiceinit``: results must not depend on one.

    ngspice reads it from the working directory or the home directory, and the library call
    that should prevent it crashes ngspice 46 when made before initialisation.
    """
    home, here = os.environ.get("HOME"), os.getcwd()
    with tempfile.TemporaryDirectory(prefix="amcspice-") as empty:
        os.environ["HOME"] = empty
        os.chdir(empty)
        try:
            yield
        finally:
            os.chdir(here)
            if home is None:
                del os.environ["HOME"]
            else:
                os.environ["HOME"] = home


class _Without(logging.Filter):
    """Drops log records that contain a text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def filter(self, record: logging.LogRecord) -> bool:
        return self._text not in record.getMessage()
