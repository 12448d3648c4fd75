"""Objects from parameters by name: `hardware_of`, `topology_options`, `analysis_of`.

What is given is a mapping by the names of `PARAMETERS`; a name that is missing was not given,
and None is a value of its own where a field takes it.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from amcspice.circuit.options import topology_parameters
from amcspice.device import (
    PARTS,
    Compatibility,
    Hardware,
    Memristor,
    OpAmp,
    Wire,
    cell,
    split_hardware,
)
from amcspice.engine import Analysis
from amcspice.errors import InputError
from amcspice.files import file_stamp
from amcspice.schema import Parameter, Scalar, field_parameters
from amcspice.settings.own_cells import own_cells
from amcspice.settings.table import PARAMETERS

if TYPE_CHECKING:
    from amcspice.system import Chip

__all__ = [
    "analysis_of",
    "chip_of",
    "flat_analysis",
    "flat_hardware",
    "flat_topology",
    "hardware_of",
    "topology_options",
]

Values = Mapping[str, Any]

_GROUPS = tuple(dict.fromkeys(group for group, _ in PARTS.values()))
_MATCHED = ("mismatch_seed", "offset_sigma", "gain_sigma")
"""Fields that an amplifier of one's own takes beside what was measured of it."""


def hardware_of(values: Values) -> Hardware:
    """Return the hardware that parameters describe.

    Parameters
    ----------
    values : mapping
        ``device`` and ``opamp``, presets; parameters of all parts; ``seed``.

    Raises
    ------
    InputError
        If a preset is unknown, a file cannot be used, or values do not fit together.
    SimulationError
        If ngspice fails while an amplifier or a cell of one's own is measured.
    """
    of_hardware = {parameter.name: parameter for parameter in PARAMETERS.of_group(*_GROUPS)}
    given = {
        name: value
        for name, value in values.items()
        if name in of_hardware and _is_said(of_hardware[name], value)
    }
    seed = values.get("seed") or 0
    device = own_cells(given) or cell(given.pop("device", None) or "ideal")
    if given.get("write_errors") is not None and isinstance(device, Memristor):
        device = dataclasses.replace(device, write_noise=0.0)
    opamp = _amplifier(given)
    parts, rest = split_hardware({"device": device, "opamp": opamp, **given})
    assert not rest, rest
    wire: Wire = parts.get("wire") or Wire()
    if wire.capacitance == "distributed" and not (wire.row_capacitance or wire.column_capacitance):
        raise InputError(
            "sections needs a line capacitance, such as wire_capacitance (or line_capacitance "
            "= lumped)"
        )
    parts["device"] = dataclasses.replace(parts["device"], seed=seed)
    if not parts["opamp"].matched and given.get("mismatch_seed") is None:
        parts["opamp"] = dataclasses.replace(parts["opamp"], mismatch_seed=seed)
    return Hardware(**parts)


def _is_said(parameter: Parameter, value: Any) -> bool:
    """Whether a value says something: None does where a preset may have said something else."""
    return value is not None or (parameter.optional and parameter.group in ("device", "amplifier"))


def _amplifier(given: dict[str, Any]) -> OpAmp:
    """Return the amplifier of a preset, or of the user's own; what it fixes is not given any more.

    Raises
    ------
    InputError
        If something is given of an amplifier that has its own.
    """
    library, name = given.pop("opamp_lib", None), given.pop("opamp_subckt", None)
    preset, pins = given.pop("opamp", None), given.pop("opamp_pins", None)
    compat = given.pop("opamp_compat", None)
    if library is None and name is None:
        for option, value in (("opamp_pins", pins), ("opamp_compat", compat)):
            if value is not None:
                raise InputError(f"{option}: of the sub-circuit of opamp_lib, which is not given")
        return OpAmp.preset(preset or "ideal")
    if library is None or name is None:
        raise InputError("opamp_lib, opamp_subckt: give both, the file and the name in it")
    if preset not in (None, "ideal"):
        raise InputError("opamp: is a preset; the amplifier of opamp_lib has its own figures")
    rails = {
        rail: given.pop(rail)
        for rail in ("supply_positive", "supply_negative")
        if given.get(rail) is not None
    }
    measured = _measured(str(library), name, pins, compat, file_stamp(library), **rails)
    for parameter in field_parameters(OpAmp):
        field = parameter.fields[0][1]
        if field in _MATCHED or parameter.name not in given:
            continue
        if given.pop(parameter.name) != getattr(measured, field):
            raise InputError(f"{parameter.name}: the amplifier of opamp_lib has its own, measured")
    return measured


@functools.lru_cache(maxsize=16)
def _measured(
    library: str,
    name: str,
    pins: str | None,
    compat: Compatibility,
    _stamp: tuple[int, int],
    **rails: float,
) -> OpAmp:
    # Measuring takes ngspice and scipy: only those who need it wait for them.
    from amcspice.characterise import Conditions, measured_opamp

    return measured_opamp(library, name, Conditions(**rails), pins, compat)


def topology_options(values: Values) -> dict[str, Any]:
    """Return what was said of the circuit itself: options of `amcspice.make_circuit`."""
    of_circuits = {parameter.name for parameter in PARAMETERS.of_group("circuit")} - {"circuit"}
    return {name: values[name] for name in values if name in of_circuits}


def analysis_of(values: Values) -> Analysis:
    """Return how it is simulated.

    Raises
    ------
    InputError
        If values do not fit.
    """
    names = {parameter.name: parameter for parameter in field_parameters(Analysis)}
    return Analysis(
        **{
            names[name].fields[0][1]: value
            for name, value in values.items()
            if name in names and (value is not None or names[name].optional)
        }
    )


def chip_of(hardware: Hardware, analysis: Analysis, given: Values, **more: Any) -> Chip:
    """Return a chip that simulates its operations as an analysis says.

    Parameters
    ----------
    hardware : Hardware
    analysis : Analysis
    given : mapping
        What was said: a chip predicts its ranges unless a ``range`` is there.
    **more
        Further parameters of `amcspice.Chip`.

    Raises
    ------
    InputError
        If ``cycle`` is there: a chip counts its writings itself.
    """
    from amcspice.system import Chip  # here: a single circuit does not wait for it

    if given.get("cycle"):
        raise InputError("cycle: a chip counts its writings itself")
    fields = {name: value for name, value in vars(analysis).items() if name != "range"}
    volts = given.get("range")
    return Chip(hardware, range="predicted" if volts is None else volts, **fields, **more)


def flat_hardware(hardware: Hardware, given: Values) -> dict[str, Scalar]:
    """Return hardware as parameters; what files hold is named, as it was given."""
    flat: dict[str, Scalar] = {}
    for part in PARTS:
        made = getattr(hardware, part)
        for parameter in field_parameters(PARTS[part][1] if made is None else type(made)):
            flat[parameter.name] = _value(parameter, made, given)
    for name, parameter in PARAMETERS.items():
        if parameter.made_of and parameter.group in _GROUPS:
            single = {flat[of] for of in parameter.made_of}
            flat[name] = single.pop() if len(single) == 1 else None
    return {name: value for name, value in flat.items() if name in PARAMETERS and name != "seed"}


def flat_topology(circuit: Any, given: Values) -> dict[str, Scalar]:
    """Return what a circuit is beside its hardware as parameters."""
    flat: dict[str, Scalar] = {}
    topology: Any = type(circuit)
    for parameter in topology_parameters(topology):
        owner = parameter.fields[0][0]
        nested = (getattr(circuit, name, None) for name in ("switches", "constraint"))
        made = next((part for part in nested if type(part) is owner), circuit)
        if hasattr(made, parameter.fields[0][1]) and not parameter.made_of:
            flat[parameter.name] = _value(parameter, made, given)
    return flat


def flat_analysis(analysis: Analysis) -> dict[str, Scalar]:
    """Return an analysis as parameters."""
    return {
        parameter.name: _value(parameter, analysis, {}) for parameter in field_parameters(Analysis)
    }


def _value(parameter: Parameter, made: Any, given: Values) -> Scalar:
    """Return the value of a parameter of an object; zero for a line that is ideal."""
    if parameter.kind == "file":
        named: Scalar = given.get(parameter.name, parameter.default)
        return named
    value: Scalar = None if made is None else getattr(made, parameter.fields[0][1])
    zero_is_none = parameter.optional and parameter.lowest == 0 and not parameter.above
    return 0.0 if value is None and zero_is_none and made is not None else value
