"""What the trainings share: their options, the study made from them, and its checks."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import click

from amcspice.cli.common import Settings, shared_options
from amcspice.cli.parameter_options import decorate, given, parameter_options
from amcspice.cli.result_folder import folder_options
from amcspice.device.hardware import PARTS
from amcspice.errors import InputError, UnsupportedError, did_you_mean
from amcspice.schema import field_parameters
from amcspice.settings.assemble import chip_of, hardware_of
from amcspice.settings.table import PARAMETERS
from amcspice.system import Chip
from amcspice.workload.training.study import Training

__all__ = ["NAMES", "chips", "names_of", "seed_range", "study_of", "training_options"]

CHOSEN = ("letters", "optimizer", "inverse")
"""Fields of the study that commands have an argument or several values for."""

COST_SAMPLE = 4
"""Operations of each factor that are run in time where there is none."""

NAMES = tuple(
    parameter.name for parameter in field_parameters(Training) if parameter.name not in CHOSEN
)


def training_options(seeds: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that adds what all trainings take; ``seeds``: how many by default."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        command = shared_options(command)
        command = decorate(parameter_options(PARAMETERS[name] for name in NAMES))(command)
        command = folder_options(command)
        return click.option(
            "--seeds", default=seeds, show_default=True, type=click.IntRange(min=1), metavar="N",
            help="Trainings of every kind: --seed and the N - 1 numbers after it.",
        )(command)  # fmt: skip

    return add


def study_of(options: dict[str, Any], optimisers: Sequence[str], **more: Any) -> Training:
    """Return the study; what is said of optimisers must be known by one of them.

    Raises
    ------
    InputError
        If something does not fit.
    """
    said = given(options, NAMES)
    failures = []
    for name in optimisers:
        try:
            chosen: Any = name
            return Training(optimizer=chosen, **said, **more)
        except InputError as error:
            failures.append(error)
    raise failures[0]


def names_of(text: str, known: Sequence[str], option: str) -> list[str]:
    """Return the names in a list with commas.

    Raises
    ------
    InputError
        If one is unknown.
    """
    names = [word.strip() for word in text.split(",") if word.strip()]
    for name in names:
        if name not in known:
            raise InputError(f"{option} {text}: no {name!r}; {did_you_mean(name, known)}")
    if not names:
        raise InputError(f"{option} {text!r}: name one at least of {', '.join(known)}")
    return list(dict.fromkeys(names))


def seed_range(settings: Settings, count: int) -> tuple[int, ...]:
    """Return the seeds of a study."""
    return tuple(range(settings.seed, settings.seed + count))


def chips(settings: Settings, **changes: Any) -> Callable[..., Chip]:
    """Return what makes chips of the settings, at rest unless a fidelity was said; picklable.

    Parameters
    ----------
    settings : Settings
    **changes
        Parameters that stand in the place of those that were given.

    Raises
    ------
    UnsupportedError
        If something is said that inverses of factors set by themselves.
    """
    if settings.circuit not in (None, "inv-compensated"):
        raise UnsupportedError(f"--circuit {settings.circuit}: factors stand in inv-compensated")
    others = settings.parameters.keys() - PARTS.keys() - {"cycle"}
    if others:
        name = sorted(others)[0].replace("_", "-")
        raise UnsupportedError(f"--{name}: inverses of factors set it themselves")
    if settings.verify.count:
        raise UnsupportedError("--verify: trainings verify nothing; choose a --fidelity instead")
    values = {**settings.given, **changes}
    analysis = settings.analysis
    if "fidelity" not in settings.given:
        analysis = dataclasses.replace(analysis, fidelity="dc", simulator=None)
    return functools.partial(
        chip_of, hardware_of(values), analysis, values, cost_sample=COST_SAMPLE
    )
