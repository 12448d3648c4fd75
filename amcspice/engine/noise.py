"""Noise of a circuit at rest, from its linear model.

Every amplifier has a white input noise voltage of density e_n (one-sided, V/sqrt(Hz)), and the
reduced network the thermal noise of its conductances: for a passive multi-port that is one of
port currents with the density matrix 4 k T G (H. Nyquist, Phys. Rev. 32, 110 (1928); R. Twiss,
J. Appl. Phys. 26, 599 (1955)).  With s' = F s + B n, n white with the two-sided density matrix
N, the covariance P of the state obeys F P + P F' + B N B' = 0: exact over all frequencies, without
a noise bandwidth.
"""

from __future__ import annotations

import numpy as np
import scipy

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine.equations.linear import LinearModel
from amcspice.errors import InputError, UnsupportedError
from amcspice.netlist.noise import BOLTZMANN
from amcspice.reduction import PortModel

__all__ = ["noise_covariance"]


def noise_covariance(circuit: Circuit, model: PortModel, temperature: float = 0.0) -> Array:
    """Return the covariance of the port voltages at rest, shape (P, P) [V^2].

    Parameters
    ----------
    circuit : Circuit
        Its amplifiers give the input noise.
    model : PortModel
        Its network, reduced.
    temperature : float
        Temperature of the network [K]; zero leaves out its thermal noise.

    Notes
    -----
    Thermal noise counts as far as it passes through an amplifier.  What reaches a port directly
    is white in this model and has no finite power.  Limits (slew rate, rails, hold devices) are
    left out, as in `LinearModel`.

    Raises
    ------
    InputError
        If the temperature is negative.
    UnsupportedError
        If the circuit is unstable.
    """
    if not (np.isfinite(temperature) and temperature >= 0):
        raise InputError(f"temperature = {temperature} must be zero or positive")
    linear, opamp = LinearModel.of(circuit, model), circuit.opamp
    matrix, seen = linear.state, linear.observe
    # Two-sided densities are half of the one-sided ones; internal nodes are the first states.
    driven = linear.drive @ (2 * BOLTZMANN * temperature * model.conductance) @ linear.drive.T
    inner = np.arange(circuit.amplifier_count)
    driven[inner, inner] += (2 * np.pi * opamp.gbw * opamp.input_noise) ** 2 / 2
    fastest = float(np.linalg.eigvals(matrix).real.max())
    if fastest >= 0:
        raise UnsupportedError(
            f"the circuit is unstable (eigenvalue {fastest:.3g} 1/s): its noise has no limit"
        )
    states = scipy.linalg.solve_continuous_lyapunov(matrix, -driven)
    covariance: Array = seen @ states @ seen.T
    return covariance
