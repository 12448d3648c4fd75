"""A backend: amplifiers of infinite gain, which keep their two inputs at one voltage.

Ports of conductances Y, what the sources send into them J, and what the outputs deliver i:
Y v = J + O' i and D v = 0, with O the outputs and D the input differences.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from amcspice import Backend, UnsupportedError
from amcspice.engine import Origin, Pins, supply_currents


class Nullor(Backend):
    name: ClassVar[str] = "nullor"
    title: ClassVar[str] = "amplifiers of infinite gain, without time"
    verified_by: ClassVar[str] = "dc"
    in_time: ClassVar[bool] = False

    def check(self, circuit):
        circuit.device.refuse_unless_linear(self.name)
        if circuit.bounded:
            raise UnsupportedError("the nullor fidelity knows no limits of outputs: use dc")

    def prepare(self, batch):
        self.check(batch.circuit)
        return PreparedNullor(batch)


class PreparedNullor:
    chunk = 2**62

    def __init__(self, batch):
        self.batch, self.runs_away = batch, np.zeros(1, bool)
        pins = Pins.of(batch.circuit, batch.models[0])
        zero = np.zeros((len(pins.out), len(pins.out)))
        self.system = np.block([[batch.conductance[0], -pins.outputs.T], [pins.difference, zero]])

    def run(self, drive, lead=0, forecast=None, *, waveforms=True):
        into = drive.into[0, lead:]
        right = np.hstack([into, np.zeros((len(into), len(self.system) - into.shape[1]))])
        voltages, delivered = np.split(
            np.linalg.solve(self.system, right.T).T, [into.shape[1]], axis=1
        )
        held = np.zeros((len(into), 0))
        yield AtRest(voltages, supply_currents(self.batch.circuit, delivered, held))

    def forecast(self, drive, lead=0):
        return iter(())

    def origin(self, drive, forecast=None):
        return [Origin("nullor", "LU")]


@dataclass(frozen=True)
class AtRest:
    """One sample a right-hand side."""

    voltages: np.ndarray
    supply: np.ndarray
    timeless: ClassVar[bool] = True
    exact: ClassVar[None] = None

    @property
    def time(self):
        return np.zeros(len(self.voltages))

    @property
    def starts(self):
        return np.arange(len(self.voltages) + 1)

    @property
    def at_rest(self):
        return np.ones(len(self.voltages), bool)
