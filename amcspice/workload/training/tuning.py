"""Fair settings: the best of a declared grid, the same number for every optimiser.

Seeds for tuning are others than those that entrants are judged on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from amcspice.workload.training.optimisers import OPTIMISERS, Optimiser
from amcspice.workload.training.trial import Entrant, Outcome

__all__ = ["GRIDS", "TUNING_SEEDS", "best_setting", "grid_entrants", "usual"]

GRIDS: Mapping[str, Mapping[str, tuple[float, ...]]] = {
    "sgdm": {"learning_rate": (0.03, 0.06, 0.1, 0.15), "momentum": (0.9, 0.95)},
    "adam": {"learning_rate": (0.02, 0.03, 0.04, 0.06), "second_decay": (0.99, 0.999)},
    "kfac": {"learning_rate": (0.03, 0.1), "damping": (0.03, 0.3), "kl_clip": (1e-3, 1e-2)},
}
"""Eight settings each; what a grid does not name stands at its default."""

TUNING_SEEDS = (100, 101)


def usual(name: str) -> Optimiser:
    """Return an optimiser with what libraries take where nothing is said."""
    made: Optimiser = OPTIMISERS[name](**OPTIMISERS[name].usual)
    return made


def grid_entrants(names: Sequence[str]) -> list[Entrant]:
    """Return an entrant for every setting of the grids of some optimisers."""
    return [
        Entrant(f"{name} {_text(setting)}", OPTIMISERS[name](**setting))
        for name in names
        for setting in _settings(GRIDS[name])
    ]


def _settings(grid: Mapping[str, tuple[float, ...]]) -> list[dict[str, Any]]:
    return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]


def _text(setting: Mapping[str, float]) -> str:
    return " ".join(f"{field}={value:g}" for field, value in setting.items())


def best_setting(
    name: str,
    entrants: Sequence[Entrant],
    outcomes: Mapping[str, Sequence[Outcome]],
    target_loss: float,
) -> Optimiser:
    """Return the setting that reaches a loss in most seeds, and of these in the fewest epochs.

    Where none reaches it, the one with the lowest loss in the end.
    """

    def rank(entrant: Entrant) -> tuple[float, float, float]:
        several = [each.course for each in outcomes[entrant.name]]
        epochs = np.array([course.epochs_to_loss(target_loss) for course in several])
        reached = np.isfinite(epochs)
        last = float(np.mean([np.inf if each.failure else each.loss[-1] for each in several]))
        return -int(reached.sum()), float(epochs[reached].sum()), last

    own = [entrant for entrant in entrants if isinstance(entrant.optimiser, OPTIMISERS[name])]
    return min(own, key=rank).optimiser
