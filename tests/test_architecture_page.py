"""docs/architecture.md: rooms, files and walks are those of the package."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

import amcspice as amc

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "amcspice"
PAGE = ROOT / "docs" / "architecture.md"
TEXT = PAGE.read_text()


@pytest.fixture(scope="module")
def script():
    """Return scripts/count_walks.py as a module."""
    path = ROOT / "scripts" / "count_walks.py"
    specification = importlib.util.spec_from_file_location("count_walks", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def rows(text):
    """Return the cells of a table below its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def section(title):
    """Return what stands under a heading."""
    return re.search(rf"^##+ {title}\n(.*?)(?=^##|\Z)", TEXT, flags=re.S | re.M)[1]


def marked(name):
    return re.search(rf"<!-- {name}:begin -->\n(.*?)<!-- {name}:end -->", TEXT, flags=re.S)[1]


def test_rooms_are_those_that_import_linter_holds_in_this_order():
    named = [re.findall(r"`(\w+)`", row[0]) for row in rows(section("Rooms"))]
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = [re.findall(r"amcspice\.(\w+)", line) for line in settings["contracts"][0]["layers"]]
    assert [set(row) for row in named] == [set(layer) for layer in reversed(layers)]
    there = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    no_rooms = {"__init__", "__main__", "__pycache__", "solver"}
    assert {room for row in named for room in row} == there - no_rooms


def test_files_that_the_page_names_exist():
    for name in re.findall(r"`([\w/]+\.(?:py|toml))[` ]", TEXT):
        assert (PACKAGE / name).is_file() or (ROOT / name).is_file(), name
    for name in re.findall(r"`([\w/]+/)`", TEXT):
        assert (PACKAGE / name).is_dir() or (ROOT / name).is_dir(), name


def test_objects_stand_in_the_files_that_are_named():
    for names, files, _ in rows(section("What flows")):
        found = "".join((PACKAGE / name).read_text() for name in re.findall(r"`(.*?)`", files))
        for name in re.findall(r"`(\w+)`", names):
            assert f"class {name}" in found, name
    for name, path in re.findall(r"`(\w+)` in `([\w/]+\.py)`", TEXT):
        assert re.search(rf"(class|def) {name}\b", (PACKAGE / path).read_text()), name


def test_fidelities_are_the_backends():
    table = rows(section("Fidelities are backends"))
    assert [row[0].strip("`") for row in table] == list(amc.BACKENDS)
    for name, kind, batch, checked_by in table:
        backend = amc.BACKENDS[name.strip("`")]
        assert kind.split("`")[1] == backend.__name__
        assert f"amcspice/{kind.split('`')[3]}".removesuffix(".py").replace("/", ".") == (
            backend.__module__
        )
        if backend.simulates:
            assert int(re.match(r"\d+", batch)[0]) == backend.largest_batch
        if backend.largest_count:
            assert str(backend.largest_count) in batch
        if backend.verified_by:
            assert checked_by == f"`{backend.verified_by}`"


@pytest.mark.ngspice
@pytest.mark.parametrize("walk", ["solve", "half-step"])
def test_walks_enter_these_functions_in_this_order(script, walk):
    told = [
        (path.strip("`"), function)
        for _, path, functions in rows(marked(walk))
        for function in re.findall(r"`(.*?)`", functions)
    ]
    entered = script.count(script.WALKS[walk]).functions
    missing = [step for step in told if step not in entered]
    assert not missing
    places = [entered.index(step) for step in told]
    late = [step for step, one, other in zip(told, places, places[1:], strict=False) if one > other]
    assert not late


def test_the_table_of_walks_is_filled_in(script):
    """Fill it in with scripts/count_walks.py --page."""
    table = rows(marked("walks"))
    assert [row[0] for row in table] == list(script.WALKS)
    assert all(int(cell) > 0 for row in table for cell in row[1:])


def test_links_of_the_page_lead_somewhere():
    assert "](docs/architecture.md)" in (ROOT / "README.md").read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (PAGE.parent / target).is_file(), target
