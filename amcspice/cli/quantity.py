"""Quantities as people read them."""

from __future__ import annotations

import math

from matplotlib.ticker import EngFormatter

from amcspice.solver import Verification

__all__ = ["si", "verification_line"]


def si(value: float, unit: str) -> str:
    """Return a quantity with two decimals and an SI prefix; a dash if it is not finite."""
    return EngFormatter(unit=unit, places=2)(value) if math.isfinite(value) else "-"


def verification_line(verification: Verification) -> str:
    """Return a verification as one line."""
    return (
        f"verified {len(verification.solution_deviation)} regressions at {verification.fidelity} "
        f"fidelity: solutions off by at most {verification.largest_solution_deviation:.1e}, "
        f"settling times by at most {100 * verification.largest_settling_deviation:.2g} %"
    )
