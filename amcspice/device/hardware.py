"""`Hardware`: cells, wires, amplifiers and converters as one object."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, InstanceOf

from amcspice.device.cell_model import Cell
from amcspice.device.converter import ADC, DAC
from amcspice.device.memristor import DEVICES, Memristor, as_cell
from amcspice.device.opamp import PRESETS, OpAmp
from amcspice.device.wire import Wire
from amcspice.errors import InputError
from amcspice.schema import field_parameters, parameters

__all__ = ["PARTS", "Hardware", "hardware_names", "part_kinds", "split_hardware"]

PARTS: Mapping[str, tuple[str, type]] = {
    "device": ("device", Memristor),
    "wire": ("wires", Wire),
    "opamp": ("amplifier", OpAmp),
    "dac": ("converters", DAC),
    "adc": ("converters", ADC),
}
"""The parts of `Hardware`: the group of their parameters, and their class."""


_REGISTRIES: Mapping[str, Mapping[str, Any]] = {"device": DEVICES, "opamp": PRESETS}


def _named(kind: Any) -> BeforeValidator:
    """Take the name of a preset for the preset."""
    return BeforeValidator(lambda value: kind.preset(value) if isinstance(value, str) else value)


@parameters
class Hardware:
    """What a circuit or a chip is built of.

    Circuits take it as ``hardware=``, or its parts by name.

    Parameters
    ----------
    device : Cell or str, optional
        Cells, such as a `Memristor`, or their name.
    wire : Wire, optional
        Lines.
    opamp : OpAmp or str, optional
        Every amplifier, or the name of a preset.
    dac, adc : DAC, ADC, optional
        Converters of inputs and outputs; None: there are none.
    technology : str
        What a chip works costs out in: a name in ``models/technology``, or the path of a file.

    Examples
    --------
    >>> import amcspice as amc
    >>> hardware = amc.Hardware(opamp="ad823").changed(write_noise="3 %", wire_resistance="2 ohm")
    >>> hardware.device.write_noise, hardware.wire.row, hardware.opamp.gbw
    (0.03, 2.0, 16000000.0)
    """

    device: Annotated[InstanceOf[Cell], BeforeValidator(as_cell)] = dataclasses.field(
        default_factory=Memristor
    )
    wire: Wire = dataclasses.field(default_factory=Wire)
    opamp: Annotated[OpAmp, _named(OpAmp)] = dataclasses.field(default_factory=OpAmp)
    dac: DAC | None = None
    adc: ADC | None = None
    technology: str = "typical"

    def changed(self, **changes: Any) -> Self:
        """Return it with parameters of its parts changed, by their names on the command line.

        Parameters
        ----------
        **changes
            Such as ``gbw="50 MHz"``, ``wire_resistance=2.0``, ``adc_bits=8``; or whole parts.

        Raises
        ------
        InputError
            If a name is unknown or a value does not fit.
        """
        parts, rest = split_hardware({**self.parts(), **changes})
        if rest:
            raise InputError(f"Hardware has no parameter {', '.join(sorted(rest))}")
        return dataclasses.replace(self, **parts)

    def parts(self) -> dict[str, Any]:
        """Return its parts by name."""
        return {name: getattr(self, name) for name in PARTS}


def split_hardware(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the parts of hardware that options describe, and all other options.

    Parameters
    ----------
    options : mapping
        ``hardware``, its parts, and parameters of the parts by name: a later one changes an
        earlier one, and what is not named stays out.

    Raises
    ------
    InputError
        If hardware is given with a part of it, or values do not fit.
    """
    others = dict(options)
    hardware = others.pop("hardware", None)
    parts = {name: others.pop(name) for name in PARTS if name in others}
    if "device" in parts:
        parts["device"] = as_cell(parts["device"])
    if hardware is not None:
        if not isinstance(hardware, Hardware):
            raise InputError(f"hardware = {hardware!r}: must be an amcspice.Hardware")
        twice = [name for name, part in parts.items() if part is not None]
        if twice:
            raise InputError(
                f"give either hardware or {', '.join(twice)}, which is a part of it; for another "
                "part hardware.changed(...), for other hardware of a circuit "
                "dataclasses.replace(circuit, **hardware.parts())"
            )
        parts = hardware.parts()
    fields: dict[str, dict[str, Any]] = {}
    giver: dict[tuple[str, str], str] = {}
    for name in [name for name in others if name in _named_fields()]:
        value = others.pop(name)
        for place in _named_fields()[name]:
            first, changes = giver.setdefault(place, name), fields.setdefault(place[0], {})
            if changes.setdefault(place[1], value) is not value and changes[place[1]] != value:
                raise InputError(
                    f"{', '.join(sorted((first, name), reverse=True))}: give either both lines or "
                    "single ones"
                )
    for part, changes in fields.items():
        parts[part] = _changed(part, parts.get(part), changes)
    return parts, others


def _changed(part: str, base: Any, changes: Mapping[str, Any]) -> Any:
    """Return a part of hardware with fields changed."""
    kind: Any = PARTS[part][1]
    if isinstance(base, str):
        base = kind.preset(base)
    if part == "wire" and "sections" in changes:
        changes = {"capacitance": "distributed", **changes}
    if base is None:
        for parameter in field_parameters(kind):
            field = parameter.fields[0][1]
            is_needed = kind.__dataclass_fields__[field].default is dataclasses.MISSING
            if is_needed and field not in changes:
                raise InputError(f"{parameter.name} is needed where its {', '.join(changes)} is")
        return kind(**changes)
    fields = base.__dataclass_fields__
    strange = sorted(name for name in changes.keys() - fields.keys() if changes[name] is not None)
    if strange:
        raise InputError(
            f"{strange[0]}: {part} is a {type(base).__name__}, which has no such parameter"
        )
    changes = {name: value for name, value in changes.items() if name in fields}
    if isinstance(base, OpAmp):
        return base.changed(**changes)
    return dataclasses.replace(base, **changes)


def part_kinds(part: str) -> tuple[type, ...]:
    """Return the classes that a part of hardware may be of, those of other packages as well."""
    entries: Mapping[str, Any] = _REGISTRIES.get(part, {})
    own = [entry for entry in entries.values() if isinstance(entry, type)]
    return (PARTS[part][1], *own)


def hardware_names() -> list[str]:
    """Return the names of all parameters of hardware."""
    return list(_named_fields())


def _named_fields() -> dict[str, tuple[tuple[str, str], ...]]:
    """Return the fields that each name sets: part of the hardware and field."""
    return _named_fields_at(DEVICES.revision + PRESETS.revision)


@functools.lru_cache(maxsize=1)
def _named_fields_at(_revision: int) -> dict[str, tuple[tuple[str, str], ...]]:
    named: dict[str, tuple[tuple[str, str], ...]] = {}
    for part in PARTS:
        for kind in part_kinds(part):
            for parameter in field_parameters(kind):
                place = (part, parameter.fields[0][1])
                if named.get(parameter.name, ((part,),))[0][0] != part:
                    raise InputError(
                        f"parameter {parameter.name}: {kind.__name__}.{place[1]} has the name of a "
                        f"parameter of {named[parameter.name][0][0]}; give it another with "
                        "amcspice.schema.Name"
                    )
                named[parameter.name] = (place,)
                if parameter.together and place not in named.get(parameter.together, ()):
                    named[parameter.together] = (*named.get(parameter.together, ()), place)
    return named
