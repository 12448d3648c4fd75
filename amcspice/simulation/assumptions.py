"""`assumptions`: what the figures of a run stand on that cells and amplifiers leave open.

Cells say themselves what is assumed of them (`Cell.cautions`).

Second pole and input capacitance decide how far circuits of two amplifiers in a loop are damped,
and data sheets of real parts seldom state them.  Where one is assumed, the linear model of the
circuit is asked what half of it and twice it would do.  A sub-circuit may have an output stage that
draws nothing from its supplies.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from amcspice.circuit import Circuit
from amcspice.device import OpAmp
from amcspice.engine import Batch
from amcspice.engine.equations.linear import LinearModel, Modes
from amcspice.engine.equations.piecewise import PiecewiseLinear
from amcspice.measure import Measurement
from amcspice.schema import field_parameters, to_text

__all__ = ["assumptions", "of_damping"]

DYNAMIC = ("second_pole", "input_capacitance")
"""Figures of an amplifier that decide how a loop is damped."""

FACTORS = {"half": 0.5, "twice": 2.0}
"""How far an assumed figure may be off."""

SHARE = 0.25
"""Change of the slowest time constant, as a fraction of it, that is told of."""

LARGEST = 128
"""Amplifiers up to which the modes of a circuit are found five times."""


NEGATIVE = 1e-3
"""Part of the whole power that output stages may seem to give rather than to take."""


def assumptions(circuit: Circuit, measurement: Measurement, *, decks: bool) -> tuple[str, ...]:
    """Return what the figures of a run stand on, a sentence each.

    Parameters
    ----------
    circuit : Circuit
    measurement : Measurement
    decks : bool
        Whether decks ran, which hold a sub-circuit where there is one.
    """
    of_power = _of_power(circuit.opamp, measurement) if decks else ()
    return (*circuit.device.cautions, *of_damping(circuit), *of_power)


def _of_power(opamp: OpAmp, measurement: Measurement) -> Iterator[str]:
    """Yield what is to be said of the power of a sub-circuit."""
    subcircuit = opamp.subcircuit
    if subcircuit is None:
        return
    if subcircuit.supply_share != 1:
        yield (
            f"sub-circuit {subcircuit.name} takes {subcircuit.supply_share:.0%} of its output "
            "current out of its supply pins; power and energy count the rest at the rail that it "
            "would come from"
        )
    power, settled = measurement.power, measurement.settled
    if (power["amplifier_output"] < -NEGATIVE * power["total"])[settled].any():
        yield (
            f"output stages of sub-circuit {subcircuit.name} give power to the array, which they "
            "take from no supply: the power is not right"
        )


def of_damping(circuit: Circuit) -> tuple[str, ...]:
    """Return what depends on assumed figures of a circuit's amplifiers, a sentence each.

    Parameters
    ----------
    circuit : Circuit
        One of real parts; without assumed figures there is nothing to say, and of circuits that
        grow to a rail by design their damping says nothing.
    """
    names = _assumed(circuit)
    if not names or circuit.rail_limited:
        return ()
    if circuit.amplifier_count > LARGEST:
        return (
            f"{_stated(circuit, names)}: whether the circuit's damping depends on that is not "
            f"looked at above {LARGEST} amplifiers",
        )
    batch, opamp = Batch.of([circuit]), circuit.opamp
    modes = _modes(circuit, batch, opamp)
    others = {
        (name, word): _modes(
            circuit, batch, dataclasses.replace(opamp, **{name: factor * getattr(opamp, name)})
        )
        for name in names
        for word, factor in FACTORS.items()
    }
    if modes.stable:
        return tuple(_of_stable(circuit, modes, others))
    cured = [f"{word} the {name}" for (name, word), other in others.items() if other.stable]
    so = f"{' or '.join(cured)} makes it stable" if cured else "half or twice changes nothing"
    return (f"unstable with {_stated(circuit, names)}; {so}",)


def _assumed(circuit: Circuit) -> list[str]:
    """Return the assumed figures of a circuit's amplifiers that decide its damping."""
    opamp = circuit.opamp
    return [name for name in DYNAMIC if name in opamp.assumed and getattr(opamp, name)]


def _of_stable(
    circuit: Circuit, modes: Modes, others: dict[tuple[str, str], Modes]
) -> Iterator[str]:
    slowest = float(modes.slowest)
    for name in dict.fromkeys(name for name, _ in others):
        changes = []
        for word in FACTORS:
            other = others[name, word]
            if not other.stable:
                changes.append(f"{word} of it makes the circuit unstable")
            elif abs(float(other.slowest) / slowest - 1) > SHARE:
                changes.append(
                    f"{word} of it makes the slowest time constant "
                    f"{to_text(float(other.slowest), 's')}, not {to_text(slowest, 's')}"
                )
        if changes:
            yield f"{_stated(circuit, [name])}: {'; '.join(changes)}"


def _stated(circuit: Circuit, names: list[str]) -> str:
    """Return assumed figures with their values."""
    units = {parameter.name: parameter.unit for parameter in field_parameters(type(circuit.opamp))}
    values = " and ".join(
        f"{name} {to_text(getattr(circuit.opamp, name), units[name])}" for name in names
    )
    return f"assumed {values} of the amplifier"


def _modes(circuit: Circuit, batch: Batch, opamp: OpAmp) -> Modes:
    """Return the modes of a circuit with an amplifier in the place of its own."""
    return LinearModel.of_equations(PiecewiseLinear.of(circuit, batch, opamp)).modes
