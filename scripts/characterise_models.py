"""Measure models/miller.lib and write what docs/amplifiers.md states.

Fills the tables between its markers (presets, figures of the transistor-level amplifier, settling
of circuits with it and with its macro-model) and draws docs/images/amplifier.png.  Arguments name
single tables: ``scripts/characterise_models.py presets``.
"""

from __future__ import annotations

import dataclasses
import sys
from functools import cache
from pathlib import Path

import numpy as np
from update_readme import fill, table

import amcspice as amc
from amcspice.characterise import AmplifierFixture, Conditions, Fit, characterise, fit
from amcspice.characterise.table import measured_rows
from amcspice.device import PRESETS
from amcspice.schema import to_text
from amcspice.view.amplifier import amplifier
from amcspice.view.style import save

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "amplifiers.md"
LIBRARY = ROOT / "models" / "miller.lib"
NAME = "amc_miller"
CONDITIONS = Conditions(supply_positive=2.5, supply_negative=-2.5, load_resistance=1e3)
SEEDS = range(5)

SHOWN = (
    ("gain", "gain", ""), ("gbw", "GBW", "Hz"), ("slew_rate", "slew rate", "V/s"),
    ("second_pole", "second pole", "Hz"), ("output_resistance", "output resistance", "ohm"),
    ("input_capacitance", "input capacitance", "F"), ("supply_positive", "supplies ±", "V"),
    ("headroom_positive", "headroom", "V"), ("quiescent_current", "supply current", "A"),
    ("input_noise", "noise", "V/√Hz"),
)  # fmt: skip


def presets_table() -> str:
    """Return the parameters of every preset, and where they come from."""
    presets = {name: amc.OpAmp.preset(name) for name in PRESETS}
    rows = [
        (words, *(_figure(opamp, name, unit) for opamp in presets.values()))
        for name, words, unit in SHOWN
    ]
    sources = "\n".join(f"- `{name}`: {_source(opamp)}." for name, opamp in presets.items())
    mark = r"\* assumed, derived or remembered: see below."
    return "\n\n".join([table(("", *presets), rows), mark, sources])


def _figure(opamp: amc.OpAmp, name: str, unit: str) -> str:
    """Return a figure, with an asterisk where it was not read in a data sheet."""
    return to_text(getattr(opamp, name), unit) + r" \*" * (name in opamp.assumed)


def _source(opamp: amc.OpAmp) -> str:
    """Return where the figures of a preset come from, and which are not from there."""
    assumed = ", ".join(f"`{name}`" for name in opamp.assumed)
    return opamp.source + (f" (`assumed`: {assumed})" if assumed else "")


@cache
def measured() -> Fit:
    """Measure and fit the amplifier."""
    fixture = AmplifierFixture.of_subcircuit(amc.Subcircuit.of(LIBRARY, NAME), CONDITIONS)
    return fit(characterise(fixture))


def figures_table() -> str:
    """Return the figures of the amplifier and draw them."""
    macro_fit, residual = measured(), measured().residual
    save(amplifier(macro_fit, title=NAME), ROOT / "docs" / "images" / "amplifier.png")
    text = table(("", "transistors", "macro-model"), list(measured_rows(macro_fit)))
    return (
        f"{text}\n\nThe macro-model is off by {residual.gain_db:.2g} dB and "
        f"{residual.phase:.2g} degrees (root mean square, up to a gain of one half), by "
        f"{100 * residual.large_step:.2g} % of a large step and "
        f"{100 * residual.small_step:.2g} % of a small one; its settling times to 1 % differ by "
        f"{100 * residual.large_settling:+.2g} % and {100 * residual.small_settling:+.2g} %."
    )


def settling_table() -> str:
    """Return settling times of 16 x 4 circuits with transistors and with the macro-model."""
    macro = measured().opamp
    own = dataclasses.replace(macro, subcircuit=amc.Subcircuit.of(LIBRARY, NAME))
    rows = []
    for problem in ("lstsq", "nnls"):
        times, reduced, behavioural, power = [], [], [], []
        for seed in SEEDS:
            draw = np.random.default_rng(seed)
            A = draw.random((16, 4))
            b = A @ draw.uniform(-0.5, 1.0, (4, 3))
            there = amc.solve(problem, A, b, opamp=own)
            here = amc.solve(problem, A, b, opamp=macro)
            fast = amc.solve(
                problem, A, b, opamp=own, analysis=amc.Analysis(fidelity="behavioural")
            )
            assert there.all_settled
            assert here.all_settled
            assert fast.all_settled
            times += list(there.settling_time)
            reduced += list(here.settling_time / there.settling_time - 1)
            behavioural += list(fast.settling_time / there.settling_time - 1)
            power += list(here.power["total"] / there.power["total"] - 1)
        rows.append(
            (problem, f"{min(times) * 1e9:.0f} to {max(times) * 1e9:.0f} ns",
             *(f"{100 * np.abs(values).max():.2g} %" for values in (reduced, behavioural, power)))
        )  # fmt: skip
    head = (
        "problem", "settling with transistors", "macro-model, reduced", "macro-model, behavioural",
        "power",
    )  # fmt: skip
    return table(head, rows)


TABLES = {"presets": presets_table, "figures": figures_table, "settling": settling_table}


def main(names: list[str]) -> None:
    for name in names or TABLES:
        assert name in TABLES, f"there is no table {name!r}; choose from {', '.join(TABLES)}"
        fill(PAGE, name, TABLES[name]())


if __name__ == "__main__":
    main(sys.argv[1:])
