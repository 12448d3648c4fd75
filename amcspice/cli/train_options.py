"""What the trainings share: their options, the study made from them, and its checks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import click

from amcspice.cli.common import Settings, shared_options
from amcspice.cli.output import check_target
from amcspice.cli.parameter_options import decorate, given, parameter_options
from amcspice.cli.result_folder import folder_options
from amcspice.device.hardware import PARTS, Hardware
from amcspice.engine import Analysis, get_backend
from amcspice.errors import InputError, UnsupportedError, did_you_mean
from amcspice.schema import field_parameters
from amcspice.settings.assemble import chip_of, hardware_of
from amcspice.settings.table import PARAMETERS
from amcspice.system import Chip
from amcspice.workload.training.study import Training

__all__ = [
    "NAMES",
    "ChipMaker",
    "check",
    "chips",
    "names_of",
    "seed_range",
    "study_of",
    "training_options",
]

CHOSEN = ("letters", "optimizer", "inverse")
"""Fields of the study that commands have an argument or several values for."""

OF_ARRAYS = ("keep_mean", "refinement_steps", "array_size")
"""Fields of the study that say how arrays are used."""

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


def study_of(
    options: dict[str, Any], optimisers: Sequence[str], *, analog: bool = True, tune: bool = False
) -> Training:
    """Return the study; what is said of an optimiser is said of K-FAC, where it is among them.

    Raises
    ------
    InputError
        If something does not fit, is said of arrays where there are none, or it is not clear which
        optimiser it is said of.
    """
    subject: Any = "kfac" if "kfac" in optimisers else optimisers[0]
    values = given(options, NAMES)
    unused = [name for name in OF_ARRAYS if name in values]
    if unused and not analog:
        dashed = unused[0].replace("_", "-")
        raise InputError(f"--{dashed}: of arrays, which --inverse analog alone has")
    study = Training(optimizer=subject, **values)
    said = [f"--{name.replace('_', '-')}" for name in study.said]
    if said and tune:
        raise InputError(f"{', '.join(said)}: --tune finds what is best; leave it out")
    if said and subject != "kfac" and len(optimisers) > 1:
        raise InputError(f"{', '.join(said)}: of which one? give one name to --optimizer")
    return study


def check(settings: Settings, *, analog: bool) -> None:
    """Refuse before any work what cannot be run here, or would be said in vain.

    Raises
    ------
    InputError
        If there is hardware, but no array; or results cannot be written.
    """
    if settings.json is not None:
        check_target(settings.json)
    if analog:
        get_backend(_analysis(settings)).check_installation()
        return
    groups = {group for group, _ in PARTS.values()}
    for name in settings.given:
        if PARAMETERS[name].group in groups:
            dashed = name.replace("_", "-")
            raise InputError(f"--{dashed}: of arrays, which --inverse analog alone has")


def _analysis(settings: Settings) -> Analysis:
    """Return how arrays are simulated: at rest, unless a fidelity was said."""
    if "fidelity" in settings.given:
        return settings.analysis
    return dataclasses.replace(settings.analysis, fidelity="dc", simulator=None)


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


@dataclasses.dataclass(frozen=True)
class ChipMaker:
    """Makes chips of the same hardware; picklable, and the same text in every process.

    Parameters
    ----------
    hardware : Hardware
    analysis : Analysis
    given : dict
        Parameters that were given; see `chip_of`.
    """

    hardware: Hardware
    analysis: Analysis
    given: dict[str, Any]

    def __call__(self, seed: int) -> Chip:
        """Return a chip for a seed."""
        return chip_of(self.hardware, self.analysis, self.given, cost_sample=COST_SAMPLE, seed=seed)


def chips(settings: Settings, **changes: Any) -> ChipMaker:
    """Return what makes chips of the settings, at rest unless a fidelity was said.

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
    return ChipMaker(hardware_of(values), _analysis(settings), values)
