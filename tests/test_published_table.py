"""docs/published/index.md: one table over all claims, as the pages have them."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "published" / "index.md"


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        path = ROOT / "scripts" / "published_table.py"
        specification = importlib.util.spec_from_file_location("published_table", path)
        module = importlib.util.module_from_spec(specification)
        sys.modules["published_table"] = module
        specification.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(ROOT / "scripts"))


def test_table_is_that_of_the_pages(script):
    written = re.search(r"<!-- claims:begin -->\n(.*)\n<!-- claims:end -->", PAGE.read_text(), re.S)
    assert written[1] == script.content(), "write it again: python scripts/published_table.py"


def test_every_page_of_a_paper_is_in_it(script):
    pages = {path.stem for path in PAGE.parent.glob("*.md")} - {"index"}
    assert {source.page for source in script.SOURCES} == pages
    for source in script.SOURCES:
        assert len(list(script.claims_of(source))) >= 2, source.page
        assert (ROOT / "scripts" / source.script).exists()


def test_rows_say_what_was_found_and_by_which_command(script):
    for about, claim, _condition, here, verdict, command in script.rows():
        assert here, claim
        assert verdict.startswith(script.VERDICTS)
        assert not about or claim
        assert command.startswith("`scripts/")


def test_papers_are_cited_as_the_citation_file_says():
    title = re.search(r'^title: "(.*)"$', (ROOT / "CITATION.cff").read_text(), re.M)[1]
    assert f"{{{title}}}" in (ROOT / "docs" / "papers.md").read_text()
