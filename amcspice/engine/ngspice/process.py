"""The batch simulator: one ``ngspice -b`` process a deck, in a directory of its own."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import re
import selectors
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO

from amcspice.device import Compatibility
from amcspice.engine.headway import tell
from amcspice.engine.ngspice.installation import Installation, find_installation
from amcspice.engine.ngspice.log import tells_of_error
from amcspice.engine.ngspice.rawfile import Plot, read_raw
from amcspice.engine.ngspice.simulator import (
    Vectors,
    batch_command,
    check_result,
    failure,
    refuse_compiled,
)
from amcspice.errors import SimulationError
from amcspice.netlist.deck import Deck

__all__ = ["BatchSimulator"]

_LIFE_SIGN = 0.25
"""Seconds after which something is told in any case."""

_SIMULATED = re.compile(rb"Reference value : +([\d.e+-]+)\r")
"""What ngspice prints of the simulated time [s], some times a second."""

_LINE = 40
"""Bytes of that, which may come in two parts."""


class BatchSimulator:
    """Runs every deck in a process of its own."""

    name = "batch"

    def __init__(self, installation: Installation | None = None) -> None:
        self.installation = installation or find_installation()

    def run(self, deck: Deck, timeout: float | None = None) -> Vectors:
        """Run a deck; see `amcspice.engine.ngspice.simulator.Simulator`."""
        plots, log = self.run_text(deck.text, timeout, stop_time=deck.stop_time, compat=deck.compat)
        vectors = plots[-1].vectors
        problem = check_result(deck, vectors)
        if problem:
            raise failure(deck.text, problem, log, self.installation, compat=deck.compat)
        return vectors

    def run_text(
        self,
        text: str,
        timeout: float | None = None,
        *,
        folder: Path | None = None,
        compat: Compatibility = None,
        stop_time: float | None = None,
    ) -> tuple[list[Plot], str]:
        """Run any deck with dot-cards and return its plots and log.

        Parameters
        ----------
        text : str
        timeout : float, optional
            [s].
        folder : Path, optional
            Where files that models name are sought; None is an empty folder.
        compat : {"ps", "lt", "psa", "ltpsa"}, optional
            Whose syntax it has: ngspice's variable ``ngbehavior``.
        stop_time : float, optional
            Of its transient [s], to say how far that is.

        Raises
        ------
        SimulationError
            If ngspice fails, hangs, tells of an error or leaves no complete raw file.
        UnsupportedError
            If it cannot load a compiled model.
        """
        refuse_compiled(text, self.installation)
        failed = functools.partial(
            failure, text, installation=self.installation, folder=folder, compat=compat
        )
        with tempfile.TemporaryDirectory(prefix="amcspice-") as temporary:
            path, raw = Path(temporary) / "deck.cir", Path(temporary) / "out.raw"
            path.write_text(text, encoding="utf-8")
            command = batch_command(self.installation, path, raw, compat)
            try:
                code, log = self._execute(command, folder or path.parent, timeout, stop_time)
            except subprocess.TimeoutExpired:
                raise failed(f"ngspice took longer than {timeout:g} s", "") from None
            if code != 0:
                raise failed(f"ngspice ended with exit code {code}", log)
            try:
                plots = read_raw(raw)
            except SimulationError as error:
                raise failed(error.cause, log) from None
        if not plots:
            raise failed("ngspice wrote no plot", log)
        if tells_of_error(log):
            raise failed("ngspice ended as if nothing had happened", log)
        return plots, log

    def _execute(
        self, command: list[str], folder: Path, timeout: float | None, stop_time: float | None
    ) -> tuple[int, str]:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.installation.environment,
            cwd=folder,
            start_new_session=True,
        )
        assert process.stdout is not None
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            log = _listen(process.stdout, deadline, stop_time)
            process.wait(None if deadline is None else max(deadline - time.monotonic(), 0.0))
        finally:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()
        return process.returncode, log


def _listen(stream: IO[bytes], deadline: float | None, stop_time: float | None) -> str:
    """Return all that a process prints, and tell how far its transient is meanwhile.

    Raises
    ------
    subprocess.TimeoutExpired
        If it goes on after the deadline.
    """
    printed, fraction = bytearray(), 0.0
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while True:
            left = math.inf if deadline is None else deadline - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired("ngspice", left)
            block = b""
            if selector.select(min(left, _LIFE_SIGN)):
                block = os.read(stream.fileno(), 65536)
                if not block:
                    return re.sub("\r\n?", "\n", printed.decode(errors="replace"))
            printed += block
            if (
                block
                and stop_time
                and (simulated := _SIMULATED.findall(printed, len(printed) - 200))
            ):
                fraction = float(simulated[-1]) / stop_time
            tell(fraction)
