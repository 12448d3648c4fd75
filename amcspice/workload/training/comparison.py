"""`Comparison`: epochs and accuracy of ways of training, seed by seed, and what is saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from amcspice.circuit.base import Array
from amcspice.system.cost import Totals
from amcspice.workload.training.trial import Entrant, Outcome

__all__ = ["Comparison", "Saving", "spread"]


@dataclass(frozen=True)
class Saving:
    """Epochs that one way saves against another, paired by seeds.

    Parameters
    ----------
    per_seed : tuple of float
        1 - epochs / epochs of the rival; nan where one of both did not reach the target.
    """

    per_seed: tuple[float, ...]

    @property
    def paired(self) -> int:
        """Seeds in which both reached the target."""
        return int(np.isfinite(self.per_seed).sum())

    @property
    def mean(self) -> float:
        """Of the paired seeds; nan if there are none."""
        return spread(self.per_seed)[0]

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        mean, deviation = spread(self.per_seed)
        return {
            "mean": mean, "spread": deviation, "paired": self.paired,
            "per_seed": list(self.per_seed),
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several ways of training, each once a seed.

    Parameters
    ----------
    entrants : tuple of Entrant
    outcomes : mapping of str to sequence of Outcome
        By names of entrants, in the order of the seeds.
    seeds : tuple of int
    target_loss : float
    target_accuracy : float
    """

    entrants: tuple[Entrant, ...]
    outcomes: Mapping[str, Sequence[Outcome]]
    seeds: tuple[int, ...]
    target_loss: float = 0.1
    target_accuracy: float = 0.75

    def epochs(self, name: str) -> Array:
        """Return epochs to the target loss, one a seed; nan where it is never reached."""
        return np.array([each.course.epochs_to_loss(self.target_loss) for each in self._of(name)])

    def epochs_to_accuracy(self, name: str) -> Array:
        """Return epochs to the target accuracy, one a seed; nan where it is never reached."""
        return np.array(
            [each.course.epochs_to_accuracy(self.target_accuracy) for each in self._of(name)]
        )

    def best_accuracy(self, name: str) -> Array:
        """Return the largest accuracy of held-out pictures, one a seed."""
        return np.array([each.course.best_accuracy for each in self._of(name)])

    def _of(self, name: str) -> Sequence[Outcome]:
        return self.outcomes[name]

    def saving(self, name: str, rival: str) -> Saving:
        """Return what an entrant saves against another."""
        return Saving(tuple((1 - self.epochs(name) / self.epochs(rival)).tolist()))

    def savings(self) -> dict[str, dict[str, Saving]]:
        """Return what every entrant of second order saves against every other of first order."""
        by_order: dict[bool, list[str]] = {True: [], False: []}
        for entrant in self.entrants:
            by_order[entrant.optimiser.second_order].append(entrant.name)
        return {
            name: {rival: self.saving(name, rival) for rival in by_order[False]}
            for name in by_order[True]
        }

    @property
    def unstable(self) -> int:
        """Writings in vain of all trainings."""
        return sum(
            each.account.unstable
            for several in self.outcomes.values()
            for each in several
            if each.account is not None
        )

    @property
    def cautions(self) -> tuple[str, ...]:
        """What the figures do not say by themselves, in sentences."""
        said = []
        for entrant in self.entrants:
            several = self._of(entrant.name)
            failures = [
                f"seed {seed}, {each.course.failure}"
                for seed, each in zip(self.seeds, several, strict=True)
                if each.course.failure
            ]
            if failures:
                said.append(
                    f"{entrant.name}: {len(failures)} of {len(several)} trainings ended early, "
                    f"without figures from there on ({failures[0]})"
                )
            missed = int(np.isnan(self.epochs(entrant.name)).sum()) - len(failures)
            if missed > 0:
                said.append(
                    f"{entrant.name}: {missed} of {len(several)} trainings did not come to a loss "
                    f"of {self.target_loss:g}; means are over the others"
                )
        return tuple(said)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, SI units in the names."""
        return {
            "target_loss": self.target_loss,
            "target_accuracy": self.target_accuracy,
            "seeds": list(self.seeds),
            "optimizers": {entrant.name: self._entrant(entrant) for entrant in self.entrants},
            "saving": {
                name: {rival: saving.to_json() for rival, saving in several.items()}
                for name, several in self.savings().items()
            },
            "unstable_writings": self.unstable,
            "writing": self.writing(),
            "cautions": list(self.cautions),
        }

    def _entrant(self, entrant: Entrant) -> dict[str, Any]:
        name, several = entrant.name, self._of(entrant.name)
        epochs, accuracy = self.epochs(name), self.best_accuracy(name)
        return {
            "title": entrant.optimiser.title,
            "settings": {**vars(entrant.optimiser)},
            "epochs_to_target": epochs,
            "epochs_mean": spread(epochs)[0],
            "epochs_spread": spread(epochs)[1],
            "reached": int(np.isfinite(epochs).sum()),
            "of": len(several),
            "epochs_to_accuracy": self.epochs_to_accuracy(name),
            "reached_accuracy": int(np.isfinite(self.epochs_to_accuracy(name)).sum()),
            "best_accuracy": accuracy,
            "best_accuracy_mean": spread(accuracy)[0],
            "best_accuracy_spread": spread(accuracy)[1],
            "failures": [each.course.failure for each in several],
            "loss": [each.course.loss for each in several],
            "accuracy": [each.course.accuracy for each in several],
        }

    def writing(self) -> dict[str, Any]:
        """Return what writing and solving took, in the mean of all trainings with arrays."""
        accounts = [
            each.account
            for several in self.outcomes.values()
            for each in several
            if each.account is not None
        ]
        if not accounts:
            return {}

        def mean(name: str) -> float:
            return float(np.mean([getattr(each, name) for each in accounts]))

        time, energy = mean("writing_time"), mean("writing_energy")
        solving, joules = mean("solving_time"), mean("solving_energy")
        return {
            "trainings": len(accounts), "writings": mean("writings"), "unstable": mean("unstable"),
            "damped": mean("damped"), "solves": mean("solves"), "time_s": time, "energy_j": energy,
            "solving_time_s": solving, "solving_energy_j": joules,
            "time_over_solving": _ratio(time, solving),
            "energy_over_solving": _ratio(energy, joules),
        }  # fmt: skip

    def groups(self) -> dict[str, dict[str, Totals]]:
        """Return what inverses took, by entrant with arrays and by group, mean of its trainings."""
        accounts = {
            name: [each.account for each in several if each.account is not None]
            for name, several in self.outcomes.items()
        }
        return {
            name: {
                group: Totals(
                    float(np.mean([each.groups[group].time for each in several])),
                    float(np.mean([each.groups[group].energy for each in several])),
                )
                for group in several[0].groups
            }
            for name, several in accounts.items()
            if several
        }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")


def spread(values: Sequence[float] | Array) -> tuple[float, float]:
    """Return mean and standard deviation of the values that are numbers; nan where too few are."""
    known = np.asarray(values, dtype=float)
    known = known[np.isfinite(known)]
    mean = float(known.mean()) if known.size else float("nan")
    return mean, float(known.std(ddof=1)) if known.size > 1 else float("nan")
