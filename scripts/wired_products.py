"""Iterations and processor time of products of wired crossbars.

    OMP_NUM_THREADS=1 .venv/bin/python scripts/wired_products.py [--page] [TABLE ...]

`--page` writes the tables into docs/wired-products.md. Tables are
iterations and costs; it takes about a minute.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import amcspice as amc
from amcspice.bench import crossbar
from amcspice.reduction import WiredCrossbar

PAGE = Path(__file__).parents[1] / "docs" / "wired-products.md"
CELL = 1e-4
"""Of a cell that is on [S]."""

SIDES = (192, 512)
HARSHNESS = (1.0, 1e2, 1e4)
"""r g N^2: a segment of wire times the cells of a whole line, and once more its length."""

COSTS = ((512, 512), (1024, 1024))
REPEATS = 3


def patterns(side: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield cells, as a fraction of those that are on."""
    draw = np.random.default_rng(0)
    i, j = np.indices((side, side))
    block = side // 8
    yield "all on", np.ones((side, side))
    yield "uniform from 0 to on", draw.random((side, side))
    yield "half of them at a hundredth", np.where(draw.random((side, side)) < 0.5, 1, 0.01)
    yield "5 % on, others off", (draw.random((side, side)) < 0.05) * 1.0
    yield "1 % on, others off", (draw.random((side, side)) < 0.01) * 1.0
    yield (
        "5 % of blocks of 8 x 8 on",
        np.kron(draw.random((side // 8, side // 8)) < 0.05, np.ones((8, 8))),
    )
    yield "every 16th row on", np.where(i % 16 == 0, 1.0, 0.0)
    yield "every 16th column on", np.where(j % 16 == 0, 1.0, 0.0)
    yield "left half on", np.where(j < side // 2, 1.0, 0.0)
    yield (
        "8 x 8 blocks, every other at a thousandth",
        np.where((i // block + j // block) % 2, 1, 1e-3),
    )
    yield "8 x 8 blocks, every other off", np.where((i // block + j // block) % 2, 1.0, 0.0)
    yield "8 blocks along the diagonal on", np.where(i // block == j // block, 1.0, 0.0)
    yield (
        "rows from a thousandth to on",
        10 ** draw.uniform(-3, 0, side)[:, None] * np.ones((side, side)),
    )


def iterations(cells: np.ndarray, harshness: float) -> int:
    side = len(cells)
    ohm = harshness / (CELL * side**2)
    product = WiredCrossbar(CELL * cells, amc.Wire(row=ohm, column=ohm))
    return product.solve(np.random.default_rng(1).random(side)).iterations


def iteration_rows() -> Iterator[str]:
    heads = [f"{side} x {side}, {harsh:g}" for side in SIDES for harsh in HARSHNESS]
    yield "| cells | " + " | ".join(heads) + " |"
    yield "| --- |" + " --- |" * len(heads)
    for cases in zip(*(patterns(side) for side in SIDES), strict=True):
        counts = [str(iterations(cells, harsh)) for _, cells in cases for harsh in HARSHNESS]
        yield f"| {cases[0][0]} | " + " | ".join(counts) + " |"


def seconds(shape: tuple[int, int], vectors: int) -> float:
    """Return the processor time a vector, factorisation included [s]."""
    wire, v = amc.Wire(row=1.0, column=1.0), np.random.default_rng(2).random((shape[0], vectors))
    cells, best = np.full(shape, CELL), np.inf
    for _ in range(REPEATS):
        begin = time.process_time()
        WiredCrossbar(cells, wire) @ v
        best = min(best, time.process_time() - begin)
    return best / vectors


def cost_rows() -> Iterator[str]:
    yield "| array | 1 vector | 2 | 4 | 8 | 16 | memory of the process |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for shape in COSTS:
        times = " | ".join(f"{seconds(shape, count):.3f} s" for count in (1, 2, 4, 8, 16))
        yield f"| {shape[0]} x {shape[1]} | {times} | |"
    large = [crossbar.product(count) for count in (1, 4)]
    one, four = (row.ours_s / count for row, count in zip(large, (1, 4), strict=True))
    memory = " and ".join(re.search(r"[\d.]+ GB", row.note)[0] for row in large)
    shape = crossbar.PRODUCT
    yield f"| {shape[0]} x {shape[1]} | {one:.1f} s | | {four:.1f} s | | | {memory} |"


def write(text: str, name: str, lines: list[str]) -> str:
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.S)
    return pattern.sub("\n".join([begin, *lines, end]), text)


TABLES = {"iterations": iteration_rows, "costs": cost_rows}


def main() -> None:
    wanted = [name for name in TABLES if name in sys.argv] or TABLES
    tables = {name: list(TABLES[name]()) for name in wanted}
    for lines in tables.values():
        print("\n".join(lines), end="\n\n")
    if "--page" in sys.argv:
        text = PAGE.read_text()
        for name, lines in tables.items():
            text = write(text, name, lines)
        PAGE.write_text(text)


if __name__ == "__main__":
    main()
