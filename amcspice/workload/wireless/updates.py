"""`Updates`: how often a channel must be written for users who move, and what that takes.

A channel is written again before ageing has the EVM that is allowed.  Between two writings an array
serves vectors: those of its own block of resources, or, if it is never idle, as many as fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amcspice.system import Cost
from amcspice.workload.wireless.ageing import Aged, coherence_time, doppler, update_interval

__all__ = ["SLOT", "SLOT_VECTORS", "Update", "updates"]

SLOT_VECTORS, SLOT = 168, 0.5e-3
"""Vectors of a block of twelve subcarriers in a slot of fourteen symbols, and its duration [s] at
a spacing of 30 kHz (3GPP TS 38.211, sections 4.3.2 and 4.4.4.1)."""


@dataclass(frozen=True)
class Update:
    """One speed.

    Parameters
    ----------
    speed : float
        [m/s].
    shift, coherence, interval : float
        Largest Doppler shift [Hz]; coherence time, and time between writings [s].
    writing : float
        Share of the interval that a writing takes; above one it does not fit.
    pulses_per_second : float
        Of the mean cell.
    life : float
        Until the mean cell has had as many pulses as it survives [s].
    vectors : float
        Of one block of resources between two writings.
    throughput : float
        Of an array that is never idle, writing counted [bit/s]; zero where writing does not fit.
    energy_per_bit : float
        Of the block's vectors, writing counted [J].
    """

    speed: float
    shift: float
    coherence: float
    interval: float
    writing: float
    pulses_per_second: float
    life: float
    vectors: float
    throughput: float
    energy_per_bit: float

    @property
    def fits(self) -> bool:
        """Whether the channel can be written in time."""
        return self.writing < 1

    def to_json(self) -> dict[str, Any]:
        """Return plain values, SI units in the names."""
        return {
            "speed_m_per_s": self.speed,
            "doppler_hz": self.shift,
            "coherence_s": self.coherence,
            "interval_s": self.interval,
            "writing_share": self.writing,
            "fits": self.fits,
            "pulses_per_second": self.pulses_per_second,
            "life_s": self.life,
            "vectors": self.vectors,
            "bits_per_second": self.throughput,
            "energy_per_bit_j": self.energy_per_bit,
        }


def updates(
    cost: Cost,
    speeds: list[float],
    *,
    users: int,
    antennas: int,
    bits: int,
    carrier: float = 3.5e9,
    evm: float = 0.0335,
    aged: Aged = "all",
) -> list[Update]:
    """Return what moving takes, a row for each speed.

    Parameters
    ----------
    cost : Cost
        Of a chip that wrote channels and ran vectors.
    speeds : list of float
        [m/s].
    users, antennas : int
    bits : int
        Of a vector.
    carrier : float
        [Hz].
    evm : float
        That ageing may have just before a writing.
    aged : {"all", "gram"}
        What of the channel is written; see `ageing_evm`.

    Raises
    ------
    InputError
        If ageing never has that EVM.
    """
    of, writing, operation = cost.technology, cost.writing, cost.operation
    pulses = of.writing.mean_pulses * of["pulse_factor"]
    rows = []
    for speed in speeds:
        shift = doppler(speed, carrier)
        interval = update_interval(shift, evm, users, antennas, aged)
        share, vectors = writing.time / interval, SLOT_VECTORS * interval / SLOT
        rows.append(
            Update(
                speed=speed,
                shift=shift,
                coherence=coherence_time(speed, carrier),
                interval=interval,
                writing=share,
                pulses_per_second=pulses / interval,
                life=of["endurance"] / pulses * interval,
                vectors=vectors,
                throughput=max(1 - share, 0.0) * bits / operation.time,
                energy_per_bit=(operation.energy + writing.energy / vectors) / bits,
            )
        )
    return rows
