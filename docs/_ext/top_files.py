"""Files of the top folder that are pages of the site, and links to them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

__all__ = ["PAGES", "copies"]

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent
FOLDER = "top"

PAGES = {
    path: name
    for path, name in {
        "benchmarks/README.md": "benchmarks",
        "CHANGELOG.md": "changelog",
        "CODE_OF_CONDUCT.md": "conduct",
        "CONTRIBUTING.md": "contributing",
        "SECURITY.md": "security",
        "examples/README.md": "examples",
    }.items()
    if (ROOT / path).exists()
}
"""File to the name of its page."""


def relinked(text: str, source: Path, page: Path) -> str:
    """Return Markdown of ``source`` with links that hold for the page that it becomes.

    Links to files in `PAGES` lead to their pages, links to other files stay on these files.
    """

    def link(match: re.Match[str]) -> str:
        target, _, anchor = match[1].partition("#")
        if not target or "://" in target or target.startswith("mailto:"):
            return match[0]
        path = (source.parent / target).resolve()
        if not path.exists():
            return match[0]
        name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else ""
        if name in PAGES:
            path = DOCS / FOLDER / f"{PAGES[name]}.myst"
        new = os.path.relpath(path, page.parent)
        return f"]({new}{'#' + anchor if anchor else ''})"

    return re.sub(r"\]\(([^)\s]+)\)", link, text)


def copies() -> dict[str, str]:
    """Return the pages, by name of file.

    Their suffix keeps them apart from pages that are written by hand.
    """
    pages = {}
    for path, name in PAGES.items():
        page = DOCS / FOLDER / f"{name}.myst"
        pages[page.name] = relinked((ROOT / path).read_text(), ROOT / path, page)
    return pages


def lead_to_pages(app: Sphinx, docname: str, source: list[str]) -> None:
    """Have links of a page that is being read lead to pages of the site."""
    path = Path(app.env.doc2path(docname))
    if path.suffix == ".md":
        source[0] = relinked(source[0], path, path)


def setup(app: Sphinx) -> dict[str, Any]:
    """Join the reading of pages."""
    app.connect("source-read", lead_to_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
