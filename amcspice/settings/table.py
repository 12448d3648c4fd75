"""`PARAMETERS`: every parameter of an experiment by its name, read from the fields they set.

Command line, sweeps, experiment files and the pages of the documentation take names, units,
ranges, help and defaults from here, and nothing else has a list of its own.
"""

from __future__ import annotations

import functools
from collections.abc import ItemsView, Iterable, Iterator, Mapping, ValuesView
from dataclasses import replace
from typing import Any

from amcspice.circuit import CIRCUITS
from amcspice.circuit.options import topology_parameters
from amcspice.device import DEVICES, PARTS, PRESETS, part_kinds
from amcspice.engine import BACKENDS, Analysis
from amcspice.errors import InputError, did_you_mean
from amcspice.problem import PROBLEMS
from amcspice.schema import Parameter, Scalar, field_parameters
from amcspice.settings.experiment import (
    SWEEP_WORDS,
    ChipSettings,
    OwnAmplifier,
    OwnCell,
    Presets,
    ProblemSettings,
    RunSettings,
)
from amcspice.settings.systems import SYSTEMS, system_fields

__all__ = ["GROUPS", "PARAMETERS", "convert", "of_commands"]

OF_CIRCUITS = ("problem", "circuit", "device", "wires", "amplifier", "converters", "run", "chip")
GROUPS = (*OF_CIRCUITS, "system")
"""What parameters belong to, in the order in which they are shown."""

_REGISTRIES: Mapping[str, Any] = {
    "problem": PROBLEMS, "circuit": CIRCUITS, "device": DEVICES, "opamp": PRESETS,
}  # fmt: skip
"""What other packages add to, by the parameter that names an entry."""


class _Table(Mapping[str, Parameter]):
    """Every parameter by its name, those of other packages as well.

    Systems are programs of their own, which take long to import: they are looked at where a name
    is no other's, or where all names are asked for.
    """

    def __getitem__(self, name: str) -> Parameter:
        of_circuits = _of_circuits(_revision())
        return of_circuits[name] if name in of_circuits else _table()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_table())

    def __len__(self) -> int:
        return len(_table())

    def __contains__(self, name: object) -> bool:
        return name in _of_circuits(_revision()) or name in _table()

    def items(self) -> ItemsView[str, Parameter]:
        """Return names and parameters; as `values` without a look at the registries for each."""
        return _table().items()

    def values(self) -> ValuesView[Parameter]:
        """Return the parameters, in order."""
        return _table().values()

    @property
    def revision(self) -> int:
        """Changes when a package or a script adds to what there is."""
        return _revision()

    @property
    def by_name(self) -> Mapping[str, Parameter]:
        """The table as it is now: for those who look up many names at once."""
        return _table()

    def of_group(self, *groups: str) -> list[Parameter]:
        """Return the parameters of some groups, in order."""
        table = _table() if "system" in groups else _of_circuits(_revision())
        return [parameter for parameter in table.values() if parameter.group in groups]


PARAMETERS = _Table()
"""Every parameter by its name, in the order in which they are shown."""


def convert(name: str, raw: Any) -> Scalar:
    """Return a parameter's value in SI units; see `Parameter.convert`.

    Raises
    ------
    InputError
        If there is no such parameter, or the value cannot be used.

    >>> convert("gbw", "10 MHz"), convert("write_noise", "2 %"), convert("levels", "none")
    (10000000.0, 0.02, None)
    """
    if name not in PARAMETERS:
        raise InputError(f"unknown parameter {name!r}; {did_you_mean(name, PARAMETERS)}")
    try:
        return _converted(name, raw, _revision())
    except TypeError:  # not hashable
        return PARAMETERS[name].convert(raw)


@functools.lru_cache(maxsize=1 << 16, typed=True)
def _converted(name: str, raw: Any, _revision: int) -> Scalar:
    return PARAMETERS[name].convert(raw)


def _revision() -> int:
    return sum(registry.revision for registry in (*_REGISTRIES.values(), SYSTEMS, BACKENDS))


def _table() -> dict[str, Parameter]:
    return _table_at(_revision())


@functools.lru_cache(maxsize=1)
def _table_at(_revision: int) -> dict[str, Parameter]:
    of_systems = (each for system in SYSTEMS.values() for each in system_fields(system))
    return _joined(_of_circuits(_revision), of_systems)


@functools.lru_cache(maxsize=1)
def _of_circuits(_revision: int) -> dict[str, Parameter]:
    """Return the table without the parameters of systems."""
    return _joined({}, _all_of_circuits())


def _joined(known: Mapping[str, Parameter], more: Iterable[Parameter]) -> dict[str, Parameter]:
    table = dict(known)
    for parameter in more:
        _add(table, parameter)
    by_group = {group: [p for p in table.values() if p.group == group] for group in GROUPS}
    return {parameter.name: parameter for group in GROUPS for parameter in by_group[group]}


def _all_of_circuits() -> Iterator[Parameter]:
    for parameter in field_parameters(ProblemSettings, "problem"):
        yield _with_choices(parameter)
    yield from field_parameters(RunSettings, "run")
    for owner, group in ((Presets, ""), (OwnCell, "device"), (OwnAmplifier, "amplifier")):
        for parameter in field_parameters(owner, group):
            yield _with_choices(replace(parameter, group=group or _GROUP_OF[parameter.name]))
    for topology in CIRCUITS.values():
        yield from topology_parameters(topology)
    for part, (group, _) in PARTS.items():
        for kind in part_kinds(part):
            yield from field_parameters(kind, group)
    for parameter in field_parameters(Analysis, "run"):
        yield _with_words(parameter)
    yield from field_parameters(ChipSettings, "chip")


_GROUP_OF = {"circuit": "circuit", "device": "device", "opamp": "amplifier"}


def _with_choices(parameter: Parameter) -> Parameter:
    registry = _REGISTRIES.get(parameter.name)
    if registry is None:
        return parameter
    names = [*registry, *(SYSTEMS if parameter.name == "problem" else ())]
    return replace(parameter, choices=tuple(dict.fromkeys(names)))


def _with_words(parameter: Parameter) -> Parameter:
    if parameter.name not in SWEEP_WORDS:
        return parameter
    word, meaning = SWEEP_WORDS[parameter.name]
    description = f"{parameter.description} {meaning}"
    return replace(parameter, choices=(*parameter.choices, word), description=description)


def of_commands(parameter: Parameter) -> Parameter:
    """Return a parameter as commands take it, without words that only sweeps know."""
    if parameter.name not in SWEEP_WORDS:
        return parameter
    word, _ = SWEEP_WORDS[parameter.name]
    return replace(parameter, choices=tuple(each for each in parameter.choices if each != word))


def _add(table: dict[str, Parameter], parameter: Parameter) -> None:
    """Add a parameter, and what it is set by together with others."""
    if parameter.made_of:
        return
    known = table.get(parameter.name)
    if known is not None:
        same = (known.kind, known.unit) == (parameter.kind, parameter.unit)
        same = same and (known.group == parameter.group or parameter.name == "seed")
        if not same:
            owners = " and ".join(
                f"{owner.__name__}.{field}"
                for owner, field in (known.fields[0], parameter.fields[0])
            )
            raise InputError(
                f"parameter {parameter.name}: {owners} have one name, but not one meaning; "
                "give one of them another with amcspice.schema.Name"
            )
        parameter = replace(known, fields=(*known.fields, *parameter.fields))
    if parameter.together:
        first = table.get(parameter.together)
        names = [parameter.name] if first is None else [*first.made_of, parameter.name]
        table[parameter.together] = replace(
            parameter,
            name=parameter.together,
            description=f"Sets {' and '.join(names)}.",
            together="",
            fields=(*(first.fields if first else ()), *parameter.fields),
            made_of=tuple(names),
        )
    table[parameter.name] = parameter
