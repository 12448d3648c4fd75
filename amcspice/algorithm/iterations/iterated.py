"""`Iterated`: what iterations on products came to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amcspice.algorithm.refinement import Step
from amcspice.circuit.base import Array

__all__ = ["Iterated"]

REASONS = {
    "reached": "",
    "floor": "the residual falls no further before it is reached: readings of the product set a "
    "floor",
    "diverges": "the iteration diverges: see whether the matrix as it was programmed has "
    "eigenvalues that the method converges for",
    "indefinite": "the matrix as it was programmed is not positive definite: conjugate gradients "
    "cannot go on",
    "iterations": "the residual was not reached in the iterations that were allowed",
}
"""Why an iteration ended, in words."""


ANOTHER = 10.0
"""Residual with the given matrix, over that with the programmed one, from which on it is told."""


@dataclass(frozen=True, eq=False)
class Iterated:
    """What iterations on products came to.

    Parameters
    ----------
    x : ndarray, shape (n,) or (n, K)
        Of the smallest residual.
    steps : tuple of Step
        Residuals are those of the matrix as it was programmed: all that the system knows.
    reason : str
        Why it ended: ``reached``, ``floor``, ``diverges``, ``indefinite`` or ``iterations``.
    products : int
        How often right-hand sides were multiplied, with those for eigenvalue bounds and for
        residuals that were worked out anew.
    restarts : int
        How often a method began again from the residual.
    settled : ndarray of bool, shape (K,)
        Whether every product with a right-hand side's vectors came to rest.
    settling_time, energy : ndarray, shape (K,)
        Of all of these [s], [J]; nan where there is no time.
    repeats : int
        How often a product was repeated because something saturated.
    near_limit : bool
        Whether an amplifier ended near its limit in one of them.
    bounds : tuple of float, optional
        Of the eigenvalues, where the method needs them.
    residual_given : float
        Of x with the matrix as it was given, worked out digitally in the end.
    """

    x: Array
    steps: tuple[Step, ...]
    reason: str
    products: int
    restarts: int
    settled: NDArray[np.bool_]
    settling_time: Array
    energy: Array
    repeats: int
    near_limit: bool
    bounds: tuple[float, float] | None = None
    residual_given: float = 0.0

    @property
    def iterations(self) -> int:
        """How many steps it took."""
        return len(self.steps)

    @property
    def failed(self) -> bool:
        """Whether x is no answer: it diverged, or the method could not go on."""
        return self.reason in ("diverges", "indefinite")

    @property
    def cautions(self) -> tuple[str, ...]:
        """What the solution does not say by itself, in sentences."""
        said = [REASONS[self.reason]]
        smallest = min((step.residual for step in self.steps), default=np.inf)
        if not self.failed and self.residual_given > ANOTHER * smallest:
            said.append(
                f"a residual of {smallest:.2g} is that of the matrix as it was programmed; that of "
                f"the given one is {self.residual_given:.2g}: cells, wires and amplifiers make "
                "another matrix of it"
            )
        if not self.settled.all():
            said.append(
                f"{int((~self.settled).sum())} of {len(self.settled)} right-hand sides did not "
                "settle in every product: take a longer window or a smaller range"
            )
        if self.near_limit:
            said.append("an amplifier rests near its limit: take a smaller range")
        return tuple(sentence for sentence in said if sentence)

    @property
    def caution(self) -> str:
        """The first of these; empty where the residual was reached and everything settled."""
        return next(iter(self.cautions), "")
