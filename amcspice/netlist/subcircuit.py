"""Amplifier sub-circuits of a user's own: what of a library file goes into a deck.

A library holds sub-circuits, models and parameters.  Its text is copied into the deck, so that a
deck stays complete in itself, see `amcspice.netlist.source`.  Whether the amplifier works is for
`amcspice.characterise` to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from amcspice.circuit.base import Amplifiers
from amcspice.device import PINS, OpAmp, Subcircuit
from amcspice.errors import InputError, UnsupportedError
from amcspice.netlist.commands import refuse_commands
from amcspice.netlist.source import Line, lines_of, with_includes

__all__ = ["check_banks", "subcircuit_library", "subcircuit_model"]

_DEFINITIONS = (
    ".model", ".param", ".func", ".include", ".inc", ".lib", ".endl", ".global", ".if", ".elseif",
    ".else", ".endif", ".csparam",
)  # fmt: skip
_WRAPPER = "amc_own_amplifier"
"""Name of the sub-circuit that puts pins into the order of amcspice."""

_MODELS = ("amc_opamp", "amc_opamp_2p", "amc_rectifier", _WRAPPER)


def subcircuit_library(subcircuit: Subcircuit) -> str:
    """Return the library text that a deck takes in, ready to stand anywhere in it.

    Raises
    ------
    InputError
        If the file does not define the sub-circuit with five pins, holds more than definitions,
        or includes what is no text.
    """
    text, file = subcircuit.read(), Path(subcircuit.file)
    _check(subcircuit, _outermost(subcircuit.file, lines_of(text, file)))
    lines = with_includes(text, file)
    refuse_commands(lines)
    ended = re.compile(r"\s*\.end\s*$", re.IGNORECASE)
    kept = [line.text for line in lines if not ended.match(line.text)]
    return "\n".join([*kept, *_wrapper(subcircuit)])


def subcircuit_model(subcircuit: Subcircuit) -> str:
    """Return the name by which decks call it, with pins in+ in- out vdd vss."""
    return subcircuit.name if subcircuit.pins == PINS else _WRAPPER


def _wrapper(subcircuit: Subcircuit) -> list[str]:
    """Return the sub-circuit around one whose pins stand in another order; nothing for none."""
    if subcircuit.pins == PINS:
        return []
    nodes = dict(zip(PINS, ("inp", "inn", "out", "vdd", "vss"), strict=True))
    inside = " ".join(nodes[pin] for pin in subcircuit.pins)
    return [
        f".subckt {_WRAPPER} {' '.join(nodes.values())}",
        f"X1 {inside} {subcircuit.name}",
        ".ends",
    ]


def _outermost(where: str, lines: list[Line]) -> dict[str, list[str]]:
    """Return the pins of every sub-circuit of a library that is not inside another one."""
    pins: dict[str, list[str]] = {}
    inside: list[str] = []
    for number, card in _cards(lines):
        word, *rest = card.lower().split()
        if word == ".subckt":
            if not rest:
                raise InputError(f"{where}, line {number}: .subckt without a name")
            if not inside:
                pins[rest[0]] = _pins(rest[1:])
            inside.append(rest[0])
        elif word == ".ends":
            if not inside:
                raise InputError(f"{where}, line {number}: .ends without .subckt")
            inside.pop()
        elif not inside and word != ".end" and not word.startswith(_DEFINITIONS):
            raise InputError(
                f"{where}, line {number}: {card.split()[0]!r} stands outside of every .subckt; a "
                "library holds sub-circuits, models and parameters only"
            )
    if inside:
        raise InputError(f"{where}: .subckt {inside[-1]} has no .ends")
    return pins


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


def _pins(words: list[str]) -> list[str]:
    pins = []
    for word in words:
        if word in ("params:", "optional:") or "=" in word:
            break
        pins.append(word)
    # "a = 1" leaves the name of the parameter among the pins
    following = words[len(pins) : len(pins) + 1]
    return pins[:-1] if following and following[0].startswith("=") else pins


def _check(subcircuit: Subcircuit, pins: dict[str, list[str]]) -> None:
    name, where = subcircuit.name.lower(), subcircuit.file
    taken = [model for model in _MODELS if model in pins]
    if taken:
        raise InputError(f"{where} defines {taken[0]}, a name that amcspice needs: rename it")
    if name not in pins:
        there = f"it has {', '.join(pins)}" if pins else "it has none"
        raise InputError(f"{where}: no sub-circuit {subcircuit.name}; {there}")
    if len(pins[name]) != len(PINS):
        raise InputError(
            f"{where}: sub-circuit {subcircuit.name} has {len(pins[name])} pins "
            f"({' '.join(pins[name])}), but an amplifier has five: {' '.join(PINS)}"
        )


def check_banks(banks: Iterable[Amplifiers], opamp: OpAmp) -> None:
    """Refuse banks that a sub-circuit cannot serve.

    Raises
    ------
    UnsupportedError
        If a bank grounds the negative supply or clamps its outputs: transistors do not work so.
    """
    if opamp.subcircuit is not None and any(bank.clamp is not None for bank in banks):
        raise UnsupportedError(
            f"sub-circuit {opamp.subcircuit.name}: outputs that a threshold clamps need an "
            "amplifier with clamp pins, which none of five pins has; use the macro-model"
        )
    if opamp.subcircuit is not None and any(bank.floor_at_ground for bank in banks):
        raise UnsupportedError(
            f"sub-circuit {opamp.subcircuit.name}: non-negative outputs by the rail alone need a "
            "negative supply at ground, on which a transistor amplifier does not work; use "
            "ginv-compact with hold"
        )
