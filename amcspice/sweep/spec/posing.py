"""Matrix and inputs of a point, with what its parameters leave open filled in."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amcspice.errors import InputError
from amcspice.files import file_stamp
from amcspice.problem import Problem
from amcspice.problem.generators import GENERATORS, check_generator, is_file
from amcspice.settings.table import PARAMETERS
from amcspice.workload.matrix_file import read_matrix

__all__ = ["is_signed", "pose"]

MOST_ENTRIES = 1_000_000_000
"""Entries of a generated matrix, or of its right-hand sides: 8 GB."""

_SETTINGS = tuple(generator.setting for generator in GENERATORS.values() if generator.setting)


def pose(values: dict[str, Any], given: Mapping[str, Any], problem: Problem | None) -> None:
    """Fill in matrix, size and inputs.

    Parameters
    ----------
    values : dict
        Parameters of the point; those of the problem are completed.
    given : mapping
        What was said.
    problem : Problem, optional
        Whose matrix it is; None where a system makes what it needs.

    Raises
    ------
    InputError
        If values do not fit together.
    """
    if values["problem_seed"] is None:
        values["problem_seed"] = values["seed"]
    if problem is None:
        _leave_out(values, given)
    else:
        _choose_matrix(values, problem)
        _choose_size(values, problem)


def is_signed(values: Mapping[str, Any]) -> bool:
    """Return whether the matrix of a point has negative entries."""
    if values["matrix"] is None:
        return False
    return _file(values["matrix"])[2] if is_file(values["matrix"]) else bool(values["signed"])


def _leave_out(values: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Leave matrix and inputs out, for a system that makes them by itself."""
    for name in _of_problems(PARAMETERS.revision):
        if given.get(name) is not None:
            raise InputError(f"{name}: of matrices; {values['problem']} makes what it needs")
        values[name] = None


@functools.lru_cache(maxsize=1)
def _of_problems(_revision: int) -> tuple[str, ...]:
    names = [parameter.name for parameter in PARAMETERS.of_group("problem")]
    return tuple(name for name in names if name not in ("problem", "problem_seed", "files_sha256"))


def _choose_matrix(values: dict[str, Any], problem: Problem) -> None:
    """Fill in generator and its parameter."""
    if values["matrix"] is None:
        values["matrix"] = problem.generator
    matrix, settings = values["matrix"], {name for name in _SETTINGS if values[name] is not None}
    if is_file(matrix):
        if settings or values["signed"]:
            raise InputError(
                f"{min(settings, default='signed')}: of generated matrices; matrix is a file"
            )
    else:
        _check_generator(matrix, problem.name, frozenset(settings))
        generator = GENERATORS[matrix]
        values["signed"] |= generator.signed
        if generator.setting and values[generator.setting] is None:
            values[generator.setting] = generator.default


def _choose_size(values: dict[str, Any], problem: Problem) -> None:
    """Fill in rows and columns, the number of right-hand sides and how they are drawn."""
    matrix = values["matrix"]
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
    implied_rows = max(1, round((ratio or (4.0 if problem.tall else 1.0)) * columns))
    if rows is None:
        rows = implied_rows
    elif ratio is not None and rows != implied_rows:
        raise InputError(f"rows = {rows}: rows_per_column = {ratio:g} makes them {implied_rows}")
    if rows * columns > MOST_ENTRIES:
        raise InputError(
            f"rows = {rows}, columns = {columns}: at most {MOST_ENTRIES:,} entries of a matrix"
        )
    values["rows"], values["rows_per_column"] = rows, rows / columns
    if problem.square and rows != columns:
        raise InputError(
            f"rows = {rows}, columns = {columns}: {problem.name} needs a square matrix; "
            "leave rows out"
        )
    if problem.tall and rows < columns and not values["ridge"]:
        raise InputError(
            f"rows = {rows}, columns = {columns}: {problem.name} with fewer rows than columns has "
            "no single answer; use more rows or a ridge"
        )
    _choose_vectors(values, problem)


def _choose_vectors(values: dict[str, Any], problem: Problem) -> None:
    rhs = values["rhs"]
    generator_settings = ("zeros", "noise")
    if rhs is None:
        if values["rhs_sha256"] is not None:
            raise InputError("rhs_sha256: is of a file, but right-hand sides are generated")
        for name, default in (("zeros", problem.planted_zeros), ("noise", problem.planted_noise)):
            if values[name] is None:
                values[name] = default
        if values["right_hand_sides"] is None:
            values["right_hand_sides"] = 1 if problem.single_input else 4
        if values["right_hand_sides"] * max(values["rows"], values["columns"]) > MOST_ENTRIES:
            raise InputError(
                f"right_hand_sides = {values['right_hand_sides']}: at most {MOST_ENTRIES:,} entries"
            )
    else:
        if any(values[name] is not None for name in generator_settings):
            raise InputError("zeros, noise: of generated right-hand sides; rhs is a file")
        rows, count, _ = _file(rhs)
        length = values["columns"] if problem.takes_vectors else values["rows"]
        if rows != length:
            hint = f" ({rows} x {count}: did you mean its transpose?)" if count == length else ""
            raise InputError(f"rhs = {rhs!r}: {rows} rows, {length} are needed{hint}")
        if values["right_hand_sides"] not in (None, count):
            raise InputError(f"right_hand_sides = {values['right_hand_sides']}: {rhs} has {count}")
        values["right_hand_sides"] = count
        values["rhs_sha256"] = _same_hash("rhs", rhs, values["rhs_sha256"])
    if problem.single_input and values["right_hand_sides"] != 1:
        raise InputError(
            f"right_hand_sides: {problem.name} takes one start vector, it stays where it grew to"
        )


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
