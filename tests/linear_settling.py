"""Exact settling of linear circuits, by the eigenvectors of their elements' equations.

The equations are those of `transient_oracle.Elements`; nothing here uses the code under test.
"""

from dataclasses import dataclass

import numpy as np
from transient_oracle import Elements

import amcspice as amc

SCALE = 1e-3
"""Outputs smaller than this count as this large for their band [V]."""


@dataclass
class Response:
    """Outputs minus where they end: the real part of ``amplitude e^(rate t)``, summed."""

    rate: np.ndarray
    amplitude: np.ndarray
    end: np.ndarray

    def distance(self, time):
        """Return the largest distance of an output at times, shape (T,)."""
        grown = np.exp(np.multiply.outer(time, self.rate))
        return np.abs((grown @ self.amplitude.T).real).max(axis=1)

    def settling_time(self, tolerance):
        """Return the last time at which an output is outside its band."""
        band = tolerance * max(np.abs(self.end).max(), SCALE)
        total = np.abs(self.amplitude).sum(axis=1).max()
        slowest = -self.rate.real.max()
        late = max(np.log(total / band), 1.0) / slowest
        turns = np.abs(self.rate.imag[-self.rate.real < 10 * slowest]).max(initial=0.0)
        count = int(np.clip(40 * late * turns, 2000, 400_000))
        grid = np.linspace(0, late, count)
        outside = np.flatnonzero(np.concatenate([
            self.distance(part) > band for part in np.array_split(grid, count // 1000)
        ]))  # fmt: skip
        if not len(outside):
            return 0.0
        low, high = grid[outside[-1]], grid[min(outside[-1] + 1, count - 1)]
        for _ in range(50):
            middle = (low + high) / 2
            if self.distance(np.array([middle]))[0] > band:
                low = middle
            else:
                high = middle
        return high


def response(circuit, b, volts_per_unit):
    """Return how a circuit's outputs go from rest at zero input to their end."""
    elements = Elements(circuit)
    k = elements.k
    region = np.stack([np.zeros(k, int)] * 3 + [np.ones(k, int)])
    ends = []
    for vector in (np.zeros_like(b), b):
        (injected,) = elements.sources(vector[None], volts_per_unit)
        piece = elements.piece(region, injected)
        M, g = piece.linear.by_state.copy(), piece.linear.constant.copy()
        M[:k] += elements.unity * piece.difference.by_state
        g[:k] += elements.unity * piece.difference.constant
        ends.append((-np.linalg.solve(M, g), piece))
    (before, _), (after, piece) = ends
    rate, vectors = np.linalg.eig(M)
    share = np.linalg.solve(vectors, before - after)
    nodes = piece.nodes.by_state[elements.outputs]
    return Response(rate, (nodes @ vectors) * share, piece.nodes(after)[elements.outputs])


def random_circuit(seed):
    """Return a stable linear circuit and a right-hand side: all kinds, one after the other."""
    draw = np.random.default_rng(seed)
    kind = ("inv", "inv-compensated", "stiff", "ginv-classic", "ginv-compact")[seed % 5]
    while True:
        n = int(draw.integers(2, 7))
        opamp = {"gain": 1e5, "gbw": 100e6}
        extra = draw.choice(["none", "second", "capacitance"], p=[0.4, 0.35, 0.25])
        if extra == "second":
            opamp["second_pole"] = 100e6 * draw.uniform(0.3, 3)
        if extra == "capacitance":
            opamp["input_capacitance"] = 10 ** draw.uniform(-13, -11.7)
        hardware = {"opamp": amc.OpAmp(**opamp)}
        if kind.startswith("ginv"):
            A = draw.random((n + int(draw.integers(1, 6)), n))
            if kind == "ginv-classic":
                hardware["feedback"] = 10 ** draw.uniform(-2, 0.5)
        else:
            A = draw.uniform(0 if kind == "inv" else -1, 1, (n, n))
            A = A + n * draw.uniform(0.3, 1.0) * np.eye(n)
            if kind == "stiff":
                A = A * (10 ** np.linspace(0, -2, n))[:, None]
        name = "inv-compensated" if kind == "stiff" else kind
        circuit = amc.CIRCUITS[name](A, **hardware)
        b = A @ draw.uniform(-1, 1, n)
        try:
            volts = amc.simulate(circuit, b, fidelity="dc").volts_per_unit
            found = response(circuit, b, volts)
        except amc.errors.AmcspiceError:
            continue
        if found.rate.real.max() < 0 and np.abs(found.end).max() > 0.05:
            return f"{kind}, {extra}", circuit, b, volts, found
