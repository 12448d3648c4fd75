"""Decks that someone else wrote: made ready for the batch simulator, run and checked.

ngspice runs in the folder of the deck, where its models find their files, writes a raw file and
takes its exit code from the dot-cards.  Commands (``.control``), whose ``quit`` would prevent the
raw file, become comments; see `amcspice.netlist.commands` for what is made of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from amcspice.device import Compatibility
from amcspice.engine.ngspice.log import warnings_in
from amcspice.engine.ngspice.process import BatchSimulator
from amcspice.engine.ngspice.rawfile import normalise
from amcspice.engine.ngspice.simulator import Vectors, failure
from amcspice.errors import InputError
from amcspice.netlist.commands import Commands, read_commands
from amcspice.netlist.listing import WINDOW_LINE
from amcspice.netlist.listing_reader import Listing, read_listing
from amcspice.netlist.source import Line, read_lines

__all__ = ["DeckRun", "UserDeck", "read_deck", "run_deck"]

_CARD = re.IGNORECASE | re.MULTILINE
_SKIPPED = re.compile(r"^\s*\.(?:meas|measure|print|plot|four)\b", re.IGNORECASE)
_INCLUDES = re.compile(r"^\s*\.(?:inc|lib)", re.IGNORECASE)
_LOOKS_LIKE_A_CARD = re.compile(
    r"^(?:\.(?!title\b)[a-z]+\b|[rcl]\w*\s+\S+\s+\S+\s+[\d.{]|"
    r"[vi]\w*\s+\S+\s+\S+\s+(?:[\d.]|dc\b|pwl\b|pulse\b|sin\b))",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(meg|mil|[tgkmunpf](?![a-z]*\d)|s?$)",
    re.IGNORECASE,
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
        Stop time of its only ``.tran`` card [s]; None where ngspice alone knows it.
    window : float, optional
        Time between input steps [s], from the header of a listing; None is one step.
    compat : {"ps", "lt", "psa", "ltpsa"}, optional
        Whose syntax it has, see `amcspice.engine.ngspice.process.BatchSimulator.run_text`.
    saved : tuple of str
        What its ``.save`` cards name, normalised.
    listing : Listing, optional
        How it reads its solution, if ``amcspice generate`` wrote it.
    """

    path: Path
    text: str
    notes: tuple[str, ...]
    stop_time: float | None
    window: float | None
    compat: Compatibility = None
    saved: tuple[str, ...] = ()
    listing: Listing | None = None


@dataclass(frozen=True, eq=False)
class DeckRun:
    """What a deck gave.

    Parameters
    ----------
    vectors : dict of str to ndarray
        Of its transient, by normalised name.
    warnings : tuple of str
        What ngspice warned of.
    log : str
    """

    vectors: Vectors
    warnings: tuple[str, ...]
    log: str


def read_deck(path: Path, compat: Compatibility = None) -> UserDeck:
    """Read a deck with a transient.

    Parameters
    ----------
    path : Path
    compat : {"ps", "lt", "psa", "ltpsa"}, optional
        Whose syntax it has: PSpice's, LTspice's; with an a, outside of libraries as well.

    Raises
    ------
    InputError
        If the file cannot be read, is no deck, has no transient, or commands that cannot be left
        out.
    """
    lines = read_lines(path)
    notes = []
    if _LOOKS_LIKE_A_CARD.match(lines[0].text.strip()):
        notes.append(f"the first line is the title and nothing else: {lines[0].text.strip()!r}")
    commands = read_commands(lines)
    if any(commands.are_commands):
        notes.append(_left_out(commands))
    cards = [
        line.text
        for line, is_command in zip(lines[1:], commands.are_commands[1:], strict=True)
        if not is_command
    ]
    if any(map(_SKIPPED.match, cards)):
        notes.append(".meas, .print, .plot and .four cards are skipped")
    stop_time, card = _transient(path, lines[0].text, cards, commands.transient)
    stepped = re.search(rf"^\*.*{WINDOW_LINE}([\d.e+-]+) s$", "\n".join(cards), re.MULTILINE)
    return UserDeck(
        path,
        "\n".join([*_runnable(lines, commands), *card]) + "\n",
        tuple(notes),
        stop_time,
        _float(stepped.group(1)) if stepped else None,
        compat,
        _saved(cards),
        read_listing("\n".join(line.text for line in lines)),
    )


def run_deck(deck: UserDeck, simulator: BatchSimulator, timeout: float | None = None) -> DeckRun:
    """Run a deck in its own folder and return its transient.

    Raises
    ------
    SimulationError
        If ngspice fails or takes longer than ``timeout`` seconds, or if the transient is
        missing, incomplete or not finite.
    """
    folder = deck.path.resolve().parent
    plots, log = simulator.run_text(
        deck.text, timeout, folder=folder, compat=deck.compat, stop_time=deck.stop_time
    )
    transients = [plot.vectors for plot in plots if "time" in plot.vectors]
    problem = _check(transients[-1] if transients else {}, deck.stop_time)
    if problem:
        raise failure(
            deck.text, problem, log, simulator.installation, folder=folder, compat=deck.compat
        )
    vectors = transients[-1]
    missing = [name for name in deck.saved if name not in vectors]
    told = [f"{name} is to be saved, but is not in the result" for name in missing]
    return DeckRun(vectors, (*warnings_in(log), *told), log)


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


def _saved(cards: list[str]) -> tuple[str, ...]:
    """Return what ``.save`` cards name, each once; sets of vectors (all) are left out."""
    words = [
        word
        for card in re.findall(r"^[ \t]*\.save\b([^\n;]*)", _joined(cards), _CARD)
        for word in re.findall(r"[vi]\([^()]+\)|@[^\s,]+|[^\s,()=]+", card, re.IGNORECASE)
    ]
    names = (normalise(re.sub(r"\s", "", word)) for word in words)
    return tuple(dict.fromkeys(name for name in names if not name.startswith("all")))


def _joined(cards: list[str]) -> str:
    """Return cards with their continuations in one line."""
    return re.sub(r"\n(?:[ \t]*\*[^\n]*\n)*[ \t]*\+", " ", "\n".join(cards))


def _float(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value > 0 and math.isfinite(value) else None


def _left_out(commands: Commands) -> str:
    note = "the .control block is left out: a raw file is written instead"
    if commands.transient is not None:
        note += "; its tran command is taken as the .tran card"
    if commands.kept:
        note += f"; {', '.join(command.split()[0] for command in commands.kept)} stays"
    return note


def _runnable(lines: Sequence[Line], commands: Commands) -> list[str]:
    """Return the lines that ngspice gets; what it must know before the circuit stays a command."""
    texts = [
        f"* {line.text}" if is_command else line.text
        for line, is_command in zip(lines, commands.are_commands, strict=True)
    ]
    while texts and not texts[-1].strip():
        texts.pop()
    before = [".control", *commands.kept, ".endc"] if commands.kept else []
    return [texts[0], *before, *texts[1:]]


def _transient(
    path: Path, title: str, cards: list[str], command: str | None
) -> tuple[float | None, list[str]]:
    """Return the stop time, where it is plain to see, and the card that a command stands for."""
    found = re.findall(r"^[ \t]*\.tran\b[ \t,]*([^\n;]*)", _joined(cards), _CARD)
    if command is not None:
        if any(" ".join(own.lower().split()) != command for own in found):
            raise InputError(
                f"{path}: a .tran card, and another transient in its commands (tran {command}): "
                "leave one"
            )
        return _stop_time(command), ([] if found else [f".tran {command}"])
    if len({" ".join(own.lower().split()) for own in found}) > 1:
        raise InputError(
            f"{path}: several transients ({'; '.join(own.strip() for own in found)}), of which "
            "ngspice runs each: leave one .tran card"
        )
    if found and all(len(re.split(r"[\s,]+", own.strip())) > 1 for own in found):
        return (_stop_time(found[0]) if len(found) == 1 else None), []
    if not found and any(map(_INCLUDES.match, cards)):
        return None, []  # it may stand in what is included
    hint = ""
    if re.match(r"\s*\.tran\b", title, re.IGNORECASE):
        hint = "; the first line of a deck is its title, so put one above"
    raise InputError(
        f"{path}: not a deck with a transient: it has no .tran card with step and stop time{hint}"
    )


def _stop_time(arguments: str) -> float | None:
    """Return the second argument of ``.tran`` if both are plain numbers: ngspice knows the rest."""
    words = re.split(r"[\s,]+", arguments.strip())
    numbers = [_NUMBER.match(word) for word in words[:2]]
    if len(numbers) < 2 or None in numbers:
        return None
    match = numbers[1]
    assert match is not None
    return float(match.group(1)) * _SUFFIXES.get(match.group(2).lower(), 1.0)
