"""`extensions`: what installed packages add to amcspice, and whether commands can use it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from amcspice.circuit import CIRCUITS
from amcspice.device import DEVICES, PRESETS
from amcspice.engine import BACKENDS
from amcspice.errors import InputError
from amcspice.problem import PROBLEMS
from amcspice.registry import Registry
from amcspice.settings.systems import SYSTEMS
from amcspice.settings.table import PARAMETERS

__all__ = ["Extension", "clash", "extensions"]

REGISTRIES: tuple[Registry[Any], ...] = (CIRCUITS, PROBLEMS, DEVICES, PRESETS, SYSTEMS, BACKENDS)


@dataclass(frozen=True)
class Extension:
    """What one package adds under one name.

    Parameters
    ----------
    kind : str
        What an entry of its registry is, such as circuit.
    name : str
    package : str
        As it is installed; of a name that several offer, all of them.
    fault : str
        Why it cannot be used; empty if it can.
    """

    kind: str
    name: str
    package: str
    fault: str = ""


def extensions() -> tuple[Extension, ...]:
    """Return what installed packages add, each loaded to see whether it can be."""
    return tuple(
        Extension(registry.what, name, package, _fault(registry.choose, name))
        for registry in REGISTRIES
        for name, package in registry.offered.items()
    )


def clash() -> str:
    """Return why parameters of all packages are no one table, which every command needs; or ""."""
    return _fault(len, PARAMETERS)


def _fault(use: Callable[[Any], Any], what: Any) -> str:
    try:
        use(what)
    except InputError as error:
        return str(error)
    return ""
