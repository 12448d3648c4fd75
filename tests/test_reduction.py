"""Exact reduction: against dense algebra, and by what a reduction must preserve."""

import dataclasses

import numpy as np
import pytest
from oracles import random_problem

import amcspice as amc
from amcspice.errors import InputError
from amcspice.reduction import reduce_to_ports

WIRES = {
    "ideal": amc.Wire(),
    "unequal": amc.Wire(row=1.0, column=2.5),
    "leads": amc.Wire(row=1.0, column=2.5, driver=3.0, termination=4.0),
    "rows only": amc.Wire(row=2.0),
    "columns only": amc.Wire(column=2.0),
    "driver only": amc.Wire(driver=50.0),
}


def schematic_of(circuit_type, wire, seed=0, **options):
    A, _ = random_problem(seed, rows=9, columns=4)
    return circuit_type(A, wire=wire, **options).schematic


def dense_schur(schematic):
    """Port conductance and transfer by dense linear algebra."""
    laplacian = schematic.network.laplacian().toarray()
    ports = schematic.ports - 1
    inside = np.setdiff1d(np.arange(len(laplacian)), ports)
    solved = np.linalg.solve(laplacian[np.ix_(inside, inside)], laplacian[np.ix_(inside, ports)])
    conductance = laplacian[np.ix_(ports, ports)] - laplacian[np.ix_(ports, inside)] @ solved
    transfer = np.zeros((len(schematic.injected), len(ports)))
    for row, node in enumerate(schematic.injected - 1):
        if node in ports:
            transfer[row, np.flatnonzero(ports == node)] = 1
        else:
            transfer[row] = -solved[np.flatnonzero(inside == node)[0]]
    return conductance, transfer


@pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES)
@pytest.mark.parametrize("circuit_type", [amc.ClassicGINV, amc.CompactGINV])
def test_agrees_with_a_dense_schur_complement(circuit_type, wire):
    schematic = schematic_of(circuit_type, wire)
    model = reduce_to_ports(schematic)
    conductance, transfer = dense_schur(schematic)
    scale = np.abs(conductance).max()
    np.testing.assert_allclose(model.conductance, conductance, atol=1e-11 * scale)
    np.testing.assert_allclose(model.transfer, transfer, atol=1e-11)


@pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES)
@pytest.mark.parametrize("compensation", [True, False])
def test_row_by_row_agrees_with_sparse_lu(wire, compensation):
    schematic = schematic_of(
        amc.CompactGINV, wire, compensation=compensation, ridge=0.1, column_load=0.5
    )
    rows, lu = (reduce_to_ports(schematic, method) for method in ("rows", "lu"))
    scale = np.abs(lu.conductance).max()
    np.testing.assert_allclose(rows.conductance, lu.conductance, atol=1e-12 * scale)
    np.testing.assert_allclose(rows.transfer, lu.transfer, atol=1e-12)
    currents = np.random.default_rng(1).standard_normal((5, len(schematic.injected)))
    np.testing.assert_allclose(rows.local_power(currents), lu.local_power(currents), rtol=1e-10)


@pytest.mark.parametrize("shape", [(1, 3), (5, 1), (45, 9)])
@pytest.mark.parametrize("wire", [WIRES["leads"], WIRES["columns only"]])
def test_panels_of_any_number_and_width_agree_with_sparse_lu(shape, wire, monkeypatch):
    monkeypatch.setattr("amcspice.crossbar.tiles.CROSSINGS_AT_ONCE", 400)
    matrix = np.random.default_rng(4).random(shape)
    matrix[-1, -1] = 0 if len(matrix) > 1 else 1
    schematic = amc.CompactGINV(matrix, wire=wire).schematic
    rows, lu = (reduce_to_ports(schematic, method) for method in ("rows", "lu"))
    scale = np.abs(lu.conductance).max()
    np.testing.assert_allclose(rows.conductance, lu.conductance, atol=1e-11 * scale)
    np.testing.assert_allclose(rows.transfer, lu.transfer, atol=1e-11)
    currents = np.random.default_rng(1).standard_normal((2, len(schematic.injected)))
    np.testing.assert_allclose(rows.local_power(currents), lu.local_power(currents), rtol=1e-10)


@pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES)
@pytest.mark.parametrize("shape", [(1, 3), (5, 1), (45, 9)])
def test_word_lines_that_end_at_amplifiers_agree_with_sparse_lu(wire, shape):
    matrix = np.random.default_rng(4).random(shape)
    selected = np.ones(len(matrix), bool)
    if len(matrix) > 1:
        matrix[1, 0], selected[2] = 0, False
    schematic = amc.ClassicGINV(matrix, wire=wire, rows=selected, ridge=0.1).schematic
    rows, lu = (reduce_to_ports(schematic, method) for method in ("rows", "lu"))
    scale = np.abs(lu.conductance).max()
    np.testing.assert_allclose(rows.conductance, lu.conductance, atol=1e-11 * scale)
    np.testing.assert_array_equal(rows.transfer, lu.transfer)
    currents = np.ones((2, len(schematic.injected)))
    np.testing.assert_array_equal(rows.local_power(currents), np.zeros(2))


@pytest.mark.parametrize("circuit_type", [amc.ClassicGINV, amc.CompactGINV])
def test_currents_and_powers_are_preserved(circuit_type):
    """Drive the ports of both networks by the same voltages and inject the same currents."""
    schematic = schematic_of(circuit_type, WIRES["leads"])
    model = reduce_to_ports(schematic)
    draw = np.random.default_rng(2)
    voltages = draw.standard_normal(len(model.nodes))
    currents = 1e-4 * draw.standard_normal(len(schematic.injected))
    laplacian = schematic.network.laplacian().toarray()
    injected = np.zeros(len(laplacian))
    np.add.at(injected, schematic.injected - 1, currents)
    ports = model.nodes - 1
    inside = np.setdiff1d(np.arange(len(laplacian)), ports)
    v = np.zeros(len(laplacian))
    v[ports] = voltages
    v[inside] = np.linalg.solve(
        laplacian[np.ix_(inside, inside)],
        injected[inside] - laplacian[np.ix_(inside, ports)] @ voltages,
    )
    into_ports = (laplacian @ v - injected)[ports]
    into_model = model.conductance @ voltages - model.port_currents(currents[None])[0]
    np.testing.assert_allclose(into_model, into_ports, atol=1e-12 * np.abs(into_ports).max())
    power = v[schematic.injected - 1] @ currents
    arriving = voltages @ model.port_currents(currents[None])[0]
    assert arriving + model.local_power(currents[None])[0] == pytest.approx(power, rel=1e-9)


@pytest.mark.parametrize("circuit_type", [amc.ClassicGINV, amc.CompactGINV])
def test_reduced_network_has_the_port_conductances(circuit_type):
    model = reduce_to_ports(schematic_of(circuit_type, WIRES["unequal"]))
    scale = np.abs(model.conductance).max()
    np.testing.assert_allclose(
        model.network.laplacian().toarray(), model.conductance, atol=1e-11 * scale
    )
    assert model.network.names[1:] == list(model.names)


@pytest.mark.parametrize("circuit_type", [amc.ClassicGINV, amc.CompactGINV])
def test_port_conductance_is_symmetric_and_passive(circuit_type):
    model = reduce_to_ports(schematic_of(circuit_type, WIRES["leads"]))
    np.testing.assert_array_equal(model.conductance, model.conductance.T)
    assert np.linalg.eigvalsh(model.conductance).min() > -1e-15
    # Current conservation: what is injected leaves by the ports and by grounded elements only.
    assert (model.transfer.sum(axis=1) <= 1 + 1e-12).all()
    assert (model.transfer > -1e-15).all()


def test_without_grounded_elements_all_current_arrives_at_the_ports():
    schematic = schematic_of(amc.CompactGINV, WIRES["leads"], compensation=False)
    np.testing.assert_allclose(reduce_to_ports(schematic).transfer.sum(axis=1), 1, rtol=1e-12)


def test_wires_vanish_in_the_limit():
    ideal = reduce_to_ports(schematic_of(amc.CompactGINV, amc.Wire())).conductance
    distance = [
        np.abs(
            reduce_to_ports(
                schematic_of(amc.CompactGINV, amc.Wire(row=ohm, column=ohm))
            ).conductance
            - ideal
        ).max()
        for ohm in (1e-2, 1e-3)
    ]
    assert distance[1] == pytest.approx(distance[0] / 10, rel=1e-3)


def test_scaling_every_resistance_scales_the_conductance():
    A, _ = random_problem(0, rows=9, columns=4)
    low = amc.CompactGINV(A, wire=amc.Wire(row=1.0, column=2.0))
    high = amc.CompactGINV(
        A, wire=amc.Wire(row=10.0, column=20.0), device=amc.Memristor(g_max=1e-5)
    )
    np.testing.assert_allclose(
        reduce_to_ports(high.schematic).conductance,
        reduce_to_ports(low.schematic).conductance / 10,
        rtol=1e-9,
        atol=1e-16,
    )


def test_row_order_does_not_matter_without_column_wires():
    A, _ = random_problem(0, rows=9, columns=4)
    order = np.random.default_rng(3).permutation(9)
    wire = amc.Wire(row=1.0, termination=5.0)
    plain, moved = (reduce_to_ports(amc.CompactGINV(m, wire=wire).schematic) for m in (A, A[order]))
    np.testing.assert_allclose(moved.conductance, plain.conductance, rtol=1e-10, atol=1e-16)
    np.testing.assert_allclose(moved.transfer, plain.transfer[order], rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("wire", [amc.Wire(), amc.Wire(row=1.0, column=2.5)])
def test_masked_rows_disappear_but_for_column_wires(wire):
    A, _ = random_problem(0, rows=9, columns=4)
    rows = np.arange(9) != 4
    masked = reduce_to_ports(amc.CompactGINV(A, rows=rows, wire=wire).schematic)
    absent = reduce_to_ports(amc.CompactGINV(A[rows], wire=wire).schematic)
    distance = np.abs(masked.conductance - absent.conductance).max()
    scale = np.abs(absent.conductance).max()
    if wire.ideal:
        assert distance < 1e-12 * scale
    else:
        # One more column segment below the masked row: 2.5 ohm against cells of 10 kilohm.
        assert 1e-9 * scale < distance < 1e-3 * scale


def test_rows_method_is_refused_where_other_nodes_are_interior():
    schematic = schematic_of(amc.CompactGINV, WIRES["leads"])
    network = schematic.peripheral.copy()
    network.connect(network.nodes("extra", 1), schematic.outputs[:1], 1e-3)
    with pytest.raises(InputError, match="without other nodes"):
        reduce_to_ports(dataclasses.replace(schematic, peripheral=network), "rows")


def test_a_row_without_cells_is_refused():
    """Without compensation a row that programming switched off is connected to nothing."""
    device = amc.Memristor(levels=2)
    matrix = np.array([[1.0, 1.0], [0.1, 0.1], [0.9, 0.2]])
    with pytest.raises(InputError, match="connected to nothing"):
        reduce_to_ports(amc.CompactGINV(matrix, device=device, compensation=False).schematic, "lu")


@pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES)
def test_a_column_that_programming_switched_off_is_refused(wire):
    device = amc.Memristor(levels=2)
    circuit = amc.ClassicGINV([[1.0, 0.2], [1.0, 0.1]], device=device, wire=wire)
    with pytest.raises(InputError, match="is connected to nothing: after programming"):
        reduce_to_ports(circuit.schematic)
