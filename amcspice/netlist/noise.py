"""Cells that are no constant resistors, and noise in time, as elements of a deck.

Noise comes from piecewise linear sources whose samples are drawn here.  ngspice's own ``trnoise``
does not do: 39 and 46 take no seed for it from the deck, so that every run is another, and it
costs 46 thirty time points a sample.

Independent samples of variance s^2, a time T apart and joined by straight lines, have the
single-sided density 2 s^2 T sinc^4(f T); with T = 1/(2 B) that is s^2/B at low frequencies.

*Thermal noise.*  A conductance G at temperature K has a noise current in parallel of density
4 k K G (Nyquist): s^2 = 4 k K G B.  In a reduced network the same rule holds for the conductances
between its ports: the currents that all conductances send to the ports have the covariance
4 k K Y, with Y the port conductance matrix (H. B. Callen, T. A. Welton, Phys. Rev. 83 (1951) 34;
here from W L W' = Y, with L the node conductance matrix and W its reduction).  So flat and reduced
decks have the same statistics, exactly, where the network holds no capacitors and has one
temperature.

*Read noise* is a fluctuation of the conductance itself, G (1 + z(t)): its current is in
proportion to the voltage across the cell, and no fixed port network has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit.network import GROUND, Network
from amcspice.device import Cell
from amcspice.device.curve import PowerSeries, Sinh
from amcspice.device.draws import normals
from amcspice.errors import InputError

__all__ = ["BOLTZMANN", "excess_source", "noise_sources", "thermal_currents"]

Array = NDArray[np.float64]

BOLTZMANN = 1.380649e-23
"""Boltzmann constant [J/K], exact (SI)."""

MOST_POINTS = 5_000_000
"""Samples in one deck; more would take ngspice hours."""


def excess_source(index: int, a: str, b: str, conductance: float, device: Cell) -> str:
    """Return the element beside a cell's resistor: its current beyond that of the resistor.

    The resistor stays, because Newton's method converges from it.

    Parameters
    ----------
    index : int
        Number of the element in its network; its noise is the voltage of node ``noiseINDEX``.
    a, b : str
        Nodes.
    conductance : float
        Small-signal conductance without noise [S].
    device : Cell
        Cells with a curve, noise in time, or both.
    """
    drop = f"v({a})" if b == "0" else f"(-v({b}))" if a == "0" else f"v({a},{b})"
    factor = f"(1+v(noise{index}))*" if device.fluctuates else ""
    curve = device.curve
    if curve is None:
        return f"B{index} {a} {b} I={conductance!r}*v(noise{index})*{drop}"
    if isinstance(curve, Sinh):
        scale = curve.voltage
        return (
            f"B{index} {a} {b} I={conductance!r}*({factor}{scale!r}*sinh({drop}/{scale!r})-{drop})"
        )
    assert isinstance(curve, PowerSeries)
    return f"B{index} {a} {b} I={_series(curve, conductance, drop)}"


def _series(curve: PowerSeries, conductance: float, drop: str) -> str:
    """Return what a cell carries beyond g v: a polynomial, and tangents at its ends."""
    series = [float(part) for part in curve.coefficients(np.asarray(conductance))]
    inside = repr(series[-1])
    for part in series[-2::-1]:
        inside = f"{part!r}+{drop}*({inside})"
    ends = []
    for end in (curve.reach, -curve.reach):
        value, slope = (float(x) for x in _tangent(series, end))
        ends.append(f"{value!r}+{slope!r}*({drop}-({end!r}))")
    above, below = ends
    return (
        f"{drop}>{curve.reach!r} ? {above} : {drop}<{-curve.reach!r} ? {below} : "
        f"{drop}*{drop}*({inside})"
    )


def _tangent(series: list[float], voltage: float) -> tuple[Any, Any]:
    """Return the sum of a_k v^k from k = 2 on, and its slope."""
    polynomial = np.polynomial.Polynomial([0.0, 0.0, *series])
    return polynomial(voltage), polynomial.deriv()(voltage)


def noise_sources(
    network: Network, device: Cell, stop: float, stream: int
) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    """Yield the sources of noise in time: name with nodes, and (time, value) of its samples.

    Parameters
    ----------
    network : Network
        Network as it stands in the deck.
    device : Cell
        Cells with a ``noise_bandwidth``.
    stop : float
        End of the transient [s].
    stream : int
        Chooses the draws, beside the device's seed.

    Raises
    ------
    InputError
        If there would be more than ``MOST_POINTS`` samples.
    """
    assert device.noise_bandwidth is not None
    time = np.arange(int(np.ceil(2 * device.noise_bandwidth * stop)) + 2)
    sources = int(network.are_cells.sum()) * device.fluctuates
    sources += (len(network) - 1) * device.thermal_noise
    if sources * len(time) > MOST_POINTS:
        raise InputError(
            f"noise up to {device.noise_bandwidth:g} Hz over {stop:.3g} s in {sources} sources is "
            f"{sources * len(time)} samples, more than {MOST_POINTS}; lower the noise bandwidth "
            "or take a smaller circuit"
        )
    instants = (time / (2 * device.noise_bandwidth)).tolist()
    if device.fluctuates:
        for index, values in _fluctuations(network, device, len(time), stream):
            yield f"Vnoise{index} noise{index} 0", list(zip(instants, values.tolist(), strict=True))
    if device.thermal_noise:
        for node, values in enumerate(thermal_currents(network, device, len(time), stream)):
            if node != GROUND:
                name = network.names[node]
                yield f"Inoise{node} 0 {name}", list(zip(instants, values.tolist(), strict=True))


def thermal_currents(network: Network, device: Cell, count: int, stream: int) -> Array:
    """Return samples of the Johnson current into every node, shape (nodes, count) [A]."""
    a, b, conductance = network.elements
    assert device.noise_bandwidth is not None
    density = 4 * BOLTZMANN * device.temperature * conductance
    draws = normals(device.seed, "transient", (len(a), count), 1, stream)
    current = np.sqrt(density * device.noise_bandwidth)[:, None] * draws
    into = np.zeros((len(network), count))
    np.add.at(into, a, current)
    np.subtract.at(into, b, current)
    return into


def _fluctuations(
    network: Network, device: Cell, count: int, stream: int
) -> Iterator[tuple[int, Array]]:
    cells = np.flatnonzero(network.are_cells)
    draws = normals(device.seed, "transient", (len(cells), count), 0, stream)
    spread = np.asarray(device.fluctuation(network.elements[2][cells]))
    yield from zip(cells.tolist(), spread[:, None] * draws, strict=True)
