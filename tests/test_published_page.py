"""docs/published/nmf.md: tables are those of the script, verdicts follow from their figures."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest

from amcspice.system import Cost, Technology, Work
from amcspice.system.work import Operated, Writing

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "published" / "nmf.md"
TEXT = PAGE.read_text()


@pytest.fixture(scope="module")
def script():
    """Return scripts/published_nmf.py as a module."""
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(str(ROOT / "scripts"))
    path = ROOT / "scripts" / "published_nmf.py"
    specification = importlib.util.spec_from_file_location("published_nmf", path)
    module = importlib.util.module_from_spec(specification)
    sys.modules["published_nmf"] = module  # dataclasses look there
    specification.loader.exec_module(module)
    yield module
    patch.undo()
    for name in ("published_nmf", "update_readme"):
        sys.modules.pop(name, None)


def on_page(name):
    return re.search(rf"<!-- {name}:begin -->\n(.*?)\n<!-- {name}:end -->", TEXT, flags=re.S)[1]


def cells(text):
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_tables_that_are_the_same_everywhere_are_those_of_the_script(script):
    """After a change: scripts/published_nmf.py published gpu asic."""
    assert on_page("published") == script.published_table()
    assert on_page("gpu") == script.gpu_table()
    assert on_page("asic") == script.asic_table()


def test_settling_on_the_page_is_that_of_the_script(script):
    """After a change: scripts/published_nmf.py size."""
    rows = cells(on_page("size"))[2:]
    assert [row[0] for row in rows] == [f"{m} x 8" for m in script.ROWS]
    for m, (_, told) in zip(script.ROWS[:3], rows, strict=False):
        assert float(told.split()[0]) == pytest.approx(script.settling(m) * 1e9, rel=0.01)
    times = [float(told.split()[0]) for _, told in rows]
    assert max(times) / min(times) < 2 < script.ROWS[-1] / script.ROWS[0]


def test_verdicts_follow_from_the_figures_on_the_page(script):
    text = on_page("claims")
    head, _, *rows = cells(text)
    assert head == ["claim", "stated", "against", *script.CONDITIONS, "here"]
    sentences = [line for line in text.splitlines() if line.startswith("- ")]
    for row, told in zip(rows, sentences, strict=True):
        name, claimed, against, *figures, here = row
        values = [float(figure) for figure in figures]
        assert here == script.verdict(values, float(claimed)), row
        assert told == script.sentence(name, float(claimed), against, values)
    published = script.Published.load()
    stated = {row[0]: float(row[1]) for row in rows}
    assert stated["MovieLens 100k, speed"] == published["speed_movielens"]
    assert stated["Netflix, speed"] == published["speed_netflix"]
    assert stated["Netflix, energy"] == published["energy_netflix"]


def test_ratios_on_the_page_are_those_of_its_times():
    """The table of claims against that of iterations, which has three digits."""
    head, _, *iterations = cells(on_page("iteration"))
    assert head[2:5] == ["time, writing counted", "ignored", "one core"]
    names = {"picture, speed": 0, "MovieLens 100k, speed": 3, "Netflix, speed": 6}
    for row in cells(on_page("claims"))[2:]:
        if row[0] in names and row[2] == "one core":
            first = names[row[0]]
            lines = iterations[first : first + 3]
            number = [[float(cell.split()[0]) for cell in line[2:]] for line in lines]
            ratios = [line[2] / line[0] for line in number] + [line[2] / line[1] for line in number]
            assert [float(cell) for cell in row[3:9]] == pytest.approx(ratios, rel=0.02)


def test_an_iteration_is_what_the_model_gives(script):
    """One writing of 1000 rows and 5000 operations in eight iterations, by hand."""
    of = Technology.load("typical")
    operated = Operated(count=5000, settling=5000 * 80e-9, dac=100_000, adc=40_000)
    work = Work((Writing(8, 1000, 16_000, 8000, 0.0),), operated)
    made = script.Workload("by hand", work, 0.8, "none", place=script.PLACE)
    core = made.core_iteration
    assert (core.time, core.energy) == (0.1, 0.1 * of["core_power"])
    write = 1000 * of.writing.slowest_pulses(16) * of.writing.slot
    operate = 5000 * (80e-9 + of["dac_time"]) + 40_000 * of["adc_time"]
    counted = made.iteration("1 macro", writing=True)
    assert counted.time == pytest.approx(write + operate / 8, rel=1e-9)
    rest = made.iteration("64 macros", writing=False)
    moved = 140_000 * (of["value_bytes"] + 4)
    assert rest.time == pytest.approx(max(operate / 64, moved / of["bandwidth"]) / 8, rel=1e-9)
    whole = Cost(work, of)
    extra = 4 * (140_000 + 8 * 8000) * (of["buffer_energy"] + of["dram_energy"])
    assert counted.energy == pytest.approx((whole.counted.energy + extra) / 8, rel=1e-9)
    assert script.ratios(made, core, "time")[0] == pytest.approx(0.1 / counted.time, rel=5e-3)


def test_the_scaled_workload_has_the_stated_size(script, monkeypatch):
    """Rows by users and items, inputs by ratings; the core's time by ratings."""
    operated = Operated(count=8 * 2593, settling=1e-3, dac=8 * 160_000, adc=8 * 2593 * 8)
    writings = (Writing(8, 943, 25_461, 7544, 0.0), Writing(8, 1650, 37_950, 13_200, 0.0))
    small = script.Workload("small", Work(writings, operated), 0.032, "none", place=4)
    monkeypatch.setattr(script, "movielens", lambda: small)
    large = script.netflix.__wrapped__()
    rows = sum(item.count * item.rows for item in large.work.writings) / script.ITERATIONS
    assert rows == pytest.approx(script.NETFLIX_USERS + script.NETFLIX_ITEMS, rel=1e-3)
    assert large.work.operated.dac == 2 * script.NETFLIX_RATINGS * script.ITERATIONS
    assert large.core == pytest.approx(0.032 * script.NETFLIX_RATINGS / 80_000)


@pytest.mark.parametrize(
    ("figures", "said"),
    [([13, 12], "confirmed"), ([11.9, 12], "confined to conditions"), ([1, 11.9], "not met")],
)
def test_what_a_verdict_is(script, figures, said):
    assert script.verdict(figures, 12) == said
    padded = [figures[0]] * 5 + figures[1:]
    told = script.sentence("Netflix, speed", 12, "one core", padded)
    assert told.startswith(f"- Netflix, speed, 12 times that of one core: {said}")
    assert told.endswith(f"found {min(figures):.3g} to {max(figures):.3g}.")
