"""`train`: one network trained once, from one seed; `Course`: how that went, epoch by epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amcspice.algorithm.curvature import ExactInverse
from amcspice.circuit.base import Array
from amcspice.errors import InputError, UnstableError
from amcspice.workload.training.curvature import InverseMaker
from amcspice.workload.training.network import NETWORKS
from amcspice.workload.training.optimisers import Optimiser
from amcspice.workload.training.pictures import Pictures

__all__ = ["Course", "crossing", "train"]

DIVERGED = 10.0
"""Times the loss at the start: a training that comes there has gone wrong for good."""


@dataclass(frozen=True, eq=False)
class Course:
    """A training, epoch by epoch.

    Parameters
    ----------
    loss : ndarray, shape (epochs + 1,)
        Mean over all pictures trained on, at the end of each epoch; first, before the first one.
    accuracy : ndarray, shape (epochs + 1,)
        Fraction of the pictures held out that are told rightly.
    failure : str, optional
        What ended it before its time: it diverged, or no writing of an inverse was stable.
    """

    loss: Array
    accuracy: Array
    failure: str | None = None

    def epochs_to_loss(self, target: float) -> float:
        """Return epochs until the loss is at a target, between ends of epochs; nan if never."""
        return crossing(-self.loss, -target)

    def epochs_to_accuracy(self, target: float) -> float:
        """Return epochs until the accuracy is at a target; nan if never."""
        return crossing(self.accuracy, target)

    @property
    def best_accuracy(self) -> float:
        """Largest accuracy at the end of an epoch."""
        return float(self.accuracy.max())


def crossing(values: Array, target: float) -> float:
    """Return where values, a line between each two, first come to a target from below.

    >>> import numpy as np
    >>> crossing(np.array([0.0, 1.0, 3.0]), 2.0)
    1.5
    """
    reached = np.flatnonzero(values >= target)
    if not reached.size:
        return float("nan")
    k = int(reached[0])
    if k == 0:
        return 0.0
    before, after = values[k - 1], values[k]
    return float(k - 1 + (target - before) / (after - before))


def train(
    pictures: Pictures,
    optimiser: Optimiser,
    *,
    network: str = "cnn",
    epochs: int = 25,
    batch_size: int = 64,
    held_out: float = 0.23,
    seed: int = 0,
    make_inverse: InverseMaker = ExactInverse,
    until_loss: float = 0.0,
    progress: Callable[[float], None] | None = None,
) -> Course:
    """Train a network.

    Parameters
    ----------
    pictures : Pictures
    optimiser : Optimiser
    network : str
        One of `NETWORKS`.
    epochs : int
        At most.
    batch_size : int
        About: all batches of an epoch are of one size, or one apart.
    held_out : float
        Fraction of every class that is not trained on.
    seed : int
        Of the split, the weights to begin with, the order of pictures and the labels that curvature
        draws: each has a stream of its own, so that optimisers of one seed see the same.
    make_inverse : callable
        See `InverseMaker`.
    until_loss : float
        Ends as soon as the loss is there.
    progress : callable, optional
        Told of every epoch.

    Raises
    ------
    InputError
        If pictures cannot be split, or are too small for the network.
    """
    split, start, order, labels = (
        np.random.default_rng(stream) for stream in np.random.SeedSequence(seed).spawn(4)
    )
    examples = pictures.split(held_out, split)
    net = NETWORKS[network](examples.inputs.shape[1:], examples.classes)
    weights = net.start(start)
    steps = optimiser.begin(net, make_inverse, labels)
    rows, held_rows = net.rows(examples.inputs), net.rows(examples.held_out_inputs)

    def judge() -> tuple[float, float]:
        """Return loss and accuracy; a loss that overflows is no number, and judged as such."""
        loss = net.forward(weights, rows).loss(examples.labels)
        return loss, net.forward(weights, held_rows).accuracy(examples.held_out_labels)

    def run_epoch() -> None:
        for chosen in _batches(order.permutation(len(rows)), batch_size):
            trace = net.forward(weights, rows[chosen])
            if not np.isfinite(trace.outputs).all():
                raise FloatingPointError
            steps.step(weights, trace, examples.labels[chosen])

    figures, failure = [judge()], None
    for epoch in range(1, epochs + 1):
        failure = _failure(run_epoch, first=epoch == 1)
        if not failure:
            with np.errstate(over="ignore", invalid="ignore"):
                figures.append(judge())
            failure = _verdict(figures[-1][0], figures[0][0])
        if failure:
            failure = f"epoch {epoch}: {failure}"
            break
        if progress is not None:
            progress(1)
        if figures[-1][0] <= until_loss:
            break
    losses, accuracies = np.array(figures).T
    return Course(losses, accuracies, failure)


def _failure(run_epoch: Callable[[], None], *, first: bool) -> str | None:
    """Run an epoch and return what made it fail, if it did.

    What is refused in the first epoch is the input's fault, later on that of the training.
    """
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            run_epoch()
    except FloatingPointError:
        return "it diverged: numbers overflow"
    except UnstableError as error:
        return str(error)
    except InputError as error:
        if first:
            raise
        return str(error)
    return None


def _verdict(loss: float, first: float) -> str | None:
    """Return why a loss is none to go on with."""
    if loss < DIVERGED * first:
        return None
    return f"it diverged: the loss is {loss:.3g}, {first:.3g} at the start"


def _batches(order: NDArray[np.intp], size: int) -> list[NDArray[np.intp]]:
    """Return parts of an order of about equal size."""
    return np.array_split(order, max(round(len(order) / size), 1))
