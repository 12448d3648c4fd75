"""``amcspice cost``: what a workload takes on a chip, with writing and without."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from amcspice.cli.common import Settings, shared_options
from amcspice.cli.nmf_options import technology_option
from amcspice.cli.output import check_target
from amcspice.cli.parameter_options import GroupedCommand
from amcspice.cli.quantity import si
from amcspice.errors import InputError, UnsupportedError, counted
from amcspice.problem import PROBLEMS
from amcspice.simulation import Verification
from amcspice.simulation.plain import plain_verification
from amcspice.system import Cost, Ledger, Technology, Work, digital_peer

__all__ = ["cost"]

PLOTS = (".png", ".pdf", ".svg")


@click.command(
    cls=GroupedCommand,
    epilog="Example: amcspice cost nnls --shape 32x8 --rhs 32 --opamp onchip-1g --plot cost.png",
)
@click.argument("what", metavar="PROBLEM|RUN.json")
@click.option("--shape", metavar="MxN", help="Of the matrix, for a stated workload.")
@click.option(
    "--rhs",
    "count",
    type=click.IntRange(min=1),
    metavar="N",
    help="Right-hand sides a writing.  [default: 32]",
)
@click.option(
    "--writings",
    type=click.IntRange(min=1),
    metavar="N",
    help="How often a matrix is written and asked.  [default: 1]",
)
@technology_option
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="NAME=VALUE",
    help="Change a figure of the technology, such as adc_energy='2 pJ' or macros=64.",
)
@click.option(
    "--tornado",
    type=click.Choice(["energy", "time"]),
    help="Show what each figure of the technology does over its range.",
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw the parts, and a tornado: .png, .pdf or .svg.",
)
@shared_options
def cost(
    what: str,
    shape: str | None,
    count: int | None,
    writings: int | None,
    technology: str,
    changes: tuple[str, ...],
    tornado: str | None,
    plot: Path | None,
    settings: Settings,
) -> None:
    """Say what a workload costs in time, energy and area, with writing and without.

    The workload is stated (PROBLEM, --shape, --rhs, --writings): a generated matrix is programmed
    and asked, and what that took is counted as often as it is written. Or it is one that ran: the
    JSON of an nmf command, whose ledger is worked out anew.
    """
    chosen = Technology.load(technology).changed(**_changes(changes))
    if plot is not None:
        if plot.suffix.lower() not in PLOTS:
            raise InputError(f"{plot}: unknown type {plot.suffix!r}; use {', '.join(PLOTS)}")
        check_target(plot)
    if settings.json is not None:
        check_target(settings.json)
    if what.lower().endswith(".json"):
        _refuse_stated(shape, count, writings, settings)
        ledger = _ledger_of(Path(what))
        made, verification = Cost(Work.of(ledger), chosen, digital_peer(ledger)), None
    else:
        made, verification = _stated(what, shape, count or 32, writings or 1, chosen, settings)
    if str(settings.json) != "-":
        _show(made, tornado)
    if verification is not None:
        click.echo(str(verification), err=str(settings.json) == "-")
    for sentence in made.cautions:
        click.echo(f"note: {sentence}", err=True)
    if plot is not None:
        from amcspice import view

        view.save(view.cost(made), plot)
    content: dict[str, Any] = made.to_json()
    if tornado is not None:
        content["tornado"] = {bar.name: [bar.low, bar.high] for bar in made.tornado(tornado)}
    settings.write_json({**content, **plain_verification(verification)})
    settings.confirm(verification)


def _changes(texts: tuple[str, ...]) -> dict[str, str]:
    changes = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--set {text}: write NAME=VALUE")
        changes[name.strip().replace("-", "_")] = value.strip()
    return changes


def _refuse_stated(
    shape: str | None, count: int | None, writings: int | None, settings: Settings
) -> None:
    given = {"--shape": shape, "--rhs": count, "--writings": writings}
    named = [name for name, value in given.items() if value is not None]
    named += [f"--{name.replace('_', '-')}" for name in settings.given]
    if named:
        raise InputError(f"{', '.join(named)}: of a stated workload, but a run is given")


def _ledger_of(path: Path) -> Ledger:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        entries = content["ledger"]
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"{path}: holds no ledger: give the JSON of amcspice nmf image, matrix or ratings"
        ) from None
    if not entries:
        raise InputError(f"{path}: its ledger is empty: at fidelity ideal nothing is run")
    try:
        return Ledger.from_json(entries)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: its ledger is not whole ({error!r})") from None


def _stated(
    problem: str,
    shape: str | None,
    count: int,
    writings: int,
    technology: Technology,
    settings: Settings,
) -> tuple[Cost, Verification | None]:
    """Run a generated workload on a chip."""
    from amcspice.sweep.spec.experiment import Experiment

    asked = PROBLEMS.choose(problem)
    if shape is None:
        raise InputError(f"{problem}: give --shape MxN, such as 32x8, or the JSON of a run")
    match = re.fullmatch(r"([1-9]\d*)\s*[xX]\s*([1-9]\d*)", shape.strip())
    if match is None:
        raise InputError(f"--shape {shape}: write MxN, such as 32x8")
    if settings.analysis.fidelity == "ideal":
        raise UnsupportedError("the ideal fidelity runs nothing, so it costs nothing: use dc")
    rows, columns = int(match[1]), int(match[2])
    if asked.square and rows != columns:
        raise InputError(f"--shape {shape}: problem {problem} needs a square matrix")
    count = 1 if asked.single_input else count
    point = Experiment.of(
        {
            **settings.given, "problem": problem, "rows": rows, "columns": columns,
            "right_hand_sides": count,
        }
    )  # fmt: skip
    matrix = point.matrix()
    vectors = point.vectors(matrix)
    if "fidelity" not in settings.given:
        settings = settings.at("behavioural")
    chip = settings.chip(technology=technology)
    programmed = chip.program(matrix, problem, circuit=settings.circuit, **settings.circuit_options)
    programmed.run(vectors)
    made = chip.cost(digital=True)
    verification = chip.verify(settings.verify) if settings.verify.count else None
    return Cost(made.work.times(writings), made.technology, made.digital), verification


def _show(made: Cost, tornado: str | None) -> None:
    console = Console(markup=False)
    work = made.work
    console.print(
        f"{counted(work.programmings, 'writing')}, {counted(work.operated.count, 'operation')} "
        f"({work.operated.repeats} repeated), technology {made.technology.name}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    table = Table()
    table.add_column("")
    for name in ("time", "energy"):
        table.add_column(name, justify="right")
    for name, totals in (
        ("writing counted", made.counted), ("writing ignored", made.ignored),
        ("one writing", made.writing), ("one right-hand side", made.operation),
    ):  # fmt: skip
        table.add_row(name, si(totals.time, "s"), si(totals.energy, "J"))
    if made.digital is not None:
        core = made.digital.time
        energy = core * made.technology["core_power"]
        table.add_row("one right-hand side, one core here", si(core, "s"), si(energy, "J"))
    console.print(table)
    parts = Table()
    for name in ("part", "time", "part", "energy"):
        parts.add_column(name, justify="left" if name == "part" else "right")
    columns = [
        [(name.replace("_", " "), si(value, unit)) for name, value in each.items() if value]
        for each, unit in ((made.time, "s"), (made.energy, "J"))
    ]
    for row in itertools.zip_longest(*columns, fillvalue=("", "")):
        parts.add_row(*itertools.chain(*row))
    console.print(parts)
    mean, slowest = made.endurance
    area, macros = 1e6 * sum(made.area.values()), made.technology["macros"]
    lines = [f"area {area:.3g} mm^2, {counted(macros, 'macro', 'g')}"]
    if made.digital is not None:
        lines.append(
            f"faster than one core from {made.break_even:.3g} right-hand sides a writing, less "
            f"energy from {made.break_even_energy:.3g} ({made.digital.method})"
        )
    lines.append(
        f"endurance: {mean:.3g} writings of the mean cell, {slowest:.3g} of the slowest in a row"
    )
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)
    if tornado is not None:
        unit = "J" if tornado == "energy" else "s"
        bars = Table(title=f"{tornado}, writing counted")
        for name in ("figure", "at its low end", "at its high end"):
            bars.add_column(name, justify="left" if name == "figure" else "right")
        for bar in made.tornado(tornado):
            bars.add_row(bar.name, si(bar.low, unit), si(bar.high, unit))
        console.print(bars)
