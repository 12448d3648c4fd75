"""Scripts of the gallery: a question, a figure, short, and they run without a warning."""

import ast
import re
import runpy
import warnings
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure

GALLERY = Path(__file__).resolve().parents[1] / "examples" / "gallery"
SCRIPTS = sorted(GALLERY.glob("*/*.py"))
every_script = pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)


def test_there_are_scripts_in_every_section():
    assert len(SCRIPTS) >= 25
    assert {path.parent for path in SCRIPTS} == {p for p in GALLERY.iterdir() if p.is_dir()}
    for folder in {path.parent for path in SCRIPTS}:
        assert (folder / "GALLERY_HEADER.rst").exists()


@every_script
def test_it_is_short_and_begins_with_a_question(path):
    text = path.read_text()
    lines = text.splitlines()
    tree = ast.parse(text)
    code = [line for line in lines[tree.body[0].end_lineno :] if not line.startswith("#")]
    assert len(lines) <= 60
    assert max(map(len, code)) <= 75
    title, underline = ast.get_docstring(tree).splitlines()[:2]
    assert title.endswith("?")
    assert re.fullmatch("=+", underline)
    assert len(underline) == len(title)


@pytest.mark.ngspice
@pytest.mark.slow
@every_script
def test_it_runs_and_draws(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mpl.rcParams, "backend", "agg", raising=False)
    mpl.use("agg")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        left = runpy.run_path(str(path), run_name="__main__")
    assert any(isinstance(value, Figure) for value in left.values())
    assert not list(tmp_path.iterdir())
    plt.close("all")
