"""Whether the rest of a piece is stable: the Jacobian of the behavioural equations there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from amcspice.engine.dc.codes import ABOVE, CONDUCTS, INSIDE, PLACE
from amcspice.engine.equations.arrays import Equations

__all__ = ["CLAMP", "growth"]

CLAMP = 100.0
"""Conductance that limits the internal node, over the input transconductance; ``opamp.lib``."""


def growth(eq: Equations, code: NDArray[np.uint8]) -> float:
    """Return the largest rate of growth in a piece, negative where every mode decays [1/s].

    States are the internal nodes, those of second poles and the port voltages that have a
    capacitance; where a stage is at a limit, so is its internal node.

    Parameters
    ----------
    eq : Equations
    code : ndarray of uint8, shape (k,)
        See `amcspice.engine.dc.codes`.
    """
    k, c = eq.difference_q.shape
    size = (2 * k if eq.second else k) + c
    inner, last, ports = slice(0, k), slice(size - k - c, size - c), slice(size - c, size)
    inside, conducts = (code & PLACE) == INSIDE, (code & CONDUCTS) > 0
    above = ((code & ABOVE) > 0).astype(float)
    stage, charged = np.zeros((k, size)), np.zeros((c, size))
    stage[:, last] = np.diag(inside.astype(float))
    charged[:, ports] = np.eye(c)
    # w/gs = c - stage where the devices conduct, with a = above (stage + rout w).
    current, on = np.zeros((k, size)), np.flatnonzero(conducts)
    if on.size:
        at_rest = eq.held_a @ (above[:, None] * stage) + eq.held_q @ charged
        system = np.diag(1 / eq.hold[on])
        system -= (eq.held_w + eq.rout * eq.held_a * above)[np.ix_(on, on)]
        current[on] = np.linalg.solve(system, at_rest[on] - stage[on])
    source = above[:, None] * (stage + eq.rout * current)
    rate = np.zeros((size, size))
    along = eq.difference_a @ source + eq.difference_w @ current + eq.difference_q @ charged
    rate[inner] = eq.unity * along
    rate[inner, inner] -= np.diag(eq.leak + np.where(inside, 0.0, CLAMP * eq.unity))
    if eq.second:
        rate[last, inner] += eq.second * np.eye(k)
        rate[last, last] -= eq.second * np.eye(k)
    rate[ports] = eq.charge_a @ source + eq.charge_w @ current + eq.charge_q @ charged
    return float(np.linalg.eigvals(rate).real.max())
