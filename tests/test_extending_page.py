"""docs/extending.md holds the files of tests/extension as they are."""

import re
from pathlib import Path

import amcspice as amc
from amcspice.device import PRESETS
from amcspice.settings.systems import SYSTEMS

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "extending.md"
TEXT = PAGE.read_text()
EXTENSION = ROOT / "tests" / "extension"
COPIES = re.findall(
    r"<!-- (tests/\S+):begin -->\n```\w+\n(.*?)```\n<!-- \1:end -->", TEXT, flags=re.S
)


def test_code_on_the_page_is_that_of_the_files():
    """After a change: scripts/extending_page.py."""
    for name, code in COPIES:
        assert code == (ROOT / name).read_text(), name
    shown = {ROOT / name for name, _ in COPIES}
    left_out = {path for path in EXTENSION.rglob("*.py") if path.name != "__init__.py"} - shown
    assert not left_out


def test_every_registry_is_on_the_page():
    for registry in (amc.CIRCUITS, amc.PROBLEMS, amc.BACKENDS, PRESETS, SYSTEMS):
        assert f"`{registry.group}`" in TEXT
        assert (
            f"[{registry.group}]"
            in dict(COPIES)["tests/extension/amcspice_extension-0.1.dist-info/entry_points.txt"]
        )


def test_files_and_links_of_the_page_exist():
    assert "](docs/extending.md)" in (ROOT / "README.md").read_text()
    for target in re.findall(r"\]\(([^)#]+\.md)[#)]", TEXT):
        assert (PAGE.parent / target).is_file(), target
    for name in re.findall(r"`((?:tests|engine|problem)/[\w/]+\.py)`", TEXT):
        assert (ROOT / name).is_file() or (ROOT / "amcspice" / name).is_file(), name
