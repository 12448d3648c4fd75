"""What compiled code takes and returns: equations of a circuit, control, samples."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Control", "Equations", "Samples"]

Array = NDArray[np.float64]


class Equations(NamedTuple):
    """A circuit as `integrate` takes it; k amplifiers, c port voltages that are states.

    Parameters
    ----------
    difference_a, difference_w : ndarray, shape (k, k)
        Input difference of every amplifier for one volt behind the output resistances, and for
        one ampere through the hold devices.
    difference_q : ndarray, shape (k, c)
        The same for one volt at the port voltages that are states.
    held_a, held_w, held_q : ndarray
        The same for the node that a hold device keeps.
    charge_a, charge_w, charge_q : ndarray, shapes (c, k), (c, k), (c, c)
        The same for the rate of the port voltages that are states.
    hold : ndarray, shape (k,)
        Conductance of the hold device in series with the output resistance, 0 for none [S].
    lowest, highest : ndarray, shape (k,)
        Output range [V].
    unity : float
        2 pi GBW [1/s].
    leak : ndarray, shape (k,)
        unity / A0 [1/s].
    slew : float
        Slew rate, inf for no limit [V/s].
    second : float
        2 pi times the second pole, 0 for none [1/s].
    rout : float
        Output resistance [ohm].
    """

    difference_a: Array
    difference_w: Array
    difference_q: Array
    held_a: Array
    held_w: Array
    held_q: Array
    charge_a: Array
    charge_w: Array
    charge_q: Array
    hold: Array
    lowest: Array
    highest: Array
    unity: float
    leak: Array
    slew: float
    second: float
    rout: float

    def stacked(self) -> Equations:
        """Return them as those of many circuits, which those of one are, too."""
        if self.difference_a.ndim > 2:
            return self
        return self._replace(**{name: getattr(self, name)[None] for name in BY_NETWORK})

    def of_circuit(self, number: int) -> Equations:
        """Return those of one circuit, where the arrays hold many along their first axis."""
        fields = {name: getattr(self, name)[number] for name in BY_NETWORK}
        return self._replace(**fields)


BY_NETWORK = (
    "difference_a", "difference_w", "difference_q", "held_a", "held_w", "held_q",
    "charge_a", "charge_w", "charge_q",
)  # fmt: skip
"""Fields of `Equations` that follow from a circuit's network."""


class Control(NamedTuple):
    """Accuracy and limits of `integrate`.

    Parameters
    ----------
    tolerance : float
        Error of a step from slewing, as a fraction of the largest state.
    resolution : float
        Largest part of the way to equilibrium in one step.
    band : float
        Settling band, as a fraction of the largest output: steps are half as long around it.
    rest : float
        Distance from equilibrium that counts as rest, as a fraction of the largest state.
    longest : float
        Time after which a right-hand side is given up [s].
    base : float
        Smallest step [s].
    stable : float
        Zero if modes grow while nothing is at a limit: being near that equilibrium is no rest.
    most : float
        Steps after which a right-hand side counts as one that never rests.
    longest_step : float
        Longest step [s]; one of ``base`` is taken all the same.
    """

    tolerance: float
    resolution: float
    band: float
    rest: float
    longest: float
    base: float
    stable: float
    most: float = 500_000
    longest_step: float = math.inf


class Samples(NamedTuple):
    """What `integrate` found, right-hand sides one after the other.

    Parameters
    ----------
    time : ndarray, shape (T,)
        Time from the input step [s].
    sources : ndarray, shape (T, k)
        Voltages behind the output resistances [V].
    held : ndarray, shape (T, k)
        Currents through the hold devices [A].
    states : ndarray, shape (T, c)
        Port voltages that are states [V].
    starts : ndarray of int, shape (K + 1,)
        First sample of each right-hand side.
    at_rest : ndarray of bool, shape (K,)
        Whether it came to rest.
    """

    time: Array
    sources: Array
    held: Array
    states: Array
    starts: NDArray[np.int64]
    at_rest: NDArray[np.bool_]
