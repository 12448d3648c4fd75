"""`forecast`: what a refinement will do, from what coarse inverse and product really apply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike

from amcspice.algorithm.refinement.floor import product_bits
from amcspice.algorithm.refinement.loop import refine
from amcspice.algorithm.refinement.methods import Method
from amcspice.algorithm.refinement.products import real_matrix
from amcspice.circuit.base import Array
from amcspice.system import Ledger

__all__ = ["Forecast", "forecast", "rehearse"]


@dataclass(frozen=True)
class Forecast:
    """What a refinement will do, from what the coarse inverse and the product really apply.

    Parameters
    ----------
    spectral_radius : float
        Of I - A T.
    floor_bits : float
        Bits of x beyond which the product allows none; infinite for an exact one.
    definiteness : float
        Smallest eigenvalue of the symmetric part of A T: at zero or below line search and GCR may
        stand still.
    """

    spectral_radius: float
    floor_bits: float
    definiteness: float = float("nan")

    @property
    def converges(self) -> bool:
        """Whether plain refinement converges for every right-hand side."""
        return self.spectral_radius < 1

    @property
    def gcr_converges(self) -> bool:
        """Whether line search and GCR are sure to converge for every right-hand side.

        They are where the symmetric part of A T is positive definite: every step takes a share of
        the residual away (S. Eisenstat, H. Elman, M. Schultz, 1983).  Where it is not they may
        break down, as for a rotation, or may not.
        """
        return self.definiteness > 0

    @property
    def bits_per_iteration(self) -> float:
        """Of plain refinement; negative where it diverges."""
        return float(-np.log2(self.spectral_radius)) if self.spectral_radius else np.inf

    def iterations(self, bits: float) -> int | None:
        """Return how many plain iterations give so many bits; None where they do not."""
        if not self.converges or bits > self.floor_bits:
            return None
        return int(np.ceil(bits / self.bits_per_iteration))


def forecast(
    matrix: ArrayLike,
    transfer: Array,
    product: ArrayLike | None = None,
    *,
    deviation: float = 0.0,
) -> Forecast:
    """Forecast a refinement.

    Parameters
    ----------
    matrix : array_like, shape (n, n)
        A; complex too, by its real form.
    transfer : ndarray, shape (n, n)
        T, what the coarse inverse applies: ``x = T b``.
    product : array_like, shape (n, n), optional
        What the product applies; None is A itself.
    deviation : float
        Rms error of its outputs for a random vector of length one, beyond what it applies.

    Notes
    -----
    A product with P in the place of A converges to ``P^-1 b``: the median of the relative error
    over random solutions is near ``|I - P^-1 A|_F / sqrt(n)``.
    """
    A = real_matrix(matrix)
    P = A if product is None else real_matrix(product)
    applied = P @ transfer
    radius = float(np.abs(np.linalg.eigvals(np.eye(len(A)) - applied)).max())
    least = float(scipy.linalg.eigvalsh((applied + applied.T) / 2, subset_by_index=[0, 0])[0])
    if product is None and not deviation:
        return Forecast(radius, float("inf"), least)
    return Forecast(radius, product_bits(A, P, deviation), least)


class _Applied:
    """A matrix that stands for a coarse inverse or a product."""

    def __init__(self, matrix: Array) -> None:
        self.matrix = matrix

    def solve(self, b: Any) -> Any:
        return self.matrix @ b

    def __matmul__(self, v: Any) -> Any:
        return self.matrix @ v


def rehearse(
    matrix: ArrayLike,
    transfer: Array,
    product: ArrayLike | None = None,
    *,
    method: Method = "gcr",
    bits: float = 24.0,
    iterations: int = 60,
    count: int = 4,
    seed: int = 0,
) -> int | None:
    """Return how many iterations of a method give so many bits; None where they do not.

    The refinement is run with the matrices that coarse inverse and product apply, on random
    right-hand sides, without converters: matrix products alone.

    Parameters
    ----------
    matrix, transfer, product
        See `forecast`.
    method : {"plain", "line-search", "gcr", "gmres"}
    bits : float
    iterations : int
        At most.
    count : int
        Right-hand sides; the slowest counts.
    seed : int
    """
    A = real_matrix(matrix)
    b = np.random.default_rng(seed).standard_normal((len(A), count))
    multiply = None if product is None else _Applied(real_matrix(product))
    made = refine(
        _Applied(transfer), A, b, product=multiply, ledger=Ledger(), method=method, bits=bits,
        iterations=iterations,
    )  # fmt: skip
    return made.iterations if made.reason == "reached" else None
