"""Parameters of topologies by the names that the command line, sweeps and `solve` share."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from amcspice.circuit.parts.constraint import NonNegative
from amcspice.circuit.parts.switches import Switches
from amcspice.circuit.topologies.least_squares import LeastSquares
from amcspice.errors import InputError
from amcspice.schema import Parameter, field_parameters

__all__ = ["topology_fields", "topology_parameters"]

NESTED: Mapping[str, type] = {"switches": Switches}
"""Fields of topologies that hold parameters of their own."""


@functools.cache
def topology_parameters(topology: type) -> tuple[Parameter, ...]:
    """Return the parameters of a topology: its own, and those of its switches and constraint."""
    found = list(field_parameters(topology, "circuit"))
    names = {item.name for item in dataclasses.fields(topology)}
    for field, kind in NESTED.items():
        if field in names:
            found += field_parameters(kind, "circuit")
    if issubclass(topology, LeastSquares):
        found += field_parameters(NonNegative, "circuit")
    return tuple(found)


def topology_fields(topology: type, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options by the fields of a topology, those of its switches as one object.

    Parameters
    ----------
    topology : type
    options : mapping
        By the names of `topology_parameters`, or of fields; others stay as they are.

    Raises
    ------
    InputError
        If a value does not fit.
    """
    fields = dict(options)
    if "rows" in fields and "row_mask" in fields:
        raise InputError("rows, row_mask: they are one parameter, give one of them")
    names = {item.name for item in dataclasses.fields(topology)}
    nested: dict[str, dict[str, Any]] = {}
    for parameter in topology_parameters(topology):
        owner, field = parameter.fields[0]
        if parameter.name not in fields:
            continue
        place = next((name for name, kind in NESTED.items() if kind is owner), None)
        if place is not None:
            nested.setdefault(place, {})[field] = fields.pop(parameter.name)
        elif field in names and field != parameter.name:
            fields[field] = fields.pop(parameter.name)
    for place, changes in nested.items():
        made = fields.get(place)
        fields[place] = (
            NESTED[place](**changes) if made is None else dataclasses.replace(made, **changes)
        )
    return fields
