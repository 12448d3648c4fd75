"""Time step and damping of the simulator's integration, so that modes decay as in the circuit.

The simulator's trapezoidal rule weights the new instant with 1/2 + d and the old one with 1/2 - d
(its option ``xmu`` is 1/2 - d).  In a step h a mode exp(lambda t) grows by

    g(z) = (1 + (1/2 - d) z) / (1 - (1/2 + d) z),    z = h lambda = -x/q +- j x

with x the radians of a step and q the radians of a time constant, instead of by exp(z).  From
log g(z) = z (1 + d z + (1/12 + d^2) z^2 + ...) the rate of decay is wrong by the fraction
d q x - x^2/4: damped by the rule itself, and undamped by the length of the step.  Both cancel at
d = h sigma/4 for every mode that rings and decays at the rate sigma, whatever its frequency, and at
h sigma/12 for one that does not ring.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amcspice.circuit.base import Array

__all__ = ["RATE_ERROR", "TOLERANCE", "Integration", "allowed_error", "choose_integration"]

RATE_ERROR = 0.01
"""Of the rate of decay, and so of a settling time, at the default tolerance of the simulator.

The frequency of a mode that rings for ten radians a time constant or less may be as wrong."""

TOLERANCE = 5e-5
"""Default of the simulator's relative tolerance."""

LASTING = 3.0
"""Modes that decay up to this much faster than the slowest one show where outputs settle."""

SHORTER = 0.7
"""Steps are as short as this part of the longest one where the simulator's own error control has
shortened them a little."""

RADIANS = 0.9
"""Of a step, at most: seven samples a period show whether an output is inside the band."""

SHRINK = 0.95
"""From one step that is tried to the next."""

SHORTEST = 1e-2
"""Step that is tried last, over the longest."""

KICKED = 1e-3
"""Damping without which the rule lets ring for ever what an amplifier at a limit has kicked."""

DAMPING = np.concatenate([[0.0], np.geomspace(1e-5, 0.25, 80)])
"""Values of d that are tried."""


@dataclass(frozen=True)
class Integration:
    """How the simulator integrates.

    Parameters
    ----------
    max_step : float
        Largest time step [s].
    damping : float
        By how much the rule weights the new instant more than one half.
    """

    max_step: float
    damping: float

    @classmethod
    def of_step(cls, eigenvalues: Array, step: float) -> Integration:
        """Return the one with the best damping for a time step [s]; see `kicked`."""
        return cls(step, _best_damping(lasting(eigenvalues), step)[0]).kicked(eigenvalues)

    def kicked(self, eigenvalues: Array) -> Integration:
        """Return it with a damping of `KICKED` at least, unless modes would decay too fast by that.

        Parameters
        ----------
        eigenvalues : ndarray, shape (s,)
            Of the circuit [1/s].
        """
        if self.damping >= KICKED:
            return self
        damped = Integration(self.max_step, KICKED)
        return damped if damped.rate_error(eigenvalues) <= RATE_ERROR else self

    def rate_error(self, eigenvalues: Array) -> float:
        """Return by what fraction modes decay too fast or too slowly, those that last longest.

        Parameters
        ----------
        eigenvalues : ndarray, shape (s,)
            Of the circuit [1/s].
        """
        values = lasting(eigenvalues)
        return float(_rate_errors(values, self.max_step, np.array([self.damping]))[0].max())


def allowed_error(tolerance: float) -> float:
    """Return the error of rates that goes with a relative tolerance of the simulator.

    Its own error control makes steps shorter by the third root of that, and the error of rates
    goes with their square.
    """
    return float(RATE_ERROR * (tolerance / TOLERANCE) ** (2 / 3))


def choose_integration(
    eigenvalues: Array, longest: float, rate_error: float = RATE_ERROR
) -> Integration:
    """Choose the longest time step with which lasting modes decay and turn as they should.

    Parameters
    ----------
    eigenvalues : ndarray, shape (s,)
        Of the circuit [1/s].
    longest : float
        Longest step that is of use [s].
    rate_error : float
        What is allowed.
    """
    values = lasting(eigenvalues)
    turns = values.imag.max()
    step = longest = min(longest, RADIANS / turns) if turns > 0 else longest
    while True:
        damping, error = _best_damping(values, step)
        if error <= rate_error or step < SHORTEST * longest:
            return Integration(step, damping)
        step *= SHRINK


def _best_damping(values: Array, step: float) -> tuple[float, float]:
    """Return the damping with the smallest error of rates and frequencies, and that error."""
    errors = np.zeros(len(DAMPING))
    for part in (1.0, SHORTER):
        rates, phases = _rate_errors(values, part * step, DAMPING)
        errors = np.maximum(errors, np.maximum(rates, phases).max(axis=-1))
    best = int(errors.argmin())
    return float(DAMPING[best]), float(errors[best])


def lasting(eigenvalues: Array) -> Array:
    """Return the modes that last, one of each pair; those that grow as if they decayed."""
    rates = np.abs(eigenvalues.real)
    values = eigenvalues[(rates <= LASTING * rates.min()) & (eigenvalues.imag >= 0)]
    tiny = np.finfo(float).tiny
    return np.asarray(-np.maximum(np.abs(values.real), tiny) + 1j * values.imag)


def _rate_errors(values: Array, step: float, damping: Array) -> tuple[Array, Array]:
    """Return errors of the rates of decay, and those of frequencies, which matter less.

    Shapes (d, s) for dampings (d,) and modes (s,); what decays faster matters less.
    """
    weight = np.abs(values.real).min() / np.abs(values.real)
    ringing = np.abs(values.imag / values.real)
    z, d = step * values, damping[:, None]
    grown = np.log((1 + (0.5 - d) * z) / (1 - (0.5 + d) * z))
    rates = np.abs(grown.real / z.real - 1) * weight
    turns = np.where(z.imag > 0, z.imag, 1.0)
    phases = np.where(z.imag > 0, np.abs(grown.imag / turns - 1), 0.0)
    return rates, phases * weight / np.maximum(1.0, ringing / 10)
