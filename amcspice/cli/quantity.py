"""Quantities as people read them."""

from __future__ import annotations

import math

from matplotlib.ticker import EngFormatter

__all__ = ["si"]


def si(value: float, unit: str) -> str:
    """Return a quantity with two decimals and an SI prefix; a dash if it is not finite."""
    return EngFormatter(unit=unit, places=2)(value) if math.isfinite(value) else "-"
