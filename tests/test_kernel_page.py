"""docs/kernel.md: files, tests and links are those of the repository."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "kernel.md"
TEXT = PAGE.read_text()
PACKAGE = ROOT / "amcspice"
KERNEL = PACKAGE / "engine" / "behavioural" / "kernel"


def test_files_and_tests_that_the_page_names_exist():
    places = [PACKAGE, KERNEL, ROOT, ROOT / "tests", PACKAGE / "native", PACKAGE / "engine" / "dc"]
    places.append(PACKAGE / "reduction")
    named = re.findall(r"`([\w/.]+\.(?:py|pyi|txt|[ch]pp))`", TEXT)
    assert len(named) > 30
    for name in named:
        assert any((place / name).is_file() for place in places), name


def test_every_header_of_the_kernel_has_its_place():
    for path in KERNEL.glob("*.hpp"):
        if path.name.startswith("stepping_") or path.name == "bindings.hpp":
            continue
        assert f"`{path.name}`" in TEXT, path.name


def test_links_lead_somewhere_and_others_lead_here():
    for target in re.findall(r"\]\(([\w./-]+\.md)", TEXT):
        assert (PAGE.parent / target).is_file(), target
    for page in ("architecture.md", "extending.md", "fidelities.md"):
        assert "](kernel.md)" in (PAGE.parent / page).read_text()
