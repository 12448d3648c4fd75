"""``amcspice solve``: one matrix, any number of right-hand sides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

import amcspice as amc
from amcspice.cli.common import Settings, shared_options
from amcspice.cli.output import check_target
from amcspice.cli.parameter_options import GroupedCommand, decorate, given, parameter_options
from amcspice.cli.problem_input import PROBLEM_NAMES, problem_parameters, told_input
from amcspice.cli.progress import progress
from amcspice.cli.quantity import si
from amcspice.cli.waveform_options import check_waveform_targets, waveform_options
from amcspice.cli.without_ngspice import runnable
from amcspice.engine import get_backend
from amcspice.engine.waveform_file import waveform_columns, write_waveforms
from amcspice.errors import InputError, UnsupportedError, counted
from amcspice.files import replacing
from amcspice.pool import cumulative
from amcspice.problem import PROBLEMS
from amcspice.simulation import Conversion, Run
from amcspice.simulation.plain import plain_run

__all__ = ["solve"]

MOST_ROWS, MOST_ENTRIES = 20, 4
"""Right-hand sides and entries of a solution in the table; files hold all of them."""


def _of_systems() -> list[click.Option]:
    from amcspice.cli.block_options import solver_options

    return solver_options()


@click.command(
    cls=GroupedCommand,
    later=_of_systems,
    epilog="Example: amcspice solve nnls --matrix A.csv --rhs B.csv --opamp ad823 "
    "--wire-resistance '1 ohm' --json result.json",
)
@click.argument("problem")
@decorate(parameter_options(problem_parameters()))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the solution, a column a right-hand side: .npy or .csv.",
)
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    metavar="N",
    help="Draw cells and amplifiers anew N times and report distributions; --plot draws them.",
)
@click.option(
    "--error-budget",
    is_flag=True,
    help="Say which effect has what part in the error at dc: levels, write noise, wires, gain, "
    "...; --plot draws them.",
)
@waveform_options
@shared_options
def solve(
    problem: str,
    out: Path | None,
    trials: int | None,
    error_budget: bool,
    waveforms: Path | None,
    plot: Path | None,
    settings: Settings,
    **options: Any,
) -> None:
    """Solve PROBLEM for A and every column of B on a simulated circuit.

    PROBLEM is mvm (A B), inv (A X = B), lstsq, nnls (non-negative least squares), lasso (least
    squares with an L1 term) or eig (dominant eigenvector).
    """
    PROBLEMS.choose(problem)
    settings = runnable(settings)
    chosen = given(options, PROBLEM_NAMES)
    of_system = given(options, [name for name in options if name not in PROBLEM_NAMES])
    solver = None
    if of_system:
        from amcspice.cli.solve_system import choose_solver, solve_system

        drawn = None if error_budget else plot
        solver = choose_solver(problem, of_system, waveforms=waveforms, plot=drawn, trials=trials)
    check_waveform_targets(waveforms, plot)
    if out is not None:
        _check_solution_file(out, trials)
    if trials is not None and waveforms is not None:
        raise UnsupportedError(
            "waveforms of trials are not kept: leave --waveforms or --trials out"
        )
    if trials is not None and error_budget:
        raise UnsupportedError("--error-budget has draws of its own: leave --trials out")
    A, B = told_input(problem, chosen, settings)
    curves = waveforms or (plot and not error_budget)
    if not get_backend(settings.analysis).in_time and curves and trials is None:
        raise UnsupportedError(
            f"the {settings.analysis.fidelity} fidelity has no waveforms; use behavioural, reduced "
            "or flat"
        )
    if solver is not None:
        settings.check_surroundings()
        settings.write_config(problem=problem, **chosen, **of_system)
        solution = solve_system(solver, A, np.asarray(B), settings, error_budget, plot)
        if out is not None:
            _write_solution(out, solution)
        return
    posed = settings.pose(problem, A, B)
    settings.check_circuit(posed.circuit)
    settings.write_config(problem=problem, **chosen)
    if trials is not None:
        from amcspice.cli.trials import solve_trials

        solve_trials(posed, trials, out, plot, settings)
        return
    vectors = posed.vectors if posed.vectors.ndim == 2 else posed.vectors[:, None]
    with progress(vectors.shape[1], "right-hand sides") as advance:
        run = amc.simulate(
            posed.circuit,
            vectors,
            analysis=settings.analysis,
            keep_waveforms=bool(curves),
            progress=cumulative(advance),
            jobs=settings.jobs,
            verify=settings.verify,
        )
    run = posed.restore(run)
    if str(settings.json) != "-":
        _show(run)
    for sentence in run.cautions:
        click.echo(f"note: {sentence}", err=True)
    if out is not None:
        _write_solution(out, run.x)
    _write_waveforms(run, waveforms, None if error_budget else plot, settings)
    content = plain_run(run)
    if error_budget:
        from amcspice.cli.error_budget import budget_circuit, show_budget

        budget = budget_circuit(posed, settings)
        show_budget(budget, plot, settings)
        content["error_budget"] = budget.to_json()
    settings.write_json(content)
    settings.confirm(run.verification)


def _check_solution_file(path: Path, trials: int | None) -> None:
    if trials is not None and path.suffix.lower() != ".npy":
        raise InputError(f"{path}: the solutions of all trials fit into .npy only")
    if path.suffix.lower() not in (".npy", ".csv"):
        raise InputError(f"{path}: unknown type {path.suffix!r}; use .npy, .csv")
    check_target(path)


def _write_solution(path: Path, x: Any) -> None:
    with replacing(path) as temporary:
        if path.suffix.lower() == ".npy":
            np.save(temporary, x)
        else:
            number = "%.17g%+.17gj" if np.iscomplexobj(x) else "%.17g"
            np.savetxt(temporary, x, fmt=[number] * x.shape[1], delimiter=",")


def _write_waveforms(
    run: Run, waveforms: Path | None, plot: Path | None, settings: Settings
) -> None:
    if run.waveforms is None:
        return
    if waveforms is not None:
        write_waveforms(waveforms, waveform_columns(run.waveforms))
    if plot is not None:
        from amcspice.view.curves import settling
        from amcspice.view.style import save

        save(settling(run, 0, tolerance=settings.analysis.settle_tolerance), plot)


def _show(run: Run) -> None:
    console = Console(highlight=False, markup=False, emoji=False)
    n, count = run.x.shape
    table = Table(
        title=f"{run.problem} on {run.circuit}: {counted(run.amplifiers, 'amplifier')}, "
        f"{counted(run.cells, 'cell')}, "
        f"{run.fidelity}"
    )
    shown = min(n, MOST_ENTRIES)
    label = f"x (first {shown} of {n})" if shown < n else "x"
    for name in ("rhs", label, "relative error", "settling time", "energy"):
        table.add_column(name, justify="right")
    for k in range(min(count, MOST_ROWS)):
        entries = "  ".join(f"{value:.4g}" for value in run.x[:shown, k])
        time = si(run.settling_time[k], "s") if run.settled[k] else "not settled"
        if run.saddle[k] or run.below_floor[k]:
            time = "saddle" if run.saddle[k] else "below floor"
        known = not np.isinf(run.relative_error[k])
        error = f"{run.relative_error[k]:.2e}" if known else f"{run.absolute_error[k]:.2e} of 0"
        table.add_row(str(k), entries, error, time, si(run.energy[k], "J"))
    console.print(table)
    if run.power:
        power = Table(title="power at rest")
        for name in ("rhs", *run.power):
            power.add_column(name.replace("_", " "), justify="right")
        for k in range(min(count, MOST_ROWS)):
            power.add_row(str(k), *(si(values[k], "W") for values in run.power.values()))
        console.print(power)
    if count > MOST_ROWS:
        console.print(f"and {count - MOST_ROWS} more right-hand sides: see --json or --out")
    if run.conversion is not None:
        console.print(_shares(run.conversion))
    if run.feedback is not None:
        console.print(f"the feedback is {run.feedback}")
    if run.verification is not None:
        console.print(str(run.verification))


def _shares(conversion: Conversion) -> Table:
    """Return whose share of the error is whose."""
    table = Table(title="shares of the error (power of converters is not included)")
    for name in ("rhs", "input", "analog", "sampling", "output", "saturated in", "out"):
        table.add_column(name, justify="right")
    shares = np.stack(
        [
            conversion.input_error,
            conversion.analog_error,
            conversion.sampling_error,
            conversion.output_error,
        ]
    )
    for k in range(min(shares.shape[1], MOST_ROWS)):
        table.add_row(
            str(k),
            *(f"{value:.2e}" for value in shares[:, k]),
            str(conversion.input_saturated[k]),
            str(conversion.output_saturated[k]),
        )
    return table
