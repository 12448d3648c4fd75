"""Plots of sweeps: what is drawn is what was measured, and what is missing is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import LogNorm
from sweep_frames import CIRCUITS, PARAMETERS, UNITS, make_axes, make_frame

import amcspice as amc
from amcspice.view.choice import Choice, choose
from amcspice.view.points import Points, engineering, label, spacing
from amcspice.view.style import COLOURS, save
from amcspice.view.sweep_curves import PowerLaw, curves
from amcspice.view.sweep_plots import caption, sweep_plot


def make_points(axes=None, **how):
    axes = axes or make_axes()
    return Points(make_frame(axes, **how), axes, UNITS, PARAMETERS)


def drawn(figure):
    """Return the curves of each visible panel by their labels."""
    return [
        {line.get_label(): line for line in axis.lines if not line.get_label().startswith("_")}
        for axis in figure.axes
        if axis.get_visible() and axis.lines
    ]


def test_axes_are_chosen_from_the_sweep():
    choice = choose(make_points())
    assert choice == Choice("settling_time_median_s", "columns", "gbw", "circuit", "line")
    assert str(choice) == "line, y settling_time_median_s, x columns, by gbw, panel circuit"


def test_what_is_asked_for_is_kept_and_the_rest_chosen_around_it():
    choice = choose(make_points(), x="gbw", by="circuit", y="relative_error_median")
    assert choice == Choice("relative_error_median", "gbw", "circuit", "columns", "line")


def test_repeats_are_an_axis_only_if_there_is_no_other():
    axes = {"circuit": ["inv"], "columns": [8], "gbw": [1e8], "seed": [0, 1, 2]}
    assert choose(make_points(axes)).x == "seed"


def test_parameters_that_advance_together_are_one_axis():
    axes = make_axes()
    frame = make_frame(axes).assign(**{"columns+rows": "8, 32"})
    axes = {"circuit": axes["circuit"], "columns+rows": ["8, 32"], "seed": axes["seed"]}
    choice = choose(Points(frame, axes, UNITS, PARAMETERS))
    assert (choice.x, choice.by, choice.panel) == ("columns", "circuit", None)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"x": "collumns"}, r"no column 'collumns'; did you mean columns\?"),
        ({"y": "settling"}, "metrics: settling_time_median_s, relative_error_median"),
        ({"y": "problem"}, "'problem' holds no numbers"),
        ({"kind": "hist", "x": "columns"}, "a hist shows how y is distributed"),
        ({"kind": "pie"}, "no kind 'pie'; use line, heat, hist, ecdf"),
    ],
)
def test_what_cannot_be_drawn_is_refused(wanted, message):
    with pytest.raises(amc.InputError, match=message):
        choose(make_points(), **wanted)


def test_too_many_curves_are_refused_with_what_to_do():
    axes = make_axes(columns=range(2, 40), seeds=1)
    with pytest.raises(amc.InputError, match=r"columns has 38 values.*--where"):
        choose(make_points(axes), x="gbw", by="columns")


def test_heat_map_needs_two_axes():
    axes = {"circuit": ["inv"], "columns": [8, 16], "gbw": [1e8], "seed": [0, 1]}
    with pytest.raises(amc.InputError, match="takes two axes"):
        choose(make_points(axes), kind="heat")


def test_curves_are_medians_and_quartiles_of_the_repeats():
    points = make_points()
    choice = choose(points)
    panels = dict(curves(points, choice))
    assert list(panels) == list(CIRCUITS)
    curve = panels["inv"][1]
    frame = points.frame
    rows = frame[(frame.circuit == "inv") & (frame.gbw == 1e8) & (frame["columns"] == 32)]
    values = rows["settling_time_median_s"].dropna().astype(float)
    at = curve.x.index(32)
    assert (curve.value, curve.label) == (1e8, "100 MHz")
    assert curve.median[at] == values.median()
    assert (curve.low[at], curve.high[at]) == tuple(values.quantile([0.25, 0.75]))
    assert curve.count[at] == len(values)


def test_growth_is_the_exponent_that_the_points_were_made_with():
    points = make_points(make_axes(seeds=1), failures=False, spread=0.0)
    for circuit, members in curves(points, choose(points)):
        for curve in members:
            assert curve.growth.exponent == pytest.approx(CIRCUITS[circuit][1], abs=1e-9)
            assert curve.growth.error == pytest.approx(0, abs=1e-6)


def test_error_of_growth_is_that_of_least_squares():
    stats = pytest.importorskip("scipy.stats")
    draw = np.random.default_rng(1)
    x = np.array([1.0, 2, 4, 8, 16])
    y = x**0.5 * np.exp(0.1 * draw.standard_normal(5))
    law, expected = PowerLaw.of(x, y), stats.linregress(np.log(x), np.log(y))
    assert (law.exponent, law.error) == pytest.approx((expected.slope, expected.stderr))
    assert str(law) == f"{law.exponent:.2f} ± {law.error:.2f}"
    assert PowerLaw.of(x[:2], y[:2]) is None


def test_growth_over_few_sizes_has_no_error():
    x = np.array([1.0, 2, 4, 8])
    for count in (3, 4):
        law = PowerLaw.of(x[:count], np.array([1.0, 2.1, 3.9, 8.3])[:count])
        assert law.error is None
        assert "±" not in str(law)


def test_lines_show_medians_bands_and_exponents():
    points = make_points()
    figure = sweep_plot(points, choose(points))
    panels = drawn(figure)
    assert [axis.get_title(loc="left") for axis in figure.axes] == list(CIRCUITS)
    assert len(panels) == 3
    name = next(key for key in panels[1] if key.startswith("100 MHz"))
    assert "∝ columns$^{0.4" in name
    members = dict(curves(points, choose(points)))["ginv-compact"]
    np.testing.assert_array_equal(panels[1][name].get_ydata(), members[1].median)
    axis = figure.axes[0]
    assert (axis.get_xscale(), axis.get_yscale()) == ("log", "log")
    assert [text.get_text() for text in axis.get_xticklabels()] == ["8", "16", "32", "64", "128"]
    assert len(axis.collections) == 3  # bands


def test_legends_do_not_cover_curves():
    points = make_points()
    figure = sweep_plot(points, choose(points))
    figure.draw_without_rendering()
    for axis in figure.axes:
        bottom = axis.get_legend().get_window_extent().y0
        highest = max(line.get_ydata().max() for line in axis.lines)
        assert axis.transData.transform((8, highest))[1] < bottom


def test_parameters_that_only_together_tell_an_axis_apart_are_named_together():
    axes = make_axes()
    frame = make_frame(axes).assign(
        fidelity=lambda rows: rows["circuit"].map(
            {"ginv-classic": "flat", "ginv-compact": "flat", "inv": "reduced"}
        ),
        matrix=lambda rows: rows["circuit"].map(
            {"ginv-classic": "uniform", "ginv-compact": "sparse", "inv": "uniform"}
        ),
    )
    name = "fidelity+matrix"
    frame[name] = frame["fidelity"] + ", " + frame["matrix"]
    frame = frame.drop(columns="circuit")
    values = ["flat, uniform", "flat, sparse", "reduced, uniform"]
    axes = {name: values, **{key: axes[key] for key in ("columns", "gbw", "seed")}}
    points = Points(frame, axes, UNITS, PARAMETERS)
    choice = choose(points)
    assert choice == Choice("settling_time_median_s", "columns", "gbw", name)
    assert [value for value, _ in curves(points, choice)] == values
    assert list(points.leading) == [name, "columns", "gbw", "seed"]
    assert name not in points.metrics


def test_labels_that_would_touch_are_turned():
    axes = {"circuit": ["inv", "ginv-classic"], "columns": [8], "gbw": [1e8], "seed": [0]}
    frame = pd.concat(
        [make_frame(axes).assign(row_resistance=value) for value in (0.01, 0.1, 0.3, 1, 3, 10)]
    )
    axes = {**axes, "row_resistance": [0.01, 0.1, 0.3, 1, 3, 10], "seed": [0]}
    points = Points(frame, axes, UNITS, PARAMETERS)
    turned = sweep_plot(points, choose(points, panel="circuit"))
    turned.draw_without_rendering()
    rotations = {text.get_rotation() for axis in turned.axes for text in axis.get_xticklabels()}
    assert rotations == {35.0}
    straight = make_points()
    figure = sweep_plot(straight, choose(straight))
    assert {text.get_rotation() for text in figure.axes[0].get_xticklabels()} == {0.0}


def test_ticks_carry_units():
    points = make_points()
    figure = sweep_plot(points, choose(points, x="gbw", by="columns"))
    figure.draw_without_rendering()
    axis = figure.axes[0]
    assert [text.get_text() for text in axis.get_xticklabels()] == ["10 MHz", "100 MHz", "1 GHz"]
    assert "1 µs" in [text.get_text().replace("μ", "µ") for text in axis.get_yticklabels()]
    assert axis.get_ylabel() == "settling time, median"


def test_a_curve_looks_the_same_in_every_panel_and_colours_are_the_safe_ones():
    points = make_points()
    points = Points(
        points.frame.query("circuit != 'inv' or gbw > 1e7"), points.axes, UNITS, PARAMETERS
    )
    panels = drawn(sweep_plot(points, choose(points)))
    looks = [
        {
            name.split(",")[0]: (line.get_color(), line.get_linestyle())
            for name, line in panel.items()
        }
        for panel in panels
    ]
    assert looks[2] == {name: look for name, look in looks[0].items() if name != "10 MHz"}
    assert len({look for look in looks[0].values()}) == 3
    assert {colour for colour, _ in looks[0].values()} <= set(COLOURS)


def test_caption_says_what_is_missing():
    points = make_points()
    failed = int((points.frame.status == "failed").sum())
    unsettled = int((points.frame.settled == 0).sum())
    text = caption(points, choose(points))
    assert f"{225 - failed - unsettled} of 225 points drawn" in text
    assert f"{failed} failed" in text
    assert f"{unsettled} without a value (not settled)" in text
    assert "Median and quartiles over seed (5)" in text
    shown = sweep_plot(points, choose(points)).get_supxlabel()
    assert shown.replace("\n", " ") == text


def test_caption_names_what_was_mixed_and_what_was_held():
    axes = {"circuit": ["inv"], "columns": [8, 16, 32], "gbw": [1e8, 1e9], "seed": [0, 1]}
    points = make_points(axes)
    choice = Choice("relative_error_median", "columns")
    assert "over GBW (2), seed (2). At circuit inv." in caption(points, choice)


def test_points_at_zero_are_counted_where_the_axis_cannot_show_them():
    points = make_points(make_axes(seeds=1), failures=False)
    points.frame.loc[points.frame.index[:4], "settling_time_median_s"] = 0.0
    choice = choose(points)
    assert "zero" not in caption(points, choice)
    assert "4 at or below zero" in caption(points, choice, log=True)
    assert sweep_plot(points, choice).axes[0].get_yscale() == "linear"
    assert sweep_plot(points, choice, log=True).axes[0].get_yscale() == "log"


def test_axis_that_begins_with_zero_keeps_its_zero():
    axes = {"circuit": ["inv"], "columns": [0, 1, 10, 100], "gbw": [1e8], "seed": [0, 1]}
    frame = make_frame({**axes, "columns": [1, 2, 3, 4]}, failures=False)
    frame["columns"] = frame["columns"].map({1: 0, 2: 1, 3: 10, 4: 100})
    points = Points(frame, axes, UNITS, PARAMETERS)
    axis = sweep_plot(points, choose(points)).axes[0]
    assert axis.get_xscale() == "symlog"
    assert list(axis.lines[0].get_xdata()) == [0, 1, 10, 100]


def test_values_that_some_points_lack_are_a_curve_of_their_own():
    axes = {**make_axes(columns=(8, 16, 32), gbw=(1e8,), seeds=2), "levels": [4, None]}
    frame = make_frame({name: axes[name] for name in ("circuit", "columns", "gbw", "seed")})
    frame = pd.concat([frame.assign(levels=4), frame.assign(levels=None)], ignore_index=True)
    points = Points(frame, axes, UNITS, PARAMETERS)
    choice = choose(points, by="levels", y="relative_error_median")
    assert [curve.label for curve in next(iter(curves(points, choice)))[1]] == ["4", "none"]
    over = choose(points, x="levels", y="relative_error_median")
    unplaced = (frame.levels.isna() & frame.relative_error_median.notna()).sum()
    assert f"{unplaced} with no levels" in caption(points, over)


def test_names_are_not_joined_by_lines():
    points = make_points()
    figure = sweep_plot(points, choose(points, x="circuit", by="gbw"))
    for container in figure.axes[0].containers:
        assert container.lines[0].get_linestyle() == "None"
    assert [text.get_text() for text in figure.axes[2].get_xticklabels()] == list(CIRCUITS)


def test_a_metric_against_a_metric_is_scattered():
    points = make_points()
    choice = choose(
        points, x="settling_time_median_s", y="energy_median_j", by="circuit", panel="gbw"
    )
    axis = sweep_plot(points, choice).axes[0]
    lines = {line.get_label(): line for line in axis.lines}
    assert {line.get_linestyle() for line in lines.values()} == {"None"}
    assert (axis.get_xscale(), axis.get_yscale()) == ("log", "log")
    rows = points.frame[(points.frame.gbw == 1e7) & (points.frame.circuit == "inv")]
    held = rows.dropna(subset=["settling_time_median_s"])
    assert len(lines["inv"].get_xdata()) == len(held)
    assert "Taken together: columns (5), seed (5)" in caption(points, choice)


def test_heat_map_holds_the_medians_and_marks_what_is_missing():
    points = make_points()
    lost = (
        (points.frame.circuit == "inv")
        & (points.frame.gbw == 1e8)
        & (points.frame["columns"] == 16)
    )
    points.frame.loc[lost, "settling_time_median_s"] = np.nan
    figure = sweep_plot(points, choose(points, kind="heat"))
    axis = figure.axes[2]
    cells = axis.collections[0].get_array()
    assert cells.shape == (3, 5)
    assert cells.mask.sum() == 1
    assert cells.mask[1, 1]
    assert isinstance(axis.collections[0].norm, LogNorm)
    members = {curve.value: curve for curve in dict(curves(points, choose(points)))["inv"]}
    np.testing.assert_allclose(cells[0], members[1e7].median)
    texts = [text.get_text() for text in axis.texts]
    assert len(texts) == 15
    assert texts.count("-") == 1


@pytest.mark.parametrize("kind", ["hist", "ecdf"])
def test_distributions_hold_every_value(kind):
    points = make_points()
    choice = choose(points, kind=kind, y="relative_error_median")
    assert (choice.x, choice.by) == (None, "circuit")
    figure = sweep_plot(points, choice)
    count = int(points.frame.relative_error_median.notna().sum())
    visible = [axis for axis in figure.axes if axis.get_visible()]
    if kind == "hist":
        heights = sum(patch.get_xy()[:, 1].max() > 0 for axis in visible for patch in axis.patches)
        assert heights
    else:
        steps = sum(len(line.get_ydata()) - 1 for axis in visible for line in axis.lines)
        assert steps == count
    assert all(axis.get_xscale() == "log" for axis in visible)
    assert "Taken together: GBW (3), seed (5)" in caption(points, choice)


@pytest.mark.parametrize("suffix", [".svg", ".pdf", ".png"])
def test_figures_are_written(suffix, tmp_path):
    points = make_points(make_axes(columns=(8, 16), gbw=(1e8,), seeds=2))
    save(sweep_plot(points, choose(points)), tmp_path / f"f{suffix}")
    assert (tmp_path / f"f{suffix}").stat().st_size > 1000


def test_a_sweep_in_which_everything_failed_has_nothing_to_draw():
    points = make_points(make_axes(seeds=1))
    points.frame["status"] = "failed"
    for name in points.metrics:
        points.frame[name] = None
    points = Points(points.frame, points.axes, UNITS, PARAMETERS)
    with pytest.raises(amc.InputError, match="no point has a measured number"):
        choose(points)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([8, 16, 32, 64], "log"),
        ([1, 2, 5, 10, 20, 50], "log"),
        ([1, 2, 3, 4, 5], "linear"),
        ([10, 20, 30], "linear"),
        ([1e7, 1e9], "log"),
        ([8, 16], "linear"),
        ([0, 0.1, 1, 10], "symlog"),
        ([0, 1, 2, 3], "linear"),
        ([-1, 1, 10], "linear"),
        ([5], "linear"),
    ],
)
def test_spacing(values, expected):
    assert spacing(values) == expected


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (1e7, "Hz", "10 MHz"),
        (0.5, "ohm", "500 mΩ"),
        (32, "", "32"),
        (1.23456e-5, "", "1.235e-05"),
        (True, "", "yes"),
        (None, "Hz", "none"),
        (float("nan"), "s", "-"),
        ("inv", "", "inv"),
    ],
)
def test_engineering(value, unit, expected):
    assert engineering(value, unit) == expected


def test_labels_are_words_without_the_unit():
    assert label("settling_time_median_s", "s") == "settling time, median"
    assert label("power_total_w", "W") == "power total"
    assert label("gbw", "Hz") == "GBW"
    assert label("relative_error_max") == "relative error, max"
