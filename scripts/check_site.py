"""Check a built site: no link within it is broken, and nothing is loaded from anywhere else.

Every page is parsed; each link must lead to a file that is there and to an anchor that the file
has; pictures, scripts, style sheets and fonts must be files of the site.
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[1]
LOADED = {"src", "srcset", "data-src", "poster"}
"""Attributes whose file a browser loads by itself."""


@dataclass
class Page(HTMLParser):
    """Names of a page, its links, and what it loads."""

    names: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)

    def __post_init__(self):
        super().__init__()

    @classmethod
    def read(cls, path):
        page = cls()
        page.feed(path.read_text())
        return page

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.names.update(value for key, value in attributes if key in ("id", "name") and value)
        if tag == "link" and {"stylesheet", "icon", "preload"} & set(values["rel"].split()):
            self.loads.append(values["href"])
        elif tag == "a" and values.get("href"):
            self.links.append(values["href"])
        for key in LOADED & set(values):
            self.loads += [part.split()[0] for part in (values[key] or "").split(",") if part]


def outside(target):
    """Return whether an address is not one of the site."""
    return bool(urlsplit(target).netloc)


def complaints(site):
    """Yield what is wrong, with the page that it stands on."""
    paths = [path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts]
    pages = {path: Page.read(path) for path in paths}
    for path, page in pages.items():
        where = path.relative_to(site)
        for target in page.loads:
            if target.startswith("data:"):
                continue
            if outside(target):
                yield f"{where}: loads {target}"
            elif not (path.parent / unquote(urlsplit(target).path)).exists():
                yield f"{where}: loads {target}, which is not there"
        for target in page.links:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            to = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not to.exists():
                yield f"{where}: no file for {target}"
            elif parts.fragment and to in pages and unquote(parts.fragment) not in pages[to].names:
                yield f"{where}: no anchor for {target}"
    for path in sorted(site.rglob("*.css")):
        for target in re.findall(r"url\(['\"]?([^'\")]+)", path.read_text()):
            if outside(target):
                yield f"{path.relative_to(site)}: loads {target}"


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site", nargs="?", type=Path, default=ROOT / "docs" / "_build" / "html")
    site = parser.parse_args(arguments).site.resolve()
    if not (site / "index.html").exists():
        print(f"{site}: no index.html; make docs builds it", file=sys.stderr)
        return 2
    found = list(complaints(site))
    print("\n".join(found))
    count = len(list(site.rglob("*.html")))
    print(f"{count} pages, {len(found)} broken links or files from outside")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
