"""The options of memristors, and the device made from them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np

from amcspice.cli.number import ABOVE_ZERO, FROM_ZERO, Number
from amcspice.device import Memristor, WriteErrors
from amcspice.errors import InputError

__all__ = ["DEVICES", "DEVICE_OPTIONS", "make_device", "read_write_errors"]

DEVICES: dict[str, dict[str, Any]] = {
    "ideal": {},
    "hfo2-16": {"levels": 16, "write_noise": 0.02},
}
"""Device presets. ``hfo2-16`` is a generic assumption of a 16-level cell, not a measured part."""

_ANY = Number(float("-inf"))

DEVICE_OPTIONS: tuple[Any, ...] = (
    click.option(
        "--device", default="ideal", show_default=True, metavar="NAME",
        help="Memristor preset: ideal, or hfo2-16 (generic assumption: 16 levels, 2 % noise).",
    ),
    click.option("--g-max", type=ABOVE_ZERO, metavar="S", help="Largest conductance."),
    click.option("--g-min", type=FROM_ZERO, metavar="S", help="Smallest conductance."),
    click.option(
        "--selector/--no-selector", default=None,
        help="Whether a cell that holds zero is switched off, or stays at g-min.",
    ),
    click.option("--levels", type=click.IntRange(min=2), help="Programmable levels."),
    click.option(
        "--write-noise", type=FROM_ZERO, metavar="FRACTION",
        help="Standard deviation of a programmed conductance, as a fraction of g-max.",
    ),
    click.option(
        "--noise-relative-to", type=click.Choice(["g_max", "g"]),
        help="What write noise is a fraction of.",
    ),
    click.option(
        "--write-errors", type=click.Path(path_type=Path), metavar="FILE",
        help="Draw write errors from those that 'amcspice program --errors' found.",
    ),
    click.option(
        "--programmed", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
        help="Conductances [S] that the cells really hold, .npy; once for each array, in order.",
    ),
    click.option(
        "--device-variation", type=FROM_ZERO, metavar="FRACTION",
        help="Deviation of a factor that belongs to the cell.",
    ),
    click.option(
        "--cycle-variation", type=FROM_ZERO, metavar="FRACTION",
        help="Deviation of a factor that every programming cycle draws anew.",
    ),
    click.option(
        "--stuck-on", metavar="FRACTION|FILE",
        help="Cells stuck at g-max: a fraction, or .npy of booleans (arrays, rows, columns).",
    ),
    click.option(
        "--stuck-off", metavar="FRACTION|FILE", help="Cells stuck off: the same.",
    ),
    click.option(
        "--drift-exponent", type=FROM_ZERO, metavar="NU", help="g(t) = g (t/t0)^-NU.",
    ),
    click.option(
        "--drift-spread", type=FROM_ZERO, metavar="NU", help="Deviation of NU from cell to cell.",
    ),
    click.option(
        "--drift-time", type=Number(1.0, included=True), metavar="T",
        help="Time since programming in units of t0; 1 is no drift.",
    ),
    click.option("--temperature", type=ABOVE_ZERO, metavar="K", help="Default: 300."),
    click.option(
        "--temperature-coefficient", type=_ANY, metavar="1/K",
        help="Relative change of conductance per kelvin, from 300 K on.",
    ),
    click.option(
        "--read-noise", type=FROM_ZERO, metavar="FRACTION",
        help="Deviation of a conductance when it is read, as a fraction of itself.",
    ),
    click.option(
        "--noise-bandwidth", type=ABOVE_ZERO, metavar="HZ",
        help="Noise fluctuates in time up to this frequency (read noise: flat fidelity only); "
        "without it read noise is frozen.",
    ),
    click.option(
        "--thermal-noise", is_flag=True, default=None,
        help="Johnson noise of cells and wires; needs --noise-bandwidth.",
    ),
    click.option(
        "--sinh-voltage", type=ABOVE_ZERO, metavar="V",
        help="V0 of the curve i = g V0 sinh(v / V0): flat fidelity only.",
    ),
)  # fmt: skip

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
        Of the options of ``DEVICE_OPTIONS`` and of ``seed``.

    Raises
    ------
    InputError
        If the preset is unknown, a file cannot be used, or values do not fit together.
    """
    name = values["device"]
    if name not in DEVICES:
        raise InputError(f"unknown device preset {name!r}; choose from {', '.join(DEVICES)}")
    chosen = {key: values[key] for key in _PLAIN if values[key] is not None}
    for key in ("stuck_on", "stuck_off"):
        if values[key] is not None:
            chosen[key] = _stuck(values[key])
    preset = dict(DEVICES[name])
    if values["write_errors"] is not None:
        preset.pop("write_noise", None)
        chosen["write_errors"] = read_write_errors(values["write_errors"])
    if values["programmed"]:
        chosen["programmed"] = _programmed(values["programmed"])
    return Memristor(**{**preset, **chosen, "seed": values["seed"]})


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


def _stuck(value: str) -> Any:
    try:
        return float(value)
    except ValueError:
        return _array(Path(value))


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
