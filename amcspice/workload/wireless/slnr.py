"""Beams that leak least, for users of several antennas.

User k receives with N antennas, channel H_k of shape (M, N).  The beam w that makes

    |H_k' w|^2 / (sum over others |H_j' w|^2 + l)

largest is R^-1 H_k u with R = sum H_j H_j' + l I, and u the dominant eigenvector of H_k' R^-1 H_k,
N x N.  R^-1 [H_1 ... H_K] = H (H'H + l I)^-1 is what a precoder of all antennas applies: one
inverse of K N unknowns serves all users.  (M. Sadek et al., IEEE Trans. Wirel. Commun. 6, 1711
(2007), define the ratio.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from amcspice.errors import InputError
from amcspice.system import Chip
from amcspice.workload.wireless.channel import Complex
from amcspice.workload.wireless.processing import Plan, precoder
from amcspice.workload.wireless.solvers import COMPLEX

__all__ = ["leakage_beams"]


def leakage_beams(
    chip: Chip, channels: ArrayLike, load: float, plan: Plan | None = None
) -> Complex:
    """Return a beam for each user, with the inverse on a chip and small eigenvectors digital.

    Parameters
    ----------
    chip : Chip
    channels : array_like, shape (K, M, N)
        Of K users with N antennas each; K N is at most M.
    load : float
        Noise of a user over the power that it is sent with.
    plan : Plan, optional

    Returns
    -------
    ndarray, shape (M, K)
        Of length one.

    Raises
    ------
    InputError
        If shapes do not fit, or the load is not above zero.
    """
    given = np.asarray(channels, complex)
    if given.ndim != 3 or given.shape[0] * given.shape[2] > given.shape[1]:
        raise InputError(
            f"channels: shape {given.shape}: must be (users, M, antennas of a user), with no more "
            "antennas of all users than M"
        )
    if not load > 0:
        raise InputError(f"load = {load}: leakage needs noise, above zero")
    users, antennas, each = given.shape
    together = given.transpose(1, 0, 2).reshape(antennas, users * each)
    made = precoder(chip, together, load, plan)
    sent: Any = made.send(np.eye(users * each, dtype=complex)).reshape(antennas, users, each)
    beams = np.empty((antennas, users), complex)
    for user, channel in enumerate(given):
        own = sent[:, user]
        image = channel.conj().T @ own
        _, vectors = np.linalg.eigh(image + image.conj().T)
        beams[:, user] = own @ vectors[:, -1]
    # Products, and about 25 n^3 for the eigenvectors of a Hermitian matrix.
    chip.ledger.compute("beams", COMPLEX * users * (antennas * each * (each + 1) + 25 * each**3))
    unit: Complex = beams / np.linalg.norm(beams, axis=0)
    return unit
