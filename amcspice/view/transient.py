"""Voltages over time, of a deck that may be anyone's."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from amcspice.view.style import COLOURS, DASHES, legend, prefix, styled

__all__ = ["transient"]

MOST_LABELLED = 16
"""More nodes than this get no legend."""


@styled
def transient(
    time: NDArray[np.float64], voltages: Mapping[str, NDArray[np.float64]], *, title: str
) -> Figure:
    """Draw node voltages, or currents, over time.

    Parameters
    ----------
    time : ndarray, shape (T,)
        Time points [s].
    voltages : mapping of str to ndarray, each shape (T,)
        Voltages by node [V], currents as ``v1#branch`` or ``@r1[i]`` [A].
    title : str

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(7.0, 4.0), layout="constrained")
    axis = figure.subplots()
    factor, symbol = prefix(float(time[-1]))
    for index, (name, values) in enumerate(voltages.items()):
        axis.plot(
            time * factor,
            values,
            color=COLOURS[index % len(COLOURS)],
            linestyle=DASHES[index // len(COLOURS) % len(DASHES)],
            label=_label(name),
        )
    axis.set_xlabel(f"time ({symbol}s)")
    labels = [_label(name) for name in voltages]
    kinds = [label.startswith("v(") for label in labels]
    axis.set_ylabel(
        "voltage (V)" if all(kinds) else "voltage (V), current (A)" if any(kinds) else "current (A)"
    )
    axis.set_title(title)
    if len(voltages) <= MOST_LABELLED:
        legend(figure, place="beside")
    return figure


def _label(name: str) -> str:
    if name.endswith("#branch"):
        return f"i({name.removesuffix('#branch')})"
    return name if name.startswith("@") else f"v({name})"
