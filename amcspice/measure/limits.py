"""Amplifiers that come to rest at a limit: one which is no constraint, or a floor above ground."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit.base import Array
from amcspice.engine.batch import Batch

__all__ = ["below_floor", "near_limits"]

RAIL_MARGIN = 0.05
"""An output this close to a rail, as a fraction of it, asks for a smaller range."""

AT_FLOOR = 1e-3
"""An output this close above the floor, as a fraction of it, stands at it."""


def near_limits(batch: Batch, final: Array, delivered: Array) -> NDArray[np.bool_]:
    """Tell where an amplifier comes to rest close to a limit that is no constraint, shape (N,).

    What reaches a rail is the stage behind the output resistance, not the output itself; some
    amplifiers come to what their slew rate holds before (`OpAmp.reach`).

    Parameters
    ----------
    batch : Batch
    final : ndarray, shape (N, P)
        Port voltages at the end [V].
    delivered : ndarray, shape (N, P)
        What amplifiers deliver at the ports, see `Batch.delivered` [A].
    """
    near = np.zeros(len(final), bool)
    if batch.circuit.rail_limited:
        return near
    opamp = batch.circuit.opamp
    highest = (1 - RAIL_MARGIN) * min(opamp.highest_output, opamp.reach)
    lowest = (1 - RAIL_MARGIN) * max(opamp.lowest_output, -opamp.reach)
    for bank in batch.circuit.schematic.amplifiers:
        if bank.clamp is not None:  # they are meant to stand there
            continue
        at = np.searchsorted(batch.nodes, bank.out)
        stage = final[:, at] + opamp.output_resistance * delivered[:, at]
        near |= stage.max(axis=1) > highest
        if not (bank.floor_at_ground or bank.hold is not None):
            near |= stage.min(axis=1) < lowest
        if opamp.output_current_limit is not None:
            limit = (1 - RAIL_MARGIN) * opamp.output_current_limit
            near |= np.abs(delivered[:, at]).max(axis=1) > limit
    return near


def below_floor(batch: Batch, final: Array, delivered: Array) -> NDArray[np.bool_]:
    """Tell where every output of the solution stands at a floor above ground, shape (N,).

    The answer is somewhere below what the amplifiers can show: it cannot be read.

    Parameters
    ----------
    batch, final, delivered
        See `near_limits`.
    """
    below, floor = np.zeros(len(final), bool), batch.circuit.floor
    if floor <= 0:
        return below
    at = batch.outputs
    stage = final[:, at] + batch.circuit.opamp.output_resistance * delivered[:, at]
    below = np.asarray(stage.max(axis=1) <= (1 + AT_FLOOR) * floor)
    return below
