"""``amcspice compare``: every circuit that takes a problem, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from amcspice.cli.common import Settings, shared_options
from amcspice.cli.parameter_options import GroupedCommand, decorate, given, parameter_options
from amcspice.cli.problem_input import PROBLEM_NAMES, problem_parameters, told_input
from amcspice.cli.progress import activity
from amcspice.cli.quantity import si
from amcspice.cli.waveform_options import check_waveform_targets
from amcspice.design import Candidate, CircuitComparison, compare
from amcspice.design.error_budget import SEEDS
from amcspice.errors import UnsupportedError

__all__ = ["compare_circuits"]

SHOWN_SHARES = 3
"""Effects named beside an error, those with the largest shares."""

NOTEWORTHY = 0.01
"""Share from which on it is named."""


@click.command(
    "compare",
    cls=GroupedCommand,
    epilog="Example: amcspice compare lstsq --rows 64 --columns 16 --signed --levels 8 "
    "--write-noise '3 %' --wire-resistance '2 ohm' --gbw '50 MHz'",
)
@click.argument("problem")
@decorate(parameter_options(problem_parameters()))
@click.option(
    "--seeds", type=click.IntRange(min=1), default=SEEDS, show_default=True, metavar="N",
    help="Draws of cells and amplifiers.",
)  # fmt: skip
@click.option(
    "--plot", type=click.Path(path_type=Path), metavar="FILE",
    help="Draw error against settling time and energy: .png, .pdf or .svg.",
)  # fmt: skip
@shared_options
def compare_circuits(
    problem: str, seeds: int, plot: Path | None, settings: Settings, **options: Any
) -> None:
    """Set every circuit that takes PROBLEM side by side, and say which one to take.

    Error with its budget (at dc), settling, power, energy (behavioural), amplifiers, cells, and how
    much extra input capacitance and how low a second pole the amplifiers may have.
    """
    if settings.circuit is not None:
        raise UnsupportedError("--circuit: compare takes every circuit")
    if settings.verify.count:
        raise UnsupportedError("--verify: of solve, which runs one of the circuits")
    chosen = given(options, PROBLEM_NAMES)
    check_waveform_targets(None, plot)
    A, b = told_input(problem, chosen, settings)
    settings.write_config(problem=problem, **chosen)
    if "fidelity" not in settings.given:
        settings = settings.at("behavioural")
    settings.check_surroundings()
    with activity() as watch:
        found = compare(
            problem, A, b, seeds=seeds, seed=settings.seed, progress=watch,
            **settings.parameters, **vars(settings.analysis),
        )  # fmt: skip
    if str(settings.json) != "-":
        _show(found)
    for name, each in found.circuits.items():
        for sentence in each.cautions:
            click.echo(f"note: {name}: {sentence}", err=True)
    if plot is not None:
        from amcspice.view.comparison import pareto_plot
        from amcspice.view.style import save

        save(pareto_plot(found), plot)
    settings.write_json(
        {**found.to_json(), "fidelity": settings.analysis.fidelity, "seed": settings.seed}
    )


def _show(found: CircuitComparison) -> None:
    console = Console(highlight=False, markup=False)
    for table in (_figures(found), _on_a_chip(found), _margins(found)):
        console.print(table)
    click.echo("* no other is better in error, settling time and energy together")
    for name, each in found.circuits.items():
        click.echo(f"{name}: {_shares(each)}")
    for reason, names in _refusals(found).items():
        click.echo(f"not {', '.join(names)}: {reason}")
    click.echo(found.advice)


def _figures(found: CircuitComparison) -> Table:
    rows, columns = found.shape
    names = ("circuit", "error", "settling", "power", "energy", "amplifiers", "cells")
    table = _table(f"{found.problem}, {rows} x {columns}", names)
    for name, each in found.circuits.items():
        table.add_row(
            f"{name}{' *' if name in found.pareto else ''}", f"{each.budget.error:.2e}",
            si(each.settling_time, "s"), si(each.power, "W"), si(each.energy, "J"),
            str(each.amplifiers), str(each.cells),
        )  # fmt: skip
    return table


def _on_a_chip(found: CircuitComparison) -> Table:
    names = ("circuit", "a writing", "its energy", "a vector, converters counted", "its energy")
    table = _table(f"on a chip, technology {found.technology}", names)
    for name, each in found.circuits.items():
        figures = (each.writing, each.operation)
        units = [si(value, unit) for of in figures
                 for value, unit in ((of.time, "s"), (of.energy, "J"))]  # fmt: skip
        table.add_row(name, *units)
    return table


def _margins(found: CircuitComparison) -> Table:
    names = ("circuit", "damping", "extra input capacitance", "second pole")
    table = _table("what its amplifiers may have", names)
    for name, each in found.circuits.items():
        margin = each.margin
        if margin is None:
            table.add_row(name, "-", "-", "-")
            continue
        farads, hertz = margin.input_capacitance, margin.second_pole
        table.add_row(
            name, f"{margin.damping:.2f}",
            f"up to {si(farads, 'F')}" if np.isfinite(farads) else "any",
            f"from {si(hertz, 'Hz')}" if hertz else "any",
        )  # fmt: skip
    return table


def _table(title: str, names: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in names:
        table.add_column(name, justify="left" if name == "circuit" else "right", no_wrap=True)
    return table


def _shares(each: Candidate) -> str:
    """Return the largest shares of an error in words."""
    ranked = sorted(each.budget.shares.items(), key=lambda pair: -pair[1].share)[:SHOWN_SHARES]
    parts = [
        f"{name.replace('_', ' ')} {share.share:.0%}"
        for name, share in ranked
        if abs(share.share) > NOTEWORTHY
    ]
    if each.budget.circuit > NOTEWORTHY:
        parts.append(f"the circuit itself {each.budget.circuit:.0%}")
    return f"of the square of its error {', '.join(parts)}"


def _refusals(found: CircuitComparison) -> dict[str, list[str]]:
    """Return why circuits do not take the problem, and which, those of another problem together."""
    reasons: dict[str, list[str]] = {}
    for name, reason in found.refused.items():
        reasons.setdefault(reason.removeprefix(f"{name} "), []).append(name)
    return reasons
