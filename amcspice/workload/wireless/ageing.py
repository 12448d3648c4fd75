"""Ageing: what users who move do to a channel that was written into cells.

In rich scattering entries of a channel have the autocorrelation J0(2 pi f_D t), f_D = v f / c
(R. H. Clarke, Bell Syst. Tech. J. 47, 957 (1968)):  H' = J0 H + sqrt(1 - J0^2) E, E independent of
H.  With K users, M antennas and independent entries, zero forcing by what was written leaves

    EVM = sqrt((1 - J0^2) K / (M - K))                                    all of it is old
    EVM = sqrt((1 - J0^2) (K / (M - K) + K M^2 / (M - K)^3))              its Gram matrix alone is
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.constants import speed_of_light
from scipy.special import j0, jn_zeros

from amcspice.errors import InputError

__all__ = ["COHERENCE", "Aged", "ageing_evm", "coherence_time", "doppler", "update_interval"]

Aged = Literal["all", "gram"]
"""What was written before the channel changed: all matrices, or the Gram matrix alone."""

COHERENCE = 0.423
"""Coherence time times f_D: geometric mean of 9 / (16 pi) and 1 (T. S. Rappaport, Wireless
Communications, 2nd edition, section 5.4.3)."""


def doppler(speed: float, carrier: float) -> float:
    """Return the largest Doppler shift of a speed [m/s] at a carrier frequency [Hz]."""
    return speed * carrier / speed_of_light


def coherence_time(speed: float, carrier: float) -> float:
    """Return the coherence time for a speed [m/s] at a carrier frequency [Hz] [s]."""
    return COHERENCE / doppler(speed, carrier)


def ageing_evm(shift: float, age: float, users: int, antennas: int, aged: Aged = "all") -> float:
    """Return the EVM of zero forcing after some time, of an equalised link.

    Parameters
    ----------
    shift : float
        Largest Doppler shift [Hz].
    age : float
        Time since the channel was measured [s].
    users, antennas : int
    aged : {"all", "gram"}

    Raises
    ------
    InputError
        If there are not fewer users than antennas.
    """
    changed = 1 - j0(2 * np.pi * shift * age) ** 2
    return float(np.sqrt(changed * _gain(users, antennas, aged)))


def update_interval(
    shift: float, evm: float, users: int, antennas: int, aged: Aged = "all"
) -> float:
    """Return the time until ageing alone has an EVM [s]; see `ageing_evm`.

    Raises
    ------
    InputError
        If ageing never has that EVM, the shift is not above zero, or there are not fewer users
        than antennas.
    """
    from scipy.optimize import brentq  # here: whoever needs it waits for it

    if not shift > 0:
        raise InputError(f"shift = {shift:g} Hz: who does not move has a channel that never ages")
    gain = _gain(users, antennas, aged)
    if not 0 < evm**2 < gain:
        raise InputError(
            f"EVM of {evm:g}: of {users} users and {antennas} antennas ageing has more than zero, "
            f"and less than {np.sqrt(gain):.3g}"
        )
    first_zero = float(jn_zeros(0, 1)[0])
    phase = brentq(lambda x: (1 - j0(x) ** 2) * gain - evm**2, 0.0, first_zero)
    return float(phase / (2 * np.pi * shift))


def _gain(users: int, antennas: int, aged: Aged) -> float:
    """Return the squared EVM of a channel that has nothing left in common with the one written."""
    free = antennas - users
    if users < 1 or free < 1:
        raise InputError(f"{users} users, {antennas} antennas: ageing is known of fewer users only")
    gain = users / free
    return gain + (users * antennas**2 / free**3 if aged == "gram" else 0.0)
