"""Cells set so that they have their conductances at the voltages that they see.

The voltages are those of the circuit with cells that are straight lines, which is what cells set
so make of it; of several right-hand sides root mean squares, with the sign that most of it has.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine import Batch
from amcspice.errors import UnstableError, UnsupportedError

__all__ = ["cells_beyond", "operating_voltages", "set_cells"]

ROUNDING = 1e-6
"""By how much, as a fraction, a conductance may lie outside of what was measured."""


def set_cells(circuit: Circuit, vectors: Array, volts_per_unit: float) -> Circuit:
    """Return a circuit whose cells are set for right-hand sides (K, m), if they ask for that."""
    if not circuit.device.set_when_used or circuit.zero_bias is not None:
        return circuit
    straight = dataclasses.replace(circuit, zero_bias=(), device=circuit.device.frozen)
    voltage = operating_voltages(straight, vectors, volts_per_unit)
    if voltage is None:
        return circuit
    network = straight.schematic.network
    conductance = network.elements[2][network.are_cells]
    held = circuit.device.at_zero_bias(conductance, voltage)
    return dataclasses.replace(circuit, zero_bias=held)


def operating_voltages(circuit: Circuit, vectors: Array, volts_per_unit: float) -> Array | None:
    """Return what cells see in the circuit with straight lines, shape (E,) [V]; None without rest.

    Parameters
    ----------
    circuit : Circuit
    vectors : ndarray, shape (K, m)
    volts_per_unit : float
    """
    from amcspice.engine.dc.curved import CurvedRest  # sparse factors: only who needs them waits

    batch = Batch.of([circuit])
    currents = circuit.schematic.currents(vectors, volts_per_unit)
    try:
        rest = CurvedRest.of(batch)
    except (UnsupportedError, UnstableError):
        return None
    seen = rest.straight(currents, batch.models[0].port_currents(currents))
    seen = seen[np.isfinite(seen).all(axis=1)]
    if not len(seen):
        return None
    voltage: Array = np.copysign(np.sqrt((seen**2).mean(axis=0)), (seen * np.abs(seen)).sum(axis=0))
    return voltage


def cells_beyond(circuit: Circuit, voltage: Array, cell: Array) -> tuple[str, ...]:
    """Say which cells see more than their curve was measured with, or have other conductances.

    Parameters
    ----------
    circuit : Circuit
    voltage, cell : ndarray, shape (K,)
        Largest voltage across a cell [V], and which one that is.
    """
    curve, network = circuit.device.curve, circuit.schematic.network
    if curve is None:
        return ()
    said = []
    cells, (a, b, conductance) = network.are_cells, network.elements
    a, b, conductance = a[cells], b[cells], conductance[cells]
    worst = int(np.argmax(np.nan_to_num(voltage)))
    if voltage[worst] > curve.reach:
        at, names = int(cell[worst]), network.names
        said.append(
            f"cell {names[a[at]]}-{names[b[at]]} sees {voltage[worst]:.3g} V (right-hand side "
            f"{worst}), but curves are known up to {curve.reach:g} V: beyond, they go on as their "
            "tangents"
        )
    outside = curve.outside(conductance, ROUNDING)
    if outside.any():
        said.append(
            f"{np.count_nonzero(outside)} of {len(outside)} cells have conductances outside of "
            f"those with {curve.words}: they have the shape of the nearest"
        )
    return tuple(said)
