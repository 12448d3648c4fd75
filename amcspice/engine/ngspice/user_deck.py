"""Decks that someone else wrote: made ready for the batch simulator, run and checked.

ngspice runs in another folder than the deck's, writes a raw file, and takes its exit code from
the dot-cards.  So paths of includes become absolute, and a ``.control`` block, whose ``quit``
would prevent the raw file, becomes a comment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from amcspice.engine.ngspice.process import BatchSimulator
from amcspice.engine.ngspice.simulator import Vectors, failure
from amcspice.errors import InputError
from amcspice.files import spice_text
from amcspice.netlist.listing import WINDOW_LINE
from amcspice.netlist.subcircuit import absolute_include

__all__ = ["UserDeck", "read_deck", "run_deck"]

_SKIPPED = re.compile(r"^\s*\.(?:meas|measure|print|plot|four)\b", re.IGNORECASE)
_LOOKS_LIKE_A_CARD = re.compile(
    r"^(?:\.(?!title\b)[a-z]+\b|[rcl]\w*\s+\S+\s+\S+\s+[\d.{]|"
    r"[vi]\w*\s+\S+\s+\S+\s+(?:[\d.]|dc\b|pwl\b|pulse\b|sin\b))",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"^([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(meg|mil|[tgkmunpf])?", re.IGNORECASE
)
_SUFFIXES = {
    "t": 1e12,
    "g": 1e9,
    "meg": 1e6,
    "k": 1e3,
    "mil": 25.4e-6,
    "m": 1e-3,
    "u": 1e-6,
    "n": 1e-9,
    "p": 1e-12,
    "f": 1e-15,
}


@dataclass(frozen=True)
class UserDeck:
    """A deck ready to run.

    Parameters
    ----------
    path : Path
        Where it was read from.
    text : str
        Text as the simulator gets it.
    notes : tuple of str
        What the reader should know of how it is run.
    stop_time : float, optional
        Stop time of the ``.tran`` card [s]; None where it is an expression.
    window : float, optional
        Time between input steps [s], from the header of a listing; None is one step.
    """

    path: Path
    text: str
    notes: tuple[str, ...]
    stop_time: float | None
    window: float | None


def read_deck(path: Path) -> UserDeck:
    """Read a deck with a ``.tran`` card.

    Raises
    ------
    InputError
        If the file cannot be read, is no deck, or has no ``.tran`` card.
    """
    lines = _read(path).splitlines()
    notes = []
    if _LOOKS_LIKE_A_CARD.match(lines[0].strip()):
        notes.append(f"the first line is the title and nothing else: {lines[0].strip()!r}")
    in_control = _control_lines(lines)
    if any(in_control):
        notes.append("the .control block is left out: a raw file is written instead")
    cards = [line for line, inside in zip(lines[1:], in_control[1:], strict=True) if not inside]
    if any(map(_SKIPPED.match, cards)):
        notes.append(".meas, .print, .plot and .four cards are skipped")
    stop_time = _stop_time(path, lines, cards)
    runnable_lines = [
        f"* {line}" if inside else absolute_include(line, path.resolve().parent)
        for line, inside in zip(lines, in_control, strict=True)
    ]
    stepped = re.search(rf"^\*.*{WINDOW_LINE}([\d.e+-]+) s", "\n".join(lines), re.MULTILINE)
    window = float(stepped.group(1)) if stepped else None
    return UserDeck(path, "\n".join(runnable_lines) + "\n", tuple(notes), stop_time, window)


def run_deck(
    deck: UserDeck, simulator: BatchSimulator, timeout: float | None = None
) -> tuple[Vectors, str]:
    """Run a deck and return the vectors of its transient, and the log.

    Raises
    ------
    SimulationError
        If ngspice fails or takes longer than ``timeout`` seconds, or if the transient is
        missing, incomplete or not finite.
    """
    plots, log = simulator.run_text(deck.text, timeout, deck.stop_time)
    transients = [plot.vectors for plot in plots if "time" in plot.vectors]
    problem = _check(transients[-1] if transients else {}, deck.stop_time)
    if problem:
        raise failure(deck.text, problem, log, simulator.installation)
    return transients[-1], log


def _check(vectors: Vectors, stop_time: float | None) -> str | None:
    time = vectors.get("time")
    if time is None or len(time) < 2:
        return "the transient gave no points"
    if stop_time is not None and time[-1] < stop_time * (1 - 1e-9):
        return f"the transient stopped at {time[-1]:.3g} s of {stop_time:.3g} s"
    for name, values in vectors.items():
        if not np.isfinite(values).all():
            return f"vector {name} is not finite over the whole transient"
    return None


def _read(path: Path) -> str:
    if not path.is_file():
        raise InputError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    text = spice_text(content)
    if "\0" in text or not text.strip():
        raise InputError(f"{path}: not a SPICE deck ({'binary' if text.strip() else 'empty'})")
    return text


def _control_lines(lines: list[str]) -> list[bool]:
    """Whether each line belongs to a ``.control`` block, its first and last line included."""
    in_control, inside = [], False
    for line in lines:
        word = line.strip().lower().partition(" ")[0]
        inside = inside or word == ".control"
        in_control.append(inside)
        inside = inside and word != ".endc"
    return in_control


def _stop_time(path: Path, lines: list[str], cards: list[str]) -> float | None:
    """Return the stop time of the ``.tran`` card."""
    joined = re.sub(r"\n(?:[ \t]*\*[^\n]*\n)*[ \t]*\+", " ", "\n".join(cards))
    card = re.search(r"^[ \t]*\.tran[ \t]+\S+[ \t]+(\S+)", joined, re.IGNORECASE | re.MULTILINE)
    if card is None:
        hint = ""
        if re.match(r"\s*\.tran\b", lines[0], re.IGNORECASE):
            hint = "; the first line of a deck is its title, so put one above"
        elif any(re.match(r"\s*tran\b", line, re.IGNORECASE) for line in lines):
            hint = "; a tran command inside .control does not count"
        raise InputError(
            f"{path}: not a deck with a transient: it has no .tran card with step and stop "
            f"time{hint}"
        )
    number = _NUMBER.match(card.group(1))
    if number is None or re.search(r"[{}']", card.group(0)):
        return None  # an expression: ngspice knows what it comes to
    return float(number.group(1)) * _SUFFIXES.get((number.group(2) or "").lower(), 1.0)
