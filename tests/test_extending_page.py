"""docs/extending.md and docs/extending/ hold the files of tests/extension as they are."""

import importlib
import re
import sys
from pathlib import Path

import pytest

import amcspice as amc
from amcspice import contract
from amcspice.device import DEVICES, PRESETS
from amcspice.settings.systems import SYSTEMS

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
PAGES = importlib.import_module("extending_page").PAGES
INDEX, *KINDS = PAGES
EXTENSION = ROOT / "tests" / "extension"
ORDER = (
    "File", "Class", "What must be set", "Methods", "Registering", "Documentation",
)  # fmt: skip
"""Headings of every page, before the test."""


def copies(page):
    """Return what a page shows of files, by their names."""
    marked = r"<!-- (tests/\S+):begin -->\n```\w+\n(.*?)```\n<!-- \1:end -->"
    return dict(re.findall(marked, page.read_text(), flags=re.S))


def test_code_on_the_pages_is_that_of_the_files_and_nothing_is_shown_twice():
    """After a change: scripts/extending_page.py."""
    shown = [pair for page in PAGES for pair in copies(page).items()]
    for name, code in shown:
        assert code == (ROOT / name).read_text(), name
    names = [name for name, _ in shown]
    assert len(names) == len({*names})
    parts = {path for path in EXTENSION.rglob("*.py") if path.name != "__init__.py"}
    assert not parts - {ROOT / name for name in names}


@pytest.mark.parametrize("page", KINDS, ids=lambda page: page.stem)
def test_a_page_has_one_order_and_ends_in_the_test(page):
    text = page.read_text()
    headings = re.findall("^## (.*)$", text, flags=re.M)
    assert (*headings[:-1],) == ORDER
    assert headings[-1].startswith("The test that every ")
    last = text[text.index(headings[-1]) :]
    (name,) = re.findall(r"<!-- (tests/extension/contract_\w+\.py):begin", last)
    (check,) = re.findall(r"^`(check_\w+)`:", last, flags=re.M)
    assert f"import {check}\n" in copies(page)[name]
    assert check in contract.__all__
    assert f"](extending/{page.name})" in INDEX.read_text()


def test_every_registry_and_every_check_is_on_the_page():
    text, entries = INDEX.read_text(), copies(INDEX)
    for registry in (amc.CIRCUITS, amc.PROBLEMS, amc.BACKENDS, DEVICES, PRESETS, SYSTEMS):
        assert f"`{registry.group}`" in text
        (listed,) = entries.values()
        assert f"[{registry.group}]" in listed
    assert {*re.findall(r"`(check_\w+)`", text)} == {*contract.__all__}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_and_links_of_the_pages_exist(page):
    assert "](docs/extending.md)" in (ROOT / "README.md").read_text()
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#]+\.md)[#)]", text):
        assert (page.parent / target).is_file(), target
    for name in re.findall(r"`([a-z]+/[a-z_/]+\.py)`", text):
        assert (ROOT / name).is_file() or (ROOT / "amcspice" / name).is_file(), name
