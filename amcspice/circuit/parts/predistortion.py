"""Conductances corrected for the wires of their array, before they are programmed.

Between lines at virtual ground and driven lines an array with wires applies another matrix than
its cells hold.  What it applies follows exactly from its reduction to terminals (E below, of
conductances P), and is made what is wanted, G, in steps of one reduction each:

    P <- P + k G - E(P),    then P and k times g_max / max P where P is above g_max.

E is known before anything is written: it is that of the conductances aimed at.  Levels, noise and
stuck cells come after, so that the correction helps as far as they allow.  The steps can stall, or
diverge where lines are long and resistive; the error is predicted after each and the best is kept,
by wires and cells together: the smaller k, the larger is what cells do wrong beside G.

Without errors of cells a cell that should be off may take a little conductance; with them it stays
off, because it has no error then.
"""

from __future__ import annotations

import abc
import functools
from dataclasses import dataclass, replace

import numpy as np

from amcspice.circuit.base import Array
from amcspice.circuit.parts.differential import parts
from amcspice.crossbar import reduction_flops
from amcspice.device import Cell, Mapping, Predistortion, Wire, nominal, spread

__all__ = ["Arrays", "predistorted"]


@dataclass(frozen=True)
class Arrays(abc.ABC):
    """Arrays that hold one matrix, as seen from the lines that they are used from.

    Parameters
    ----------
    wire : Wire
    device : Cell
        Cells; what they do wrong enters predictions alone.
    """

    wire: Wire
    device: Cell

    @property
    def count(self) -> int:
        """Number of arrays, each with a target of its own."""
        return 1

    @abc.abstractmethod
    def lines(self, target: Array) -> tuple[int, int]:
        """Return the word lines and bit lines of the crossbar that holds a target (m, n)."""

    @abc.abstractmethod
    def effective(
        self, targets: tuple[Array, ...], cells: Cell, scale: float = 1.0
    ) -> tuple[Array, ...]:
        """Return what the arrays apply, one matrix each, for targets of shape (m, n) [S].

        ``cells`` take every conductance without an error; what hangs beside the arrays and stands
        for the matrix, too, is smaller by ``scale``.
        """

    def deviations(
        self,
        effective: tuple[Array, ...],
        targets: tuple[Array, ...],
        wanted: Array,
        scale: float = 1.0,
    ) -> tuple[float, float]:
        """Return predicted errors, of wires and of cells, relative to what is wanted.

        Frobenius norm of what is applied, which is the error of products with vectors of any
        direction.
        """
        size = float(np.linalg.norm(wanted))
        wires = sum(float(np.sum((each - wanted) ** 2)) for each in effective)
        cells = sum(float(np.sum(self._variance(target))) for target in targets)
        return np.sqrt(wires) / size, np.sqrt(cells) / size

    def corrections(
        self, effective: tuple[Array, ...], targets: tuple[Array, ...], wanted: Array
    ) -> tuple[Array, ...]:
        """Return what to add to the targets."""
        return tuple(wanted - each for each in effective)

    def _variance(self, target: Array) -> Array:
        """Return the variance of a signed target in cells, shape (m, n) [S^2]."""
        variance: Array = np.add(*(spread(self.device, part) ** 2 for part in parts(target)))
        return variance


def predistorted(mapping: Mapping, arrays: Arrays) -> tuple[Mapping, ...]:
    """Return mappings with corrected targets, one for each array.

    Parameters
    ----------
    mapping : Mapping
        As it is without wires.
    arrays : Arrays
        ``wire.predistort`` steps are made; none without resistance.

    Returns
    -------
    tuple of Mapping
        On one scale.
    """
    if not (arrays.wire.predistort and arrays.wire.resistive):
        return (mapping,) * arrays.count
    # What is drawn, or differs from cell to cell, is not known before.
    typical = arrays.device.typical()
    device = replace(typical, seed=0, noise_bandwidth=None, thermal_noise=False)
    wanted = np.ascontiguousarray(mapping.target)
    targets, record = _steps(replace(arrays, device=device), wanted.shape, wanted.tobytes())
    scale = mapping.scale * record.scale
    return tuple(
        replace(mapping, target=target, scale=scale, predistortion=record) for target in targets
    )


@functools.lru_cache(maxsize=16)
def _steps(
    arrays: Arrays, shape: tuple[int, ...], data: bytes
) -> tuple[tuple[Array, ...], Predistortion]:
    """Return corrected targets; trials that differ in their draws alone share them."""
    wanted = np.frombuffer(data).reshape(shape)
    device, scale = arrays.device, 1.0
    lowest = -np.inf if wanted.min() < 0 else 0.0
    free = wanted != 0
    if not spread(device, np.array(device.g_max)) > 0:
        free = np.broadcast_to(wanted.any(axis=1, keepdims=True), shape)
    targets = (wanted,) * arrays.count
    history: list[tuple[float, float]] = []
    best, kept = np.inf, (targets, 0, scale)
    for step in range(arrays.wire.predistort + 1):
        effective = arrays.effective(targets, nominal(device), scale)
        history.append(arrays.deviations(effective, targets, scale * wanted, scale))
        if (total := float(np.hypot(*history[-1]))) < best:
            best, kept = total, (targets, step, scale)
        if step == arrays.wire.predistort:
            break
        change = arrays.corrections(effective, targets, scale * wanted)
        raised = [
            np.maximum(target + each * free, lowest)
            for target, each in zip(targets, change, strict=True)
        ]
        fit = min(1.0, device.g_max / max(float(np.abs(each).max()) for each in raised))
        targets, scale = tuple(fit * each for each in raised), fit * scale
    wires, cells = (tuple(map(float, errors)) for errors in zip(*history, strict=True))
    flops = len(history) * reduction_flops(*arrays.lines(wanted))
    return kept[0], Predistortion(len(history) - 1, kept[1], wires, cells, kept[2], flops)
