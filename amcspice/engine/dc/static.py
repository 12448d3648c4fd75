"""A circuit at rest: capacitances are open, amplifiers are sources behind output resistances.

With the voltages a behind the output resistances, the currents w of the hold devices and the
injected currents J the port voltages are V = R (out' a/rout - minus' w + J - I_bias), where R
inverts the conductance matrix loaded with output and input resistances.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine.batch import Batch
from amcspice.engine.equations.pins import Pins, output_ranges
from amcspice.errors import UnsupportedError
from amcspice.reduction import PortModel

__all__ = ["StaticPorts"]


@dataclass(frozen=True, eq=False)
class StaticPorts:
    """C networks of equal wiring with k amplifiers at P ports, without capacitances.

    Parameters
    ----------
    resistance : ndarray, shape (C, P, P)
        Port voltages for injected currents [ohm].
    from_sources, from_held : ndarray, shape (C, P, k)
        Port voltages for one volt behind the output resistances, and less for one ampere through
        the hold devices.
    bias : ndarray, shape (C, P)
        Port voltages from bias currents [V].
    along, by_source, by_hold, along_bias : ndarray, shapes (C, k, P), (C, k, k), (C, k, k), (C, k)
        The same four as input differences of the amplifiers.
    out : ndarray of int, shape (k,)
        Ports of the outputs.
    gain, offset, hold, lowest, highest : ndarray, shape (k,)
        Properties of the amplifiers; hold devices with the output resistance in series, 0 for
        none.
    constrained : ndarray of bool, shape (k,)
        Outputs that ground or a hold device keeps from being negative.
    clamped : ndarray of bool, shape (k,)
        Outputs that are meant to stop at both ends of their range.
    rout : float
        Output resistance [ohm].
    knee : float
        Slew rate over 2 pi GBW: input difference around which the input stage bends, inf without
        slew limit [V].
    """

    resistance: Array
    from_sources: Array
    from_held: Array
    bias: Array
    along: Array
    by_source: Array
    by_hold: Array
    along_bias: Array
    out: NDArray[np.intp]
    gain: Array
    offset: Array
    hold: Array
    lowest: Array
    highest: Array
    constrained: NDArray[np.bool_]
    clamped: NDArray[np.bool_]
    rout: float
    knee: float

    @classmethod
    def of(cls, circuit: Circuit, model: PortModel | Batch) -> StaticPorts:
        """Return the equations at rest of a circuit whose network has been reduced.

        Parameters
        ----------
        circuit : Circuit
            One of them, where the model is that of many.
        model : PortModel or Batch

        Raises
        ------
        UnsupportedError
            If the other input of an amplifier with a hold device is not at ground.
        """
        opamp, banks = circuit.opamp, circuit.schematic.amplifiers
        rout, pins = opamp.output_resistance, Pins.of(circuit, model)
        counts = [len(bank.out) for bank in banks]
        devices = [0.0 if bank.hold is None else 1 / (1 / bank.hold + rout) for bank in banks]
        hold = np.repeat(devices, counts)
        if (pins.plus[hold > 0] >= 0).any():
            raise UnsupportedError(
                "the rest is known of hold devices at virtual ground only: the non-inverting "
                "input of their amplifiers must be at ground"
            )
        whole = pins.resistance
        resistance = whole.reshape(-1, *whole.shape[-2:])
        from_sources = pins.into(pins.out, resistance) / rout
        from_held = pins.into(np.where(hold > 0, pins.minus, -1), resistance)
        bias = resistance @ (-opamp.bias_current * pins.inputs)
        grounded = np.repeat([bank.floor_at_ground for bank in banks], counts)
        lowest, highest = output_ranges(circuit, opamp)
        knee = np.inf
        if opamp.slew_rate is not None:
            knee = opamp.slew_rate / (2 * np.pi * opamp.gbw)
        along = pins.across(resistance)
        return cls(
            resistance=resistance,
            from_sources=from_sources,
            from_held=from_held,
            bias=bias,
            along=along,
            by_source=np.ascontiguousarray(pins.into(pins.out, along) / rout),
            by_hold=np.ascontiguousarray(pins.across(from_held)),
            along_bias=pins.across(bias[..., None])[..., 0],
            out=pins.out,
            gain=opamp.gains(len(hold)),
            offset=opamp.offsets(len(hold)),
            hold=hold,
            lowest=lowest,
            highest=highest,
            constrained=np.asarray(grounded | (hold > 0)),
            clamped=np.repeat([bank.clamp is not None for bank in banks], counts),
            rout=rout,
            knee=knee,
        )

    def drive(self, member: NDArray[np.intp], injected: Array) -> Array:
        """Return input differences from injected and bias currents alone, shape (R, k) [V].

        Parameters
        ----------
        member : ndarray of int, shape (R,)
            Circuit of each right-hand side.
        injected : ndarray, shape (R, P)
            Currents into its ports [A].
        """
        if len(self.along) == 1:
            drive: Array = injected @ self.along[0].T
        else:
            drive = (self.along[member] @ injected[..., None])[..., 0]
        return np.ascontiguousarray(drive + self.along_bias[member])
