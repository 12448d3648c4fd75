"""Listings read back: what a deck of `amcspice.netlist.listing` measures, from the deck itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from amcspice.circuit.base import Array

__all__ = ["Listing", "read_listing"]

_TITLE = re.compile(r"\* (amcspice .+)")
_NUMBER = r"([\d.e+-]+)"
_WINDOW = re.compile(rf"^  let start = rhs\*{_NUMBER}$", re.MULTILINE)
_COUNT = re.compile(r"^while rhs lt (\d+)$", re.MULTILINE)
_OUTPUTS = re.compile(r"^  foreach node (.+)$", re.MULTILINE)
_FACTOR = re.compile(rf"^  let x_\d+ = volt_\d+\*{_NUMBER}(/sqrt\(square\))?$", re.MULTILINE)
_BAND = re.compile(rf"^  let band = {_NUMBER}\*", re.MULTILINE)


@dataclass(frozen=True, eq=False)
class Listing:
    """How a listing reads its solution.

    Parameters
    ----------
    title : str
    outputs : tuple of str
        Nodes of the solution.
    factors : ndarray, shape (n,)
        Units of x a volt.
    direction_only : bool
        Whether x has the length 1: the circuit knows its direction alone.
    window : float
        Time for each right-hand side [s].
    count : int
        Right-hand sides.
    settle_tolerance : float
        Half-width of the settling band, as a fraction of the largest final voltage.
    """

    title: str
    outputs: tuple[str, ...]
    factors: Array
    direction_only: bool
    window: float
    count: int
    settle_tolerance: float

    def volts(self, vectors: Mapping[str, Array]) -> Array | None:
        """Return the voltages of the outputs, shape (T, n) [V]; None if one was not saved."""
        if any(name not in vectors for name in self.outputs):
            return None
        return np.stack([vectors[name] for name in self.outputs], axis=1)

    def solution(self, volts: Array) -> Array:
        """Return x from final voltages, shape (n,)."""
        x: Array = volts * self.factors
        return x / np.linalg.norm(x) if self.direction_only else x


def read_listing(text: str) -> Listing | None:
    """Return how a deck reads its solution; None if it is no listing, or was rewritten.

    Parameters
    ----------
    text : str
        The deck with its ``.control`` block.
    """
    title = _TITLE.match(text)
    if title is None:
        return None
    window, count, band = _WINDOW.search(text), _COUNT.search(text), _BAND.search(text)
    outputs, factors = _OUTPUTS.search(text), _FACTOR.findall(text)
    if not (window and count and band and outputs):
        return None
    names = tuple(outputs.group(1).split())
    try:
        listing = Listing(
            title=title.group(1),
            outputs=names,
            factors=np.array([float(factor) for factor, _ in factors]),
            direction_only=any(root for _, root in factors),
            window=float(window.group(1)),
            count=int(count.group(1)),
            settle_tolerance=float(band.group(1)),
        )
    except ValueError:
        return None
    sound = listing.window > 0 and listing.count > 0 and 0 < listing.settle_tolerance < 1
    return listing if sound and len(factors) == len(names) else None
