"""Rests of piecewise-linear amplifier circuits by an active set, compiled.

With s the stage, c the inverting input, d the input difference, w the current of the hold device
and a the voltage behind the output resistance, an amplifier rests where

    s = clamp(A0 d),  w = gs max(c - s, 0),  a = max(s + rout w, 0) if held, else s,

and the network gives d = by_source a - by_hold w + drive + offset.  Every amplifier is in a piece:
its stage inside the output range or at an end of it, its hold device conducting or not, its
output above zero or not.  In given pieces one unknown is left for an amplifier, and none for one
at a limit:

====================  =======  ===================================  =========================
piece                 unknown  equation                             output
====================  =======  ===================================  =========================
inside                s        d = s/A0                             s
conducting, inside    w        c = (w/gs + A0 offset)/(1 + A0)      0, or s + rout w above zero
conducting, at limit  w        c = limit + w/gs                     0, or limit + rout w
negative, held        -        -                                    0
at a limit            -        -                                    limit
====================  =======  ===================================  =========================

All amplifiers in a wrong piece change it (J. Judice, F. Pires, A block principal pivoting
algorithm for large-scale strictly monotone linear complementarity problems, Comput. Oper. Res.
21, 587 (1994)); where that does not lower their number for some rounds, the first one alone,
which ends for P-matrices (K. Murty's least-index rule).

A slew limit makes d = knee atanh(s/(A0 knee)) of d = s/A0, with knee = slew rate/(2 pi GBW):
Newton's method on gain and offset.

All compiled code is in this one file, because numba's cache of compiled functions notices changes
of the file that it is called in, and of no other: the meaning of pieces, which is elsewhere, does
not change.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from amcspice.engine.dc.codes import ABOVE, CONDUCTS, HIGHEST, INSIDE, LOWEST, START, SUGGESTED

__all__ = ["Stages", "find_rests"]

Array = NDArray[np.float64]

SLACK = 1e-12
"""Overstepping that is none, as a fraction of the largest voltage."""

SMALLEST_SCALE = 1e-3
"""Volts; as for settling bands."""

PATIENCE = 3
"""Rounds in which all wrong pieces change although their number does not fall."""

MOST_NEWTON, NEWTON_ERROR = 60, 1e-15
"""Iterations for the slew limit, and error that ends them, as a fraction of the largest voltage."""

SATURATION = 1e-14
"""What a stage stays below all that its slew limit lets it reach, as a fraction of it."""

BLOCK = 48
"""Columns that are eliminated together."""

_njit: Any = functools.partial(
    numba.njit, cache=True, nogil=True, error_model="numpy", fastmath={"contract"}
)
_jit: Any = _njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)


class Stages(NamedTuple):
    """What k amplifiers are at rest.

    Parameters
    ----------
    gain, offset : ndarray, shape (k,)
        A0 [V/V] and input offset [V].
    hold : ndarray, shape (k,)
        Hold device in series with the output resistance, 0 for none [S].
    lowest, highest : ndarray, shape (k,)
        Output range [V].
    rout : float
        Output resistance [ohm].
    knee : float
        Slew rate over 2 pi GBW, inf for no limit [V].
    """

    gain: Array
    offset: Array
    hold: Array
    lowest: Array
    highest: Array
    rout: float
    knee: float


@_njit()
def find_rests(
    by_source, by_hold, drive, member, stages, constrained, codes, sources, held, at_rest
):
    """Find the rests of R right-hand sides.

    Parameters
    ----------
    by_source, by_hold : ndarray, shape (C, k, k)
        Input differences of each circuit for one volt behind the output resistances, and less
        for one ampere through the hold devices.
    drive : ndarray, shape (R, k)
        Input differences from injected and bias currents alone [V].
    member : ndarray of int, shape (R,)
        Circuit of each right-hand side.
    stages : Stages
    constrained : ndarray of bool, shape (k,)
        Amplifiers whose lower end is a constraint; other limits are looked at once these rest,
        because on the way there outputs may be solved for that are far beyond them.
    codes : ndarray of uint8, shape (R, k)
        Pieces to begin with; see `amcspice.engine.dc.codes`; `SUGGESTED` follows ``sources``.
        Filled in with the last ones.
    sources : ndarray, shape (R, k)
        Stages with nothing at a limit [V]; filled in with the voltages behind the output
        resistances.
    held : ndarray, shape (R, k)
        Filled in with the currents of the hold devices [A].
    at_rest : ndarray of bool, shape (R,)
        Filled in.
    """
    k = drive.shape[1]
    system, work = np.empty((k, k + 1)), np.empty((13, k))
    over, order = np.empty((3, k)), np.empty(k, np.int64)
    reach = (1 - SATURATION) * stages.gain * stages.knee
    low, wide_low = np.maximum(stages.lowest, -reach), -reach
    high = np.maximum(np.minimum(stages.highest, reach), low)
    bounded = False
    for i in range(k):
        if constrained[i]:
            bounded = True
            if stages.hold[i] == 0.0:
                wide_low[i] = low[i]
    every = Stages(stages.gain, stages.offset, stages.hold, low, high, stages.rout, stages.knee)
    wide = Stages(
        stages.gain, stages.offset, stages.hold, wide_low, reach, stages.rout, stages.knee
    )
    for r in range(len(drive)):
        at, code = member[r], codes[r]
        good, free = False, code[0] == SUGGESTED
        for start in range(3 if free else 1):
            loose = free and bounded and start == 0
            here = wide if loose else every
            if free and start == 0:
                _suggest(here, sources[r], code)
            elif start == 2:
                _put_at_constraint(every, constrained, code)
            good = _find(
                by_source[at],
                by_hold[at],
                drive[r],
                here,
                code,
                sources[r],
                held[r],
                system,
                work,
                over,
                order,
            )
            if loose:
                for i in range(k):
                    good = good and every.lowest[i] <= work[2, i] <= every.highest[i]
            if good:
                break
        at_rest[r] = good


@_jit
def _put_at_constraint(stages, constrained, code):
    """Fill in pieces with every output at its constraint that has one."""
    for i in range(len(code)):
        code[i] = START
        if constrained[i]:
            code[i] = INSIDE + CONDUCTS if stages.hold[i] > 0 else LOWEST + ABOVE


@_jit
def _suggest(stages, stage, code):
    """Fill in pieces by where the stages would be with nothing at a limit."""
    for i in range(len(code)):
        code[i] = START
        finite = abs(stage[i]) < np.inf
        if stage[i] > stages.highest[i]:
            code[i] = HIGHEST + ABOVE
        elif stages.hold[i] > 0:
            # The inverting input is near zero.
            if not finite or stage[i] < 0.0:
                code[i] = INSIDE + CONDUCTS
        elif stage[i] < stages.lowest[i]:
            code[i] = LOWEST + ABOVE


@_jit
def _find(by_source, by_hold, drive, stages, code, sources, held, system, work, over, order):
    """Find the rest of one right-hand side; return whether there is one."""
    k = len(drive)
    gain, offset, stage, bent = work[0], work[1], work[2], work[12]
    for i in range(k):
        gain[i], offset[i], bent[i] = stages.gain[i], stages.offset[i], 0.0
    fewest, patience, newton = 3 * k + 1, PATIENCE, 0
    for _ in range(100 + 20 * k + MOST_NEWTON):
        scale = _solve(
            by_source, by_hold, drive, stages, code, sources, held, stage, system, work, over, order
        )
        if not scale < np.inf:
            return False
        wrong = 0
        for i in range(k):
            for row in range(3):
                wrong += over[row, i] > SLACK * scale
        if wrong == 0:
            if stages.knee == np.inf:
                return True
            if _bend(stages, code, stage, gain, offset, bent) <= NEWTON_ERROR * scale:
                return True
            newton += 1
            if newton == MOST_NEWTON:
                return False
            continue
        if wrong < fewest:
            fewest, patience = wrong, PATIENCE + 1
        patience -= 1
        _change(stages, code, stage, over, SLACK * scale, patience < 0)
    return False


@_jit
def _solve(
    by_source, by_hold, drive, stages, code, sources, held, stage, system, work, over, order
):
    """Solve the circuit in given pieces and fill in by how much each is overstepped [V].

    Returns the largest voltage; inf or nan where the pieces leave no solution.
    """
    k = len(drive)
    gain, offset = work[0], work[1]
    # Of the unknown z: output = lift z + level, stage = tilt z + edge, current = flow z, and the
    # equation has pivot z on its diagonal and right on its right side.
    lift, level, tilt, edge = work[3], work[4], work[5], work[6]
    flow, pivot, right, along = work[7], work[8], work[9], work[10]
    m = 0
    for i in range(k):
        place, conducts = code[i] & 3, code[i] & CONDUCTS > 0
        above = 1.0 if code[i] & ABOVE else 0.0
        lift[i], tilt[i], flow[i] = 0.0, 0.0, 0.0
        edge[i] = stages.highest[i] if place == HIGHEST else stages.lowest[i]
        if conducts:
            pivot[i] = 1 / stages.hold[i]
            if place == INSIDE:
                pivot[i] /= 1 + gain[i]
                edge[i] = gain[i] * offset[i] / (1 + gain[i])
                tilt[i] = -gain[i] * pivot[i]
            right[i] = -edge[i]
            lift[i], flow[i] = above * (tilt[i] + stages.rout), 1.0
        elif place == INSIDE:
            pivot[i], right[i], edge[i] = -1 / gain[i], -offset[i], 0.0
            lift[i], tilt[i] = above, above
        level[i] = above * edge[i]
        if conducts or lift[i] != 0.0:
            order[m] = i
            m += 1
    for r in range(m):
        i = order[r]
        total = right[i] - drive[i]
        for j in range(k):
            total -= by_source[i, j] * level[j]
        system[r, m] = total
        for s in range(m):
            j = order[s]
            system[r, s] = by_source[i, j] * lift[j] - by_hold[i, j] * flow[j]
        system[r, r] += pivot[i]
    _eliminate(system, m)
    unknown = work[11]
    for i in range(k):
        unknown[i] = 0.0
    scale = SMALLEST_SCALE
    for r in range(m):
        unknown[order[r]] = system[r, m]
    for i in range(k):
        sources[i] = lift[i] * unknown[i] + level[i]
        stage[i] = tilt[i] * unknown[i] + edge[i]
        held[i] = flow[i] * unknown[i]
        scale = max(scale, abs(sources[i]), abs(drive[i]), abs(stages.offset[i]))
        if not abs(sources[i]) + abs(held[i]) < np.inf:
            return np.inf
    for i in range(k):
        if code[i] & CONDUCTS:
            along[i] = -edge[i] - pivot[i] * unknown[i]
        elif lift[i] != 0.0:
            along[i] = unknown[i] / gain[i] - offset[i]
        else:
            total = drive[i]
            for j in range(k):
                total += by_source[i, j] * sources[j] - by_hold[i, j] * held[j]
            along[i] = total
        _overstep(by_hold[i, i], stages, code[i], i, stage, held[i], along[i], lift[i], over)
    return scale


@_jit
def _overstep(resistance, stages, code, i, stage, current, along, lift, over):
    """Fill in by how much an amplifier oversteps its piece; ``along`` is d without the offset."""
    place, conducts, above = code & 3, code & CONDUCTS > 0, code & ABOVE > 0
    difference = along + stages.offset[i]
    low, high = stages.lowest[i], stages.highest[i]
    negative = place == INSIDE and not conducts and lift == 0.0
    if place == HIGHEST:
        over[0, i] = _difference(stages, i, high) - difference
    elif place == LOWEST:
        over[0, i] = difference - _difference(stages, i, low)
    elif negative:  # what its gain would make of rounding errors counts for nothing
        stage[i] = _output(stages, i, difference)
        beyond = difference - _difference(stages, i, high)
        over[0, i] = max(beyond, _difference(stages, i, low) - difference)
    else:
        over[0, i] = max(stage[i] - high, low - stage[i])
    over[1, i], over[2, i] = -np.inf, -np.inf
    if stages.hold[i] == 0.0:
        return
    if conducts:
        over[1, i] = -current * (1 / stages.hold[i] - resistance)
    elif negative:  # c > s
        over[1, i] = _difference(stages, i, -along) - difference
    else:
        over[1, i] = -along - stage[i]
    rises = difference if negative else stage[i] + stages.rout * current
    over[2, i] = -rises if above else rises


@_jit
def _change(stages, code, stage, over, limit, only_first):
    """Change the pieces that are overstepped by more than ``limit``."""
    for i in range(len(code)):
        place, conducts, above = code[i] & 3, code[i] & CONDUCTS, code[i] & ABOVE
        changes = False
        if over[1, i] > limit:
            conducts, changes = CONDUCTS - conducts, True
        if over[2, i] > limit and not (changes and only_first):
            above, changes = ABOVE - above, True
        # A hold device that begins to conduct keeps the stage from going where it would go.
        if over[0, i] > limit and not (changes and (only_first or conducts)):
            changes = True
            if place != INSIDE:
                place = INSIDE
            else:
                place = HIGHEST if stage[i] > stages.highest[i] else LOWEST
        code[i] = place + conducts + above
        if changes and only_first:
            return


@_jit
def _difference(stages, i, stage):
    """Return the input difference that a stage inside its range needs [V]."""
    if stages.knee == np.inf:
        return stage / stages.gain[i]
    ratio = stage / (stages.gain[i] * stages.knee)
    if abs(ratio) >= 1:
        return np.copysign(np.inf, ratio)
    return stages.knee * np.arctanh(ratio)


@_jit
def _output(stages, i, difference):
    """Return the stage for an input difference, without limits [V]."""
    if stages.knee == np.inf:
        return stages.gain[i] * difference
    return stages.gain[i] * stages.knee * np.tanh(difference / stages.knee)


@_jit
def _bend(stages, code, stage, gain, offset, bent):
    """Linearise the input stages anew, at ``bent``; return the largest error of those before [V].

    Each is linearised as difference + own offset = stage / gain + own offset - offset.  The error
    is that of the input difference, or of the stage where that is less.
    """
    error = 0.0
    for i in range(len(stage)):
        negative = stages.hold[i] > 0 and code[i] & (CONDUCTS + ABOVE) == 0
        if code[i] & 3 != INSIDE or negative:
            continue
        reach = stages.gain[i] * stages.knee
        at = stage[i]
        if abs(at) < reach:
            linear = at / gain[i] + stages.offset[i] - offset[i]
            distance = abs(_difference(stages, i, at) - linear)
            error = max(error, min(distance, distance * gain[i]))
        else:
            at = np.copysign((abs(bent[i]) + reach) / 2, at)
            error = np.inf
        bent[i] = at
        gain[i] = stages.gain[i] * (1 - (at / reach) ** 2)
        offset[i] = stages.offset[i] - (_difference(stages, i, at) - at / gain[i])
    return error


@_jit
def _eliminate(system, m):
    """Solve m equations with the right side in column m, by LU with partial pivoting.

    What is singular gives inf and nan.
    """
    width = m + 1
    for first in range(0, m, BLOCK):
        last = min(first + BLOCK, m)
        near = width if last == m else last
        for p in range(first, last):
            best = p
            for r in range(p + 1, m):
                if abs(system[r, p]) > abs(system[best, p]):
                    best = r
            if best != p:
                for j in range(first, width):
                    system[p, j], system[best, j] = system[best, j], system[p, j]
            inverse = 1 / system[p, p]
            for r in range(p + 1, m):
                factor = system[r, p] * inverse
                system[r, p] = factor
                for j in range(p + 1, near):
                    system[r, j] -= factor * system[p, j]
        if last < m:
            for p in range(first, last):
                for r in range(p + 1, last):
                    factor = system[r, p]
                    for j in range(last, width):
                        system[r, j] -= factor * system[p, j]
            left, top = system[last:m, first:last].copy(), system[first:last, last:width].copy()
            product = np.dot(left, top)
            for r in range(last, m):
                for j in range(last, width):
                    system[r, j] -= product[r - last, j - last]
    for p in range(m - 1, -1, -1):
        total = system[p, m]
        for j in range(p + 1, m):
            total -= system[p, j] * system[j, m]
        system[p, m] = total / system[p, p]
