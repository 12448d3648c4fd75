"""Channels: matrices from users to antennas, and what a receiver knows of them.

    y = H P^1/2 x + n

with H of M antennas and K users, entries of variance one, P the receive powers of the users, whose
mean is one, symbols x of power one and noise n of variance N0 an antenna.  The signal-to-noise
ratio is the receive power of *all users together* over the noise, at one antenna: K / N0.  That of
one user alone is 10 log10 K lower; after zero forcing it is K / N0 (M - K + 1) / K.

In the downlink the users receive H'W s + n: the channel is that of the uplink, transposed and
conjugate, as with reciprocal channels.  The ratio is all transmitted power over the noise N0 of a
user, through a channel of gain one.  After zero forcing a user has about as much as in the uplink.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from amcspice.errors import InputError, brief

__all__ = [
    "Antennas",
    "Channel",
    "Complex",
    "FileChannel",
    "Kronecker",
    "Rayleigh",
    "Users",
    "estimated",
    "gaussian",
    "noise_variance",
    "spread_powers",
]

Complex = NDArray[np.complex128]

Users = Annotated[int | None, Field(ge=1, description="Users with an antenna each; default: 16.")]
Antennas = Annotated[int | None, Field(ge=1, description="Of the base station; default: 128.")]


class Channel(abc.ABC):
    """Where channel matrices come from.

    Attributes
    ----------
    antennas, users : int
    """

    antennas: int
    users: int

    @abc.abstractmethod
    def draw(self, number: int, seed: int = 0) -> Complex:
        """Return a channel, shape (antennas, users): the same for the same number and seed."""

    def _check(self) -> None:
        if not 1 <= self.users <= self.antennas:
            raise InputError(
                f"{self.users} users, {self.antennas} antennas: there must be one user or more, "
                "and no more users than antennas"
            )


@dataclass(frozen=True)
class Rayleigh(Channel):
    """Independent Gaussian entries of variance one: rich scattering.

    Parameters
    ----------
    antennas, users : int

    Raises
    ------
    InputError
        If there are more users than antennas.
    """

    antennas: int
    users: int

    def __post_init__(self) -> None:
        self._check()

    def draw(self, number: int, seed: int = 0) -> Complex:
        """See `Channel.draw`."""
        return gaussian((self.antennas, self.users), seed, "channel", number)


@dataclass(frozen=True)
class Kronecker(Channel):
    """Antennas that are correlated, rho^|i - j| between antennas i and j; users are independent.

    Parameters
    ----------
    antennas, users : int
    correlation : float
        rho, of neighbours.

    Raises
    ------
    InputError
        If the correlation is not from 0 to below 1, or there are more users than antennas.
    """

    antennas: int
    users: int
    correlation: float

    def __post_init__(self) -> None:
        self._check()
        if not 0 <= self.correlation < 1:
            raise InputError(f"correlation = {self.correlation}: must be from 0 to below 1")

    def draw(self, number: int, seed: int = 0) -> Complex:
        """See `Channel.draw`."""
        white = gaussian((self.antennas, self.users), seed, "channel", number)
        apart = np.abs(np.subtract.outer(np.arange(self.antennas), np.arange(self.antennas)))
        root: Complex = np.linalg.cholesky(float(self.correlation) ** apart) @ white
        return root


@dataclass(frozen=True, eq=False)
class FileChannel(Channel):
    """Channels that were measured or made elsewhere.

    Parameters
    ----------
    matrices : ndarray, shape (N, M, K)
        Taken in turn; scaled by one factor, so that the mean power of an entry is one.
    """

    matrices: Complex

    @property
    def antennas(self) -> int:  # type: ignore[override]
        """Rows of a matrix."""
        return int(self.matrices.shape[1])

    @property
    def users(self) -> int:  # type: ignore[override]
        """Columns of a matrix."""
        return int(self.matrices.shape[2])

    @classmethod
    def read(cls, path: Path | str) -> FileChannel:
        """Read an array of numpy (``.npy``), shape (M, K) or (N, M, K).

        Raises
        ------
        InputError
            If it is missing, holds no such array, or all entries are zero.
        """
        try:
            values: Any = np.load(path, allow_pickle=False)
            shape = np.shape(values)
            values = np.asarray(values, complex)
        except FileNotFoundError:
            raise InputError(f"{path}: there is no such file") from None
        except Exception as error:  # numpy raises all sorts at damaged files
            raise InputError(f"{path}: no array of numpy ({brief(error)})") from None
        if values.ndim not in (2, 3) or not values.size or shape[-1] > shape[-2]:
            raise InputError(
                f"{path}: shape {shape}: needs (antennas, users) or (channels, antennas, users), "
                "with no more users than antennas"
            )
        largest = float(np.abs(values).max())
        if not (np.isfinite(largest) and largest > 0):
            raise InputError(f"{path}: entries must be finite, and not all zero")
        matrices = values.reshape(-1, *shape[-2:]) / largest
        silent = np.argwhere(~matrices.any(axis=1))
        if len(silent):
            number, user = silent[0].tolist()
            raise InputError(f"{path}: user {user} of channel {number} has zeros only")
        return cls(matrices / np.sqrt(np.mean(np.abs(matrices) ** 2)))

    def draw(self, number: int, seed: int = 0) -> Complex:
        """See `Channel.draw`; the seed changes nothing."""
        made: Complex = self.matrices[number % len(self.matrices)]
        return made


def estimated(channel: Complex, error: float, number: int, seed: int = 0) -> Complex:
    """Return a channel as it was estimated: with independent Gaussian errors.

    Parameters
    ----------
    channel : ndarray, shape (M, K)
    error : float
        Variance of the error of an entry, over that of an entry.
    number, seed : int
        Of the draw.
    """
    if error < 0:
        raise InputError(f"error = {error}: a variance is not negative")
    if error == 0:
        return channel
    made: Complex = channel + np.sqrt(error) * gaussian(channel.shape, seed, "estimate", number)
    return made


def noise_variance(snr_db: float, users: int) -> float:
    """Return N0 for a signal-to-noise ratio of all users together at one antenna [dB]."""
    return float(users / 10 ** (snr_db / 10))


def spread_powers(users: int, spread_db: float) -> NDArray[np.float64]:
    """Return receive powers of users, shape (K,): evenly spread in dB, their mean is one.

    Parameters
    ----------
    users : int
    spread_db : float
        From the weakest, the first, to the strongest [dB].
    """
    powers = 10 ** (np.linspace(0.0, spread_db, users) / 10)
    made: NDArray[np.float64] = powers / powers.mean()
    return made


def gaussian(shape: tuple[int, ...], seed: int, what: str, *numbers: int) -> Complex:
    """Return independent complex Gaussian numbers of variance one.

    Parameters
    ----------
    shape : tuple of int
    seed : int
    what : str
        They are for: draws of different names are independent.
    *numbers : int
        Which draw of that name.
    """
    draw = np.random.default_rng([seed, *what.encode(), *numbers])
    parts = draw.standard_normal((2, *shape))
    made: Complex = (parts[0] + 1j * parts[1]) / np.sqrt(2)
    return made
