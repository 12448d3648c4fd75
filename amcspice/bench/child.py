"""Running a function in a process of its own, which reports how much memory it took.

Two reasons: PySpice can load libngspice only once a process, and the peak memory of a process
holds everything that ran in it before.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amcspice.errors import SimulationError

__all__ = ["Answer", "run_in_child"]


@dataclass(frozen=True)
class Answer:
    """What a child returns.

    Parameters
    ----------
    result : object
        Result of the function, as JSON gives it.
    peak_memory : float, optional
        Peak memory of the process, interpreter and libraries included [bytes]; None: unknown.
    """

    result: Any
    peak_memory: float | None


def run_in_child(function: str, **arguments: Any) -> Answer:
    """Run a function in a new process.

    Parameters
    ----------
    function : str
        ``module:function``.
    **arguments
        Whatever JSON can carry.

    Raises
    ------
    SimulationError
        If the function fails, with the last line that it printed.
    """
    process = subprocess.run(
        [sys.executable, "-c", "from amcspice.bench.child import main; main()", function],
        input=json.dumps(arguments),
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        last = (process.stderr.strip().splitlines() or ["no message"])[-1]
        raise SimulationError(f"{function} ended with exit code {process.returncode}: {last}")
    reply = json.loads(process.stdout.splitlines()[-1])
    return Answer(reply["result"], reply["peak_memory"])


def _peak_memory() -> float | None:
    # Not getrusage: its figure includes the parent at the time of the fork.
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024.0 * int(line.split()[1])
    return None


def main() -> None:
    """Serve one call: arguments on standard input, answer as the last line of output."""
    module, _, name = sys.argv[1].partition(":")
    result = getattr(importlib.import_module(module), name)(**json.load(sys.stdin))
    print()
    print(json.dumps({"result": result, "peak_memory": _peak_memory()}))
