"""docs/published/low-rank.md: tables are those of the script, verdicts follow from figures."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

import amcspice as amc
from amcspice.algorithm.low_rank import Cells, PaperModel, array_error

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "published" / "low-rank.md").read_text()


@pytest.fixture(scope="module")
def script():
    """Return scripts/published_low_rank.py as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "scripts"))
        path = ROOT / "scripts" / "published_low_rank.py"
        specification = importlib.util.spec_from_file_location("published_low_rank", path)
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        yield module


def rows(name):
    text = re.search(rf"<!-- {name}:begin -->\n(.*?)\n<!-- {name}:end -->", TEXT, flags=re.S)[1]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()][2:]


def percent(cell):
    return [float(value) / 100 for value in re.findall(r"([\d.]+) %", cell)]


def test_the_published_model_on_the_page(script):
    assert [int(row[0]) for row in rows("paper")] == [*script.SIZES]
    for n, rank, _, law, drawn, published, there, cost in rows("paper"):
        model = PaperModel(int(n))
        assert (int(rank), int(published)) == (model.best_rank, model.published_rank)
        assert float(law) == pytest.approx(model.error(int(rank)) / model.baseline, abs=5e-4)
        found, error = map(float, drawn.split("+-"))
        assert abs(found - model.error(int(rank)) / model.baseline) < 3 * error
        assert (float(there) > 1) is (int(n) <= 256)
        assert 3.25 <= float(cost) < 3.8


def test_circuits_on_the_page_are_off_as_their_law(script):
    names, laws = [], {}
    for name, way, cells, white, drawn, found, ratio in rows("circuits"):
        names += [name] if name else []
        laws[names[-1], way] = float(cells)
        assert float(ratio) == pytest.approx(float(found) / float(cells), abs=2e-3)
        assert abs(float(ratio) - 1) < 0.06
        assert float(cells) <= float(white)
        assert float(drawn) == pytest.approx(float(cells), rel=0.02)
    assert names == [*script.CIRCUITS]
    low = amc.LowRank(script.decaying(64, 1.5), rank=8, write_noise=script.NOISE)
    law = Cells(low.hardware.device)
    one, single = (array_error(low.matrix, law, row_gain=gain) for gain in (True, False))
    assert laws["i^-3/2", "rank 8"] == pytest.approx(low.choice.square**0.5, abs=1e-4)
    assert laws["i^-3/2", "one array"] == pytest.approx(one, abs=1e-4)
    assert f"is off {single / one:.1f} times as much" in " ".join(TEXT.split())


def test_break_evens_on_the_page(script):
    levels = {row[0]: [percent(cell) for cell in row[1:]] for row in rows("break-even")}
    assert [*levels] == [*script.DECAYS]
    small, _, large, _ = levels["i^-1"]
    said = " ".join(TEXT.split())
    assert f"from {100 * small[0]:.2g} to {100 * small[1]:.2g} % write noise on at n = 64" in said
    assert f"{100 * large[0]:.2g} to {100 * large[1]:.2g} % at n = 256" in said
    found = amc.LowRank(script.decaying(64, 1.5)).break_even()
    low, high = levels["i^-3/2"][0]
    assert 0.99 * low <= found <= 1.01 * high
    hopeless = [levels["flat"][0][0], levels["flat"][2][0]]
    hopeless += [percent(row[-1])[0] for row in rows("matrices")[:2]]
    assert min(hopeless) >= 0.4


def test_what_wires_do_on_the_page(script):
    sizes = [row[0] for row in rows("wires")]
    assert sizes == [str(n) for n in script.WIRES]
    for row in rows("wires"):
        one, gains, *single, copies = map(float, row[1:])
        assert one < min(single) <= max(single) < gains < copies
    A = script.decaying(32, 1.0)
    held = amc.Chip(**script.WIRED).program(A, "mvm") @ np.eye(32)
    bent = np.linalg.norm(held - A) / np.linalg.norm(A)
    assert float(rows("wires")[0][1]) == pytest.approx(bent, rel=0.01)
