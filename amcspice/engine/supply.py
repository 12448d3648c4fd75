"""What amplifiers draw from their supplies, worked out of what their outputs deliver."""

from __future__ import annotations

import numpy as np

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array

__all__ = ["supply_currents"]


def supply_currents(circuit: Circuit, delivered: Array, held: Array) -> Array:
    """Return the currents out of the positive and the negative supply, shape (T, 2) [A].

    What an output sources comes out of the positive supply; what it sinks goes into the negative
    one, or into ground where the output range starts there.  A hold device ends in the output of
    its amplifier, which sinks its current into the negative supply.

    Parameters
    ----------
    circuit : Circuit
    delivered : ndarray, shape (T, k)
        Currents out of the outputs, in the order of the banks [A].
    held : ndarray, shape (T, any)
        Currents through hold devices [A].
    """
    static = circuit.opamp.quiescent_current
    banks = circuit.schematic.amplifiers
    counts = [len(bank.out) for bank in banks]
    on_negative = np.repeat([0.0 if bank.floor_at_ground else 1.0 for bank in banks], counts)
    positive = np.maximum(delivered, 0.0).sum(axis=1) + static * len(on_negative)
    negative = (np.minimum(delivered, 0.0) * on_negative).sum(axis=1) - held.sum(axis=1)
    return np.stack([positive, negative - static * on_negative.sum()], axis=1)
