"""``amcspice solve --trials``: many draws of cells and amplifiers, and their distributions."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from amcspice.cli.common import Settings
from amcspice.cli.progress import progress
from amcspice.cli.quantity import si
from amcspice.errors import counted
from amcspice.files import replacing
from amcspice.pool import cumulative
from amcspice.simulation import Distribution, Trials, monte_carlo
from amcspice.simulation.plain import plain_trials
from amcspice.simulation.solve import PosedProblem

__all__ = ["solve_trials"]

UNITS = {"settling_time": "s", "energy": "J"}
MOST_REASONS = 3
"""Failed trials whose reason is printed."""


def solve_trials(
    posed: PosedProblem, count: int, out: Path | None, plot: Path | None, settings: Settings
) -> None:
    """Run trials, show their distributions and write what was asked for.

    Parameters
    ----------
    posed : PosedProblem
    count : int
        Number of trials.
    out, plot : Path, optional
        Where solutions and picture go.
    settings : Settings
    """
    vectors = posed.vectors if posed.vectors.ndim == 2 else posed.vectors[:, None]
    with progress(count, "trials") as advance:
        trials = monte_carlo(
            posed.circuit,
            vectors,
            trials=count,
            seed=settings.seed,
            analysis=settings.analysis,
            progress=cumulative(advance),
            jobs=settings.jobs,
            verify=settings.verify,
        )
    trials = posed.restore(trials)
    problem = posed.name
    if str(settings.json) != "-":
        _show(trials, f"{problem} on {posed.circuit.name}", settings)
    for sentence in trials.cautions:
        click.echo(f"note: {sentence}", err=True)
    for number, reason in list(trials.failures.items())[:MOST_REASONS]:
        click.echo(f"  trial {number}: {reason}", err=True)
    if out is not None:
        with replacing(out) as temporary:
            np.save(temporary, trials.x)
    if plot is not None:
        from amcspice.view.style import save
        from amcspice.view.trials import distributions

        save(distributions(trials), plot)
    settings.write_json(plain_trials(trials, problem=problem, fidelity=settings.analysis.fidelity))
    settings.confirm(trials.verification)


def _show(trials: Trials, what: str, settings: Settings) -> None:
    console = Console(highlight=False, markup=False)
    right = trials.settled.shape[1]
    table = Table(
        title=f"{what}: {counted(len(trials), 'trial')} of {counted(right, 'right-hand side')}, "
        f"{counted(trials.amplifiers, 'amplifier')}, {counted(trials.cells, 'cell')}, "
        f"{settings.analysis.fidelity}"
    )
    for name in ("", "median", "5 %", "95 %", "values"):
        table.add_column(name, justify="right")
    for name, distribution in trials.distributions().items():
        label = name.replace("_", " ").replace(".", ", ")
        table.add_row(label, *_cells(name, distribution), str(distribution.count))
    console.print(table)
    if trials.verification is not None:
        console.print(str(trials.verification))


def _cells(name: str, distribution: Distribution) -> list[str]:
    values = (distribution.median, distribution.low, distribution.high)
    if name == "relative_error":
        return [f"{value:.2e}" for value in values]
    unit = UNITS.get(name, "W")
    return [si(value, unit) for value in values]
