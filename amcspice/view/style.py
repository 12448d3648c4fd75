"""How plots look, and how they are written: those of the package, of docs and of examples.

Figures are made without pyplot: no window, no global state.  Colours are those of Okabe and
Ito, which people with any colour vision can tell apart; lines differ in their dashes as well.
Legends stand outside of the data, and say which curves lie on others.  The parameters of
Matplotlib are in ``amcspice.mplstyle``, which pyplot takes by the name ``amcspice.view.amcspice``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from amcspice.files import replacing

__all__ = [
    "ANALOG", "COLOURS", "DASHES", "DIGITAL", "MARKERS", "coincident", "legend", "prefix", "save",
    "styled",
]  # fmt: skip

P = ParamSpec("P")
R = TypeVar("R")

_STYLE: Any = mpl.rc_params_from_file(
    Path(__file__).with_name("amcspice.mplstyle"), use_default_template=False
)

COLOURS: tuple[str, ...] = tuple(
    to_hex(colour).upper() for colour in _STYLE["axes.prop_cycle"].by_key()["color"]
)
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
ANALOG, DIGITAL = COLOURS[0], COLOURS[1]

BELOW_LABEL = 34
"""From the lower end of axes to a legend under their label [pt]."""

_PLACES: dict[str, Any] = {"below": "outside lower center", "beside": "outside right upper"}

_PREFIXES = {-12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k"}


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Run a function that draws under the style of the project."""

    @functools.wraps(draw)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with mpl.rc_context(_STYLE):
            return draw(*args, **kwargs)

    return wrapped


def prefix(largest: float) -> tuple[float, str]:
    """Return the factor and the SI prefix that make ``largest`` a number from 1 to 1000."""
    exponents = [e for e in _PREFIXES if abs(largest) >= 10.0**e * (1 - 1e-9)]
    exponent = max(exponents, default=min(_PREFIXES)) if largest else 0
    return 10.0**-exponent, _PREFIXES[exponent]


def legend(
    figure: Figure,
    axes: Axes | Sequence[Axes] | None = None,
    *,
    place: Literal["below", "beside", "under each"] = "below",
    columns: int = 4,
    title: str | None = None,
) -> None:
    """Put a legend outside of all axes, where each name stands once.

    Parameters
    ----------
    figure : Figure
        With constrained layout.
    axes : Axes or sequence of Axes, optional
        Whose curves are named; None is all.
    place : {"below", "beside", "under each"}
        Of all axes, or a legend of its own under each of them.
    columns : int
        At most, unless it is beside.
    title : str, optional
    """
    chosen = figure.axes if axes is None else [axes] if isinstance(axes, Axes) else axes
    if place == "under each":
        for axis in chosen:
            handles = _handles([axis])
            offset = ScaledTranslation(0, -BELOW_LABEL / 72, figure.dpi_scale_trans)
            axis.legend(
                list(handles.values()), list(handles), loc="upper center", title=title,
                bbox_to_anchor=(0.5, 0), bbox_transform=axis.transAxes + offset,
                ncols=min(len(handles), columns), borderaxespad=0, alignment="left",
            )  # fmt: skip
        return
    handles = _handles(chosen)
    if not handles:
        return
    across = min(len(handles), columns) if place == "below" else 1
    figure.legend(
        list(handles.values()), list(handles), loc=_PLACES[place], ncols=across, title=title,
        alignment="left",
    )  # fmt: skip


def _handles(axes: Sequence[Axes]) -> dict[str, Any]:
    """Return what stands in a legend by its name, which tells the curve that it lies on."""
    handles: dict[str, Any] = {}
    for axis in axes:
        lies_on = coincident(axis)
        for handle, name in zip(*axis.get_legend_handles_labels(), strict=True):
            under = lies_on.get(name)
            handles.setdefault(f"{name} (on {under})" if under else name, handle)
    return handles


def coincident(axis: Axes) -> dict[str, str]:
    """Return which curves cannot be seen apart from one drawn before, by their labels.

    Curves over the same places are told apart by half of a line's width somewhere.
    """
    named = [
        line
        for line in axis.get_lines()
        if len(np.atleast_1d(line.get_xdata())) > 1 and not str(line.get_label()).startswith("_")
    ]
    axis.autoscale_view()
    points = 72 / axis.figure.dpi
    drawn = [points * axis.transData.transform(line.get_xydata()) for line in named]
    found: dict[str, str] = {}
    for later, line in enumerate(named):
        for earlier in range(later):
            if drawn[earlier].shape != drawn[later].shape:
                continue
            away = np.abs(drawn[earlier] - drawn[later])
            if np.nanmax(away, initial=0.0) < line.get_linewidth() / 2:
                found[str(line.get_label())] = str(named[earlier].get_label())
                break
    return found


def save(figure: Any, path: Path) -> None:
    """Write a figure, whole or not at all; the suffix chooses the format."""
    # Without a date the same figure gives the same SVG.
    options: Any = {"metadata": {"Date": None}} if path.suffix.lower() == ".svg" else {}
    with replacing(path) as temporary, mpl.rc_context(_STYLE):
        figure.savefig(temporary, dpi=150, **options)
