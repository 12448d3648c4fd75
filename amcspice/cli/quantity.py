"""Quantities as people read them."""

from __future__ import annotations

import math

from matplotlib.ticker import EngFormatter

__all__ = ["duration", "si", "size"]


def si(value: float, unit: str) -> str:
    """Return a quantity with two decimals and an SI prefix; a dash if it is not finite."""
    return EngFormatter(unit=unit, places=2)(value) if math.isfinite(value) else "-"


def duration(seconds: float) -> str:
    """Return a time as people say it: two units at most."""
    if seconds < 10:
        return f"{seconds:.2g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "min"), (rest, "s"))
    first = next(k for k, (count, _) in enumerate(parts) if count)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count)


def size(count: float) -> str:
    """Return a number of bytes."""
    return EngFormatter(unit="B", places=1)(count)
