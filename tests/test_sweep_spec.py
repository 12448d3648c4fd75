"""Specifications: what they mean, and that each mistake is refused with its line."""

import re
import time
from pathlib import Path

import pytest

from amcspice.errors import InputError
from amcspice.sweep.spec.plan import make_grid, make_plan
from amcspice.sweep.spec.specification import Range, parse_spec, read_spec
from amcspice.toml_lines import line_of

GOOD = """\
name = "a trial"
repeats = 2

[base]
problem = "nnls"
gbw = "100 MHz"
seed = 5

[axes]
wire_resistance = ["0 ohm", 1, "2.5 ohm"]
gbw = { from = "10 MHz", to = "10 GHz", points = 4, scale = "log" }

[[zip]]
columns = [8, 16]
levels = [16, "none"]
"""


def plan_of(text):
    return make_plan(make_grid(parse_spec(text)))


def refused(text, *words):
    with pytest.raises(InputError) as caught:
        plan_of(text)
    for word in words:
        assert word in str(caught.value), str(caught.value)
    assert "\n" not in str(caught.value)


def axis(text):
    """Return the values of the one axis that a line describes."""
    (values,) = make_grid(parse_spec(f"[axes]\n{text}\n")).named().values()
    return values


def test_a_plan_is_the_product_of_its_axes():
    plan = plan_of(GOOD)
    assert plan.name == "a trial"
    assert len(plan) == 3 * 4 * 2 * 2 == len(set(plan.keys))
    assert plan.grid.named() == {
        "wire_resistance": [0.0, 1.0, 2.5],
        "gbw": [1e7, 1e8, 1e9, 1e10],
        "columns": [8, 16],
        "seed": [5, 6],
    }
    first, last = plan.parameters(0), plan.parameters(len(plan) - 1)
    names = ("wire_resistance", "gbw", "columns", "levels", "seed", "problem")
    assert [first[name] for name in names] == [0.0, 1e7, 8, 16, 5, "nnls"]
    assert [last[name] for name in names] == [2.5, 1e10, 16, None, 6, "nnls"]
    assert plan.parameters(1)["seed"] == 6  # the innermost axis


def test_places_and_numbers_of_points_agree():
    grid = make_grid(parse_spec(GOOD))
    for index in (0, 1, 7, len(grid) - 1):
        assert grid.index(grid.places(index)) == index


def test_no_axes_are_one_point():
    plan = plan_of('[base]\nproblem = "inv"\n')
    assert len(plan) == 1
    assert plan.grid.named() == {}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('gbw = { from = "1 MHz", to = "16 MHz", factor = 2 }', [1e6, 2e6, 4e6, 8e6, 16e6]),
        ('gbw = { from = "1 MHz", to = "3 MHz", step = "1 MHz" }', [1e6, 2e6, 3e6]),
        ("gbw = { from = 1e6, to = 2e6, points = 3 }", [1e6, 1.5e6, 2e6]),
        ("columns = { from = 8, to = 100, factor = 2 }", [8, 16, 32, 64]),
        ("columns = { from = 2, to = 9, step = 3 }", [2, 5, 8]),
        ('columns = { from = 2, to = 8, points = 9, scale = "log" }', [2, 3, 4, 5, 6, 7, 8]),
        ("write_noise = { from = 0, to = 0.3, step = 0.1 }", [0.0, 0.1, 0.2, 0.3]),
        (
            'gbw = { from = "1 MHz", to = "10 MHz", points = 4, scale = "log" }',
            [1e6, 2154434.69003, 4641588.83361, 1e7],
        ),
        ("hold = [true, false]", [True, False]),
        ('circuit = ["ginv-classic", "ginv-compact"]', ["ginv-classic", "ginv-compact"]),
    ],
)
def test_ranges(text, values):
    assert axis(text) == values


def test_a_zip_without_a_parameter_of_its_own_values_is_named_for_all():
    text = """
        [[zip]]
        circuit = ["ginv-compact", "ginv-compact", "ginv-classic"]
        levels = [4, 8, 4]
        """
    grid = make_grid(parse_spec(text))
    assert grid.named() == {
        "circuit+levels": ["ginv-compact, 4", "ginv-compact, 8", "ginv-classic, 4"]
    }


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("colums = [8, 16]", ["line 5", "colums", "did you mean columns?"]),
        ('gbw = ["10 ohm"]', ["line 5", "gbw", "Hz"]),
        ("gbw = [-1]", ["line 5", "gbw", "above 0"]),
        ("columns = [8.5]", ["line 5", "whole number"]),
        ("columns = []", ["line 5", "columns", "empty"]),
        ("columns = 8", ["line 5", "columns", "[base]"]),
        ("columns = [[8]]", ["line 5", "columns"]),
        ("columns = [8, 16, 8]", ["line 5", "columns = 8", "twice"]),
        ("columns = { from = 8, to = 64 }", ["line 5", "points, step and factor"]),
        ("columns = { from = 8, to = 64, points = 3, step = 2 }", ["line 5", "points and step"]),
        ("columns = { from = 8, to = 64, point = 3 }", ["line 5", "did you mean points?"]),
        ("columns = { from = 8, points = 3 }", ["line 5", "to is missing"]),
        ("columns = { from = 64, to = 8, factor = 2 }", ["line 5", "from < to"]),
        ("columns = { from = 8, to = 64, factor = 1 }", ["line 5", "greater than 1"]),
        ("columns = { from = 8, to = 64, step = 0 }", ["line 5", "above 0"]),
        ("columns = { from = 8, to = 64, points = 1 }", ["line 5", "points"]),
        ('columns = { from = 8, to = 64, points = 3, scale = "cubic" }', ["line 5", "'log'"]),
        ("circuit = { from = 1, to = 3, step = 1 }", ["line 5", "list"]),
        ("seed = [1, 2]", ["line 5", "repeats"]),
        ('circuit = ["ginv-compct"]', ["line 5", "circuit", "ginv-compact"]),
    ],
)
def test_mistakes_on_an_axis_are_refused_with_their_line(line, words):
    refused(f'repeats = 2\n[base]\nproblem = "nnls"\n[axes]\n{line}\n', "sweep.toml", *words)


def test_mistakes_in_the_base_are_refused_with_their_line():
    refused('[base]\n\n# of the amplifier\ngbw = "3 V"\n', "line 4", "base.gbw", "Hz")
    refused("[base]\nproblm = 3\n", "line 2", "did you mean problem?")
    refused("[base]\ncolumns = [8]\n", "line 2", "[axes]")
    refused("repeats = 0\n", "line 1", "repeats", "greater than or equal to 1")
    refused("repeat = 2\n", "line 1", "did you mean repeats?")
    refused("name = 3\n", "line 1", "name")


def test_mistakes_of_syntax_have_line_and_column():
    refused("[axes]\ncolumns = [8,, 16]\n", "line 2, column 14", "TOML")
    refused("[axes]\ncolumns = [8\n", "line 2", "TOML")
    refused("[base]\ngbw = 1\ngbw = 2\n", "line 3", "overwrite")


def test_zips_of_unequal_length_are_refused():
    refused("[[zip]]\nrows = [8, 16]\ncolumns = [2]\n", "line 3", "zip.columns", "1 value", "2")
    refused("[[zip]]\n", "line 1", "empty")


def test_the_same_parameter_twice_is_refused():
    text = "[axes]\ncolumns = [8]\n\n[[zip]]\nlevels = [4]\ncolumns = [8]\n"
    refused(text, "line 6", "columns varies already in line 2")


def test_impossible_combinations_are_refused():
    text = '[base]\nproblem = "inv"\n[axes]\ncolumns = [8, 16]\nrows = [8, 16]\n'
    refused(text, "line 4", "square", "columns = 16", "rows = 8")
    text = '[base]\nproblem = "mvm"\ncircuit = "ginv-compact"\n[axes]\ncolumns = [8]\n'
    refused(text, "line 2", "ginv-compact", "mvm")
    # Possible at the first value of every axis, impossible at one corner only.
    text = (
        '[base]\nread_noise = 0.1\n[axes]\ndevice = ["ideal"]\nfidelity = ["flat", "reduced"]\n'
        'noise_bandwidth = ["none", "1 MHz"]\n'
    )
    refused(text, "fluctuate", "fidelity = reduced")


def test_two_points_that_are_the_same_experiment_are_refused():
    text = '[axes]\ncolumns = [8]\nrows = [32, "default"]\n'  # nnls has four rows a column
    refused(text, "line 3", "same experiment", "rows = 32", "rows = None")


def test_the_example_of_the_documentation():
    page = Path(__file__).parents[1] / "docs" / "sweeps.md"
    text = re.search(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)[1]
    plan = plan_of(text)
    assert f"{' x '.join(map(str, map(len, plan.grid.axes)))} = {len(plan)}" in page.read_text()


def test_files_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "sweep.toml"
    with pytest.raises(InputError, match="cannot be read"):
        read_spec(path)
    path.write_bytes(b"name = 'x'\n\xff\xfe")
    with pytest.raises(InputError, match="line 2"):
        read_spec(path)
    path.write_bytes(b"#" * 2_000_000)
    with pytest.raises(InputError, match="no specification"):
        read_spec(path)


def test_lines_are_found_whatever_stands_around_the_key():
    text = (
        'a = """\n[b]\nc = 1\n"""\n\n[b] # c = 2\n# c\nc = [\n 1,\n]\nd.e = 1\n[[f]]\n[[f]]\ng = 1'
    )
    assert line_of(text, ["b", "c"]) == 8
    assert line_of(text, ["b", "d", "e"]) == 11
    assert line_of(text, ["f", 1, "g"]) == 14
    assert line_of(text, ["b", "x"]) is None


def test_many_points_are_planned_quickly():
    text = (
        "repeats = 20\n[axes]\ncolumns = { from = 1, to = 10, step = 1 }\n"
        "gbw = { from = 1e6, to = 2e6, points = 10 }\n"
    )
    plan_of(text.replace("repeats = 20", "repeats = 1"))  # imports and caches
    started = time.process_time()
    assert len(plan_of(text)) == 2_000
    assert time.process_time() - started < 4  # 0.2 s here: 10 s for 100,000


def test_ranges_are_immutable():
    limits = Range.model_validate({"from": 1, "to": 2, "points": 2})
    with pytest.raises(ValueError, match="frozen"):
        limits.points = 3
