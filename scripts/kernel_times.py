"""CPU time of `amc.simulate` with the behavioural fidelity beside a loop of scipy or numpy.

    OMP_NUM_THREADS=1 .venv/bin/python scripts/kernel_times.py [--page] [CASE ...]

`--page` writes the table into docs/kernel.md.  Each case is run both ways in turn; the least of
three times counts.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

import amcspice as amc
from amcspice.bench.problems import regressions, scipy_nnls

PAGE = Path(__file__).parents[1] / "docs" / "kernel.md"
REPEATS = 3
UNKNOWNS = 64


def compact(m: int, n: int, count: int) -> tuple[amc.Circuit, np.ndarray, Callable[[], object]]:
    matrix, b = regressions(m, n, count)
    circuit = amc.CompactGINV(matrix, constraint=amc.NonNegative(hold=True))
    return circuit, b, lambda: scipy_nnls(matrix, b)


def classic(m: int, n: int, count: int) -> tuple[amc.Circuit, np.ndarray, Callable[[], object]]:
    matrix, b = regressions(m, n, count)
    circuit = amc.ClassicGINV(matrix, constraint=amc.NonNegative())
    return circuit, b, lambda: scipy_nnls(matrix, b)


def inverse(count: int) -> tuple[amc.Circuit, np.ndarray, Callable[[], object]]:
    draw = np.random.default_rng(5)
    matrix = draw.random((UNKNOWNS, UNKNOWNS))
    matrix = matrix + matrix.T + UNKNOWNS * np.eye(UNKNOWNS)
    matrix /= matrix.max()
    b = draw.standard_normal((UNKNOWNS, count))
    circuit = amc.make_circuit("inv", matrix)
    return circuit, b, lambda: [np.linalg.solve(matrix, column) for column in b.T]


CASES = {
    "nnls 32 x 8, compact with hold": lambda: compact(32, 8, 10_000),
    "nnls 16 x 4, compact with hold": lambda: compact(16, 4, 10_000),
    "nnls 64 x 16, compact with hold": lambda: compact(64, 16, 2_000),
    "nnls 32 x 8, classic": lambda: classic(32, 8, 2_000),
    "inverse 64 x 64": lambda: inverse(10_000),
}


def seconds(run: Callable[[], object]) -> float:
    begin = time.process_time()
    run()
    return time.process_time() - begin


def rows(names: Iterable[str]) -> Iterable[str]:
    yield "| right-hand sides | `amc.simulate` | loop of scipy or numpy | ratio |"
    yield "| --- | --- | --- | --- |"
    for name in names:
        circuit, b, loop = CASES[name]()

        def ours(circuit: amc.Circuit = circuit, b: np.ndarray = b) -> amc.Run:
            return amc.simulate(circuit, b, fidelity="behavioural", keep_waveforms=False)

        ours()
        both = [(seconds(ours), seconds(loop)) for _ in range(REPEATS)]
        here, there = (1e6 * min(times) / b.shape[1] for times in zip(*both, strict=True))
        yield f"| {name} ({b.shape[1]}) | {here:.1f} us | {there:.1f} us | {here / there:.2f} |"


def main() -> None:
    chosen = [name for name in CASES if any(word in name for word in sys.argv[1:])]
    lines = []
    for line in rows(chosen or CASES):
        print(line, flush=True)
        lines.append(line)
    if "--page" in sys.argv[1:]:
        marked = r"(<!-- times:begin -->\n).*?(<!-- times:end -->)"
        table = "\n".join(lines) + "\n"
        text = re.sub(marked, lambda at: at[1] + table + at[2], PAGE.read_text(), flags=re.DOTALL)
        PAGE.write_text(text)


if __name__ == "__main__":
    main()
