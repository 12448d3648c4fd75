"""Charged ports that follow at once, against Kirchhoff's laws with every capacitor."""

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize

import amcspice as amc
from amcspice.engine import Batch
from amcspice.simulation.once import drive_of

DRAW = np.random.default_rng(5)
A, X = DRAW.random((5, 3)), np.array([0.9, 0.4, 0.7])
SIGNED = np.array([[1.0, 0.3, -0.3], [-0.3, 0.9, 0.3], [0.3, -0.3, 0.8]])  # modes ring
PROBLEMS = {"lstsq": (A, A @ X), "inv": (SIGNED, SIGNED @ X)}
BAND, POINTS = 0.01, 40_000
SLOW = 1e4
"""Rate over that of an amplifier by itself above which a mode is over before anything happens."""


def circuit_of(problem, ohms, farads=1e-15, **changes):
    matrix, _ = PROBLEMS[problem]
    wire = amc.Wire(row_capacitance=farads, column_capacitance=farads)
    opamp = amc.OpAmp(gain=1e4, gbw=1e8, output_resistance=ohms, quiescent_current=1e-6)
    return amc.make_circuit(problem, matrix, wire=wire, opamp=opamp, **changes)


class Descriptor:
    """The step response of Kirchhoff's laws as they stand, with the output currents as unknowns.

    E dx/dt = F x + f for amplifiers, port voltages and output currents: no output resistance is
    divided by, so however small it is the pencil's finite modes lose nothing.
    """

    def __init__(self, circuit, injected):
        (model,), opamp = Batch.of([circuit]).models, circuit.opamp
        ports, (bank,) = len(model.nodes), circuit.schematic.amplifiers
        k, unity = len(bank.out), 2 * np.pi * opamp.gbw
        plus, minus, out = (
            (np.asarray(pins)[:, None] == model.nodes).astype(float)
            for pins in (bank.plus, bank.minus, bank.out)
        )
        farads = np.zeros(ports)
        np.add.at(farads, np.searchsorted(model.nodes, circuit.schematic.capacitors[0]),
                  circuit.schematic.capacitors[1])  # fmt: skip
        size = model.conductance.diagonal().max()
        # Rates over unity, currents over the largest conductance: everything is about one.
        E = np.diag(np.concatenate([np.ones(k), farads * unity / size, np.zeros(k)]))
        F = np.block(
            [
                [-np.eye(k) / opamp.gain, plus - minus, np.zeros((k, k))],
                [np.zeros((ports, k)), -model.conductance / size, out.T],
                [np.eye(k), -out, -np.eye(k) * opamp.output_resistance * size],
            ]
        )
        f = np.concatenate([np.zeros(k), injected / size, np.zeros(k)])
        values, left, right = scipy.linalg.eig(F, E, left=True, right=True)
        slow = np.abs(values) < SLOW
        self.rest = np.linalg.solve(F, -f)
        weights = left[:, slow].conj().T @ E
        share = (weights @ -self.rest) / np.sum(weights.T * right[:, slow], axis=0)
        self.modes, self.rates = right[:, slow] * share, values[slow] * unity
        self.voltage, self.current, self.size = slice(k, k + ports), slice(k + ports, None), size

    def at(self, times):
        """Return port voltages [V] and output currents [A]."""
        x = (self.modes @ np.exp(np.outer(self.rates, times))).real + self.rest[:, None]
        return x[self.voltage], self.size * x[self.current]


def measured_exactly(circuit, injected, longest):
    """Return settling time [s] and energy [J] of one right-hand side."""
    exact, opamp = Descriptor(circuit, injected), circuit.opamp
    outputs = np.searchsorted(Batch.of([circuit]).models[0].nodes, circuit.schematic.outputs)
    end = exact.rest[exact.voltage][outputs]

    def outside(times):
        away = np.abs(exact.at(times)[0][outputs] - end[:, None]).max(axis=0)
        return away - BAND * np.abs(end).max()

    grid = np.linspace(0, longest, POINTS)
    last = np.flatnonzero(outside(grid) > 0)[-1]
    settled = scipy.optimize.brentq(
        lambda time: outside(np.array([time]))[0], grid[last], grid[last + 1], rtol=1e-12
    )
    times = np.linspace(0, settled, POINTS)
    voltage, current = exact.at(times)
    power = opamp.supply_positive * np.maximum(current, 0).sum(axis=0)
    power += opamp.supply_negative * np.minimum(current, 0).sum(axis=0)
    idle = opamp.quiescent_current * (opamp.supply_positive - opamp.supply_negative)
    power += len(current) * idle + injected @ voltage
    return settled, np.trapezoid(power, times)


@pytest.mark.parametrize("farads", [1e-15, 1e-13])
@pytest.mark.parametrize("ohms", [3e-2, 3e-3, 3e-5, 1e-6])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_settling_and_energy_are_those_of_every_mode(problem, ohms, farads, measured):
    circuit, b = circuit_of(problem, ohms, farads), PROBLEMS[problem][1]
    run = amc.simulate(circuit, b, fidelity="behavioural")
    batch = Batch.of([circuit])
    injected = drive_of(batch, [b[None]], np.array([run.volts_per_unit])).into[0, 0]
    settling, energy = measured_exactly(circuit, injected, 3 * float(run.settling_time))
    measured("settling off by", float(run.settling_time) / settling - 1)
    measured("energy off by", float(run.energy) / energy - 1)
    assert float(run.settling_time) == pytest.approx(settling, rel=1e-5)
    assert float(run.energy) == pytest.approx(energy, rel=3e-5)


@pytest.mark.parametrize("hold", [False, True])
@pytest.mark.parametrize("slew", [None, 1e7])
def test_constrained_circuits_come_to_a_limit_as_the_output_resistance_goes_to_none(hold, slew):
    """From where every charged port is a state to where none is."""

    def run(ohms):
        opamp = amc.OpAmp(gain=1e4, gbw=1e8, output_resistance=ohms, slew_rate=slew)
        circuit = amc.CompactGINV(
            A, constraint=amc.NonNegative(hold=hold), opamp=opamp,
            wire=amc.Wire(row_capacitance=1e-14, column_capacitance=1e-14),
        )  # fmt: skip
        return amc.simulate(circuit, A @ [0.9, -0.4, 0.7], fidelity="behavioural")

    coarse, fine, none = (run(ohms) for ohms in (0.3, 1e-4, 1e-6))
    for figure, apart in (("settling_time", 2e-3), ("energy", 5e-3)):
        limit = float(getattr(none, figure))
        assert float(getattr(fine, figure)) == pytest.approx(limit, rel=1e-4)
        assert float(getattr(coarse, figure)) == pytest.approx(limit, rel=apart)


@pytest.mark.ngspice
def test_decks_of_such_circuits_are_foretold_and_verified():
    run = amc.simulate(
        circuit_of("lstsq", 1e-4), PROBLEMS["lstsq"][1], fidelity="behavioural", verify=1
    )
    assert run.verification.passed
