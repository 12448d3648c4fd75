"""Integration of piecewise-linear amplifier circuits in exponential steps, compiled.

What runs is in ``kernel/stepping_*.cpp``; `amcspice.engine.equations.piecewise` makes the
equations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.engine.equations.arrays import BY_NETWORK, Array, Control, Equations, Samples
from amcspice.native import compiled

__all__ = ["CLAMP", "LARGE", "TAIL", "integrate", "integrate_each", "new_pieces"]

CLAMP: float = compiled.stepping.CLAMP
"""Conductance that limits the internal node, over the input transconductance."""

TAIL: int = compiled.stepping.TAIL
"""Samples after a right-hand side has come to rest."""

LARGE = 100
"""From this number of states on, bounded circuits make their steps in Krylov spaces."""


def new_pieces(eq: Equations, n: int, most: int, *, bounded: bool, large: int = LARGE) -> Any:
    """Return room for the pieces of a circuit.

    Parameters
    ----------
    eq : Equations
    n : int
        Number of states.
    most : int
        Of pieces; fewer if they are large.
    bounded : bool
        Whether outputs are meant to come to a limit; others do so by chance at most.
    large : int
        Number of states from which on bounded circuits make their steps in Krylov spaces.
    """
    return compiled.stepping.Pieces(
        states=n, most=most, slews=bool(eq.slew < np.inf), large=bounded and n >= large
    )


def integrate(
    eq: Equations,
    pieces: Any,
    difference_j: Array,
    held_j: Array,
    charge_j: Array,
    start: Array,
    outputs: NDArray[np.intp],
    control: Control,
) -> Samples:
    """Stream right-hand sides through a circuit; each starts where the last one ended.

    Parameters
    ----------
    eq : Equations
    pieces
        From `new_pieces`; what is made here serves further calls, and changes no result.
    difference_j, held_j : ndarray, shape (K, k)
        Input differences and held-node voltages from the injected currents alone [V].
    charge_j : ndarray, shape (K, c)
        Rates of the port voltages that are states, from the same [V/s].
    start : ndarray
        State before the first step.
    outputs : ndarray of int
        States whose settling counts.
    control : Control
    """
    alone = eq._replace(**{name: getattr(eq, name)[None] for name in BY_NETWORK})
    return integrate_each(
        alone, pieces, difference_j[None], held_j[None], charge_j[None], start, outputs, [control]
    )


def integrate_each(
    eq: Equations,
    pieces: Any,
    difference_j: Array,
    held_j: Array,
    charge_j: Array,
    start: Array,
    outputs: NDArray[np.intp],
    controls: Sequence[Control],
) -> Samples:
    """Stream right-hand sides through each of many circuits, as `integrate` does through one.

    Parameters
    ----------
    eq : Equations
        With one more axis, the first, in everything that follows from the network.
    pieces
        Room for one circuit.
    difference_j, held_j, charge_j : ndarray, shapes (C, K, k), (C, K, k) and (C, K, c)
    start, outputs
        Of every circuit.
    controls : sequence of Control

    Returns
    -------
    Samples
        Of all circuits in order.
    """
    table = np.array(controls, dtype=float)
    rows, starts, at_rest = compiled.stepping.integrate(
        eq, pieces, difference_j, held_j, charge_j, start, outputs, table
    )
    k = difference_j.shape[-1]
    return Samples(
        time=np.ascontiguousarray(rows[:, 0]),
        sources=rows[:, 1 : 1 + k],
        held=rows[:, 1 + k : 1 + 2 * k],
        states=rows[:, 1 + 2 * k :],
        starts=starts,
        at_rest=at_rest.view(bool),
    )
