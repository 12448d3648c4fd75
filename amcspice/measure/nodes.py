"""Settling of single nodes, for decks whose outputs are not known."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from amcspice.circuit.base import Array
from amcspice.measure.settling import Settling, measure_settling

__all__ = ["node_voltages", "settling_by_node"]

_INTERNAL = re.compile(r"[.#@]")
"""Marks of a node inside a sub-circuit, a branch current or a device parameter."""


def node_voltages(vectors: Mapping[str, Array]) -> dict[str, Array]:
    """Return the voltages of the nodes that the deck itself names.

    Nodes inside sub-circuits are left out, unless nothing else was saved.

    Parameters
    ----------
    vectors : mapping of str to ndarray
        Vectors of a transient, by normalised name.
    """
    voltages = {
        name: values
        for name, values in vectors.items()
        if name != "time" and "#" not in name and not name.startswith("@")
    }
    outer = {name: values for name, values in voltages.items() if not _INTERNAL.search(name)}
    return outer or voltages


def settling_by_node(
    time: Array, voltages: Mapping[str, Array], tolerance: float, window: float | None = None
) -> list[dict[str, Settling]]:
    """Measure the settling of every node by itself, after every input step.

    Parameters
    ----------
    time : ndarray, shape (T,)
        Time points [s].
    voltages : mapping of str to ndarray, each shape (T,)
        Voltages by node [V].
    tolerance : float
        Half-width of the band, as a fraction of the node's own final value.
    window : float, optional
        Time between input steps [s]; None is one step, at the start.

    Returns
    -------
    list of dict of str to Settling
        One entry a window.
    """
    count = max(1, round(float(time[-1]) / window)) if window else 1
    edges = np.arange(count + 1) * (window or 0.0)
    # An input step ends a window and starts the next: the sample at it belongs to both.
    cuts = np.searchsorted(time, edges * (1 - 1e-9))
    cuts[-1] = len(time) - 1
    return [
        {
            name: measure_settling(
                time[start : stop + 1] - edge, values[start : stop + 1, None], tolerance
            )
            for name, values in voltages.items()
        }
        for start, stop, edge in zip(cuts[:-1], cuts[1:], edges[:-1], strict=True)
    ]
