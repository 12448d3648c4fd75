"""Mean and variance of the conductance that a cell comes to, in closed form.

What `Memristor.program` draws, averaged over its draws: levels, write noise that is cut off at
zero, variation, stuck cells, drift, read noise.  A normal variable g + s z cut off at zero has

    E max(g + s z, 0)   = g Phi(g/s) + s phi(g/s)
    E max(g + s z, 0)^2 = (g^2 + s^2) Phi(g/s) + g s phi(g/s)

(J. Tobin, Econometrica 26, 24 (1958)): a cell near zero keeps half of its noise and is too large
in the mean; one that is off has none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from amcspice.device.cells import WriteErrors
from amcspice.device.memristor import Memristor
from amcspice.errors import UnsupportedError

__all__ = ["cell_moments", "censored_moments"]

Array = NDArray[np.float64]


def censored_moments(mean: Array, spread: Array | float) -> tuple[Array, Array]:
    """Return mean and mean square of normal variables that are cut off at zero.

    Parameters
    ----------
    mean, spread : ndarray or float
        Of the variables before, ``spread`` not negative.

    Returns
    -------
    mean, mean_square : ndarray
    """
    wide = np.asarray(spread) > 0
    if not wide.any():
        first = np.maximum(mean, 0.0)
        return first, first**2
    z = mean / (spread if wide.all() else np.where(wide, spread, 1.0))
    above, density = ndtr(z), np.exp(-0.5 * z**2) * (spread / np.sqrt(2 * np.pi))
    if not wide.all():
        above = np.where(wide, above, mean > 0)
    first = mean * above + density
    second: Array = mean * first + np.square(spread) * above
    return first, second


def cell_moments(device: Memristor, target: Array) -> tuple[Array, Array]:
    """Return mean and variance of the conductances that `Memristor.program` comes to.

    Parameters
    ----------
    device : Memristor
    target : ndarray
        Wanted conductances, from 0 to ``g_max`` [S].

    Returns
    -------
    mean, variance : ndarray
        Same shape [S], [S^2].

    Raises
    ------
    UnsupportedError
        If single cells are given (maps of stuck ones, programmed conductances), or the class of
        the cells writes in its own way.
    """
    _check(device)
    aimed = device.quantise(target)
    on = aimed > 0
    if on.all():
        mean, square = _written(device, aimed)
    else:
        mean, square = np.zeros(aimed.shape), np.zeros(aimed.shape)
        mean[on], square[on] = _written(device, aimed[on])
    one = np.ones(1)
    for spread in filter(None, (device.device_variation, device.cycle_variation)):
        first, second = censored_moments(one, spread)
        mean, square = mean * first, square * second
    rest = device.g_min if not device.selector else 0.0
    if lost := device.stuck_on + device.stuck_off:
        top = device.g_max
        mean = (1 - lost) * mean + device.stuck_on * top + device.stuck_off * rest
        square = (1 - lost) * square + device.stuck_on * top**2 + device.stuck_off * rest**2
    for factor, factor_square in _reading(device):
        mean, square = mean * factor, square * factor_square
    return mean, np.maximum(square - mean**2, 0.0)


def _check(device: Memristor) -> None:
    kind = type(device)
    own = any(
        getattr(kind, name) is not getattr(Memristor, name)
        for name in ("quantise", "program", "write", "read", "stuck", "_error")
    )
    single = device.programmed is not None or not all(
        isinstance(stuck, float) for stuck in (device.stuck_on, device.stuck_off)
    )
    if own or single:
        what = f"cells of the class {kind.__name__}" if own else "single cells that are given"
        raise UnsupportedError(
            f"{what}: the mean of their errors is not known in closed form; run a circuit instead"
        )


def _written(device: Memristor, aimed: Array) -> tuple[Array, Array]:
    if device.write_errors is not None:
        return _measured(device.write_errors, aimed)
    scale = device.g_max if device.noise_relative_to == "g_max" else aimed
    return censored_moments(aimed, device.write_noise * scale)


def _measured(errors: WriteErrors, aimed: Array) -> tuple[Array, Array]:
    """Return moments of conductances with errors drawn from those found at the nearest level."""
    mean, square = np.empty_like(aimed), np.empty_like(aimed)
    levels = np.array(errors.levels)
    at = np.searchsorted((levels[1:] + levels[:-1]) / 2, aimed)
    for level, found in enumerate(errors.errors):
        here = at == level
        values = np.maximum(aimed[here][:, None] + np.array(found), 0.0)
        mean[here], square[here] = values.mean(axis=1), (values**2).mean(axis=1)
    return mean, square


def _reading(device: Memristor) -> list[tuple[Array | float, Array | float]]:
    """Return mean and mean square of the factors by which a cell has changed when it is used."""
    factor = device.temperature_factor
    made: list[tuple[Array | float, Array | float]] = [(factor, factor**2)]
    if device.drift_time > 1 and (device.drift_exponent or device.drift_spread):
        log = float(np.log(device.drift_time))
        made.append((_drifted(device, log), _drifted(device, 2 * log)))
    if device.read_noise and not device.fluctuates:
        made.append(censored_moments(np.ones(1), device.read_noise))
    return made


def _drifted(device: Memristor, log: float) -> float:
    """Return the mean of exp(-log max(nu, 0)) over normal exponents nu."""
    nu, spread = device.drift_exponent, device.drift_spread
    if not spread:
        return float(np.exp(-log * nu))
    tail = np.exp(-log * nu + 0.5 * (log * spread) ** 2) * ndtr(nu / spread - log * spread)
    return float(ndtr(-nu / spread) + tail)
