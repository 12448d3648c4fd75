"""Measure what the README states and write it between its markers.

Runs the demo, copies its pictures to ``docs/images`` and fills two tables: the demo's figures and
the accuracy of both circuits over ten random problems.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import amcspice as amc

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
    ]
    assert metrics["settled"] == metrics["regressions"]
    return table(("", "analog circuit", "digital twin"), rows)


def accuracy_table() -> str:
    """Return errors against scipy over ten random 32x8 problems with active constraints."""
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
    for name, make in variants.items():
        errors, times = [], []
        for seed in range(10):
            draw = np.random.default_rng(seed)
            A = draw.random((32, 8))
            b = A @ (draw.random(8) * (draw.random(8) > 0.4)) + 0.1 * draw.standard_normal(32)
            run = amc.simulate(make(A), b)
            errors.append(run.relative_error[0])
            times.append(run.settling_time[0])
        amplifiers = f"{run.amplifiers}"
        rows.append(
            (name, amplifiers, f"{np.median(errors):.1e}", f"{max(errors):.1e}",
             f"{np.median(times) * 1e9:.0f} ns")
        )  # fmt: skip
    return table(("circuit", "amplifiers", "median error", "largest", "median settling"), rows)


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    readme = ROOT / "README.md"
    text = readme.read_text()
    for name, content in (("demo", demo_table()), ("accuracy", accuracy_table())):
        pattern = rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)"
        text, count = re.subn(pattern, rf"\g<1>{content}\n\g<2>", text, flags=re.DOTALL)
        assert count == 1, f"README.md has no place for the table {name!r}"
    readme.write_text(text)


if __name__ == "__main__":
    main()
