"""Where names of version 0.1.0 are now: ``amcspice.solver`` is three rooms since.

A name that was imported from here is found in its new room, with a warning that says where.
"""

from __future__ import annotations

import importlib
import warnings
from typing import Any

__all__: list[str] = []

MOVED = {
    "amcspice.algorithm": ("Factorisation", "Iteration", "nmf"),
    "amcspice.engine": ("Analysis",),
    "amcspice.problem": ("PROBLEMS", "make_circuit"),
    "amcspice.simulation": (
        "Conversion", "Distribution", "Run", "Trials", "Verification", "monte_carlo",
        "noise_transient", "output_noise", "simulate", "solve",
    ),
}  # fmt: skip
"""Names of ``amcspice.solver`` by the room that holds them."""


def __getattr__(name: str) -> Any:
    """Import a name from its new room."""
    for room, names in MOVED.items():
        if name in names:
            warnings.warn(
                f"amcspice.solver.{name} of version 0.1.0 is {room}.{name} now",
                DeprecationWarning,
                stacklevel=2,
            )
            return getattr(importlib.import_module(room), name)
    raise AttributeError(
        f"amcspice.solver has no {name}: the room of version 0.1.0 is amcspice.problem, "
        "amcspice.simulation and amcspice.algorithm now; CHANGELOG.md lists what moved"
    )
