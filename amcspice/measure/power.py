"""Power and energy: what the independent sources deliver, and where it goes.

Sources (supplies, inputs) deliver what amplifiers (quiescent, output stage) and arrays (cells,
wires, compensation, fixed resistors) dissipate.  Not included: converters, drivers of the
word-line selectors, programming.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine.backend import Response
from amcspice.engine.batch import Batch, Drive

__all__ = ["Power", "energy", "measure_power", "source_power"]


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
        Dissipated in output stages and inputs of the amplifiers; while voltages change also what
        capacitors take up.
    array : ndarray
        Dissipated in cells, wires, compensation and fixed resistors.
    """

    total: Array
    supply: Array
    input: Array
    amplifier_static: Array
    amplifier_output: Array
    array: Array

    def by_name(self) -> dict[str, Array]:
        """Return the parts by name."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


def source_power(batch: Batch, response: Response, drive: Drive) -> Array:
    """Return what all independent sources deliver over time, shape (T,) [W].

    Parameters
    ----------
    batch : Batch
    response : Response
        Response to K right-hand sides of each circuit.
    drive : Drive
        What the sources give in these.
    """
    counts = np.diff(response.starts)
    into = np.repeat(_by_row(drive.signed), counts, axis=0)
    from_supply, arriving = _delivered(batch.circuit, response.voltages, response.supply, into)
    return from_supply + arriving + np.repeat(drive.local.ravel(), counts)


def measure_power(
    batch: Batch,
    voltages: Array,
    supply: Array,
    drive: Drive,
    delivered: Array | None = None,
) -> Power:
    """Return the power at one instant of every right-hand side.

    Parameters
    ----------
    batch : Batch
        Batch of C circuits.
    voltages : ndarray, shape (C K, P)
        Voltages of the ports [V].
    supply : ndarray, shape (C K, 2)
        Currents out of the positive and the negative supply [A].
    drive : Drive
        The K right-hand sides of each circuit.
    delivered : ndarray, shape (C K, P), optional
        What amplifiers deliver at the ports, see `Batch.delivered`; None works it out [A].
    """
    if delivered is None:
        delivered = batch.delivered(voltages, _by_row(drive.into))
    opamp, local = batch.circuit.opamp, drive.local.ravel()
    signed = _by_row(drive.signed)
    from_supply, arriving = _delivered(batch.circuit, voltages, supply, signed)
    from_input = arriving + local
    # What the ports take in, and what the inputs deliver, is dissipated in the array.
    in_array = np.einsum("tp,tp->t", voltages, delivered + signed) + local
    static = sum(
        len(bank.out)
        * opamp.quiescent_current
        * (opamp.supply_positive - (0.0 if bank.floor_at_ground else opamp.supply_negative))
        for bank in batch.circuit.schematic.amplifiers
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


def _by_row(currents: Array) -> Array:
    """Return currents (C, K, P) of all right-hand sides in order, shape (C K, P)."""
    return currents.reshape(-1, currents.shape[-1])


def _delivered(
    circuit: Circuit, voltages: Array, supply: Array, into: Array
) -> tuple[Array, Array]:
    """Return what the supplies deliver, and what the inputs do through the ports [W]."""
    rails = np.array([circuit.opamp.supply_positive, circuit.opamp.supply_negative])
    # Sums along rows: those of a matrix product depend on where a row stands.
    return (supply * rails).sum(axis=1), (voltages * into).sum(axis=1)


def energy(
    time: NDArray[np.float64],
    power: Array,
    until: Array,
    starts: NDArray[np.intp] | None = None,
) -> Array:
    """Integrate power from the input step of each segment on [J]; nan where ``until`` is nan.

    Parameters
    ----------
    time, power : ndarray, shape (T,)
        Time from the input step [s], and power [W].
    until : ndarray, shape (K,)
        End of the integral, not after the segment's last sample [s].
    starts : ndarray of int, shape (K + 1,), optional
        First sample of each segment, and the number of samples; None is one segment.
    """
    edges = np.array([0, len(time)]) if starts is None else starts
    until = np.atleast_1d(np.asarray(until, dtype=float))
    first, counts = edges[:-1], np.diff(edges)
    before = np.add.reduceat(time < np.repeat(until, counts), first, dtype=int)
    low = first + np.maximum(before - 1, 0)
    high = np.minimum(low + 1, edges[1:] - 1)
    step = time[high] - time[low]
    share = (until - time[low]) / np.where(step > 0, step, 1.0)
    at_end = power[low] + share * (power[high] - power[low])
    # Segment by segment: what stands before a segment must not change its sum.
    areas = np.append((power[1:] + power[:-1]) / 2 * np.diff(time), 0.0)
    whole = np.where(np.arange(len(time)) < np.repeat(low, counts), areas, 0.0)
    joules: Array = np.add.reduceat(whole, first)
    joules += (power[low] + at_end) / 2 * (until - time[low])
    return joules
