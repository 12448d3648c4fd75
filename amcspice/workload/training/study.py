"""`Training`: a training of the letters or the digits, with all that may be chosen.

The fields are options of ``amcspice train``, and parameters of sweeps.  Every command knows them:
what trains is loaded when it is used.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from amcspice.algorithm.system import Figures, Point, System
from amcspice.errors import InputError, UnsupportedError
from amcspice.schema import Name, Quantity, parameters
from amcspice.system import Chip
from amcspice.workload import training

__all__ = ["Training"]


@parameters
class Training(System):
    """How a small network is trained.

    What is not said of an optimiser is the best of its grid on the letters.

    Raises
    ------
    InputError
        If something is said that the optimiser does not have.

    Examples
    --------
    >>> from amcspice.workload.training import digits
    >>> from amcspice.workload.training.study import Training
    >>> study = Training(epochs=2, optimizer="sgdm")
    >>> study.trial(digits()).run(study.entrant(), seed=0).course.loss.shape
    (3,)
    """

    name: ClassVar[str] = "train"
    metrics: ClassVar[Mapping[str, str]] = {
        "epochs_to_target": "",
        "epochs_to_accuracy": "",
        "best_accuracy": "",
        "training_loss": "",
        "ended_early": "",
        "writings": "",
        "unstable_writings": "",
        "solves": "",
    }
    """The loss is the last one; epochs to what is never reached are nan, and so are writings and
    solves of exact inverses.
    """
    higher_is_better: ClassVar[tuple[str, ...]] = ("best_accuracy",)

    letters: Annotated[
        str | None,
        Field(description="binaryalphadigs.mat; default: the digits of scikit-learn."),
        Name(file=True),
    ] = None
    network: Annotated[
        Literal["cnn", "mlp"],
        Field(description="Convolution, pooling and a dense layer; or two dense layers."),
    ] = "cnn"
    optimizer: Annotated[
        Literal["sgdm", "adam", "kfac"],
        Field(description="SGD with momentum, Adam, or K-FAC."),
    ] = "kfac"
    inverse: Annotated[
        Literal["exact", "analog"],
        Field(description="Of curvature factors: digital, or in arrays."),
    ] = "exact"
    learning_rate: Annotated[float | None, Field(gt=0, description="Step size."), Quantity()] = None
    momentum: Annotated[
        float | None,
        Field(ge=0, lt=1, description="What is kept of the step before."),
        Quantity(),
    ] = None
    second_decay: Annotated[
        float | None,
        Field(ge=0, lt=1, description="Of the mean squared gradient of Adam."),
        Quantity(),
    ] = None
    damping: Annotated[
        float | None,
        Field(gt=0, description="Of the curvature, shared by its factors."),
        Quantity(),
    ] = None
    kl_clip: Annotated[
        float | None,
        Field(gt=0, description="Largest divergence that a step of K-FAC may predict."),
        Quantity(),
    ] = None
    update_every: Annotated[
        int | None, Field(ge=1, description="Steps of K-FAC between writings of its inverses.")
    ] = None
    keep_mean: Annotated[
        bool, Field(description="The mean input of a layer stays digital, not in its array.")
    ] = True
    refinement_steps: Annotated[
        int, Field(ge=0, description="Of every solution with a factor, by digital products.")
    ] = 0
    array_size: Annotated[
        int | None, Field(ge=1, description="Rows of the largest array; larger ones in blocks.")
    ] = None
    epochs: Annotated[int, Field(ge=1, description="Of a training.")] = 15
    batch_size: Annotated[int, Field(ge=1, description="Pictures a step.")] = 64
    held_out: Annotated[
        float,
        Field(gt=0, lt=1, description="Fraction of every class that is not trained on."),
        Quantity(),
    ] = 0.23
    target_loss: Annotated[
        float, Field(gt=0, description="Mean over the pictures trained on."), Quantity()
    ] = 0.1
    target_accuracy: Annotated[
        float, Field(gt=0, le=1, description="Of held-out pictures."), Quantity()
    ] = 0.75

    def __post_init__(self) -> None:
        self.optimiser()

    def optimiser(self) -> training.Optimiser:
        """Return the optimiser with what was said of it.

        Raises
        ------
        InputError
            If it is told what it does not know.
        """
        kind, said = training.OPTIMISERS[self.optimizer], self.said
        known = [item.name for item in fields(kind)]
        foreign = sorted(said.keys() - set(known))
        if foreign:
            raise InputError(f"{foreign[0]}: {kind.title} has none; it takes {', '.join(known)}")
        made: training.Optimiser = kind(**said)
        return made

    @property
    def said(self) -> dict[str, float]:
        """What was said of the optimiser, by the names of its fields."""
        values = {name: getattr(self, name) for name in _OF_OPTIMISERS}
        return {name: value for name, value in values.items() if value is not None}

    def pictures(self) -> training.Pictures:
        """Read what is trained on."""
        return training.digits() if self.letters is None else training.read_letters(self.letters)

    def trial(self, pictures: training.Pictures) -> training.Trial:
        """Return what is trained, the same for all optimisers."""
        return training.Trial(pictures, self.network, self.epochs, self.batch_size, self.held_out)

    def analog(self, make_chip: Callable[..., Chip]) -> training.AnalogCurvature:
        """Return where and how curvature is inverted in arrays; see `AnalogCurvature`."""
        return training.AnalogCurvature(
            make_chip, self.keep_mean, self.refinement_steps, self.array_size
        )

    def entrant(self, make_chip: Callable[..., Chip] | None = None) -> training.Entrant:
        """Return the way of training, with arrays where a maker of chips is given."""
        analog = None if make_chip is None else self.analog(make_chip)
        return training.Entrant(self.optimizer, self.optimiser(), analog)

    def run(self, point: Point) -> Figures:
        """Train once, with the seed of the point; see `System.run`."""
        if point.circuit_options:
            name = min(point.circuit_options)
            raise UnsupportedError(f"{name}: inverses of factors set it themselves")
        if self.inverse == "analog" and self.optimizer != "kfac":
            raise UnsupportedError(f"inverse = analog: {self.optimizer} inverts nothing")
        chips = functools.partial(_chip, point) if self.inverse == "analog" else None
        outcome = self.trial(self.pictures()).run(self.entrant(chips), point["seed"])
        course, account = outcome.course, outcome.account
        figures: dict[str, Any] = {
            "epochs_to_target": course.epochs_to_loss(self.target_loss),
            "epochs_to_accuracy": course.epochs_to_accuracy(self.target_accuracy),
            "best_accuracy": course.best_accuracy,
            "training_loss": float(course.loss[-1]),
            "ended_early": course.failure is not None,
        }
        if account is not None:
            figures |= {
                "writings": account.writings,
                "unstable_writings": account.unstable,
                "solves": account.solves,
            }
        return figures


_OF_OPTIMISERS = (
    "learning_rate", "momentum", "second_decay", "damping", "kl_clip", "update_every",
)  # fmt: skip
"""Fields that are those of optimisers, where they were said."""


def _chip(point: Point, seed: int) -> Chip:
    return point.chip
