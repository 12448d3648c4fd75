"""Python code of README.md and docs runs as it stands, block after block of a page."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import amcspice as amc

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    "README.md": "",
    "docs/cells.md": "",
    "docs/circuits/chain.md": "",
    "docs/circuits/ginv-right.md": "",
    "docs/circuits/inv-blocks.md": "",
    "docs/circuits/lca.md": "",
    "docs/complex.md": "",
    "docs/converters.md": "",
    "docs/cost.md": "",
    "docs/design.md": "",
    "docs/devices.md": "",
    "docs/inverses.md": "",
    "docs/library.md": "",
    "docs/iterations.md": "",
    "docs/linear-systems.md": "",
    "docs/monte-carlo.md": "trials=100",
    "docs/own-cells.md": "",
    "docs/ofdm.md": "",
    "docs/recommender.md": "",
    "docs/training.md": "",
    "docs/tutorial.md": "",
    "docs/wireless.md": "",
    "docs/sparse.md": "",
    "docs/start.md": "",
    "docs/wires.md": "",
    "docs/wired-products.md": "",
}
"""Pages, and what is made less of."""

EXTENDING = {
    path.relative_to(ROOT).as_posix() for path in (ROOT / "docs" / "extending").glob("*.md")
}
ELSEWHERE = {*EXTENDING, "docs/sweeps.md", "docs/sweep-report.md"}
"""Their code is that of files, or needs a cluster or a store; what it imports is there."""


def blocks(page):
    """Return its code; a cell that only sets up a notebook is none."""
    fence = r"^```(?:python|\{code-cell\} ipython3)\n(?!:tags: \[remove-cell\])(.*?)^```"
    return re.findall(fence, (ROOT / page).read_text(), flags=re.S | re.M)


def test_every_page_with_code_is_here():
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    names = {path.relative_to(ROOT).as_posix() for path in pages}
    assert {name for name in names if blocks(name)} == {*PAGES, *ELSEWHERE}


@pytest.mark.parametrize("page", sorted(ELSEWHERE - EXTENDING))
def test_what_other_code_imports_is_there(page):
    lines = re.findall(r"^ *((?:from|import) amcspice.*)$", "\n".join(blocks(page)), flags=re.M)
    assert lines
    exec("\n".join(lines), {})


@pytest.mark.ngspice
@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    A = draw.random((8, 3))
    X = draw.random((12, 9))
    given = {"amc": amc, "np": np, "A": A, "b": A @ [1, 0, 0.5], "X": X}
    given["B"] = A @ draw.random((3, 2))
    solution = {"solution": [[[1.0, 2.0], [0.0, -1.0]]]}
    Path("r.json").write_text(json.dumps(solution))
    for block in blocks(page):
        if PAGES[page]:
            assert PAGES[page] in block
            block = block.replace(PAGES[page], "trials=3").replace("jobs=2", "jobs=1")
        exec(compile(block, page, "exec"), given)
    if page == "docs/complex.md":
        assert given["run"].unique
        overlap = abs(np.vdot(given["v"], given["run"].x))
        assert overlap == pytest.approx(1, abs=1e-3)
        assert given["run"].relative_error < 0.05
    if page == "docs/library.md":
        assert given["run"].settled is np.True_
        assert np.ndim(given["run"].settling_time) == 0
