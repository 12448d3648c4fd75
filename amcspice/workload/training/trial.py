"""`Trial`: what is trained, `Entrant`: how, `Outcome`: what came of it; many of them at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from amcspice.algorithm.alternating.checkpoint import Checkpoint
from amcspice.algorithm.curvature import AnalogInverse, ExactInverse
from amcspice.pool import Pool, Report, as_pool
from amcspice.system import Chip
from amcspice.system.cost import Totals
from amcspice.workload.training.course import Course, train
from amcspice.workload.training.optimisers import Optimiser
from amcspice.workload.training.pictures import Pictures

__all__ = ["Account", "AnalogCurvature", "Entrant", "Outcome", "Trial", "run_trials"]

TRIALS_AT_ONCE = 2
"""For each process, between two checkpoints."""


@dataclass(frozen=True)
class AnalogCurvature:
    """Where curvature is inverted in arrays, and how.

    Parameters
    ----------
    make_chip : callable
        Returns a chip for ``seed``; picklable.
    keep_mean : bool
        Whether the mean input of a layer stays digital.
    refinement_steps : int
        Of every solution.
    array_size : int, optional
        Rows of the largest array.
    """

    make_chip: Callable[..., Chip]
    keep_mean: bool = True
    refinement_steps: int = 0
    array_size: int | None = None

    def inverse(self, chip: Chip, label: str) -> AnalogInverse:
        """Return the inverse of a factor on a chip."""
        return AnalogInverse(
            chip, label, keep_mean=self.keep_mean, refine=self.refinement_steps,
            array_size=self.array_size,
        )  # fmt: skip


@dataclass(frozen=True)
class Entrant:
    """A way of training.

    Parameters
    ----------
    name : str
    optimiser : Optimiser
    analog : AnalogCurvature, optional
        None inverts in digital arithmetic.
    """

    name: str
    optimiser: Optimiser
    analog: AnalogCurvature | None = None


@dataclass(frozen=True)
class Account:
    """What the inverses of a training took.

    Parameters
    ----------
    writings, unstable, damped : int
        Arrays written, writings in vain, how often damping was raised.
    solves : int
        Right-hand sides.
    writing_time, writing_energy, solving_time, solving_energy : float
        Of all of them [s], [J]; solving as long as it is known.
    groups : mapping of str to Totals
        The same by what took it, see `amcspice.system.Cost`.
    """

    writings: int
    unstable: int
    damped: int
    solves: int
    writing_time: float
    writing_energy: float
    solving_time: float
    solving_energy: float
    groups: Mapping[str, Totals]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Account:
        """Return what `dataclasses.asdict` made plain."""
        groups = {name: Totals(**totals) for name, totals in values["groups"].items()}
        return cls(**{**values, "groups": groups})

    @classmethod
    def of(cls, chip: Chip, inverses: Sequence[AnalogInverse]) -> Account:
        """Return that of a chip, in its technology."""
        cost = chip.cost()
        whole, rest = cost.counted, cost.ignored
        return cls(
            cost.work.programmings,
            sum(each.unstable for each in inverses),
            sum(each.damped for each in inverses),
            cost.work.operated.count,
            whole.time - rest.time,
            whole.energy - rest.energy,
            rest.time,
            rest.energy,
            cost.groups,
        )


@dataclass(frozen=True, eq=False)
class Outcome:
    """One training of one entrant.

    Parameters
    ----------
    course : Course
        As far as it came.
    account : Account, optional
        None without arrays.
    """

    course: Course
    account: Account | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain values, those that are not finite as texts."""
        course = self.course
        return {
            "loss": [repr(float(each)) for each in course.loss],
            "accuracy": course.accuracy.tolist(),
            "failure": course.failure,
            "account": None if self.account is None else asdict(self.account),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Outcome:
        """Return what `to_json` made plain."""
        loss = np.array([float(each) for each in values["loss"]])
        course = Course(loss, np.array(values["accuracy"]), values["failure"])
        account = values["account"]
        return cls(course, None if account is None else Account.from_json(account))


@dataclass(frozen=True, eq=False)
class Trial:
    """What is trained, the same for all entrants.

    Parameters
    ----------
    pictures : Pictures
    network : str
    epochs, batch_size : int
    held_out : float
    until_loss : float
        Ends a training there; 0 goes through all epochs.
    """

    pictures: Pictures
    network: str = "cnn"
    epochs: int = 25
    batch_size: int = 64
    held_out: float = 0.23
    until_loss: float = 0.0

    def run(self, entrant: Entrant, seed: int, report: Report | None = None) -> Outcome:
        """Train once; the seed is that of everything that is drawn, cells too.

        Raises
        ------
        InputError
            See `train`.
        """
        report = report or (lambda _count: None)
        analog, inverses = entrant.analog, list[AnalogInverse]()
        chip = None if analog is None else analog.make_chip(seed=seed)

        def make(label: str) -> Any:
            if analog is None or chip is None:
                return ExactInverse(label)
            inverses.append(analog.inverse(chip, label))
            return inverses[-1]

        with threadpool_limits(1):  # of small products, which more threads slow down
            course = train(
                self.pictures, entrant.optimiser, network=self.network, epochs=self.epochs,
                batch_size=self.batch_size, held_out=self.held_out, seed=seed, make_inverse=make,
                until_loss=self.until_loss, progress=report,
            )  # fmt: skip
        report(self.epochs + 1 - len(course.loss))
        account = None if chip is None else Account.of(chip, inverses)
        return Outcome(course, account)

    @property
    def identity(self) -> list[Any]:
        """What outcomes depend on beside entrant and seed."""
        pictures = self.pictures
        values = self.network, self.epochs, self.batch_size, self.held_out, self.until_loss
        return [pictures.images, pictures.labels, values]


def run_trials(
    trial: Trial,
    entrants: Sequence[Entrant],
    seeds: Sequence[int],
    *,
    jobs: int | Pool = 1,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: Callable[[float], None] | None = None,
) -> dict[str, list[Outcome]]:
    """Run every entrant once a seed.

    Parameters
    ----------
    trial : Trial
    entrants : sequence of Entrant
    seeds : sequence of int
    jobs : int or Pool
        Processes that share the trainings; changes no result.
    checkpoint : Path, optional
        File that keeps the trainings done.
    resume : bool
        Take those in the checkpoint instead of running them again.
    progress : callable, optional
        Called with the number of epochs since the last call.

    Returns
    -------
    dict of str to list of Outcome
        By the names of entrants, in the order of the seeds.

    Raises
    ------
    InputError
        If something cannot be used, or the checkpoint is of something else.
    """
    report = progress or (lambda _count: None)
    file = Checkpoint(checkpoint, [*trial.identity, *(repr(each) for each in entrants), seeds])
    content = file.load() if resume else None
    done: dict[str, Any] = {} if content is None else content[1]["outcomes"]
    tasks = {
        f"{entrant.name} {seed}": (trial, entrant, seed) for seed in seeds for entrant in entrants
    }
    waiting = iter([task for key, task in tasks.items() if key not in done])
    report(trial.epochs * len(tasks.keys() & done.keys()))
    with as_pool(jobs) as pool:
        while group := list(islice(waiting, TRIALS_AT_ONCE * pool.jobs)):
            for (_, entrant, seed), outcome in zip(
                group, pool.map(_run, group, report), strict=True
            ):
                done[f"{entrant.name} {seed}"] = outcome.to_json()
            file.save(lambda: ({}, {"outcomes": done}), last=True)
    return {
        entrant.name: [Outcome.from_json(done[f"{entrant.name} {seed}"]) for seed in seeds]
        for entrant in entrants
    }


def _run(task: tuple[Trial, Entrant, int], report: Report) -> Outcome:
    trial, entrant, seed = task
    return trial.run(entrant, seed, report)
