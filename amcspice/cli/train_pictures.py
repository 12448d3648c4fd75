"""``amcspice train letters`` and ``digits``: optimisers side by side."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from amcspice.cli.common import Settings
from amcspice.cli.output import write_json
from amcspice.cli.parameter_options import GroupedCommand
from amcspice.cli.progress import progress
from amcspice.cli.quantity import si
from amcspice.cli.result_folder import ResultFolder
from amcspice.cli.train_options import (
    check,
    chips,
    names_of,
    seed_range,
    study_of,
    training_options,
)
from amcspice.errors import InputError, counted
from amcspice.pool import Pool
from amcspice.workload.training import OPTIMISERS, TUNING_SEEDS, Comparison, Entrant, Pictures
from amcspice.workload.training import digits as read_digits
from amcspice.workload.training.comparison import spread
from amcspice.workload.training.pictures import read_letters
from amcspice.workload.training.study import Training
from amcspice.workload.training.trial import Outcome, Trial, run_trials
from amcspice.workload.training.tuning import best_setting, grid_entrants, usual

__all__ = ["digits", "letters"]

USUAL = "-usual"
"""What names of entrants end with that take what libraries do."""

FILES = (
    "training.json", "learning.png", "cost.png", "training.checkpoint.npz", "tuning.checkpoint.npz",
)  # fmt: skip


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    command = training_options(seeds=8)(command)
    for option in (
        click.option(
            "--usual", is_flag=True,
            help="Beside each optimiser, what libraries take where nothing is said.",
        ),
        click.option(
            "--tune", is_flag=True,
            help="First find the best setting of each optimiser's grid, on seeds "
            f"{' and '.join(map(str, TUNING_SEEDS))}, in the place of the one that it has.",
        ),
        click.option(
            "--inverse", default="exact", show_default=True, metavar="NAME[,NAME]",
            help="Of K-FAC: exact, analog or both.",
        ),
        click.option(
            "--optimizer", default=",".join(OPTIMISERS), show_default=True,
            metavar="NAME[,NAME...]", help="Those that are compared.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


@click.command(
    cls=GroupedCommand,
    epilog="Example: amcspice train letters binaryalphadigs.mat --inverse exact,analog --levels 16 "
    "--write-noise 0.02 --seeds 8",
)
@click.argument("file", type=click.Path(path_type=Path))
@_options
def letters(file: Path, **options: Any) -> None:
    """Train on the handwritten letters of FILE, binaryalphadigs.mat with fea and gnd.

    A part of every class is held out.  Epochs to the target loss are counted between ends of
    epochs, and compared seed by seed.  What is said of an optimiser, such as --learning-rate, is
    said of K-FAC, where it is among them; the others have the best of their grids.  Arrays are
    simulated at dc unless --fidelity says otherwise.

    Writes to DIR: training.json, learning.png, with arrays cost.png, and run.json.
    """
    _compare(read_letters(file), "train letters", **options)


@click.command(
    cls=GroupedCommand,
    epilog="Example: amcspice train digits --optimizer sgdm,kfac --seeds 3",
)
@_options
def digits(**options: Any) -> None:
    """Train on the handwritten digits that come with scikit-learn; see amcspice train letters."""
    _compare(read_digits(), "train digits", **options)


def _compare(
    pictures: Pictures,
    problem: str,
    *,
    optimizer: str,
    inverse: str,
    seeds: int,
    tune: bool,
    usual: bool,
    folder: ResultFolder,
    settings: Settings,
    **options: Any,
) -> None:
    started = time.perf_counter()
    names = names_of(optimizer, list(OPTIMISERS), "--optimizer")
    inverses = names_of(inverse, ["exact", "analog"], "--inverse")
    study = study_of(options, names, analog="analog" in inverses, tune=tune)
    entrants = _entrants(study, names, inverses, settings, with_usual=usual)
    check(settings, analog="analog" in inverses)
    numbers = seed_range(settings, seeds)
    inputs = {
        **vars(study), "letters": pictures.name, "optimizer": names, "inverse": inverses,
        "seeds": numbers, "tune": tune, "usual": usual,
    }  # fmt: skip
    path = folder.claim(problem, settings.record(inputs, pictures.images, pictures.labels), FILES)
    settings.write_config()
    trial = study.trial(pictures)
    with Pool(settings.jobs) as pool, threadpool_limits(1):
        run = functools.partial(_run, folder, pool, settings)
        if tune:
            short = replace(trial, until_loss=study.target_loss)
            grid = grid_entrants(names)
            tried = run(short, grid, TUNING_SEEDS, path / "tuning.checkpoint.npz")
            entrants = [_tuned(each, grid, tried, study.target_loss) for each in entrants]
        outcomes = run(trial, entrants, numbers, path / "training.checkpoint.npz")
    comparison = Comparison(
        tuple(entrants), outcomes, numbers, study.target_loss, study.target_accuracy
    )
    result = {
        "problem": problem, **comparison.to_json(), "cost": _cost(comparison),
        "seed": settings.seed, "settings": inputs,
        "provenance": {"wall_time_s": time.perf_counter() - started},
    }  # fmt: skip
    write_json(path / "training.json", result)
    _draw(comparison, path)
    settings.write_json(result)
    _show(comparison, path, stderr=str(settings.json) == "-")


def _entrants(
    study: Training, names: list[str], inverses: list[str], settings: Settings, *, with_usual: bool
) -> list[Entrant]:
    """Return the ways of training, before any work."""
    make_chip = chips(settings)
    found = []
    for name in names:
        optimiser = study.optimiser() if name == study.optimizer else OPTIMISERS[name]()
        if "exact" in inverses or not optimiser.second_order:
            found.append(Entrant(name, optimiser))
        if "analog" in inverses and optimiser.second_order:
            found.append(Entrant(f"{name}-analog", optimiser, study.analog(make_chip)))
        if with_usual:
            found.append(Entrant(name + USUAL, usual(name)))
    if "analog" in inverses and not any(each.analog for each in found):
        raise InputError("--inverse analog: of K-FAC, which --optimizer leaves out")
    return found


def _run(
    folder: ResultFolder, pool: Pool, settings: Settings, trial: Trial, entrants: list[Entrant],
    seeds: Sequence[int], checkpoint: Path,
) -> dict[str, list[Outcome]]:  # fmt: skip
    if not folder.resume:
        checkpoint.unlink(missing_ok=True)
    total = trial.epochs * len(entrants) * len(seeds)
    with folder.interruptible(checkpoint), progress(total, "epochs") as advance:
        return run_trials(
            trial, entrants, seeds, jobs=pool, checkpoint=checkpoint, resume=folder.resume,
            progress=advance,
        )  # fmt: skip


def _tuned(
    entrant: Entrant, grid: list[Entrant], tried: Mapping[str, Sequence[Outcome]], target: float
) -> Entrant:
    """Return an entrant with the best setting of its grid; what libraries take stays."""
    if entrant.name.endswith(USUAL):
        return entrant
    return replace(entrant, optimiser=best_setting(entrant.optimiser.name, grid, tried, target))


def _cost(comparison: Comparison) -> dict[str, Any]:
    """Return what inverses of a training took, by entrant with arrays and by group."""
    return {
        name: {group: total.to_json() for group, total in groups.items()}
        for name, groups in comparison.groups().items()
    }


def _draw(comparison: Comparison, path: Path) -> None:
    from amcspice.view import save
    from amcspice.view.second_order import update_cost
    from amcspice.view.training import learning

    save(learning(comparison), path / "learning.png")
    groups = comparison.groups()
    if groups:
        title = "inverses of a training on the chip"
        save(update_cost(groups, title=title), path / "cost.png")


def _show(comparison: Comparison, path: Path, *, stderr: bool) -> None:
    console = Console(stderr=stderr, markup=False)
    title = (
        f"epochs to a loss of {comparison.target_loss:g}, to an accuracy of "
        f"{comparison.target_accuracy:g}, and best accuracy, "
        f"{counted(len(comparison.seeds), 'seed')}"
    )
    table = Table(title=title, title_justify="left")
    for column in ("", "to loss", "reached", "to accuracy", "reached", "best accuracy"):
        table.add_column(column, justify="right" if column else "left")
    for entrant in comparison.entrants:
        name = entrant.name
        epochs, to_accuracy = comparison.epochs(name), comparison.epochs_to_accuracy(name)
        table.add_row(
            name, _plus_minus(epochs, 2), _reached(epochs), _plus_minus(to_accuracy, 2),
            _reached(to_accuracy), _plus_minus(comparison.best_accuracy(name), 3),
        )  # fmt: skip
    console.print(table)
    for name, rivals in comparison.savings().items():
        for rival, saving in rivals.items():
            if saving.paired:
                console.print(
                    f"{name} saves {_plus_minus(100 * np.array(saving.per_seed), 0)} % of the "
                    f"epochs of {rival} ({counted(saving.paired, 'paired seed')})",
                    highlight=False,
                )
    writing = comparison.writing()
    if writing:
        console.print(
            f"arrays, a training: {counted(writing['writings'], 'writing', '.0f')} "
            f"({comparison.unstable} of all unstable), "
            f"{si(writing['time_s'], 's')}, {si(writing['energy_j'], 'J')}; "
            f"{counted(writing['solves'], 'solve', '.0f')}, {si(writing['solving_time_s'], 's')}, "
            f"{si(writing['solving_energy_j'], 'J')}: writing over solving "
            f"{writing['time_over_solving']:.3g} in time, {writing['energy_over_solving']:.3g} in "
            "energy",
            highlight=False, soft_wrap=True,
        )  # fmt: skip
    for caution in comparison.cautions:
        click.echo(f"note: {caution}", err=True)
    console.print(f"Results are in {path}", highlight=False, soft_wrap=True)


def _reached(values: NDArray[np.float64]) -> str:
    return f"{np.isfinite(values).sum()}/{len(values)}"


def _plus_minus(values: NDArray[np.float64], digits: int) -> str:
    mean, deviation = spread(values)
    if np.isnan(mean):
        return "-"
    return f"{mean:.{digits}f}" + ("" if np.isnan(deviation) else f" ± {deviation:.{digits}f}")
