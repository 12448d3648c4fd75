"""The rest that an eigenvector circuit grows into from zero.

Where one mode grows, its part of the state is (e^(rate t) - 1)/rate times the part of the constant
drive along its left eigenvector, which tells the sign.  The amplifier that meets its limit first
is held there, and an active set finds the rest.  Where several modes grow, or that leads to no
stable rest of this sign, the trajectory is followed: exactly to its first limit, from there by
implicit Euler steps until it comes to a piece that has a stable rest, near to it.

A drive without any part along what grows leaves the circuit at the saddle that the other modes lead
to: a rest, of which `amcspice.engine.dc.stability.saddles` tells.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit.base import Array
from amcspice.engine.dc.codes import ABOVE, HIGHEST, INSIDE, LOWEST, START
from amcspice.engine.dc.stability import CLAMP, growth
from amcspice.engine.equations.arrays import Equations
from amcspice.engine.equations.linear import LinearModel
from amcspice.engine.equations.piecewise import PiecewiseLinear

__all__ = ["followed_rest", "grown_rest"]

Codes = NDArray[np.uint8]
Search = Callable[[Codes], Array | None]

TIME_SHARE = 1.02
"""Ratio of instants at which the first limit is looked for."""

STEP_SHARE, STEP_GROWTH = 0.02, 1.3
"""Step over the time constant of the fastest growth, and its growth where nothing grows."""

MOST_STEPS, MOST_NEWTON = 1000, 12

SMALLEST_SCALE = 1e-3
"""Volts; as for settling bands."""

NEAR = 1e-3
"""Distance from the rest of a piece, and change in a step, that make it the one arrived at, as a
fraction of the largest voltage."""

STANDS_STILL = 1e-9
"""Change in a step, as a fraction of what is near, from which on a saddle is where it stays."""


def grown_rest(piecewise: PiecewiseLinear, injected: Array, search: Search) -> Array | None:
    """Return the voltages behind the output resistances, shape (k,), None if there is no rest [V].

    Parameters
    ----------
    piecewise : PiecewiseLinear
        Equations of one circuit without hold devices, in which modes grow.
    injected : ndarray, shape (P,)
        Constant currents into the ports [A].
    search : callable
        Finds a rest by the active set that begins in the pieces given, which become those of the
        rest; returns the voltages or None.
    """
    eq = piecewise.arrays
    k = len(eq.hold)
    if eq.hold.any():
        return None
    linear = LinearModel.of_equations(piecewise)
    values, vectors = np.linalg.eig(linear.state)
    # The state is the sum of the columns, each times e^(rate t) - 1.
    forced = np.linalg.solve(vectors, linear.drive @ injected + linear.constant) / values
    parts = vectors * forced
    growing = np.flatnonzero(values.real > 0)
    size = len(values)
    last = slice(size - k - eq.difference_q.shape[1], size - eq.difference_q.shape[1])
    if not parts[last, growing].any():  # nothing pushes it off the saddle that it comes to
        return np.asarray(-parts[last].sum(axis=1).real)
    if len(growing) == 1:
        direction = parts[last, growing[0]].real
        code = _first_at_limit(eq, direction)
        rest = search(code)
        if rest is not None and direction @ rest > 0 and _is_stable(eq, code):
            return rest
    state = _to_first_limit(eq, values, parts, last)
    return None if state is None else _follow(piecewise, injected, state, search)


def followed_rest(piecewise: PiecewiseLinear, injected: Array, search: Search) -> Array | None:
    """Return the rest to which the trajectory from zero leads; see `grown_rest`.

    For circuits in which nothing needs to grow, where the active set does not end.  Not where the
    slew limit keeps stages from their range: such a trajectory crawls.
    """
    eq = piecewise.arrays
    if eq.hold.any() or (eq.slew / eq.leak < eq.highest).any():
        return None
    return _follow(piecewise, injected, np.zeros(_Flow(piecewise, injected).size), search)


def _first_at_limit(eq: Equations, direction: Array) -> Codes:
    """Return the pieces in which the amplifier that comes to a limit first is held there."""
    limit = np.where(direction > 0, eq.highest, eq.lowest)
    with np.errstate(divide="ignore"):
        first = int(np.argmin(np.abs(limit / direction)))
    code = np.full(len(direction), START)
    code[first] = ABOVE + (HIGHEST if direction[first] > 0 else LOWEST)
    return code


def _is_stable(eq: Equations, code: Codes) -> bool:
    return bool((code != START).any()) and growth(eq, code) < 0


def _pieces(eq: Equations, stage: Array) -> Codes:
    place = np.where(stage > eq.highest, HIGHEST, np.where(stage < eq.lowest, LOWEST, INSIDE))
    return (place + ABOVE).astype(np.uint8)


def _to_first_limit(eq: Equations, values: Array, parts: Array, last: slice) -> Array | None:
    """Return the state in which the first stage is at a limit, None if none ever is."""

    def state(time: float) -> Array:
        voltages: Array = (parts @ np.expm1(values * time)).real
        return voltages

    def within(time: float) -> bool:
        stage = state(time)[last]
        return bool(((stage <= eq.highest) & (stage >= eq.lowest)).all())

    slowest = 1 / values.real[values.real > 0].min()
    before = after = 1e-3 / values.real.max()
    while within(after):
        before, after = after, TIME_SHARE * after
        if after > 600 * slowest:
            return None
    while after - before > 1e-12 * after:
        middle = (before + after) / 2
        before, after = (middle, after) if within(middle) else (before, middle)
    return state(after)


def _follow(
    piecewise: PiecewiseLinear, injected: Array, state: Array, search: Search
) -> Array | None:
    """Follow the trajectory to a piece whose rest it comes near to."""
    eq, flow = piecewise.arrays, _Flow(piecewise, injected)
    code = _pieces(eq, state[flow.last])
    rate = growth(eq, code)
    step = STEP_SHARE / (rate if rate > 0 else eq.unity)
    for _ in range(MOST_STEPS):
        after = flow.step(state, step)
        if after is None:
            step /= 2
            continue
        moved, state = np.abs(after - state).max(), after
        allowed, here = (
            NEAR * max(np.abs(state).max(), SMALLEST_SCALE),
            _pieces(eq, state[flow.last]),
        )
        if (here != code).any():
            code, rate = here, growth(eq, here)
        elif moved < (allowed if rate < 0 else STANDS_STILL * allowed):
            rest = search(here)
            stage = np.clip(state[flow.last], eq.lowest, eq.highest)
            if rest is not None and np.abs(rest - stage).max() < allowed and (here == code).all():
                return rest
        step = min(step * STEP_GROWTH, STEP_SHARE / rate if rate > 0 else np.inf)
    return None


class _Flow:
    """The rates of the states of a circuit, and implicit steps along them.

    Parameters
    ----------
    piecewise : PiecewiseLinear
    injected : ndarray, shape (P,)
        [A].
    """

    def __init__(self, piecewise: PiecewiseLinear, injected: Array) -> None:
        self.eq = piecewise.arrays
        k, c = self.eq.difference_q.shape
        self.size = size = (2 * k if self.eq.second else k) + c
        self.inner, self.last = slice(0, k), slice(size - k - c, size - c)
        self.charged = slice(size - c, size)
        self.drive = piecewise.difference @ injected + piecewise.difference_0
        self.current = piecewise.charge @ injected + piecewise.charge_0

    def rates(self, state: Array) -> tuple[Array, Array]:
        """Return the rates and their Jacobian."""
        eq, inner, last, charged = self.eq, self.inner, self.last, self.charged
        y, stage, q = state[inner], state[last], state[charged]
        source = np.clip(stage, eq.lowest, eq.highest)
        passes = ((stage >= eq.lowest) & (stage <= eq.highest)).astype(float)
        along = eq.difference_a @ source + eq.difference_q @ q + self.drive
        bent, slope = along, np.ones(len(along))
        if np.isfinite(eq.slew):
            tanh = np.tanh(eq.unity * along / eq.slew)
            bent, slope = eq.slew / eq.unity * tanh, 1 - tanh**2
        beyond = y - np.clip(y, eq.lowest, eq.highest)
        rate, jacobian = np.zeros(len(state)), np.zeros((len(state), len(state)))
        rate[inner] = eq.unity * bent - eq.leak * y - CLAMP * eq.unity * beyond
        jacobian[inner, last] = eq.unity * slope[:, None] * eq.difference_a * passes
        jacobian[inner, charged] = eq.unity * slope[:, None] * eq.difference_q
        jacobian[inner, inner] -= np.diag(eq.leak + CLAMP * eq.unity * (beyond != 0))
        if eq.second:
            rate[last] = eq.second * (y - stage)
            jacobian[last, inner] += eq.second * np.eye(len(y))
            jacobian[last, last] -= eq.second * np.eye(len(y))
        rate[charged] = eq.charge_a @ source + eq.charge_q @ q + self.current
        jacobian[charged, last] = eq.charge_a * passes
        jacobian[charged, charged] = eq.charge_q
        return rate, jacobian

    def step(self, state: Array, step: float) -> Array | None:
        """Return the state after an implicit Euler step, None if Newton's method fails."""
        after = state.copy()
        for _ in range(MOST_NEWTON):
            rate, jacobian = self.rates(after)
            residual = after - state - step * rate
            change = np.linalg.solve(np.eye(len(state)) - step * jacobian, residual)
            after = after - change
            if np.abs(change).max() <= 1e-11 * max(np.abs(after).max(), SMALLEST_SCALE):
                return after
        return None
