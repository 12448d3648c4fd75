"""Tables of docs/wireless.md and docs/published/mimo.md: those of the script, and as promised."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

from amcspice.workload.wireless import spread_powers

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "docs" / "wireless.md", ROOT / "docs" / "published" / "mimo.md"]
TEXT = PAGES[0].read_text()


@pytest.fixture(scope="module")
def script():
    """Return scripts/wireless_links.py as a module."""
    path = ROOT / "scripts" / "wireless_links.py"
    specification = importlib.util.spec_from_file_location("wireless_links", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def section(name, text=TEXT):
    return re.search(rf"<!-- {name}:begin -->\n(.*?)\n<!-- {name}:end -->", text, flags=re.S)[1]


def rows(name, text=TEXT):
    lines = section(name, text).splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def number(cell):
    return float(re.match(r"[-+\d.e]+", cell)[0])


def test_every_table_is_filled_alike_on_both_pages(script):
    texts = [page.read_text() for page in PAGES]
    for name in script.SECTIONS:
        found = [section(name, text) for text in texts if f"<!-- {name}:begin -->" in text]
        assert found, name
        assert len(set(found)) == 1, name
        assert len(rows(name, next(text for text in texts if name + ":begin" in text))) >= 3, name
    assert (ROOT / "docs" / "images" / "bit-errors.png").is_file()


def test_figures_on_the_page_are_those_of_the_script(script):
    """After a change: scripts/wireless_links.py."""
    assert section("costs") == script.costs_table()
    told = {row[0]: row for row in rows("evm")}["1 % noise"]
    found = script.uplink_evm(script.FIXED, script.CELLS["1 % noise"])
    assert told[2] == script.percent(found)
    downlink = script.downlink_evm(script.COMPACT, script.CELLS["1 % noise"])
    assert told[6] == script.percent(downlink)


def test_hardware_costs_what_is_promised():
    losses = {row[0]: row[1:] for row in rows("losses")}
    expected = (1.4, 8.15, 14.15, 20.0)
    alone = [number(cell) for cell in losses["SNR without hardware"]]
    np.testing.assert_allclose(alone, expected, atol=0.15)
    assert number(losses["diagonal in resistors, 1 % noise"][2]) <= 0.2
    assert number(losses["the same, 64 levels, 0.5 %"][3]) <= 0.4
    assert losses["diagonal in cells, 1 % noise"][2].startswith("more")
    evm = {row[0]: [number(cell) for cell in row[1:]] for row in rows("evm")}
    for figures in evm.values():
        assert 0.65 < figures[5] / figures[4] < 0.75  # "seven tenths"
    assert evm["1 % noise"][1] <= 1.5
    assert evm["1 % noise"][0] >= 6.0
    for name, span in ((row[0], row[2]) for row in rows("closed")):
        assert all(abs(float(part)) <= 5 for part in re.findall(r"[-+][\d.]+", span)), name


def test_the_weakest_user_has_the_error_of_the_law():
    for name, weakest, law, strongest, _, everyone, cells, _ in rows("spread"):
        assert number(weakest) == pytest.approx(number(law), rel=0.1)
        assert number(weakest) <= 10
        assert number(cells) > 4 * number(weakest)
        spread = number(weakest) / number(strongest)
        powers = spread_powers(16, number(name))
        apart = (1 - powers[0] / 16) / (1 - powers[-1] / 16) * powers[-1] / powers[0]
        assert spread == pytest.approx(np.sqrt(apart), rel=0.1)
        assert number(weakest) >= number(everyone)


def test_iterations_end_at_the_inverse_of_their_cells():
    for rho, name, error, inverse, _ in rows("methods"):
        if name == "jacobi" and rho == "0.7":
            assert error == "diverges"
        elif name != "inv":
            assert number(error) == pytest.approx(number(inverse), rel=0.01)
