"""Power and energy: what the independent sources deliver, and where it goes.

Sources (supplies, inputs) deliver what amplifiers (quiescent, output stage) and arrays (cells,
wires, compensation) dissipate.  Not included: converters, drivers of the word-line selectors,
programming.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.reduction import PortModel

__all__ = ["Power", "energy", "measure_power"]


@dataclass(frozen=True, eq=False)
class Power:
    """Power over time, or at one instant [W].

    ``total = supply + input = amplifier_static + amplifier_output + array``.

    Parameters
    ----------
    total : ndarray
        Delivered by all independent sources.
    supply : ndarray
        Delivered by the amplifiers' supplies.
    input : ndarray
        Delivered by the input current sources (negative where they absorb).
    amplifier_static : ndarray
        Quiescent.
    amplifier_output : ndarray
        Dissipated in output stages and inputs of the amplifiers.
    array : ndarray
        Dissipated in cells, wires and compensation.
    """

    total: Array
    supply: Array
    input: Array
    amplifier_static: Array
    amplifier_output: Array
    array: Array

    def at_end(self) -> dict[str, float]:
        """Return the last values by name."""
        return {item.name: float(getattr(self, item.name)[-1]) for item in fields(self)}


def measure_power(
    circuit: Circuit,
    model: PortModel,
    voltages: Array,
    supply: Array,
    currents: Array,
    local: float,
) -> Power:
    """Return the power of one right-hand side over time.

    Parameters
    ----------
    circuit : Circuit
    model : PortModel
        Its reduced network.
    voltages : ndarray, shape (T, P)
        Of the ports [V].
    supply : ndarray, shape (T, 2)
        Currents out of the positive and the negative supply [A].
    currents : ndarray, shape (q,)
        Injected, constant over the segment [A].
    local : float
        `PortModel.local_power` of them [W].
    """
    opamp = circuit.opamp
    rails = np.array([opamp.supply_positive, opamp.supply_negative])
    from_supply = supply @ rails
    from_input = model.input_power(voltages, currents, local)
    into_ports = voltages @ model.conductance - model.port_currents(currents)
    in_array = np.einsum("tp,tp->t", voltages, into_ports) + from_input
    static = sum(
        len(bank.out)
        * opamp.quiescent_current
        * (opamp.supply_positive - (0.0 if bank.floor_at_ground else opamp.supply_negative))
        for bank in circuit.schematic.amplifiers
    )
    total = from_supply + from_input
    return Power(
        total=total,
        supply=from_supply,
        input=from_input,
        amplifier_static=np.full(len(total), float(static)),
        amplifier_output=total - static - in_array,
        array=in_array,
    )


def energy(time: NDArray[np.float64], power: Array, until: float) -> float:
    """Integrate power from 0 to ``until`` [J]; nan if ``until`` is nan."""
    if np.isnan(until):
        return float("nan")
    instants = np.append(time[time < until], until)
    return float(np.trapezoid(np.interp(instants, time, power), instants))
