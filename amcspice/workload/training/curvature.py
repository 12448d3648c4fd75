"""Curvature of weighted layers in Kronecker factors, and steps that it turns gradients into.

    A = E[sum_t a a'],   G = E[sum_t g g'] / T,   D = (G + sqrt(l)/pi I)^-1 dW (A + pi sqrt(l) I)^-1

with a the inputs of a layer and g the derivatives by its outputs, t the T positions of a
convolution, l the damping and pi^2 = (tr A / n_A) / (tr G / n_G): Martens and Grosse,
arXiv 1503.05671; convolutions, Grosse and Martens, arXiv 1602.01407.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from amcspice.algorithm.curvature import CurvatureInverse
from amcspice.circuit.base import Array

__all__ = ["InverseMaker", "LayerCurvature", "clip_by_divergence"]

InverseMaker = Callable[[str], CurvatureInverse]
"""Makes what inverts a factor, for its label; each factor has its own."""


class LayerCurvature:
    """Running second moments of one layer, and their inverses.

    Parameters
    ----------
    label : str
        Of the layer.
    make_inverse : callable
        See `InverseMaker`.
    decay : float
        Of the running means; the first examples count as a plain mean.

    Attributes
    ----------
    A, G : ndarray, shapes (n_A, n_A) and (n_G, n_G)
        Zero before the first examples.
    count : int
        Batches seen.
    programmed : tuple of ndarray
        Damped A and G that the inverses hold, and the mean of the inputs, where one is kept; empty
        before the first writing.
    """

    def __init__(self, label: str, make_inverse: InverseMaker, decay: float) -> None:
        self.label, self.decay = label, decay
        self.by_inputs = make_inverse(f"{label} A")
        self.by_outputs = make_inverse(f"{label} G")
        self.A = self.G = np.zeros((0, 0))
        self.count = 0
        self.programmed: tuple[Array, ...] = ()

    def observe(self, activations: Array, signals: Array) -> None:
        """Take a batch into the running means.

        Parameters
        ----------
        activations : ndarray, shape (N, T, n_A)
            Rows of the layer; where it has a bias the last column is one.
        signals : ndarray, shape (N, T, n_G)
            Derivatives of the loss of each example, with labels drawn from the network (the true
            Fisher information), not those of the data.

        Raises
        ------
        FloatingPointError
            If a moment is not finite: the training diverged.
        """
        N, T = activations.shape[:2]
        a, g = (values.reshape(N * T, -1) for values in (activations, signals))
        self.count += 1
        keep = min(1 - 1 / self.count, self.decay)
        for name, moment in (("A", a.T @ a / N), ("G", g.T @ g / (N * T))):
            if not np.isfinite(moment).all():
                raise FloatingPointError(f"{self.label}: moments of the batch overflow")
            before = getattr(self, name)
            setattr(self, name, keep * before + (1 - keep) * moment if before.size else moment)

    @property
    def mean(self) -> Array | None:
        """Of the inputs, as the last column of A holds it: A - mean mean' is centred.

        None where nothing was seen.
        """
        return self.A[:, -1] / np.sqrt(self.A[-1, -1]) if self.A.size else None

    def damped(self, damping: float) -> tuple[Array, Array]:
        """Return A and G with their parts of the damping on the diagonal."""
        ratio = (np.trace(self.A) / len(self.A)) / max(np.trace(self.G) / len(self.G), 1e-300)
        pi, root = np.sqrt(ratio), np.sqrt(damping)
        return (
            self.A + pi * root * np.eye(len(self.A)),
            self.G + root / pi * np.eye(len(self.G)),
        )

    def renew(self, damping: float, *, bias: bool = True) -> None:
        """Program both inverses with what was seen; ``bias``: the last input is always one."""
        mean = self.mean if bias else None
        self.program((*self.damped(damping), *([] if mean is None else [mean])))

    def program(self, factors: tuple[Array, ...]) -> None:
        """Program both inverses with what `programmed` holds, of this layer or of one saved."""
        A, G, *mean = factors
        self.by_inputs.program(A, *mean)
        self.by_outputs.program(G)
        self.programmed = factors

    def direction(self, gradient: Array) -> Array:
        """Return D for the gradient of the mean loss, shape (n_G, n_A)."""
        by_outputs = self.by_outputs.solve(gradient)
        step: Array = self.by_inputs.solve(by_outputs.T).T
        return step


def clip_by_divergence(
    directions: Sequence[Array], gradients: Sequence[Array], learning_rate: float, most: float
) -> float:
    """Return what to scale steps by so that the divergence they predict stays below ``most``.

    ``min(1, sqrt(most / (lr^2 sum D . dW)))``: Ba, Grosse and Martens, ICLR 2017.
    """
    pairs = zip(directions, gradients, strict=True)
    divergence = learning_rate**2 * sum(float(np.vdot(d, g)) for d, g in pairs)
    return 1.0 if divergence <= most else float(np.sqrt(most / divergence))
