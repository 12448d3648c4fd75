"""What is measured of a stream of right-hand sides in one range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine import Stream
from amcspice.measure import (
    Ports,
    Settlings,
    energy,
    measure_power,
    measure_settlings,
    sample,
    source_power,
)
from amcspice.solver.result import Analysis

__all__ = ["Found", "measure", "near_limits", "settlings"]

RAIL_MARGIN = 0.05
"""An output this close to a rail, as a fraction of it, asks for a smaller range."""


@dataclass(frozen=True, eq=False)
class Found:
    """Measurements of one attempt; K right-hand sides.

    Parameters
    ----------
    outputs : ndarray, shape (K, n)
        Solution voltages at the end [V].
    sampled : ndarray, shape (K, n)
        When the converters sample them: at the end, or at a fixed time [V].
    settled : ndarray of bool, shape (K,)
    settling_time : ndarray, shape (K,)
        [s].
    power : dict of str to ndarray, each shape (K,)
        At the end [W].
    energy : ndarray, shape (K,)
        [J].
    streams : tuple of Stream
        Empty if they were not kept.
    near_limit : ndarray of bool, shape (K,)
        Whether an amplifier rests near a limit that is no constraint.
    """

    outputs: Array
    sampled: Array
    settled: NDArray[np.bool_]
    settling_time: Array
    power: dict[str, Array]
    energy: Array
    streams: tuple[Stream, ...]
    near_limit: NDArray[np.bool_]

    @classmethod
    def join(cls, parts: Sequence[Found]) -> Found:
        """Return several as one."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            outputs=np.concatenate([part.outputs for part in parts]),
            sampled=np.concatenate([part.sampled for part in parts]),
            settled=np.concatenate([part.settled for part in parts]),
            settling_time=np.concatenate([part.settling_time for part in parts]),
            power={
                name: np.concatenate([part.power[name] for part in parts])
                for name in parts[0].power
            },
            energy=np.concatenate([part.energy for part in parts]),
            streams=tuple(stream for part in parts for stream in part.streams),
            near_limit=np.concatenate([part.near_limit for part in parts]),
        )


def measure(
    circuit: Circuit,
    model: Ports,
    outputs: NDArray[np.intp],
    stream: Stream,
    currents: Array,
    local: Array,
    analysis: Analysis,
    keep: bool = False,
) -> Found:
    """Measure a stream of K right-hand sides.

    Parameters
    ----------
    circuit : Circuit
    model : Ports
        Its network, reduced.
    outputs : ndarray of int, shape (n,)
        Ports that hold the solution.
    stream : Stream
    currents : ndarray, shape (K, q)
        What the sources gave.
    local : ndarray, shape (K,)
        `PortModel.local_power` of it [W].
    analysis : Analysis
    keep : bool
        Keep the waveforms.
    """
    starts, settling = stream.starts, settlings(stream, outputs, analysis)
    total = source_power(circuit, model, stream.voltages, stream.supply, currents, local, starts)
    final, supply = stream.voltages[starts[1:] - 1], stream.supply[starts[1:] - 1]
    power = measure_power(circuit, model, final, supply, currents, local).by_name()
    spent = energy(stream.time, total, settling.time, starts)
    if not circuit.device.linear:
        # Voltages inside the array, and so what the inputs deliver, are known from the reduced
        # network only, which stands for linear cells.
        unknown = np.full(len(final), np.nan)
        known = ("supply", "amplifier_static")
        power = {name: part if name in known else unknown for name, part in power.items()}
        spent = unknown
    return Found(
        outputs=settling.final,
        sampled=_sampled(stream, outputs, settling, analysis),
        settled=settling.settled,
        settling_time=settling.time,
        power=power,
        energy=spent,
        streams=(stream,) if keep else (),
        near_limit=near_limits(circuit, model, final, currents),
    )


def _sampled(
    stream: Stream, outputs: NDArray[np.intp], settling: Settlings, analysis: Analysis
) -> Array:
    adc = analysis.adc
    if adc is None or adc.sample_time is None:
        return settling.final
    voltages = stream.voltages[:, outputs]
    return sample(stream.time, voltages, stream.starts, adc.sample_time, settling.settled)


def settlings(stream: Stream, outputs: NDArray[np.intp], analysis: Analysis) -> Settlings:
    """Return when each right-hand side of a stream settles; see `measure`."""
    return measure_settlings(
        stream.time,
        stream.voltages[:, outputs],
        stream.starts,
        analysis.settle_tolerance,
        stream.at_rest,
    )


def near_limits(circuit: Circuit, model: Ports, final: Array, currents: Array) -> NDArray[np.bool_]:
    """Tell where an amplifier comes to rest close to a limit that is no constraint, shape (K,).

    What reaches a rail is the stage behind the output resistance, not the output itself.

    Parameters
    ----------
    circuit, model
        As for `measure`.
    final : ndarray, shape (K, P)
        Port voltages at the end [V].
    currents : ndarray, shape (K, q)
    """
    near = np.zeros(len(final), bool)
    if circuit.rail_limited:
        return near
    opamp = circuit.opamp
    delivered = model.into_network(final) - model.port_currents(currents)
    for bank in circuit.schematic.amplifiers:
        at = np.searchsorted(model.nodes, bank.out)
        stage = final[:, at] + opamp.output_resistance * delivered[:, at]
        near |= stage.max(axis=1) > (1 - RAIL_MARGIN) * opamp.highest_output
        if not (bank.floor_at_ground or bank.hold is not None):
            near |= stage.min(axis=1) < (1 - RAIL_MARGIN) * opamp.lowest_output
        if opamp.output_current_limit is not None:
            limit = (1 - RAIL_MARGIN) * opamp.output_current_limit
            near |= np.abs(delivered[:, at]).max(axis=1) > limit
    return near
