"""Device, amplifier, wires, analysis and circuit of a point, from its complete parameters.

What belongs together is built, and so checked, once for every combination of values.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from amcspice.circuit import Circuit
from amcspice.device import Memristor, OpAmp, Wire
from amcspice.engine import Analysis, get_backend
from amcspice.settings.options import make_converters, make_device, make_switches, make_wire
from amcspice.simulation.solve import PosedProblem, pose
from amcspice.sweep.outcome import Scalar

__all__ = ["OWN", "analysis", "check", "device", "opamp", "posed", "wire"]

Values = Mapping[str, Scalar]

_DEVICE = (
    "g_max",
    "g_min",
    "selector",
    "levels",
    "write_noise",
    "noise_relative_to",
    "device_variation",
    "cycle_variation",
    "stuck_on",
    "stuck_off",
    "drift_exponent",
    "drift_spread",
    "drift_time",
    "temperature",
    "temperature_coefficient",
    "read_noise",
    "noise_bandwidth",
    "thermal_noise",
    "sinh_voltage",
)
_OPAMP = ("opamp", "gbw", "gain", "slew_rate", "offset_sigma", "gain_sigma")
_LINES = ("row_resistance", "column_resistance", "row_capacitance", "column_capacitance")
_WIRE = (*_LINES, "sections")
_ANALYSIS = (
    "fidelity",
    "simulator",
    "settle_tolerance",
    "full_scale",
    "relative_tolerance",
    "timeout",
    "allow_unstable",
    "dac_bits",
    "adc_bits",
)
OWN = ("compensation", "scaling", "feedback", "column_load", "detuning")
"""Fields of single topologies."""

_TOPOLOGY = ("ridge", "lasso", "hold", *OWN, "switch_on", "switch_off")


def device(values: Values) -> Memristor:
    """Return the cells; their seed is not set."""
    return _device(*_take(values, _DEVICE))


def opamp(values: Values) -> OpAmp:
    """Return the amplifier; the seed of its mismatch is not set."""
    return _opamp(*_take(values, _OPAMP))


def wire(values: Values) -> Wire:
    """Return the lines."""
    return _wire(*_take(values, _WIRE))


def analysis(values: Values) -> Analysis:
    """Return how it is simulated."""
    return _analysis(*_take(values, _ANALYSIS))


def posed(values: Mapping[str, Any], matrix: Any, vectors: Any, **parts: Any) -> PosedProblem:
    """Return the problem with its circuit; only parameters that apply are handed on."""
    parameters = {name: values[name] for name in OWN if values[name] is not None}
    parameters |= {name: values[name] for name in ("hold", "ridge", "lasso")}
    return pose(
        values["problem"],
        matrix,
        vectors,
        circuit=values["circuit"],
        parameters={**parameters, **make_switches(values), **parts},
    )


def check(values: Mapping[str, Any], *, signed: bool) -> None:
    """Build everything but the problem, which is too large for that.

    Parameters
    ----------
    values : mapping
    signed : bool
        Whether the matrix has negative entries.

    Raises
    ------
    InputError
        If values do not fit together.
    """
    wire(values)
    topology = _take(values, _TOPOLOGY)
    smallest = _topology(values["problem"], values["circuit"], values["opamp"], signed, *topology)
    _check_backend(analysis(values), smallest, device(values), opamp(values))


def _take(values: Values, names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(values[name] for name in names)


@functools.lru_cache(maxsize=4096)
def _device(*values: Any) -> Memristor:
    return make_device(dict(zip(_DEVICE, values, strict=True)))


@functools.lru_cache(maxsize=4096)
def _check_backend(analysis: Analysis, smallest: Circuit, device: Memristor, opamp: OpAmp) -> None:
    """Ask the backend whether it knows cells and amplifiers."""
    get_backend(analysis).check(dataclasses.replace(smallest, device=device, opamp=opamp))


@functools.lru_cache(maxsize=4096)
def _opamp(name: str, *values: Any) -> OpAmp:
    return OpAmp.preset(name, **dict(zip(_OPAMP[1:], values, strict=True)))


@functools.lru_cache(maxsize=4096)
def _wire(*values: Any) -> Wire:
    # Zero is an ideal line here, so that it can stand on an axis.
    lines = {name: value or None for name, value in zip(_LINES, values, strict=False)}
    return make_wire({**lines, "sections": values[-1]})


@functools.lru_cache(maxsize=4096)
def _analysis(*values: Any) -> Analysis:
    settings = dict(zip(_ANALYSIS, values, strict=True))
    converters = make_converters(settings)
    fields = {name: settings[name] for name in _ANALYSIS if not name.endswith("_bits")}
    return Analysis(**fields, **converters)


@functools.lru_cache(maxsize=4096)
def _topology(problem: str, name: str, preset: str, signed: bool, *values: Any) -> Circuit:
    """Return the circuit with a matrix as small as can be, to see whether it takes everything."""
    small = np.array([[1.0, -0.5], [-0.5, 1.0]] if signed else [[1.0, 0.5], [0.5, 1.0]])
    parameters = {"problem": problem, "circuit": name, **dict(zip(_TOPOLOGY, values, strict=True))}
    return posed(parameters, small, np.ones(2), opamp=OpAmp.preset(preset)).circuit
