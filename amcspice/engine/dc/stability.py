"""Whether a rest is stable: the Jacobian of the behavioural equations in its piece.

An equilibrium from which modes grow (a saddle) is left by whatever pushes along one of them: noise
and offsets, in hardware.  A simulation without these may stay, and that is no answer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit.base import Array
from amcspice.engine.batch import Batch
from amcspice.engine.dc.codes import ABOVE, CONDUCTS, HIGHEST, INSIDE, LOWEST, PLACE
from amcspice.engine.equations.arrays import Equations
from amcspice.engine.equations.linear import LinearModel, Modes
from amcspice.engine.equations.piecewise import PiecewiseLinear, refuse_unknown_physics
from amcspice.engine.equations.pins import Pins
from amcspice.errors import UnsupportedError

__all__ = ["CLAMP", "growth", "piece_modes", "saddles", "surely_decay"]

CLAMP = 100.0
"""Conductance that limits the internal node, over the input transconductance; ``opamp.lib``."""

AT_LIMIT = 1e-6
"""Distance from the end of the output range, as a fraction of it, that counts as being there."""

STANDS_STILL = 1e-9
"""What moves by less than this fraction of the largest voltage, while the fastest growth makes e of
one, stands still."""


def surely_decay(by_source: Array, gain: Array) -> NDArray[np.bool_]:
    """Tell of which circuits it is certain that all modes decay, at a fraction of the eigenvalues.

    With single-pole amplifiers and no charged ports ``dy/dt = w_u (F - 1/A0) y``.  Where the
    symmetric part of ``D (F - 1/A0)`` is negative definite for some positive diagonal D, ``y'D y``
    falls (A. Lyapunov).  D makes the diagonal one, as the totals of the rows of an inverse do.

    Parameters
    ----------
    by_source : ndarray, shape (C, k, k)
        F: input differences for one volt behind the output resistances.
    gain : ndarray, shape (k,)
        A0.

    Returns
    -------
    ndarray of bool, shape (C,)
        False where it is not certain.
    """
    rate = by_source - np.diag(1 / gain)
    own = -np.einsum("ckk->ck", rate)
    sure = (own > 0).all(axis=1)
    for number in np.flatnonzero(sure):
        scaled = -rate[number] / own[number][:, None]
        try:
            np.linalg.cholesky(scaled + scaled.T)
        except np.linalg.LinAlgError:
            sure[number] = False
    return np.asarray(sure)


def growth(eq: Equations, code: NDArray[np.uint8], tilt: Array | float = 1.0) -> float:
    """Return the largest rate of growth in a piece, negative where every mode decays [1/s].

    Parameters are those of `piece_modes`.
    """
    return float(piece_modes(eq, code, tilt).growth)


def piece_modes(eq: Equations, code: NDArray[np.uint8], tilt: Array | float = 1.0) -> Modes:
    """Return the modes of a piece.

    States are the internal nodes, those of second poles and the port voltages that have a
    capacitance; where a stage is at a limit, so is its internal node.

    Parameters
    ----------
    eq : Equations
    code : ndarray of uint8, shape (k,)
        See `amcspice.engine.dc.codes`.
    tilt : ndarray, shape (k,), or float
        Slope of each input stage over the one without a slew limit.
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
    rate[inner] = eq.unity * (np.broadcast_to(tilt, k)[:, None] * along)
    rate[inner, inner] -= np.diag(eq.leak + np.where(inside, 0.0, CLAMP * eq.unity))
    if eq.second:
        rate[last, inner] += eq.second * np.eye(k)
        rate[last, last] -= eq.second * np.eye(k)
    rate[ports] = eq.charge_a @ source + eq.charge_w @ current + eq.charge_q @ charged
    return Modes(np.linalg.eigvals(rate))


def saddles(
    batch: Batch, final: Array, into: Array, at_rest: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Tell which right-hand sides end at an equilibrium from which modes grow, shape (N,).

    The one judge of all fidelities.  Circuits whose modes all decay with nothing at a limit have
    none.  Hold devices hide the stage of an amplifier, and what the equations do not know is not
    judged.

    Parameters
    ----------
    batch : Batch
        Batch of C circuits, K right-hand sides each.
    final : ndarray, shape (N, P)
        Port voltages at the end [V].
    into : ndarray, shape (N, P)
        What the sources amount to at the ports [A].
    at_rest : ndarray of bool, shape (N,)
        Which are known to stand still; the others are looked at.
    """
    none, circuit = np.zeros(len(final), bool), batch.circuit
    if any(bank.hold is not None for bank in circuit.schematic.amplifiers):
        return none
    try:
        refuse_unknown_physics(circuit, "behavioural")
    except UnsupportedError:
        return none
    piecewise = PiecewiseLinear.of(circuit, batch)
    rates = np.atleast_1d(LinearModel.of_equations(piecewise).modes.growth)
    if (rates < 0).all():
        return none
    eq, difference = piecewise.arrays, Pins.of(circuit, batch).difference
    offset, delivered = circuit.opamp.offsets(len(eq.hold)), batch.delivered(final, into)
    stage = final[:, piecewise.out] + eq.rout * delivered[:, piecewise.out]
    margin = AT_LIMIT * (eq.highest - eq.lowest)
    drive, tilt = eq.unity * (final @ difference.T + offset), np.ones_like(stage)
    if np.isfinite(eq.slew):
        bend = np.tanh(drive / eq.slew)
        drive, tilt = eq.slew * bend, 1 - np.nan_to_num(bend) ** 2  # what rests nowhere is nan
    moves = drive - eq.leak * stage
    # Against an end of the range, which what only touches it may leave again.
    pushed = np.abs(moves) > rates.max() * margin
    at_highest, at_lowest = stage > eq.highest - margin, stage < eq.lowest + margin
    place = np.where(at_highest, HIGHEST, np.where(at_lowest, LOWEST, INSIDE))
    place = np.where(pushed, place, INSIDE)
    codes = np.hstack([place + ABOVE, tilt])
    moves = np.abs(np.where(place == INSIDE, moves, 0.0)).max(axis=1)
    count, found, k = len(final) // len(batch), none, stage.shape[1]
    for number in np.flatnonzero(rates >= 0):
        part = slice(number * count, (number + 1) * count)
        still = moves[part] <= STANDS_STILL * rates[number] * np.abs(final[part]).max(axis=1)
        pieces, which = np.unique(codes[part], axis=0, return_inverse=True)
        own = piecewise.of_circuit(int(number)).arrays
        split = ((piece[:k].astype(np.uint8), piece[k:]) for piece in pieces)
        grows = np.array([growth(own, code, tilts) >= 0 for code, tilts in split])
        found[part] = (at_rest[part] | still) & grows[which.ravel()]
    return found
