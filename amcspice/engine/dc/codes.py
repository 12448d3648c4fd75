"""Pieces of an amplifier: place of its stage, whether its hold device conducts, its output."""

from __future__ import annotations

import numpy as np

__all__ = ["ABOVE", "CONDUCTS", "HIGHEST", "INSIDE", "LOWEST", "PLACE", "START", "SUGGESTED"]

LOWEST, INSIDE, HIGHEST = 0, 1, 2
"""Place of the stage: at an end of the output range, or inside."""

PLACE = 3
"""Bits of the place."""

CONDUCTS, ABOVE = 4, 8
"""Bits: the hold device conducts; the output is above zero, or not held."""

START = np.uint8(INSIDE + ABOVE)
"""Nothing at a limit, nothing held."""

SUGGESTED = np.uint8(255)
"""Instead of the first piece: by where the stages would be with nothing at a limit."""
