"""Cells of a sub-circuit of the user's own, from parameters by name."""

from __future__ import annotations

import dataclasses
from typing import Any

from amcspice.device import CellModel, Memristor, cell
from amcspice.errors import InputError
from amcspice.schema import field_parameters
from amcspice.settings.experiment import OwnCell

__all__ = ["own_cells"]

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
    own = {field: given.pop(name) for name, field in _FIELDS.items() if given.get(name) is not None}
    for name in _FIELDS:
        given.pop(name, None)
    if not own:
        return None
    if "lib" not in own or "subckt" not in own:
        raise InputError("cell_lib, cell_subckt: give both, the file and the name in it")
    base = cell(given.pop("device", None) or "ideal")
    if not isinstance(base, Memristor):
        raise InputError(
            f"device: cells of the class {type(base).__name__} have laws of their own; cell_lib "
            "goes with ideal, hfo2-16 and parameters of memristors"
        )
    reach = own.pop("reach", REACH)
    return _measured(base, _model(own), reach)


def _model(own: dict[str, Any]) -> CellModel:
    polarity = {"word": 1, "bit": -1}[own.pop("polarity", "word")]
    node = own.pop("node", "x")
    named = {"file": own.pop("lib"), "name": own.pop("subckt")}
    return CellModel(**named, **own, polarity=polarity, state_node=None if node == "-" else node)  # type: ignore[arg-type]


def _measured(base: Memristor, model: CellModel, reach: float) -> Memristor:
    # Measuring takes ngspice and scipy: only those who need it wait for them.
    from amcspice.characterise import measured_table

    table = measured_table(model, reach)
    lowest, highest = table.settable
    return dataclasses.replace(
        base,
        table=table,
        g_min=max(base.g_min, lowest),
        g_max=min(base.g_max, highest),
    )
