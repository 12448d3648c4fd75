"""Train what docs/training.md states, fill its tables and draw its figures.

.venv/bin/python scripts/training.py binaryalphadigs.mat [TABLE...]

Tables are grid, epochs, definitions, interval, analog and noise; all of them take some ten minutes
of one core.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits
from update_readme import fill, table

import amcspice as amc
from amcspice.view.style import save
from amcspice.view.training import epochs_against_noise, learning
from amcspice.workload.training import (
    GRIDS,
    KFAC,
    OPTIMISERS,
    TUNING_SEEDS,
    Adam,
    AnalogCurvature,
    Comparison,
    Entrant,
    SGDMomentum,
    Trial,
    best_setting,
    read_letters,
    run_trials,
)
from amcspice.workload.training.comparison import spread
from amcspice.workload.training.noise import noise_study
from amcspice.workload.training.tuning import grid_entrants, usual

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "training.md"
IMAGES = ROOT / "docs" / "images"

SEEDS, FEW, FEWEST = tuple(range(8)), tuple(range(5)), tuple(range(3))
TARGET = 0.1
ROBUST = KFAC(learning_rate=0.1, damping=0.3)
CELLS = {"levels": 16, "write_noise": 0.02}
SETTINGS = {"damping 0.3, step 0.1": ROBUST, "the best of its grid": KFAC()}
INTERVALS = (1, 3, 6, 12)
SLOW = {"opamp": "onchip-1g", "levels": 16, "write_noise": 0.006}
NOISES = (0.01, 0.02, 0.04, 0.05, 0.06, 0.07, 0.08, 0.1)


@cache
def pictures():
    return read_letters(sys.argv[1])


def trial(epochs: int, *, whole: bool = False) -> Trial:
    """Return a training of the letters; ``whole``: beyond the target, for the best accuracy."""
    return Trial(pictures(), epochs=epochs, until_loss=0.0 if whole else TARGET)


def compare(entrants, seeds, epochs, *, whole=False) -> Comparison:
    outcomes = run_trials(trial(epochs, whole=whole), entrants, seeds)
    return Comparison(tuple(entrants), outcomes, seeds, TARGET)


def mean(values, digits=2) -> str:
    average, deviation = spread(values)
    known = int(np.isfinite(values).sum())
    if not known:
        return "never"
    text = (
        f"{average:.{digits}f} ± {deviation:.{digits}f}" if known > 1 else f"{average:.{digits}f}"
    )
    return text if known == len(values) else f"{text} ({known} of {len(values)})"


def percent(saving) -> str:
    average, deviation = spread(100 * np.array(saving.per_seed))
    return f"{average:.0f} ± {deviation:.0f} %"


# -- optimisers --------------------------------------------------------------------------------


def grid_table() -> str:
    entrants = grid_entrants(list(GRIDS))
    outcomes = run_trials(trial(15), entrants, TUNING_SEEDS)
    rows = []
    for name, grid in GRIDS.items():
        best = best_setting(name, entrants, outcomes, TARGET)
        assert best == OPTIMISERS[name](), f"{name}: the defaults are not the best of the grid"
        own = next(each for each in entrants if each.optimiser == best)
        epochs = [each.course.epochs_to_loss(TARGET) for each in outcomes[own.name]]
        rows.append((
            name, "; ".join(f"{field} {_list(values)}" for field, values in grid.items()),
            ", ".join(f"{getattr(best, field):g}" for field in grid), f"{np.mean(epochs):.2f}",
        ))  # fmt: skip
    return table(("optimiser", "grid", "best", "epochs"), rows)


def _list(values) -> str:
    return ", ".join(f"{value:g}" for value in values)


@cache
def tuned() -> Comparison:
    return compare(
        [Entrant(name, OPTIMISERS[name]()) for name in OPTIMISERS], SEEDS, 25, whole=True
    )


def epochs_table() -> str:
    common = compare(
        [Entrant(f"{name}, usual", usual(name)) for name in OPTIMISERS], SEEDS, 70, whole=True
    )
    rows = []
    for made, after in ((tuned(), 25), (common, 70)):
        for entrant in made.entrants:
            name = entrant.name
            rows.append((
                name, mean(made.epochs(name)), mean(made.epochs_to_accuracy(name)),
                f"{mean(made.best_accuracy(name), 3)}, in {after} epochs",
            ))  # fmt: skip
    save(learning(tuned()), IMAGES / "training-learning.svg")
    return table(("", "to loss 0.1", "to accuracy 0.75", "best accuracy"), rows)


def definitions_table() -> str:
    """What K-FAC saves, by what is counted and how it is set."""
    settings = {
        "the best of its grid": KFAC(),
        "damping 0.3, step 0.1": ROBUST,
        "damping 1, step 0.1": replace(ROBUST, damping=1.0),
        "damping 3, step 0.3": replace(ROBUST, damping=3.0, learning_rate=0.3),
    }
    rivals = [Entrant("sgdm", SGDMomentum()), Entrant("adam", Adam())]
    own = [Entrant(name, optimiser) for name, optimiser in settings.items()]
    made = compare([*rivals, *own], SEEDS, 25, whole=True)
    rows = []
    for name in settings:
        loss = [percent(made.saving(name, rival.name)) for rival in rivals]
        accuracy = [percent(by_accuracy(made, name, rival.name)) for rival in rivals]
        rows.append((name, *loss, *accuracy, mean(made.best_accuracy(name), 3)))
    head = (
        "K-FAC",
        "loss, sgdm",
        "loss, adam",
        "accuracy, sgdm",
        "accuracy, adam",
        "best accuracy",
    )
    return table(head, rows)


def interval_table() -> str:
    """What it costs to write inverses less often; an epoch has twelve steps."""
    rows = []
    for title, optimiser in SETTINGS.items():
        entrants = [
            Entrant(f"{steps}", replace(optimiser, update_every=steps)) for steps in INTERVALS
        ]
        made = compare(entrants, SEEDS, 15)
        rows.append((title, *(mean(made.epochs(entrant.name)) for entrant in entrants)))
    return table(("K-FAC", *(f"every {steps} steps" for steps in INTERVALS)), rows)


def by_accuracy(made: Comparison, name: str, rival: str):
    ratio = made.epochs_to_accuracy(name) / made.epochs_to_accuracy(rival)
    return type(made.saving(name, rival))(tuple(1 - ratio))


# -- analog inverses ---------------------------------------------------------------------------


def analog(optimiser, name, *, keep_mean=True, fidelity="dc", **hardware) -> Entrant:
    chip = functools.partial(amc.Chip, fidelity=fidelity, cost_sample=0, **hardware)
    return Entrant(name, optimiser, AnalogCurvature(chip, keep_mean=keep_mean))


def analog_table() -> str:
    rows = []
    for title, optimiser in SETTINGS.items():
        make = functools.partial(analog, optimiser)
        entrants = [
            Entrant("exact", optimiser),
            make("16 levels, 2 %", **CELLS),
            make("16 levels, 2 %, mean in the array", keep_mean=False, **CELLS),
            make("16 levels, 0.6 %, circuits in time", fidelity="behavioural", **SLOW),
        ]
        if optimiser is ROBUST:
            entrants += [
                make("16 levels, 2 %, converters of 4 bits", dac_bits=4, adc_bits=4, **CELLS),
                make("8 levels", levels=8),
            ]
        made = compare(entrants, FEW, 8)
        for entrant in entrants:
            epochs = made.epochs(entrant.name)
            rows.append(
                (title, entrant.name, mean(epochs), *against(made, epochs), in_vain(made, entrant))
            )
            title = ""
    head = ("K-FAC", "inverse", "epochs", "over exact", "farthest seed", "unstable")
    return table(head, rows)


def noise_table() -> str:
    study = noise_study(
        trial(9), Entrant("kfac", ROBUST),
        lambda noise: functools.partial(amc.Chip, cost_sample=0, write_noise=noise),
        amc.Memristor(), NOISES, FEWEST, TARGET,
    )  # fmt: skip
    save(epochs_against_noise(study), IMAGES / "training-noise.svg")
    rows = [
        (f"{100 * noise:g} %", *(
            cell for name, curve in study.curves.items()
            for cell in (mean(curve[noise]), str(study.unstable[name][noise]))
        ))
        for noise in NOISES
    ]  # fmt: skip
    low = [f"{100 * low:.1f} to {100 * high:.1f} %" for low, _, high in study.limits.values()]
    rows.append(("limit foretold", low[0], "", low[1], ""))
    head = ("write noise", "mean in the array", "unstable", "mean digital", "unstable")
    return table(head, rows)


def against(made: Comparison, epochs) -> tuple[str, str]:
    """Return the mean over that of exact inverses, and the farthest seed."""
    exact = made.epochs("exact")
    if not np.isfinite(epochs).all():
        return "", ""
    return f"{epochs.mean() / exact.mean():.3f}", f"{np.abs(epochs - exact).max():.2f}"


def in_vain(made: Comparison, entrant: Entrant) -> str:
    if entrant.analog is None:
        return ""
    return str(sum(each.account.unstable for each in made.outcomes[entrant.name]))


TABLES: dict[str, Callable[[], str]] = {
    "grid": grid_table, "epochs": epochs_table, "definitions": definitions_table,
    "interval": interval_table,
    "analog": analog_table, "noise": noise_table,
}  # fmt: skip


def main() -> None:
    for name in sys.argv[2:] or TABLES:
        with threadpool_limits(1):
            fill(PAGE, name, TABLES[name]())
        print(name, flush=True)


if __name__ == "__main__":
    main()
