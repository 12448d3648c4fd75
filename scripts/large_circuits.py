"""CPU time of large non-negative regressions, by their size: the first right-hand side and others.

    OMP_NUM_THREADS=1 .venv/bin/python scripts/large_circuits.py [--page] [CASE ...]

The first one takes the preparation of the circuit, too.  `--page` writes the table into
docs/kernel.md.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from update_readme import fill

import amcspice as amc
from amcspice.bench.problems import regressions

PAGE = Path(__file__).parents[1] / "docs" / "kernel.md"
MORE = 4
"""Further right-hand sides."""

CASES = {
    "compact with hold": (
        lambda matrix: amc.CompactGINV(matrix, constraint=amc.NonNegative(hold=True)),
        (128, 256, 512, 1024),
    ),
    "classic": (
        lambda matrix: amc.ClassicGINV(matrix, constraint=amc.NonNegative()),
        (64, 128, 256),
    ),
}


def seconds(make, matrix: np.ndarray, b: np.ndarray, fidelity: str) -> float:
    began = time.process_time()
    run = amc.simulate(make(matrix), b, fidelity=fidelity, keep_waveforms=False)
    taken = time.process_time() - began
    assert run.all_settled
    return taken


def rows(names: list[str]) -> Iterator[str]:
    yield "| circuit | matrix | dc, first | dc, others | behavioural, first | behavioural, others |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name in names:
        make, sizes = CASES[name]
        small = regressions(16, 8, 2)
        for fidelity in ("dc", "behavioural"):
            seconds(make, *small, fidelity)
        for n in sizes:
            matrix, b = regressions(2 * n, n, 1 + MORE)
            cells = []
            for fidelity in ("dc", "behavioural"):
                first = seconds(make, matrix, b[:, :1], fidelity)
                each = (seconds(make, matrix, b, fidelity) - first) / MORE
                cells += [f"{first:.2f} s", f"{max(each, 0.0):.2g} s"]
            yield f"| {name} | {2 * n} x {n} | {' | '.join(cells)} |"


def main() -> None:
    asked = [name for name in CASES if any(word in name for word in sys.argv[1:])]
    lines = []
    for line in rows(asked or list(CASES)):
        print(line, flush=True)
        lines.append(line)
    if "--page" in sys.argv[1:]:
        fill(PAGE, "large", "\n".join(lines))


if __name__ == "__main__":
    main()
