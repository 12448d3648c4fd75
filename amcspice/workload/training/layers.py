"""Layers of small networks, with exact derivatives.

What a layer passes on is an array (N, ...), an entry for each example; pictures are (N, height,
width, channels).  A weighted layer is affine in *rows*: a convolution sees its input as T patches
of every picture, a dense layer as one, and both multiply rows with weights and add a bias, the
weight of a coordinate that is always one.  In that form curvature is known to factor.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from amcspice.circuit.base import Array

__all__ = ["Convolution", "Dense", "Layer", "MaxPool", "ReLU", "Weighted"]

Shape = tuple[int, ...]
Places = NDArray[np.intp]


class Layer(abc.ABC):
    """A layer without weights."""

    @abc.abstractmethod
    def shape(self, inputs: Shape) -> Shape:
        """Return the shape of an example after the layer."""

    @abc.abstractmethod
    def forward(self, inputs: Array) -> tuple[Array, Any]:
        """Return outputs, and what `backward` must know."""

    @abc.abstractmethod
    def backward(self, memory: Any, gradient: Array) -> Array:
        """Return the derivative by the inputs from that by the outputs."""


class Weighted(abc.ABC):
    """An affine layer: outputs are ``rows @ weights.T``, the last weight of each is the bias."""

    outputs: int

    @abc.abstractmethod
    def shape(self, inputs: Shape) -> Shape:
        """Return the shape of an example after the layer."""

    @abc.abstractmethod
    def row_length(self, inputs: Shape) -> int:
        """Return the inputs of an output, without the bias."""

    @abc.abstractmethod
    def rows(self, inputs: Array) -> Array:
        """Return the inputs as rows, shape (N, T, row length + 1); the last column is one."""

    @abc.abstractmethod
    def scatter(self, gradient: Array, inputs: Shape) -> Array:
        """Return the derivative by the inputs (N, *inputs) from that by rows, without the bias."""


@dataclass(frozen=True)
class Dense(Weighted):
    """Every output sees every input.

    Parameters
    ----------
    outputs : int
    """

    outputs: int

    def shape(self, inputs: Shape) -> Shape:
        """Return ``(outputs,)``."""
        return (self.outputs,)

    def row_length(self, inputs: Shape) -> int:
        """Return the number of inputs."""
        return int(np.prod(inputs))

    def rows(self, inputs: Array) -> Array:
        """Return one row an example."""
        return _with_ones(inputs.reshape(len(inputs), 1, -1))

    def scatter(self, gradient: Array, inputs: Shape) -> Array:
        """Return the rows in the shape of the inputs."""
        return gradient.reshape(-1, *inputs)


@dataclass(frozen=True)
class Convolution(Weighted):
    """Square kernels moved over pictures.

    Parameters
    ----------
    outputs : int
        Kernels: channels of what comes out.
    kernel, stride, padding : int
        Side, step and zeros around the picture [pixels].
    """

    outputs: int
    kernel: int
    stride: int = 1
    padding: int = 0

    def shape(self, inputs: Shape) -> Shape:
        """Return ``(height, width, outputs)``."""
        height, width = (self._steps(side) for side in inputs[:2])
        return height, width, self.outputs

    def row_length(self, inputs: Shape) -> int:
        """Return the entries of a kernel."""
        return inputs[2] * self.kernel**2

    def _steps(self, side: int) -> int:
        return (side + 2 * self.padding - self.kernel) // self.stride + 1

    def rows(self, inputs: Array) -> Array:
        """Return the patches under the kernel, row by row of the picture, channel by channel."""
        edge = (self.padding, self.padding)
        padded = np.pad(inputs, ((0, 0), edge, edge, (0, 0)))
        windows = sliding_window_view(padded, (self.kernel, self.kernel), axis=(1, 2))
        patches = windows[:, :: self.stride, :: self.stride]
        return _with_ones(patches.reshape(len(inputs), -1, self.row_length(inputs.shape[1:])))

    def scatter(self, gradient: Array, inputs: Shape) -> Array:
        """Add every patch up where it was taken from."""
        height, width, channels = inputs
        rows, columns = self._steps(height), self._steps(width)
        edge, side, step = self.padding, self.kernel, self.stride
        patches = gradient.reshape(-1, rows, columns, channels, side, side)
        padded = np.zeros((len(patches), height + 2 * edge, width + 2 * edge, channels))
        for i in range(side):
            for j in range(side):
                down, right = slice(i, i + step * rows, step), slice(j, j + step * columns, step)
                padded[:, down, right] += patches[..., i, j]
        return padded[:, edge : edge + height, edge : edge + width]


class ReLU(Layer):
    """max(0, x)."""

    def shape(self, inputs: Shape) -> Shape:
        """Return the shape as it is."""
        return inputs

    def forward(self, inputs: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Return what is positive, and where it is."""
        positive = inputs > 0
        return inputs * positive, positive

    def backward(self, memory: NDArray[np.bool_], gradient: Array) -> Array:
        """Pass on where inputs were positive."""
        return gradient * memory


@dataclass(frozen=True)
class MaxPool(Layer):
    """The largest of every square; of equal ones the first; what is left over at the edge goes.

    Parameters
    ----------
    side : int
        Of the squares [pixels].
    """

    side: int = 2

    def shape(self, inputs: Shape) -> Shape:
        """Return ``(height, width, channels)`` after pooling."""
        height, width, channels = inputs
        return height // self.side, width // self.side, channels

    def forward(self, inputs: Array) -> tuple[Array, tuple[Places, Shape]]:
        """Return the largest entries, and which they are."""
        count, *shape = inputs.shape
        down, right, channels = self.shape((*shape,))
        cut = inputs[:, : down * self.side, : right * self.side]
        parts = cut.reshape(count, down, self.side, right, self.side, channels)
        squares = parts.transpose(0, 1, 3, 5, 2, 4).reshape(count, down, right, channels, -1)
        place = squares.argmax(axis=-1)[..., None]
        return np.take_along_axis(squares, place, axis=-1)[..., 0], (place, (*shape,))

    def backward(self, memory: tuple[Places, Shape], gradient: Array) -> Array:
        """Pass on to the largest of every square."""
        place, shape = memory
        count, down, right, channels = gradient.shape
        squares = np.zeros((*gradient.shape, self.side**2))
        np.put_along_axis(squares, place, gradient[..., None], axis=-1)
        parts = squares.reshape(*gradient.shape, self.side, self.side).transpose(0, 1, 4, 2, 5, 3)
        passed = np.zeros((count, *shape))
        passed[:, : down * self.side, : right * self.side] = parts.reshape(
            count, down * self.side, right * self.side, channels
        )
        return passed


def _with_ones(rows: Array) -> Array:
    return np.concatenate([rows, np.ones((*rows.shape[:2], 1))], axis=2)
