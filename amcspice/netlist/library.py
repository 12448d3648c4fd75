"""Libraries that someone else wrote: the sub-circuits in them, and their text as decks take it in.

A library holds sub-circuits, models and parameters.  Its text is copied into the deck, so that a
deck stays complete in itself, see `amcspice.netlist.source`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from amcspice.errors import InputError
from amcspice.netlist.commands import refuse_commands
from amcspice.netlist.source import Line, lines_of, with_includes

__all__ = ["Definition", "choose", "definitions", "library_lines"]

_OUTSIDE = (
    ".model", ".param", ".func", ".include", ".inc", ".lib", ".endl", ".global", ".if", ".elseif",
    ".else", ".endif", ".csparam",
)  # fmt: skip
"""Cards that may stand outside of every sub-circuit."""

_ASSIGNED = re.compile(r"([a-z_]\w*)\s*=")


@dataclass
class Definition:
    """A sub-circuit as its library defines it, in lower case.

    Parameters
    ----------
    pins : tuple of str
    parameters : tuple of str
        Of its own card, and of ``.param`` cards in it: an instance may set both.
    cards : list of str
        What stands in it, those that it includes left out.
    """

    pins: tuple[str, ...]
    parameters: tuple[str, ...]
    cards: list[str] = field(default_factory=list)

    @property
    def includes(self) -> bool:
        """Whether part of it stands in another file."""
        return any(card.startswith((".inc", ".lib")) for card in self.cards)


def definitions(text: str, file: Path) -> dict[str, Definition]:
    """Return the sub-circuits of a library that are not inside another one.

    Raises
    ------
    InputError
        If sub-circuits are not closed, or anything but definitions stands outside of them.
    """
    made: dict[str, Definition] = {}
    inside: list[str] = []
    for number, card in _cards(lines_of(text, file)):
        word, *rest = card.lower().split()
        if word == ".subckt":
            if not rest:
                raise InputError(f"{file}, line {number}: .subckt without a name")
            if not inside:
                made[rest[0]] = Definition(_pins(rest[1:]), _assigned(card))
            inside.append(rest[0])
        elif word == ".ends":
            if not inside:
                raise InputError(f"{file}, line {number}: .ends without .subckt")
            inside.pop()
        elif not inside and word != ".end" and not word.startswith(_OUTSIDE):
            raise InputError(
                f"{file}, line {number}: {card.split()[0]!r} stands outside of every .subckt; a "
                "library holds sub-circuits, models and parameters only"
            )
        elif len(inside) == 1:
            definition = made[inside[0]]
            definition.cards.append(card.lower())
            if word.startswith(".param"):
                definition.parameters += _assigned(card)
    if inside:
        raise InputError(f"{file}: .subckt {inside[-1]} has no .ends")
    return made


def choose(made: dict[str, Definition], name: str, file: str) -> Definition:
    """Return the sub-circuit of a name.

    Raises
    ------
    InputError
        If there is none; names those that there are.
    """
    if name.lower() not in made:
        there = f"it has {', '.join(made)}" if made else "it has none"
        raise InputError(f"{file}: no sub-circuit {name}; {there}")
    return made[name.lower()]


def library_lines(text: str, file: Path) -> list[str]:
    """Return the lines of a library, ready to stand anywhere in a deck.

    Raises
    ------
    InputError
        If it holds commands, or includes what is no text.
    """
    lines = with_includes(text, file)
    refuse_commands(lines)
    ended = re.compile(r"\s*\.end\s*$", re.IGNORECASE)
    return [line.text for line in lines if not ended.match(line.text)]


def _cards(lines: list[Line]) -> list[tuple[int, str]]:
    """Return cards with their continuations, without comments, and where each begins."""
    cards: list[tuple[int, str]] = []
    for line in lines:
        text = re.split(r";|\$ ", line.text, maxsplit=1)[0].strip()
        if not text or text.startswith(("*", "$")):
            continue
        if text.startswith("+") and cards:
            first, card = cards[-1]
            cards[-1] = first, f"{card} {text[1:]}"
        else:
            cards.append((line.number, text))
    return cards


def _pins(words: list[str]) -> tuple[str, ...]:
    pins = []
    for word in words:
        if word in ("params:", "optional:") or "=" in word:
            break
        pins.append(word)
    # "a = 1" leaves the name of the parameter among the pins
    following = words[len(pins) : len(pins) + 1]
    return tuple(pins[:-1] if following and following[0].startswith("=") else pins)


def _assigned(card: str) -> tuple[str, ...]:
    return tuple(_ASSIGNED.findall(card.lower()))
