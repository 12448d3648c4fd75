"""What docs/cells.md says of published cells is what there is."""

import importlib.util
import sys
from pathlib import Path

import pytest

from amcspice.device import PUBLISHED

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "cells.md").read_text()


@pytest.fixture
def script(monkeypatch):
    """Return scripts/cell_figures.py as a module."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    spec = importlib.util.spec_from_file_location(
        "cell_figures", ROOT / "scripts" / "cell_figures.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("update_readme", None)


@pytest.mark.parametrize("name", ["sources", "laws"])
def test_tables_are_up_to_date(script, name):
    assert getattr(script, name)() in PAGE, "run scripts/cell_figures.py"


def test_every_cell_has_a_file_and_its_row():
    folder = ROOT / "amcspice" / "device" / "published"
    sources = "".join(path.read_text() for path in folder.glob("*.py"))
    for name in PUBLISHED:
        assert f'name: ClassVar[str] = "{name}"' in sources
        assert PAGE.count(f"| `{name}` |") == 3
