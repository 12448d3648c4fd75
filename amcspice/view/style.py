"""How plots look, and how they are written.

Figures are made without pyplot: no window, no global state.  Colours are those of Okabe and
Ito, which people with any colour vision can tell apart; lines differ in their dashes as well.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl

from amcspice.files import replacing

__all__ = ["ANALOG", "COLOURS", "DASHES", "DIGITAL", "MARKERS", "prefix", "save", "styled"]

P = ParamSpec("P")
R = TypeVar("R")

COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
    "#8C6D31",
)
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
ANALOG, DIGITAL = COLOURS[0], COLOURS[1]

_STYLE: Any = {
    "figure.facecolor": "white",
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "0.9",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.5,
    "svg.hashsalt": "amcspice",
}

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


def save(figure: Any, path: Path) -> None:
    """Write a figure, whole or not at all; the suffix chooses the format."""
    # Without a date the same figure gives the same SVG.
    options: Any = {"metadata": {"Date": None}} if path.suffix.lower() == ".svg" else {}
    with replacing(path) as temporary, mpl.rc_context(_STYLE):
        figure.savefig(temporary, dpi=150, **options)
