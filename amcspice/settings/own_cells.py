"""Cells of a sub-circuit of the user's own, from parameters by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from amcspice.device import CellModel, CellTable, Memristor, cell
from amcspice.errors import InputError
from amcspice.schema import field_parameters
from amcspice.settings.experiment import OwnCell

__all__ = ["own_cells", "own_table"]

REACH = 0.3
"""Largest voltage that is measured unless another is asked for [V]."""

_FIELDS = {parameter.name: parameter.fields[0][1] for parameter in field_parameters(OwnCell)}


def own_cells(given: dict[str, Any]) -> Memristor | None:
    """Return cells of a sub-circuit, measured; None if none is given.

    Parameters
    ----------
    given : dict
        Parameters of hardware; those of the sub-circuit, and the preset that it changes, are
        taken out.

    Raises
    ------
    InputError
        If parameters do not fit together, or the sub-circuit is no cell.
    SimulationError
        If ngspice fails.
    """
    own = {name: given.pop(name, None) for name in _FIELDS}
    if all(value is None for value in own.values()):
        return None
    base = cell(given.pop("device", None) or "ideal")
    if not isinstance(base, Memristor):
        raise InputError(
            f"device: cells of the class {type(base).__name__} have laws of their own; cell_lib "
            "goes with ideal, hfo2-16 and parameters of memristors"
        )
    table = own_table(own)
    asked = given.get("g_min"), given.get("g_max")
    lowest, highest = table.limits(*asked)
    limits = {
        "g_min": max(base.g_min, lowest) if asked[0] is None else asked[0],
        "g_max": min(base.g_max, highest) if asked[1] is None else asked[1],
    }
    return dataclasses.replace(base, table=table, **limits)


def own_table(given: Mapping[str, Any]) -> CellTable:
    """Return the table of a sub-circuit from parameters by name; None is not given.

    Raises
    ------
    InputError
        If file or name is missing, or the sub-circuit is no cell.
    SimulationError
        If ngspice fails.
    """
    own = {_FIELDS[name]: value for name, value in given.items() if value is not None}
    if "lib" not in own or "subckt" not in own:
        raise InputError("cell_lib, cell_subckt: give both, the file and the name in it")
    # Measuring takes ngspice and scipy: only those who need it wait for them.
    from amcspice.characterise import measured_table

    reach = own.pop("reach", REACH)
    return measured_table(_model(own), reach)


def _model(own: dict[str, Any]) -> CellModel:
    polarity, node = own.pop("polarity", "word"), own.pop("node", "x")
    named: dict[str, Any] = {"file": own.pop("lib"), "name": own.pop("subckt"), **own}
    return CellModel(
        **named,
        polarity=1 if polarity == "word" else -1,
        state_node=None if node == "-" else node,
    )
