"""Fill the tables of docs/own-cells.md: cells in every crossing point beside their tables."""

from __future__ import annotations

import dataclasses
import resource
import warnings
from pathlib import Path

import numpy as np
from update_readme import fill

import amcspice as amc
from amcspice.characterise import measured_cell
from amcspice.engine import find_installation
from amcspice.model_files import models_folder

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "own-cells.md"
MODELS = {
    "amc_memristor": ("memristor.lib", 0.0, 1.0),
    "amc_yakopcic": ("cells.lib", 0.0, 1.0),
    "amc_gap": ("cells.lib", 0.2, 1.7),
    "amc_memdiode": ("cells.lib", 0.0, 1.0),
}
G_MIN = 7e-6
"""No model has less than 6 uS at both ends [S]."""


def table(head, rows):
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cells_of(name, reach=0.3):
    """Return cells of a model, frozen."""
    file, low, high = MODELS[name]
    model = amc.CellModel(file=models_folder() / file, name=name, low=low, high=high)
    return measured_cell(model, reach, g_min=G_MIN, g_max=100e-6)


def problem(name, m, n):
    draw = np.random.default_rng(0)
    A = draw.random((m, n)) + (m / 2 * np.eye(m) if name == "inv" else 0)
    return A, draw.random(m)


def cpu():
    """CPU time of this process and of those that it waited for [s]."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def run(question, cells, mode, **options):
    """Return a run and the CPU time that it took [s]."""
    name, A, b = question
    before = cpu()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", amc.CautionWarning)
        done = amc.solve(
            name, A, b, device=dataclasses.replace(cells, cell_mode=mode),
            fidelity="flat" if mode == "live" else "dc", **options,
        )  # fmt: skip
    return done, cpu() - before


def live():
    """Regressions of 16 x 8 and inverses of 8 x 8 at 0.2 V."""
    rows = []
    for name in MODELS:
        cells = cells_of(name)
        for kind, shape in (("nnls", (16, 8)), ("inv", (8, 8))):
            question = (kind, *problem(kind, *shape))
            there, _ = run(question, cells, "live", read_voltage=0.2)
            drawn, _ = run(question, cells, "frozen", read_voltage=0.2)
            off = np.linalg.norm(there.x - drawn.x) / np.linalg.norm(drawn.x)
            rows.append((
                f"`{name}`", f"{kind} {shape[0]} x {shape[1]}", f"{there.cell_voltage:.3f} V",
                f"{there.conductance_drift:.1e}", f"{off:.1e}",
            ))  # fmt: skip
    head = ("cells", "problem", "largest voltage", "dG/G", "x off the table by")
    return table(head, rows)


def switching():
    """The threshold model, the further above its threshold the more."""
    rows, cells = [], cells_of("amc_memristor", 1.5)
    for kind, shape in (("nnls", (16, 8)), ("inv", (8, 8))):
        question = (kind, *problem(kind, *shape))
        for volts in (0.6, 0.8, 1.2):
            there, _ = run(question, cells, "live", read_voltage=volts)
            said = next((s for s in there.cautions if "using the cells" in s), "-")
            rows.append((
                f"{kind} {shape[0]} x {shape[1]}", f"{volts} V", f"{there.cell_voltage:.2f} V",
                f"{there.conductance_drift:.1e}", f"{there.relative_error:.1e}",
                said.partition(":")[0],
            ))  # fmt: skip
    return table(
        ("problem", "read voltage", "largest voltage", "dG/G", "error of x", "what is said"), rows
    )


def times():
    """CPU time of a regression of 64 x 16."""
    rows, question = [], ("nnls", *problem("nnls", 64, 16))
    for name in MODELS:
        cells = cells_of(name)
        there, live_time = run(question, cells, "live", read_voltage=0.2)
        _, dc_time = run(question, cells, "frozen", read_voltage=0.2)
        rows.append((f"`{name}`", str(there.cells), f"{live_time:.1f} s", f"{dc_time:.2f} s"))
    return table(("cells", "in the circuit", "live, flat", "table, dc"), rows)


def main() -> None:
    print("ngspice", find_installation().version)
    for make in (live, switching, times):
        text = make()
        print(text)
        if find_installation().klu:
            fill(PAGE, make.__name__, text)


if __name__ == "__main__":
    main()
