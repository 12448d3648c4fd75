"""The state-space model against equations written by hand, section 3 of the physics."""

import numpy as np
import pytest
import scipy.integrate
from oracles import (
    classic_operating_point,
    classic_state_space,
    compact_operating_point,
    compact_state_space,
    random_problem,
    step,
)

import amcspice as amc
from amcspice.engine import LinearModel
from amcspice.errors import UnsupportedError
from amcspice.reduction import reduce_to_ports

NEARLY_INFINITE = amc.OpAmp(gain=1e9, gbw=1e8, output_resistance=1e-6)


def linear_model(circuit):
    """Model, port model and positions of the outputs."""
    model = reduce_to_ports(circuit.schematic)
    outputs = np.searchsorted(model.nodes, circuit.schematic.outputs)
    return LinearModel.of(circuit, model), model, outputs


def by_hand(topology, opamp):
    """Circuit, input currents, and (M, N) with the states x last."""
    A, b = random_problem(3)
    G, current = 100e-6 * A / A.max(), -100e-6 / A.max() * b
    if topology == "classic":
        circuit = amc.ClassicGINV(A, opamp=opamp)
        return circuit, current, classic_state_space(G, feedback=100e-6, gbw=opamp.gbw)
    totals = 2 * G.sum(axis=1)
    compensation = topology == "compact"
    if compensation:
        totals = np.full_like(totals, totals.max())
    circuit = amc.CompactGINV(A, opamp=opamp, compensation=compensation)
    return circuit, current, compact_state_space(G, row_total=totals, gbw=opamp.gbw)


TOPOLOGIES = ["classic", "compact", "compact without compensation"]


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_step_response_agrees_with_the_matrix_exponential(topology, measured):
    circuit, current, (M, N) = by_hand(topology, NEARLY_INFINITE)
    linear, model, outputs = linear_model(circuit)
    times = np.linspace(0, 12 * linear.slowest, 50)
    expected = step(M, N, current, times)[:, -8:]
    response = linear.step_response(model.port_currents(current[None])[0], times)[:, outputs]
    distance = np.abs(response - expected).max() / np.abs(expected).max()
    measured("largest distance, fraction of full scale", distance)
    assert distance < 1e-6


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_eigenvalues_are_those_of_the_equations(topology):
    circuit, _, (M, _) = by_hand(topology, NEARLY_INFINITE)
    linear, _, _ = linear_model(circuit)
    expected = np.linalg.eigvals(M)
    assert linear.slowest == pytest.approx(-1 / expected.real.max(), rel=1e-5)
    assert linear.fastest == pytest.approx(1 / np.abs(expected).max(), rel=1e-5)
    np.testing.assert_allclose(
        np.sort_complex(np.round(linear.eigenvalues, 0)),
        np.sort_complex(np.round(expected, 0)),
        rtol=1e-4,
        atol=10,
    )


def test_step_response_agrees_with_an_integrator():
    """The classic circuit once more, by a Runge-Kutta method instead of exponentials."""
    circuit, current, (M, N) = by_hand("classic", NEARLY_INFINITE)
    linear, model, outputs = linear_model(circuit)
    times = np.linspace(0, 5 * linear.slowest, 12)
    solved = scipy.integrate.solve_ivp(
        lambda _, z: M @ z + N @ current,
        (0, times[-1]),
        np.zeros(len(M)),
        t_eval=times,
        rtol=1e-9,
        atol=1e-12,
    )
    response = linear.step_response(model.port_currents(current[None])[0], times)[:, outputs]
    np.testing.assert_allclose(response, solved.y[-8:].T, atol=1e-6 * np.abs(response).max())


@pytest.mark.parametrize("output_resistance", [0.1, 300.0])
@pytest.mark.parametrize("gain", [1e3, 1e5])
@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_operating_point_agrees_with_the_closed_form(topology, gain, output_resistance):
    opamp = amc.OpAmp(gain=gain, output_resistance=output_resistance)
    circuit, current, _ = by_hand(topology, opamp)
    G = 100e-6 * circuit.matrix / circuit.matrix.max()
    if topology == "classic":
        expected = classic_operating_point(
            G, current, feedback=100e-6, gain=gain, output_resistance=output_resistance
        )
    else:
        totals = 2 * G.sum(axis=1)
        if topology == "compact":
            totals = np.full_like(totals, totals.max())
        expected = compact_operating_point(
            G, current, row_total=totals, gain=gain, output_resistance=output_resistance
        )
    linear, model, outputs = linear_model(circuit)
    response = linear.operating_point(model.port_currents(current[None]))[0, outputs]
    np.testing.assert_allclose(response, expected, rtol=0, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("circuit_type", [amc.ClassicGINV, amc.CompactGINV])
def test_step_response_ends_at_the_operating_point(circuit_type):
    A, b = random_problem(4)
    circuit = circuit_type(A, wire=amc.Wire(row=1.0, column=2.0), opamp=amc.OpAmp(gain=1e4))
    linear, model, _ = linear_model(circuit)
    current = model.port_currents(circuit.schematic.currents(b[None], 1.0))[0]
    end = linear.step_response(current, np.array([40 * linear.slowest]))[0]
    np.testing.assert_allclose(end, linear.operating_point(current), atol=1e-9 * np.abs(end).max())


@pytest.mark.parametrize("circuit_type", [amc.ClassicGINV, amc.CompactGINV])
def test_settling_scales_with_the_bandwidth(circuit_type):
    A, _ = random_problem(4)
    slow, fast = (linear_model(circuit_type(A, opamp=amc.OpAmp(gbw=f)))[0] for f in (1e6, 1e9))
    assert slow.slowest == pytest.approx(1000 * fast.slowest, rel=1e-9)
    assert slow.fastest == pytest.approx(1000 * fast.fastest, rel=1e-9)


def test_compact_settles_slower_than_classic():
    """Section 3: it saves m amplifiers and pays 4 to 16 times in settling time."""
    A, _ = random_problem(3)
    classic, compact = (
        linear_model(circuit(A))[0] for circuit in (amc.ClassicGINV, amc.CompactGINV)
    )
    assert 4 < compact.slowest / classic.slowest < 25


def test_unstable_circuit_is_refused():
    model = LinearModel(
        state=np.array([[1e6]]),
        drive=np.ones((1, 1)),
        constant=np.zeros(1),
        observe=np.ones((1, 1)),
        local=np.zeros((1, 1)),
        bias=np.zeros(1),
    )
    with pytest.raises(UnsupportedError, match=r"unstable: eigenvalue 1e\+06"):
        _ = model.slowest


@pytest.mark.ngspice
@pytest.mark.parametrize("circuit_type", [amc.ClassicGINV, amc.CompactGINV])
@pytest.mark.parametrize(
    "imperfection",
    [
        {"offset": 1e-3},
        {"bias_current": 1e-6},
        {"input_resistance": 2e3, "gain": 1e3},
        {"offset": -2e-3, "bias_current": -20e-9, "output_resistance": 100.0},
    ],
)
def test_imperfections_propagate_as_predicted(circuit_type, imperfection):
    """Offset, bias current and input resistance in ngspice move the answer as the model says."""
    A, b = random_problem(3)
    run, ideal = (
        amc.simulate(circuit_type(A, opamp=amc.OpAmp(**{"gain": 1e5, **parameters})), b)
        for parameters in (imperfection, {"gain": imperfection.get("gain", 1e5)})
    )
    circuit = circuit_type(A, opamp=amc.OpAmp(**{"gain": 1e5, **imperfection}))
    linear, model, outputs = linear_model(circuit)
    current = model.port_currents(circuit.schematic.currents(b[None], run.volts_per_unit))
    expected = linear.operating_point(current)[0, outputs] / run.volts_per_unit
    np.testing.assert_allclose(run.x, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    shift = np.linalg.norm(run.x - ideal.x) / np.linalg.norm(ideal.x)
    assert shift > 3e-4


@pytest.mark.ngspice
def test_compact_offset_by_hand():
    """The sensing columns rest at the offset: G' S^-1 (G (x + u) + I) = T u with u = v_os."""
    A, b = random_problem(3)
    offset = 2e-3
    circuit = amc.CompactGINV(A, opamp=amc.OpAmp(gain=1e7, offset=offset))
    run = amc.simulate(circuit, b)
    G = 100e-6 * A / A.max()
    S, T = 2 * G.sum(axis=1).max(), np.diag(G.sum(axis=0))
    u = np.full(8, offset)
    current = -100e-6 / A.max() * run.volts_per_unit * b
    x = np.linalg.solve(G.T @ G / S, T @ u - G.T @ (G @ u + current) / S)
    np.testing.assert_allclose(run.x, x / run.volts_per_unit, atol=1e-4 * np.abs(run.x).max())
