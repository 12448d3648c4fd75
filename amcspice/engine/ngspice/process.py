"""The batch simulator: one ``ngspice -b`` process a deck, in a directory of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from pathlib import Path

from amcspice.engine.ngspice.installation import Installation, find_installation
from amcspice.engine.ngspice.rawfile import Plot, read_raw
from amcspice.engine.ngspice.simulator import Vectors, check_result, failure
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
        plots, log = self.run_text(deck.text, timeout)
        vectors = plots[-1].vectors
        problem = check_result(deck, vectors)
        if problem:
            raise failure(deck.text, problem, log, self.installation)
        return vectors

    def run_text(self, text: str, timeout: float | None = None) -> tuple[list[Plot], str]:
        """Run any deck with dot-cards and return its plots and log.

        Raises
        ------
        SimulationError
            If ngspice fails, hangs or leaves no complete raw file.
        """
        with tempfile.TemporaryDirectory(prefix="amcspice-") as folder:
            path, raw = Path(folder) / "deck.cir", Path(folder) / "out.raw"
            path.write_text(text)
            code, log = self._execute(text, path, raw, timeout)
            if code != 0:
                raise failure(text, f"ngspice ended with exit code {code}", log, self.installation)
            try:
                plots = read_raw(raw)
            except SimulationError as error:
                raise failure(text, error.cause, log, self.installation) from None
        if not plots:
            raise failure(text, "ngspice wrote no plot", log, self.installation)
        return plots, log

    def _execute(self, text: str, path: Path, raw: Path, timeout: float | None) -> tuple[int, str]:
        command = [self.installation.executable, "-n", "-b", "-r", str(raw), str(path)]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.installation.environment,
            cwd=path.parent,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            log, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise failure(
                text, f"ngspice took longer than {timeout:g} s", "", self.installation
            ) from None
        finally:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        return process.returncode, log
