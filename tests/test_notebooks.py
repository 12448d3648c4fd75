"""The notebooks are short, hold their output, and give it again."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NUMBER = r"-?\d+\.?\d*(?:e[+-]?\d+)?"
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(path):
    return [output for cell in code_cells(path) for output in cell.outputs]


def pictures(path):
    return [each for each in outputs(path) if "image/png" in each.get("data", {})]


def printed(path):
    return "".join(each.text for each in outputs(path) if each.output_type == "stream")


@pytest.mark.ngspice
@pytest.mark.slow
@every_notebook
def test_it_gives_its_output_again(path, tmp_path):
    script = ROOT / "scripts" / "run_notebooks.py"
    done = subprocess.run(
        [sys.executable, script, "--out", tmp_path, path],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    again = tmp_path / path.name
    assert len(pictures(again)) == len(pictures(path))
    held, new = printed(path), printed(again)
    assert re.sub(NUMBER, "#", new) == re.sub(NUMBER, "#", held)
    numbers = [np.array(re.findall(NUMBER, text), float) for text in (new, held)]
    np.testing.assert_allclose(*numbers, rtol=0.02, atol=1e-3)


@every_notebook
def test_it_holds_the_output_of_one_run(path):
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert len(pictures(path)) >= 2
    for output in outputs(path):
        assert output.output_type != "error"
        assert output.get("name") != "stderr"
    assert not re.search(r"/(home|root|tmp|work)/", path.read_text())


@every_notebook
def test_it_is_short(path):
    cells = nbformat.read(path, as_version=4).cells
    assert sum(len(cell.source.splitlines()) for cell in cells) <= 120
    assert path.stat().st_size < 300e3


def test_there_are_six():
    assert len(NOTEBOOKS) == 6
