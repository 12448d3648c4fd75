"""`Core`: what a processor core takes for the parts of a training step, measured here."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import scipy

from amcspice.errors import InputError
from amcspice.threads import one_thread

__all__ = ["Core"]

LONG_ENOUGH, BEST_OF = 0.02, 3
"""Processor time of a measurement at least [s], and how many are made."""

PRODUCT = 384
"""Rows of the matrices that the rate of products is measured with."""


@dataclass(frozen=True)
class Core:
    """A processor core in single precision, with LAPACK and BLAS.

    Parameters
    ----------
    product_rate : float
        Multiplications and additions a second in matrix products.
    inversion : mapping
        Time of an inverse by Cholesky's decomposition, by width [s].
    eigenvectors : mapping
        Time of all eigenvectors of a symmetric matrix, by width [s].
    """

    product_rate: float
    inversion: Mapping[int, float]
    eigenvectors: Mapping[int, float]

    @classmethod
    def measure(cls, widths: Sequence[int] = (32, 128, 512)) -> Core:
        """Measure the core of this machine.

        Parameters
        ----------
        widths : sequence of int
            Two at least; times between and beyond them follow powers of the width.

        Examples
        --------
        >>> from amcspice.algorithm.curvature import Core
        >>> Core.measure((8, 16)).inverting(16) < 1e-3
        True
        """
        if len(widths) < 2 or min(widths) < 1:
            raise InputError(f"widths = {widths!r}: two or more, each from 1")
        draw = np.random.default_rng(0)
        inversion, eigenvectors = {}, {}
        with one_thread():
            square: Any = draw.standard_normal((PRODUCT, PRODUCT)).astype(np.float32)
            rate = 2.0 * PRODUCT**3 / _time(lambda: square @ square)
            for n in sorted(widths):
                rows = draw.standard_normal((n, 2 * n)).astype(np.float32)
                factor = rows @ rows.T / (2 * n) + np.eye(n, dtype=np.float32)
                inversion[n] = _time(partial(_inverse, factor))
                eigenvectors[n] = _time(partial(scipy.linalg.eigh, factor))
        return cls(rate, inversion, eigenvectors)

    def inverting(self, width: float, *, by_eigenvectors: bool = False) -> float:
        """Return the time of an inverse of any width [s]."""
        times = self.eigenvectors if by_eigenvectors else self.inversion
        at, taken = np.log(list(times)), np.log(list(times.values()))
        here = np.log(width)
        if here > at[-1]:  # n^3 beyond what was measured
            return float(np.exp(taken[-1] + 3 * (here - at[-1])))
        return float(np.exp(np.interp(here, at, taken)))

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def _inverse(factor: Any) -> Any:
    decomposed, _ = scipy.linalg.lapack.spotrf(factor, lower=True)
    inverse, _ = scipy.linalg.lapack.spotri(decomposed, lower=True)
    return inverse


def _time(work: Callable[[], Any]) -> float:
    """Return the processor time of a call, the least of some [s]."""
    work()
    taken, rounds = 0.0, 1
    while True:
        taken = min(_rounds(work, rounds) for _ in range(BEST_OF))
        if taken >= LONG_ENOUGH:
            return taken / rounds
        rounds *= 4


def _rounds(work: Callable[[], Any], rounds: int) -> float:
    started = time.process_time()
    for _ in range(rounds):
        work()
    return time.process_time() - started
