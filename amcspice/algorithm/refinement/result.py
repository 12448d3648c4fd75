"""`Refined`: what a refinement came to, iteration by iteration, and why it ended."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amcspice.circuit.base import Array

__all__ = ["ENDS", "FLOORS", "Refined", "Step"]

FLOORS = {
    "product": "what the product holds differs from the matrix: give it more slices",
    "sums": "partial sums of the product round wrongly",
    "range": "partial sums were beyond the codes of the product's converters",
    "steps": "converters of the product are off the grid of levels, so that no sum is rounded",
    "noise": "readings fluctuate in time",
    "converters": "converters are not ranged: what is below a step of them is lost",
    "inverse": "the coarse inverse brings the residual down no further",
    "digits": "the entries of the matrix have no more digits at its condition",
}
"""Parts that set a floor, and what each says."""

ENDS = {
    "reached": "",
    "floor": "the target is below the floor of the refinement",
    "diverges": "the refinement diverges: the coarse inverse is too far from the matrix",
    "breakdown": "steps bring nothing: the symmetric part of A T is not definite, as of a "
    "rotation; method gmres goes on",
    "iterations": "the target was not reached in the iterations that were allowed",
}


@dataclass(frozen=True)
class Step:
    """An iteration.

    Parameters
    ----------
    residual : float
        ``|b - A x| / |b|`` as the system knows it, the largest of all right-hand sides.
    correction : float
        ``|alpha d| / |x|``, the largest.
    error : float
        ``|x - x*| / |x*|``, the largest: for studies, no system knows it.
    exponent : int
        Block exponent: the largest residual that the inverse was asked with is below two to its
        power, over its right-hand side.
    repeats, saturated : int
        Operations of the chip that were repeated because something saturated; operations and
        partial sums that saturated in the end.
    """

    residual: float
    correction: float
    error: float
    exponent: int = 0
    repeats: int = 0
    saturated: int = 0

    @property
    def bits(self) -> float:
        """Bits of x that are right."""
        return float(-np.log2(self.error)) if self.error > 0 else 53.0


@dataclass(frozen=True, eq=False)
class Refined:
    """What a refinement came to.

    Parameters
    ----------
    x : ndarray, shape (n,) or (n, K)
        Of the iteration with the smallest residual.
    steps : tuple of Step
        From the first coarse solution on.
    reason : str
        Why it ended: ``reached``, ``floor``, ``breakdown``, ``diverges`` or ``iterations``.
    floor : str
        The part that sets the floor where it ended there, one of `FLOORS`; else empty.
    floor_bits : float
        Bits of x that the product and the digits of the matrix let pass, as predicted.
    said : tuple of str
        What the product says of itself.
    """

    x: Array
    steps: tuple[Step, ...]
    reason: str
    floor: str = ""
    floor_bits: float = float("inf")
    said: tuple[str, ...] = ()

    @property
    def iterations(self) -> int:
        """How many coarse solutions it took."""
        return len(self.steps)

    @property
    def bits(self) -> float:
        """Bits of x that are right, by the exact answer: those of the smallest residual."""
        return min(self.steps, key=lambda step: step.residual).bits if self.steps else 0.0

    @property
    def failed(self) -> bool:
        """Whether x is no answer: it diverged, or the method could not go on."""
        return self.reason in ("diverges", "breakdown")

    @property
    def caution(self) -> str:
        """What the solution does not say by itself; empty where the target was reached."""
        told = ENDS[self.reason]
        if self.floor:
            told += f", {self.floor_bits:.1f} bits" if self.floor_bits < 53 else ""
            told += f": {FLOORS[self.floor]}"
        return "; ".join([told, *self.said] if told else self.said)
