"""Settling of single nodes, for decks whose outputs are not known."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from amcspice.circuit.base import Array
from amcspice.measure.settling import Settling, measure_settling

__all__ = ["currents", "node_voltages", "settling_by_node", "windows_of"]

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


def currents(
    vectors: Mapping[str, Array], names: Collection[str] | None = None
) -> dict[str, Array]:
    """Return the currents among vectors, those of ``names`` or all.

    Parameters
    ----------
    vectors : mapping of str to ndarray
        Vectors of a transient, by normalised name.
    names : collection of str, optional
        Which are wanted; None is every one.
    """
    return {
        name: values
        for name, values in vectors.items()
        if _is_current(name) and (names is None or name in names)
    }


def settling_by_node(
    time: Array, voltages: Mapping[str, Array], tolerance: float, window: float | None = None
) -> list[dict[str, Settling]]:
    """Measure the settling of every node, or current, by itself, after every input step.

    Parameters
    ----------
    time : ndarray, shape (T,)
        Time points [s].
    voltages : mapping of str to ndarray, each shape (T,)
        Voltages by node [V], or currents by source [A].
    tolerance : float
        Half-width of the band, as a fraction of the node's own final value.
    window : float, optional
        Time between input steps [s]; None is one step, at the start.

    Returns
    -------
    list of dict of str to Settling
        One entry a window.
    """
    return [
        {
            name: _settling(name, time[part] - edge, values[part], tolerance)
            for name, values in voltages.items()
        }
        for part, edge in windows_of(time, window)
    ]


def _settling(name: str, time: Array, values: Array, tolerance: float) -> Settling:
    """Measure one voltage or current; small is a current beside its own peak, not beside 1 V."""
    peak = float(np.abs(values).max()) if _is_current(name) else 1.0
    if peak == 0 or not np.isfinite(1 / peak):
        peak = 1.0
    settling = measure_settling(time, values[:, None] / peak, tolerance)
    return replace(settling, final=settling.final * peak, band=settling.band * peak)


def _is_current(name: str) -> bool:
    return name.endswith("#branch") or name.startswith("@")


def windows_of(time: Array, window: float | None) -> list[tuple[slice, float]]:
    """Return the samples of every window and the time of its input step [s].

    A window without two samples of its own is left out: the record begins after it.
    """
    count = max(1, round(float(time[-1]) / window)) if window else 1
    count = min(count, len(time))
    edges = np.arange(count + 1) * (window or 0.0)
    # An input step ends a window and starts the next: the sample at it belongs to both.
    cuts = np.searchsorted(time, edges * (1 - 1e-9))
    cuts[-1] = len(time) - 1
    return [
        (slice(int(start), int(stop) + 1), float(edge))
        for start, stop, edge in zip(cuts[:-1], cuts[1:], edges[:-1], strict=True)
        if stop > start
    ]
