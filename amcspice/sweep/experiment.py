"""`Experiment`: one point of a sweep, validated and complete.

Checking a point costs some tens of microseconds: values are converted once each, and what
belongs together (cells, amplifier, wires, topology) is checked once for every combination.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from amcspice.circuit import CIRCUITS, Circuit
from amcspice.circuit.base import Array
from amcspice.device import PRESETS, Memristor, OpAmp, Wire
from amcspice.errors import InputError
from amcspice.solver import PROBLEMS, Analysis, Run, make_circuit, simulate
from amcspice.solver.options import (
    DEVICES,
    make_converters,
    make_device,
    make_switches,
    make_wire,
)
from amcspice.solver.problem import SIGNED
from amcspice.sweep.outcome import Scalar
from amcspice.sweep.parameters import PARAMETERS, convert
from amcspice.sweep.problems import GENERATORS, SQUARE, Problem, check_generator, is_file
from amcspice.workload.matrix_file import read_matrix

__all__ = ["PARAMETERS", "Experiment", "convert"]

REDUCED_UP_TO = 128
"""Columns up to which fidelity ``auto`` takes reduced decks."""

FIDELITIES = ("flat", "reduced", "behavioural", "ideal")
TALL = ("lstsq", "nnls")

_PROBLEM = (
    "problem", "matrix", "rows", "columns", "signed", "right_hand_sides", "zeros", "noise",
)  # fmt: skip
_DEVICE = (
    "g_max", "g_min", "selector", "levels", "write_noise", "noise_relative_to",
    "device_variation", "cycle_variation", "stuck_on", "stuck_off", "drift_exponent",
    "drift_spread", "drift_time", "temperature", "temperature_coefficient", "read_noise",
    "noise_bandwidth", "thermal_noise", "sinh_voltage",
)  # fmt: skip
_OPAMP = ("opamp", "gbw", "gain", "slew_rate", "offset_sigma", "gain_sigma")
_WIRE = ("row_resistance", "column_resistance", "row_capacitance", "column_capacitance")
_ANALYSIS = (
    "fidelity", "simulator", "settle_tolerance", "full_scale", "relative_tolerance", "timeout",
    "allow_unstable", "dac_bits", "adc_bits",
)  # fmt: skip
_OWN = ("compensation", "scaling", "feedback", "column_load", "detuning")
"""Fields of single topologies."""

_TOPOLOGY = ("ridge", "lasso", "hold", *_OWN, "switch_on", "switch_off")
_SETTINGS = tuple(generator.setting for generator in GENERATORS.values() if generator.setting)
_DEFAULTS = {name: parameter.default for name, parameter in PARAMETERS.items()}


@dataclass(frozen=True, eq=False)
class Experiment:
    """One point of a sweep; make it with `Experiment.of`.

    Parameters
    ----------
    values : mapping of str to scalar
        Every parameter of `PARAMETERS`, in SI units; None where it does not apply.

    Examples
    --------
    >>> point = Experiment.of({"columns": 4, "gbw": "10 MHz", "fidelity": "behavioural"})
    >>> point["rows"], point["gbw"], point.circuit().name
    (16, 10000000.0, 'ginv-compact')
    >>> bool(point.simulate().all_settled)
    True
    """

    values: Mapping[str, Scalar]

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Experiment:
        """Return the experiment that flat parameters describe.

        Parameters
        ----------
        parameters : mapping
            Names of `PARAMETERS`; plain numbers are in SI units, text may carry a unit.

        Raises
        ------
        InputError
            If a parameter is unknown, a value cannot be used, or values do not fit together;
            names the parameter.
        """
        given = {name: convert(name, raw) for name, raw in parameters.items()}
        values = {**_DEFAULTS, **given}
        for name, value in given.items():
            if value is None:
                values[name] = _DEFAULTS[name]
        _choose_problem(values)
        _choose_size(values)
        _choose_parts(values, given)
        _choose_fidelity(values)
        _check_parts(values)
        return cls(values)

    def parameters(self) -> dict[str, Scalar]:
        """Return every parameter with defaults filled in: the identity of the point."""
        return dict(self.values)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @property
    def problem(self) -> Problem:
        """What the generated part of the problem is made from."""
        own: dict[str, Any] = {name: self[name] for name in _PROBLEM}
        generator = GENERATORS.get(own["matrix"])
        setting = self[generator.setting] if generator and generator.setting else 0.0
        return Problem(**own, setting=setting, seed=self["problem_seed"])

    def matrix(self) -> Array:
        """Return the problem matrix, shape (rows, columns)."""
        name = str(self.values["matrix"])
        if is_file(name):
            return read_matrix(name)
        return self.problem.make()

    def vectors(self, matrix: Array | None = None) -> Array:
        """Return the right-hand sides, shape (rows, K); mvm: the vectors, (columns, K).

        Parameters
        ----------
        matrix : ndarray, optional
            The problem matrix, where it is at hand.
        """
        if self.values["rhs"] is not None:
            return read_matrix(str(self.values["rhs"]))
        return self.problem.vectors(self.matrix() if matrix is None else matrix)

    def circuit(self, matrix: Array | None = None) -> Circuit:
        """Return the circuit, with cells drawn by ``seed``.

        Parameters
        ----------
        matrix : ndarray, optional
            The problem matrix, where it is at hand.
        """
        values, seed = self.values, self["seed"]
        device, opamp = _device(*_take(values, _DEVICE)), _opamp(*_take(values, _OPAMP))
        if not opamp.matched:
            opamp = dataclasses.replace(opamp, mismatch_seed=seed)
        return _make(
            values,
            self.matrix() if matrix is None else matrix,
            device=dataclasses.replace(device, seed=seed),
            opamp=opamp,
            wire=_wire(*_take(values, (*_WIRE, "sections"))),
        )

    def analysis(self) -> Analysis:
        """Return how it is simulated."""
        return _analysis(*_take(self.values, _ANALYSIS))

    def simulate(
        self, matrix: Array | None = None, *, keep_waveforms: bool = True, jobs: int = 1
    ) -> Run:
        """Run the point; see `amcspice.simulate`.

        Parameters
        ----------
        matrix : ndarray, optional
            The problem matrix, where it is at hand.
        keep_waveforms : bool
        jobs : int
        """
        matrix = self.matrix() if matrix is None else matrix
        return simulate(
            self.circuit(matrix), self.vectors(matrix), analysis=self.analysis(),
            keep_waveforms=keep_waveforms, jobs=jobs,
        )  # fmt: skip


def _take(values: Mapping[str, Scalar], names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(values[name] for name in names)


def _choose_problem(values: dict[str, Any]) -> None:
    """Fill in generator, its parameter and circuit."""
    problem = values["problem"]
    if values["matrix"] is None:
        values["matrix"] = {"inv": "conditioned", "eig": "covariance"}.get(problem, "uniform")
    matrix, given = values["matrix"], {name for name in _SETTINGS if values[name] is not None}
    signed = values["signed"]
    if is_file(matrix):
        if given or signed:
            raise InputError(
                f"{min(given, default='signed')}: of generated matrices; matrix is a file"
            )
        signed = _file(matrix)[2]
    else:
        _check_generator(matrix, problem, frozenset(given))
        generator = GENERATORS[matrix]
        if generator.setting and values[generator.setting] is None:
            values[generator.setting] = generator.default
    if values["circuit"] is None:
        values["circuit"] = (SIGNED.get(problem) if signed else None) or PROBLEMS[problem]


def _choose_size(values: dict[str, Any]) -> None:
    """Fill in rows and columns, the number of right-hand sides and how they are drawn."""
    problem, matrix = values["problem"], values["matrix"]
    if values["problem_seed"] is None:
        values["problem_seed"] = values["seed"]
    if is_file(matrix):
        rows, columns, _ = _file(matrix)
        for name, found in (("rows", rows), ("columns", columns)):
            if values[name] not in (None, found, _DEFAULTS[name]):
                raise InputError(f"{name} = {values[name]}: {matrix} has {found}")
            values[name] = found
        values["matrix_sha256"] = _same_hash("matrix", matrix, values["matrix_sha256"])
    elif values["matrix_sha256"] is not None:
        raise InputError("matrix_sha256: is of a file, but matrix is a generator")
    columns, rows, ratio = values["columns"], values["rows"], values["rows_per_column"]
    wanted = max(1, round((ratio or (4.0 if problem in TALL else 1.0)) * columns))
    if rows is None:
        rows = wanted
    elif ratio is not None and rows != wanted:
        raise InputError(f"rows = {rows}: rows_per_column = {ratio:g} makes them {wanted}")
    values["rows"], values["rows_per_column"] = rows, rows / columns
    if problem in SQUARE and rows != columns:
        raise InputError(
            f"rows = {rows}, columns = {columns}: {problem} needs a square matrix; leave rows out"
        )
    if problem in TALL and rows < columns and not values["ridge"]:
        raise InputError(
            f"rows = {rows}, columns = {columns}: {problem} with fewer rows than columns has no "
            "single answer; use more rows or a ridge"
        )
    _choose_vectors(values)


def _choose_vectors(values: dict[str, Any]) -> None:
    problem, rhs = values["problem"], values["rhs"]
    drawn = ("zeros", "noise")
    if rhs is None:
        if values["rhs_sha256"] is not None:
            raise InputError("rhs_sha256: is of a file, but right-hand sides are generated")
        for name, default in (("zeros", 0.4), ("noise", 0.1)):
            used = problem == "nnls" or (name == "noise" and problem == "lstsq")
            if values[name] is None:
                values[name] = default if used else 0.0
        if values["right_hand_sides"] is None:
            values["right_hand_sides"] = 1 if problem == "eig" else 4
    else:
        if any(values[name] is not None for name in drawn):
            raise InputError("zeros, noise: of generated right-hand sides; rhs is a file")
        rows, count, _ = _file(rhs)
        length = values["columns"] if problem == "mvm" else values["rows"]
        if rows != length:
            raise InputError(f"rhs = {rhs!r}: {rows} rows, {length} are needed")
        if values["right_hand_sides"] not in (None, count):
            raise InputError(f"right_hand_sides = {values['right_hand_sides']}: {rhs} has {count}")
        values["right_hand_sides"] = count
        values["rhs_sha256"] = _same_hash("rhs", rhs, values["rhs_sha256"])
    if problem == "eig" and values["right_hand_sides"] != 1:
        raise InputError("right_hand_sides: eig takes one start vector, it stays where it grew to")


def _choose_parts(values: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Fill in what presets say and what the circuit takes by itself."""
    device, opamp = DEVICES[values["device"]], PRESETS[values["opamp"]]
    # None is a value of its own here: continuous levels, no slew limit.
    for name, preset, owner in (("levels", device, Memristor), ("slew_rate", opamp, OpAmp)):
        if name not in given:
            values[name] = preset.get(name, _field(owner, name))
    for name, preset, owner in (
        ("write_noise", device, Memristor), ("gbw", opamp, OpAmp), ("gain", opamp, OpAmp)
    ):  # fmt: skip
        if values[name] is None:
            values[name] = preset.get(name, _field(owner, name))
    for what in ("resistance", "capacitance"):
        both, row, column = f"wire_{what}", f"row_{what}", f"column_{what}"
        if values[both] is not None:
            for line in (row, column):
                if given.get(line) not in (None, values[both]):
                    raise InputError(f"{both}, {line}: give either both lines or single ones")
                values[line] = values[both]
        elif values[row] == values[column]:
            values[both] = values[row]
    own = _defaults(values["circuit"])
    for name in _OWN:
        if values[name] is None:
            values[name] = own.get(name)
    if values["circuit"].startswith("macro-"):
        values["switch_on"] = values["switch_on"] or 100.0
        values["switch_off"] = values["switch_off"] or 1e9
    plain_compact = values["circuit"] == "ginv-compact" and not values["signed"]
    if values["hold"] is None and values["problem"] == "nnls" and plain_compact:
        values["hold"] = None if is_file(values["matrix"]) else True


def _choose_fidelity(values: dict[str, Any]) -> None:
    """Replace ``auto`` by what it means for this size."""
    fidelity = values["fidelity"]
    if fidelity in FIDELITIES:
        return
    word, _, limit = fidelity.partition(":")
    if word != "auto" or (limit and not limit.isdecimal()):
        raise InputError(
            f"fidelity = {fidelity!r}: choose from {', '.join(FIDELITIES)}, auto, auto:COLUMNS"
        )
    small = values["columns"] <= int(limit or REDUCED_UP_TO)
    values["fidelity"] = "reduced" if small else "behavioural"


def _check_parts(values: dict[str, Any]) -> None:
    """Build what belongs together, once for every combination; problems are too large for that."""
    device = _device(*_take(values, _DEVICE))
    if values["fidelity"] in ("reduced", "behavioural"):
        _refuse_unless_linear(device, values["fidelity"])
    _opamp(*_take(values, _OPAMP))
    _wire(*_take(values, (*_WIRE, "sections")))
    _analysis(*_take(values, _ANALYSIS))
    signed = _file(values["matrix"])[2] if is_file(values["matrix"]) else values["signed"]
    topology = _take(values, _TOPOLOGY)
    _topology(values["problem"], values["circuit"], values["opamp"], signed, *topology)


def _make(values: Mapping[str, Any], matrix: Any, **parts: Any) -> Circuit:
    """Return the circuit of a matrix; only parameters that apply are handed on."""
    options = {name: values[name] for name in _OWN if values[name] is not None}
    return make_circuit(
        values["problem"], matrix, circuit=values["circuit"], hold=values["hold"],
        ridge=values["ridge"], lasso=values["lasso"], **options, **make_switches(values), **parts,
    )  # fmt: skip


@functools.cache
def _field(owner: type, name: str) -> Any:
    return next(item.default for item in dataclasses.fields(owner) if item.name == name)


@functools.cache
def _defaults(circuit: str) -> dict[str, Any]:
    """Return the defaults of the parameters that a circuit has for itself."""
    fields = {item.name: item.default for item in dataclasses.fields(CIRCUITS[circuit])}
    return {name: fields[name] for name in _OWN if name in fields}


_check_generator = functools.lru_cache(maxsize=1024)(check_generator)


@functools.lru_cache(maxsize=4096)
def _device(*values: Any) -> Memristor:
    return make_device(dict(zip(_DEVICE, values, strict=True)))


@functools.lru_cache(maxsize=4096)
def _refuse_unless_linear(device: Memristor, fidelity: str) -> None:
    device.refuse_unless_linear(fidelity)


@functools.lru_cache(maxsize=4096)
def _opamp(name: str, *values: Any) -> OpAmp:
    return OpAmp.preset(name, **dict(zip(_OPAMP[1:], values, strict=True)))


@functools.lru_cache(maxsize=4096)
def _wire(*values: Any) -> Wire:
    # Zero is an ideal line here, so that it can stand on an axis.
    given = {name: value or None for name, value in zip(_WIRE, values, strict=False)}
    return make_wire({**given, "sections": values[-1]})


@functools.lru_cache(maxsize=4096)
def _analysis(*values: Any) -> Analysis:
    given = dict(zip(_ANALYSIS, values, strict=True))
    converters = make_converters(given)
    own = {name: given[name] for name in _ANALYSIS if not name.endswith("_bits")}
    if own["fidelity"] == "ideal" and (converters["dac"] or converters["adc"]):
        raise InputError("dac_bits, adc_bits: the ideal fidelity has no volts to convert")
    return Analysis(**own, **converters)


@functools.lru_cache(maxsize=4096)
def _topology(problem: str, circuit: str, opamp: str, signed: bool, *values: Any) -> None:
    """Build the circuit with a matrix as small as can be, to see whether it takes everything."""
    small = np.array([[1.0, -0.5], [-0.5, 1.0]] if signed else [[1.0, 0.5], [0.5, 1.0]])
    given = {"problem": problem, "circuit": circuit, **dict(zip(_TOPOLOGY, values, strict=True))}
    _make(given, small, opamp=OpAmp.preset(opamp))


def _file(path: str) -> tuple[int, int, bool]:
    """Return rows and columns of a matrix in a file, and whether it has negative entries."""
    return _contents(path, _stamp(path))[:3]


def _stamp(path: str) -> tuple[int, int]:
    """Return what changes when a file changes; nothing where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


@functools.lru_cache(maxsize=64)
def _contents(path: str, _stamp: tuple[int, int]) -> tuple[int, int, bool, str]:
    matrix = read_matrix(path)
    return (
        *matrix.shape,
        bool(matrix.min() < 0),
        hashlib.sha256(Path(path).read_bytes()).hexdigest(),
    )


def _same_hash(name: str, path: str, wanted: Any) -> str:
    found = _contents(path, _stamp(path))[3]
    if wanted not in (None, found):
        raise InputError(f"{name} = {path!r}: the file has changed since the point was planned")
    return found
