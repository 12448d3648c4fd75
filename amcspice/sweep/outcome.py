"""What became of a point, and the key under which it is stored."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import amcspice
from amcspice.circuit import CIRCUITS
from amcspice.device import DEVICES, PRESETS
from amcspice.engine import BACKENDS
from amcspice.model_files import model_library
from amcspice.problem import PROBLEMS
from amcspice.registry import Registry
from amcspice.schema import Scalar
from amcspice.settings.file_names import without_folders
from amcspice.settings.systems import SYSTEMS
from amcspice.settings.table import PARAMETERS
from amcspice.sweep.spec.technology import technology_hash

__all__ = ["Outcome", "Scalar", "canonical", "point_key", "surroundings"]

REGISTRIES: tuple[tuple[str, Registry[Any]], ...] = (
    ("problem", PROBLEMS), ("problem", SYSTEMS), ("circuit", CIRCUITS), ("device", DEVICES),
    ("opamp", PRESETS), ("fidelity", BACKENDS),
)  # fmt: skip
"""What other packages add to, with the parameter that names an entry."""

LATER = ("chip", "system")
"""Groups of parameters that joined later: points that do not ask for them keep their keys."""

LIBRARIES = ("memristor", "miller", "opamp")
"""The files under models/."""


@dataclass(frozen=True)
class Outcome:
    """One finished or failed point.

    Parameters
    ----------
    key : str
        See `point_key`.
    parameters : mapping of str to scalar
        Every parameter of the point, in SI units.
    status : {"done", "failed"}
    metrics : mapping of str to number
        What was measured; empty if the point failed.
    provenance : mapping
        Versions and how it was computed.
    error : str, optional
        Why it failed.
    deck : str, optional
        Deck of the simulation that failed: its text on the way to the store, its path once there.
    seconds : float
        Wall time of the point [s].
    """

    key: str
    parameters: Mapping[str, Scalar]
    status: Literal["done", "failed"]
    metrics: Mapping[str, float | int | bool] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    deck: str | None = None
    seconds: float = 0.0


def canonical(parameters: Mapping[str, Scalar]) -> str:
    """Return parameters as JSON that is the same text however they were ordered or written.

    Those of `LATER` are left out where they are None: points that do not ask for them are what they
    were before there were any, and before another package added some.

    >>> canonical({"gbw": 1e8, "columns": 8}) == canonical({"columns": 8.0, "gbw": 100000000})
    True
    """
    later = _later(PARAMETERS.revision)
    names = sorted(
        name for name, value in parameters.items() if value is not None or name not in later
    )
    return "{" + ",".join(_member(name, parameters[name]) for name in names) + "}"


@functools.lru_cache(maxsize=1)
def _later(_revision: int) -> frozenset[str]:
    return frozenset(parameter.name for parameter in PARAMETERS.of_group(*LATER))


@functools.lru_cache(maxsize=1 << 16, typed=True)
def _member(name: str, value: Scalar) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps({name: value}, separators=(",", ":"), allow_nan=False)[1:-1]


def point_key(parameters: Mapping[str, Scalar]) -> str:
    """Return the key of a point: SHA-256 of its parameters, the version and the model libraries.

    A topology, problem, system, amplifier or fidelity of another package adds the hash of its
    source, a technology that of its figures.  Where files lie is no part of it: what they hold is.
    """
    outside = "".join(
        _outside(name, registry, parameters.get(name)) for name, registry in REGISTRIES
    )
    if parameters.get("technology") is not None:
        outside += f"\ntechnology {technology_hash(str(parameters['technology']))}"
    text = canonical(without_folders(parameters)) + surroundings() + outside
    return hashlib.sha256(text.encode()).hexdigest()


def _outside(parameter: str, registry: Registry[Any], value: Scalar) -> str:
    source = registry.source_hash(str(value))
    return "" if source is None else f"\n{parameter} {value} {source}"


@functools.cache
def surroundings() -> str:
    """Return what the result of a point depends on besides its parameters, as text."""
    models = hashlib.sha256("".join(model_library(name) for name in LIBRARIES).encode()).hexdigest()
    return f"\namcspice {amcspice.__version__}\nmodels {models}"
