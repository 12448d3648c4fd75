"""Measure what README.md and docs/accuracy.md state and write it between their markers.

Runs the demo, copies its pictures to ``docs/images`` and fills the tables: the demo's figures,
the accuracy of both circuits over ten random problems, and the benchmarks.  Those are not
measured here: tables and plot come from ``benchmarks/results.csv``, which ``amcspice bench``
writes.  Arguments name single tables: ``scripts/update_readme.py benchmarks``.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import amcspice as amc
from amcspice.bench import growth, highlights, markdown, read_rows
from amcspice.bench.growth_plot import growth as growth_plot
from amcspice.view.style import save

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ("reconstruction.png", "waveforms.png", "convergence.png")


def demo_table() -> str:
    """Run the demo and return its figures."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "scripts" / "demo.py"), "--out", folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        metrics = json.loads((Path(folder) / "metrics.json").read_text())
        images = ROOT / "docs" / "images"
        images.mkdir(parents=True, exist_ok=True)
        for name in PICTURES:
            shutil.copy(Path(folder) / name, images / name)
    digital = metrics["digital"]
    rows = [
        ("PSNR", f"{metrics['psnr_db']:.2f} dB", f"{digital['psnr_db']:.2f} dB"),
        ("SSIM", f"{metrics['ssim']:.4f}", f"{digital['ssim']:.4f}"),
        (
            "relative residual",
            f"{metrics['relative_residual']:.4f}",
            f"{digital['relative_residual']:.4f}",
        ),
        ("compression", f"{metrics['compression_ratio']:g} : 1", "same"),
        ("regressions, all settled", f"{metrics['regressions']}", "same"),
        ("settling time, median", f"{metrics['settling_time_s']['median'] * 1e9:.0f} ns", ""),
        ("energy of a regression", f"{metrics['energy_j']['per_regression'] * 1e12:.0f} pJ", ""),
        *_cost_rows(metrics["cost"], metrics["regressions"]),
    ]
    assert metrics["settled"] == metrics["regressions"]
    return table(("", "analog circuit", "digital twin"), rows)


def _cost_rows(cost, count):
    """What all regressions take on one chip, and on one core."""
    core = f"{cost['digital']['time_s'] * count * 1e3:.1f} ms"
    for name in ("counted", "ignored"):
        seconds, joules = cost[name]["time_s"], cost[name]["energy_j"]
        yield f"time of all, writing {name}", f"{seconds * 1e3:.3g} ms", core
        yield f"energy of all, writing {name}", f"{joules * 1e6:.3g} uJ", ""


def accuracy_table() -> str:
    """Return errors against the ideal answer: ten random 32x8 problems, active constraints."""
    opamp = amc.OpAmp(gain=1e5)
    variants = {
        "ginv-classic": lambda A: amc.ClassicGINV(A, constraint=amc.NonNegative(), opamp=opamp),
        "ginv-compact with hold": lambda A: amc.CompactGINV(
            A, constraint=amc.NonNegative(), opamp=opamp
        ),
        "ginv-compact, rail only": lambda A: amc.CompactGINV(
            A, constraint=amc.NonNegative(hold=False), opamp=opamp
        ),
        "ginv-compact with hold, no compensation": lambda A: amc.CompactGINV(
            A, constraint=amc.NonNegative(), opamp=opamp, compensation=False
        ),
    }
    rows = []
    for (name, make), active in itertools.product(variants.items(), ("hardly", "clearly")):
        errors, times = [], []
        for seed in range(10):
            run = amc.simulate(*_regression(make, seed, active))
            errors.append(run.relative_error)
            times.append(run.settling_time)
        rows.append(
            (name, active, f"{run.amplifiers}", f"{np.median(errors):.1e}", f"{max(errors):.1e}",
             f"{np.median(times) * 1e9:.0f} ns")
        )  # fmt: skip
    head = ("circuit", "constraints active", "amplifiers", "median error", "largest",
            "median settling")  # fmt: skip
    return table(head, rows)


def _regression(make: Callable[[Any], amc.Circuit], seed: int, active: str) -> tuple[Any, Any]:
    """Return a circuit and a right-hand side.

    Constraints are hardly active where the best x without them is almost non-negative: some of
    its entries are zero but for noise.  They are clearly active where three of them are negative.
    """
    draw = np.random.default_rng(seed)
    A = draw.random((32, 8))
    x = draw.random(8)
    if active == "hardly":
        x *= draw.random(8) > 0.4
    else:
        x[:3] *= -0.5
    return make(A), A @ x + 0.1 * draw.standard_normal(32)


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def benchmark_table() -> str:
    """Return three rows, after writing the complete table and the plot of growth."""
    rows = read_rows(ROOT / "benchmarks" / "results.csv")
    wrong = [row.case for row in rows if row.wrong]
    assert not wrong, f"not to be published: {wrong}"
    fill(ROOT / "benchmarks" / "README.md", "results", markdown(rows, everything=True))
    save(growth_plot(growth(rows)), ROOT / "docs" / "images" / "growth.svg")
    return markdown(highlights(rows))


def fill(path: Path, name: str, content: str) -> None:
    """Replace what stands between the markers of a table."""
    pattern = rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)"
    text, count = re.subn(
        pattern,
        lambda found: f"{found[1]}{content}\n{found[2]}",
        path.read_text(),
        flags=re.DOTALL,
    )
    assert count == 1, f"{path.name} has no place for the table {name!r}"
    path.write_text(text)


ACCURACY = ROOT / "docs" / "accuracy.md"
TABLES = {
    "demo": (ACCURACY, demo_table),
    "accuracy": (ACCURACY, accuracy_table),
    "benchmarks": (ROOT / "README.md", benchmark_table),
}
"""Each with the page that it stands in."""


def main(names: list[str]) -> None:
    for name in names or TABLES:
        assert name in TABLES, f"there is no table {name!r}; choose from {', '.join(TABLES)}"
        page, made = TABLES[name]
        fill(page, name, made())


if __name__ == "__main__":
    main(sys.argv[1:])
