"""`measured_cell`: a cell's sub-circuit measured, refused if it is no cell, and its table.

States are chosen so that the logarithms of their conductances lie evenly, and then halfway between
neighbours wherever the table does not agree yet with what is measured there.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.characterise.cell_fixture import CellFixture, Ramp
from amcspice.device import CellModel, CellTable, Memristor
from amcspice.errors import InputError
from amcspice.schema import to_number

__all__ = ["measured_cell", "measured_table"]

Array = NDArray[np.float64]

REACH = 0.3
"""Largest voltage that is measured unless another is asked for [V]."""

SMALL = 0.04
"""Voltages below this fraction of the reach say little of a conductance."""

SMALLEST = 1e-4
"""Smallest conductance of a table, over the largest one."""

ENDS = np.geomspace(1e-5, 1 / 16, 12)
"""First states near both ends of the range, where conductances may vanish."""

DEGREES = range(0, 15, 2)
FITTED = 1e-6
"""Deviation of a polynomial from the currents of its state that is rounding, as a fraction."""

WANTED, WANTED_STATE = 3e-5, 1e-6
"""Deviation of currents and conductances, as fractions, that ends the refinement of a table."""

FIRST, MOST = 33, 300
"""States of the first table, which lie evenly, and most of the last."""

ROUNDING = 1e-9
"""Coefficients of a curve below this are none."""

ACTIVE = 1e-6
"""Current against the voltage, over the largest one at it, that is no rounding."""


def measured_table(model: CellModel, reach: float | str = REACH) -> CellTable:
    """Measure a cell's sub-circuit with ngspice.

    The same model, by its content, is measured once.

    Parameters
    ----------
    model : CellModel
    reach : float or str
        Largest voltage, of both signs [V].

    Returns
    -------
    CellTable

    Raises
    ------
    InputError
        If the file cannot be used, or the sub-circuit is no cell: it gives power, its current does
        not rise with the voltage, or its conductance neither rises nor falls with the state.
    SimulationError
        If ngspice fails.

    Examples
    --------
    >>> import amcspice as amc
    >>> from amcspice.model_files import models_folder
    >>> model = amc.CellModel(file=models_folder() / "cells.lib", name="amc_memdiode")
    >>> table = amc.characterise.measured_table(model)
    >>> table.error < 1e-4, round(1e6 * table.lowest, 1)
    (True, 5.4)
    """
    if not isinstance(model, CellModel):
        raise InputError(f"model: {model!r} is no amcspice.CellModel")
    try:
        volts = to_number(reach, "V") if isinstance(reach, str) else float(reach)
    except (TypeError, ValueError) as error:
        raise InputError(f"reach: {error}") from None
    if not 0 < volts < np.inf:
        raise InputError(f"reach: {volts:g} V must be above 0 V")
    return _measured(model, volts)


def measured_cell(model: CellModel, reach: float | str = REACH, **fields: Any) -> Memristor:
    """Return cells with the curve of a sub-circuit, measured with ngspice.

    Parameters
    ----------
    model : CellModel
    reach : float or str
        Largest voltage, of both signs, that is measured [V].
    **fields
        Of `amcspice.Memristor`; ``g_min`` is the smallest conductance that the sub-circuit
        has at every voltage, unless it is given, ``g_max`` the largest where that is below
        100 uS.

    Returns
    -------
    Memristor

    Raises
    ------
    InputError
        See `measured_table`; or if conductances are outside of the sub-circuit's.
    SimulationError
        If ngspice fails.

    Examples
    --------
    >>> import amcspice as amc
    >>> cells = amc.measured_cell(amc.CellModel(file="models/cells.lib", name="amc_gap"))
    >>> isinstance(cells, amc.Memristor), 0 < cells.g_min < cells.g_max
    (True, True)
    """
    table = measured_table(model, reach)
    lowest, highest = table.limits(fields.get("g_min"), fields.get("g_max"))
    limits = {"g_min": lowest, "g_max": fields.get("g_max", min(highest, Memristor().g_max))}
    return Memristor(**{**fields, **limits, "table": table})


@functools.lru_cache(maxsize=16)
def _measured(model: CellModel, reach: float) -> CellTable:
    fixture = CellFixture.of(model)
    rough = _first(fixture, reach)
    even = np.geomspace(rough.lowest, rough.highest, FIRST)
    table = _table(model, reach, rough.states(even), fixture.ramp(rough.states(even), reach))
    wanted = _halfway(table.zero_bias)
    while True:
        states = table.states(wanted)
        ramp = fixture.ramp(states, reach)
        found = _fitted(ramp, reach)[1]
        curve, state = _deviation(table, found, ramp), np.abs(found / wanted - 1)
        table = _joined(table, _table(model, reach, states, ramp), curve.max(), state.max())
        missed = np.flatnonzero((curve > WANTED) | (state > WANTED_STATE))
        if not missed.size or len(table.state) + 2 * len(missed) > MOST:
            return _finished(fixture, table)
        known = np.array(table.zero_bias)
        at = np.searchsorted(known, found[missed])
        sides = np.unique(np.concatenate([np.maximum(at - 1, 0), np.minimum(at, len(known) - 2)]))
        wanted = _halfway(known)[sides]


def _halfway(conductance: Any) -> Array:
    """Return the geometric means of neighbours."""
    logs = np.log(conductance)
    means: Array = np.exp((logs[1:] + logs[:-1]) / 2)
    return means


def _first(fixture: CellFixture, reach: float) -> CellTable:
    """Return a table of states over the whole range, refused if it is none of a cell."""
    model = fixture.circuit.model
    share = np.unique(np.concatenate([ENDS, np.linspace(0, 1, 17), 1 - ENDS]))
    states = model.low + (model.high - model.low) * share
    ramp = fixture.ramp(states, reach)
    refuse_active(model, states, ramp)
    conductance = _fitted(ramp, reach)[1]
    largest = conductance.max()
    if largest <= 0:
        raise InputError(f"{_where(model)} does not conduct in any state")
    steps = np.diff(conductance)
    steps = steps[np.abs(steps) > ACTIVE * largest * SMALLEST]
    if steps.size == 0 or not ((steps > 0).all() or (steps < 0).all()):
        at = int(np.flatnonzero(np.diff(np.sign(np.diff(conductance))))[0]) + 1 if steps.size else 0
        raise InputError(
            f"{_where(model)}: its conductance neither rises nor falls with {model.state}: it is "
            f"{conductance[max(at - 1, 0)]:.4g} S at {states[max(at - 1, 0)]:g}, "
            f"{conductance[at]:.4g} S at {states[at]:g}, {conductance[at + 1]:.4g} S at "
            f"{states[at + 1]:g}; give the range in which it does (low, high)"
        )
    refuse_falling(model, states, ramp, conductance > SMALLEST * largest)
    return _table(model, reach, states, ramp, SMALLEST * largest)


def refuse_active(model: CellModel, states: Array, ramp: Ramp) -> None:
    """Refuse a cell that gives power.

    Raises
    ------
    InputError
    """
    power = ramp.voltage[:, None] * ramp.current
    allowed = ACTIVE * np.abs(power).max()
    if power.min() < -allowed:
        at, k = np.unravel_index(int(np.argmin(power)), power.shape)
        raise InputError(
            f"{_where(model)} is not passive: at {model.state} = {states[k]:g} and "
            f"{ramp.voltage[at]:.3g} V it gives {-power[at, k]:.3g} W; a time constant of a "
            "nanosecond or more inside the cell looks the same"
        )


def refuse_falling(
    model: CellModel, states: Array, ramp: Ramp, conducts: NDArray[np.bool_]
) -> None:
    """Refuse a cell whose current falls as its voltage rises.

    Raises
    ------
    InputError
    """
    order = np.argsort(ramp.voltage, kind="stable")
    volts, count = ramp.voltage[order], len(order) // 4
    current = np.array([part.mean(axis=0) for part in np.array_split(ramp.current[order], count)])
    volts = np.array([part.mean() for part in np.array_split(volts, count)])
    falls = np.diff(current[:, conducts], axis=0) < 0
    if falls.any():
        at, k = np.argwhere(falls)[0]
        raise InputError(
            f"{_where(model)}: its current falls as the voltage rises, at {model.state} = "
            f"{states[conducts][k]:g} from {volts[at]:.3g} to {volts[at + 1]:.3g} V: circuits "
            "would have several rests; measure it up to a smaller voltage"
        )


def _table(
    model: CellModel, reach: float, states: Array, ramp: Ramp, smallest: float = 0.0
) -> CellTable:
    """Return what was measured as a table, by rising conductance."""
    shape, conductance, _ = _fitted(ramp, reach)
    order = [k for k in np.argsort(conductance) if conductance[k] > smallest]
    rows: Any = shape[order].tolist()
    return CellTable(
        model=model,
        reach=reach,
        state=tuple(states[order].tolist()),
        zero_bias=tuple(conductance[order].tolist()),
        shape=tuple(map(tuple, rows)),
        asymmetry=_asymmetry(ramp.current[:, order], ramp.voltage, reach),
    )


def _fitted(ramp: Ramp, reach: float) -> tuple[Array, Array, float]:
    """Return coefficients (S, d), conductances at 0 V (S,) [S], and how far currents are off."""
    kept = np.abs(ramp.voltage) > SMALL * reach
    u = ramp.voltage[kept] / reach
    chord = ramp.current[kept] / ramp.voltage[kept, None]
    size = np.where(np.abs(chord) > 0, np.abs(chord), 1.0)
    best: tuple[Array, Array, float] | None = None
    for degree in DEGREES:
        powers = np.vander(u, degree + 1, increasing=True)
        fit = np.linalg.lstsq(powers, chord, rcond=None)[0]
        error = float((np.abs(powers @ fit - chord) / size).max())
        if best is None or error < best[2] / 2:
            on = np.where(fit[0] > 0, fit[0], 1.0)
            best = (fit[1:] / on).T, fit[0], error
        if error <= FITTED:
            break
    assert best is not None
    shape = np.zeros((ramp.current.shape[1], max(DEGREES)))
    shape[:, : best[0].shape[1]] = best[0]
    return shape, best[1], best[2]


def _asymmetry(current: Array, voltage: Array, reach: float) -> float:
    ends = [np.abs(current[np.argmin(np.abs(voltage - end))]) for end in (reach, -reach)]
    ratio = ends[0] / np.where(ends[1] > 0, ends[1], 1.0)
    return float(np.maximum(ratio, 1 / np.where(ratio > 0, ratio, 1.0)).max() - 1)


def _deviation(table: CellTable, conductance: Array, ramp: Ramp) -> Array:
    """Return how far currents of S states are from those of a table, as fractions, shape (S,)."""
    kept = np.abs(ramp.voltage) > SMALL * table.reach
    voltage, current = ramp.voltage[kept, None], ramp.current[kept]
    foretold = table.current(conductance, voltage)
    deviation: Array = np.abs(foretold / current - 1).max(axis=0)
    return deviation


def _joined(table: CellTable, more: CellTable, error: float, state_error: float) -> CellTable:
    """Return the states of two measurements as one table."""
    conductance = np.concatenate([table.zero_bias, more.zero_bias])
    order = np.argsort(conductance)
    state = np.concatenate([table.state, more.state])[order]
    shape: Any = np.concatenate([table.shape, more.shape])[order].tolist()
    return dataclasses.replace(
        table,
        state=tuple(state.tolist()),
        zero_bias=tuple(conductance[order].tolist()),
        shape=tuple(map(tuple, shape)),
        error=float(error),
        state_error=float(state_error),
        asymmetry=max(table.asymmetry, more.asymmetry),
    )


def _finished(fixture: CellFixture, table: CellTable) -> CellTable:
    """Return the table with how fast conductances change, and without terms that are nothing."""
    states = np.array(table.state)[:: max(1, len(table.state) // 16)]
    rates = []
    for voltage in (table.reach, -table.reach):
        rates.append(np.abs(fixture.held(states, voltage)).max() / abs(voltage) / table.highest)
    shape = np.array(table.shape)
    terms = max(1, int(np.flatnonzero(np.abs(shape).max(axis=0) > ROUNDING).max(initial=-1)) + 1)
    rows: Any = shape[:, :terms].tolist()
    return dataclasses.replace(table, shape=tuple(map(tuple, rows)), disturb=float(max(rates)))


def _where(model: CellModel) -> str:
    return f"{model.file}: sub-circuit {model.name}"
