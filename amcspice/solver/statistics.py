"""What was measured over many regressions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from amcspice.circuit.base import Array
from amcspice.solver.result import Run

__all__ = ["Statistics"]


@dataclass(frozen=True, eq=False)
class Statistics:
    """What was measured over many regressions, one value each.

    Parameters
    ----------
    relative_error : ndarray
    settled : ndarray of bool
    settling_time : ndarray
        [s].
    energy : ndarray
        [J].
    power : ndarray
        Total, at rest [W].
    """

    relative_error: Array
    settled: Array
    settling_time: Array
    energy: Array
    power: Array

    @classmethod
    def of(cls, runs: list[Run]) -> Statistics:
        """Join the measurements of several runs."""
        return cls(
            relative_error=_join([run.relative_error for run in runs]),
            settled=_join([run.settled for run in runs], dtype=bool),
            settling_time=_join([run.settling_time for run in runs]),
            energy=_join([run.energy for run in runs]),
            power=_join(
                [run.power.get("total", np.full(len(run.settled), np.nan)) for run in runs]
            ),
        )

    @classmethod
    def join(cls, parts: Sequence[Statistics]) -> Statistics:
        """Return several as one."""
        parts = [part for part in parts if part.settled.size]
        if len(parts) <= 1:
            return parts[0] if parts else cls.of([])
        names = [item.name for item in fields(cls)]
        return cls(**{n: np.concatenate([getattr(part, n) for part in parts]) for n in names})


def _join(parts: list[Any], dtype: type = float) -> Any:
    return np.concatenate(parts) if parts else np.empty(0, dtype)
