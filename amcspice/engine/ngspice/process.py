"""The batch simulator: one ``ngspice -b`` process a deck, in a directory of its own."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import tempfile
from pathlib import Path

from amcspice.device import Compatibility
from amcspice.engine.ngspice.installation import Installation, find_installation
from amcspice.engine.ngspice.log import tells_of_error
from amcspice.engine.ngspice.rawfile import Plot, read_raw
from amcspice.engine.ngspice.simulator import Vectors, batch_command, check_result, failure
from amcspice.errors import SimulationError
from amcspice.netlist.deck import Deck

__all__ = ["BatchSimulator"]


class BatchSimulator:
    """Runs every deck in a process of its own."""

    name = "batch"

    def __init__(self, installation: Installation | None = None) -> None:
        self.installation = installation or find_installation()

    def run(self, deck: Deck, timeout: float | None = None) -> Vectors:
        """Run a deck; see `amcspice.engine.ngspice.simulator.Simulator`."""
        plots, log = self.run_text(deck.text, timeout, compat=deck.compat)
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

        Raises
        ------
        SimulationError
            If ngspice fails, hangs, tells of an error or leaves no complete raw file.
        """
        failed = functools.partial(
            failure, text, installation=self.installation, folder=folder, compat=compat
        )
        with tempfile.TemporaryDirectory(prefix="amcspice-") as temporary:
            path, raw = Path(temporary) / "deck.cir", Path(temporary) / "out.raw"
            path.write_text(text, encoding="utf-8")
            command = batch_command(self.installation, path, raw, compat)
            try:
                code, log = self._execute(command, folder or path.parent, timeout)
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

    def _execute(self, command: list[str], folder: Path, timeout: float | None) -> tuple[int, str]:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.installation.environment,
            cwd=folder,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            log, _ = process.communicate(timeout=timeout)
        finally:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        return process.returncode, log
