"""Hardware, analysis and circuit of a point, from its parameters.

What belongs together is built, and so checked, once for every combination of values.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from amcspice.algorithm.system import System
from amcspice.circuit import Circuit
from amcspice.circuit.options import topology_parameters
from amcspice.device import Hardware
from amcspice.engine import Analysis, get_backend
from amcspice.errors import UnsupportedError
from amcspice.files import file_stamp, named_files
from amcspice.problem import PROBLEMS, Problem
from amcspice.schema import Scalar
from amcspice.settings.assemble import (
    analysis_of,
    flat_analysis,
    flat_hardware,
    flat_topology,
    hardware_of,
    topology_options,
)
from amcspice.settings.systems import system_fields
from amcspice.settings.table import PARAMETERS
from amcspice.simulation.solve import PosedProblem, pose

__all__ = [
    "PREDICTED",
    "analysis",
    "circuit_options",
    "complete",
    "complete_system",
    "flat_system",
    "hardware",
    "posed",
    "system_of",
]

PREDICTED = "predicted"
"""The range of a chip, which no single run has."""

Values = Mapping[str, Any]
Items = tuple[tuple[str, Scalar], ...]

_HARDWARE = ("device", "wires", "amplifier", "converters")
_NOT_OF_THE_MATRIX = ("row_mask", "eigenvalue")
"""What belongs to one matrix, so that no other circuit can be made with it."""


def hardware(values: Values) -> Hardware:
    """Return cells, wires, amplifiers and converters; seeds are not set."""
    return _hardware(*_key(values, *_HARDWARE))[0]


def analysis(values: Values) -> Analysis:
    """Return how it is simulated."""
    return _analysis(_run_items(values))[0]


def posed(values: Values, matrix: Any, vectors: Any, **parts: Any) -> PosedProblem:
    """Return the problem with its circuit; only parameters that apply are handed on."""
    options = circuit_options(values)
    return pose(
        values["problem"],
        matrix,
        vectors,
        circuit=values["circuit"],
        parameters={**options, **parts},
    )


def circuit_options(values: Values) -> dict[str, Any]:
    """Return the parameters of the circuit itself that apply."""
    return {name: value for name, value in topology_options(values).items() if value is not None}


def complete(values: Values, given: Values, *, signed: bool) -> dict[str, Scalar]:
    """Return parameters of circuit, hardware and analysis with everything that was left open.

    Everything but the problem itself is built, which is too large for that.

    Parameters
    ----------
    values : mapping
        Parameters of the problem, complete.
    given : mapping
        What was said of the rest.
    signed : bool
        Whether the matrix has negative entries.

    Raises
    ------
    InputError
        If values do not fit together.
    """
    made, flat = _hardware(*_key(given, *_HARDWARE))
    chosen, more = _analysis(_run_items(given))
    options = _items(given, "circuit")
    small = _topology(values["problem"], values["circuit"], signed, options)
    _check_backend(chosen, small, made)
    said = {name: given.get(name) for name in _NOT_OF_THE_MATRIX}
    taken = {parameter.name for parameter in topology_parameters(type(small))}
    for name, value in said.items():
        if value is not None and name not in taken:
            raise UnsupportedError(f"{values['circuit']} does not take {name}")
    return {**flat, **more, **_flat_topology(small, options), **said}


def complete_system(
    values: Values, given: Values, problem: Problem | None, *, signed: bool
) -> dict[str, Scalar]:
    """Return hardware and analysis of a system with everything that was left open, as `complete`.

    Of circuits there is what was given.
    """
    made, flat = _hardware(*_key(given, *_HARDWARE))
    chosen, more = _analysis(_run_items({**given, "fidelity": values["fidelity"]}))
    options = _items(circuit_options(given), "circuit")
    asked = PROBLEMS["mvm"] if problem is None else problem
    # Without a problem there is no circuit that could say what it takes.
    small = _topology(
        asked.name, asked.default_circuit(signed=signed), signed, options if problem else ()
    )
    _check_backend(chosen, small, made)
    return {**flat, **more, **_circuit_nothing(PARAMETERS.revision), **dict(options)}


@functools.lru_cache(maxsize=1)
def _circuit_nothing(_revision: int) -> dict[str, Scalar]:
    return {parameter.name: None for parameter in PARAMETERS.of_group("circuit")}


def flat_system(system: type[System], values: Values) -> dict[str, Scalar]:
    """Return the parameters of a system, complete and checked."""
    made = system_of(system, values)
    return {each.name: getattr(made, each.fields[0][1]) for each in system_fields(system)}


def system_of(system: type[System], values: Values) -> System:
    """Return a system with the parameters that are there."""
    names = {each.name: each.fields[0][1] for each in system_fields(system)}
    return system(
        **{field: values[name] for name, field in names.items() if values[name] is not None}
    )


def _items(values: Values, *groups: str) -> Items:
    table = PARAMETERS.by_name
    return tuple(
        (name, value)
        for name, value in values.items()
        if name in table and table[name].group in groups
    )


def _run_items(values: Values) -> Items:
    """Return what an analysis depends on: not the seed, which most points differ by."""
    said = (item for item in _items(values, "run") if item[0] != "seed")
    return tuple(item for item in said if item != ("range", PREDICTED))


def _key(values: Values, *groups: str) -> tuple[Items, tuple[tuple[int, int], ...]]:
    """Return what a cached object depends on: parameters, and the state of files they name."""
    items, table = _items(values, *groups), PARAMETERS.by_name
    stamps = (
        file_stamp(path)
        for name, value in items
        if isinstance(value, str) and table[name].kind == "file"
        for path in named_files(value)
    )
    return items, tuple(stamps)


@functools.lru_cache(maxsize=4096)
def _hardware(
    items: Items, _stamps: tuple[tuple[int, int], ...]
) -> tuple[Hardware, dict[str, Scalar]]:
    given = dict(items)
    made = hardware_of(given)
    return made, flat_hardware(made, given)


@functools.lru_cache(maxsize=4096)
def _analysis(items: Items) -> tuple[Analysis, dict[str, Scalar]]:
    made = analysis_of(dict(items))
    return made, flat_analysis(made)


@functools.lru_cache(maxsize=4096)
def _check_backend(analysis: Analysis, smallest: Circuit, hardware: Hardware) -> None:
    """Ask the backend whether it knows cells and amplifiers."""
    parts = hardware.parts()
    # Cells that are programmed already are those of one matrix.
    parts["device"] = hardware.device.typical()
    get_backend(analysis).check(dataclasses.replace(smallest, **parts))


@functools.lru_cache(maxsize=4096)
def _topology(problem: str, name: str, signed: bool, items: Items) -> Circuit:
    """Return the circuit with a matrix as small as can be, to see whether it takes everything."""
    small = np.array([[1.0, -0.5], [-0.5, 1.0]] if signed else [[1.0, 0.5], [0.5, 1.0]])
    given = {name: value for name, value in items if name not in _NOT_OF_THE_MATRIX}
    values = {"problem": problem, **given, "circuit": name}
    return posed(values, small, np.ones(2)).circuit


@functools.lru_cache(maxsize=4096)
def _flat_topology(circuit: Circuit, items: Items) -> dict[str, Scalar]:
    return flat_topology(circuit, dict(items))
