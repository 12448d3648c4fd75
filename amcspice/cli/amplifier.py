"""The amplifier that the shared options describe."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from amcspice.device import OpAmp
from amcspice.errors import InputError

__all__ = ["make_opamp"]

_OWN = ("gbw", "gain", "slew_rate")
_MISMATCH = ("offset_sigma", "gain_sigma")


def make_opamp(values: Mapping[str, Any]) -> OpAmp:
    """Return the amplifier of the shared options: a preset, or a sub-circuit of the user's own.

    Raises
    ------
    InputError
        If options do not fit together, or the sub-circuit cannot be used.
    SimulationError
        If ngspice fails while it is measured.
    """
    mismatch = {name: values[name] for name in _MISMATCH if values[name] is not None}
    if mismatch:
        mismatch["mismatch_seed"] = values["seed"]
    own = {name: values[name] for name in _OWN if values[name] is not None}
    library, name, supply = (values[f"opamp_{word}"] for word in ("lib", "subckt", "supply"))
    if library is None and name is None and supply is None:
        return OpAmp.preset(values["opamp"] or "ideal", **own, **mismatch)
    if library is None or name is None:
        raise InputError("--opamp-lib, --opamp-subckt: give both, the file and the name in it")
    if values["opamp"] is not None or own:
        taken = "opamp" if values["opamp"] is not None else next(iter(own)).replace("_", "-")
        raise InputError(f"--{taken} is of a preset; the amplifier of --opamp-lib has its own")
    # Measuring takes ngspice and scipy: only those who need it wait for them.
    from amcspice.characterise import Conditions, measured_opamp

    rails = {}
    if supply is not None:
        rails = {"supply_positive": supply[0], "supply_negative": supply[1]}
    measured = measured_opamp(library, name, Conditions(**rails))
    return dataclasses.replace(measured, **mismatch)
