"""What every circuit must satisfy in every fidelity: one contract, a case a configuration."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import sklearn.linear_model
from oracles import dissipated

import amcspice as amc
from amcspice.circuit import CIRCUITS
from amcspice.engine import LinearModel
from amcspice.measure import measure_settling
from amcspice.reduction import reduce_to_ports
from amcspice.simulation.verify import Operation, repeat

GAIN = 1e5
OPAMP = amc.OpAmp(gain=GAIN, gbw=1e8, quiescent_current=1e-5)
WIRED = amc.Wire(row=1.0, column=2.5, driver=3.0, termination=4.0)
IDEAL = amc.Wire()


@dataclass(frozen=True)
class Case:
    """A configuration.

    ``bound`` is the largest relative error with ideal wires; None takes it from the closed form
    of the DC answer with finite gain.
    """

    circuit: str
    signed: bool = False
    bound: float | None = None
    more: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        more = "-".join(f"{k}={getattr(v, 'hold', v)}" for k, v in self.more.items())
        return "-".join(filter(None, [self.circuit, "signed" if self.signed else "", more]))

    def make(self, wire=IDEAL, **changes):
        """Return the circuit and right-hand sides."""
        kind = CIRCUITS[self.circuit]
        draw = np.random.default_rng(11)
        if "eigen" in self.circuit:
            A = np.cov(draw.standard_normal((5, 30)) * np.arange(1, 6)[:, None])
            A = A if self.signed else np.abs(A)
        elif kind.square:
            A = draw.uniform(-1 if self.signed else 0, 1, (5, 5)) + 4 * np.eye(5)
        else:
            A = draw.uniform(-1 if self.signed else 0, 1, (9, 4))
        circuit = kind(A, **{"wire": wire, "opamp": OPAMP, **self.more, **changes})
        count = 1 if kind.rail_limited else 3
        if "ginv" in self.circuit and self.circuit != "ginv-right":
            x = draw.uniform(-0.5, 1.0, (4, count))
            return circuit, A @ np.maximum(x, 0.0) + 0.1 * draw.standard_normal((9, count))
        return circuit, draw.uniform(-1, 1, (circuit.input_size, count))

    @property
    def linear(self):
        """Whether no output ends at a limit."""
        return not {"constraint", "lasso"} & set(self.more) and "eigen" not in self.circuit


IDEAL_SWITCHES = {"switches": amc.Switches(on=None, off=None)}
SWITCHES = {"switches": amc.Switches(on=20.0, off=1e8)}
FLOOR, HOLD = amc.NonNegative(hold=False), amc.NonNegative(hold=True)
CASES = [
    Case("mvm"),
    Case("mvm", signed=True),
    Case("mvm", signed=True, more={"feedback": 2.0}),
    Case("mvm", signed=True, more={"row_gain": "read-out"}),
    Case("mvm", signed=True, more={"row_gain": "feedback"}),
    Case("inv"),
    Case("inv", more={"input_conductance": 1.0}),
    Case("inv", more={"diagonal": "fixed"}),
    Case("inv-compensated"),
    Case("inv-compensated", signed=True),
    Case("inv-compensated", signed=True, more={"input_conductance": 1.0}),
    Case("inv-compensated", signed=True, more={"diagonal": "fixed", "input_conductance": 1.0}),
    Case("inv-inverters", signed=True),
    Case("inv-inverters", signed=True, more={"diagonal": "fixed"}),
    Case("inv-blocks"),
    Case("inv-blocks", signed=True),
    Case("chain-detector", signed=True, bound=1e-3),
    Case("chain-precoder", signed=True, bound=1e-3),
    Case("chain-precoder", signed=True, bound=1e-3, more={"input_conductance": 1.0}),
    Case("chain-projector", signed=True, bound=1e-3, more={"diagonal": "programmed"}),
    Case("ginv-classic"),
    Case("ginv-classic", more={"ridge": 0.5}),
    Case("ginv-classic", bound=1e-3, more={"constraint": FLOOR}),
    Case("ginv-classic", bound=1e-3, more={"constraint": FLOOR, "lasso": 0.1}),
    Case("ginv-classic", signed=True),
    Case("ginv-classic", signed=True, bound=1e-3, more={"constraint": FLOOR}),
    Case("ginv-compact"),
    Case("ginv-compact", more={"ridge": 0.5}),
    Case("ginv-compact", bound=1e-3, more={"constraint": HOLD}),
    Case("ginv-compact", bound=1e-3, more={"constraint": HOLD, "lasso": 0.1}),
    Case("ginv-compact", bound=0.1, more={"constraint": FLOOR}),
    Case("ginv-compact", signed=True),
    Case("ginv-compact", signed=True, more={"ridge": 0.5}),
    Case("ginv-compact", signed=True, bound=0.1, more={"constraint": FLOOR}),
    Case("ginv-right"),
    Case("ginv-right", signed=True),
    Case("ginv-right", signed=True, more={"ridge": 0.5, "scaling": "columns"}),
    Case("lca", bound=3e-3, more={"lasso": 0.1}),
    Case("lca", signed=True, bound=1e-3, more={"lasso": 0.1}),
    Case("lca", signed=True),
    Case("eigen", bound=5e-2),
    Case("eigen", signed=True, bound=5e-2),
    Case("macro-mvm", more=IDEAL_SWITCHES),
    Case("macro-mvm", bound=1e-2, more=SWITCHES),
    Case("macro-inv", more=IDEAL_SWITCHES),
    Case("macro-inv", bound=1e-2, more=SWITCHES),
    Case("macro-ginv", more=IDEAL_SWITCHES),
    Case("macro-ginv", bound=1e-2, more=SWITCHES),
    Case("macro-ginv", bound=1e-2, more={"constraint": FLOOR, **SWITCHES}),
    Case("macro-eigen", bound=5e-2, more=SWITCHES),
]
WIRES = [pytest.param(IDEAL, id="ideal"), pytest.param(WIRED, id="wired")]
FIDELITIES = ("flat", "reduced", "behavioural", "dc")

every_case = pytest.mark.parametrize("case", CASES, ids=str)
linear_cases = pytest.mark.parametrize("case", [c for c in CASES if c.linear], ids=str)


def test_every_circuit_is_in_the_contract():
    assert {case.circuit for case in CASES} == set(CIRCUITS)
    for name, kind in CIRCUITS.items():
        assert {case.signed for case in CASES if case.circuit == name} >= ({True} & {kind.signed})


@pytest.mark.ngspice
@pytest.mark.parametrize("wire", WIRES)
@every_case
def test_fidelities_agree(case, wire, measured):
    circuit, b = case.make(wire)
    flat, reduced, behavioural, dc = (amc.simulate(circuit, b, fidelity=f) for f in FIDELITIES)
    scale = np.abs(flat.x).max()
    assert flat.all_settled
    assert reduced.all_settled
    assert behavioural.all_settled
    np.testing.assert_allclose(reduced.x, flat.x, rtol=0, atol=1e-6 * scale)
    np.testing.assert_allclose(behavioural.x, flat.x, rtol=0, atol=1e-4 * scale)
    np.testing.assert_allclose(dc.x, behavioural.x, rtol=0, atol=1e-6 * scale)
    assert dc.all_settled
    assert np.isnan(dc.measurement.settling_time).all()
    assert np.isnan(dc.measurement.energy).all()
    np.testing.assert_allclose(reduced.settling_time, flat.settling_time, rtol=0.01)
    apart = np.abs(behavioural.settling_time / flat.settling_time - 1).max()
    measured("settling apart, behavioural", apart)
    assert apart < 0.05
    for part, watts in flat.power.items():
        total = flat.power["total"].max()
        np.testing.assert_allclose(reduced.power[part], watts, rtol=0, atol=1e-4 * total)
        np.testing.assert_allclose(behavioural.power[part], watts, rtol=0, atol=1e-3 * total)
        np.testing.assert_allclose(dc.power[part], watts, rtol=0, atol=1e-3 * total)


@pytest.mark.ngspice
@pytest.mark.parametrize("wire", WIRES)
@every_case
def test_each_fidelity_is_verified_by_the_next(case, wire):
    circuit, b = case.make(wire)
    for fidelity in ("dc", "behavioural", "reduced"):
        run = amc.simulate(circuit, b, fidelity=fidelity, verify=2)
        assert run.verification.fidelity == amc.BACKENDS[fidelity].verified_by
        assert len(run.verification.solution_deviation) == min(2, b.shape[1])
        assert run.verification.largest_solution_deviation < 1e-4


@every_case
def test_every_output_is_verified(case):
    """Whichever output is wrong, verification sees it."""
    circuit, b = case.make()
    analysis = amc.Analysis(fidelity="dc")
    run = amc.simulate(circuit, b, analysis=analysis)
    operation = Operation.of(circuit, circuit.vectors(b), run, 0)
    assert repeat([operation], analysis).passed
    size = np.linalg.norm(operation.solution)
    for output in range(len(operation.solution)):
        wrong = operation.solution.copy()
        wrong[output] += 0.1 * size
        spoilt = replace(operation, solution=wrong)
        seen = 0.1
        if circuit.problem == "eig":  # what is along the direction is no deviation
            seen *= np.sqrt(1 - (operation.solution[output] / size) ** 2)
        verification = repeat([spoilt], analysis)
        assert verification.largest_solution_deviation > 0.9 * seen
        assert not verification.passed


@pytest.mark.ngspice
@every_case
def test_solution_is_within_the_finite_gain_bound(case, measured):
    """In ngspice, because the closed form is made of the behavioural engine's equations."""
    circuit, b = case.make()
    run = amc.simulate(circuit, b)
    measured("relative error", run.relative_error.max())
    if case.bound is not None:
        assert run.relative_error.max() < case.bound
        return
    bound = finite_gain_error(circuit, b, run)
    assert bound.max() < 1e-2
    np.testing.assert_allclose(run.relative_error, bound, rtol=0.05, atol=2e-6)
    # and the closed form approaches the ideal answer in proportion to 1/gain
    better, _ = case.make(opamp=amc.OpAmp(gain=100 * GAIN))
    assert (finite_gain_error(better, b, run) < 0.02 * bound + 1e-9).all()


def finite_gain_error(circuit, b, run):
    """Relative error of the closed form of the DC answer with finite gain, shape (K,)."""
    model = reduce_to_ports(circuit.schematic)
    currents = model.port_currents(circuit.schematic.currents(b.T, run.volts_per_unit))
    outputs = np.searchsorted(model.nodes, circuit.schematic.outputs)
    rest = LinearModel.of(circuit, model).operating_point(currents)[:, outputs]
    x, ideal = circuit.read_out(rest, run.volts_per_unit), run.reference.T
    return np.linalg.norm(x - ideal, axis=1) / np.linalg.norm(ideal, axis=1)


@pytest.mark.ngspice
@pytest.mark.parametrize("wire", WIRES)
@every_case
def test_what_sources_deliver_is_dissipated(case, wire, measured):
    """Tellegen's theorem, with the supplies measured by the simulator."""
    circuit, b = case.make(wire)
    run = amc.simulate(circuit, b, fidelity="flat", amplifiers="subcircuits")
    given = circuit.schematic.currents(b.T, run.volts_per_unit)
    for k, segment in enumerate(run.waveforms.segments):
        parts = dissipated(circuit, run.waveforms.names, segment.voltages[-1], given[k])
        sinks = sum(parts[name] for name in ("array", "stages", "hold", "quiescent"))
        rails = [circuit.opamp.supply_positive, circuit.opamp.supply_negative]
        sources = segment.supply[-1] @ rails + parts["input"]
        measured("relative imbalance", abs(sources / sinks - 1))
        assert sources == pytest.approx(sinks, rel=1e-4)
        assert run.power["total"][k] == pytest.approx(sources, rel=1e-9)
        assert run.power["array"][k] == pytest.approx(parts["array"], rel=1e-5, abs=1e-9 * sinks)
        assert run.power["input"][k] == pytest.approx(parts["input"], abs=1e-6 * sinks)


@pytest.mark.ngspice
@linear_cases
def test_settling_agrees_with_the_state_space(case, measured):
    circuit, b = case.make()
    model = reduce_to_ports(circuit.schematic)
    linear = LinearModel.of(circuit, model)
    run = amc.simulate(circuit, b[:, :1])
    currents = model.port_currents(circuit.schematic.currents(b[:, :1].T, run.volts_per_unit))
    outputs = np.searchsorted(model.nodes, circuit.schematic.outputs)
    times = np.linspace(0, 20 * linear.slowest, 40001)
    response = linear.step_response(currents[0], times)[:, outputs]
    expected = measure_settling(times, response).time
    measured("settling apart from the state space", abs(run.settling_time[0] / expected - 1))
    assert run.settling_time[0] == pytest.approx(expected, rel=0.02)


@every_case
def test_seed_fixes_the_result(case):
    noisy = {"device": amc.Memristor(write_noise=0.02, seed=5)}
    first, again, other = (
        amc.simulate(case.make(**device)[0], case.make()[1], fidelity="behavioural").x
        for device in (noisy, noisy, {"device": amc.Memristor(write_noise=0.02, seed=6)})
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@every_case
def test_ideal_fidelity_is_the_algebraic_answer(case):
    circuit, b = case.make()
    ideal = amc.simulate(circuit, b, fidelity="ideal").x
    expected = algebraic_answer(circuit, b)
    if circuit.problem == "eig":  # the start chooses the sign
        expected = expected * np.sign((expected * b).sum())
    np.testing.assert_allclose(ideal, expected, atol=1e-8 * np.abs(expected).max())


def algebraic_answer(circuit, b):
    """Return what a circuit was asked, by numpy and bounded least squares."""
    A = circuit.matrix
    if circuit.problem == "mvm":
        return A @ b
    if circuit.problem == "inv":
        return np.linalg.inv(A) @ b
    if circuit.problem == "eig":
        return np.linalg.eigh(A)[1][:, -1:]
    if circuit.name.startswith("chain") or circuit.problem == "precode":
        inner = np.linalg.inv(A.T @ A + circuit.ridge * np.eye(A.shape[1]))
        filtered = b if circuit.problem == "precode" else A.T @ b
        return inner @ filtered if circuit.problem == "lstsq" else A @ inner @ filtered
    if circuit.problem == "lasso":
        if not circuit.lasso:
            return np.linalg.lstsq(A, b, rcond=None)[0]
        peer = sklearn.linear_model.Lasso(
            alpha=circuit.lasso / len(A), fit_intercept=False, tol=1e-14, max_iter=100_000
        )
        return peer.fit(A, b).coef_.T
    # |A x - b|^2 + ridge |x|^2 + 2 lasso sum(x), completed to a square.
    normal = A.T @ A + circuit.ridge * np.eye(A.shape[1])
    right = A.T @ b - circuit.lasso
    if circuit.problem == "lstsq":
        return np.linalg.solve(normal, right)
    upper = np.linalg.cholesky(normal).T
    target = np.linalg.solve(upper.T, right)
    return np.array([scipy.optimize.lsq_linear(upper, one, (0, np.inf)).x for one in target.T]).T
