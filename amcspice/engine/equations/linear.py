"""The linear state-space model of a circuit: time constants, DC answer, exact step response.

States are the internal node y of every amplifier, dy/dt = w_u (v+ - v- + v_os) - (w_u / A0) y,
those of the second poles, and the voltages of nodes that have a capacitance; the reduced network
gives the pin voltages from these and the injected currents.  It holds inside slew limit and
output range; it chooses window and time step of a transient, tells whether a circuit is stable
and is the oracle of unconstrained settling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine.equations.piecewise import PiecewiseLinear
from amcspice.errors import UnstableError
from amcspice.reduction import PortModel

__all__ = ["LinearModel", "Modes", "refuse_growth"]


LASTING = 3.0
"""Modes that decay no faster than so many times the slowest one last."""


@dataclass(frozen=True, eq=False)
class Modes:
    """The modes of one circuit, or of many.

    Parameters
    ----------
    eigenvalues : ndarray, shape (..., s)
        Eigenvalues of the state matrix [1/s].
    """

    eigenvalues: np.ndarray

    @cached_property
    def growth(self) -> Array:
        """Largest rate of growth, negative where every mode decays, shape (...) [1/s]."""
        return np.asarray(self.eigenvalues.real.max(axis=-1))

    @property
    def stable(self) -> NDArray[np.bool_]:
        """Whether every mode decays, shape (...)."""
        return np.asarray(self.growth < 0)

    @cached_property
    def slowest(self) -> Array:
        """Time constant of the slowest mode, decaying or growing, shape (...) [s].

        For circuits with a constraint, where a mode that grows with every output active may
        end at the constraint.
        """
        return np.asarray(1 / np.abs(self.eigenvalues.real).min(axis=-1))

    @property
    def oscillation(self) -> Array:
        """Largest angular frequency of the modes that last, within three of the slowest [1/s]."""
        return np.asarray(np.where(self._last, np.abs(self.eigenvalues.imag), 0.0).max(axis=-1))

    @property
    def damping(self) -> Array:
        """Least damping ratio of the modes that last: 1 is no ringing, 0 is none, shape (...)."""
        ratio = -self.eigenvalues.real / np.abs(self.eigenvalues)
        return np.asarray(np.where(self._last, ratio, 1.0).min(axis=-1))

    @property
    def _last(self) -> NDArray[np.bool_]:
        """Which modes last, within three of the slowest."""
        last: NDArray[np.bool_] = np.abs(self.eigenvalues.real) <= LASTING / self.slowest[..., None]
        return last

    @property
    def fastest(self) -> Array:
        """Smallest time constant, shape (...) [s]."""
        return np.asarray(1 / np.abs(self.eigenvalues).max(axis=-1))


def refuse_growth(growth: float, remedies: Sequence[str] = ()) -> None:
    """Refuse a circuit with a mode that grows.

    Parameters
    ----------
    growth : float
        Its rate [1/s].
    remedies : sequence of str
        What makes this circuit stable, see `amcspice.engine.remedies`.

    Raises
    ------
    UnstableError
        If the rate is not negative.
    """
    if growth >= 0:
        stable = f"each of these makes it stable: {'; '.join(remedies)}; or " if remedies else ""
        raise UnstableError(
            f"the circuit is unstable: eigenvalue {growth:.3g} 1/s; {stable}allow unstable "
            "circuits (--allow-unstable), to see in time (not by dc) where it goes"
        )


@dataclass(frozen=True, eq=False)
class LinearModel:
    """du/dt = state @ u + drive @ J + constant; port voltages = observe @ u + local @ J + bias.

    Of many circuits every array has one more axis, the first; `modes` are known of them, too.

    Parameters
    ----------
    state : ndarray, shape (s, s)
        [1/s].
    drive : ndarray, shape (s, P)
        Volts a second for one ampere into a port.
    constant : ndarray, shape (s,)
        Rates from offsets and bias currents [V/s].
    observe : ndarray, shape (P, s)
    local : ndarray, shape (P, P)
        [ohm].
    bias : ndarray, shape (P,)
        Port voltages from bias currents [V].
    """

    state: Array
    drive: Array
    constant: Array
    observe: Array
    local: Array
    bias: Array

    @classmethod
    def of(cls, circuit: Circuit, model: PortModel) -> LinearModel:
        """Return the model of a circuit whose network has been reduced."""
        return cls.of_equations(PiecewiseLinear.of(circuit, model))

    @classmethod
    def of_equations(cls, equations: PiecewiseLinear) -> LinearModel:
        """Return the linear piece of a circuit's equations, with all outputs inside the rails."""
        eq = equations.arrays
        *many, k, c = eq.difference_q.shape
        size = (2 * k if eq.second else k) + c
        inner, last, ports = slice(0, k), slice(size - k - c, size - c), slice(size - c, size)
        state = np.zeros((*many, size, size))
        state[..., inner, last] += eq.unity * eq.difference_a
        state[..., inner, inner] -= np.diag(eq.leak)
        state[..., inner, ports] = eq.unity * eq.difference_q
        if eq.second:
            state[..., last, inner] += eq.second * np.eye(k)
            state[..., last, last] -= eq.second * np.eye(k)
        state[..., ports, last] = eq.charge_a
        state[..., ports, ports] = eq.charge_q
        width = equations.bias.shape[-1]
        drive, constant = np.zeros((*many, size, width)), np.zeros((*many, size))
        drive[..., inner, :] = eq.unity * equations.difference
        constant[..., inner] = eq.unity * equations.difference_0
        drive[..., ports, :], constant[..., ports] = equations.charge, equations.charge_0
        observe = np.zeros((*many, width, size))
        observe[..., last], observe[..., ports] = equations.from_sources, equations.from_states
        return cls(state, drive, constant, observe, equations.local, equations.bias)

    @cached_property
    def modes(self) -> Modes:
        """Its modes."""
        return Modes(np.linalg.eigvals(self.state))

    def of_circuit(self, number: int) -> LinearModel:
        """Return that of one circuit of many, or of the only one."""
        if self.state.ndim == 2:
            return self
        made = LinearModel(*(getattr(self, item.name)[number] for item in fields(self)))
        made.__dict__["modes"] = Modes(self.modes.eigenvalues[number])  # all are found at once
        return made

    @property
    def eigenvalues(self) -> np.ndarray:
        """Eigenvalues of the state matrix [1/s]."""
        return self.modes.eigenvalues

    @property
    def stable(self) -> bool:
        """Whether every mode decays."""
        return bool(self.modes.stable)

    @property
    def slowest(self) -> float:
        """Largest time constant [s].

        Raises
        ------
        UnstableError
            If the circuit is unstable.
        """
        growth = float(self.modes.growth)
        refuse_growth(growth)
        return 1 / -growth

    @property
    def oscillation(self) -> float:
        """See `Modes`."""
        return float(self.modes.oscillation)

    @property
    def fastest(self) -> float:
        """See `Modes`."""
        return float(self.modes.fastest)

    def operating_point(self, port_currents: Array) -> Array:
        """Return the DC port voltages for port currents (..., P), with finite gain [V]."""
        rest = np.linalg.solve(self.state, -(port_currents @ self.drive.T + self.constant).T).T
        voltages: Array = rest @ self.observe.T + port_currents @ self.local.T + self.bias
        return voltages

    def step_response(self, port_currents: Array, time: Array) -> Array:
        """Return the port voltages (T, P) after a step from rest, exact at every instant [V].

        Parameters
        ----------
        port_currents : ndarray, shape (P,)
            Constant from t = 0 [A].
        time : ndarray, shape (T,)
            [s].
        """
        values, vectors = np.linalg.eig(self.state)
        forced = np.linalg.solve(vectors, self.drive @ port_currents + self.constant)
        growth = np.expm1(np.outer(time, values)) / values
        states = ((growth * forced) @ vectors.T).real
        response: Array = states @ self.observe.T + self.local @ port_currents + self.bias
        return response
