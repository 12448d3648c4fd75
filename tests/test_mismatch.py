"""Amplifiers that are not equal: the draw, and the same circuit in every fidelity."""

import json

import numpy as np
import pytest
from cli_helpers import run, write
from oracles import random_problem
from scipy import stats

import amcspice as amc
from amcspice.engine import LinearModel
from amcspice.reduction import reduce_to_ports

MISMATCHED = amc.OpAmp(
    gain=300.0, gbw=1e8, offset=1e-3, offset_sigma=3e-3, gain_sigma=0.3, mismatch_seed=5,
    output_resistance=1e-3,
)  # fmt: skip


def test_the_draw_has_the_stated_distribution():
    opamp = amc.OpAmp(gain=1e4, offset=2e-3, offset_sigma=1e-3, gain_sigma=0.4)
    offsets, gains = opamp.offsets(20000), opamp.gains(20000)
    assert stats.kstest((offsets - 2e-3) / 1e-3, "norm").pvalue > 1e-3
    assert stats.kstest(np.log(gains / 1e4) / 0.4, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(offsets, np.log(gains))[0, 1]) < 0.03


def test_the_draw_follows_the_seed_and_not_the_number():
    one, other = (amc.OpAmp(offset_sigma=1e-3, mismatch_seed=seed) for seed in (1, 2))
    np.testing.assert_array_equal(one.offsets(3), one.offsets(7)[:3])
    assert not np.isin(one.offsets(5), other.offsets(5)).any()
    np.testing.assert_array_equal(one.gains(4), np.full(4, one.gain))
    np.testing.assert_array_equal(amc.OpAmp(offset=1e-3).offsets(2), [1e-3, 1e-3])


def by_hand(A, current, opamp):
    """Solve row, column and amplifier equations of the compensated compact circuit.

    S v_i = sum_j G_ij (x_j + u_j) - I_i,  T_j u_j = sum_i G_ij v_i,  x_j = A_j (vos_j - u_j).
    """
    m, n = A.shape
    G = 100e-6 * A / A.max()
    S, T = (2 * G.sum(axis=1)).max(), G.sum(axis=0)
    gains, offsets = opamp.gains(n), opamp.offsets(n)
    system = np.block(
        [
            [S * np.eye(m), -G, -G],
            [-G.T, np.diag(T), np.zeros((n, n))],
            [np.zeros((n, m)), np.diag(gains), np.eye(n)],
        ]
    )
    known = np.concatenate([-current, np.zeros(n), gains * offsets])
    return np.linalg.solve(system, known)[-n:]


def test_the_linear_model_agrees_with_the_equations_by_hand():
    A, b = random_problem(1, rows=8, columns=3)
    circuit = amc.CompactGINV(A, opamp=MISMATCHED)
    model = reduce_to_ports(circuit.schematic)
    currents = circuit.schematic.currents(b[None], 0.3)
    found = LinearModel.of(circuit, model).operating_point(model.port_currents(currents))[0]
    outputs = np.searchsorted(model.nodes, circuit.schematic.outputs)
    expected = by_hand(A, -currents[0], MISMATCHED)
    np.testing.assert_allclose(found[outputs], expected, rtol=1e-5)
    equal = by_hand(A, -currents[0], amc.OpAmp(gain=300.0, offset=1e-3))
    assert np.abs(expected / equal - 1).max() > 0.01


@pytest.mark.ngspice
@pytest.mark.parametrize("topology", [amc.CompactGINV, amc.ClassicGINV])
@pytest.mark.parametrize("constraint", [amc.Unconstrained(), amc.NonNegative()])
def test_every_fidelity_has_the_same_amplifiers(topology, constraint, measured):
    A, b = random_problem(3, rows=6, columns=3, vectors=2)
    circuit = topology(A, opamp=MISMATCHED, constraint=constraint)
    flat, reduced, behavioural = (
        amc.simulate(circuit, b, fidelity=fidelity)
        for fidelity in ("flat", "reduced", "behavioural")
    )
    scale = np.abs(flat.x).max()
    np.testing.assert_allclose(reduced.x, flat.x, atol=1e-6 * scale)
    measured("behavioural, fraction of full scale", np.abs(behavioural.x - flat.x).max() / scale)
    np.testing.assert_allclose(behavioural.x, flat.x, atol=2e-4 * scale)
    np.testing.assert_allclose(behavioural.settling_time, flat.settling_time, rtol=0.03)
    matched = topology(A, opamp=amc.OpAmp(gain=300.0, offset=1e-3), constraint=constraint)
    other = amc.simulate(matched, b, fidelity="reduced")
    assert np.abs(other.x - flat.x).max() > 1e-3 * scale


def test_decks_name_every_amplifier_s_own_values():
    A, b = random_problem(3, rows=4, columns=3)
    deck = str(amc.to_pyspice(amc.CompactGINV(A, opamp=MISMATCHED), b))
    for gain, offset in zip(MISMATCHED.gains(3), MISMATCHED.offsets(3), strict=True):
        assert f"a0={float(gain)!r}" in deck
        assert f"vos={float(offset)!r}" in deck


@pytest.mark.ngspice
def test_command(tmp_path):
    found = []
    for seed in (1, 1, 2):
        target = tmp_path / "out.json"
        result = run("solve", "lstsq", *write(tmp_path), "--offset-sigma", "2e-3",
                     "--gain-sigma", "0.2", "--seed", seed, "--json", target)  # fmt: skip
        assert result.exit_code == 0, result.output
        content = json.loads(target.read_text())
        described = content["provenance"]["circuit"]["opamp"]
        assert (described["offset_sigma"], described["mismatch_seed"]) == (2e-3, seed)
        found.append(content["solution"])
    assert found[0] == found[1] != found[2]
