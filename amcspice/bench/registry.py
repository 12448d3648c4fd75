"""The comparisons by name, and `measure`, which runs one and never loses a row."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata

from amcspice.bench import (
    behavioural,
    commands,
    crossbar,
    digital,
    engines,
    jobs,
    picture,
    reduction,
    reference,
    rest,
    streaming,
    wired_circuit,
)
from amcspice.bench.row import NotRun, Row
from amcspice.engine import find_installation
from amcspice.errors import InputError
from amcspice.pool import usable_cores

__all__ = ["COMPARISONS", "Comparison", "choose", "measure"]


@dataclass(frozen=True)
class Comparison:
    """A comparison of the benchmarks.

    Parameters
    ----------
    name : str
    summary : str
        One line.
    rows : callable
        Takes whether the sizes should be small; yields rows as they are measured.
    uses : tuple of str
        What runs beside amcspice, Python and numpy: packages, and ``ngspice``.
    axis : str
        What grows in its series; empty if there is none.
    """

    name: str
    summary: str
    rows: Callable[[bool], Iterator[Row]]
    uses: tuple[str, ...]
    axis: str = ""


COMPARISONS: dict[str, Comparison] = {
    item.name: item
    for item in (
        Comparison(
            reduction.NAME,
            "two wired arrays reduced to their ports: row by row, sparse LU (scipy splu)",
            reduction.rows,
            ("scipy",),
            "rows",
        ),
        Comparison(
            wired_circuit.NAME,
            "wired nnls circuit in ngspice: reduced deck, flat decks with KLU and SPARSE",
            wired_circuit.rows,
            ("ngspice", "scipy"),
            "cells",
        ),
        Comparison(
            crossbar.NAME,
            "voltages and currents of one wired crossbar: WiredCrossbar, badcrossbar",
            crossbar.rows,
            ("scipy", "badcrossbar"),
            "side of a square array",
        ),
        Comparison(
            streaming.NAME,
            "nnls regressions in ngspice: streamed, a PySpice circuit for each",
            streaming.rows,
            ("ngspice", "PySpice"),
        ),
        Comparison(
            behavioural.NAME,
            "nnls regressions: behavioural engine, loop over scipy.optimize.nnls",
            behavioural.rows,
            ("scipy",),
        ),
        Comparison(
            rest.NAME,
            "rests of many right-hand sides: dc backend, numpy.linalg.solve and scipy's nnls",
            rest.rows,
            ("scipy",),
        ),
        Comparison(
            engines.NAME,
            "nnls regressions over their size: every fidelity, loop over scipy.optimize.nnls",
            engines.rows,
            ("ngspice", "scipy"),
            "unknowns",
        ),
        Comparison(
            commands.NAME,
            "whole commands from a cold start: amcspice solve, nmf ratings, programs with scipy",
            commands.rows,
            ("ngspice", "scipy"),
        ),
        Comparison(
            reference.NAME,
            "reference of nnls: block pivoting, loop over scipy.optimize.nnls",
            reference.rows,
            ("scipy",),
        ),
        Comparison(
            digital.NAME,
            "processor time: block pivoting, scipy's nnls, scikit-learn's NMF, masked ALS",
            digital.rows,
            ("scipy", "scikit-learn"),
        ),
        Comparison(
            jobs.NAME,
            "nmf of a small picture through ngspice: two jobs, one job",
            jobs.rows,
            ("ngspice",),
        ),
        Comparison(
            picture.NAME,
            "nmf of a picture in colour from end to end: behavioural engine",
            picture.rows,
            (),
        ),
    )
}


def choose(names: Sequence[str] = ()) -> list[Comparison]:
    """Return the comparisons of these names, in the order of the registry; none means all.

    Raises
    ------
    InputError
        If there is none of a name.
    """
    for name in names:
        if name not in COMPARISONS:
            raise InputError(f"unknown benchmark {name!r}; choose from {', '.join(COMPARISONS)}")
    return [
        comparison for comparison in COMPARISONS.values() if not names or comparison.name in names
    ]


def measure(comparison: Comparison, *, quick: bool = False) -> Iterator[Row]:
    """Yield the rows of a comparison; what stops it becomes a row with the reason.

    Parameters
    ----------
    comparison : Comparison
    quick : bool
        Small sizes.
    """
    circumstances = {
        "quick": quick,
        "cores": usable_cores(),
        "versions": _versions(comparison.uses),
    }
    for row in _whatever_happens(comparison, quick):
        yield dataclasses.replace(row, **circumstances)  # type: ignore[arg-type]


def _whatever_happens(comparison: Comparison, quick: bool) -> Iterator[Row]:
    try:
        yield from comparison.rows(quick)
    except NotRun as reason:
        yield Row(
            comparison=comparison.name,
            case=comparison.summary,
            status="not run",
            note=str(reason),
            headline=True,
        )
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        yield Row(
            comparison=comparison.name,
            case=comparison.summary,
            status="failed",
            note=f"{type(error).__name__}: {first}",
            headline=True,
        )


def _versions(uses: Sequence[str]) -> str:
    versions = [f"Python {platform.python_version()}"]
    for name in ("amcspice", "numpy", *uses):
        try:
            version = (
                str(find_installation().version) if name == "ngspice" else metadata.version(name)
            )
        except (InputError, metadata.PackageNotFoundError):
            version = "absent"
        versions.append(f"{name} {version}")
    return ", ".join(versions)
