"""Cells as plain values, for files: their name in the registry and their fields."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from amcspice.device.cell_model import Cell
from amcspice.device.memristor import DEVICES, Memristor
from amcspice.errors import InputError, UnsupportedError

__all__ = ["cell_from_plain", "cell_to_plain"]


def cell_to_plain(cell: Cell) -> dict[str, Any]:
    """Return cells as JSON has them.

    Raises
    ------
    UnsupportedError
        If their class has no name, so that a file cannot say what they are.
    """
    kind: Any = type(cell)
    named = (name for name, entry in DEVICES.items() if entry is kind)
    name = None if kind is Memristor else next(named, "")
    if name == "":
        raise UnsupportedError(
            f"cells of the class {kind.__name__} have no file: the class has no name "
            "(entry point amcspice.cells)"
        )
    measured = getattr(cell, "measured", None)
    if measured is not None and not measured.files:
        raise UnsupportedError("measured cells that no file holds have no file: save them first")
    fields: dict[str, Any] = json.loads(TypeAdapter(kind).dump_json(cell))
    return fields if name is None else {"cells": name, **fields}


def cell_from_plain(values: Mapping[str, Any]) -> Cell:
    """Return what `cell_to_plain` was given.

    Raises
    ------
    InputError
        If there are no cells of that name here, or a file of theirs has changed.
    """
    fields = dict(values)
    kind: Any = DEVICES.choose(fields.pop("cells")) if "cells" in fields else Memristor
    try:
        made: Cell = TypeAdapter(kind).validate_json(json.dumps(fields))
    except ValidationError as error:
        raise InputError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
    return made
