"""`LowRankPlan`: what two steps of low rank come to, beside one array."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["ROUNDING", "LowRankPlan"]

ROUNDING = 1e-12
"""Relative error below which there is none."""


@dataclass(frozen=True, eq=False)
class LowRankPlan:
    """How a matrix is best held in two factors, and whether that is better than one array.

    Parameters
    ----------
    rank : int
    repeats : (int, int)
        Copies of the arrays of the first and the second step, which are averaged.
    terms : dict of str to float
        Parts of the squared relative error: ``truncation``, ``bias`` (levels, and conductances that
        end at zero; may be negative), ``first_factor``, ``second_factor``, ``cross``.
    baseline_error : float
        Relative error of one array with a gain for every line.
    baseline_error_one_gain : float
        With one gain for all, which is no fair comparison.
    break_even_write_noise : float or None
        Write noise from which on two steps are better; zero where they are at any, None where at
        none.
    write_noise : float or None
        Of the cells that it was made for.
    cells, baseline_cells : int
        Of both factors with their copies and of one array, without what compensates word lines.
    cautions : tuple of str
        What the figures leave out, in sentences.
    """

    rank: int
    repeats: tuple[int, int]
    terms: dict[str, float]
    baseline_error: float
    baseline_error_one_gain: float
    break_even_write_noise: float | None
    write_noise: float | None
    cells: int
    baseline_cells: int
    cautions: tuple[str, ...] = ()

    @property
    def error(self) -> float:
        """Relative error in two steps, over white inputs and all draws of the cells."""
        return float(np.sqrt(max(sum(self.terms.values()), 0.0)))

    @property
    def helps(self) -> bool:
        """Whether two steps are better than one array."""
        return self.error < self.baseline_error and self.baseline_error > ROUNDING

    @property
    def verdict(self) -> str:
        """What it comes to, in a sentence."""
        figures = f"{self.error:.3g} in two steps, {self.baseline_error:.3g} in one array"
        said = "helps" if self.helps else "does not help"
        level = self.break_even_write_noise
        if self.write_noise is None:
            limit = "the write error of these cells is a law, which has no break-even"
        elif level is None:
            limit = "at no write noise it would"
        elif level == 0:
            limit = "as it would at any write noise, were cells exact otherwise"
        else:
            limit = f"break-even at a write noise of {100 * level:.3g} %"
        return f"a low-rank product {said}: relative error {figures}; {limit}"

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values; errors are fractions, cells are counts."""
        return {
            "helps": self.helps,
            "rank": self.rank,
            "repeats": list(self.repeats),
            "error": self.error,
            "baseline_error": self.baseline_error,
            "baseline_error_one_gain": self.baseline_error_one_gain,
            "break_even_write_noise": self.break_even_write_noise,
            "terms": dict(self.terms),
            "write_noise": self.write_noise,
            "cells": self.cells,
            "baseline_cells": self.baseline_cells,
            "cautions": list(self.cautions),
        }

    def __str__(self) -> str:
        one, two = self.repeats
        lines = [
            self.verdict,
            f"  rank {self.rank}, {one} + {two} copies averaged: {self.cells} cells, one array "
            f"{self.baseline_cells}",
        ]
        lines += [
            f"  {name.replace('_', ' '):<14}{_root(square)}" for name, square in self.terms.items()
        ]
        lines.append(f"  one array, one gain for all lines: {self.baseline_error_one_gain:.3g}")
        return "\n".join(lines)


def _root(square: float) -> str:
    return f"{'-' if square < 0 else ''}{abs(square) ** 0.5:.3g}"
