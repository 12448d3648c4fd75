"""What the parameters of a point leave open, filled in: `fill_defaults`."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amcspice.engine import BACKENDS
from amcspice.errors import InputError
from amcspice.files import file_stamp, named_files
from amcspice.problem import PROBLEMS
from amcspice.problem.generators import GENERATORS, check_generator, is_file
from amcspice.schema import Scalar
from amcspice.settings.table import PARAMETERS, convert
from amcspice.sweep.spec import parts
from amcspice.sweep.spec.technology import technology_hash
from amcspice.workload.matrix_file import read_matrix

__all__ = ["fill_defaults"]

MOST_ENTRIES = 1_000_000_000
"""Entries of a generated matrix, or of its right-hand sides: 8 GB."""

REDUCED_UP_TO = 128
"""Columns up to which fidelity ``auto`` takes reduced decks."""


_SETTINGS = tuple(generator.setting for generator in GENERATORS.values() if generator.setting)
_PLAIN = ("ridge", "lasso", "device", "opamp")
"""What has a default whatever the circuit is."""


@functools.lru_cache(maxsize=1)
def _defaults(_revision: int) -> dict[str, Scalar]:
    """Return every parameter as it is when nothing is said; None where others choose it."""
    return {
        name: parameter.default if parameter.group in ("problem", "run") or name in _PLAIN else None
        for name, parameter in PARAMETERS.items()
    }


def fill_defaults(parameters: Mapping[str, Any]) -> dict[str, Scalar]:
    """Return every parameter in SI units, with defaults filled in; see `Experiment.of`.

    Raises
    ------
    InputError
        If a parameter is unknown, a value cannot be used, or values do not fit together; names
        the parameter.
    """
    given = {name: convert(name, raw) for name, raw in parameters.items()}
    values = dict(_defaults(PARAMETERS.revision))
    values |= {name: value for name, value in given.items() if value is not None}
    _choose_problem(values)
    _choose_size(values)
    _choose_fidelity(values)
    _choose_parts(values, given)
    _choose_chip(values, given)
    return values


def _choose_problem(values: dict[str, Any]) -> None:
    """Fill in generator, its parameter and circuit."""
    problem = values["problem"]
    if values["matrix"] is None:
        values["matrix"] = PROBLEMS[problem].generator
    matrix, settings = values["matrix"], {name for name in _SETTINGS if values[name] is not None}
    signed = values["signed"]
    if is_file(matrix):
        if settings or signed:
            raise InputError(
                f"{min(settings, default='signed')}: of generated matrices; matrix is a file"
            )
        signed = _file(matrix)[2]
    else:
        _check_generator(matrix, problem, frozenset(settings))
        generator = GENERATORS[matrix]
        if generator.setting and values[generator.setting] is None:
            values[generator.setting] = generator.default
    if values["circuit"] is None:
        values["circuit"] = PROBLEMS[problem].default_circuit(signed=signed)


def _choose_size(values: dict[str, Any]) -> None:
    """Fill in rows and columns, the number of right-hand sides and how they are drawn."""
    problem, matrix = values["problem"], values["matrix"]
    if values["problem_seed"] is None:
        values["problem_seed"] = values["seed"]
    if is_file(matrix):
        rows, columns, _ = _file(matrix)
        for name, length in (("rows", rows), ("columns", columns)):
            if values[name] not in (None, length, PARAMETERS[name].default):
                raise InputError(f"{name} = {values[name]}: {matrix} has {length}")
            values[name] = length
        values["matrix_sha256"] = _same_hash("matrix", matrix, values["matrix_sha256"])
    elif values["matrix_sha256"] is not None:
        raise InputError("matrix_sha256: is of a file, but matrix is a generator")
    columns, rows, ratio = values["columns"], values["rows"], values["rows_per_column"]
    implied_rows = max(1, round((ratio or (4.0 if PROBLEMS[problem].tall else 1.0)) * columns))
    if rows is None:
        rows = implied_rows
    elif ratio is not None and rows != implied_rows:
        raise InputError(f"rows = {rows}: rows_per_column = {ratio:g} makes them {implied_rows}")
    if rows * columns > MOST_ENTRIES:
        raise InputError(
            f"rows = {rows}, columns = {columns}: at most {MOST_ENTRIES:,} entries of a matrix"
        )
    values["rows"], values["rows_per_column"] = rows, rows / columns
    if PROBLEMS[problem].square and rows != columns:
        raise InputError(
            f"rows = {rows}, columns = {columns}: {problem} needs a square matrix; leave rows out"
        )
    if PROBLEMS[problem].tall and rows < columns and not values["ridge"]:
        raise InputError(
            f"rows = {rows}, columns = {columns}: {problem} with fewer rows than columns has no "
            "single answer; use more rows or a ridge"
        )
    _choose_vectors(values)


def _choose_vectors(values: dict[str, Any]) -> None:
    problem, rhs = values["problem"], values["rhs"]
    generator_settings = ("zeros", "noise")
    if rhs is None:
        if values["rhs_sha256"] is not None:
            raise InputError("rhs_sha256: is of a file, but right-hand sides are generated")
        asked = PROBLEMS[problem]
        for name, default in (("zeros", asked.planted_zeros), ("noise", asked.planted_noise)):
            if values[name] is None:
                values[name] = default
        if values["right_hand_sides"] is None:
            values["right_hand_sides"] = 1 if PROBLEMS[problem].single_input else 4
        if values["right_hand_sides"] * max(values["rows"], values["columns"]) > MOST_ENTRIES:
            raise InputError(
                f"right_hand_sides = {values['right_hand_sides']}: at most {MOST_ENTRIES:,} entries"
            )
    else:
        if any(values[name] is not None for name in generator_settings):
            raise InputError("zeros, noise: of generated right-hand sides; rhs is a file")
        rows, count, _ = _file(rhs)
        length = values["columns"] if PROBLEMS[problem].takes_vectors else values["rows"]
        if rows != length:
            hint = f" ({rows} x {count}: did you mean its transpose?)" if count == length else ""
            raise InputError(f"rhs = {rhs!r}: {rows} rows, {length} are needed{hint}")
        if values["right_hand_sides"] not in (None, count):
            raise InputError(f"right_hand_sides = {values['right_hand_sides']}: {rhs} has {count}")
        values["right_hand_sides"] = count
        values["rhs_sha256"] = _same_hash("rhs", rhs, values["rhs_sha256"])
    if PROBLEMS[problem].single_input and values["right_hand_sides"] != 1:
        raise InputError(
            f"right_hand_sides: {problem} takes one start vector, it stays where it grew to"
        )


def _choose_parts(values: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Fill in what presets say and what the circuit takes by itself."""
    problem, circuit = values["problem"], values["circuit"]
    said = {**given, "circuit": circuit, "fidelity": values["fidelity"]}
    plain_compact = circuit == "ginv-compact" and not values["signed"]
    if values["hold"] is None and PROBLEMS[problem].non_negative and plain_compact:
        said["hold"] = None if is_file(values["matrix"]) else True
    values |= parts.complete(values, said, signed=_signed(values))
    values["mismatch_seed"] = given.get("mismatch_seed")  # None: seed
    values["files_sha256"] = _hash_of_files(values)


def _choose_chip(values: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Set the range that a chip predicts, and check what costs are worked out in."""
    predicted = given.get("range") == parts.PREDICTED
    if predicted:
        values["range"] = parts.PREDICTED
        if values.get("cycle"):
            raise InputError("cycle: a chip that predicts its range counts its writings itself")
    if values["technology"] is not None:
        fidelity = values["fidelity"]
        if not BACKENDS[fidelity].simulates:
            raise InputError(
                f"technology: the {fidelity} fidelity runs nothing, so it costs nothing"
            )
        technology_hash(values["technology"])


@functools.lru_cache(maxsize=1)
def _of_files(_revision: int) -> tuple[str, ...]:
    return tuple(name for name, parameter in PARAMETERS.items() if parameter.kind == "file")


def _hash_of_files(values: Mapping[str, Any]) -> str | None:
    """Return a hash of the files that parameters name, so that a point is what it is.

    Raises
    ------
    InputError
        If they have changed since the point was planned.
    """
    names = [
        str(path)
        for name in _of_files(PARAMETERS.revision)
        if isinstance(values[name], str)
        for path in named_files(values[name])
    ]
    if not names:
        return None
    digest = hashlib.sha256("".join(_digest(path, file_stamp(path)) for path in names).encode())
    if values["files_sha256"] not in (None, digest.hexdigest()):
        raise InputError(f"{', '.join(names)}: changed since the point was planned")
    return digest.hexdigest()


@functools.lru_cache(maxsize=256)
def _digest(path: str, _stamp: tuple[int, int]) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


def _choose_fidelity(values: dict[str, Any]) -> None:
    """Replace ``auto`` by what it means for this size."""
    fidelity = values["fidelity"]
    if fidelity in BACKENDS:
        return
    word, _, limit = fidelity.partition(":")
    if word != "auto" or (limit and not limit.isdecimal()):
        raise InputError(
            f"fidelity = {fidelity!r}: choose from {', '.join(BACKENDS)}, auto, auto:COLUMNS"
        )
    small = values["columns"] <= int(limit or REDUCED_UP_TO)
    values["fidelity"] = "reduced" if small else "behavioural"


def _signed(values: Mapping[str, Any]) -> bool:
    return _file(values["matrix"])[2] if is_file(values["matrix"]) else bool(values["signed"])


_check_generator = functools.lru_cache(maxsize=1024)(check_generator)


def _file(path: str) -> tuple[int, int, bool]:
    """Return rows and columns of a matrix in a file, and whether it has negative entries."""
    return _contents(path, file_stamp(path))[:3]


@functools.lru_cache(maxsize=64)
def _contents(path: str, _stamp: tuple[int, int]) -> tuple[int, int, bool, str]:
    matrix = read_matrix(path)
    return (
        *matrix.shape,
        bool(matrix.min() < 0),
        hashlib.sha256(Path(path).read_bytes()).hexdigest(),
    )


def _same_hash(name: str, path: str, planned_digest: Any) -> str:
    digest = _contents(path, file_stamp(path))[3]
    if planned_digest not in (None, digest):
        raise InputError(f"{name} = {path!r}: the file has changed since the point was planned")
    return digest
