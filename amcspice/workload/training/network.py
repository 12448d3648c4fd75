"""`Network`: layers one after the other, the loss of a class each, and exact gradients.

A network holds no weights: they are a list of arrays (outputs, inputs + 1), one for each weighted
layer, and are given to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from amcspice.circuit.base import Array
from amcspice.errors import InputError
from amcspice.workload.training.layers import Convolution, Dense, Layer, MaxPool, ReLU, Weighted
from amcspice.workload.training.pictures import Labels

__all__ = ["NETWORKS", "Network", "Trace", "Weights"]

Weights = list[Array]


class Network:
    """A classifier: softmax of what its last layer gives.

    Parameters
    ----------
    layers : sequence of Layer or Weighted
        The first and the last one are weighted.
    inputs : tuple of int
        Shape of an example.

    Attributes
    ----------
    shapes : list of tuple of int
        Of an example before every layer, and after the last one.
    weight_shapes : list of (int, int)
        Outputs, and inputs with the bias, of every weighted layer.

    Raises
    ------
    InputError
        If nothing is left of an example on its way.
    """

    def __init__(self, layers: Sequence[Layer | Weighted], inputs: tuple[int, ...]) -> None:
        self.layers = tuple(layers)
        self.shapes = [inputs]
        self.weight_shapes: list[tuple[int, int]] = []
        for layer in self.layers:
            before = self.shapes[-1]
            if isinstance(layer, Weighted):
                self.weight_shapes.append((layer.outputs, layer.row_length(before) + 1))
            self.shapes.append(layer.shape(before))
            if min(self.shapes[-1]) < 1:
                raise InputError(f"{layer} leaves nothing of {before}: pictures are too small")

    def start(self, draw: np.random.Generator) -> Weights:
        """Return weights to begin with: Gaussian, variance 2 / inputs (He et al. 2015), bias 0."""
        weights = []
        for outputs, length in self.weight_shapes:
            made = np.zeros((outputs, length))
            made[:, :-1] = draw.standard_normal((outputs, length - 1)) * np.sqrt(2 / (length - 1))
            weights.append(made)
        return weights

    def rows(self, inputs: Array) -> Array:
        """Return examples as the first layer sees them; see `forward`."""
        first = self.layers[0]
        assert isinstance(first, Weighted)
        return first.rows(inputs)

    def forward(self, weights: Weights, rows: Array) -> Trace:
        """Run examples through the layers.

        Parameters
        ----------
        weights : list of ndarray
        rows : ndarray, shape (N, T, row length + 1)
            Of `rows`: they do not change, and are made once.
        """
        seen: list[Any] = []
        values, waiting = rows, iter(weights)
        for number, layer in enumerate(self.layers):
            if isinstance(layer, Weighted):
                values = values if number == 0 else layer.rows(values)
                seen.append(values)
                values = values @ next(waiting).T
                values = values.reshape(len(rows), *self.shapes[number + 1])
            else:
                values, memory = layer.forward(values)
                seen.append(memory)
        return Trace(self, weights, seen, values)


@dataclass(frozen=True, eq=False)
class Trace:
    """What examples did on their way through a network.

    Parameters
    ----------
    network : Network
    weights : list of ndarray
    seen : list
        Rows of weighted layers, what others remember.
    outputs : ndarray, shape (N, classes)
        Before the softmax.
    """

    network: Network
    weights: Weights
    seen: list[Any]
    outputs: Array

    @cached_property
    def probabilities(self) -> Array:
        """Of the classes, shape (N, classes)."""
        return np.asarray(softmax(self.outputs, axis=1))

    @property
    def activations(self) -> list[Array]:
        """Rows of every weighted layer, shapes (N, T, inputs + 1)."""
        pairs = zip(self.network.layers, self.seen, strict=True)
        return [memory for layer, memory in pairs if isinstance(layer, Weighted)]

    def loss(self, labels: Labels) -> float:
        """Return the mean of -log of the probability of the labels."""
        chosen = log_softmax(self.outputs, axis=1)[np.arange(len(labels)), labels]
        return float(-chosen.mean())

    def accuracy(self, labels: Labels) -> float:
        """Return the fraction of examples whose largest output is that of the label."""
        return float((self.outputs.argmax(axis=1) == labels).mean())

    def sample(self, draw: np.random.Generator) -> Labels:
        """Draw a label for every example from the probabilities."""
        level = draw.random((len(self.outputs), 1))
        below = np.cumsum(self.probabilities, axis=1) < level
        chosen: NDArray[np.intp] = np.minimum(below.sum(axis=1), self.outputs.shape[1] - 1)
        return chosen

    def signals(self, labels: Labels) -> list[Array]:
        """Return derivatives of each example's loss by the outputs of every weighted layer.

        Returns
        -------
        list of ndarray, shapes (N, T, outputs)
        """
        gradient = self.probabilities.copy()
        gradient[np.arange(len(labels)), labels] -= 1
        found: list[Array] = []
        waiting = list(self.weights)
        network = self.network
        for number in reversed(range(len(network.layers))):
            layer, memory = network.layers[number], self.seen[number]
            if isinstance(layer, Weighted):
                gradient = gradient.reshape(*memory.shape[:2], layer.outputs)
                found.append(gradient)
                if number == 0:
                    break
                by_rows = gradient @ waiting.pop()[:, :-1]
                gradient = layer.scatter(by_rows, network.shapes[number])
            else:
                gradient = layer.backward(memory, gradient)
        return found[::-1]

    def gradients(self, labels: Labels) -> list[Array]:
        """Return derivatives of the mean loss by the weights, in their shapes."""
        pairs = zip(self.signals(labels), self.activations, strict=True)
        return [_rows(g).T @ _rows(a) / len(labels) for g, a in pairs]


def _rows(values: Array) -> Array:
    return values.reshape(-1, values.shape[-1])


def _cnn(inputs: tuple[int, ...], classes: int) -> Network:
    """Convolution, pooling, dense: the two-layer network of the letters."""
    convolution = Convolution(outputs=8, kernel=5, stride=2, padding=2)
    return Network([convolution, ReLU(), MaxPool(2), Dense(classes)], inputs)


def _mlp(inputs: tuple[int, ...], classes: int) -> Network:
    """Two dense layers."""
    return Network([Dense(64), ReLU(), Dense(classes)], inputs)


NETWORKS = {"cnn": _cnn, "mlp": _mlp}
"""Networks by name: made for a shape of examples and a number of classes."""
