"""The text of a run: a heading, then names and figures."""

from __future__ import annotations

from typing import Any

import numpy as np

from amcspice.simulation.figures import Figures

__all__ = ["summary"]


def summary(run: Figures) -> list[str]:
    """Return a run in a few lines: a heading, then names and figures."""
    count, measured = len(run), run.measurement
    several = f"{count} right-hand sides" if count != 1 else "1 right-hand side"
    lines = [f"{run.problem} on {run.circuit}, {run.fidelity}: {several}, x of {_size(run)}"]

    def add(name: str, values: Any, unit: str) -> None:
        known = np.asarray(values, float)
        known = known[np.isfinite(known)]
        if known.size:
            middle, most = np.median(known), known.max()
            spread = f" (largest {most:.3g} {unit})".replace(" )", ")") if known.size > 1 else ""
            missing = f"; of {known.size} of {count}" if known.size < count else ""
            lines.append(f"  {name}: {middle:.3g} {unit}".rstrip() + spread + missing)

    add("relative error", run.relative_error, "")
    without = np.isinf(np.atleast_1d(run.relative_error))
    if without.any():
        most = np.atleast_1d(run.absolute_error)[without].max()
        lines.append(
            f"  relative error: infinite for {without.sum()} of {count}, whose reference is zero; "
            f"absolute error up to {most:.3g}"
        )
    add("voltage across a cell, largest", measured.cell_voltage, "V")
    add("change of a conductance, largest", measured.conductance_drift, "")
    add("settling time", measured.settling_time, "s")
    add("power at rest", measured.power.get("total", np.nan), "W")
    add("energy", measured.energy, "J")
    if measured.power:  # a circuit ran
        lines.append(f"  hardware: {run.amplifiers} amplifiers, {run.cells} cells")
        lines.append(
            f"  range: {run.range.volts_per_unit:.4g} V a unit ({run.range.choice}, "
            f"{run.range.repeats} repeats)"
        )
    if run.feedback is not None:
        lines.append(f"  feedback: {run.feedback}")
    if run.verification is not None:
        name, _, figures = str(run.verification).partition(": ")
        lines.append(f"  {name}: {figures}")
    return lines + [f"  caution: {sentence}" for sentence in run.cautions]


def _size(run: Figures) -> str:
    entries = len(run.x) if run.single else run.x.shape[0]
    return f"{entries} entries" if entries != 1 else "1 entry"
