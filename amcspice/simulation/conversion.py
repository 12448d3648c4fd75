"""Converters around a circuit: what it is sent, what is read from it, and what each costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.device.converter import Quantiser
from amcspice.engine import Analysis
from amcspice.errors import InputError
from amcspice.measure import Measurement
from amcspice.problem import problem_of, relative_size
from amcspice.simulation.result import Conversion

__all__ = ["HEADROOM", "Inputs", "convert", "expected_full_scale", "read"]


HEADROOM = 2.0
"""Full scale of output converters, over the read voltage."""


@dataclass(frozen=True, eq=False)
class Inputs:
    """Right-hand sides, and the converters that send them.

    Parameters
    ----------
    circuit : Circuit
    vectors : ndarray, shape (K, m)
        As the problem says.
    """

    circuit: Circuit
    vectors: Array

    def at(self, volts_per_unit: float) -> Array:
        """Return what is sent in a range, in the unit of the right-hand sides, shape (K, m)."""
        return self.convert(volts_per_unit)[0]

    def convert(self, volts_per_unit: float) -> tuple[Array, NDArray[np.bool_], Quantiser | None]:
        """Return what is sent, which values saturated, and the steps."""
        if self.circuit.dac is None:
            return self.vectors, np.zeros(self.vectors.shape, bool), None
        return _convert(self.circuit, self.vectors, volts_per_unit)

    def at_each(self, volts_per_unit: Array) -> Array:
        """Return what is sent where each right-hand side has a range of its own, shape (K, m).

        A full scale that is not given is that of the largest value of each: a block exponent.

        Parameters
        ----------
        volts_per_unit : ndarray, shape (K,)
        """
        sent, bipolar = self.vectors.copy(), (self.vectors < 0).any(axis=1)
        if self.circuit.dac is None:
            return sent
        for rows in (np.flatnonzero(bipolar), np.flatnonzero(~bipolar)):
            if rows.size:
                volts = volts_per_unit[rows, None]
                sent[rows] = _convert(self.circuit, self.vectors[rows], volts)[0]
        return sent


def _convert(
    circuit: Circuit, vectors: Array, volts_per_unit: float | Array
) -> tuple[Array, NDArray[np.bool_], Quantiser]:
    """Convert right-hand sides that share a range, or have one each, shape (K, 1)."""
    dac = circuit.dac
    assert dac is not None
    # One unit of the right-hand side in amperes or volts; the sign is the circuit's wiring.
    unit = np.abs(circuit.schematic.input_gain) * volts_per_unit
    wanted = vectors * unit
    largest: Any = float(np.abs(wanted).max()) or 1.0
    if np.ndim(volts_per_unit):
        largest = np.abs(wanted).max(axis=1, keepdims=True)
        largest = np.where(largest > 0, largest, 1.0)
    quantiser = _quantiser(
        dac.bits,
        dac.full_scale or largest,
        bool((vectors < 0).any()) if dac.bipolar is None else dac.bipolar,
        "DAC",
    )
    codes, saturated = quantiser.codes(wanted)
    sent = (codes + dac.offset) * quantiser.step
    return np.where(unit > 0, sent / np.where(unit > 0, unit, 1.0), 0.0), saturated, quantiser


def convert(
    inputs: Inputs,
    measurement: Measurement,
    answers: Array,
    volts_per_unit: float,
    analysis: Analysis,
) -> tuple[Measurement, Conversion]:
    """Return what the output converters give, read out, and the shares of the error.

    Parameters
    ----------
    inputs : Inputs
    measurement : Measurement
        Of the circuit, with what was sent.
    answers : ndarray, shape (K, n)
        Ideal answers to the right-hand sides.
    volts_per_unit : float
    analysis : Analysis
        How the range was chosen.

    Returns
    -------
    measurement : Measurement
        With the solutions that the converters give.
    conversion : Conversion
    """
    circuit = inputs.circuit
    sent, input_saturated, steps = inputs.convert(volts_per_unit)
    ideal = answers if steps is None else problem_of(circuit).answer(circuit, sent)
    volts, output_saturated, output_steps = read(circuit, measurement.sampled, analysis)
    at_rest, sampled, solutions = (
        circuit.read_out(each, volts_per_unit)
        for each in (measurement.outputs, measurement.sampled, volts)
    )
    conversion = Conversion(
        input_error=relative_size(ideal - answers, answers),
        analog_error=relative_size(at_rest - ideal, answers),
        sampling_error=relative_size(sampled - at_rest, answers),
        output_error=relative_size(solutions - sampled, answers),
        input_saturated=input_saturated.sum(axis=1),
        output_saturated=output_saturated.sum(axis=1),
        input_full_scale=steps.full_scale if steps else np.nan,
        input_step=steps.step if steps else np.nan,
        output_full_scale=output_steps.full_scale if output_steps else np.nan,
        output_step=output_steps.step if output_steps else np.nan,
        sent=sent,
        at_rest=at_rest,
    )
    return measurement.read_out(circuit, volts_per_unit, answers, volts), conversion


def read(
    circuit: Circuit, volts: Array, analysis: Analysis, full_scale: float = 0.0
) -> tuple[Array, NDArray[np.bool_], Quantiser | None]:
    """Return what output converters give for voltages (K, n), which saturated, and the steps.

    Their full scale is the one that they are made with, else ``full_scale`` if it is not zero, else
    what is expected of the circuit.
    """
    adc = circuit.adc
    if adc is None or adc.bits is None:
        return volts, np.zeros(volts.shape, bool), None
    quantiser = _quantiser(
        adc.bits,
        adc.full_scale or full_scale or expected_full_scale(circuit, analysis),
        not circuit.non_negative if adc.bipolar is None else adc.bipolar,
        "ADC",
    )
    codes, saturated = quantiser.codes(volts, adc.offset)
    return codes * quantiser.step, saturated, quantiser


def expected_full_scale(circuit: Circuit, analysis: Analysis) -> float:
    """Return the full scale of output converters that no answer has a part in: one bit spare."""
    highest = circuit.opamp.highest_output
    if circuit.rail_limited or not circuit.outputs_drive_cells or analysis.range != "reference":
        return highest
    return min(highest, HEADROOM * analysis.read_voltage)


def _quantiser(bits: int, full_scale: Any, bipolar: bool, what: str) -> Quantiser:
    if bits == 1 and bipolar:
        article = "an" if what == "ADC" else "a"
        raise InputError(
            f"{article} {what} of one bit has no negative codes, but they are needed here"
        )
    return Quantiser(bits, full_scale, bipolar)
