"""Cells set so that they have their conductances at the voltages that they see.

The voltages are those of the circuit with cells that are straight lines, which is what cells set
so make of it; of several right-hand sides root mean squares, with the sign that most of it has.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine import Batch
from amcspice.errors import UnstableError, UnsupportedError

if TYPE_CHECKING:
    from amcspice.engine.dc.curved import CurvedRest

__all__ = ["cells_beyond", "operating_voltages", "set_cells", "with_tangents"]

ROUNDING = 1e-6
"""By how much, as a fraction, a conductance may lie outside of what was measured."""


def set_cells(circuit: Circuit, vectors: Array, volts_per_unit: float) -> Circuit:
    """Return a circuit whose cells are set for right-hand sides (K, m), if they ask for that."""
    if not circuit.device.set_when_used or circuit.zero_bias is not None:
        return circuit
    quiet: dict[str, Any] = {"read_noise": 0.0, "thermal_noise": False, "noise_bandwidth": None}
    device = circuit.device.frozen
    if device.thermal_noise or device.fluctuates:  # no noise in time is known beforehand
        device = dataclasses.replace(device, **quiet)
    straight = dataclasses.replace(circuit, zero_bias=(), device=device)
    voltage = operating_voltages(straight, vectors, volts_per_unit)
    if voltage is None:
        return circuit
    network = straight.schematic.network
    conductance = network.elements[2][network.are_cells]
    held = circuit.device.at_zero_bias(conductance, voltage)
    return dataclasses.replace(circuit, zero_bias=held)


def with_tangents(circuit: Circuit, vectors: Array, volts_per_unit: float) -> Circuit:
    """Return a circuit whose reduced network has the slopes that its cells have at rest.

    Of several right-hand sides their means.  What the network lacks of the cells' currents is a
    source, so that rests stay what they are; the way to them is that of the slopes.
    """
    if circuit.device.curve is None or circuit.tangent is not None:
        return circuit
    rest, currents, into = _posed(circuit, vectors, volts_per_unit)
    if rest is None:
        return circuit
    _, voltage, found = rest.solve(currents, into)
    if not found.any():
        return circuit
    slopes = rest.slopes(voltage[found]).mean(axis=0)
    if not (slopes > 0).all():
        return circuit
    return dataclasses.replace(circuit, tangent=slopes)


def operating_voltages(circuit: Circuit, vectors: Array, volts_per_unit: float) -> Array | None:
    """Return what cells see in the circuit with straight lines, shape (E,) [V]; None without rest.

    Parameters
    ----------
    circuit : Circuit
    vectors : ndarray, shape (K, m)
    volts_per_unit : float
    """
    rest, currents, into = _posed(circuit, vectors, volts_per_unit)
    if rest is None:
        return None
    seen = rest.straight(currents, into)
    seen = seen[np.isfinite(seen).all(axis=1)]
    if not len(seen):
        return None
    voltage: Array = np.copysign(np.sqrt((seen**2).mean(axis=0)), (seen * np.abs(seen)).sum(axis=0))
    return voltage


def _posed(
    circuit: Circuit, vectors: Array, volts_per_unit: float
) -> tuple[CurvedRest | None, Array, Array]:
    """Return what finds the rest, what sources give, and what that is at the ports."""
    from amcspice.engine.dc.curved import CurvedRest  # sparse factors: only who needs them waits

    batch = Batch.of([circuit])
    currents = circuit.schematic.currents(vectors, volts_per_unit)
    into = batch.models[0].port_currents(currents)
    try:
        return (None if circuit.rail_limited else CurvedRest.of(batch)), currents, into
    except (UnsupportedError, UnstableError):
        return None, currents, into


def cells_beyond(circuit: Circuit, voltage: Array, cell: Array) -> tuple[str, ...]:
    """Say which cells see more than their curve was measured with, or have other conductances.

    Parameters
    ----------
    circuit : Circuit
    voltage, cell : ndarray, shape (K,)
        Largest voltage across a cell [V], and which one that is.
    """
    curve = circuit.device.curve
    if circuit.tangent is not None:
        circuit = dataclasses.replace(circuit, tangent=None)
    network = circuit.schematic.network
    if curve is None:
        return ()
    said = []
    cells, (a, b, conductance) = network.are_cells, network.elements
    a, b, conductance = a[cells], b[cells], conductance[cells]
    worst = int(np.argmax(np.nan_to_num(voltage)))
    if voltage[worst] > curve.reach:
        at, names = int(cell[worst]), network.names
        there = "beyond, they go on as their tangents"
        if circuit.device.live:
            there = (
                "what sub-circuits do beyond was not foretold when ranges and states were chosen"
            )
        said.append(
            f"cell {names[a[at]]}-{names[b[at]]} sees {voltage[worst]:.3g} V (right-hand side "
            f"{worst}), but curves are known up to {curve.reach:g} V: {there}"
        )
    outside = curve.outside(conductance, ROUNDING)
    if outside.any():
        said.append(
            f"{np.count_nonzero(outside)} of {len(outside)} cells have conductances outside of "
            f"those with {curve.words}: they have the shape of the nearest"
        )
    return tuple(said)
