"""The pages of the circuits: complete, and the support matrix is that of the circuits."""

import importlib.util
import re
from pathlib import Path

import pytest

import amcspice as amc

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "circuits"


@pytest.fixture(scope="module")
def script():
    """Return the script as a module."""
    path = ROOT / "scripts" / "circuit_pages.py"
    specification = importlib.util.spec_from_file_location("circuit_pages", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_support_matrix_is_that_of_the_circuits(script):
    """After a change to circuits or options: scripts/circuit_pages.py --matrix."""
    index = (PAGES / "README.md").read_text()
    found = re.search(r"<!-- matrix:begin -->\n(.*?)\n<!-- matrix:end -->", index, flags=re.S)
    assert found[1] == script.support_matrix()


def test_every_circuit_has_its_page(script):
    index = (PAGES / "README.md").read_text()
    for name in amc.CIRCUITS:
        page = script.page(name)
        assert f"]({page})" in index
        assert f"run-{name}.png" in (PAGES / page).read_text()


def test_links_and_pictures_exist():
    for page in PAGES.glob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (PAGES / target).is_file(), (page.name, target)
