"""The rest of circuits that choose among dependent columns, by raising the sources from zero.

Without sources nothing is at a clamp, and what an L1 term pulls down rests on the floor.  While
all of them are raised in proportion, t from 0 to 1, rests move along straight lines until one
output meets its limit or leaves it: that changes one piece, and the next line begins where the
last one ends.  For a loop that has one rest for every input there is one such path (R. Cottle,
Monotone solutions of the parametric linear complementarity problem, Math. Program. 3, 210 (1972)),
and what recovers sparse vectors meets little more of its pieces than entries that are not zero.
Pieces that are guessed all at once hardly ever end right there: without its limits such a loop has
many rests, or none.

Amplifiers without constraint are taken as inside their output range, and eliminated first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit.base import Array
from amcspice.engine.dc.codes import ABOVE, HIGHEST, INSIDE, LOWEST
from amcspice.engine.dc.static import StaticPorts

__all__ = ["RaisedSources"]

MOST_CHANGES = 20
"""Pieces that may change on the way, for each limited output."""


class RaisedSources:
    """One circuit whose sources are raised from zero.

    Parameters
    ----------
    ports : StaticPorts
    number : int
        Which of its circuits.
    """

    def __init__(self, ports: StaticPorts, number: int) -> None:
        self.ports, by_source = ports, ports.by_source[number]
        limited = ports.clamped | ports.constrained
        self.at, self.free = np.flatnonzero(limited), np.flatnonzero(~limited)
        self._first = np.where(ports.constrained[self.at], -1, 0)
        system = np.diag(1 / ports.gain) - by_source
        inner, outer = np.ix_(self.free, self.free), np.ix_(self.free, self.at)
        # Input differences of limited amplifiers for what the free ones are driven by.
        self._through = np.linalg.solve(system[inner].T, by_source[np.ix_(self.at, self.free)].T).T
        self._along = by_source[np.ix_(self.at, self.at)] + self._through @ by_source[outer]
        self._constant = self._seen(ports.along_bias[number] + ports.offset)

    def _seen(self, drive: Array) -> Array:
        """Return input differences of the limited amplifiers with outputs at zero [V]."""
        seen: Array = drive[self.at] + self._through @ drive[self.free]
        return seen

    def pieces(self, drive: Array) -> NDArray[np.uint8] | None:
        """Return the pieces that a drive leads to, shape (k,); None where no path ends.

        Parameters
        ----------
        drive : ndarray, shape (k,)
            Input differences from injected and bias currents alone [V].
        """
        ports, at = self.ports, self.at
        low, high, gain = ports.lowest[at], ports.highest[at], ports.gain[at]
        rise = self._seen(drive + ports.offset) - self._constant
        place, time, last = self._first.copy(), 0.0, -1
        for _ in range(MOST_CHANGES * len(at)):
            inside, edge = place == 0, np.where(place > 0, high, low)
            level, slope = self._line(inside, np.where(inside, 0.0, edge), gain, rise)
            # What is inside meets an end of its range, what is at one leaves it again.
            ends = np.where(inside, np.where(slope > 0, high, low), edge / gain)
            towards = inside | (slope * place < 0)
            with np.errstate(divide="ignore", invalid="ignore"):
                when = np.where(towards & (slope != 0), (ends - level) / slope, np.inf)
            if last >= 0 and when[last] <= time * (1 + 1e-9):
                when[last] = np.inf  # it has just changed
            last = int(np.argmin(when))
            if when[last] >= 1:
                codes = np.full(len(ports.gain), INSIDE + ABOVE, np.uint8)
                codes[at[place > 0]] = HIGHEST + ABOVE
                codes[at[place < 0]] = LOWEST + ABOVE
                return codes
            time = max(time, float(when[last]))
            place[last] = (1 if slope[last] > 0 else -1) if inside[last] else 0
        return None

    def _line(
        self, inside: NDArray[np.bool_], edge: Array, gain: Array, rise: Array
    ) -> tuple[Array, Array]:
        """Return where limited stages are at t = 0 and how they move with t.

        Those at an end of their range: their input differences.
        """
        on, off = np.flatnonzero(inside), np.flatnonzero(~inside)
        right = np.stack([self._constant + self._along @ edge, rise], axis=1)
        found = right.copy()
        if on.size:
            system = np.diag(1 / gain[on]) - self._along[np.ix_(on, on)]
            found[on] = np.linalg.solve(system, right[on])
            found[off] += self._along[np.ix_(off, on)] @ found[on]
        return found[:, 0], found[:, 1]
