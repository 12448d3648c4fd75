"""What makes large inverses quick: each short way against the long one."""

from __future__ import annotations

import numpy as np
import pytest

import amcspice as amc
from amcspice.circuit.topologies.inverse import SINGULAR, is_singular
from amcspice.engine.batch import Batch
from amcspice.engine.dc import solver
from amcspice.engine.dc.stability import surely_decay
from amcspice.engine.equations.linear import LinearModel
from amcspice.engine.equations.pins import Pins
from amcspice.errors import UnstableError

draw = np.random.default_rng(3)


def definite(n):
    X = draw.standard_normal((n, 2 * n))
    return X @ X.T / (2 * n) + 0.3 * np.eye(n)


CIRCUITS = {
    "compensated": (amc.CompensatedINV, definite(9), {}),
    "inverters": (amc.InverterINV, definite(9), {}),
    "non-negative": (amc.INV, np.abs(definite(9)) + np.eye(9), {}),
    "wires": (amc.CompensatedINV, definite(6), {"wire": amc.Wire(row=1.0, column=2.0)}),
    "product": (amc.MVM, draw.standard_normal((4, 7)), {}),
    "least squares": (amc.CompactGINV, draw.random((8, 3)), {}),
    "input resistance": (
        amc.CompensatedINV,
        definite(5),
        {"opamp": amc.OpAmp(input_resistance=1e6)},
    ),
}


@pytest.mark.parametrize("name", CIRCUITS)
def test_ports_are_inverted_like_any_matrix(name):
    kind, matrix, options = CIRCUITS[name]
    circuit = kind(matrix, **options)
    pins = Pins.of(circuit, Batch.of([circuit]))
    np.testing.assert_allclose(
        pins.resistance,
        np.linalg.inv(pins.loaded),
        rtol=1e-9,
        atol=1e-9 * np.abs(pins.resistance).max(),
    )


def test_the_pins_are_those_of_the_schematic():
    circuit = amc.CompensatedINV(definite(4))
    batch = Batch.of([circuit])
    pins, (bank,) = Pins.of(circuit, batch), circuit.schematic.amplifiers
    V = draw.standard_normal((1, len(batch.nodes), 3))
    at = {node: place for place, node in enumerate(batch.nodes)}
    for k in range(4):
        across = V[0, at[bank.plus[k]]] - V[0, at[bank.minus[k]]]
        np.testing.assert_array_equal(pins.across(V)[0, k], across)
    np.testing.assert_allclose(pins.difference @ V[0], pins.across(V)[0])
    grounded = amc.INV(np.eye(3))
    inputs = Pins.of(grounded, Batch.of([grounded]))
    assert (inputs.plus < 0).all()
    assert inputs.inputs.sum() == 3


def test_the_certificate_of_stability_never_errs():
    """Against the eigenvalues, of matrices on both sides of the boundary."""
    sure = stable = 0
    for _ in range(300):
        n = int(draw.integers(2, 12))
        G = definite(n) + draw.uniform(0, 1.5) * draw.standard_normal((n, n)) / np.sqrt(n)
        rate = -draw.uniform(0.1, 3, n)[:, None] * G
        gain = np.full(n, 1e4)
        decays = np.linalg.eigvals(rate - np.diag(1 / gain)).real.max() < 0
        certain = bool(surely_decay(rate[None], gain)[0])
        assert decays or not certain
        sure, stable = sure + certain, stable + decays
    assert 0.3 * stable < sure < stable < 300


def test_a_chip_refuses_what_the_eigenvalues_refuse():
    A = definite(12)
    scale = 1 / np.sqrt(np.diag(A))
    A = scale[:, None] * A * scale
    noise = 1.1 / np.linalg.norm(np.linalg.inv(A))
    found = set()
    for seed in range(20):
        cells = amc.Memristor(write_noise=noise, seed=seed)
        circuit = amc.CompensatedINV(A, device=cells, opamp=amc.OpAmp.preset("onchip-1g"))
        (model,) = Batch.of([circuit]).models
        stable = LinearModel.of(circuit, model).stable
        found.add(stable)
        try:
            solver.RestSolver(circuit, model)
        except UnstableError:
            assert not stable
        else:
            assert stable
    assert found == {True, False}


@pytest.mark.parametrize("condition", [1.0, 1e6, 1e11, 0.9e12, 1.1e12, 1e14])
def test_singular_is_judged_by_singular_values(condition):
    n = 20
    U, _ = np.linalg.qr(draw.standard_normal((n, n)))
    V, _ = np.linalg.qr(draw.standard_normal((n, n)))
    A = U * np.geomspace(1, 1 / condition, n) @ V
    assert is_singular(A) == (np.linalg.cond(A) > SINGULAR) == (condition > SINGULAR)
    assert is_singular(np.ones((3, 3)))


def test_outputs_at_their_rails_are_not_followed_while_a_range_is_looked_for(monkeypatch):
    def refuse(*_):
        raise AssertionError("followed")

    monkeypatch.setattr(solver, "followed_rest", refuse)
    X = np.random.default_rng(0).standard_normal((30, 60))
    A = X @ X.T / 60 + 0.1 * np.eye(30)
    scale = 1 / np.sqrt(np.diag(A))
    A = scale[:, None] * A * scale
    noise = 1.1 / np.linalg.norm(np.linalg.inv(A))
    for seed in (6, 10):  # with these cells no active set ends for a vector of the calibration
        chip = amc.Chip(write_noise=noise, seed=seed, opamp="onchip-1g")
        inverse = chip.program(A, "inv")
        answers = inverse.run(X[:, :2])
        assert not answers.operations.saturated.any()
        assert np.isfinite(answers.x).all()
        assert max(row["cell_voltage"] for _, row in chip.ledger.sums("operation")) > 0
