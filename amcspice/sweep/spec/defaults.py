"""What the parameters of a point leave open, filled in: `fill_defaults`."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amcspice.algorithm.system import System
from amcspice.engine import BACKENDS
from amcspice.errors import InputError
from amcspice.files import file_stamp, named_files
from amcspice.problem import PROBLEMS, Problem
from amcspice.problem.generators import is_file
from amcspice.schema import Scalar
from amcspice.settings.systems import asked_problem, choose_system
from amcspice.settings.table import PARAMETERS, convert
from amcspice.sweep.spec import parts
from amcspice.sweep.spec.posing import is_signed, pose
from amcspice.sweep.spec.technology import technology_hash

__all__ = ["fill_defaults"]

REDUCED_UP_TO = 128
"""Columns up to which fidelity ``auto`` takes reduced decks."""


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
    system = choose_system(values)
    problem = asked_problem(values)
    pose(values, given, problem)
    _choose_fidelity(values)
    if system is None:
        assert problem is not None
        _choose_circuit(values, problem)
        _choose_parts(values, given)
    else:
        _choose_system(values, given, system, problem)
    _choose_chip(values, given, of_system=system is not None)
    return values


def _choose_circuit(values: dict[str, Any], problem: Problem) -> None:
    if values["circuit"] is None:
        values["circuit"] = problem.default_circuit(signed=is_signed(values))


def _choose_parts(values: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Fill in what presets say and what the circuit takes by itself."""
    problem, circuit = values["problem"], values["circuit"]
    said = {**given, "circuit": circuit, "fidelity": values["fidelity"]}
    plain_compact = circuit == "ginv-compact" and not values["signed"]
    if values["hold"] is None and PROBLEMS[problem].non_negative and plain_compact:
        said["hold"] = None if is_file(values["matrix"]) else True
    values |= parts.complete(values, said, signed=is_signed(values))
    values["mismatch_seed"] = given.get("mismatch_seed")  # None: seed
    values["files_sha256"] = _hash_of_files(values)


def _choose_system(
    values: dict[str, Any],
    given: Mapping[str, Any],
    system: type[System],
    problem: Problem | None,
) -> None:
    """Fill in what a system takes by itself, and what its chip does.

    A system chooses its circuits: it hands on what was given of them.
    """
    if values["circuit"] is not None:
        raise InputError(f"circuit: a system ({system.name}) chooses its circuits; leave it out")
    values |= parts.complete_system(values, given, problem, signed=is_signed(values))
    values |= parts.flat_system(system, values)
    values["mismatch_seed"] = given.get("mismatch_seed")  # None: seed
    values["files_sha256"] = _hash_of_files(values)


def _choose_chip(values: dict[str, Any], given: Mapping[str, Any], *, of_system: bool) -> None:
    """Set the range that a chip predicts, and check what costs are worked out in."""
    volts = given.get("range")
    if volts == parts.PREDICTED or (of_system and volts is None):
        values["range"] = parts.PREDICTED
    if (of_system or values["range"] == parts.PREDICTED) and values.get("cycle"):
        raise InputError("cycle: a chip counts its writings itself")
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
    small = (values["columns"] or 0) <= int(limit or REDUCED_UP_TO)
    values["fidelity"] = "reduced" if small else "behavioural"
