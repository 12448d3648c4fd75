"""Circuits that slew for far longer than anything else takes, against an implicit integrator."""

import numpy as np
import pytest
import scipy.integrate

import amcspice as amc
from amcspice.engine import Batch
from amcspice.engine.equations.piecewise import PiecewiseLinear
from amcspice.simulation.once import drive_of

M = np.array([[1.0, 0.2, 0.1], [0.1, 0.9, 0.3], [0.2, 0.1, 0.8]])
PROBLEMS = {"inv": (M, M @ [0.5, -0.3, 0.7]), "eig": (M + M.T, np.array([1.0, 0.4, 0.3]))}
BAND = 0.01


def settling_by_radau(circuit, b, volts, longest):
    """Return the settling time of tanh input stages in Kirchhoff's equations [s]."""
    batch = Batch.of([circuit])
    parts, into = PiecewiseLinear.of(circuit, batch), drive_of(batch, [b[None]], volts).into[0, 0]
    eq, k = parts.arrays, len(parts.out)
    forced = parts.difference @ into + parts.difference_0, parts.charge @ into + parts.charge_0

    def rate(time, state):
        a, q = state[:k], state[k:]
        source = np.clip(a, eq.lowest, eq.highest)
        drive = eq.slew * np.tanh(
            eq.unity / eq.slew * (eq.difference_a @ source + eq.difference_q @ q + forced[0])
        )
        clamped = drive - eq.leak * a + 100 * eq.unity * (source - a)
        return np.concatenate([clamped, eq.charge_a @ source + eq.charge_q @ q + forced[1]])

    def jacobian(time, state):
        a, q = state[:k], state[k:]
        inside = np.diag(((a > eq.lowest) & (a < eq.highest)).astype(float))
        source = np.clip(a, eq.lowest, eq.highest)
        along = eq.difference_a @ source + eq.difference_q @ q + forced[0]
        tilt = eq.unity * (1 - np.tanh(eq.unity / eq.slew * along) ** 2)[:, None]
        own = 100 * eq.unity * (inside - np.eye(k)) - np.diag(eq.leak)
        return np.block(
            [
                [tilt * (eq.difference_a @ inside) + own, tilt * eq.difference_q],
                [eq.charge_a @ inside, eq.charge_q],
            ]
        )

    size = k + len(eq.charge_q)
    solved = scipy.integrate.solve_ivp(
        rate, (0, longest), np.zeros(size), method="Radau", jac=jacobian, rtol=1e-7, atol=1e-10,
        dense_output=True,
    )  # fmt: skip
    places = [list(parts.out).index(port) for port in batch.outputs]

    def outside(time):
        outputs = np.clip(solved.sol(time)[:k], eq.lowest[:, None], eq.highest[:, None])[places]
        end = solved.y[:k, -1].clip(eq.lowest, eq.highest)[places]
        return np.abs(outputs - end[:, None]).max(axis=0) - BAND * np.abs(end).max()

    last = np.flatnonzero(outside(solved.t) > 0)[-1]
    low, high = solved.t[last], solved.t[last + 1]
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if outside(np.array([middle]))[0] > 0 else (low, middle)
    return high


@pytest.mark.parametrize("farads", [0.0, 1e-14])
@pytest.mark.parametrize(("gbw", "slew"), [(1e7, 1e3), (1e8, 1e3), (1e8, 1e5)])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_they_come_to_rest_when_they_do(problem, gbw, slew, farads, measured):
    matrix, b = PROBLEMS[problem]
    opamp = amc.OpAmp(gbw=gbw, slew_rate=slew, input_capacitance=farads)
    circuit = amc.make_circuit(problem, matrix, opamp=opamp)
    run = amc.simulate(circuit, b, fidelity="behavioural")
    at_rest = amc.simulate(circuit, b, fidelity="dc", range=run.volts_per_unit)
    assert run.settled
    assert np.abs(run.x - at_rest.x).max() < 1e-5 * np.abs(at_rest.x).max()
    longest = 1.1 * float(run.waveforms.segments[0].time[-1])
    expected = settling_by_radau(circuit, b, np.array([run.volts_per_unit]), longest)
    measured("settling off by", float(run.settling_time) / expected - 1)
    assert float(run.settling_time) == pytest.approx(expected, rel=5e-4)
