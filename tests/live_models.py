"""The models of ``models/`` written a second time, in closed form, as cells that stand in decks."""

import numpy as np
import scipy.optimize

import amcspice as amc
from amcspice.model_files import models_folder
from amcspice.schema import parameters

MODELS = ("amc_memristor", "amc_yakopcic", "amc_gap", "amc_memdiode")
RANGES = {"amc_gap": (0.2, 1.7)}
G_MIN = 7e-6
"""No model of the four has less than 6 uS at both of its ends [S]."""


def current(name, state, volts):
    """Return what flows through a cell [A]; arrays are broadcast."""
    x, v = np.broadcast_arrays(np.asarray(state, float), np.asarray(volts, float))
    if name == "amc_memristor":
        return (1e-6 + 149e-6 * x) * v
    if name == "amc_yakopcic":
        return 3e-3 * x * np.sinh(0.05 * v)
    if name == "amc_gap":
        return 1e-3 * np.exp(-x / 0.25) * np.sinh(v / 0.25)
    i0, rs, alpha = (
        low + (high - low) * x for low, high in ((1.8e-6, 1.23e-3), (117, 256), (3, 3.8))
    )
    low, high = np.minimum(v, 0), np.maximum(v, 0)  # of the voltage across the diodes
    for _ in range(60):
        middle = (low + high) / 2
        diodes = i0 * (np.exp(0.308 * alpha * middle) - np.exp(-0.692 * alpha * middle))
        above = diodes > (v - middle) / rs
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return (v - low) / rs


def slope(name, x, v):
    """Return dx/dt of one cell [1/s, nm/s]."""
    if name == "amc_memristor":
        up = 2e6 * max(v / 0.7 - 1, 0) ** 3 * (1 - x**2)
        return up - 2e6 * max(-v / 0.7 - 1, 0) ** 3 * (1 - (1 - x) ** 2)
    if name == "amc_yakopcic":
        if v > 0.16:
            window = np.exp(-(x - 0.3)) * (1 - x) / 0.7 if x > 0.3 else 1.0
            return 4000 * (np.exp(v) - np.exp(0.16)) * window
        if v < -0.15:
            window = np.exp(5 * (x - 0.5)) * x / 0.5 if x < 0.5 else 1.0
            return -4000 * (np.exp(-v) - np.exp(0.15)) * window
        return 0.0
    if name == "amc_gap":
        rate = 1e10 * np.exp(-0.6 / 0.02568)
        part = (1.7 - x) / 1.5 if v > 0 else (x - 0.2) / 1.5
        return -rate * np.sinh((16 - 0.8 * x**3) * 0.25 / 12 * v / 0.02568) * (1 - part**20)
    return (1 - x) / 1.796e6 * np.exp(v / 0.0899) - x / 132 * np.exp(-v / 0.1905)


def described(name, **changes):
    """Return the description of a model's sub-circuit."""
    file = models_folder() / ("memristor.lib" if name == "amc_memristor" else "cells.lib")
    low, high = RANGES.get(name, (0.0, 1.0))
    return amc.CellModel(**{"file": file, "name": name, "low": low, "high": high, **changes})


@parameters
class LiveCell(amc.Memristor):
    """Cells that stand in flat decks as they are."""

    kind: str = "amc_memristor"
    polarity: int = 1

    @property
    def live(self):
        return self

    @property
    def model(self):
        return described(self.kind, polarity=self.polarity)

    def conductances(self, state):
        return current(self.kind, state, 1e-4) / 1e-4

    def states(self, conductance):
        low, high = self.model.low, self.model.high
        return np.array([
            scipy.optimize.brentq(lambda x, g=g: self.conductances(x) - g, low, high, xtol=1e-13)
            for g in conductance
        ])  # fmt: skip


def live(name, **changes):
    """Return cells of a model, not below the conductances that it has."""
    return LiveCell(**{"kind": name, "g_min": G_MIN, **changes})
