"""Windows and time steps, chosen from a circuit's own time constants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine.equations.linear import LinearModel, Modes, refuse_growth
from amcspice.engine.integration import (
    TOLERANCE,
    Integration,
    allowed_error,
    choose_integration,
)
from amcspice.netlist import Transient

__all__ = [
    "STEPS_PER_WINDOW",
    "choose_transient",
    "choose_windows",
    "damped_for_its_step",
    "longest_windows",
    "runs_away",
]

WINDOW_TIME_CONSTANTS = 16.0
STEPS_PER_WINDOW = 48
STEP_OF_OSCILLATION = 0.7
"""Radians: nine samples a period show when a ringing output stays inside the settling band."""

SHORTEST_RISE = 1e-6
"""Of an input step, over the slowest time constant: a capacitor right at an output is far faster
than anything that can be seen, and steps that resolve it drown in rounding errors."""

LINE_CHARGE = 1e-14
"""``chgtol`` of decks with line capacitance [C], the simulator's own default: the charge of lines
that start at 0 V drowns in rounding errors, and steps chosen by a smaller one shrink to nothing."""

GROWTH_STEPS = 3
"""Finer by this where outputs grow to a rail: Gear's method, which that needs, is less accurate."""

SOLVER_CROSSOVER = 24
"""Nodes of its network above which KLU is the faster solver of a deck; flat ones always gain."""

DOUBLINGS, RUNAWAY_DOUBLINGS = 4, 1
"""How often a window may be doubled, and that of a circuit that may never rest."""


def runs_away(circuit: Circuit, modes: Modes) -> NDArray[np.bool_]:
    """Tell which circuits leave every range: unstable, and nothing holds them, shape (C,).

    Parameters
    ----------
    circuit : Circuit
        One of them.
    modes : Modes
        Of all, shape (C, s).
    """
    return np.atleast_1d(~modes.stable & (not circuit.bounded))


def choose_windows(circuit: Circuit, modes: Modes, *, allow_unstable: bool = False) -> Array:
    """Return the time that a right-hand side of each circuit gets, shape (C,) [s].

    Parameters
    ----------
    circuit : Circuit
        One of them; gives amplifiers and constraint.
    modes : Modes
        Of all, shape (C, s).
    allow_unstable : bool
        Take circuits that nothing holds, too: they end at the rails, or never rest.

    Raises
    ------
    UnstableError
        If a circuit is unstable, no constraint can hold it, and that was not asked for.
    """
    return _window(circuit, _slowest(circuit, modes, allow_unstable))


def _slowest(circuit: Circuit, modes: Modes, allow_unstable: bool) -> Array:
    """Return the largest time constants, shape (C,) [s].

    The slowest mode may grow with every output active and still end at the constraint; its time
    is at most that of the amplifiers by themselves.
    """
    growth = np.atleast_1d(modes.growth)
    if not (circuit.bounded or allow_unstable):
        refuse_growth(float(growth.max()))
    alone = circuit.opamp.gain / (2 * np.pi * circuit.opamp.gbw)
    slowest = np.maximum(np.atleast_1d(modes.slowest), circuit.slowest_clamped)
    may_grow = (growth >= 0) | circuit.bounded
    return np.where(may_grow, np.minimum(slowest, alone), slowest)


def _window(circuit: Circuit, slowest: Array) -> Array:
    opamp, windows = circuit.opamp, WINDOW_TIME_CONSTANTS * slowest
    if opamp.slew_rate is not None:
        windows = windows + 2 * (opamp.highest_output - opamp.lowest_output) / opamp.slew_rate
    return np.asarray(windows)


def longest_windows(windows: Array, away: NDArray[np.bool_]) -> Array:
    """Return windows after all the doublings that are allowed, shape (C,) [s]."""
    return np.asarray(windows * 2.0 ** np.where(away, RUNAWAY_DOUBLINGS, DOUBLINGS))


def damped_for_its_step(transient: Transient, linear: LinearModel) -> Transient:
    """Return a transient whose step was changed with the damping that fits it."""
    integration = Integration.of_step(linear.eigenvalues, transient.max_step)
    return replace(transient, damping=integration.damping)


def choose_transient(
    circuit: Circuit,
    linear: LinearModel,
    *,
    klu: bool,
    flat: bool,
    nodes: int | None = None,
    relative_tolerance: float = TOLERANCE,
    allow_unstable: bool = False,
) -> Transient:
    """Choose window, time step and matrix solver of a deck.

    Parameters
    ----------
    circuit : Circuit
        Gives slew rate and size.
    linear : LinearModel
        Gives the time constants.
    klu : bool
        Whether the simulator has KLU.
    flat : bool
        Whether the deck holds every cell, or the network reduced to its ports.
    nodes : int, optional
        Nodes of the reduced network in the deck; None: every port.
    relative_tolerance : float
        Of the simulator.
    allow_unstable : bool
        See `choose_windows`.

    Raises
    ------
    UnstableError
        See `choose_windows`.
    """
    slowest = float(_slowest(circuit, linear.modes, allow_unstable)[0])
    window = float(_window(circuit, np.array([slowest]))[0])
    nodes = len(circuit.schematic.ports) if nodes is None else nodes
    integration = choose_integration(
        linear.eigenvalues, window / STEPS_PER_WINDOW, allowed_error(relative_tolerance)
    ).kicked(linear.eigenvalues)
    if circuit.rail_limited:
        step = window / STEPS_PER_WINDOW / GROWTH_STEPS
        if linear.oscillation > 0:
            step = min(step, STEP_OF_OSCILLATION / linear.oscillation / GROWTH_STEPS)
        integration = Integration.of_step(linear.eigenvalues, step)
    charged = bool(len(circuit.schematic.capacitors[0]))
    shortest = SHORTEST_RISE * slowest if charged else 0.0
    return Transient(
        window=window,
        max_step=integration.max_step,
        rise=min(slowest / 1000, max(linear.fastest / 10, shortest)),
        relative_tolerance=relative_tolerance,
        solver="klu" if klu and (flat or nodes > SOLVER_CROSSOVER) else "sparse",
        charge_tolerance=LINE_CHARGE if charged else 1e-16,
        damping=integration.damping,
        damped=circuit.rail_limited,
    )
