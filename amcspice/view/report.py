"""A sweep as one page that needs nothing but a browser.

Plots are drawn in the page by plotly.js, the table is DataTables; both are put into the page whole,
and a content security policy in it keeps the browser from loading anything else.
"""

from __future__ import annotations

import base64
import gzip
import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

import amcspice
from amcspice.errors import InputError
from amcspice.extras import extra
from amcspice.view.choice import Choice, choose
from amcspice.view.points import HEADLINES, Points, engineering, label, spacing

with extra("report"):
    import itables.utils
    import jinja2
    import pandas as pd
    import plotly.offline

__all__ = ["MOST_POINTS", "report"]

MOST_POINTS = 10_000
"""More points than this are not put into a page."""

DIGITS = 6
"""Digits of a measured number in the page."""


def report(
    points: Points,
    *,
    title: str,
    command: Callable[[str], str],
    provenance: Sequence[Mapping[str, Any]] = (),
    spec: str = "",
    left: int = 0,
    most: int = MOST_POINTS,
    export: str = "",
) -> str:
    """Return a page about a sweep: summary, plots, table, failures, how to repeat each point.

    Parameters
    ----------
    points : Points
    title : str
    command : callable
        Takes the key of a point and returns the command line that repeats it.
    provenance : sequence of mapping
        Versions and machines, each with its number of ``points``.
    spec : str
        Text of the specification.
    left : int
        Points that have not been run.
    most : int
        Points in the page; of more, evenly spaced ones are taken, and the page says so.
    export : str
        Command line that writes all points to a file.

    Returns
    -------
    str
        HTML.

    Raises
    ------
    InputError
        If there is no point.
    """
    if points.frame.empty:
        raise InputError(f"{title}: no point has been run, so there is nothing to report")
    shown = _thinned(points, most)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("amcspice.view"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("report.html.j2").render(
        title=title,
        summary=_summary(points, left),
        when=_when(points),
        axes=_axes(points),
        constants=[
            (label(name), engineering(value, points.unit(name)))
            for name, value in points.constants.items()
        ],
        failures=_failures(points),
        failed=len(points.failed),
        provenance=_provenance(provenance),
        spec=spec,
        thinned=len(shown.frame) < len(points.frame),
        shown=len(shown.frame),
        total=len(points.frame),
        export=export,
        version=amcspice.__version__,
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        data=_embedded(_content(shown, command)),
        libraries={
            "plotly": _packed(plotly.offline.get_plotlyjs()),
            "datatables": _packed(itables.utils.read_package_file("html", "dt_bundle.js")),
        },
        datatables_css=itables.utils.read_package_file("html", "dt_bundle.css"),
    )


def _thinned(points: Points, most: int) -> Points:
    count = len(points.frame)
    if count <= most:
        return points
    indices = np.unique(np.linspace(0, count - 1, most).round().astype(int))
    return Points(points.frame.iloc[indices], points.axes, points.units, points.parameters)


def _packed(script: str) -> str:
    """Return a library compressed, as base64; without a time stamp, so equal for equal pages."""
    return base64.b64encode(gzip.compress(script.encode(), mtime=0)).decode()


def _embedded(content: Mapping[str, Any]) -> str:
    """Return JSON that can stand in a script element: it ends at no ``</script>`` in a text."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _content(points: Points, command: Callable[[str], str]) -> dict[str, Any]:
    """Return what the scripts of the page work on: columns of values, and which to draw."""
    names = [*points.varied, *points.metrics]
    keys = [str(key) for key in points.frame["key"]]
    errors = points.frame["error"]
    return {
        "columns": [_column(points, name) for name in names],
        "values": {name: _values(points, name) for name in names},
        "keys": keys,
        "failed": np.flatnonzero(points.frame["status"] == "failed").tolist(),
        "errors": {k: str(text) for k, text in enumerate(errors) if isinstance(text, str)},
        "commands": [command(key) for key in keys],
        "plots": [_plot(choice) for choice in _choices(points)],
    }


def _column(points: Points, name: str) -> dict[str, Any]:
    numeric = points.is_number(name)
    parameter = name in points.varied
    values = points.values(name) if parameter else []
    places = [value for value in values if value is not None]
    return {
        "name": name,
        "label": label(name, points.unit(name)),
        "unit": {"ohm": "Ω"}.get(points.unit(name), points.unit(name)),
        "role": "parameter" if parameter else "metric",
        "numeric": numeric,
        "scale": spacing(places) if numeric and parameter else "linear",
        "leading": name in points.leading,
        "order": [_plain(value, exact=True) for value in values],
    }


def _values(points: Points, name: str) -> list[Any]:
    exact = name in points.varied
    return [_plain(value, exact) for value in points.frame[name]]


def _plain(value: Any, exact: bool) -> Any:
    """Return a value as JSON has it: nan and infinity as None, metrics with few digits."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if value is pd.NaT or not math.isfinite(value):
        return None
    return value if exact else float(f"{value:.{DIGITS}g}")


def _choices(points: Points) -> list[Choice]:
    """Return what is drawn first: a line plot a headline metric, and a map of the first."""
    metrics = [name for name in HEADLINES if name in points.metrics] or points.metrics[:2]
    candidates = [(metric, "line") for metric in metrics] + [
        (metric, "heat") for metric in metrics[:1]
    ]
    choices = []
    for metric, kind in candidates:
        try:
            choice = choose(points, y=metric, kind=kind)
        except InputError:
            continue
        if kind != "heat" or all(points.is_number(name) for name in (choice.x, choice.by) if name):
            choices.append(choice)
    return choices


def _plot(choice: Choice) -> dict[str, Any]:
    return {
        "y": choice.y,
        "x": choice.x,
        "by": choice.by,
        "panel": choice.panel,
        "kind": choice.kind,
    }


def _summary(points: Points, left: int) -> list[tuple[str, str, str]]:
    """Return figures with what they count and a tone: good, bad or plain."""
    total, failed = len(points.frame), len(points.failed)
    figures = [
        ("points", f"{total:,}", "plain"),
        ("failed", f"{failed:,}", "bad" if failed else "good"),
    ]
    if "settled" in points.frame:
        settled = points.numbers("settled")
        count = int((settled < 1).sum())
        figures.append(("not settled", f"{count:,}", "bad" if count else "good"))
    if "below_floor" in points.frame:
        count = int((points.numbers("below_floor") > 0).sum())
        if count:
            figures.append(("partly below the floor", f"{count:,}", "bad"))
    if left:
        figures.append(("not run yet", f"{left:,}", "bad"))
    for name in ("seconds", "wall_time_s"):
        if name in points.frame:
            spent = float(np.nansum(points.numbers(name)))
            figures.append(("computing, all points", _duration(spent), "plain"))
            break
    return figures


def _when(points: Points) -> str:
    times = sorted(str(text) for text in points.frame["finished_at"].dropna())
    if not times:
        return ""
    first, last = (datetime.fromisoformat(text) for text in (times[0], times[-1]))
    span = _duration((last - first).total_seconds())
    return f"Finished {last:%Y-%m-%d %H:%M} UTC, {span} after the first point"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, hours = seconds / 60, seconds / 3600
    return f"{minutes:.1f} min" if hours < 1 else f"{hours:.1f} h"


def _axes(points: Points) -> list[tuple[str, int, str]]:
    """Return each axis with its number of values and the values, in words."""
    rows = []
    for name, values in points.leading.items():
        texts = [engineering(value, points.unit(name)) for value in values]
        listed = texts if len(texts) <= 12 else [*texts[:5], "…", *texts[-3:]]
        between = "; " if any("," in text for text in texts) else ", "
        rows.append((label(name), len(values), between.join(listed)))
    return rows


def _failures(points: Points) -> list[dict[str, Any]]:
    """Return the failed points by what their errors begin with."""
    failed = points.failed
    if failed.empty:
        return []
    texts = failed["error"].fillna("no reason was stored").astype(str)
    first = texts.str.split("\n").str[0]
    groups = [
        {
            "reason": reason,
            "count": len(rows),
            "example": texts[rows.index[0]],
            "keys": [str(key) for key in failed.loc[rows.index, "key"]],
        }
        for reason, rows in first.groupby(first)
    ]
    return sorted(groups, key=lambda group: -group["count"])


def _provenance(groups: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[Mapping[str, Any]]]:
    """Return the names of what is known, and the values in each group of points."""
    names = dict.fromkeys(name for group in groups for name in group)
    return list(names), [{name: group.get(name, "") for name in names} for group in groups]
