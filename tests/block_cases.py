"""Matrices and systems that tests of blocks share."""

from __future__ import annotations

import numpy as np
from scipy.linalg import toeplitz


def wishart(n, m, seed=0):
    X = np.random.default_rng(seed).standard_normal((n, m))
    return X @ X.T / m


def harmonic(n):
    return toeplitz(1 / (1 + np.arange(n)))


def dominant(n, seed=0):
    return np.random.default_rng(seed).standard_normal((n, n)) + 3 * n**0.5 * np.eye(n)


def right(n, count=3, seed=1):
    return np.random.default_rng(seed).standard_normal((n, count))


def off(found, expected):
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def as_matrix(block):
    """Put a block together again from its parts, in its order."""
    if not hasattr(block, "schur"):
        return block.matrix
    first, schur = given(block.first), given(block.schur)
    last = schur + block.lower @ np.linalg.solve(first, block.upper)
    return np.block([[first, block.upper], [block.lower, last]])


def given(block):
    """Put a block together in the order that was given."""
    made = np.empty((block.size, block.size))
    made[np.ix_(block.order.rows, block.order.columns)] = block.order.signs[:, None] * as_matrix(
        block
    )
    return made
