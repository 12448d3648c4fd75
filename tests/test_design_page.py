"""docs/design.md: what its tables say is what its script gives, and what the text claims."""

from __future__ import annotations

import re
from pathlib import Path

import design_script
import pytest

import amcspice as amc

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "design.md").read_text()


@pytest.fixture(scope="module")
def script():
    """Return scripts/design_answers.py as a module."""
    return design_script.load()


def rows(name):
    text = re.search(rf"<!-- {name}:begin -->\n(.*?)\n<!-- {name}:end -->", TEXT, flags=re.S)[1]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()][2:]


def numbers(cell):
    return [float(word) for word in re.findall(r"-?[\d.]+(?:e[+-]?\d+)?", cell)]


def test_shares_add_up_on_the_page():
    table = rows("budget")
    assert len(table) == 4
    for _, span, mean, _, seconds in table:
        low, high = numbers(span)
        assert 0.85 < low <= high < 1.15
        assert abs(numbers(mean)[0] - 1) < 0.03
        assert numbers(seconds)[0] < 3


def test_a_share_on_the_page_is_that_of_the_script(script):
    table = rows("closed")
    _, seeds, *shares, _ = next(row for row in table if row[1] == "10")
    A, b = script.linear_system(seed=0)
    circuit = amc.make_circuit("inv", A, circuit="inv", **script.LINEAR)
    found = amc.error_budget(circuit, b, seeds=int(seeds)).shares
    names = ("quantisation", "gain", "write_noise", "offset")
    for name, cell in zip(names, shares, strict=True):
        assert found[name].share == pytest.approx(numbers(cell)[0], abs=6e-4)
    assert all(numbers(row[-1])[0] <= 15 for row in table)


def test_margins_on_the_page_are_confirmed_by_ngspice():
    confirmed = [row for row in rows("margin") if row[2] != "any"]
    assert len(confirmed) == 8
    for _, _, _, before, beyond in confirmed:
        assert before == "2 of 2 settle"
        assert beyond != "2 of 2 settle"


def test_answers_on_the_page_hold_and_fail_beyond():
    table = rows("require")
    assert len({row[0] for row in table}) == 10
    for _, _, _, there, beyond, _, seconds in table:
        assert numbers(there)[0] <= 1 < numbers(beyond)[0]
        assert numbers(seconds)[0] < 30
