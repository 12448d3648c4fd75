"""Noise at the outputs: from the linear model, and from transients with noise sources."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from amcspice.circuit import Circuit, as_vectors
from amcspice.circuit.base import Array
from amcspice.engine import LinearModel, choose_transient, get_simulator
from amcspice.engine.noise import noise_covariance
from amcspice.errors import InputError
from amcspice.netlist import Transient, make_testbench, write_deck
from amcspice.netlist.deck import Noise
from amcspice.reduction import reduce_to_ports

__all__ = ["noise_transient", "output_covariance", "output_noise"]

SAMPLE = 0.25
"""Time between samples of noise, over the fastest time constant of the circuit: straight lines
between them lose half a percent of the amplitude at its corner frequency."""

MOST_SAMPLES = 20_000
"""Of one amplifier: ngspice searches a piecewise linear source from its beginning at every step."""


def output_noise(circuit: Circuit, *, temperature: float = 0.0) -> Array:
    """Return the noise of every output at rest, root mean square, shape (n,) [V].

    Parameters
    ----------
    circuit : Circuit
        With every amplifier in its linear range; divide by ``volts_per_unit`` for the noise of
        the solution.
    temperature : float
        Of the array [K]; zero is amplifier noise alone.

    Raises
    ------
    UnsupportedError
        If the circuit is unstable.

    Examples
    --------
    >>> import amcspice as amc
    >>> circuit = amc.CompactGINV([[1.0]], opamp=amc.OpAmp.preset("onchip-1g"))
    >>> f"{1e6 * amc.output_noise(circuit)[0]:.0f} uV"
    '396 uV'
    """
    rms: Array = np.sqrt(np.diag(output_covariance(circuit, temperature)))
    return rms


def output_covariance(circuit: Circuit, temperature: float = 0.0) -> Array:
    """Return how outputs fluctuate together at rest, shape (n, n) [V^2]; see `output_noise`."""
    model = reduce_to_ports(circuit.schematic)
    covariance = noise_covariance(circuit, model, temperature)
    outputs = np.searchsorted(model.nodes, circuit.schematic.outputs)
    chosen: Array = covariance[np.ix_(outputs, outputs)]
    return chosen


def noise_transient(
    circuit: Circuit,
    vector: ArrayLike,
    *,
    volts_per_unit: float,
    duration: float,
    seed: int,
    simulator: str | None = None,
) -> tuple[Array, Array]:
    """Simulate a circuit in ngspice with noise at the input of every amplifier.

    Parameters
    ----------
    circuit : Circuit
    vector : array_like, shape (m,)
        One right-hand side, applied from the start.
    volts_per_unit : float
        Volts for one unit of the (column-scaled) solution.
    duration : float
        Of what is returned [s].
    seed : int
        Of the noise.
    simulator : {"shared", "batch"}, optional
        As for `amcspice.Analysis`.

    Returns
    -------
    time : ndarray, shape (T,)
        From when the circuit has settled (16 times its slowest time constant) [s].
    outputs : ndarray, shape (T, n)
        [V].

    Raises
    ------
    InputError
        If the amplifier has no noise, or the duration asks for too many samples.
    SimulationError
        If ngspice fails.

    Notes
    -----
    The sources are piecewise linear between normal samples of variance e_n^2 / (2 step), drawn
    here: ngspice's own ``trnoise`` takes no seed from a deck (39 and 46), so that its runs could
    not be repeated.

    Examples
    --------
    >>> import amcspice as amc
    >>> circuit = amc.INV([[2.0, 1.0], [1.0, 3.0]], input_noise=1e-8)
    >>> time, outputs = amc.noise_transient(
    ...     circuit, [3.0, 5.0], volts_per_unit=0.1, duration=1e-6, seed=0
    ... )
    >>> outputs.shape[1], (outputs[-1] / 0.1).round(1)
    (2, array([0.8, 1.4]))
    """
    opamp = circuit.opamp
    if not opamp.input_noise:
        raise InputError("the amplifier has no noise: give OpAmp(input_noise=...)")
    if not (np.isfinite(duration) and duration > 0):
        raise InputError(f"duration = {duration} must be positive")
    circuit = circuit.in_range(volts_per_unit)
    vectors = as_vectors(vector, len(circuit.matrix))
    if len(vectors) != 1:
        raise InputError(f"{len(vectors)} right-hand sides: noise is simulated for one")
    model, runner = reduce_to_ports(circuit.schematic), get_simulator(simulator)
    linear = LinearModel.of(circuit, model)
    chosen = choose_transient(
        circuit,
        linear,
        klu=runner.installation.klu,
        flat=False,
    )
    step = SAMPLE * linear.fastest
    stop = chosen.window + duration
    noise = _samples(opamp.input_noise, circuit.amplifier_count, duration, stop, step, seed)
    transient = Transient(
        window=stop, max_step=step, rise=chosen.rise, solver=chosen.solver,
        relative_tolerance=chosen.relative_tolerance,
    )  # fmt: skip
    currents = circuit.schematic.currents(vectors, volts_per_unit)
    bench = make_testbench(circuit.schematic, currents, model)
    deck = write_deck(
        f"amcspice {circuit.name} with noise, seed {seed}", bench, opamp, transient, noise=noise
    )
    found = runner.run(deck)
    outputs = np.searchsorted(model.nodes, circuit.schematic.outputs)
    late = found["time"] >= chosen.window
    voltages = np.stack([found[model.names[k]] for k in outputs], axis=1)
    return found["time"][late] - chosen.window, voltages[late]


def _samples(
    density: float, count: int, duration: float, stop: float, step: float, seed: int
) -> Noise:
    number = int(np.ceil(stop / step)) + 2
    if number > MOST_SAMPLES:
        longest = (MOST_SAMPLES - 2) * step - (stop - duration)
        raise InputError(
            f"duration = {duration:.3g} s needs {number} samples of noise, more than "
            f"{MOST_SAMPLES}: choose at most {max(longest, 0.0):.3g} s"
        )
    drawn = np.random.default_rng(seed).standard_normal((count, number))
    return Noise(step, density / np.sqrt(2 * step) * drawn)
