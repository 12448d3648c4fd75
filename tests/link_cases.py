"""Chips, channels and figures that tests of links share."""

from __future__ import annotations

import numpy as np

import amcspice as amc
from amcspice.workload.wireless.channel import gaussian

USERS, ANTENNAS = 16, 128


def chip(**options):
    return amc.Chip(**{"gain": 1e6, "seed": 1, "cost_sample": 0, **options})


def symbols(number, count=40, users=USERS):
    return gaussian((users, count), 5, "test", number)


def scaled_gram(H):
    G = H.conj().T @ H
    d = 1 / np.sqrt(np.diag(G).real)
    A = d[:, None] * G * d
    A[np.diag_indices(len(A))] = 1.0
    return A
