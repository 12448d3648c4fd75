"""Systems by name, and which of them the parameters of a point ask for."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from amcspice.algorithm.system import System
from amcspice.errors import InputError
from amcspice.problem import PROBLEMS, Problem
from amcspice.registry import Registry
from amcspice.schema import Parameter, field_parameters

__all__ = ["SYSTEMS", "asked_problem", "choose_system", "system_fields"]


def _fault(entry: Any) -> str | None:
    if not (isinstance(entry, type) and issubclass(entry, System)):
        return "it is no subclass of amcspice.algorithm.System"
    if not hasattr(entry, "__dataclass_fields__"):
        return "its class is not made with amcspice.schema.parameters"
    if entry.asks is not None and entry.asks not in PROBLEMS:
        return f"it asks {entry.asks!r}, which is no problem"
    return None


SYSTEMS: Registry[type[System]] = Registry(
    "system",
    "amcspice.systems",
    {},
    _fault,
    places={
        "inv": "amcspice.algorithm.block_solver:BlockSolver",
        "forecast": "amcspice.algorithm.block_solver:BlockForecast",
        "iterate": "amcspice.algorithm.iterations.product_solver:ProductSolver",
        "lowrank": "amcspice.algorithm.low_rank.study:LowRankStudy",
        "ber": "amcspice.workload.wireless.study:BitErrorStudy",
        "latency": "amcspice.workload.wireless.latency:LatencyStudy",
        "ofdm": "amcspice.workload.wireless.ofdm:OfdmStudy",
        "estimate": "amcspice.workload.wireless.estimation:EstimationStudy",
        "train": "amcspice.workload.training.study:Training",
    },
)
"""Every system by the name that it has as a problem of sweeps."""


@functools.cache
def system_fields(system: type[System]) -> tuple[Parameter, ...]:
    """Return the parameters of a system."""
    return tuple(field_parameters(system, "system"))


def choose_system(values: Mapping[str, Any]) -> type[System] | None:
    """Return the system that parameters ask for; None is a single circuit.

    Parameters
    ----------
    values : mapping
        ``problem``, and parameters of systems; those that are None were not given.

    Raises
    ------
    InputError
        If a parameter is given that is of another system.
    """
    problem, known = values["problem"], _fields(SYSTEMS.revision)
    given = [name for name in known if values.get(name) is not None]
    system = _chosen(problem, given)
    own = () if system is None else [parameter.name for parameter in system_fields(system)]
    for name in given:
        if name not in own:
            asked = "" if system is None or system.name == problem else f" with {system.chosen_by}"
            raise InputError(f"{name}: of {', '.join(known[name])}; problem is {problem}{asked}")
    return system


def _chosen(problem: str, given: Sequence[str]) -> type[System] | None:
    for system in SYSTEMS.values():
        if system.asks == problem and system.chosen_by in given:
            return system
    return SYSTEMS.get(problem) if given or problem not in PROBLEMS else None


def asked_problem(values: Mapping[str, Any]) -> Problem | None:
    """Return the problem whose matrix and inputs a point takes; None of a system without one."""
    name = values["problem"]
    if name not in PROBLEMS:
        name = SYSTEMS[name].asks
    return None if name is None else PROBLEMS[name]


@functools.lru_cache(maxsize=1)
def _fields(_revision: int) -> dict[str, list[str]]:
    """Return every parameter of systems, with the names of those that have it."""
    found: dict[str, list[str]] = {}
    for name, system in SYSTEMS.items():
        for parameter in system_fields(system):
            found.setdefault(parameter.name, []).append(name)
    return found
