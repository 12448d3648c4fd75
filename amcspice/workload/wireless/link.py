"""`Link`: who sends what to whom, and the symbols and noise that it is tried with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from amcspice.errors import InputError
from amcspice.workload.wireless.channel import (
    Channel,
    Complex,
    estimated,
    gaussian,
    noise_variance,
    spread_powers,
)
from amcspice.workload.wireless.qam import Modulation

__all__ = ["DetectorName", "Link", "Sent", "closed_form"]

DetectorName = Literal["zf", "mmse", "rzf", "slnr"]


@dataclass(frozen=True)
class Link:
    """Who sends what to whom.

    Parameters
    ----------
    channel : Channel
    modulation : Modulation
    detector : {"zf", "mmse", "rzf", "slnr"}
        RZF is what MMSE is called in the downlink; SLNR is of the downlink.
    direction : {"uplink", "downlink"}
    spread : float
        Receive powers of the users, from the weakest to the strongest [dB].
    channel_error : float
        Variance of the error of what is known of an entry of the channel.

    Raises
    ------
    InputError
        If detector and direction do not fit together.
    """

    channel: Channel
    modulation: Modulation
    detector: DetectorName = "zf"
    direction: Literal["uplink", "downlink"] = "uplink"
    spread: float = 0.0
    channel_error: float = 0.0

    def __post_init__(self) -> None:
        if self.direction == "uplink" and self.detector in ("rzf", "slnr"):
            raise InputError(
                f"detector {self.detector} precodes: give direction downlink, or detector mmse"
            )

    @property
    def title(self) -> str:
        """Who sends what, in words."""
        users, antennas = self.channel.users, self.channel.antennas
        name = "rzf" if (self.detector, self.direction) == ("mmse", "downlink") else self.detector
        return (
            f"{self.direction}, {users} users, {antennas} antennas, {self.modulation.name}, {name}"
        )

    def load(self, snr_db: float) -> float:
        """Return what is added to the diagonal of H'H."""
        return 0.0 if self.detector == "zf" else noise_variance(snr_db, self.channel.users)

    def drawn(self, number: int, seed: int) -> tuple[Complex, Complex]:
        """Return a channel with the powers of the users, and as it is known."""
        powers = spread_powers(self.channel.users, self.spread)
        true: Complex = self.channel.draw(number, seed) * np.sqrt(powers)
        return true, estimated(true, self.channel_error, number, seed)


@dataclass(frozen=True, eq=False)
class Sent:
    """Bits and symbols of a channel, and the noise of variance one that they meet."""

    modulation: Modulation
    bits: Any
    symbols: Complex
    noise: Complex

    @classmethod
    def of(cls, link: Link, vectors: int, number: int, seed: int) -> Sent:
        """Draw those of a channel: the same for the same number and seed."""
        users, modulation = link.channel.users, link.modulation
        draw = np.random.default_rng([seed, *b"bits", number])
        bits = draw.integers(0, 2, (users, vectors, modulation.bits), np.int8)
        where = link.channel.antennas if link.direction == "uplink" else users
        noise = gaussian((where, vectors), seed, "noise", number)
        return cls(modulation, bits, modulation.modulate(bits), noise)


def closed_form(link: Link, snr_db: float, evm: float = 0.0) -> float:
    """Return the bit-error rate of zero forcing, independent Gaussian channels, equal powers.

    Every user is taken to have the mean signal-to-noise ratio after zero forcing, and what the
    hardware adds to be Gaussian noise: good to some percent above 1e-2, too low near a floor, as
    channels differ.

    Parameters
    ----------
    link : Link
    snr_db : float
    evm : float
        Of the hardware.
    """
    users, antennas = link.channel.users, link.channel.antennas
    noise = noise_variance(snr_db, users) / (antennas - users + 1)
    return float(link.modulation.bit_error_rate(1 / (noise + evm**2)))
