"""Mean and variance of the conductance that a cell comes to, in closed form.

What `Cell.program` draws, averaged over its draws: levels, write noise that is cut off at zero,
variation, stuck cells, drift, read noise.  A normal variable g + s z cut off at zero has

    E max(g + s z, 0)   = g Phi(g/s) + s phi(g/s)
    E max(g + s z, 0)^2 = (g^2 + s^2) Phi(g/s) + g s phi(g/s)

(J. Tobin, Econometrica 26, 24 (1958)): a cell near zero keeps half of its noise and is too large
in the mean; one that is off has none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.device.cell_model import Cell
from amcspice.errors import UnsupportedError

__all__ = ["cell_moments", "censored_moments", "drift_moments", "mean_over_normal"]

Array = NDArray[np.float64]

TAIL = 8.0
"""Deviations from the mean up to which a normal variable is integrated."""

NODES = 48
"""Of Gauss-Legendre integration."""


def cell_moments(device: Cell, target: Array) -> tuple[Array, Array]:
    """Return mean and variance of the conductances that `Cell.program` comes to.

    Parameters
    ----------
    device : Cell
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
        the cells writes in its own way and does not say its moments.
    """
    kind = type(device)
    owner = next(each for each in kind.__mro__ if vars(each).keys() & {"moments", "MOMENTS_OF"})
    told = vars(owner).get("MOMENTS_OF", ())
    if any(getattr(kind, name) is not getattr(owner, name) for name in told):
        raise UnsupportedError(
            f"cells of the class {kind.__name__}: the mean of their errors is not known in closed "
            "form; run a circuit instead"
        )
    return device.moments(target)


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
    from scipy.special import ndtr  # only those who ask for moments wait for scipy

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


def drift_moments(mean: Any, spread: Any, time: float) -> tuple[Array, Array]:
    """Return mean and mean square of t^-max(nu, 0) over normal exponents nu.

    With L = ln t and z standard normal: E t^-(m + s z) over nu > 0 is that of a lognormal
    variable cut off there, exp(-L m + (L s)^2 / 2) Phi(m/s - L s), and where nu < 0 it is one.

    Parameters
    ----------
    mean, spread : array_like
        Of the exponents, ``spread`` not negative.
    time : float
        t, at least 1.
    """
    log = float(np.log(time))
    return _decay(mean, spread, log), _decay(mean, spread, 2 * log)


def _decay(mean: Any, spread: Any, log: float) -> Array:
    from scipy.special import ndtr

    mean, spread = np.asarray(mean, float), np.asarray(spread, float)
    safe = np.where(spread > 0, spread, 1.0)
    above = np.exp(-log * mean + 0.5 * (log * safe) ** 2) * ndtr(mean / safe - log * safe)
    drawn = ndtr(-mean / safe) + above
    decay: Array = np.where(spread > 0, drawn, np.exp(-log * np.maximum(mean, 0.0)))
    return decay


def mean_over_normal(
    moments: Callable[[Array], tuple[Array, Array]], mean: Array, spread: Any
) -> tuple[Array, Array]:
    """Return mean and mean square over a normal variable cut off at zero, as it is read.

    Parameters
    ----------
    moments : callable
        Takes values of the variable, returns mean and mean square of what is read of them; what
        is zero reads zero.
    mean, spread : ndarray
        Of the variable before it is cut off.

    Returns
    -------
    mean, mean_square : ndarray
        Where there is no spread those of ``mean``.
    """
    from scipy.special import roots_legendre

    spread = np.broadcast_to(spread, mean.shape)
    if not np.any(spread):
        return moments(mean)
    safe = np.where(spread > 0, spread, 1.0)
    lowest = np.clip(-mean / safe, -TAIL, TAIL)
    half = (TAIL - lowest) / 2
    first, second = np.zeros(mean.shape), np.zeros(mean.shape)
    nodes, weights = roots_legendre(NODES)
    for node, weight in zip(nodes, weights, strict=True):
        z = lowest + half * (1 + node)
        share = weight * half * np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
        one, two = moments(np.maximum(mean + safe * z, 0.0))
        first += share * one
        second += share * two
    exact = moments(mean)
    drawn = spread > 0
    return np.where(drawn, first, exact[0]), np.where(drawn, second, exact[1])
