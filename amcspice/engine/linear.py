"""The linear state-space model of a circuit: time constants, DC answer, exact step response.

One state an amplifier, its internal output y:  dy/dt = w_u (v+ - v- + v_os) - (w_u / A0) y, and
the reduced network gives the pin voltages from y and the injected currents.  It holds inside
slew limit and output range, without second pole and input capacitance; it chooses window and
time step of a transient and is the oracle of unconstrained settling.  Mismatch between
amplifiers (offset, gain) is in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine.pins import Pins
from amcspice.errors import UnsupportedError
from amcspice.reduction import PortModel

__all__ = ["LinearModel"]


@dataclass(frozen=True, eq=False)
class LinearModel:
    """dy/dt = state @ y + drive @ J + constant; port voltages = observe @ y + local @ J + bias.

    Parameters
    ----------
    state : ndarray, shape (k, k)
        [1/s].
    drive : ndarray, shape (k, P)
        Volts a second for one ampere into a port.
    constant : ndarray, shape (k,)
        From offsets and bias currents [V/s].
    observe : ndarray, shape (P, k)
    local : ndarray, shape (P, P)
        [ohm].
    bias : ndarray, shape (P,)
        From bias currents [V].
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
        opamp = circuit.opamp
        pins = Pins.of(circuit, model)
        difference, count = pins.difference, len(pins.out)
        resistance: Array = np.linalg.inv(pins.loaded).astype(float)
        observe = resistance @ pins.out.T / opamp.output_resistance
        bias = -opamp.bias_current * resistance @ pins.inputs
        unity = 2 * np.pi * opamp.gbw
        return cls(
            state=unity * (difference @ observe - np.diag(1 / opamp.gains(count))),
            drive=unity * difference @ resistance,
            constant=unity * (difference @ bias + opamp.offsets(count)),
            observe=observe,
            local=resistance,
            bias=bias,
        )

    @cached_property
    def eigenvalues(self) -> np.ndarray:
        """Eigenvalues of the state matrix [1/s]."""
        return np.linalg.eigvals(self.state)

    @property
    def slowest(self) -> float:
        """Largest time constant [s].

        Raises
        ------
        UnsupportedError
            If the circuit is unstable.
        """
        rate = -float(self.eigenvalues.real.max())
        if rate <= 0:
            raise UnsupportedError(
                f"the circuit is unstable: eigenvalue {-rate:.3g} 1/s; use more loop damping "
                "(compensation, smaller gain-bandwidth ratio) or another circuit"
            )
        return 1 / rate

    @property
    def slowest_mode(self) -> float:
        """Time constant of the slowest mode, decaying or growing [s].

        For circuits with a constraint, where a mode that grows with every output active may
        end at the constraint.
        """
        return 1 / float(np.abs(self.eigenvalues.real).min())

    @property
    def oscillation(self) -> float:
        """Largest angular frequency of the modes that last, within three of the slowest [1/s]."""
        values = self.eigenvalues
        lasting = np.abs(values.real) <= 3 / self.slowest_mode
        return float(np.abs(values.imag[lasting]).max())

    @property
    def fastest(self) -> float:
        """Smallest time constant [s]."""
        return 1 / float(np.abs(self.eigenvalues).max())

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
