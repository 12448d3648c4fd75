"""What the documentation site is made of; `make docs` builds and checks the whole of it."""

import fnmatch
import importlib.util
import re
import sys
from pathlib import Path

import click
import pytest

from amcspice.cli import main

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
WRITTEN = ("api", "commands", "gallery", "notebooks", "top", "_build")
"""Folders that building the site fills."""

PAGES = {
    path.relative_to(DOCS).with_suffix("").as_posix()
    for path in DOCS.rglob("*.md")
    if path.relative_to(DOCS).parts[0] not in WRITTEN
}


def load(path):
    """Return a file outside the package as a module."""
    specification = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module
    specification.loader.exec_module(module)
    return module


def listed(page):
    """Yield the pages that a page has in its tables of contents."""
    for body in re.findall(
        r"^```{toctree}\n(.*?)^```", (DOCS / f"{page}.md").read_text(), re.S | re.M
    ):
        for line in body.splitlines():
            if line and not line.startswith(":"):
                name = re.sub(r"^.* <(.*)>$", r"\1", line)
                yield (Path(page).parent / name).as_posix().removeprefix("./")


def test_every_page_stands_in_the_tree_and_every_entry_is_a_page():
    found, waiting = {"index"}, ["index"]
    while waiting:
        for pattern in listed(waiting.pop()):
            pages = {page for page in PAGES if fnmatch.fnmatch(page, pattern)}
            assert pages or pattern.split("/")[0] in WRITTEN, pattern
            waiting += pages - found
            found |= pages
    assert found == PAGES, "name it in a toctree, such as that of docs/guide.md"


def test_formulas_become_mathml():
    tex2mathml = pytest.importorskip("docutils.utils.math.latex2mathml").tex2mathml
    count = 0
    for page in PAGES:
        text = re.sub(
            r"^```.*?^```|`[^`]*`", "", (DOCS / f"{page}.md").read_text(), flags=re.S | re.M
        )
        for tex in re.findall(r"\$\$(.+?)\$\$", text, flags=re.S):
            assert tex2mathml(tex.strip(), as_block=True).startswith("<math"), f"{page}: {tex}"
            count += 1
    assert count > 40


def test_a_page_of_a_command_has_every_option_and_its_example():
    pytest.importorskip("sphinx")
    pages = load(DOCS / "_ext" / "command_pages.py")
    top = click.Context(main, info_name="amcspice", max_content_width=10**6)
    contexts = {each.command_path: each for each in pages.commands(main, top)}
    assert {"amcspice solve", "amcspice sweep run", "amcspice doctor"} <= set(contexts)
    for path, context in contexts.items():
        page = pages.page(context)
        assert page.startswith(f"{path}\n{'=' * len(path)}\n")
        assert "\n   $ " in page.split("\n\n", 2)[2], f"{path}: no example"
        for parameter in context.command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert parameter.opts[0] in page, f"{path}: {parameter.opts[0]}"


BAD = """<html><head><link rel="stylesheet" href="https://elsewhere.example/a.css"></head>
<body><h1 id="top">x</h1><img src="gone.png"><a href="#nowhere">1</a><a href="#top">2</a>
<a href="absent.html">3</a><a href="https://elsewhere.example/">4</a></body></html>"""


def test_broken_links_and_what_comes_from_outside_are_found(tmp_path, capsys):
    check = load(ROOT / "scripts" / "check_site.py")
    (tmp_path / "index.html").write_text(BAD)
    assert check.main([str(tmp_path)])
    said = capsys.readouterr().out
    for part in ("loads https://elsewhere.example/a.css", "gone.png", "#nowhere", "absent.html"):
        assert part in said
    assert "4 broken links" in said
    (tmp_path / "index.html").write_text('<html><body id="a"><a href="#a">x</a></body></html>')
    assert not check.main([str(tmp_path)])
