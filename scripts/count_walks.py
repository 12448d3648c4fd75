"""Count what two walks through the code take: a small solve, and one half-step of ANLS.

A function counts once, however often it is entered; a return is an entry into a room (a folder
of the package) that was left before.  Run it on another version with PYTHONPATH.

    python scripts/count_walks.py
    python scripts/count_walks.py --list solve
    python scripts/count_walks.py --page

The last one fills in the table of docs/architecture.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import amcspice as amc

PACKAGE = Path(amc.__file__).parent
PAGE = Path(__file__).resolve().parents[1] / "docs" / "architecture.md"


class Walk:
    """Functions of the package that are entered while it runs, in order."""

    def __init__(self) -> None:
        self.entered: list[tuple[str, str]] = []

    def __call__(self, frame: Any, event: str, _argument: Any) -> None:
        """Note a function that is entered; see `sys.setprofile`."""
        if event != "call":
            return
        path = Path(frame.f_code.co_filename)
        if PACKAGE in path.parents and frame.f_code.co_name != "<module>":
            name = frame.f_code.co_qualname
            self.entered.append((str(path.relative_to(PACKAGE)), name))

    @property
    def functions(self) -> list[tuple[str, str]]:
        """Every function once, in the order in which they were first entered."""
        return list(dict.fromkeys(self.entered))

    @property
    def returns(self) -> int:
        """How often a room is entered again after it was left, by functions entered first."""
        count, left, here = 0, set(), None
        for path, _ in self.functions:
            room = path.split("/")[0].removesuffix(".py")
            if room != here:
                count += room in left
                left.add(here)
                here = room
        return count


def solve() -> Any:
    """Solve a reduced 6 x 3 non-negative problem."""
    draw = np.random.default_rng(0)
    return amc.solve(
        "nnls", draw.random((6, 3)), draw.random(6), analysis=amc.Analysis(fidelity="reduced")
    )


def half_step() -> Any:
    """Run one iteration of ANLS, which is two half-steps, behaviourally."""
    V = np.random.default_rng(0).random((6, 5))
    return amc.nmf(V, 2, iterations=1, analysis=amc.Analysis(fidelity="behavioural"))


WALKS: dict[str, Callable[[], Any]] = {"solve": solve, "half-step": half_step}


def count(walk: Callable[[], Any]) -> Walk:
    """Return what a walk enters, after a first one that imports and compiles."""
    walk()
    steps = Walk()
    sys.setprofile(steps)
    try:
        walk()
    finally:
        sys.setprofile(None)
    return steps


HEAD = ("walk", "functions", "calls", "files", "returns to a room")


def figures(name: str, steps: Walk) -> tuple[str, ...]:
    """Return the row of a walk."""
    files = len({path for path, _ in steps.functions})
    return (name, *map(str, (len(steps.functions), len(steps.entered), files, steps.returns)))


def main() -> None:
    """Print a table and the functions of one walk, or fill in the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", choices=list(WALKS), help="print the functions of one walk")
    parser.add_argument("--page", action="store_true", help="fill in docs/architecture.md")
    arguments = parser.parse_args()
    counted = {name: count(walk) for name, walk in WALKS.items()}
    rows = [figures(name, steps) for name, steps in counted.items()]
    if arguments.page:
        from update_readme import fill, table  # not of every version

        fill(PAGE, "walks", table(HEAD, rows))
    for row in (HEAD, *rows):
        print("{:10} {:>9} {:>7} {:>6} {:>18}".format(*row))
    if arguments.list:
        for path, function in counted[arguments.list].functions:
            print(f"  {path:40} {function}")


if __name__ == "__main__":
    main()
