"""Matrices and chips that tests of `Chip` share."""

from __future__ import annotations

import numpy as np

import amcspice as amc

DRAW = np.random.default_rng(7)
TALL = DRAW.random((12, 4))
PLANTED = DRAW.random((4, 30)) * (DRAW.random((4, 30)) < 0.7)
RIGHT = TALL @ PLANTED + 0.02 * DRAW.standard_normal((12, 30))
SQUARE = DRAW.random((5, 5)) + 3 * np.eye(5)
SYMMETRIC = SQUARE + SQUARE.T


def chip_of(**options):
    return amc.Chip(**{"opamp": "onchip-1g", "seed": 3, **options})
