"""The points of a store as plots and reports take them, and the options that choose them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amcspice.cli.output import check_target
from amcspice.errors import InputError
from amcspice.sweep.spec.experiment import PARAMETERS, convert

if TYPE_CHECKING:
    from amcspice.sweep.store.store import Store
    from amcspice.sweep.store.stored_sweep import StoredSweep
    from amcspice.view.points import Points

__all__ = ["chosen_sweep", "conditions", "opened_points", "sweep_option", "where_option"]


def sweep_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--sweep``."""
    return click.option(
        "--sweep",
        metavar="NAME",
        help="Of the store, by name or number [default: the one that was last run].",
    )(command)


where_option = click.option(
    "--where",
    multiple=True,
    metavar="NAME=VALUE",
    help="Only these points; several values with commas; may be given again.",
)


def conditions(texts: Sequence[str]) -> dict[str, Any]:
    """Return what ``--where`` asks for, by column: units understood, names checked later.

    Raises
    ------
    InputError
        If a text is no condition, or a value does not fit its parameter.
    """
    values_by_name: dict[str, list[Any]] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not values.strip():
            raise InputError(f"--where {text}: write it as NAME=VALUE, such as columns=32")
        values_by_name.setdefault(name, []).extend(
            _value(name, word.strip()) for word in values.split(",")
        )
    return dict(values_by_name)


def _value(name: str, text: str) -> Any:
    if name in PARAMETERS:
        return convert(name, text)
    try:
        return float(text)
    except ValueError:
        return text


def chosen_sweep(store: Store, name: str | None) -> StoredSweep | None:
    """Return a sweep of a store; None if the store has points but no sweep.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    sweeps = store.sweeps()
    if name is None:
        return sweeps[-1] if sweeps else None
    for sweep in reversed(sweeps):
        if name in (sweep.name, str(sweep.number)):
            return sweep
    listed = ", ".join(f"{sweep.number} ({sweep.name})" for sweep in sweeps) or "none"
    raise InputError(f"{store.path} has no sweep {name!r}; it has {listed}")


@contextlib.contextmanager
def opened_points(
    path: Path, sweep: str | None, where: Sequence[str], targets: Sequence[Path | None]
) -> Iterator[tuple[Store, StoredSweep | None, Points]]:
    """Open a store, and give it with the sweep and the points that were asked for.

    Parameters
    ----------
    path : Path
        Of the store, which is only read.
    sweep : str, optional
        Name or number; None is the one that was last run.
    where : sequence of str
        What ``--where`` asks for.
    targets : sequence of Path
        What will be written: refused before anything is read if it cannot be.

    Raises
    ------
    InputError
        If a file cannot be written, or there is no such sweep or point.
    """
    for target in targets:
        if target is not None:
            check_target(target)
    filters = conditions(where)
    from amcspice.sweep.store.store import Store

    with Store.open(path, read_only=True) as opened:
        chosen = chosen_sweep(opened, sweep)
        yield opened, chosen, _read(opened, chosen, filters)


def _read(store: Store, sweep: StoredSweep | None, where: dict[str, Any]) -> Points:
    """Return the points of a sweep.

    Raises
    ------
    InputError
        If there is none.
    """
    from amcspice.view.points import Points

    frame = store.frame(where or None, None if sweep is None else sweep.number)
    if frame.empty:
        raise InputError(
            f"{store.path} holds no point" + (" that --where asks for" if where else "")
        )
    axes = {} if sweep is None else sweep.axes
    return Points(frame, axes, store.units, _parameter_columns(frame.columns))


def _parameter_columns(columns: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in columns if name in PARAMETERS)
