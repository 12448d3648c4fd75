"""What a second-order step takes, against formulas of its own, and the pages that state it."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import amcspice as amc
from amcspice.algorithm import AnalogInverse
from amcspice.algorithm.curvature import (
    Core,
    Gains,
    LayerStep,
    break_even_width,
    stated_factors,
    with_tiles,
)
from amcspice.algorithm.curvature import core as core_module
from amcspice.cli import main
from amcspice.system import Cost, Technology, Work
from amcspice.view import second_order as view

ROOT = Path(__file__).resolve().parents[1]
TEXT = {
    name: (ROOT / "docs" / name).read_text()
    for name in ("inverses.md", "published/second-order.md")
}
CORE = Core(1e11, {n: 2e-11 * n**3 for n in (16, 1024)}, {n: 2e-10 * n**3 for n in (16, 1024)})
TYPICAL = Technology.load("typical")


def test_a_digital_step_is_the_sum_of_its_products_and_inverses():
    parts = LayerStep(100, 30, every=4).digital(CORE)
    assert parts == pytest.approx(
        {
            "gradient": 3 * 2 * 30 * 100**2 / 1e11,  # forward, by inputs, by weights
            "factors": 2 * 2 * 30 * 100**2 / 1e11,
            "inversion": 2 * 2e-11 * 100**3 / 4,
            "preconditioning": 2 * 2 * 100**3 / 1e11,
        }
    )
    eigen = LayerStep(100, 30, every=4).digital(CORE, by_eigenvectors=True)
    assert eigen["inversion"] == pytest.approx(10 * parts["inversion"])


def test_a_chip_of_no_time_gives_the_limit_and_writing_takes_from_it():
    free = TYPICAL.changed(dac_time=1e-30, adc_time=1e-30, bandwidth=1e30, settling_factor=1e-12)
    for step in (LayerStep(64, 64), LayerStep(2000, 500, 7)):
        for applies in (False, True):
            limit = step.limit(CORE, applies=applies)
            ideal = step.gain(CORE, free, applies=applies, writing=False)
            assert ideal == pytest.approx(limit, rel=1e-6)
            assert step.gain(CORE, TYPICAL, applies=applies) < limit
            assert step.energy_gain(CORE, TYPICAL, applies=applies) < limit
            share = step.share(CORE, applies=applies)
            assert limit == pytest.approx(1 / (1 - share))
    once, seldom = LayerStep(200, 64), LayerStep(200, 64, 10)
    parts = [step.analog(CORE, TYPICAL)["writing"] for step in (once, seldom)]
    assert parts[0] == pytest.approx(10 * parts[1])
    for step in (once, seldom):  # J of what writing adds, a step
        groups = Cost(stated_factors(200, 2, 400), TYPICAL).groups
        core = TYPICAL["core_power"] * sum(step.digital(CORE).values())
        more, less = (
            core / step.energy_gain(CORE, TYPICAL, writing=writing) for writing in (True, False)
        )
        assert more - less == pytest.approx(groups["writing"].energy / step.every)


def test_stated_work_is_what_the_ledger_of_an_inverse_says():
    n, asked = 12, 7
    X = np.random.default_rng(0).standard_normal((n, 3 * n))
    chip = amc.Chip(opamp="onchip-1g", seed=1)
    inverse = AnalogInverse(chip)
    inverse.program(X @ X.T / (3 * n) + 0.3 * np.eye(n))
    inverse.solve(np.random.default_rng(1).standard_normal((n, asked)))
    ran, stated = Work.of(chip.ledger), stated_factors(n, 1, asked)
    assert [(w.count, w.rows, w.cells, w.values) for w in ran.writings] == [
        (w.count, w.rows, w.cells, w.values) for w in stated.writings
    ]
    for name in ("count", "dac", "adc"):
        assert getattr(ran.operated, name) == getattr(stated.operated, name)
    times = [Cost(work, TYPICAL).time["write"] for work in (ran, stated)]
    assert times[0] == pytest.approx(times[1])


def test_break_even_is_the_first_width_at_which_the_chip_wins():
    width = break_even_width(CORE, TYPICAL)
    writing = TYPICAL.writing

    def chip(n):
        slots = 2 * n * writing.slowest_pulses(n + 2) * writing.slot
        reading = n * (TYPICAL["dac_time"] + n * TYPICAL["adc_time"] + 10e-9)
        return slots + reading

    assert chip(width) < 2e-11 * width**3
    assert chip(width - 1) > 2e-11 * (width - 1) ** 3
    assert break_even_width(CORE, TYPICAL, by_eigenvectors=True) < width
    slow = Core(1e11, {16: 1e-30, 64: 1e-29}, CORE.eigenvectors)
    assert break_even_width(slow, TYPICAL) is None
    quick = with_tiles(TYPICAL, 1000, 250)
    assert quick["rows_at_once"] == 4 * TYPICAL["rows_at_once"]
    assert break_even_width(CORE, quick) < width


def test_times_of_a_core_follow_powers_between_and_cubes_beyond(monkeypatch):
    core = Core(1e11, {10: 1e-6, 100: 1e-4}, {10: 1e-5, 100: 1e-3})
    assert core.inverting(10) == pytest.approx(1e-6)
    assert core.inverting(np.sqrt(1000)) == pytest.approx(1e-5)
    assert core.inverting(1000) == pytest.approx(1e-1)
    monkeypatch.setattr(core_module, "LONG_ENOUGH", 1e-3)
    measured = Core.measure((16, 48))
    assert measured.product_rate > 1e8
    assert 0 < measured.inversion[16] < measured.eigenvectors[48]
    with pytest.raises(amc.InputError, match="two or more"):
        Core.measure((16,))
    with pytest.raises(amc.InputError, match="batch = 0"):
        LayerStep(16, 0)


def test_plots_say_what_they_are_given():
    cost = Cost(stated_factors(32, 2, 64), TYPICAL)
    figure = view.update_cost({"typical": cost.groups})
    told = " ".join(text.get_text() for axes in figure.axes for text in axes.texts)
    assert f"{cost.writing_over_operations[0]:.3g} x" in told
    heights = sum(bar.get_height() for bar in figure.axes[0].patches)
    assert heights == pytest.approx(1e6 * cost.counted.time, rel=1e-6)
    maps = view.gain_maps([64, 128, 256], [64, 128], {"limit": np.full((2, 3), 2.0)})
    assert maps.axes[0].get_xlabel() == "width of the layer"
    lines = view.break_even([8, 16], {"core": [1e-6, 1e-5]}).axes[0].lines
    np.testing.assert_allclose(lines[0].get_ydata(), [1e-3, 1e-2])
    assert view.stability([0.5, 1.0], {"all": [0.0, 0.5]}).axes[0].lines[0].get_ydata()[1] == 50


def test_gains_from_the_command_line_are_those_of_the_steps(tmp_path):
    plot, told = tmp_path / "gain.png", tmp_path / "gain.json"
    options = ["--widths", "64,2048", "--batches", "64,4096", "--every", "3"]
    outcome = CliRunner().invoke(
        main, ["train", "gain", *options, "--plot", str(plot), "--json", str(told)]
    )
    assert outcome.exit_code == 0, outcome.output
    found = json.loads(told.read_text())
    assert plot.stat().st_size > 1000
    core = Core(
        found["core"]["product_rate"],
        {int(n): t for n, t in found["core"]["inversion"].items()},
        {int(n): t for n, t in found["core"]["eigenvectors"].items()},
    )
    step = LayerStep(2048, 64, 3)
    assert found["counted"][0][1] == pytest.approx(step.gain(core, TYPICAL, applies=True))
    assert found["limit"][0][1] == pytest.approx(step.limit(core, applies=True))
    assert f"{found['counted'][0][1]:.2f} (" in outcome.output
    assert found["break_even_width"] == break_even_width(core, TYPICAL)


def test_a_break_even_below_what_was_measured_is_told_as_one():
    outcome = CliRunner().invoke(
        main, ["train", "gain", "--technology", "best", "--widths", "64", "--batches", "64"]
    )
    assert "on the chip from 16 rows on, or fewer, writing counted" in outcome.output


def test_gains_of_no_widths_are_refused():
    for widths, batches in (([], [64]), ([64, 32], [64]), ([64], [0])):
        with pytest.raises(amc.InputError, match="ascending"):
            Gains.of(CORE, TYPICAL, widths, batches)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--widths", "8,4"], "ascending"),
        (["--batches", "0,4"], "from 1"),
        (["--widths", "x"], "whole numbers"),
        (["--plot", "gain.txt"], "unknown type"),
        (["--widths", "64", "--plot", "gain.png"], "two widths"),
        (["--technology", "typcal"], "typical"),
    ],
)
def test_what_gains_cannot_be_told_of_is_refused(options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = CliRunner().invoke(main, ["train", "gain", *options])
    assert outcome.exit_code == 2
    assert message in outcome.output
    assert not list(tmp_path.iterdir())


# -- the pages ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def script():
    """Return scripts/second_order.py as a module."""
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(str(ROOT / "scripts"))
    path = ROOT / "scripts" / "second_order.py"
    specification = importlib.util.spec_from_file_location("second_order", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    yield module
    patch.undo()
    sys.modules.pop("update_readme", None)


def rows(page, name):
    found = re.search(rf"<!-- {name}:begin -->\n(.*?)\n<!-- {name}:end -->", TEXT[page], flags=re.S)
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in found[1].splitlines()[2:]]


def test_stability_on_the_page_is_as_foretold():
    told = {float(row[0]): int(row[1].split()[0]) for row in rows("inverses.md", "stability")}
    assert told[0.75] == told[0.5] == 0
    assert told[1.5] > 90
    assert told[1.0] < 50


def test_update_on_the_page_is_that_of_the_ledger(script):
    """After a change: scripts/second_order.py update."""
    first = rows("inverses.md", "update")[0]
    cost = script.updated("typical", 1)
    assert first[2] == f"{cost.work.cells:,}"
    assert first[3] == str(sum(asked for _, asked in script.FACTORS.values())) == "221"
    assert float(first[7]) == pytest.approx(cost.writing_over_operations[0], rel=0.01)
    assert float(first[7]) > 100  # writing is what an update takes
    seldom = rows("inverses.md", "update")[1]
    assert float(seldom[7]) == pytest.approx(float(first[7]) / 12, rel=0.02)


def test_solutions_on_the_page_were_confirmed_in_ngspice():
    for row in rows("inverses.md", "verification"):
        assert row[-1] == "true"
        assert float(row[2]) < 1e-5


def test_claims_on_the_page_are_those_of_its_tables():
    page = "published/second-order.md"
    conditions, energies = (rows(page, name) for name in ("conditions", "energy"))
    claims = rows(page, "claims")
    assert claims[0][2].endswith(rows(page, "break-even")[0][1])
    tiles = next(row for row in conditions if row[0].startswith("all tiles"))
    assert f"{float(tiles[2].strip('*')):.2f} times" == claims[1][2]
    assert f"{float(tiles[3].strip('*')):.2f} times" == claims[2][2]
    assert f"{float(energies[1][3].strip('*')):.2f} times" == claims[4][2]
    for row in conditions:
        for cell in row[1:]:
            assert cell.startswith("**") == (float(cell.strip("*")) >= 5.88)
    ignored, counted = conditions[4], conditions[1]
    assert all(
        float(a.strip("*")) > float(b.strip("*"))
        for a, b in zip(ignored[1:], counted[1:], strict=True)
    )
