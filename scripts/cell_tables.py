"""Fill the tables of docs/own-cells.md: sub-circuits measured, and what circuits make of them."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from cell_figures import table
from update_readme import fill

import amcspice as amc
from amcspice.characterise import measured_table
from amcspice.schema import to_text

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "own-cells.md"
MODELS = {
    "amc_memristor": amc.CellModel(file=ROOT / "models" / "memristor.lib", name="amc_memristor"),
    "amc_yakopcic": amc.CellModel(file=ROOT / "models" / "cells.lib", name="amc_yakopcic"),
    "amc_gap": amc.CellModel(file=ROOT / "models" / "cells.lib", name="amc_gap", low=0.2, high=1.7),
    "amc_memdiode": amc.CellModel(file=ROOT / "models" / "cells.lib", name="amc_memdiode"),
}
AMPLIFIER = amc.OpAmp(gain=1e6)


def problem(name, rows, columns):
    draw = np.random.default_rng(1)
    A = 0.3 + 0.7 * draw.random((rows, columns))
    A += columns / 4 * np.eye(rows) if name == "inv" else 0.0
    return A, A @ draw.random(columns)


def solved(name, shape, device, fidelity, **options):
    """Return a run, and the CPU time that it took in this process [s]."""
    A, b = problem(name, *shape)
    if fidelity != "dc":
        options["relative_tolerance"] = 1e-6
    started = time.process_time()
    run = amc.solve(name, A, b, device=device, fidelity=fidelity, opamp=AMPLIFIER, **options)
    return run, time.process_time() - started


def apart(run, other):
    return np.linalg.norm(run.x - other.x) / np.linalg.norm(other.x)


def measured():
    """What measuring the sub-circuits of ``models`` gives, up to 0.3 V."""
    rows = []
    for name, model in MODELS.items():
        found = measured_table(model)
        rows.append((
            f"`{name}`", f"{to_text(found.lowest, 'S')} to {to_text(found.highest, 'S')}",
            str(len(found.state)), f"{100 * found.asymmetry:.1f} %", f"{found.error:.0e}",
            f"{found.disturb:.2g}",
        ))  # fmt: skip
    head = ("sub-circuit", "conductances", "states", "asymmetry", "error of the table",
            "disturb at 0.3 V (1/s)")  # fmt: skip
    return table(head, rows)


def circuits():
    """Answers with frozen cells beside straight lines, and beside the sub-circuits in the deck."""
    rows = []
    for name in ("amc_gap", "amc_memdiode"):
        for kind, shape in (("nnls", (16, 8)), ("inv", (8, 8))):
            row = [f"`{name}`", f"{kind} {shape[0]} x {shape[1]}"]
            cells = {at: amc.measured_cell(MODELS[name], set_at=at) for at in ("operating", 0.0)}
            straight, _ = solved(kind, shape, amc.Memristor(g_min=cells[0.0].g_min), "dc")
            for at, device in cells.items():
                frozen, _ = solved(kind, shape, device, "dc")
                row.append(f"{apart(frozen, straight):.0e}")
                if at == "operating":
                    flat, _ = solved(kind, shape, device, "flat")
                    quick, _ = solved(kind, shape, device, "behavioural")
                    late = quick.settling_time / flat.settling_time - 1
                    row += [f"{apart(frozen, flat):.0e}", f"{100 * late:+.1f} %"]
            rows.append(tuple(row))
    head = ("cells", "circuit", "set where they are used", "dc beside flat",
            "settling, behavioural beside flat", "set at 0 V")  # fmt: skip
    return table(head, rows)


def sizes():
    """What frozen cells take at rest."""
    rows = []
    for kind, shape, wire in (("nnls", (64, 16), None), ("nnls", (64, 16), 1.0),
                              ("inv", (32, 32), 1.0)):  # fmt: skip
        wires = amc.Wire() if wire is None else amc.Wire(row=wire, column=wire)
        straight, frozen = (
            min(solved(kind, shape, device, "dc", wire=wires)[1] for _ in range(5))
            for device in (amc.Memristor(), amc.measured_cell(MODELS["amc_memdiode"]))
        )
        rows.append((
            f"{kind} {shape[0]} x {shape[1]}", "-" if wire is None else f"{wire:g} ohm",
            f"{1e3 * straight:.0f} ms", f"{1e3 * frozen:.0f} ms",
        ))  # fmt: skip
    return table(("circuit", "wires", "resistors, CPU", "`amc_memdiode` frozen, CPU"), rows)


def wired():
    """How far an array with wires is from its flat deck."""
    device, wire = amc.measured_cell(MODELS["amc_memdiode"]), amc.Wire(row=1.0, column=1.0)
    runs = [solved("inv", (32, 32), device, fidelity, wire=wire)[0] for fidelity in ("dc", "flat")]
    return f"inv 32 x 32, 1 ohm a segment, `amc_memdiode`: x off by {apart(*runs):.0e}."


def main() -> None:
    for make in (measured, circuits, sizes, wired):
        fill(PAGE, make.__name__, make())


if __name__ == "__main__":
    main()
