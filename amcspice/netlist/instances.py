"""Amplifiers as lines of a deck: which sub-circuit, with which parameters, between which nodes.

Every writer (deck text, PySpice export) takes `instances`, so that none of them has to know of
mismatch, of a user's own sub-circuit or of noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from amcspice.circuit.base import Amplifiers
from amcspice.device import OpAmp
from amcspice.model_files import model_library
from amcspice.netlist.subcircuit import check_banks, subcircuit_library, subcircuit_model

__all__ = ["Instance", "amplifier_library", "instances", "model_library", "opamp_parameters"]


@dataclass(frozen=True)
class Instance:
    """One sub-circuit in a deck.

    Parameters
    ----------
    label : str
        Name without the X.
    nodes : tuple of str
        Nodes in the order of the pins.
    model : str
        Name of the sub-circuit.
    values : dict of str to float
        Its parameters.
    series : float
        Voltage in series with the first node that the sub-circuit cannot take as a parameter [V].
    number : int, optional
        Number of the amplifier, counted over all banks; None is no amplifier.
    """

    label: str
    nodes: tuple[str, ...]
    model: str
    values: dict[str, float] = field(default_factory=dict)
    series: float = 0.0
    number: int | None = None


def amplifier_library(opamp: OpAmp) -> str:
    """Return every definition that the instances of an amplifier need.

    Raises
    ------
    InputError
        If the file of its sub-circuit cannot be used.
    """
    library = model_library().rstrip()
    if opamp.subcircuit is None:
        return library
    name = opamp.subcircuit.name
    return f"{library}\n* sub-circuit {name}\n{subcircuit_library(opamp.subcircuit).rstrip()}"


def opamp_parameters(opamp: OpAmp) -> tuple[str, dict[str, float]]:
    """Return the macro-model of an amplifier and its parameters."""
    values = {
        "a0": opamp.gain,
        "gbw": opamp.gbw,
        "slew": opamp.slew_rate,
        "vos": opamp.offset or None,
        "ib": opamp.bias_current or None,
        "rin": opamp.input_resistance,
        "cin": opamp.input_capacitance or None,
        "rout": opamp.output_resistance,
        "ilim": opamp.output_current_limit,
        "iq": opamp.quiescent_current or None,
        "hi": opamp.headroom_positive or None,
        "lo": opamp.headroom_negative or None,
        "f2": opamp.second_pole,
    }
    parameters = {key: float(value) for key, value in values.items() if value is not None}
    return ("amc_opamp" if opamp.second_pole is None else "amc_opamp_2p"), parameters


def instances(
    names: list[str], amplifiers: tuple[Amplifiers, ...], opamp: OpAmp
) -> Iterator[Instance]:
    """Yield the sub-circuits of banks of amplifiers.

    Parameters
    ----------
    names : list of str
        Names of the nodes.
    amplifiers : tuple of Amplifiers
    opamp : OpAmp
        Amplifier with its mismatch: amplifiers are counted over all banks, in their order.

    Raises
    ------
    UnsupportedError
        If the amplifier cannot serve a bank.
    """
    check_banks(amplifiers, opamp)
    model, values = opamp_parameters(opamp)
    if opamp.subcircuit is not None:
        model, values = subcircuit_model(opamp.subcircuit), {}
    count = sum(len(bank.out) for bank in amplifiers)
    offsets, gains = opamp.offsets(count), opamp.gains(count)
    number = 0
    for bank in amplifiers:
        negative = "0" if bank.floor_at_ground else "vss"
        for index, pins in enumerate(zip(bank.plus, bank.minus, bank.out, strict=True)):
            plus, minus, out = (names[pin] for pin in pins)
            label = f"{bank.name}{index}"
            stage = f"y_{out}" if bank.hold is not None else out
            parameters, series = values, 0.0
            if bank.clamp is not None:
                parameters = {**values, **_headrooms(bank, opamp)}
            if opamp.subcircuit is not None:
                series = float(offsets[number] - opamp.offset)
            elif not opamp.matched:
                parameters = {
                    **parameters,
                    "a0": float(gains[number]),
                    "vos": float(offsets[number]),
                }
            yield Instance(
                label, (plus, minus, stage, "vdd", negative), model, parameters, series, number
            )
            if bank.hold is not None:
                nodes = (stage, minus, out, "vdd", negative)
                yield Instance(f"h{label}", nodes, "amc_rectifier", _rectifier(opamp, bank.hold))
            number += 1


def _headrooms(bank: Amplifiers, opamp: OpAmp) -> dict[str, float]:
    """Return the headroom that stops the outputs of a bank where they are clamped."""
    lowest, highest = bank.output_range(opamp)
    return {"hi": opamp.supply_positive - highest, "lo": lowest - opamp.supply_negative}


def _rectifier(opamp: OpAmp, hold: float) -> dict[str, float]:
    """Return the parameters of the output stage that holds the summing node."""
    values = {"ghold": hold, "rout": opamp.output_resistance, "ilim": opamp.output_current_limit}
    return {key: float(value) for key, value in values.items() if value is not None}
