"""Units of the columns of a store."""

from __future__ import annotations

from amcspice.sweep.parameters import PARAMETERS
from amcspice.sweep.point import METRICS

__all__ = ["units"]


def units() -> dict[str, str]:
    """Return the unit of every parameter and metric that has one."""
    found = {name: parameter.unit for name, parameter in PARAMETERS.items()} | METRICS
    return {name: unit for name, unit in {**found, "seconds": "s"}.items() if unit}
