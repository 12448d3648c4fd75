"""Monte Carlo: products with drawn cells, by algebra, without a circuit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from amcspice.algorithm.low_rank.search import Choice
from amcspice.circuit.base import Array
from amcspice.circuit.parts.differential import parts
from amcspice.device import Cell

__all__ = ["Draws", "draw_errors"]


@dataclass(frozen=True, eq=False)
class Draws:
    """Squared relative errors of drawn arrays over white inputs.

    Parameters
    ----------
    two_steps, one_array : ndarray, shape (draws,)
    """

    two_steps: Array
    one_array: Array

    def to_json(self) -> dict[str, Any]:
        """Return root mean squares and their standard errors as plain values."""
        told: dict[str, Any] = {"draws": len(self.two_steps)}
        for name, squares in (("error", self.two_steps), ("baseline_error", self.one_array)):
            root = float(np.sqrt(squares.mean()))
            told[name] = root
            # That of the mean square, over the slope of the square.
            spread = float(squares.std(ddof=1) / np.sqrt(len(squares)))
            told[f"{name}_standard_error"] = spread / (2 * root) if root else 0.0
        return told


def draw_errors(matrix: Array, choice: Choice, device: Cell, draws: int, seed: int) -> Draws:
    """Draw the cells of both factors, copy by copy, and of one array with a gain a line.

    Parameters
    ----------
    matrix : ndarray, shape (m, n)
    choice : Choice
    device : Cell
    draws : int
        From 2 on.
    seed : int
    """
    factors, rank, (one, two) = choice.factors, choice.rank, choice.repeats
    left, gains, right = factors.left[:, :rank], factors.gains[:rank], factors.right[:rank]
    peaks = np.abs(matrix).max(axis=1, keepdims=True)
    peaks = np.where(peaks > 0, peaks, 1.0)
    seeds = np.random.SeedSequence(seed).generate_state(3 * draws).reshape(draws, 3)
    errors = np.empty((2, draws))
    for draw, cells in enumerate(seeds.tolist()):
        first, second, single = (replace(device, seed=number) for number in cells)
        product = (_mean(second, left, two) * gains) @ _mean(first, right, one)
        held = _mean(single, matrix / peaks, 1) * peaks
        errors[:, draw] = [((made - matrix) ** 2).sum() for made in (product, held)]
    two_steps, one_array = errors / (matrix**2).sum()
    return Draws(two_steps, one_array)


def _mean(device: Cell, entries: Array, copies: int) -> Array:
    """Return the mean of so many copies of entries from -1 to 1, cells drawn anew in each."""
    tiled = np.tile(entries * device.g_max, (1, copies))
    positive, negative = parts(tiled)
    held = device.program(positive, 0)
    if negative.any():
        held = held - device.program(negative, 1)
    mean: Array = held.reshape(len(entries), copies, -1).mean(axis=1) / device.g_max
    return mean
