"""`Modulation`: Gray mapped QAM as 3GPP TS 38.211, 5.1.3 to 5.1.6, has it.

Even bits of a symbol choose the level of its real part, odd ones that of its imaginary part.  With
the bits b0, b1, ... of one part, 64-QAM has the level

    (1 - 2 b0) (4 - (1 - 2 b1) (2 - (1 - 2 b2)))

and the others are longer or shorter in the same way.  Symbols have the mean power one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from amcspice.errors import InputError, did_you_mean

__all__ = ["MODULATIONS", "Modulation", "ModulationName", "modulation"]

ModulationName = Annotated[
    Literal["qpsk", "16qam", "64qam", "256qam"],
    Field(description="Gray QAM of 3GPP TS 38.211."),
]


@dataclass(frozen=True)
class Modulation:
    """A square QAM with Gray mapping.

    Parameters
    ----------
    name : str
    bits : int
        Of a symbol.
    evm_limit : float
        Largest EVM of a transmitter: 3GPP TS 38.104, table 6.5.2.2-1.

    Examples
    --------
    >>> from amcspice.workload.wireless import modulation
    >>> modulation("qpsk").modulate([[0, 0], [1, 0]]).round(2)
    array([ 0.71+0.71j, -0.71+0.71j])
    """

    name: str
    bits: int
    evm_limit: float

    @property
    def order(self) -> int:
        """Number of symbols."""
        return int(2**self.bits)

    @property
    def spacing(self) -> float:
        """Half of the distance of neighbours."""
        return float(np.sqrt(1.5 / (self.order - 1)))

    @property
    def points(self) -> NDArray[np.complex128]:
        """All symbols, shape (order,), by the number that their bits are, the first one highest."""
        return self.modulate(_bits_of(np.arange(self.order), self.bits))

    def modulate(self, bits: ArrayLike) -> NDArray[np.complex128]:
        """Return symbols.

        Parameters
        ----------
        bits : array_like of int, shape (..., bits)

        Returns
        -------
        ndarray, shape (...)
        """
        given = np.asarray(bits)
        if given.ndim < 1 or given.shape[-1] != self.bits:
            raise InputError(
                f"bits: shape {given.shape}: a symbol of {self.name} has {self.bits} bits, which "
                "the last axis must hold"
            )
        if not np.isin(given, (0, 1)).all():
            raise InputError("bits: each must be 0 or 1")
        signs = 1.0 - 2.0 * given
        symbols: NDArray[np.complex128] = _level(signs[..., ::2]) + 1j * _level(signs[..., 1::2])
        return self.spacing * symbols

    def demodulate(self, symbols: ArrayLike) -> NDArray[np.int8]:
        """Return the bits of the nearest symbols, shape (..., bits)."""
        parts = _parts(symbols, self.spacing)
        bits = np.empty((*parts.shape[:-1], self.bits), np.int8)
        for number, value in enumerate(_folded(parts, self.bits // 2)):
            bits[..., 2 * number : 2 * number + 2] = value < 0
        return bits

    def log_likelihood(self, symbols: ArrayLike, noise_variance: ArrayLike) -> NDArray[Any]:
        """Return log P(0)/P(1) of every bit by the nearest symbol of each (max-log).

        Parameters
        ----------
        symbols : array_like, shape (...)
        noise_variance : array_like
            Of the complex noise; broadcast against ``symbols``.

        Returns
        -------
        ndarray, shape (..., bits)
        """
        parts = _parts(symbols, 1.0)
        half = self.bits // 2
        words = _bits_of(np.arange(2**half), half)
        levels = self.spacing * _level(1.0 - 2.0 * words)
        distance = (parts[..., None] - levels) ** 2
        ratio = np.empty((*parts.shape[:-1], half, 2))
        for number in range(half):
            one = words[:, number] == 1
            ratio[..., number, :] = distance[..., one].min(-1) - distance[..., ~one].min(-1)
        variance = np.asarray(noise_variance, float)[..., None]
        made: NDArray[Any] = ratio.reshape(*parts.shape[:-1], self.bits) / variance
        return made

    def bit_error_rate(self, snr: ArrayLike) -> NDArray[np.float64]:
        """Return the bit-error rate in Gaussian noise.

        Exact: K. Cho, D. Yoon, IEEE Trans. Commun. 50, 1074 (2002), equations 14 to 16.

        Parameters
        ----------
        snr : array_like
            Power of a symbol over that of the complex noise.
        """
        side = 2 ** (self.bits // 2)
        away = np.sqrt(np.asarray(snr, float)) * self.spacing
        rate: Any = 0.0
        for place in range(1, self.bits // 2 + 1):
            for i in range(side - side // 2**place):
                turned = i * 2 ** (place - 1) / side
                weight = (-1) ** int(turned) * (2 ** (place - 1) - int(turned + 0.5))
                rate = rate + weight * scipy.special.erfc((2 * i + 1) * away)
        return np.asarray(rate / side / (self.bits // 2))


MODULATIONS: dict[str, Modulation] = {
    made.name: made
    for made in (
        Modulation("qpsk", 2, 0.175),
        Modulation("16qam", 4, 0.125),
        Modulation("64qam", 6, 0.08),
        Modulation("256qam", 8, 0.035),
    )
}
"""By name."""


def modulation(name: str) -> Modulation:
    """Return a modulation by its name.

    Raises
    ------
    InputError
        If there is none.
    """
    if name not in MODULATIONS:
        raise InputError(f"modulation = {name!r}: {did_you_mean(name, list(MODULATIONS))}")
    return MODULATIONS[name]


def _level(signs: NDArray[Any]) -> NDArray[Any]:
    """Return the odd levels that signs (..., b) choose."""
    level: NDArray[Any] = signs[..., -1]
    for number in range(signs.shape[-1] - 2, -1, -1):
        level = signs[..., number] * (2.0 ** (signs.shape[-1] - 1 - number) - level)
    return level


def _folded(parts: NDArray[Any], count: int) -> list[NDArray[Any]]:
    """Return for each bit of a part a value that is negative where the bit is one.

    Folding the line at the middle level that is left makes the next bit a sign.
    """
    values = [parts]
    for number in range(1, count):
        values.append(2.0 ** (count - number) - np.abs(values[-1]))
    return values


def _parts(symbols: ArrayLike, unit: float) -> NDArray[Any]:
    """Return real and imaginary parts in a unit, shape (..., 2)."""
    given = np.asarray(symbols, complex)
    return np.stack([given.real, given.imag], axis=-1) / unit


def _bits_of(numbers: NDArray[Any], count: int) -> NDArray[Any]:
    return numbers[..., None] >> np.arange(count)[::-1] & 1
