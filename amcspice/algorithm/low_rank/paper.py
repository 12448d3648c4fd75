"""Products in two steps as published: write noise of an absolute variance, factors balanced.

With y = x A, A of size n x n, A_r = B C, B = U_r S_r^1/2 and C = S_r^1/2 V_r', white inputs of unit
variance, and write noise of variance v on every entry of every array,

    one array:   E = n^2 v
    two steps:   E = sum_{i>r} s_i^2 + n (v/R1 + v/R2) sum_{i<=r} s_i + n^2 r v^2 / (R1 R2)

R1 and R2 copies of B and C being averaged, in no more cells than one array has: R1 + R2 <= n / r
(arXiv 2510.04402, Theorems 2 and 3).  Cells of a crossbar have noise relative to their range
instead, see `amcspice.algorithm.low_rank.errors`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amcspice.circuit.base import Array
from amcspice.errors import InputError

__all__ = ["PaperModel"]


@dataclass(frozen=True)
class PaperModel:
    """The published model of a matrix with singular values c n / i.

    Parameters
    ----------
    size : int
        n, from 2 on.
    scale : float
        c.
    variance : float
        v, of what an entry is off by.
    """

    size: int
    scale: float = 1.0
    variance: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.size, int | np.integer) or self.size < 2:
            raise InputError(f"size = {self.size!r}: must be a whole number from 2")
        if not (self.scale > 0 and self.variance > 0):
            raise InputError("scale and variance must be positive")

    @property
    def spectrum(self) -> Array:
        """Singular values, shape (n,)."""
        values: Array = self.scale * self.size / np.arange(1.0, self.size + 1)
        return values

    @property
    def baseline(self) -> float:
        """Mean square error of one array."""
        return self.variance * self.size**2

    def repeats(self, rank: int) -> int:
        """Return how many copies of each factor the cells of one array hold."""
        return self.size // (2 * rank)

    def error(self, rank: int) -> float:
        """Return the mean square error of two steps.

        Raises
        ------
        InputError
            If there is no copy of each factor at that rank.
        """
        copies = self.repeats(rank) if rank >= 1 else 0
        if not copies:
            raise InputError(f"rank = {rank!r}: must be a whole number from 1 to {self.size // 2}")
        n, noise, values = self.size, self.variance / copies, self.spectrum
        truncated = float((values[rank:] ** 2).sum())
        return truncated + 2 * n * noise * float(values[:rank].sum()) + n**2 * rank * noise**2

    @property
    def best_rank(self) -> int:
        """Rank of the least error, copies being whole numbers."""
        ranks = range(1, self.size // 2 + 1)
        return min(ranks, key=self.error)

    @property
    def published_rank(self) -> int:
        """Rank that is published as the best in order of magnitude, sqrt n."""
        return int(min(round(np.sqrt(self.size)), self.size // 2))

    def draw(self, rank: int, draws: int, seed: int) -> tuple[Array, Array]:
        """Draw arrays and count what they are off by; for studies.

        Parameters
        ----------
        rank : int
        draws : int
        seed : int
            Of the singular vectors and of the noise.

        Returns
        -------
        errors, baselines : ndarray, shape (draws,)
            Squared errors in two steps and of one array, the mean over white inputs.  The mean of
            R copies is drawn, whose noise has variance v / R.
        """
        n, random, values = self.size, np.random.default_rng(seed), self.spectrum
        # Singular vectors are the columns of random orthogonal matrices.
        U, V = (np.linalg.qr(random.standard_normal((n, n)))[0] for _ in range(2))
        root = np.sqrt(values[:rank])
        A, B, C = (U * values) @ V.T, U[:, :rank] * root, (V[:, :rank] * root).T
        spread = np.sqrt(self.variance / self.repeats(rank))
        errors, baselines = np.empty(draws), np.empty(draws)
        for draw in range(draws):
            noisy = [M + spread * random.standard_normal(M.shape) for M in (B, C)]
            errors[draw] = ((noisy[0] @ noisy[1] - A) ** 2).sum()
            baselines[draw] = self.variance * random.chisquare(n * n)
        return errors, baselines
