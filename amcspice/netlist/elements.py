"""Amplifiers written element by element, with the least that a simulator must evaluate.

They are those of ``models/opamp.lib`` but for the supply pins: what an output delivers follows
from the network it stands at, and what comes out of the supplies from that, so a deck need not
work it out at every iteration.  Parameters are numbers here, limits that an amplifier does not
have are left out, and one behavioural source does the work of two or three.  Decks that amcspice
runs itself are written so; those for other tools hold the sub-circuits.

Nodes of amplifier k: ``i_k`` the internal node, ``z_k`` that of the second pole, ``y_k`` the
output that a rectifier follows.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from amcspice.circuit.base import Amplifiers
from amcspice.circuit.network import Network
from amcspice.device import OpAmp

__all__ = [
    "CLAMP",
    "gain_stage",
    "held_stages",
    "input_stage",
    "last_node",
    "second_pole",
    "write_elements",
]

TRANSCONDUCTANCE = 1e-3
"""Transconductance of the input stage [S]; only its ratio to the capacitance matters."""

CLAMP = 100 * TRANSCONDUCTANCE
"""Conductance that holds the internal node at its limits [S]."""

NEWTON_CAPACITANCE = 1e-14
"""Capacitance at a current-limited output, as in ``opamp.lib`` [F]."""


def held_stages(amplifiers: tuple[Amplifiers, ...]) -> tuple[str, ...]:
    """Return the nodes into which hold devices sink, of the held amplifiers in order."""
    return tuple(
        f"y_{bank.name}{index}"
        for bank in amplifiers
        if bank.hold is not None
        for index in range(len(bank.out))
    )


def write_elements(
    network: Network, amplifiers: tuple[Amplifiers, ...], opamp: OpAmp
) -> Iterator[str]:
    """Yield the lines of all amplifiers.

    Parameters
    ----------
    network : Network
        Names the nodes of the pins.
    amplifiers : tuple of Amplifiers
    opamp : OpAmp
        Amplifier with its mismatch: amplifiers are counted over all banks, in their order.
    """
    names = network.names
    count = sum(len(bank.out) for bank in amplifiers)
    mismatch = iter(zip(opamp.offsets(count).tolist(), opamp.gains(count).tolist(), strict=True))
    for bank in amplifiers:
        span = bank.output_range(opamp)
        for index, pins in enumerate(zip(bank.plus, bank.minus, bank.out, strict=True)):
            label = f"{bank.name}{index}"
            plus, minus, out = (names[pin] for pin in pins)
            yield from input_stage(label, plus, minus, opamp)
            yield from gain_stage(label, plus, minus, opamp, *next(mismatch))
            yield _clamp(f"i_{label}", span)
            yield from second_pole(label, opamp)
            limited = _limited(last_node(label, opamp), span)
            if bank.hold is None:
                yield from _output(f"o_{label}", limited, out, opamp)
                continue
            stage = f"y_{label}"
            yield from _output(f"o_{label}", limited, stage, opamp)
            yield f"Bh_{label} {minus} {stage} I={_text(bank.hold)}*max(v({minus})-v({stage}),0)"
            yield from _output(f"r_{label}", f"max(v({stage}),0)", out, opamp)


def input_stage(label: str, plus: str, minus: str, opamp: OpAmp) -> Iterator[str]:
    """Write what an amplifier's inputs load the network by."""
    if opamp.input_resistance is not None and plus != minus:
        yield f"Ri_{label} {plus} {minus} {_text(opamp.input_resistance)}"
    for name, pin in (("p", plus), ("n", minus)):
        if pin == "0":
            continue
        if opamp.bias_current:
            yield f"I{name}_{label} {pin} 0 {_text(opamp.bias_current)}"
        if opamp.input_capacitance:
            yield f"C{name}_{label} {pin} 0 {_text(opamp.input_capacitance)}"


def gain_stage(
    label: str, plus: str, minus: str, opamp: OpAmp, offset: float, gain: float
) -> Iterator[str]:
    """Write the inner node of an amplifier, without limits."""
    node, gm = f"i_{label}", TRANSCONDUCTANCE
    capacitance = gm / (2 * np.pi * opamp.gbw)
    if opamp.slew_rate is None:
        yield f"Gi_{label} 0 {node} {plus} {minus} {_text(gm)}"
        if offset:
            yield f"Io_{label} 0 {node} {_text(gm * offset)}"
    else:
        most = opamp.slew_rate * capacitance
        signals = [f"v({plus})"] if plus != "0" else []
        signals += [f"-v({minus})"] if minus != "0" else []
        drive = "".join(signals) + (f"+({_text(offset)})" if offset else "")
        yield f"Bi_{label} 0 {node} I={_text(most)}*tanh({_text(gm / most)}*({drive}))"
    yield f"Ry_{label} {node} 0 {_text(gain / gm)}"
    yield f"Cy_{label} {node} 0 {_text(capacitance)}"


def second_pole(label: str, opamp: OpAmp) -> Iterator[str]:
    """Write the node of the second pole, if there is one."""
    if opamp.second_pole is not None:
        gm = TRANSCONDUCTANCE
        yield f"Gz_{label} 0 z_{label} i_{label} 0 {_text(gm)}"
        yield f"Rz_{label} z_{label} 0 {_text(1 / gm)}"
        yield f"Cz_{label} z_{label} 0 {_text(gm / (2 * np.pi * opamp.second_pole))}"


def last_node(label: str, opamp: OpAmp) -> str:
    """Return the node whose voltage the output has, but for its limits."""
    return f"i_{label}" if opamp.second_pole is None else f"z_{label}"


def _clamp(node: str, span: tuple[float, float]) -> str:
    label, limited = node.removeprefix("i_"), _limited(node, span)
    return f"Bc_{label} {node} 0 I={_text(CLAMP)}*(v({node})-{limited})"


def _limited(node: str, span: tuple[float, float]) -> str:
    return f"max(min(v({node}),{_text(span[1])}),{_text(span[0])})"


def _output(label: str, source: str, out: str, opamp: OpAmp) -> Iterator[str]:
    """Write a voltage behind the output resistance, as a current."""
    conductance, limit = _text(1 / opamp.output_resistance), opamp.output_current_limit
    current = f"{conductance}*({source}-v({out}))"
    if limit is not None:
        current = f"max(min({current},{_text(limit)}),{_text(-limit)})"
        yield f"C{label} {out} 0 {_text(NEWTON_CAPACITANCE)}"
    yield f"B{label} 0 {out} I={current}"


def _text(value: float) -> str:
    return repr(float(value))
