"""One style: legends outside the data, one palette, curves that cannot be told apart are named."""

from __future__ import annotations

import ast
import itertools
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

import amcspice as amc
from amcspice import view
from amcspice.view.ratings import error_by_count, learning_curve
from amcspice.view.second_order import break_even, stability
from amcspice.view.style import COLOURS, DIGITAL, coincident, legend
from amcspice.view.transient import transient
from amcspice.workload.factorise_ratings import ErrorByCount

ROOT = Path(__file__).resolve().parents[1]
OWN_LEGENDS = {"amcspice/view/style.py", "amcspice/view/cost.py", "amcspice/view/sweep_plots.py"}
"""The style itself, and two plots that keep room beside and above their data."""

TIME = np.linspace(0, 1e-6, 50)
COUNTS = np.array([1, 5]), np.array([4, 9]), np.array([10, 10]), np.array([0.9, 0.8])
ERRORS = [{"rmse_test": 0.9, "rmse_train": 0.7}, {"rmse_test": 0.8, "rmse_train": 0.6}]


def run():
    A = np.array([[1.0, 0.2], [0.3, 0.8]])
    return amc.solve("inv", A, [0.5, 0.4], fidelity="behavioural")


def chip():
    made = amc.Chip(opamp="onchip-1g", fidelity="behavioural")
    made.program(np.array([[1.0, 0.2], [0.3, 0.8]]), "inv").solve([0.5, 0.4])
    return made


FIGURES = {
    "convergence": lambda: view.convergence([0.3, 0.1], [0.3, 0.2]),
    "settling": lambda: view.settling(run()),
    "cost": lambda: view.cost(chip().cost()),
    "timeline": lambda: view.timeline(chip().schedule()),
    "transient": lambda: transient(TIME, {"a": TIME, "b": 1 - TIME}, title="two nodes"),
    "learning curve": lambda: learning_curve(ERRORS, ERRORS),
    "error by count": lambda: error_by_count(
        {"user": ErrorByCount(*COUNTS)}, {"user": ErrorByCount(*COUNTS)}
    ),
    "break even": lambda: break_even([8, 16], {"core": [1e-6, 1e-5], "chip": [1e-5, 1e-5]}),
    "stability": lambda: stability([0.5, 1.0], {"inv": [0.0, 0.4], "blocks": [0.1, 0.2]}),
}


def drawn(figure):
    """Return a figure whose layout is done."""
    FigureCanvasAgg(figure).draw()
    return figure


@pytest.mark.parametrize("name", FIGURES)
def test_no_legend_stands_on_data(name):
    figure = drawn(FIGURES[name]())
    legends = [*figure.legends, *(axis.get_legend() for axis in figure.axes)]
    boxes = [each.get_window_extent() for each in legends if each is not None]
    assert boxes
    for box, axis in itertools.product(boxes, figure.axes):
        for line in axis.get_lines():
            points = axis.transData.transform(line.get_xydata())
            inside = axis.bbox.contains
            assert not any(box.contains(*p) for p in points if inside(*p))
        assert not any(box.overlaps(bar.get_window_extent()) for bar in axis.patches)


@pytest.mark.parametrize("name", FIGURES)
def test_colours_are_those_of_the_palette_and_greys(name):
    for axis in FIGURES[name]().axes:
        for line in axis.get_lines():
            colour = to_rgb(line.get_color())
            assert to_hex(colour).upper() in COLOURS or len(set(colour)) == 1


def test_pyplot_takes_the_style_by_its_name():
    with plt.style.context("amcspice.view.amcspice"):
        cycle = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
        assert tuple(to_hex(colour).upper() for colour in cycle) == COLOURS
        assert not mpl.rcParams["legend.frameon"]


def test_figures_and_scripts_leave_legends_to_the_style():
    files = [*(ROOT / "amcspice" / "view").glob("*.py"), *(ROOT / "scripts").glob("*.py")]
    found = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            called = node.func if isinstance(node, ast.Call) else None
            method = isinstance(called, ast.Attribute) and called.attr == "legend"
            if method and ast.unparse(called.value) != "style":
                found.add(path.relative_to(ROOT).as_posix())
    assert found == OWN_LEGENDS


DEFICIENT = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
               [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
               [-0.011820, 0.042940, 0.968881]],
}  # fmt: skip
"""Linear RGB as seen without one kind of cone: Machado, Oliveira, Fernandes, IEEE Trans. Vis.
Comput. Graph. 15 (2009) 1291, severity 1.0."""


def lightness_and_hue(colour, matrix):
    """Return CIE L*a*b* (white D65) of a colour as it is seen."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(matrix) @ linear, 0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    ratio = np.array(to_xyz) @ seen / [0.9505, 1.0, 1.089]
    f = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("kind", ["normal", *DEFICIENT])
def test_neighbouring_colours_are_told_apart_by_any_colour_vision(kind):
    """The first seven, pair by pair; a difference of 10 is plain to the eye."""
    matrix = DEFICIENT.get(kind, np.eye(3))
    seen = [lightness_and_hue(colour, matrix) for colour in COLOURS[:7]]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 10


def test_curves_that_cannot_be_seen_apart_are_named():
    figure = Figure(figsize=(4, 3), layout="constrained")
    axis = figure.subplots()
    axis.plot([0, 1, 2], [0, 1, 4], label="circuit")
    axis.plot([0, 1, 2], [0, 1, 4.001], label="twin")
    axis.plot([0, 1, 2], [0, 1, 3], label="law")
    assert coincident(axis) == {"twin": "circuit"}
    legend(figure)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["circuit", "twin (on circuit)", "law"]


def test_each_axes_may_have_a_legend_under_it():
    figure = Figure(figsize=(6, 3), layout="constrained")
    for axis, name in zip(figure.subplots(1, 2), "ab", strict=True):
        axis.plot([0, 1], [0, 1], color=DIGITAL, label=name)
        axis.set_xlabel("bits")
    legend(figure, place="under each")
    for axis in drawn(figure).axes:
        box, label = axis.get_legend().get_window_extent(), axis.xaxis.label.get_window_extent()
        assert box.y1 <= label.y0
        assert box.y0 >= 0
