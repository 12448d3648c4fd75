"""The protocol every simulator follows, and what counts as success.

Success is judged by the result, not by what was printed: the transient is there, it reaches its
stop time, every vector asked for is present and finite.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import tempfile
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from amcspice.device import Compatibility
from amcspice.engine.ngspice.installation import Installation
from amcspice.engine.ngspice.log import explain_failure
from amcspice.errors import SimulationError, UnsupportedError
from amcspice.files import replacing
from amcspice.netlist.deck import Deck

__all__ = [
    "Simulator",
    "Vectors",
    "batch_command",
    "check_result",
    "failure",
    "refuse_compiled",
]

Vectors = dict[str, NDArray[np.float64]]


class Simulator(Protocol):
    """Runs decks on one ngspice installation."""

    name: str
    installation: Installation

    def run(self, deck: Deck, timeout: float | None = None) -> Vectors:
        """Run a deck and return its vectors by normalised name.

        Raises
        ------
        SimulationError
            If the run fails or takes longer than ``timeout`` seconds.
        """
        ...


def refuse_compiled(deck_text: str, installation: Installation) -> None:
    """Refuse a deck with compiled models where ngspice cannot load them.

    Raises
    ------
    UnsupportedError
        If it cannot.
    """
    if "\npre_osdi " in deck_text and not installation.loads_compiled:
        raise UnsupportedError(
            f"compiled models (.osdi) cannot be loaded by ngspice {installation.version} "
            f"({installation.executable}), which was built without OSDI: use another one, such as "
            "ngspice 46 of Debian's backports, or give the cell as a SPICE sub-circuit"
        )


def check_result(deck: Deck, vectors: Vectors) -> str | None:
    """Return what is wrong with the result of a deck, or None."""
    time = vectors.get("time")
    if time is None or len(time) < 2:
        return "the transient gave no points"
    if time[-1] < deck.stop_time * (1 - 1e-9):
        return f"the transient stopped at {time[-1]:.3g} s of {deck.stop_time:.3g} s"
    for name in deck.saved:
        values = vectors.get(name)
        if values is None:
            return f"vector {name} is missing from the result"
        if len(values) != len(time) or not np.isfinite(values).all():
            return f"vector {name} is not finite over the whole transient"
    return None


def batch_command(
    installation: Installation, deck: Path, raw: Path, compat: Compatibility = None
) -> list[str]:
    """Return the command that runs a deck in batch mode and writes a raw file."""
    syntax = [] if compat is None else ["-D", f"ngbehavior={compat}"]
    return [installation.executable, "-n", *syntax, "-b", "-r", str(raw), str(deck)]


def failure(
    deck_text: str,
    cause: str,
    log: str,
    installation: Installation,
    *,
    folder: Path | None = None,
    compat: Compatibility = None,
) -> SimulationError:
    """Keep the deck of a failed run and return the error that names it."""
    kept = _keep(deck_text)
    command = shlex.join(batch_command(installation, kept, kept.with_suffix(".raw"), compat))
    if installation.script_directory:
        command = f"SPICE_LIB_DIR={shlex.quote(installation.script_directory)} {command}"
    if folder is not None:
        command = f"cd {shlex.quote(str(folder))} && {command}"
    told = explain_failure(log)
    return SimulationError(
        f"{told} ({cause})" if told else cause, deck=str(kept), command=command, log=log
    )


def _keep(deck_text: str) -> Path:
    folder = Path(
        os.environ.get("AMCSPICE_FAILED_DECKS")
        or Path(tempfile.gettempdir()) / f"amcspice-failed-{os.getuid()}"
    )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256(deck_text.encode()).hexdigest()[:12]
    path = folder / f"{digest}.cir"
    with replacing(path) as temporary:
        temporary.write_text(deck_text, encoding="utf-8")
    return path
