"""Copy the files of tests/extension into docs/extending.md and docs/extending/, between markers."""

from __future__ import annotations

import re
from pathlib import Path

from update_readme import fill

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "docs" / "extending.md", *sorted((ROOT / "docs" / "extending").glob("*.md"))]


def block(name: str) -> str:
    """Return a file as a block of code."""
    language = "python" if name.endswith(".py") else "ini"
    return f"```{language}\n{(ROOT / name).read_text()}```"


def main() -> None:
    for page in PAGES:
        for name in re.findall(r"<!-- (tests/\S+):begin -->", page.read_text()):
            fill(page, name, block(name))


if __name__ == "__main__":
    main()
