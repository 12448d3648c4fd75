"""Amplifier sub-circuits of a user's own: what of a library file goes into a deck.

How libraries are read: `amcspice.netlist.library`.  Whether the amplifier works is for
`amcspice.characterise` to say.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from amcspice.circuit.base import Amplifiers
from amcspice.device import PINS, OpAmp, Subcircuit
from amcspice.errors import InputError, UnsupportedError
from amcspice.netlist.library import Definition, choose, definitions, library_lines

__all__ = ["check_banks", "subcircuit_library", "subcircuit_model"]

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
    _check(subcircuit, definitions(text, file))
    return "\n".join([*library_lines(text, file), *_wrapper(subcircuit)])


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


def _check(subcircuit: Subcircuit, made: dict[str, Definition]) -> None:
    where = subcircuit.file
    taken = [model for model in _MODELS if model in made]
    if taken:
        raise InputError(f"{where} defines {taken[0]}, a name that amcspice needs: rename it")
    pins = choose(made, subcircuit.name, where).pins
    if len(pins) != len(PINS):
        raise InputError(
            f"{where}: sub-circuit {subcircuit.name} has {len(pins)} pins "
            f"({' '.join(pins)}), but an amplifier has five: {' '.join(PINS)}"
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
