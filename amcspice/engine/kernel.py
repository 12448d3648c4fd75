"""Integration of piecewise-linear amplifier circuits, compiled.

Between two events (an output reaches a rail, a hold device starts or stops to conduct) the
circuit is linear except for the slew limit.  A step is an exponential Runge-Kutta step of second
order (S. Cox, P. Matthews, Exponential time differencing for stiff systems, J. Comput. Phys. 176,
430 (2002)): with J the linear part and g what the slew limit takes away,

    v = u + h phi1(hJ) u',    u <- v + h phi2(hJ) (g(v) - g(u)),

exact where nothing slews, however stiff.  Steps are powers of two of one base step, so that the
matrices of a piece are made once and serve all right-hand sides; an event is approached by
smaller steps until it is overstepped by next to nothing.

The state u holds the internal node of every amplifier, then those of the second poles, then the
voltages of ports that have a capacitance.  `amcspice.engine.piecewise` makes the equations.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from amcspice.engine.equations import Array, Equations

__all__ = ["Control", "Samples", "integrate", "new_pieces"]

CLAMP = 100.0
"""Conductance that limits the internal node, over the input transconductance; ``opamp.lib``."""

LANDING = 1e-3
"""How far an event may be overstepped, as a fraction of the scale: an error of its square."""

SLACK = 1e-7
"""Overstepping that is none, as a fraction of the scale."""

LEVELS = 32
"""Steps from the base step to 2^31 times as much."""

LARGEST_ROOM = 2**28
"""Bytes for the matrices of all pieces."""

FIRST_LEVEL = 11
"""Of the first step that is tried after an input step."""

STALL = 0.1
"""Largest correction of a step for slewing, as a fraction of the step."""

SMALLEST_SCALE = 1e-3
"""Volts; as for settling bands."""


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
    """

    tolerance: float
    resolution: float
    band: float
    rest: float
    longest: float
    base: float


class Samples(NamedTuple):
    """What `integrate` found, right-hand sides one after the other.

    Parameters
    ----------
    time : ndarray, shape (T,)
        From the input step [s].
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


_jit: Any = numba.njit(cache=True, nogil=True, error_model="numpy")


class _Pieces(NamedTuple):
    """Pieces that were met, linearised; one slot each.

    ``codes`` name a piece, see `_decode`.  Matrices are stored transposed.  ``rate`` is J with
    nothing slewing, ``inverse`` its inverse, ``difference`` gives the input differences,
    ``watched`` the currents of the hold devices that conduct and the nodes of those that do not;
    their parts by held-node voltages without any feedback end in ``_held``, their constants in
    ``_fixed``.  ``phi1`` and ``phi2`` are by level and times the step, ``growth`` is
    of the last level.
    """

    codes: NDArray[np.uint8]
    rate: Array
    rate_held: Array
    rate_fixed: Array
    inverse: Array
    difference: Array
    difference_held: Array
    difference_fixed: Array
    watched: Array
    watched_held: Array
    watched_fixed: Array
    phi1: Array
    phi2: Array
    growth: Array
    levels: NDArray[np.int64]
    table: NDArray[np.int64]
    count: NDArray[np.int64]


def new_pieces(eq: Equations, n: int, most: int) -> _Pieces:
    """Return room for the pieces of a circuit.

    Parameters
    ----------
    eq : Equations
    n : int
        Number of states.
    most : int
        Of pieces; fewer if they are large.
    """
    k, slews = len(eq.hold), eq.slew < np.inf
    slots = 8
    while slots < min(most, LARGEST_ROOM // (8 * n * n * LEVELS * (1 + slews))):
        slots *= 2
    return _Pieces(
        np.zeros((slots, k), np.uint8),
        np.zeros((slots, n, n)), np.zeros((slots, k, n)), np.zeros((slots, n)),
        np.zeros((slots, n, n)),
        np.zeros((slots, n, k)), np.zeros((slots, k, k)), np.zeros((slots, k)),
        np.zeros((slots, n, k)), np.zeros((slots, k, k)), np.zeros((slots, k)),
        np.zeros((slots, LEVELS, n, n)), np.zeros((slots if slews else 1, LEVELS, n, n)),
        np.zeros((slots, n, n)),
        np.zeros(slots, np.int64), np.full(4 * slots, -1), np.zeros(1, np.int64),
    )  # fmt: skip


@_jit
def _decode(code):
    """Return stage and internal node (below the output range 0, inside 1, above 2), whether the
    hold device conducts and whether the held output is above zero.
    """
    bits = np.int64(code)
    return bits & 3, (bits >> 2) & 3, (bits >> 4) & 1, bits >> 5


START = np.uint8(1 + (1 << 2) + (1 << 5))
"""Everything inside, nothing held."""


@_jit
def _slot(pieces, eq, code):
    """Return the slot of a piece; linearise the circuit there if it is a new one."""
    table, codes = pieces.table, pieces.codes
    k = len(code)
    key = np.uint64(14695981039346656037)
    for i in range(k):
        key = (key ^ np.uint64(code[i])) * np.uint64(1099511628211)
    mask = np.uint64(len(table) - 1)
    at = (key ^ (key >> np.uint64(32))) & mask
    while table[at] >= 0:
        slot = table[at]
        same = True
        for i in range(k):
            same = same and codes[slot, i] == code[i]
        if same:
            return slot
        at = (at + np.uint64(1)) & mask
    if pieces.count[0] == len(codes):
        table[:] = -1
        pieces.count[0] = 0
        at = (key ^ (key >> np.uint64(32))) & mask
    slot = pieces.count[0]
    pieces.count[0] += 1
    table[at] = slot
    codes[slot] = code
    pieces.levels[slot] = 0
    _linearise(pieces, slot, eq)
    return slot


@_jit
def _linearise(pieces, slot, eq):
    """Linearise the circuit in one piece; see `_Pieces`.

    Columns of the matrices here: the state, then held-node voltages, then a constant.
    """
    codes = pieces.codes[slot]
    n, k = pieces.difference.shape[1:]
    c = eq.held_q.shape[1]
    first = k if eq.second > 0 else 0
    width = n + k + 1
    stage, states, node = np.zeros((k, width)), np.zeros((c, width)), np.zeros((k, width))
    above, members = np.zeros(k), np.zeros(k, np.bool_)
    for i in range(k):
        region, _, conducts, positive = _decode(codes[i])
        above[i], members[i] = positive, conducts
        if region == 1:
            stage[i, first + i] = 1.0
        else:
            stage[i, -1] = eq.highest[i] if region == 2 else eq.lowest[i]
        node[i, n + i] = 1.0
    for i in range(c):
        states[i, n - c + i] = 1.0
    # Voltages behind the output resistances are above * (stage + rout * current).
    sources = above.reshape(k, 1) * stage
    current = np.zeros((k, width))
    held = np.flatnonzero(members)
    if eq.hold.any():
        _accumulate(eq.held_a, sources, node)
        _accumulate(eq.held_q, states, node)
    if len(held):
        system = np.zeros((len(held), len(held)))
        right = np.zeros((len(held), width))
        for r, i in enumerate(held):
            for s, j in enumerate(held):
                system[r, s] = -eq.held_w[i, j] - eq.rout * eq.held_a[i, j] * above[j]
            system[r, r] += 1 / eq.hold[i]
            right[r] = node[i] - stage[i]
        solved = np.zeros((len(held), width))
        _accumulate(_inverse(system), right, solved)
        change = np.zeros((k, width))
        for r, i in enumerate(held):
            current[i] = solved[r]
            change[i] = above[i] * eq.rout * solved[r]
        sources += change
        _accumulate(eq.held_a, change, node)
        _accumulate(eq.held_w, current, node)
    along, charge = np.zeros((k, width)), np.zeros((c, width))
    _accumulate(eq.difference_a, sources, along)
    _accumulate(eq.difference_q, states, along)
    _accumulate(eq.charge_a, sources, charge)
    _accumulate(eq.charge_q, states, charge)
    if len(held):
        _accumulate(eq.difference_w, current, along)
        _accumulate(eq.charge_w, current, charge)
    rates = np.zeros((n, width))
    rates[n - c :] = charge
    for i in range(k):
        _, clamp, conducts, _ = _decode(codes[i])
        rates[i] = eq.unity * along[i]
        rates[i, i] -= eq.leak
        if clamp != 1:
            rates[i, i] -= CLAMP * eq.unity
            rates[i, -1] += CLAMP * eq.unity * (eq.highest[i] if clamp == 2 else eq.lowest[i])
        if first:
            rates[first + i, i] = eq.second
            rates[first + i, first + i] = -eq.second
        if conducts:
            node[i] = current[i]
    jacobian = rates[:, :n].copy()
    backward = _inverse(jacobian)
    for j in range(n):
        for i in range(n):
            pieces.rate[slot, j, i] = jacobian[i, j]
            pieces.inverse[slot, j, i] = backward[i, j]
    _split(rates, None, pieces.rate_held[slot], pieces.rate_fixed[slot])
    _split(along, pieces.difference[slot], pieces.difference_held[slot],
           pieces.difference_fixed[slot])  # fmt: skip
    _split(node, pieces.watched[slot], pieces.watched_held[slot], pieces.watched_fixed[slot])


@_jit
def _split(matrix, by_state, by_held, fixed):
    """Store the columns of a matrix, transposed."""
    rows, width = matrix.shape
    k = by_held.shape[0]
    for i in range(rows):
        if by_state is not None:
            for j in range(width - k - 1):
                by_state[j, i] = matrix[i, j]
        for j in range(k):
            by_held[j, i] = matrix[i, width - k - 1 + j]
        fixed[i] = matrix[i, width - 1]


@_jit
def _accumulate(a, b, out):
    """Out += a @ b."""
    if a.shape[0] > SMALL:
        out += np.ascontiguousarray(a) @ np.ascontiguousarray(b)
        return
    for i in range(a.shape[0]):
        for l in range(a.shape[1]):
            value = a[i, l]
            if value != 0.0:
                for j in range(b.shape[1]):
                    out[i, j] += value * b[l, j]


SMALL = 24
"""Up to this size plain loops are faster than calls of BLAS and LAPACK."""


@_jit
def _product(a, b):
    if a.shape[0] > SMALL:
        return np.ascontiguousarray(a) @ np.ascontiguousarray(b)
    out = np.zeros((a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        for l in range(a.shape[1]):
            value = a[i, l]
            for j in range(b.shape[1]):
                out[i, j] += value * b[l, j]
    return out


@_jit
def _inverse(matrix):
    """Invert by elimination with row exchange; what is singular gives inf and nan."""
    n = len(matrix)
    if n > SMALL:
        return np.linalg.inv(matrix)
    left, right = matrix.copy(), np.eye(n)
    for p in range(n):
        best = p
        for r in range(p + 1, n):
            if abs(left[r, p]) > abs(left[best, p]):
                best = r
        if best != p:
            for j in range(n):
                left[p, j], left[best, j] = left[best, j], left[p, j]
                right[p, j], right[best, j] = right[best, j], right[p, j]
        pivot = 1 / left[p, p]
        for j in range(n):
            left[p, j] *= pivot
            right[p, j] *= pivot
        for r in range(n):
            factor = left[r, p]
            if r != p and factor != 0.0:
                for j in range(n):
                    left[r, j] -= factor * left[p, j]
                    right[r, j] -= factor * right[p, j]
    return right


@_jit
def _add(transposed, vector, out):
    """Out += transposed.T @ vector: along rows, which vectorises."""
    for j in range(transposed.shape[0]):
        value = vector[j]
        for i in range(transposed.shape[1]):
            out[i] += transposed[j, i] * value


@_jit
def _build_level(pieces, slot, level, base, slews):
    """Make phi1 and phi2 of a piece up to a level, each from the last by doubling the step.

    phi1(2z) = (e^z phi1 + phi1) / 2 and phi2(2z) = (e^z phi2 + phi1 + phi2) / 4.  Growth is
    e^z - 1 and doubled by itself, growth(2z) = growth^2 + 2 growth: as z phi1 it would multiply
    rounding errors by z at every doubling, which is without bound where modes are stiff.
    """
    jacobian = np.ascontiguousarray(pieces.rate[slot].T)
    n = len(jacobian)
    unit = np.eye(n)
    while pieces.levels[slot] <= level:
        at = pieces.levels[slot]
        if at == 0:
            # The series, at a step so small that six terms are exact; doubled up to the base.
            norm = 0.0
            for i in range(n):
                norm = max(norm, np.abs(jacobian[i]).sum() * base)
            halvings = 0
            while norm > 0.05:
                norm /= 2
                halvings += 1
            step = base / 2**halvings
            z = jacobian * step
            phi1, phi2 = unit.copy(), 0.5 * unit
            term = unit.copy()
            one, two = 1.0, 2.0
            for order in range(1, 7):
                term = _product(term, z)
                one *= order + 1
                two *= order + 2
                phi1 += term / one
                phi2 += term / two
            growth = _product(z, phi1)
            for _ in range(halvings):
                phi2 = (_product(growth, phi2) + phi1 + 2 * phi2) / 4
                phi1 = (_product(growth, phi1) + 2 * phi1) / 2
                growth = _product(growth, growth) + 2 * growth
            pieces.growth[slot] = growth.T
            pieces.phi1[slot, 0] = base * phi1.T
            if slews:
                pieces.phi2[slot, 0] = base * phi2.T
        else:
            # Here phi1 and phi2 are times the step, and transposed.
            phi1, growth = pieces.phi1[slot, at - 1], pieces.growth[slot]
            pieces.phi1[slot, at] = _product(phi1, growth) + 2 * phi1
            if slews:
                phi2 = pieces.phi2[slot, at - 1]
                pieces.phi2[slot, at] = (_product(phi2, growth) + phi1 + 2 * phi2) / 2
            pieces.growth[slot] = _product(growth, growth) + 2 * growth
        pieces.levels[slot] += 1


@_jit
def _slewing(eq, difference, out):
    """What the slew limit takes away from the rates; returns the largest share of it."""
    largest = 0.0
    for i in range(len(difference)):
        ratio = eq.unity * difference[i] / eq.slew
        square = ratio * ratio
        if square < 1e-3:  # the series is exact to 1e-12 of the slew rate there
            out[i] = -eq.slew * ratio * square * (1 / 3 - square * (2 / 15 - square * (17 / 315)))
        else:
            out[i] = eq.slew * (np.tanh(ratio) - ratio)
        largest = max(largest, abs(out[i]))
    return largest


@_jit
def _events(eq, code, u, watched, sources, currents, out):
    """How far each condition of a piece is overstepped [V]; returns the largest.

    What limits an internal node, or holds a node, also keeps it from going far beyond the end of
    its piece: what counts is how far it would go without.  Also gives the voltages behind the
    output resistances and the currents of the hold devices.
    """
    k = len(watched)
    first = k if eq.second > 0 else 0
    release = 1.0 if first else CLAMP
    worst = -np.inf
    for i in range(k):
        region, clamp, conducts, positive = _decode(code[i])
        low, high = eq.lowest[i], eq.highest[i]
        stage = u[first + i]
        if region == 1:
            over = max(stage - high, low - stage)
        elif region == 2:
            over, stage = release * (high - stage), high
        else:
            over, stage = release * (stage - low), low
        out[0, i] = over
        worst = max(worst, over)
        if first:
            inner = u[i]
            if clamp == 1:
                over = max(inner - high, low - inner)
            else:
                over = CLAMP * (high - inner if clamp == 2 else inner - low)
            worst = max(worst, over)
        out[1, i] = over
        current = 0.0
        if eq.hold[i] > 0:
            if conducts:
                current = watched[i]
                over = -current * (1 / eq.hold[i] - eq.held_w[i, i])
            else:
                over = watched[i] - stage
            out[2, i] = over
            worst = max(worst, over)
            stage += eq.rout * current
            if positive:
                over = -stage
            else:
                over, stage = stage, 0.0
            out[3, i] = over
            worst = max(worst, over)
        sources[i], currents[i] = stage, current
    return worst


@_jit
def _flip(eq, code, u, overstepped, limit, only_first):
    """Change the pieces whose condition is overstepped by more than ``limit``."""
    k = len(code)
    first = k if eq.second > 0 else 0
    for i in range(k):
        region, clamp, conducts, positive = _decode(code[i])
        for row in range(4):
            if overstepped[row, i] > limit:
                if row == 0:
                    region = _piece(u[first + i], eq.lowest[i], eq.highest[i])
                elif row == 1:
                    clamp = _piece(u[i], eq.lowest[i], eq.highest[i])
                elif row == 2:
                    conducts = 1 - conducts
                else:
                    positive = 1 - positive
                code[i] = region + (clamp << 2) + (conducts << 4) + (positive << 5)
                if only_first:
                    return


@_jit
def _piece(value, lowest, highest):
    if value > highest:
        return 2
    return 0 if value < lowest else 1


@_jit
def integrate(eq, pieces, difference_j, held_j, charge_j, start, outputs, control):
    """Stream right-hand sides through a circuit; each starts where the last one ended.

    Parameters
    ----------
    eq : Equations
    pieces : _Pieces
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

    Returns
    -------
    Samples
    """
    total, k = difference_j.shape
    c, n = charge_j.shape[1], len(start)
    slews = eq.slew < np.inf
    code = np.full(k, START)
    u = start.copy()
    room = 64 * total + 64
    time, starts = np.empty(room), np.zeros(total + 1, np.int64)
    kept_sources, kept_currents = np.empty((room, k)), np.empty((room, k))
    kept_states = np.empty((room, c))
    at_rest = np.zeros(total, np.bool_)
    over = np.full((4, k), -np.inf)
    sources, currents, watched, watched_0 = np.empty(k), np.empty(k), np.empty(k), np.empty(k)
    difference, difference_0 = np.empty(k), np.empty(k)
    lost, lost_then = np.zeros(k), np.zeros(k)
    rate, constant, trial, way = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    used = 0
    for r in range(total):
        scale = SMALLEST_SCALE
        for i in range(n):
            scale = max(scale, abs(u[i]))
        for i in range(k):
            scale = max(scale, abs(difference_j[r, i]))
        changed, t, level, wanted = True, 0.0, FIRST_LEVEL, 0
        starts[r] = used
        slot = 0
        worst = 0.0
        while True:
            if changed:
                # All pieces at once at first; then one at a time, which ends for the P-matrices
                # that passive networks give (K. Murty's least-index rule).
                for attempt in range(20 + 8 * k):
                    slot = _slot(pieces, eq, code)
                    watched_0[:] = pieces.watched_fixed[slot]
                    _add(pieces.watched_held[slot], held_j[r], watched_0)
                    watched[:] = watched_0
                    _add(pieces.watched[slot], u, watched)
                    worst = _events(eq, code, u, watched, sources, currents, over)
                    if worst <= SLACK * scale:
                        break
                    _flip(eq, code, u, over, SLACK * scale, attempt >= 10)
                difference_0[:] = pieces.difference_fixed[slot]
                _add(pieces.difference_held[slot], held_j[r], difference_0)
                constant[:] = pieces.rate_fixed[slot]
                _add(pieces.rate_held[slot], held_j[r], constant)
                for i in range(k):
                    difference_0[i] += difference_j[r, i]
                    constant[i] += eq.unity * difference_j[r, i]
                for i in range(c):
                    constant[n - c + i] += charge_j[r, i]
                changed = False
            if used == room:
                time = _grown(time)
                kept_sources, kept_currents = _grown(kept_sources), _grown(kept_currents)
                kept_states = _grown(kept_states)
                room = len(time)
            time[used] = t
            for i in range(k):
                kept_sources[used, i], kept_currents[used, i] = sources[i], currents[i]
            for i in range(c):
                kept_states[used, i] = u[n - c + i]
            used += 1
            if at_rest[r] or t >= control.longest:
                break
            rate[:] = constant
            _add(pieces.rate[slot], u, rate)
            active, slewing = False, False
            if slews:
                difference[:] = difference_0
                _add(pieces.difference[slot], u, difference)
                active = _slewing(eq, difference, lost) > 0.0
                for i in range(k):
                    rate[i] += lost[i]
                    # At its limit an internal node may rest although its input stage slews.
                    inside = (code[i] >> 2) & 3 == 1
                    slewing = slewing or (inside and abs(lost[i]) > eq.slew)
            way[:] = 0.0
            _add(pieces.inverse[slot], rate, way)
            distance, output_distance, largest = 0.0, 0.0, SMALLEST_SCALE
            for i in range(n):
                distance = max(distance, abs(way[i]))
            for i in outputs:
                output_distance = max(output_distance, abs(way[i]))
                largest = max(largest, abs(u[i] - way[i]))
            allowed = control.resolution * max(distance, 1e-3 * scale)
            band = control.band * largest
            output_allowed = control.resolution * max(output_distance, 0.1 * band)
            if 0.2 * band < output_distance < 5 * band:
                output_allowed /= 2
            while True:
                if pieces.levels[slot] <= level:
                    _build_level(pieces, slot, level, control.base, slews)
                trial[:] = u
                _add(pieces.phi1[slot, level], rate, trial)
                error = 0.0
                if active:
                    difference[:] = difference_0
                    _add(pieces.difference[slot], trial, difference)
                    _slewing(eq, difference, lost_then)
                    for i in range(k):
                        lost_then[i] -= lost[i]
                    way[:] = 0.0
                    _add(pieces.phi2[slot, level, :k], lost_then, way)
                    for i in range(n):
                        trial[i] += way[i]
                        error = max(error, abs(way[i]))
                moved = 0.0
                for i in range(n):
                    moved = max(moved, abs(trial[i] - u[i]))
                # A step much longer than the time constants gets nowhere while an output slews.
                stalls = error > STALL * moved and error > control.rest * control.tolerance * scale
                moved /= allowed
                for i in outputs:
                    moved = max(moved, abs(trial[i] - u[i]) / output_allowed)
                watched[:] = watched_0
                _add(pieces.watched[slot], trial, watched)
                worst = _events(eq, code, trial, watched, sources, currents, over)
                landed = worst <= LANDING * scale
                fine = error <= control.tolerance * scale and moved <= 2 and not stalls
                if level == 0 or (landed and fine):
                    break
                if not landed:
                    wanted = max(wanted, level)
                level -= 1
            t += control.base * 2.0**level
            u[:] = trial
            for i in range(n):
                scale = max(scale, abs(u[i]))
            if worst > SLACK * scale:
                _flip(eq, code, u, over, SLACK * scale, False)
                changed = True
                level, wanted = max(level, wanted), 0
            else:
                at_rest[r] = distance < control.rest * scale and not slewing
                if level < LEVELS - 1 and moved < 1 and error < 0.2 * control.tolerance * scale:
                    level += 1
    starts[total] = used
    return Samples(
        time[:used], kept_sources[:used], kept_currents[:used], kept_states[:used], starts, at_rest
    )


@_jit
def _grown(array):
    larger = np.empty((2 * len(array), *array.shape[1:]))
    larger[: len(array)] = array
    return larger
