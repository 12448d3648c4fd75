"""Quantities as people read them."""

from __future__ import annotations

import math

__all__ = ["duration", "si", "size"]

PREFIXES = {
    -30: "q", -27: "r", -24: "y", -21: "z", -18: "a", -15: "f", -12: "p", -9: "n", -6: "µ",
    -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E", 21: "Z", 24: "Y", 27: "R",
    30: "Q",
}  # fmt: skip
"""SI prefixes by their power of ten."""


def si(value: float, unit: str) -> str:
    """Return a quantity with two decimals and an SI prefix; a dash if it is not finite."""
    return _prefixed(value, unit, 2) if math.isfinite(value) else "-"


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
    return _prefixed(count, "B", 1)


def _prefixed(value: float, unit: str, places: int) -> str:
    """Return a number from 1 to 1000 with its prefix; matplotlib's takes long to import."""
    power = 3 * math.floor(math.log10(abs(value)) / 3) if value else 0
    if abs(round(value / 10.0**power, places)) >= 1000:  # 999.999 n is 1.00 u
        power += 3
    power = min(max(power, min(PREFIXES)), max(PREFIXES))
    return f"{value / 10.0**power:.{places}f} {PREFIXES[power]}{unit}"
