"""Matrices that tests of refinements share."""

from __future__ import annotations

import numpy as np

import amcspice as amc
from amcspice.algorithm import (
    BlockInverse,
)

COARSE = {"levels": 8, "write_noise": 0.01, "gain": 1e5}


def wishart(n, m, seed=0):
    X = np.random.default_rng(seed).standard_normal((n, m))
    return X @ X.T / m


def right(n, count=1, seed=1):
    return np.random.default_rng(seed).standard_normal((n, count))


def errors(found, expected):
    return np.linalg.norm(found - expected, axis=0) / np.linalg.norm(expected, axis=0)


def coarse(A, seed=1, stages=1, **options):
    chip = amc.Chip(seed=seed, **{**COARSE, **options})
    return BlockInverse(chip, A, stages=stages, own_scale=True)


class Applied:
    """A coarse inverse that is a matrix."""

    def __init__(self, transfer):
        self.transfer = transfer

    def solve(self, b):
        return self.transfer @ b
