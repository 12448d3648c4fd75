"""Networks of conductances and the crossbars that are emitted into them."""

import numpy as np
import pytest

from amcspice.circuit.crossbar import Crossbar, emit
from amcspice.circuit.network import GROUND, Network
from amcspice.errors import InputError


def two_nodes():
    network = Network()
    return network, network.nodes("a", 2)


def test_nodes_are_named_by_index():
    network = Network()
    np.testing.assert_array_equal(network.nodes("x", 2), [1, 2])
    np.testing.assert_array_equal(network.nodes("w", 2, 2), [[3, 4], [5, 6]])
    assert network.nodes("single") == 7
    assert network.names == ["0", "x0", "x1", "w0_0", "w0_1", "w1_0", "w1_1", "single"]
    assert len(network) == 8


def test_laplacian_of_a_small_network():
    network, (a, b) = two_nodes()
    network.connect(a, b, 2.0)
    network.connect([a, b], GROUND, [1.0, 0.5])
    network.connect(a, b, 1.0)
    np.testing.assert_allclose(network.laplacian().toarray(), [[4.0, -3.0], [-3.0, 3.5]])


def test_currents_balance():
    """Kirchhoff: without grounded elements every row and column of the Laplacian adds up to 0."""
    draw = np.random.default_rng(0)
    network = Network()
    nodes = network.nodes("n", 12)
    network.connect(draw.choice(nodes, 40), draw.choice(nodes, 40), draw.random(40))
    laplacian = network.laplacian().toarray()
    np.testing.assert_allclose(laplacian.sum(axis=0), 0, atol=1e-12)
    np.testing.assert_array_equal(laplacian, laplacian.T)
    assert np.linalg.eigvalsh(laplacian).min() > -1e-12


def test_zeros_and_self_loops_are_left_out():
    network, (a, b) = two_nodes()
    network.connect([a, a, b], [b, a, GROUND], [0.0, 5.0, 2.0])
    first, second, value = network.elements
    assert (first.tolist(), second.tolist(), value.tolist()) == ([b], [GROUND], [2.0])


def test_empty_network():
    network, _ = two_nodes()
    assert [len(column) for column in network.elements] == [0, 0, 0]
    np.testing.assert_array_equal(network.laplacian().toarray(), np.zeros((2, 2)))


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_bad_conductances_are_refused(value):
    network, (a, b) = two_nodes()
    with pytest.raises(InputError, match="negative or not finite"):
        network.connect(a, b, value)


def test_copy_is_independent():
    network, (a, b) = two_nodes()
    network.connect(a, b, 1.0)
    copy = network.copy()
    copy.connect(copy.nodes("extra", 1), a, 1.0)
    assert len(copy) == len(network) + 1
    assert len(network.elements[0]) == 1


def emitted(**changes):
    network = Network()
    rows, columns = network.nodes("r", 2), network.nodes("x", 3)
    options = {
        "name": "a",
        "cells": np.arange(1.0, 7.0).reshape(2, 3),
        "rows": rows,
        "columns": columns,
        "row_segment": None,
        "column_segment": None,
        "row_lead": None,
        "column_leads": np.zeros(3),
        "row_ground": np.zeros(2),
    }
    emit(Crossbar(**{**options, **changes}), network)
    a, b, value = network.elements
    names = network.names
    return {
        frozenset((names[i], names[j])): g
        for i, j, g in zip(a.tolist(), b.tolist(), value.tolist(), strict=True)
    }


def test_ideal_lattice_is_the_matrix():
    expected = {frozenset((f"r{i}", f"x{j}")): 3.0 * i + j + 1 for i in (0, 1) for j in (0, 1, 2)}
    assert emitted() == expected


def test_row_and_column_segments_are_where_they_belong():
    conductance = emitted(row_segment=2.0, column_segment=4.0)
    assert conductance[frozenset(("r0", "aw0_0"))] == 0.5
    assert conductance[frozenset(("aw1_0", "aw1_1"))] == 0.5
    assert conductance[frozenset(("x2", "ab2_0"))] == 0.25
    assert conductance[frozenset(("ab0_0", "ab0_1"))] == 0.25
    assert conductance[frozenset(("aw1_2", "ab2_1"))] == 6.0
    # 2 x 3 segments along rows, the same along columns, 6 cells.
    assert len(conductance) == 18


def test_leads_add_to_the_first_segment():
    conductance = emitted(row_segment=2.0, row_lead=3.0, column_leads=np.array([0.0, 1.0, 0.0]))
    assert conductance[frozenset(("r1", "aw1_0"))] == pytest.approx(1 / 5)
    assert conductance[frozenset(("aw1_0", "aw1_1"))] == 0.5
    assert conductance[frozenset(("x1", "ab0"))] == 1.0
    assert conductance[frozenset(("aw0_1", "ab0"))] == 2.0
    assert conductance[frozenset(("aw0_0", "x0"))] == 1.0


def test_row_ground_is_at_the_terminal():
    conductance = emitted(row_segment=2.0, row_ground=np.array([0.0, 7.0]))
    assert conductance[frozenset(("r1", "0"))] == 7.0
    assert frozenset(("r0", "0")) not in conductance


def test_cells_are_told_from_wires():
    network = Network()
    a, b = network.nodes("a", 2), network.nodes("b", 3)
    network.connect(a[0], b[0], 1.0)
    network.connect(a[:, None], b, [[1.0, 0.0, 2.0], [3.0, 4.0, 0.0]], cells=True)
    longer = network.copy()
    longer.connect(b, GROUND, 5.0)
    _, _, value = longer.elements
    np.testing.assert_array_equal(longer.are_cells, [False] + [True] * 4 + [False] * 3)
    np.testing.assert_array_equal(value[longer.are_cells], [1.0, 2.0, 3.0, 4.0])
    assert len(network.are_cells) == 5
    assert len(Network().are_cells) == 0
