"""Write the one table over all published claims, of docs/published/index.md, from the pages.

Every page of docs/published that has a table of claims with verdicts is read; nothing is
computed here. A claim, or the name of a paper, stands once and holds for the rows below it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from update_readme import fill, table

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "published"
PAGE = FOLDER / "index.md"
VERDICTS = ("confirmed", "confined to conditions", "not met", "not examined")


@dataclass(frozen=True)
class Source:
    """A page with claims: what they are about, and the script that gives its figures."""

    page: str
    about: str
    script: str


SOURCES = (
    Source("nmf", "factorisation", "published_nmf.py"),
    Source("blockamc", "inversion in blocks", "published_blockamc.py"),
    Source("refinement", "refinement to 24 bits", "published_refinement.py"),
    Source("low-rank", "low-rank products", "published_low_rank.py"),
    Source("mimo", "detection", "wireless_links.py"),
    Source("precoding", "precoding", "wireless_chain.py"),
    Source("second-order", "second-order training", "second_order.py"),
)


@dataclass(frozen=True)
class Claim:
    """A row of the table."""

    claim: str
    condition: str
    here: str
    verdict: str
    argument: str = ""


def tables(text: str) -> Iterator[list[dict[str, str]]]:
    """Yield the tables of a page, a row as a mapping from the head of its column."""
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.M):
        head, _, *rows = [
            [cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()
        ]
        yield [dict(zip(head, row, strict=True)) for row in rows]


def claims_of(source: Source) -> Iterator[Claim]:
    """Yield the claims of a page."""
    text = (FOLDER / f"{source.page}.md").read_text()
    if source.page == "nmf":
        yield from ratios(text)
        return
    for rows in tables(text):
        if not {"claim", "verdict"} <= set(rows[0]):
            continue
        for row in rows:
            stated = f" (stated: {row['stated']})" if row.get("stated") else ""
            found = next(row[name] for name in ("here", "figure here", "found here") if name in row)
            yield Claim(
                claim=row["claim"] + stated if row["claim"] else "",
                condition=row.get("condition", row.get("holds for", "")),
                here=found,
                verdict=row["verdict"],
                argument=(row.get("command") or row.get("table") or "").split(",")[0].strip("`"),
            )


def ratios(text: str) -> Iterator[Claim]:
    """Yield the claims on factorisation, which stand as a list of ratios."""
    line = r"^- (.*): (confirmed|not met|confined to conditions)(?: \((.*)\))?; found (.*)\.$"
    for claim, verdict, condition, found in re.findall(line, text, flags=re.M):
        yield Claim(claim, condition, f"{found} times", verdict, "claims")


def rows() -> Iterator[tuple[str, ...]]:
    """Yield the rows of the table."""
    for source in SOURCES:
        about = f"[{source.about}]({source.page}.md)"
        for each in claims_of(source):
            command = f"`scripts/{' '.join([source.script, each.argument]).strip()}`"
            yield about, each.claim, each.condition, each.here, each.verdict, command
            about = ""


def summary(made: list[tuple[str, ...]]) -> str:
    """Return how many rows have which verdict."""
    counts = Counter(next(name for name in VERDICTS if row[4].startswith(name)) for row in made)
    said = ", ".join(f"{counts[name]} {name}" for name in VERDICTS)
    return f"{len(made)} rows: {said}."


def content() -> str:
    """Return what stands between the markers of the page."""
    made = list(rows())
    head = ("published", "claim", "condition", "here", "verdict", "command")
    return f"{summary(made)}\n\n{table(head, made)}"


if __name__ == "__main__":
    fill(PAGE, "claims", content())
