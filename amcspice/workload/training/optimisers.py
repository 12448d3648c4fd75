"""Optimisers: what each may be told, and what it does to the weights of a network in a step.

The defaults are the best of the declared grids (`GRIDS`) on the letters, as
``amcspice train letters FILE --tune`` finds them.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from amcspice.circuit.base import Array
from amcspice.schema import Quantity, parameters
from amcspice.workload.training.curvature import InverseMaker, LayerCurvature, clip_by_divergence
from amcspice.workload.training.network import Network, Trace, Weights
from amcspice.workload.training.pictures import Labels

__all__ = ["KFAC", "OPTIMISERS", "Adam", "Optimiser", "SGDMomentum", "Steps"]


class Steps(abc.ABC):
    """An optimiser at work on the weights of one network."""

    @abc.abstractmethod
    def step(self, weights: Weights, trace: Trace, labels: Labels) -> None:
        """Change the weights in place after a batch."""


class Optimiser(abc.ABC):
    """What an optimiser may be told; `begin` sets it to work."""

    name: ClassVar[str]
    title: ClassVar[str]
    usual: ClassVar[Mapping[str, float]]
    """What libraries take where nothing is said."""
    second_order: ClassVar[bool] = False

    learning_rate: float

    @abc.abstractmethod
    def begin(
        self, network: Network, make_inverse: InverseMaker, draw: np.random.Generator
    ) -> Steps:
        """Return it at work.

        Parameters
        ----------
        network : Network
        make_inverse : callable
            Of curvature factors; for those of second order.
        draw : Generator
            Of all that the optimiser draws.
        """


@parameters
class SGDMomentum(Optimiser):
    """Stochastic gradients with momentum: v <- m v + dW, W <- W - lr v."""

    name: ClassVar[str] = "sgdm"
    title: ClassVar[str] = "SGD with momentum"
    usual: ClassVar[Mapping[str, float]] = {"learning_rate": 0.01, "momentum": 0.9}

    learning_rate: Annotated[float, Field(gt=0, description="Step size."), Quantity()] = 0.1
    momentum: Annotated[
        float, Field(ge=0, lt=1, description="What is kept of the step before."), Quantity()
    ] = 0.9

    def begin(
        self, network: Network, make_inverse: InverseMaker, draw: np.random.Generator
    ) -> Steps:
        """Return it at work; see `Optimiser.begin`."""
        return _Momentum(self.learning_rate, self.momentum)


class _Momentum(Steps):
    def __init__(self, learning_rate: float, momentum: float) -> None:
        self.learning_rate, self.momentum = learning_rate, momentum
        self.velocity: list[Array] = []

    def step(self, weights: Weights, trace: Trace, labels: Labels) -> None:
        self.move(weights, trace.gradients(labels))

    def move(self, weights: Weights, steps: Sequence[Array]) -> None:
        if not self.velocity:
            self.velocity = [np.zeros_like(step) for step in steps]
        for weight, velocity, step in zip(weights, self.velocity, steps, strict=True):
            velocity *= self.momentum
            velocity += step
            weight -= self.learning_rate * velocity


@parameters
class Adam(Optimiser):
    """Steps scaled by running moments of each weight's gradient: Kingma and Ba, arXiv 1412.6980."""

    name: ClassVar[str] = "adam"
    title: ClassVar[str] = "Adam"
    usual: ClassVar[Mapping[str, float]] = {"learning_rate": 1e-3, "second_decay": 0.999}

    learning_rate: Annotated[float, Field(gt=0, description="Step size."), Quantity()] = 0.04
    first_decay: Annotated[
        float, Field(ge=0, lt=1, description="Of the mean gradient (Adam)."), Quantity()
    ] = 0.9
    second_decay: Annotated[
        float, Field(ge=0, lt=1, description="Of the mean squared gradient (Adam)."), Quantity()
    ] = 0.99

    def begin(
        self, network: Network, make_inverse: InverseMaker, draw: np.random.Generator
    ) -> Steps:
        """Return it at work; see `Optimiser.begin`."""
        return _Moments(self)


class _Moments(Steps):
    def __init__(self, settings: Adam) -> None:
        self.settings, self.count = settings, 0
        self.first: list[Array] = []
        self.second: list[Array] = []

    def step(self, weights: Weights, trace: Trace, labels: Labels) -> None:
        gradients, by = trace.gradients(labels), self.settings
        if not self.count:
            self.first = [np.zeros_like(each) for each in gradients]
            self.second = [np.zeros_like(each) for each in gradients]
        self.count += 1
        grown = 1 - by.first_decay**self.count, 1 - by.second_decay**self.count
        for k, gradient in enumerate(gradients):
            self.first[k] += (1 - by.first_decay) * (gradient - self.first[k])
            self.second[k] += (1 - by.second_decay) * (gradient**2 - self.second[k])
            scale = np.sqrt(self.second[k] / grown[1]) + 1e-8
            weights[k] -= by.learning_rate * self.first[k] / grown[0] / scale


@parameters
class KFAC(Optimiser):
    """Natural gradients by Kronecker factors, with damping, KL clip and momentum."""

    name: ClassVar[str] = "kfac"
    title: ClassVar[str] = "K-FAC"
    usual: ClassVar[Mapping[str, float]] = {
        "learning_rate": 0.1, "damping": 1e-3, "kl_clip": 1e-3, "update_every": 1,
    }  # fmt: skip
    second_order: ClassVar[bool] = True

    learning_rate: Annotated[float, Field(gt=0, description="Step size."), Quantity()] = 0.03
    momentum: Annotated[
        float, Field(ge=0, lt=1, description="What is kept of the step before."), Quantity()
    ] = 0.9
    damping: Annotated[
        float,
        Field(gt=0, description="Added to the curvature, shared by its factors (K-FAC)."),
        Quantity(),
    ] = 0.03
    kl_clip: Annotated[
        float,
        Field(gt=0, description="Largest divergence that a step may predict (K-FAC)."),
        Quantity(),
    ] = 0.01
    factor_decay: Annotated[
        float, Field(ge=0, lt=1, description="Of the running mean factors (K-FAC)."), Quantity()
    ] = 0.95
    update_every: Annotated[
        int, Field(ge=1, description="Steps between writings of the inverses (K-FAC).")
    ] = 3

    def begin(
        self, network: Network, make_inverse: InverseMaker, draw: np.random.Generator
    ) -> Steps:
        """Return it at work; see `Optimiser.begin`."""
        return _NaturalGradient(self, network, make_inverse, draw)


class _NaturalGradient(Steps):
    def __init__(
        self, settings: KFAC, network: Network, make_inverse: InverseMaker,
        draw: np.random.Generator,
    ) -> None:  # fmt: skip
        self.settings, self.draw, self.count = settings, draw, 0
        self.layers = [
            LayerCurvature(f"layer {k}", make_inverse, settings.factor_decay)
            for k in range(len(network.weight_shapes))
        ]
        self.momentum = _Momentum(settings.learning_rate, settings.momentum)

    def step(self, weights: Weights, trace: Trace, labels: Labels) -> None:
        drawn = trace.signals(trace.sample(self.draw))
        for layer, a, g in zip(self.layers, trace.activations, drawn, strict=True):
            layer.observe(a, g)
        if self.count % self.settings.update_every == 0:
            for layer in self.layers:
                layer.renew(self.settings.damping)
        self.count += 1
        gradients = trace.gradients(labels)
        pairs = zip(self.layers, gradients, strict=True)
        directions = [layer.direction(gradient) for layer, gradient in pairs]
        scale = clip_by_divergence(
            directions, gradients, self.settings.learning_rate, self.settings.kl_clip
        )
        self.momentum.move(weights, [scale * each for each in directions])


OPTIMISERS: Mapping[str, type[Any]] = {each.name: each for each in (SGDMomentum, Adam, KFAC)}
"""Optimisers by name."""
