"""Options by name, as the command line and sweeps give them, made into library objects.

Names are those of the command line with underscores; a value of None, or a name that is
missing, is an option that was not given.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from amcspice.circuit import Switches
from amcspice.device import ADC, DAC, DEVICES, Memristor, OpAmp, Wire, WriteErrors
from amcspice.errors import InputError, did_you_mean

__all__ = [
    "CONVERTER_OPTIONS",
    "make_converters",
    "make_device",
    "make_opamp",
    "make_switches",
    "make_wire",
    "read_write_errors",
]

_PLAIN = (
    "g_max", "g_min", "selector", "levels", "write_noise", "noise_relative_to",
    "device_variation", "cycle_variation", "drift_exponent", "drift_spread", "drift_time",
    "temperature", "temperature_coefficient", "read_noise", "noise_bandwidth", "thermal_noise",
    "sinh_voltage",
)  # fmt: skip


def make_device(values: Mapping[str, Any]) -> Memristor:
    """Return the memristor that the options describe.

    Parameters
    ----------
    values : mapping
        ``device``, a preset; fields of `Memristor`, with files in the place of arrays; ``seed``.

    Raises
    ------
    InputError
        If the preset is unknown, a file cannot be used, or values do not fit together.
    """
    options = _without_none(values)
    name = options.get("device", "ideal")
    if name not in DEVICES:
        raise InputError(f"unknown device preset {name!r}; {did_you_mean(name, DEVICES)}")
    fields = {key: options[key] for key in _PLAIN if key in options}
    for key in ("stuck_on", "stuck_off"):
        if key in options:
            fields[key] = _stuck(options[key])
    preset = dict(DEVICES[name])
    if "write_errors" in options:
        preset.pop("write_noise", None)
        fields["write_errors"] = read_write_errors(options["write_errors"])
    if options.get("programmed"):
        fields["programmed"] = _programmed(options["programmed"])
    return Memristor(**{**preset, **fields, "seed": options.get("seed", 0)})


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def read_write_errors(path: Path) -> WriteErrors:
    """Return the write errors that a file holds.

    Parameters
    ----------
    path : Path
        JSON with ``levels_s`` and ``errors_s``.

    Raises
    ------
    InputError
        If it does not hold any.
    """
    try:
        content = json.loads(path.read_text())
        return WriteErrors(levels=tuple(content["levels_s"]), errors=tuple(content["errors_s"]))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"{path}: not a file of write errors (JSON with levels_s and errors_s, as "
            "'amcspice program --errors' writes it)"
        ) from None


def _stuck(value: str | float) -> Any:
    try:
        return float(value)
    except ValueError:
        return _array(Path(str(value)))


def _programmed(paths: tuple[Path, ...]) -> Any:
    arrays = [_array(path) for path in paths]
    if len(arrays) == 1 and arrays[0].ndim == 3:
        return arrays[0]
    for path, array in zip(paths, arrays, strict=True):
        if array.ndim != 2 or array.shape != arrays[0].shape:
            raise InputError(
                f"{path}: shape {array.shape} must be that of a matrix, the same for every array"
            )
    return np.stack(arrays)


def _array(path: Path) -> Any:
    try:
        return np.load(path, allow_pickle=False)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, EOFError):
        raise InputError(f"{path}: not a NumPy array (.npy)") from None


def make_wire(values: Mapping[str, Any]) -> Wire:
    """Return the wires that these options describe.

    Raises
    ------
    InputError
        If the options contradict each other.
    """
    options = _without_none(values)
    fields: dict[str, Any] = {}
    for what, suffix in (("resistance", ""), ("capacitance", "_capacitance")):
        both, row, column = (options.get(f"{line}_{what}") for line in ("wire", "row", "column"))
        if both is not None and (row is not None or column is not None):
            raise InputError(f"give either --wire-{what} or --row-{what} and --column-{what}")
        fields[f"row{suffix}"] = row if both is None else both
        fields[f"column{suffix}"] = column if both is None else both
    if "sections" in options:
        if fields["row_capacitance"] is None and fields["column_capacitance"] is None:
            raise InputError("--sections needs a line capacitance, such as --wire-capacitance")
        fields |= {"capacitance": "distributed", "sections": options["sections"]}
    return Wire(**fields)


def make_switches(values: Mapping[str, Any]) -> dict[str, Switches]:
    """Return the parameter of a circuit that these options describe; none if none is given."""
    options = _without_none(values)
    resistances = {
        name: options[f"switch_{name}"] for name in ("on", "off") if f"switch_{name}" in options
    }
    return {"switches": Switches(**resistances)} if resistances else {}


_OVERRIDES = ("gbw", "gain", "slew_rate")
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
    options = _without_none(values)
    mismatch = {name: options[name] for name in _MISMATCH if name in options}
    if mismatch:
        mismatch["mismatch_seed"] = options.get("seed", 0)
    overrides = {name: options[name] for name in _OVERRIDES if name in options}
    library, name, supply = (options.get(f"opamp_{word}") for word in ("lib", "subckt", "supply"))
    if library is None and name is None and supply is None:
        return OpAmp.preset(options.get("opamp", "ideal"), **overrides, **mismatch)
    if library is None or name is None:
        raise InputError("--opamp-lib, --opamp-subckt: give both, the file and the name in it")
    if "opamp" in options or overrides:
        taken = "opamp" if "opamp" in options else next(iter(overrides)).replace("_", "-")
        raise InputError(f"--{taken} is of a preset; the amplifier of --opamp-lib has its own")
    # Measuring takes ngspice and scipy: only those who need it wait for them.
    from amcspice.characterise import Conditions, measured_opamp

    rails = {}
    if supply is not None:
        rails = {"supply_positive": supply[0], "supply_negative": supply[1]}
    measured = measured_opamp(library, name, Conditions(**rails))
    return dataclasses.replace(measured, **mismatch)


CONVERTER_OPTIONS = (
    "dac_bits", "dac_full_scale", "dac_offset", "adc_bits", "adc_full_scale", "adc_offset",
    "sample_time",
)  # fmt: skip


def make_converters(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields ``dac`` and ``adc`` of an `Analysis`; None where there are no converters.

    Raises
    ------
    InputError
        If a converter has no number of bits.
    """
    options = {
        name: value for name, value in _without_none(values).items() if name in CONVERTER_OPTIONS
    }
    dac, adc = (
        {name.removeprefix(prefix): value for name, value in options.items() if prefix in name}
        for prefix in ("dac_", "adc_")
    )
    if "sample_time" in options:
        adc["sample_time"] = options["sample_time"]
    if dac and "bits" not in dac:
        raise InputError("--dac-full-scale and --dac-offset need --dac-bits")
    return {"dac": DAC(**dac) if dac else None, "adc": ADC(**adc) if adc else None}
