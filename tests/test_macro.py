"""The reconfigurable macro: the plain circuits in the limit, the same cells, leaks and drops."""

import json
from itertools import pairwise

import numpy as np
import pytest
from cli_helpers import run as command
from cli_helpers import write

import amcspice as amc
from amcspice.circuit import INV, MVM, Eigen
from amcspice.engine import LinearModel
from amcspice.problem import make_circuit
from amcspice.reduction import reduce_to_ports

DRAW = np.random.default_rng(3)
SYMMETRIC = DRAW.random((4, 4))
MATRIX = SYMMETRIC + SYMMETRIC.T + 2 * np.eye(4)
VECTOR = DRAW.random(4)
PLAIN = {"mvm": MVM, "inv": INV, "ginv": amc.ClassicGINV, "eigen": Eigen}
DEVICE = amc.Memristor(levels=64, write_noise=0.01, seed=5)
WIRE = amc.Wire(row=1.0, column=2.0, driver=3.0, termination=4.0)
OPAMP = amc.OpAmp(gain=1e5)


def macro(matrix=MATRIX, **changes):
    return amc.Macro(matrix, **{"wire": WIRE, "opamp": OPAMP, "device": DEVICE, **changes})


def cells(circuit):
    return np.sort(circuit.schematic.crossbars[0].cells.ravel())


@pytest.mark.parametrize("mode", PLAIN)
def test_every_mode_is_one_of_the_known_circuits_with_the_same_cells(mode):
    circuit = macro().circuit(mode)
    plain = PLAIN[mode](MATRIX, device=DEVICE, wire=WIRE, opamp=OPAMP)
    assert isinstance(circuit, PLAIN[mode])
    assert amc.CIRCUITS[circuit.name] is type(circuit)
    assert circuit.problems == plain.problems
    first = macro().circuit("mvm").schematic.crossbars[0].cells
    assert np.array_equal(circuit.schematic.crossbars[0].cells, first)
    assert np.array_equal(plain.schematic.crossbars[0].cells, first)
    assert not np.array_equal(first, circuit.mapping.target)


@pytest.mark.parametrize("mode", PLAIN)
def test_ideal_switches_leave_the_plain_circuit(mode):
    """The same eigenvalues and answers, whether switches are left out or nearly ideal."""
    plain = PLAIN[mode](MATRIX, device=DEVICE, wire=WIRE, opamp=OPAMP)
    expected = LinearModel.of(plain, reduce_to_ports(plain.schematic)).eigenvalues
    for on, off, tolerance in ((None, None, 1e-9), (1e-3, 1e14, 1e-5)):
        circuit = macro(switch_on=on, switch_off=off).circuit(mode)
        eigenvalues = LinearModel.of(circuit, reduce_to_ports(circuit.schematic)).eigenvalues
        for value in expected:
            assert np.abs(eigenvalues - value).min() < tolerance * np.abs(expected).max()
        run, plain_run = (amc.simulate(c, VECTOR, fidelity="behavioural") for c in (circuit, plain))
        np.testing.assert_allclose(run.x, plain_run.x, rtol=1e-4)
        assert run.settling_time == pytest.approx(plain_run.settling_time, rel=1e-3)


@pytest.mark.parametrize("mode", ["mvm", "inv", "ginv"])
def test_error_grows_with_on_and_falls_with_off_resistance(mode, measured):
    def error(**switches):
        circuit = macro(device=amc.Memristor(), wire=amc.Wire(), **switches).circuit(mode)
        return amc.simulate(circuit, VECTOR, fidelity="behavioural").relative_error

    on = [error(switch_on=ohm, switch_off=None) for ohm in (10.0, 100.0, 1000.0)]
    off = [error(switch_on=None, switch_off=ohm) for ohm in (1e9, 1e8, 1e7)]
    for name, errors in (("on", on), ("off", off)):
        measured(f"{mode} {name}: smallest", errors[0])
        measured(f"{mode} {name}: largest", errors[-1])
    assert all(after > 2 * before for before, after in pairwise(on))
    if mode == "ginv":  # where leaks end at virtual grounds or at driven nodes
        assert off[-1] == pytest.approx(off[0], rel=0.1)
    else:
        assert all(after > 2 * before for before, after in pairwise(off))


def test_on_resistance_of_a_product_is_that_of_its_columns_and_feedback():
    """Oracle: columns behind R_on, feedback g_f in series with R_on, ideal amplifiers."""
    on, g_max = 500.0, amc.Memristor().g_max
    circuit = macro(
        device=amc.Memristor(),
        wire=amc.Wire(),
        switch_on=on,
        switch_off=None,
        opamp=amc.OpAmp(gain=1e8),
    ).circuit("mvm")
    G = MATRIX / MATRIX.max() * g_max
    # Column j drops to u_j / (1 + R_on sum_i G_ij), the rows being at virtual ground.
    columns = VECTOR / (1 + on * G.sum(axis=0))
    expected = MATRIX @ columns * (1 + on * g_max)
    run = amc.simulate(circuit, VECTOR, fidelity="behavioural")
    np.testing.assert_allclose(run.x, expected, rtol=1e-5)


@pytest.mark.ngspice
@pytest.mark.parametrize("mode", PLAIN)
def test_fidelities_agree(mode, measured):
    circuit = macro(switch_on=200.0, switch_off=1e8).circuit(mode)
    runs = [amc.simulate(circuit, VECTOR, fidelity=f) for f in ("flat", "reduced", "behavioural")]
    flat, reduced, behavioural = runs
    np.testing.assert_allclose(flat.x, reduced.x, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(behavioural.x, reduced.x, rtol=1e-4, atol=1e-5)
    assert behavioural.settling_time == pytest.approx(reduced.settling_time, rel=0.02)
    measured("relative error", reduced.relative_error)
    assert all(run.settled for run in runs)


def test_rectangular_and_non_negative():
    matrix = DRAW.random((7, 3))
    tall = macro(matrix, device=amc.Memristor(), wire=amc.Wire(), switch_on=1.0, switch_off=1e12)
    vector = matrix @ [0.5, -0.2, 0.4]
    circuit = tall.circuit("ginv", constraint=amc.NonNegative())
    run = amc.simulate(circuit, vector, fidelity="behavioural")
    assert run.reference.min() == 0
    assert run.relative_error < 1e-3
    assert amc.simulate(tall.circuit("mvm"), [0.1, 0.2, 0.3], fidelity="behavioural").settled
    for mode in ("inv", "eigen"):
        with pytest.raises(amc.InputError, match="square"):
            tall.circuit(mode)


def test_line_capacitance_stands_behind_the_switches():
    wire = amc.Wire(column_capacitance=1e-14)
    circuit = macro(wire=wire).circuit("mvm")
    nodes, farads = circuit.schematic.capacitors
    names = [circuit.schematic.network.names[node] for node in nodes]
    assert names == ["t0", "t1", "t2", "t3"]
    np.testing.assert_allclose(farads, 4e-14)


def test_parameters_are_described():
    described = macro(switch_on=50.0, switch_off=2e9).circuit("inv").describe()
    assert described["name"] == "macro-inv"
    assert described["switches"] == {"type": "Switches", "on": 50.0, "off": 2e9}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: macro(-MATRIX), "non-negative matrices only"),
        (lambda: macro().circuit("svd"), "no mode 'svd'; choose from mvm, inv, ginv, eigen"),
        (lambda: macro(switch_on=0.0), "Switches.on"),
        (lambda: macro(switch_on=1e9, switch_off=1e6), "must be above"),
        (lambda: macro().circuit("ginv", ridge=0.1), "no ridge"),
        (lambda: macro().circuit("ginv", rows=np.arange(4) > 0), "no ridge, no selected rows"),
    ],
)
def test_refused(make, message):
    with pytest.raises(amc.AmcspiceError, match=message):
        make()


def test_command_line(tmp_path):
    target = tmp_path / "run.json"
    words = ["solve", "nnls", *write(tmp_path), "--fidelity", "behavioural"]
    result = command(*words, "--circuit", "macro-ginv", "--switch-on", 40, "--json", target)
    assert result.exit_code == 0, result.output
    content = json.loads(target.read_text())
    assert content["circuit"] == "macro-ginv"
    assert content["provenance"]["circuit"]["switches"] == {
        "type": "Switches",
        "on": 40.0,
        "off": 1e9,
    }
    refused = command(*words, "--switch-on", 40)
    assert refused.exit_code == 2
    assert "does not take switch_on" in refused.output


def test_a_parameter_of_switches_changes_those_that_are_given():
    given = amc.Switches(on=20.0, off=1e8)
    circuit = make_circuit(
        "mvm", np.eye(2), circuit="macro-mvm", switches=given, switch_on="30 ohm"
    )
    assert circuit.switches == amc.Switches(on=30.0, off=1e8)
