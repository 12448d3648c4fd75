"""Epochs against write noise, with and without the mean in the array, and the limit foretold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from amcspice.algorithm.curvature import Equilibrated, ExactInverse, outlook
from amcspice.circuit.base import Array
from amcspice.device import Cell
from amcspice.errors import InputError
from amcspice.system import Chip
from amcspice.workload.training.comparison import spread
from amcspice.workload.training.course import train
from amcspice.workload.training.trial import AnalogCurvature, Entrant, Outcome, Trial, run_trials

__all__ = ["VARIANTS", "NoiseStudy", "noise_study", "stability_limits"]

VARIANTS: Mapping[str, bool] = {"whole factor in the array": False, "mean kept digital": True}
"""What stands in the array, and whether the mean stays out of it."""

PROBE = 0.01
"""Write noise at which shares of the limit are worked out: they are proportional to it."""

MORE = 0.5
"""Epochs beyond those of exact inverses, relative to them, with which the advantage is gone."""

Limits = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class NoiseStudy:
    """Epochs to a loss against write noise.

    Parameters
    ----------
    target_loss, epochs_at_most : float
    exact : ndarray, shape (seeds,)
        Epochs with exact inverses; nan where the target was not reached.
    curves : mapping of str to mapping of float to ndarray
        Epochs, one a seed, by `VARIANTS` and write noise.
    unstable : mapping of str to mapping of float to int
        Writings in vain, in sum of the seeds.
    limits : mapping of str to (float, float, float)
        Write noise at which the factors of an exact training are at their limit of stability:
        lowest, median and highest of its updates, of the most sensitive factor each.
    failures : mapping of str to mapping of float to list of str
        Of trainings that ended early.
    """

    target_loss: float
    epochs_at_most: float
    exact: Array
    curves: Mapping[str, Mapping[float, Array]]
    unstable: Mapping[str, Mapping[float, int]]
    limits: Mapping[str, Limits]
    failures: Mapping[str, Mapping[float, list[str]]]

    def lost(self, name: str, more: float = MORE) -> float:
        """Return the least write noise at which the advantage is gone; nan if it never is.

        Nothing is known of it, and nan, where exact inverses do not come to the target either.

        Parameters
        ----------
        name : str
        more : float
            Gone is it where a seed does not come to the target, or the mean takes so much more
            epochs than exact inverses do.
        """
        allowed = (1 + more) * spread(self.exact)[0]
        if np.isnan(allowed):
            return allowed
        for noise, epochs in sorted(self.curves[name].items()):
            if not (np.isfinite(epochs).all() and epochs.mean() <= allowed):
                return noise
        return float("nan")

    @property
    def cautions(self) -> tuple[str, ...]:
        """What the figures do not say by themselves, in sentences."""
        missed = int(np.isnan(self.exact).sum())
        enough = (1 + MORE) * spread(self.exact)[0]
        if not missed and self.epochs_at_most < enough:
            return (
                f"the {self.epochs_at_most:g} epochs are fewer than {1 + MORE:g} times those of "
                f"exact inverses, {enough:.2f}: what does not come to a loss of "
                f"{self.target_loss:g} might soon; train longer",
            )
        if not missed:
            return ()
        return (
            f"{missed} of {len(self.exact)} trainings with exact inverses do not come to a loss of "
            f"{self.target_loss:g} within {self.epochs_at_most:g} epochs either: train longer",
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "target_loss": self.target_loss,
            "epochs_at_most": self.epochs_at_most,
            "exact": self.exact,
            "curves": {
                name: [
                    {
                        "write_noise": noise,
                        "epochs_to_target": epochs,
                        "unstable_writings": self.unstable[name][noise],
                        "failures": self.failures[name][noise],
                    }
                    for noise, epochs in sorted(curve.items())
                ]
                for name, curve in self.curves.items()
            },
            "limits": {name: list(limits) for name, limits in self.limits.items()},
            "cautions": list(self.cautions),
            "lost_at": {name: self.lost(name) for name in self.curves},
        }


def noise_study(
    trial: Trial,
    entrant: Entrant,
    make_chips: Callable[[float], Callable[..., Chip]],
    device: Cell,
    noises: Sequence[float],
    seeds: Sequence[int],
    target_loss: float,
    **options: Any,
) -> NoiseStudy:
    """Train with exact inverses, and with arrays at every write noise, with and without the mean.

    Parameters
    ----------
    trial : Trial
    entrant : Entrant
        An optimiser of second order, with the inverses that it takes but for chip and mean.
    make_chips : callable
        Returns the maker of chips (`AnalogCurvature`) for a write noise.
    device : Cell
    noises : sequence of float
    seeds : sequence of int
    target_loss : float
        Trainings end there.
    **options
        See `run_trials`.

    Raises
    ------
    InputError
        If the cells have no write noise, or something else cannot be used.
    """
    trial = replace(trial, until_loss=target_loss)
    entrants = [Entrant("exact", entrant.optimiser)]
    for name, keep in VARIANTS.items():
        for noise in noises:
            base = entrant.analog or AnalogCurvature(make_chips(noise))
            analog = replace(base, make_chip=make_chips(noise), keep_mean=keep)
            entrants.append(Entrant(_name(name, noise), entrant.optimiser, analog))
    limits = stability_limits(trial, entrant, device, seeds[0])
    outcomes = run_trials(trial, entrants, seeds, **options)

    def epochs(several: Sequence[Outcome]) -> Array:
        return np.array([each.course.epochs_to_loss(target_loss) for each in several])

    def by_noise(pick: Callable[[Sequence[Outcome]], Any]) -> dict[str, dict[float, Any]]:
        return {
            name: {noise: pick(outcomes[_name(name, noise)]) for noise in noises}
            for name in VARIANTS
        }

    return NoiseStudy(
        target_loss,
        float(trial.epochs),
        epochs(outcomes["exact"]),
        by_noise(epochs),
        by_noise(lambda several: sum(each.account.unstable for each in several if each.account)),
        limits,
        by_noise(lambda several: [each.course.failure for each in several if each.course.failure]),
    )


def _name(variant: str, noise: float) -> str:
    return f"{variant}, {noise:g}"


def stability_limits(trial: Trial, entrant: Entrant, device: Cell, seed: int) -> dict[str, Limits]:
    """Return the write noise at which factors of an exact training are at their limit.

    Returns
    -------
    dict
        By `VARIANTS`: lowest, median and highest of all updates, of the most sensitive factor each.
    """
    probe = _with_noise(device, PROBE)
    shares: dict[str, dict[str, list[float]]] = {name: {} for name in VARIANTS}

    class Recorded(ExactInverse):
        def program(self, matrix: ArrayLike, mean: ArrayLike | None = None) -> None:
            super().program(matrix, mean)
            for name, keep in VARIANTS.items():
                unit = Equilibrated.of(matrix, mean if keep else None).matrix
                shares[name].setdefault(self.label, []).append(outlook(unit, probe).share)

    train(
        trial.pictures, entrant.optimiser, network=trial.network, epochs=trial.epochs,
        batch_size=trial.batch_size, held_out=trial.held_out, seed=seed, make_inverse=Recorded,
        until_loss=trial.until_loss,
    )  # fmt: skip
    found: dict[str, Limits] = {}
    for name, by_factor in shares.items():
        limits = PROBE / np.max(list(by_factor.values()), axis=0)
        found[name] = (float(limits.min()), float(np.median(limits)), float(limits.max()))
    return found


def _with_noise(device: Cell, noise: float) -> Cell:
    if not hasattr(device, "write_noise"):
        raise InputError(
            f"write noise is varied, but {type(device).__name__} has none: choose --device ideal"
        )
    changed: Any = replace(device, write_noise=noise)  # type: ignore[call-arg]
    return changed  # type: ignore[no-any-return]
