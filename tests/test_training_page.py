"""docs/training.md: its tables are those of the script, and what it says follows from them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from letters import LETTERS, needs_letters

from amcspice.workload.training import GRIDS, KFAC, OPTIMISERS, read_letters, train

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "training.md").read_text()


def rows(name):
    text = re.search(rf"<!-- {name}:begin -->\n(.*?)\n<!-- {name}:end -->", TEXT, flags=re.S)[1]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()][2:]


def numbers(cell):
    return [float(each) for each in re.findall(r"-?\d+\.?\d*", cell)]


def test_defaults_are_the_best_of_their_grids():
    assert [row[0] for row in rows("grid")] == [*GRIDS]
    for name, grid, best, _ in rows("grid"):
        expected = [getattr(OPTIMISERS[name](), field) for field in GRIDS[name]]
        assert numbers(best) == expected
        for field, values in GRIDS[name].items():
            assert f"{field} {', '.join(f'{value:g}' for value in values)}" in grid


def test_what_is_saved_on_the_letters():
    epochs = {row[0]: numbers(row[1]) for row in rows("epochs")}
    assert epochs["kfac"][0] < 0.6 * epochs["sgdm"][0]
    assert epochs["kfac"][0] < 0.55 * epochs["adam"][0]
    # The ceilings of accuracy stand beside it, that of K-FAC below.
    best = {row[0]: numbers(row[3])[0] for row in rows("epochs")}
    assert best["kfac"] == min(best[name] for name in OPTIMISERS)


def test_no_line_holds_the_published_pair():
    for _, *savings, _ in rows("definitions"):
        for pair in (savings[:2], savings[2:]):
            apart = []
            for cell, published in zip(pair, (26, 61), strict=True):
                mean, spread = numbers(cell)[:2]
                apart.append(abs(mean - published) > spread)
            assert any(apart)


def test_a_digital_mean_trains_as_exact_inverses_do():
    held = {}
    for title, name, epochs, ratio, farthest, unstable in rows("analog"):
        held.setdefault(title or [*held][-1], {})[name] = epochs, ratio, farthest, unstable
    assert len(held) == 2
    for ways in held.values():
        _, ratio, _, unstable = ways["16 levels, 2 %"]
        assert abs(float(ratio) - 1) < 0.05
        assert int(unstable) == 0
        _, _, _, failed = ways["16 levels, 2 %, mean in the array"]
        assert int(failed) > 0
        _, _, farthest, unstable = ways["16 levels, 0.6 %, circuits in time"]
        assert float(farthest) < 0.2
        assert int(unstable) == 0


def test_advantages_end_where_they_are_said_to():
    *table, limits = rows("noise")
    reached = {
        numbers(noise)[0]: (
            "of" not in raw and raw != "never",
            "of" not in kept and kept != "never",
        )
        for noise, raw, _, kept, _ in table
    }
    assert reached[5] == (True, True)
    assert reached[6] == (False, True)
    assert reached[8] == (False, False)
    assert 5 < numbers(limits[1])[0] < 6.5
    assert 6 < numbers(limits[3])[0] < 8


@needs_letters
def test_an_entry_of_the_page_is_what_comes_out():
    course = train(read_letters(LETTERS), KFAC(), epochs=4, seed=0)
    mean, spread = numbers(next(row for row in rows("epochs") if row[0] == "kfac")[1])
    assert abs(course.epochs_to_loss(0.1) - mean) < 3 * spread
    assert np.isfinite(course.loss).all()
    assert course.loss[0] == pytest.approx(course.loss.max())
