"""docs/published/refinement.md: figures are those of the script, verdicts follow from them."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "published" / "refinement.md").read_text()


@pytest.fixture(scope="module")
def script():
    """Return scripts/published_refinement.py as a module."""
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(str(ROOT / "scripts"))
    path = ROOT / "scripts" / "published_refinement.py"
    specification = importlib.util.spec_from_file_location("published_refinement", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    yield module
    patch.undo()
    sys.modules.pop("update_readme", None)


def rows(name):
    text = re.search(rf"<!-- {name}:begin -->\n(.*?)\n<!-- {name}:end -->", TEXT, flags=re.S)[1]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()][2:]


def test_every_table_is_filled_and_drawn(script):
    for name in script.TABLES:
        assert rows(name), f"scripts/published_refinement.py {name}"
    assert script.IMAGE.is_file()


def test_figures_on_the_page_are_those_of_the_script(script):
    """After a change: scripts/published_refinement.py bits converters condition claims."""
    for name, method, *told in rows("bits"):
        if name == "4 x 4, one array":
            found = script.gains(*script.CASES[name], method)
            for count, bits in zip(script.SHOWN, told, strict=True):
                # What is left of double precision is rounding.
                assert min(float(bits), 45) == pytest.approx(min(found[count - 1], 45), abs=0.2)
    for kappa, noise, middle, plain, gcr in rows("condition"):
        if (kappa, noise) in (("3", "1 %"), ("30", "1 %")):
            radii, *its = script.by_condition(float(kappa), float(noise.split()[0]) / 100)
            assert float(middle) == pytest.approx(sorted(radii)[2], rel=0.05)
            assert [plain, gcr] == [script.span(each) for each in its]


def test_verdicts_follow_from_what_holds(script):
    for claim, _, _, verdict, holds, name in rows("claims"):
        assert verdict in script.VERDICTS, claim
        assert bool(holds) is (verdict == script.VERDICTS[1]), claim
        assert name.strip("`") in script.TABLES, claim
    assert script.verdict([True, True]) == "confirmed"
    assert script.verdict([True, False]) == "confined to conditions"
    assert script.verdict([False]) == "not met"


def test_claims_agree_with_their_tables():
    """Those whose figures stand in another table of the page."""
    verdicts = {row[0]: (row[3], row[4]) for row in rows("claims")}
    bits = {(name, method): cells for name, method, *cells in rows("bits")}
    ten = {
        f"{name.split(', ', 1)[1]}, {method}": float(cells[6]) >= 24
        for (name, method), cells in bits.items()
        if name in ("16 x 16, one array", "16 x 16, one stage")
    }
    told = verdicts["24 bits in 9 to 10 iterations, 16 x 16"][1].split("; ")
    assert sorted(told) == sorted(name for name, good in ten.items() if good)
    wires = {row[0]: row for row in rows("wires")}
    assert all(float(row[-1].split(": ")[1]) >= 24 for row in wires.values())
    assert verdicts["the same: product of slices that compensate"][0] == "confirmed"
    four, twelve = (next(row for row in rows("converters") if row[0] == n) for n in ("4", "12"))
    assert max(map(int, four[2].split(" to "))) - max(map(int, twelve[2].split(" to "))) <= 2
