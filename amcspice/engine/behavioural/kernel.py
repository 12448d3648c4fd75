"""Integration of piecewise-linear amplifier circuits, compiled.

Between two events (an output reaches a rail, a hold device starts or stops to conduct) the
circuit is linear except for the slew limit.  A step is an exponential Runge-Kutta step of second
order (S. Cox, P. Matthews, Exponential time differencing for stiff systems, J. Comput. Phys. 176,
430 (2002)): with J the linear part and g what the slew limit takes away,

    v = u + h phi1(hJ) u',    u <- v + h phi2(hJ) (g(v) - g(u)),

exact where nothing slews, however stiff.  Where nothing can slew it is the same as
u + (e^hJ - 1) J^-1 u', which takes half of the matrices.  Steps are powers of two of one base
step, so that the matrices of a piece are made once and serve all right-hand sides; an event is
approached by smaller steps until it is overstepped by next to nothing.

Large bounded circuits would spend all their time making matrices, because they hardly meet a
piece twice.  There phi1 and phi2 act in the space that (1 - pole J)^-1 spans from the vector they
are applied to (J. van den Eshof, M. Hochbruck, Preconditioning Lanczos approximations to the
matrix exponential, SIAM J. Sci. Comput. 27, 1438 (2006)): ten to thirty dimensions, however stiff,
and one matrix for `POLE_LEVELS` steps.  A piece differs from the one before it in a few
amplifiers: its matrices follow by the formula of Sherman, Morrison and Woodbury.

The state u holds the internal node of every amplifier, then those of the second poles, then the
voltages of ports that have a capacitance.  `amcspice.engine.equations.piecewise` makes the
equations.

All compiled code is in this one file, because numba's cache of compiled functions notices changes
of the file that it is called in, and of no other.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from amcspice.engine.equations.arrays import Array, Control, Equations, Samples

__all__ = ["integrate", "integrate_each", "new_pieces"]

CLAMP = 100.0
"""Conductance that limits the internal node, over the input transconductance; ``opamp.lib``."""

LANDING, LANDING_SHARE = 1e-3, 0.1
"""How far an event may be overstepped, as a fraction of the scale (an error of its square) and of
the way to equilibrium (so that pieces cannot take turns around it)."""

TAIL = 3
"""Samples after a right-hand side has come to rest."""

MOST_STEPS = 500_000
"""For one right-hand side; then it counts as not at rest."""

SLACK = 1e-9
"""Overstepping that is none, as a fraction of the scale."""

LEVELS = 32
"""Steps from the base step to 2^31 times as much."""

LARGEST_ROOM = 2**28
"""Bytes for the matrices of all pieces."""

LARGE = 100
"""From this number of states on, bounded circuits make their steps in Krylov spaces."""

POLE_LEVELS, POLE_SHARE = 5, 0.2
"""Levels that share a pole, and the pole over the shortest step of them."""

MOST_DIMENSIONS, DIMENSIONS_AT_ONCE = 80, 4
"""Of a Krylov space; and how many are added before its answer is looked at again."""

MOST_RANK = 16
"""Of the difference of two pieces whose matrices follow from each other."""

SAME, UPDATED = 1e-13, 1e-9
"""Difference that is rounding, and error that a matrix may have got by following from others."""

BREAKDOWN = 1e-13
"""Length of a new direction that is rounding: the space is whole without it."""

KRYLOV_ERROR = 1e-10
"""Change of the answer that ends its growth, as a fraction of the largest state."""

FIRST_LEVEL = 11
"""Of the first step that is tried after an input step."""

USUAL_LEVEL = 8
"""From here on levels are made by doubling; the few steps below take a series each."""

STALL = 0.1
"""Largest correction of a step for slewing, as a fraction of the step."""

SMALLEST_SCALE = 1e-3
"""Volts; as for settling bands."""


_njit: Any = functools.partial(
    numba.njit, cache=True, nogil=True, error_model="numpy", fastmath={"contract"}
)
# Wrappers that make functions callable from Python are half of the time to compile them.
_jit: Any = _njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)


class _Pieces(NamedTuple):
    """Pieces that were met, linearised; one slot each.

    ``codes`` name a piece, see `_decode`.  Matrices are stored transposed.  ``rate`` is J with
    nothing slewing, ``inverse`` its inverse, ``difference`` gives the input differences,
    ``watched`` the currents of the hold devices that conduct and the nodes of those that do not;
    their parts by held-node voltages without any feedback end in ``_held``, their constants in
    ``_fixed``.  ``forward`` and ``phi2`` are by level: growth is e^hJ - 1, and forward is h phi1
    where an amplifier can slew, else the growth itself; ``growth`` is of the last level then.
    ``levels`` tells up to which level they are made, ``low`` has a bit for each of those below
    the usual ones.  In large circuits ``forward`` is (1 - pole J)^-1 by pole, ``low`` has a bit
    for each that is made, and ``phi2`` and ``growth`` are empty; J there is that of the piece
    ``parent`` plus ``left`` times ``right``, whose rows are as many as ``rank``.  Every piece has
    a number, ``number``, by which to know that its slot has not gone to another.
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
    forward: Array
    phi2: Array
    growth: Array
    levels: NDArray[np.int64]
    low: NDArray[np.int64]
    left: Array
    right: Array
    rank: NDArray[np.int64]
    parent: NDArray[np.int64]
    number: NDArray[np.int64]
    table: NDArray[np.int64]
    used: NDArray[np.int64]


class _Krylov(NamedTuple):
    """A Krylov space.

    Orthonormal vectors, the resolvent in their space, how many there are and can be at the most,
    and the length of the vector it began with.
    """

    basis: Array
    projected: Array
    size: NDArray[np.int64]
    most: NDArray[np.int64]
    length: Array


def new_pieces(eq: Equations, n: int, most: int, *, bounded: bool) -> _Pieces:
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
    """
    k, slews, large = len(eq.hold), eq.slew < np.inf, bounded and n >= LARGE
    each = 1 + (LEVELS - 1) // POLE_LEVELS if large else LEVELS
    by_slope = (n, n) if slews and not large else (0, 0)
    held = k if np.any(eq.hold > 0) else 0
    factors = (MOST_RANK, n) if large else (0, 0)
    slots = 8
    while slots < min(most, LARGEST_ROOM // (8 * n * n * each * (1 + (slews and not large)))):
        slots *= 2
    return _Pieces(
        np.empty((slots, k), np.uint8),
        np.empty((slots, n, n)), np.empty((slots, held, n)), np.empty((slots, n)),
        np.empty((slots, n, n)),
        np.empty((slots, n, k)), np.empty((slots, held, k)), np.empty((slots, k)),
        np.empty((slots, n, held)), np.empty((slots, held, held)), np.empty((slots, held)),
        np.empty((slots, each, n, n)), np.empty((slots, each, *by_slope)),
        np.empty((slots, *by_slope)),
        np.zeros(slots, np.int64), np.zeros(slots, np.int64),
        np.empty((slots, *factors)), np.empty((slots, *factors)), np.zeros(slots, np.int64),
        np.zeros((slots, 2), np.int64), np.zeros(slots, np.int64),
        np.full(4 * slots, -1), np.zeros(2, np.int64),
    )  # fmt: skip


@_jit
def _decode(code):
    """Return the places of stage and internal node, whether the hold device conducts, the sign.

    Places are 0 below the output range, 1 inside and 2 above it; the sign of the held output is
    1 above zero, else 0.
    """
    bits = np.int64(code)
    return bits & 3, (bits >> 2) & 3, (bits >> 4) & 1, bits >> 5


START = np.uint8(1 + (1 << 2) + (1 << 5))
"""Everything inside, nothing held."""


@_jit
def _slot(pieces, eq, code, last):
    """Return the slot of a piece; linearise the circuit there if it is a new one.

    ``last`` is the slot of the piece before, -1 for none.
    """
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
    if pieces.used[0] == len(codes):
        for i in range(len(table)):
            table[i] = -1
        pieces.used[0] = 0
        at = (key ^ (key >> np.uint64(32))) & mask
    slot = pieces.used[0]
    pieces.used[0] += 1
    table[at] = slot
    for i in range(k):
        codes[slot, i] = code[i]
    pieces.levels[slot] = USUAL_LEVEL
    pieces.low[slot] = 0
    pieces.used[1] += 1
    pieces.number[slot] = pieces.used[1]
    _linearise(pieces, slot, eq)
    pieces.rank[slot] = -1
    if pieces.left.shape[1] > 0 and last >= 0 and last != slot:
        pieces.parent[slot, 0], pieces.parent[slot, 1] = last, pieces.number[last]
        pieces.rank[slot] = _factors(
            pieces.rate[slot], pieces.rate[last], pieces.left[slot], pieces.right[slot]
        )
    known = pieces.inverse[max(last, 0)]
    _invert(pieces, slot, 0.0, 1.0, pieces.rank[slot] >= 0, known, pieces.inverse[slot])
    return slot


@_jit
def _factors(new, old, left, right):
    """Fill in rows whose outer products sum up to the difference of two matrices.

    Returns how many, -1 if too many.  The largest entry that remains names each row.
    """
    n = len(new)
    remains = new - old
    largest = 0.0
    for i in range(n):
        for j in range(n):
            largest = max(largest, abs(new[i, j]))
    for rank in range(MOST_RANK + 1):
        most, row, column = 0.0, 0, 0
        for i in range(n):
            for j in range(n):
                if abs(remains[i, j]) > most:
                    most, row, column = abs(remains[i, j]), i, j
        if most <= SAME * largest:
            return rank
        if rank == MOST_RANK:
            break
        for i in range(n):
            left[rank, i] = remains[i, column] / remains[row, column]
            right[rank, i] = remains[row, i]
        for i in range(n):
            share = left[rank, i]
            if share != 0.0:
                for j in range(n):
                    remains[i, j] -= share * right[rank, j]
    return -1


@_jit
def _invert(pieces, slot, one, factor, follows, known, found):
    """Fill in the inverse of ``one + factor J``, transposed.

    ``known`` is that of the parent; whether it is known is told by ``follows``.
    """
    rate = pieces.rate[slot]
    n = len(rate)
    if follows:
        rank = pieces.rank[slot]
        _update(known, pieces.left[slot, :rank], pieces.right[slot, :rank], factor, found)
        if _is_inverse(found, rate, one, factor):
            return
    shifted = np.empty(rate.shape)
    for i in range(n):
        for j in range(n):
            shifted[i, j] = factor * rate[i, j]
        shifted[i, i] += one
    _copy_matrix(_inverse(shifted), found)


@_jit
def _update(known, left, right, factor, found):
    """Fill in the inverse of a matrix to which outer products, times a factor, were added."""
    rank, n = left.shape
    _copy_matrix(known, found)
    if rank == 0:
        return
    by_left, by_right = np.zeros((rank, n)), np.zeros((rank, n))
    for s in range(rank):
        for i in range(n):
            by_left[s, i] = np.dot(known[i], left[s])
        _add(known, right[s], by_right[s])
    system = np.zeros((rank, rank))
    for r in range(rank):
        system[r, r] = 1 / factor
        for s in range(rank):
            system[r, s] += np.dot(right[r], by_left[s])
    weights = np.zeros((rank, n))
    _accumulate(_eliminate(system), by_right, weights)
    for i in range(n):
        for s in range(rank):
            share = by_left[s, i]
            for j in range(n):
                found[i, j] -= share * weights[s, j]


@_jit
def _is_inverse(found, rate, one, factor):
    """Return whether a matrix inverts ``one + factor J``, as seen by a vector."""
    n = len(rate)
    vector, back = np.zeros(n), np.zeros(n)
    for i in range(n):
        vector[i] = 1.0 + i % 7
    solved = np.zeros(n)
    _add(found, vector, solved)
    _add(rate, solved, back)
    exact = 0
    for i in range(n):
        exact += abs(one * solved[i] + factor * back[i] - vector[i]) <= 7 * UPDATED
    return exact == n


@_jit
def _linearise(pieces, slot, eq):
    """Linearise the circuit in one piece; see `_Pieces`.

    Columns of the matrices here: the state, then held-node voltages, then a constant.
    """
    codes = pieces.codes[slot]
    n, k = pieces.difference.shape[1:]
    c = eq.held_q.shape[1]
    first = k if eq.second > 0 else 0
    nodes = pieces.watched.shape[2]
    width = n + nodes + 1
    # Voltages behind the output resistances are above * (stage + rout * current), with
    # stage = inside * state + edge.
    above, inside, edge = np.zeros(k), np.zeros(k), np.zeros(k)
    members, held = np.zeros(k, np.int64), 0
    for i in range(k):
        region, _, conducts, positive = _decode(codes[i])
        above[i] = positive
        if conducts:
            members[held] = i
            held += 1
        if region == 1:
            inside[i] = 1.0
        else:
            edge[i] = eq.highest[i] if region == 2 else eq.lowest[i]
    node, along, charge = np.zeros((nodes, width)), np.zeros((k, width)), np.zeros((c, width))
    for i in range(nodes):
        node[i, n + i] = 1.0
    _add_sources(eq.held_a, eq.held_q, above, inside, edge, first, n, node)
    _add_sources(eq.difference_a, eq.difference_q, above, inside, edge, first, n, along)
    _add_sources(eq.charge_a, eq.charge_q, above, inside, edge, first, n, charge)
    solved = np.zeros((held, width))
    if held > 0:
        system, right = np.zeros((held, held)), np.zeros((held, width))
        for r in range(held):
            i = members[r]
            for s in range(held):
                j = members[s]
                system[r, s] = -eq.held_w[i, j] - eq.rout * eq.held_a[i, j] * above[j]
            system[r, r] += 1 / eq.hold[i]
            for j in range(width):
                right[r, j] = node[i, j]
            right[r, first + i] -= inside[i]
            right[r, width - 1] -= edge[i]
        _accumulate(_inverse(system), right, solved)
        above *= eq.rout
        _add_held(eq.held_a, eq.held_w, above, members, solved, node)
        _add_held(eq.difference_a, eq.difference_w, above, members, solved, along)
        _add_held(eq.charge_a, eq.charge_w, above, members, solved, charge)
        for r in range(held):
            for j in range(width):
                node[members[r], j] = solved[r, j]
    rates = np.zeros((n, width))
    for i in range(k):
        clamp = _decode(codes[i])[1]
        for j in range(width):
            rates[i, j] = eq.unity * along[i, j]
        rates[i, i] -= eq.leak[i]
        if clamp != 1:
            rates[i, i] -= CLAMP * eq.unity
            limit = eq.highest[i] if clamp == 2 else eq.lowest[i]
            rates[i, width - 1] += CLAMP * eq.unity * limit
        if first:
            rates[first + i, i] = eq.second
            rates[first + i, first + i] = -eq.second
    for i in range(c):
        for j in range(width):
            rates[n - c + i, j] = charge[i, j]
    _split(rates, pieces.rate[slot], pieces.rate_held[slot], pieces.rate_fixed[slot])
    _split(along, pieces.difference[slot], pieces.difference_held[slot],
           pieces.difference_fixed[slot])  # fmt: skip
    _split(node, pieces.watched[slot], pieces.watched_held[slot], pieces.watched_fixed[slot])


@_jit
def _add_sources(by_source, by_state, above, inside, edge, first, n, out):
    """Add what the voltages behind the output resistances and the states give; see `_linearise`."""
    k, c, width = len(above), by_state.shape[1], out.shape[1]
    for r in range(out.shape[0]):
        for i in range(k):
            value = by_source[r, i] * above[i]
            out[r, first + i] += value * inside[i]
            out[r, width - 1] += value * edge[i]
        for i in range(c):
            out[r, n - c + i] += by_state[r, i]


@_jit
def _add_held(by_source, by_current, lift, members, currents, out):
    """Add what the currents of the hold devices that conduct give."""
    held = len(currents)
    by_member = np.empty((out.shape[0], held))
    for r in range(out.shape[0]):
        for s in range(held):
            i = members[s]
            by_member[r, s] = by_current[r, i] + by_source[r, i] * lift[i]
    _accumulate(by_member, currents, out)


@_jit
def _split(matrix, by_state, by_held, fixed):
    """Store the columns of a matrix, transposed."""
    n, k = by_state.shape[0], by_held.shape[0]
    for i in range(matrix.shape[0]):
        for j in range(n):
            by_state[j, i] = matrix[i, j]
        for j in range(k):
            by_held[j, i] = matrix[i, n + j]
        fixed[i] = matrix[i, n + k]


@_jit
def _copy(source, target):
    for i in range(len(source)):
        target[i] = source[i]


@_jit
def _copy_matrix(source, target):
    for i in range(source.shape[0]):
        for j in range(source.shape[1]):
            target[i, j] = source[i, j]


@_jit
def _clear(vector):
    for i in range(len(vector)):
        vector[i] = 0.0


SMALL = 24
"""Up to this size plain loops are faster than calls of BLAS and LAPACK."""


@_jit
def _accumulate(a, b, out):
    """Add the matrix product of a and b to out."""
    if a.shape[0] > SMALL:
        product = np.empty(out.shape)
        np.dot(a, b, product)
        for i in range(out.shape[0]):
            for j in range(out.shape[1]):
                out[i, j] += product[i, j]
        return
    for i in range(a.shape[0]):
        for inner in range(a.shape[1]):
            value = a[i, inner]
            if value != 0.0:
                for j in range(b.shape[1]):
                    out[i, j] += value * b[inner, j]


@_jit
def _inverse(matrix):
    """Invert by LAPACK where that is faster."""
    if len(matrix) > SMALL:
        return np.ascontiguousarray(np.linalg.inv(matrix))
    return _eliminate(matrix)


@_jit
def _eliminate(matrix):
    """Invert by elimination with row exchange; what is singular gives inf and nan.

    LAPACK, as compiled code calls it, raises an error for those.
    """
    n = len(matrix)
    left, right = np.empty((n, n)), np.zeros((n, n))
    _copy_matrix(matrix, left)
    for p in range(n):
        right[p, p] = 1.0
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
    """Add the product of a matrix, given transposed, and a vector to out.

    Along rows: that vectorises without reordering sums.
    """
    for j in range(transposed.shape[0]):
        value = vector[j]
        for i in range(transposed.shape[1]):
            out[i] += transposed[j, i] * value


@_jit
def _build_level(pieces, slot, level, base, slews):
    """Make the matrices of a piece at a level, and at the usual ones below it."""
    forward, phi2 = pieces.forward[slot], pieces.phi2[slot]
    rate = pieces.rate[slot]
    if level < USUAL_LEVEL:
        if not (pieces.low[slot] >> level) & 1:
            pieces.low[slot] |= 1 << level
            if slews:
                spare = np.empty(rate.shape)
                _phis(rate, base * 2.0**level, forward[level], phi2[level], spare)
            else:
                _grow(rate, base * 2.0**level, forward[level])
        return
    while pieces.levels[slot] <= level:
        at = pieces.levels[slot]
        pieces.levels[slot] += 1
        if not slews:
            if at == USUAL_LEVEL:
                _grow(rate, base * 2.0**at, forward[at])
            else:
                _double_growth(forward[at - 1], forward[at])
        elif at == USUAL_LEVEL:
            _phis(rate, base * 2.0**at, forward[at], phi2[at], pieces.growth[slot])
        else:
            _copy_matrix(forward[at - 1], forward[at])
            _copy_matrix(phi2[at - 1], phi2[at])
            _double(forward[at], phi2[at], pieces.growth[slot])


ORDER = 6
"""Of the series; exact to rounding up to the norm below."""

SMALL_NORM = 0.05


@_jit
def _halve(rate, step):
    """Return how often a step must be halved for the series to be exact."""
    n, norm, halvings = len(rate), 0.0, 0
    for i in range(n):
        total = 0.0
        for j in range(n):
            total += abs(rate[j, i])
        norm = max(norm, total * step)
    while SMALL_NORM < norm < np.inf:
        norm /= 2
        halvings += 1
    return halvings


@_jit
def _grow(rate, step, growth):
    """Fill in the growth over a step, all matrices transposed: a series, doubled.

    The series by Horner's rule: e^z - 1 = z (1 + z/2 (1 + z/3 (...))).
    """
    n, halvings = len(rate), _halve(rate, step)
    z, product = np.empty((n, n)), np.empty((n, n))
    scale = step / 2.0**halvings
    for i in range(n):
        for j in range(n):
            z[i, j] = rate[i, j] * scale
            growth[i, j] = z[i, j] / (ORDER + 1)
    for order in range(ORDER, 0, -1):
        for i in range(n):
            for j in range(n):
                product[i, j] = z[i, j]
        _accumulate(growth, z, product)
        for i in range(n):
            for j in range(n):
                growth[i, j] = product[i, j] / order
    for _ in range(halvings):
        _double_growth(growth, product)
        _copy_matrix(product, growth)


@_jit
def _double_growth(growth, doubled):
    """growth(2z) = growth^2 + 2 growth."""
    n = len(growth)
    for i in range(n):
        for j in range(n):
            doubled[i, j] = 2 * growth[i, j]
    _accumulate(growth, growth, doubled)


@_jit
def _phis(rate, base, phi1, phi2, growth):
    """Fill in phi1 and phi2, times the step, and growth of a step, all transposed.

    From the series at a step so small that it is exact, doubled.
    """
    n, halvings = len(rate), _halve(rate, base)
    step = base / 2.0**halvings
    z, term, next_term = np.empty((n, n)), np.zeros((n, n)), np.zeros((n, n))
    for i in range(n):
        term[i, i] = 1.0
        for j in range(n):
            z[i, j] = rate[i, j] * step
            growth[i, j] = 0.0
    _copy_matrix(term, phi1)
    for i in range(n):
        for j in range(n):
            phi2[i, j] = 0.5 * term[i, j]
    one, two = 1.0, 2.0
    for order in range(1, ORDER + 1):
        for i in range(n):
            for j in range(n):
                next_term[i, j] = 0.0
        _accumulate(term, z, next_term)
        _copy_matrix(next_term, term)
        one *= order + 1
        two *= order + 2
        for i in range(n):
            for j in range(n):
                phi1[i, j] += term[i, j] / one
                phi2[i, j] += term[i, j] / two
    _accumulate(z, phi1, growth)
    for i in range(n):
        for j in range(n):
            phi1[i, j] *= step
            phi2[i, j] *= step
    for _ in range(halvings):
        _double(phi1, phi2, growth)


@_jit
def _double(phi1, phi2, growth):
    """Double the step.

    phi1(2z) = (growth phi1 + 2 phi1) / 2, phi2(2z) = (growth phi2 + phi1 + 2 phi2) / 4 and
    growth(2z) = growth^2 + 2 growth; as z phi1 growth would multiply rounding errors by z at
    every doubling, which is without bound where modes are stiff.
    """
    n = len(growth)
    product = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            product[i, j] = 2 * phi2[i, j] + phi1[i, j]
    _accumulate(phi2, growth, product)
    for i in range(n):
        for j in range(n):
            phi2[i, j] = product[i, j] / 2
            product[i, j] = 2 * phi1[i, j]
    _accumulate(phi1, growth, product)
    _copy_matrix(product, phi1)
    _double_growth(growth, product)
    _copy_matrix(product, growth)


@_jit
def _resolvent(pieces, slot, level, base):
    """Return (1 - pole J)^-1, transposed, and the pole for a step of this level."""
    at = level // POLE_LEVELS
    pole = POLE_SHARE * base * 2.0 ** (at * POLE_LEVELS)
    found = pieces.forward[slot, at]
    if not (pieces.low[slot] >> at) & 1:
        pieces.low[slot] |= 1 << at
        parent, number = pieces.parent[slot, 0], pieces.parent[slot, 1]
        follows = pieces.rank[slot] >= 0 and pieces.number[parent] == number
        follows = follows and (pieces.low[parent] >> at) & 1 == 1
        _invert(pieces, slot, 1.0, -pole, follows, pieces.forward[parent, at], found)
    return found, pole


@_jit
def _new_krylov(n):
    """Return room for a Krylov space of vectors of length n; none for zero."""
    most = MOST_DIMENSIONS if n else 0
    return _Krylov(
        np.zeros((most + 1, n)), np.zeros((most + 1, most)),
        np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(1),
    )  # fmt: skip


@_jit
def _begin(krylov, vector):
    """Make a vector, with zeros after it, the first of a Krylov space."""
    krylov.size[0], krylov.most[0] = 0, krylov.basis.shape[1]
    _clear(krylov.basis[0])
    _copy(vector, krylov.basis[0])


@_jit
def _add_phi(order, resolvent, pole, step, allowed, krylov, out):
    """Add h phi(hJ) w of order 1 or 2 to out; return whether it is as exact as allowed.

    ``krylov.basis[0]`` holds w, or what remains from a call for the same vector and pole.
    """
    basis, projected, size = krylov.basis, krylov.projected, krylov.size
    n = basis.shape[1]
    if size[0] == 0:
        krylov.length[0] = np.sqrt(np.dot(basis[0], basis[0]))
        if krylov.length[0] > 0.0:
            for i in range(n):
                basis[0, i] /= krylov.length[0]
    length = krylov.length[0]
    if length == 0.0 or (order == 2 and length * step <= allowed):
        return True
    m, before = 0, np.zeros(MOST_DIMENSIONS)
    while m < min(krylov.most[0], MOST_DIMENSIONS):
        m = min(m + DIMENSIONS_AT_ONCE, krylov.most[0], MOST_DIMENSIONS)
        while size[0] < m:
            _extend(resolvent, basis, projected, size[0])
            size[0] += 1
            if projected[size[0], size[0] - 1] < BREAKDOWN:  # the space holds all of the answer
                krylov.most[0] = m = size[0]
        generator = _eliminate(projected[:m, :m].copy())
        for i in range(m):
            for j in range(m):
                generator[i, j] = -generator[i, j] / pole
            generator[i, i] += 1 / pole
        phi1, phi2, growth = np.empty((m, m)), np.empty((m, m)), np.empty((m, m))
        _phis(generator, step, phi1, phi2, growth)
        change = 0.0
        for i in range(m):
            value = length * (phi1[i, 0] if order == 1 else phi2[i, 0])
            change += (value - before[i]) ** 2
            before[i] = value
        if m == krylov.most[0] or np.sqrt(change) <= allowed:
            for i in range(m):
                for j in range(n):
                    out[j] += before[i] * basis[i, j]
            return change < np.inf
    return False


@_jit
def _extend(resolvent, basis, projected, m):
    """Add a vector to an orthonormal basis: Arnoldi's step, orthogonalised twice."""
    vector = basis[m + 1]
    _clear(vector)
    _add(resolvent, basis[m], vector)
    for i in range(m + 1):
        projected[i, m] = 0.0
    for _ in range(2):
        for i in range(m + 1):
            share = np.dot(basis[i], vector)
            projected[i, m] += share
            for j in range(len(vector)):
                vector[j] -= share * basis[i, j]
    length = np.sqrt(np.dot(vector, vector))
    projected[m + 1, m] = length
    if length > 0.0:
        for j in range(len(vector)):
            vector[j] /= length


@_jit
def _slewing(eq, difference, out):
    """Fill in what the slew limit takes away from the rates; return the largest share of it."""
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
    """Fill in how far each condition of a piece is overstepped [V]; return the largest.

    What limits an internal node, or holds a node, also keeps it from going far beyond the end of
    its piece: what counts is how far it would go without.  Also fills in the voltages behind the
    output resistances and the currents of the hold devices.
    """
    k = len(sources)
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


def integrate(
    eq: Equations,
    pieces: _Pieces,
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
    with _signals_told():
        found = _integrate(eq, pieces, difference_j, held_j, charge_j, start, outputs, control)
    return _samples(difference_j.shape[-1], *found)


def integrate_each(
    eq: Equations,
    pieces: _Pieces,
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
    pieces : _Pieces
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
    with _signals_told():
        found = _integrate_each(eq, pieces, difference_j, held_j, charge_j, start, outputs, table)
    return _samples(difference_j.shape[-1], *found)


@contextlib.contextmanager
def _signals_told() -> Iterator[None]:
    """Raise what a signal raised while compiled code handed its result over.

    It is found beside the result then, and Python makes a SystemError of it.
    """
    try:
        yield
    except SystemError as error:
        raised = error.__cause__
        if raised is None or isinstance(raised, Exception):
            raise
        raise raised from None


def _samples(k: int, kept: Array, starts: NDArray[np.int64], at_rest: NDArray[np.bool_]) -> Samples:
    return Samples(
        time=np.ascontiguousarray(kept[:, 0]),
        sources=kept[:, 1 : 1 + k],
        held=kept[:, 1 + k : 1 + 2 * k],
        states=kept[:, 1 + 2 * k :],
        starts=starts,
        at_rest=at_rest,
    )


@_njit()
def _integrate_each(eq, pieces, difference_j, held_j, charge_j, start, outputs, controls):
    """Do what `integrate_each` does; see `_integrate`."""
    count, each, k = difference_j.shape
    starts, at_rest = np.zeros(count * each + 1, np.int64), np.zeros(count * each, np.bool_)
    kept = np.empty((64 * count * each, 1 + 2 * k + charge_j.shape[2]))
    used = 0
    for one in range(count):
        for i in range(len(pieces.table)):
            pieces.table[i] = -1
        pieces.used[0] = 0
        own = Equations(
            eq.difference_a[one], eq.difference_w[one], eq.difference_q[one],
            eq.held_a[one], eq.held_w[one], eq.held_q[one],
            eq.charge_a[one], eq.charge_w[one], eq.charge_q[one],
            eq.hold, eq.lowest, eq.highest, eq.unity, eq.leak, eq.slew, eq.second, eq.rout,
        )  # fmt: skip
        row = controls[one]
        control = Control(row[0], row[1], row[2], row[3], row[4], row[5], row[6])
        found, begins, rests = _integrate(
            own, pieces, difference_j[one], held_j[one], charge_j[one], start, outputs, control
        )
        while used + len(found) > len(kept):
            larger = np.empty((2 * len(kept), kept.shape[1]))
            _copy_matrix(kept, larger)
            kept = larger
        _copy_matrix(found, kept[used:])
        for r in range(each):
            starts[one * each + r] = used + begins[r]
            at_rest[one * each + r] = rests[r]
        used += len(found)
    starts[count * each] = used
    return kept[:used], starts, at_rest


@_njit()
def _integrate(eq, pieces, difference_j, held_j, charge_j, start, outputs, control):
    """Do what `integrate` does; columns of the samples are time, sources, held and states."""
    total, k = difference_j.shape
    c, n = charge_j.shape[1], len(start)
    slews = eq.slew < np.inf
    code = np.full(k, START)
    u = start.copy()
    large = pieces.forward.shape[1] < LEVELS
    if large:  # what follows from others depends on which was met first
        for i in range(len(pieces.table)):
            pieces.table[i] = -1
        pieces.used[0] = 0
    room = 64 * total + 64
    kept, starts = np.empty((room, 1 + 2 * k + c)), np.zeros(total + 1, np.int64)
    at_rest = np.zeros(total, np.bool_)
    over, prior = np.full((4, k), -np.inf), np.empty((4, k))
    nodes = pieces.watched.shape[2]
    sources, currents = np.empty(k), np.empty(k)
    watched, watched_0 = np.empty(nodes), np.empty(nodes)
    difference, difference_0 = np.empty(k), np.empty(k)
    lost, lost_then = np.zeros(k), np.zeros(k)
    rate, constant, trial, way = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    correction = np.empty(n)
    width = n if large else 0
    way_space, slew_space = _new_krylov(width), _new_krylov(width)
    used, slot = 0, np.int64(-1)
    for r in range(total):
        scale = SMALLEST_SCALE
        for i in range(n):
            scale = max(scale, abs(u[i]))
        for i in range(k):
            scale = max(scale, abs(difference_j[r, i]))
        changed, t, level, wanted = True, 0.0, np.int64(FIRST_LEVEL), np.int64(0)
        starts[r] = used
        worst, events = 0.0, 0
        while True:
            if changed:
                # All pieces at once at first; then one at a time, which ends for the P-matrices
                # that passive networks give (K. Murty's least-index rule).
                for attempt in range(20 + 8 * k):
                    slot = _slot(pieces, eq, code, slot)
                    _copy(pieces.watched_fixed[slot], watched_0)
                    _add(pieces.watched_held[slot], held_j[r], watched_0)
                    _copy(watched_0, watched)
                    _add(pieces.watched[slot], u, watched)
                    worst = _events(eq, code, u, watched, sources, currents, over)
                    if worst <= SLACK * scale:
                        break
                    _flip(eq, code, u, over, SLACK * scale, attempt >= 10)
                _copy_matrix(over, prior)
                _copy(pieces.difference_fixed[slot], difference_0)
                _add(pieces.difference_held[slot], held_j[r], difference_0)
                _copy(pieces.rate_fixed[slot], constant)
                _add(pieces.rate_held[slot], held_j[r], constant)
                for i in range(k):
                    difference_0[i] += difference_j[r, i]
                    constant[i] += eq.unity * difference_j[r, i]
                for i in range(c):
                    constant[n - c + i] += charge_j[r, i]
                changed = False
            if used + TAIL >= room:
                room *= 2
                larger = np.empty((room, kept.shape[1]))
                _copy_matrix(kept, larger)
                kept = larger
            kept[used, 0] = t
            for i in range(k):
                kept[used, 1 + i], kept[used, 1 + k + i] = sources[i], currents[i]
            for i in range(c):
                kept[used, 1 + 2 * k + i] = u[n - c + i]
            used += 1
            if at_rest[r]:
                # What rests stays: samples enough to see it by the waveform alone.
                for _ in range(TAIL):
                    _copy(kept[used - 1], kept[used])
                    kept[used, 0] += 0.04 * max(t, 1 / eq.unity)
                    used += 1
            if at_rest[r] or t >= control.longest or used - starts[r] > MOST_STEPS:
                break
            _copy(constant, rate)
            _add(pieces.rate[slot], u, rate)
            active, slewing = False, False
            if slews:
                _copy(difference_0, difference)
                _add(pieces.difference[slot], u, difference)
                active = _slewing(eq, difference, lost) > 0.0
                for i in range(k):
                    rate[i] += lost[i]
                    # At its limit an internal node may rest although its input stage slews.
                    inside = (code[i] >> 2) & 3 == 1
                    slewing = slewing or (inside and abs(lost[i]) > eq.slew)
            _clear(way)
            _add(pieces.inverse[slot], rate, way)
            distance, output_distance, largest = 0.0, 0.0, SMALLEST_SCALE
            for i in range(n):
                distance = max(distance, abs(way[i]))
            for i in outputs:
                output_distance = max(output_distance, abs(way[i]))
                largest = max(largest, abs(u[i] - way[i]))
            # Fine steps around the settling band, long ones once nothing depends on them.
            band = control.band * largest
            # Pieces that keep taking turns are narrower than what may be overstepped.
            landing = min(LANDING * scale, LANDING_SHARE * distance) / 2.0 ** (events // (4 * k))
            landing = max(landing, 10 * SLACK * scale)
            share = control.resolution
            if output_distance < 0.2 * band and not slewing:
                share *= 3
            elif 0.5 * band < output_distance < 2 * band:
                share /= 2
            allowed = share * max(distance, 1e-3 * scale)
            output_allowed = share * max(output_distance, 0.05 * band)
            pole_at = -1
            while True:
                step, exact = control.base * 2.0**level, True
                _copy(u, trial)
                if large:
                    if pole_at != level // POLE_LEVELS:
                        pole_at = level // POLE_LEVELS
                        resolvent, pole = _resolvent(pieces, slot, level, control.base)
                        _begin(way_space, rate)
                    rounding = KRYLOV_ERROR * scale
                    exact = _add_phi(np.int64(1), resolvent, pole, step, rounding, way_space, trial)
                else:
                    if level < USUAL_LEVEL or pieces.levels[slot] <= level:
                        _build_level(pieces, slot, level, control.base, slews)
                    _add(pieces.forward[slot, level], rate if slews else way, trial)
                error = 0.0
                if active:
                    _copy(difference_0, difference)
                    _add(pieces.difference[slot], trial, difference)
                    _slewing(eq, difference, lost_then)
                    for i in range(k):
                        lost_then[i] -= lost[i]
                    _clear(correction)
                    if large:
                        _begin(slew_space, lost_then)
                        exact &= _add_phi(
                            np.int64(2), resolvent, pole, step, rounding, slew_space, correction
                        )
                    else:
                        _add(pieces.phi2[slot, level, :k], lost_then, correction)
                    for i in range(n):
                        trial[i] += correction[i]
                        error = max(error, abs(correction[i]))
                moved, finite = 0.0, exact
                for i in range(n):
                    change = abs(trial[i] - u[i])
                    finite = finite and change < np.inf
                    moved = max(moved, change)
                if not finite and level > 0:  # a growing mode, or far too long a step
                    level -= 1
                    continue
                # A step much longer than the time constants gets nowhere while an output slews.
                stalls = error > STALL * moved and error > control.rest * control.tolerance * scale
                moved /= allowed
                for i in outputs:
                    moved = max(moved, abs(trial[i] - u[i]) / output_allowed)
                _copy(watched_0, watched)
                _add(pieces.watched[slot], trial, watched)
                worst = _events(eq, code, trial, watched, sources, currents, over)
                landed = worst <= landing
                fine = error <= control.tolerance * scale and moved <= 2 and not stalls
                if level == 0 or (landed and fine):
                    break
                if landed:
                    level -= 1
                else:
                    wanted = max(wanted, level)
                    level -= _halvings(prior, over, landing, level)
            t += step
            _copy(trial, u)
            for i in range(n):
                scale = max(scale, abs(u[i]))
            if worst > SLACK * scale:
                _flip(eq, code, u, over, SLACK * scale, False)
                changed = True
                events += 1
                level, wanted = max(level, wanted), 0
            else:
                _copy_matrix(over, prior)
                near = distance < control.rest * scale and output_distance < control.rest * largest
                at_rest[r] = near and not slewing and (control.stable > 0 or np.any(code != START))
                if level < LEVELS - 1 and moved < 1 and error < 0.2 * control.tolerance * scale:
                    level += 1
    starts[total] = used
    return kept[:used], starts, at_rest


@_jit
def _halvings(before, after, limit, most):
    """Return by how many halvings a step is too long for the events in it to stay in the limit."""
    share = 1.0
    for row in range(4):
        for i in range(before.shape[1]):
            if after[row, i] > limit:
                low = min(before[row, i], 0.0)
                share = min(share, (limit - low) / (after[row, i] - low))
    halvings = 1
    while halvings < most and 0.5**halvings > share:
        halvings += 1
    return halvings
