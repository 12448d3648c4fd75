"""Right-hand sides for which a circuit has several rests.

With outputs held at a lowest value the rest is a linear complementarity problem: with the system M
of the stages, their lowest values l and the drive q

    s >= l,  q - M s <= 0 where s = l,  q - M s = 0 elsewhere.

It has one solution for every q if and only if all principal minors of M are positive (a P-matrix:
R. W. Cottle, J.-S. Pang, R. E. Stone, The Linear Complementarity Problem, 1992, theorem 3.3.7).
Write errors take that away from circuits which hold a matrix twice: then there may be two stable
rests with an unstable one between them, and time decides which it is.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit.base import Array

__all__ = ["MOST_HELD", "has_one_rest", "have_several_rests"]

MOST_HELD = 10
"""Outputs with a constraint up to which all sets of them are gone through."""

SLACK = 1e-9
"""By how much a rest may miss its conditions, as a fraction of the largest stage or drive."""


def has_one_rest(systems: Array) -> NDArray[np.bool_]:
    """Tell which systems have one rest for every right-hand side.

    Parameters
    ----------
    systems : ndarray, shape (C, k, k)
        M of stages that all have a constraint.

    Returns
    -------
    ndarray of bool, shape (C,)
        Whether all principal minors are positive.
    """
    # A definite symmetric part is enough, and quickly told.
    least = np.linalg.eigvalsh(systems + systems.swapaxes(-1, -2))[:, 0]
    one = np.asarray(least > 0)
    doubtful = np.flatnonzero(~one)
    for size in range(1, systems.shape[-1] + 1):
        if not doubtful.size:
            break
        sets = np.array(list(itertools.combinations(range(systems.shape[-1]), size)))
        blocks = systems[doubtful][:, sets[:, :, None], sets[:, None, :]]
        doubtful = doubtful[(np.linalg.det(blocks) > 0).all(axis=1)]
    one[doubtful] = True
    return one


def have_several_rests(system: Array, drive: Array, lowest: Array) -> NDArray[np.bool_]:
    """Tell which right-hand sides of one circuit have more than one rest, stable or not.

    Parameters
    ----------
    system : ndarray, shape (k, k)
        M of stages that all have a constraint.
    drive : ndarray, shape (K, k)
        q.
    lowest : ndarray, shape (k,)
        l.

    Returns
    -------
    ndarray of bool, shape (K,)
    """
    count, k = np.zeros(len(drive), int), len(system)
    slack = SLACK * np.maximum(np.abs(drive).max(axis=1, keepdims=True), 1e-300)
    for pattern in itertools.product((False, True), repeat=k):
        free = np.array(pattern)
        stage = np.broadcast_to(lowest, drive.shape).copy()
        if free.any():
            left = drive[:, free] - system[np.ix_(free, ~free)] @ lowest[~free]
            try:
                stage[:, free] = np.linalg.solve(system[np.ix_(free, free)], left.T).T
            except np.linalg.LinAlgError:
                continue
        room = SLACK * np.maximum(np.abs(stage).max(axis=1, keepdims=True), 1e-300)
        above = (stage[:, free] >= lowest[free] - room).all(axis=1)
        pushed = drive[:, ~free] - stage @ system[~free].T
        count += above & (pushed <= slack).all(axis=1)
    return np.asarray(count > 1)
