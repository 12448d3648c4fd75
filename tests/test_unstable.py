"""Circuits without a stable operating point: refused, or simulated on request."""

import json

import numpy as np
import pytest
from cli_helpers import run as command

import amcspice as amc
from amcspice.engine.equations.linear import LinearModel
from amcspice.engine.remedies import noise_share
from amcspice.reduction import reduce_to_ports

POSITIVE_EIGENVALUE = np.array([[0.2, 1.0], [1.0, 0.3]])  # INV: det < 0, one mode grows
CLASSIC = np.random.default_rng(7).random((3, 2))


def latching():
    return amc.make_circuit("inv", POSITIVE_EIGENVALUE, opamp=amc.OpAmp(gain=1e4)), [1.0, 0.5]


def ringing():
    """Two amplifiers in a row with capacitance between: it oscillates between the rails."""
    opamp = amc.OpAmp(gain=1e4, gbw=100e6, input_capacitance=3e-12)
    return amc.ClassicGINV(CLASSIC, opamp=opamp), CLASSIC @ [0.5, 0.2]


@pytest.mark.parametrize("make", [latching, ringing])
def test_it_is_refused_with_its_eigenvalue(make):
    circuit, vector = make()
    with pytest.raises(amc.UnsupportedError, match=r"unstable: eigenvalue \d.*allow unstable"):
        amc.simulate(circuit, vector, fidelity="behavioural")


@pytest.mark.ngspice
@pytest.mark.parametrize("fidelity", ["flat", "reduced", "behavioural"])
def test_one_growing_mode_ends_at_the_rails(fidelity):
    circuit, vector = latching()
    run = amc.simulate(circuit, vector, fidelity=fidelity, allow_unstable=True)
    final = run.waveforms.segments[0].voltages[-1]
    assert run.near_limit
    assert run.runs_away
    assert "caution: the circuit is unstable, which was allowed" in repr(run)
    assert run.range_halvings == 0
    assert np.abs(final).max() == pytest.approx(5.0, rel=0.01)
    assert run.relative_error > 1


@pytest.mark.ngspice
@pytest.mark.parametrize("fidelity", ["reduced", "behavioural"])
def test_an_oscillation_never_settles(fidelity):
    circuit, vector = ringing()
    run = amc.simulate(circuit, vector, fidelity=fidelity, allow_unstable=True)
    assert not run.settled
    assert np.isnan(run.settling_time)
    assert any("did not settle" in sentence for sentence in run.cautions)
    late = run.waveforms.segments[0]
    outputs = late.voltages[:, list(run.waveforms.outputs)]
    half = late.time > late.time[-1] / 2
    assert np.ptp(outputs[half], axis=0).max() > 1.0


@pytest.mark.ngspice
@pytest.mark.parametrize("fidelity", ["flat", "reduced", "behavioural"])
def test_without_input_it_stands_at_a_saddle(fidelity):
    circuit, _ = latching()
    run = amc.simulate(circuit, [0.0, 0.0], fidelity=fidelity, allow_unstable=True)
    assert run.saddle
    assert not run.settled
    assert np.isnan(run.settling_time)


@pytest.mark.ngspice
@pytest.mark.parametrize("fidelity", ["dc", "flat", "reduced", "behavioural"])
def test_what_rings_while_it_is_active_is_not_settled_where_it_touches_zero(fidelity):
    """Held at zero it is at rest; at zero without being pushed there it is not."""
    opamp = amc.OpAmp(gain=1e4, gbw=100e6, input_capacitance=3e-12)
    circuit = amc.ClassicGINV(CLASSIC, constraint=amc.NonNegative(), opamp=opamp)
    vectors = CLASSIC @ np.array([[-1.0, -0.5], [0.0, 0.0]]).T
    with pytest.warns(amc.CautionWarning, match="1 of 2 right-hand sides"):
        run = amc.simulate(circuit, vectors, fidelity=fidelity)
    np.testing.assert_array_equal(run.settled, [True, False])


def test_stable_circuits_are_what_they_were():
    circuit = amc.CompactGINV(CLASSIC)
    vector = CLASSIC @ [0.5, 0.2]
    plain, allowed = (
        amc.simulate(circuit, vector, fidelity="behavioural", allow_unstable=allow)
        for allow in (False, True)
    )
    assert np.array_equal(plain.x, allowed.x)
    assert np.array_equal(plain.settling_time, allowed.settling_time)
    assert not allowed.runs_away


def test_the_command_line_has_the_flag(tmp_path):
    np.save(tmp_path / "A.npy", POSITIVE_EIGENVALUE)
    np.savetxt(tmp_path / "b.csv", [[1.0], [0.5]], delimiter=",")
    words = ["solve", "inv", "--matrix", tmp_path / "A.npy", "--rhs", tmp_path / "b.csv",
             "--fidelity", "behavioural"]  # fmt: skip
    refused = command(*words)
    assert refused.exit_code == 2
    assert "unstable: eigenvalue" in refused.output
    target = tmp_path / "run.json"
    allowed = command(*words, "--allow-unstable", "--json", target)
    assert allowed.exit_code == 0, allowed.output
    content = json.loads(target.read_text())
    assert content["near_limit"] is content["unstable"] is True
    assert [f"note: {sentence}" for sentence in content["cautions"]] == allowed.stderr.splitlines()
    assert len(content["cautions"]) >= 2


# What makes it stable, and how near it is.


def refusal(circuit, vector, fidelity="dc"):
    with pytest.raises(amc.UnsupportedError) as caught:
        amc.simulate(circuit, vector, fidelity=fidelity)
    return str(caught.value)


def well_conditioned(n=16):
    """Return a covariance, scaled to a diagonal of ones."""
    data = np.random.default_rng(0).standard_normal((4 * n, n))
    matrix = data.T @ data
    scale = 1 / np.sqrt(np.diag(matrix))
    return scale[:, None] * matrix * scale


def noisy(matrix, noise, seed=0, **more):
    return amc.make_circuit("inv", matrix, write_noise=noise, seed=seed, **more)


@pytest.mark.parametrize("fidelity", ["dc", "behavioural"])
def test_a_matrix_that_no_hardware_inverts_is_sent_to_least_squares(fidelity):
    circuit, vector = latching()
    said = refusal(circuit, vector, fidelity)
    assert "each of these makes it stable: problem lstsq (ginv-compact)" in said
    for other in ("write_noise", "g_max", "gbw", "capacitance of", "diagonal"):
        assert other not in said
    run = amc.solve("lstsq", POSITIVE_EIGENVALUE, vector, fidelity=fidelity, gain=1e4)
    assert run.relative_error < 0.01


def test_capacitance_is_answered_by_what_it_takes():
    circuit, vector = ringing()
    said = refusal(circuit, vector)
    assert "circuit ginv-compact" in said
    assert "write_noise" not in said
    assert "lstsq" not in said
    less = float(said.split("input_capacitance of ")[1].split(" F")[0])
    for capacitance, stable in ((less, True), (2.1 * less, False)):
        opamp = amc.OpAmp(gain=1e4, gbw=100e6, input_capacitance=capacitance)
        changed = amc.ClassicGINV(CLASSIC, opamp=opamp)
        if stable:
            assert amc.simulate(changed, vector, fidelity="dc").settled
        else:
            refusal(changed, vector)


@pytest.mark.parametrize(
    "matrix", [well_conditioned(), well_conditioned(24), 3.0 * well_conditioned()]
)
def test_the_limit_of_write_noise_is_the_law(matrix):
    """sigma |A^-1|_F of the matrix as it stands in the array, whose largest entry is one."""
    placed = matrix / np.abs(matrix).max()
    law = np.linalg.norm(np.linalg.inv(placed))
    assert noise_share(noisy(matrix, 0.02)) == pytest.approx(0.02 * law)
    assert noise_share(noisy(matrix, 0.0)) == 0.0
    assert noise_share(amc.make_circuit("lstsq", matrix, write_noise=0.02)) == 0.0


def test_draws_become_unstable_around_the_limit(measured):
    """Real parts of eigenvalues of A + E by numpy: an oracle without circuits."""
    matrix = well_conditioned()
    limit = 1 / noise_share(noisy(matrix, 1e-3)) * 1e-3
    unstable = []
    for share in (0.7, 1.0, 2.0):
        draws = np.random.default_rng(5).standard_normal((200, *matrix.shape))
        values = np.linalg.eigvals(matrix + share * limit * draws)
        unstable.append(float((values.real.min(axis=1) < 0).mean()))
        measured(f"unstable at {share} of the limit", unstable[-1])
    assert unstable[0] < 0.15
    assert 0.2 < unstable[1] < 0.8
    assert unstable[2] > 0.9


def test_noise_beyond_the_limit_is_told_how_much_is_safe():
    matrix = well_conditioned()
    limit = 1e-3 / noise_share(noisy(matrix, 1e-3))
    refused = 0
    for seed in range(6):
        circuit = noisy(matrix, 1.5 * limit, seed)
        if LinearModel.of(circuit, reduce_to_ports(circuit.schematic)).stable:
            run = amc.simulate(circuit, np.ones(16), fidelity="dc")
            assert "is 1.50 of what makes this matrix unstable" in repr(run)
            continue
        refused, said = refused + 1, refusal(circuit, np.ones(16))
        noise = float(said.split("write_noise of at most ")[1].split(" ")[0])
        assert noise == pytest.approx(0.7 * limit, rel=0.1)
        assert "||A^-1||_F is 1.5, and its limit is 1" in said
        assert amc.simulate(noisy(matrix, noise, seed), np.ones(16), fidelity="dc").settled
    assert refused >= 3


def test_runs_near_the_limit_say_so(tmp_path):
    matrix = well_conditioned()
    limit = 1e-3 / noise_share(noisy(matrix, 1e-3))
    for share, said in ((0.65, False), (0.75, True)):
        run = amc.simulate(noisy(matrix, share * limit), np.ones(16), fidelity="dc")
        assert bool(run.notes) == said
        assert ("of what makes this matrix unstable" in repr(run)) == said
    run.save(tmp_path / "run.npz")
    assert amc.Run.load(tmp_path / "run.npz").notes == run.notes
    np.save(tmp_path / "A.npy", matrix)
    np.savetxt(tmp_path / "b.csv", np.ones((16, 1)), delimiter=",")
    done = command("solve", "inv", "--matrix", tmp_path / "A.npy", "--rhs", tmp_path / "b.csv",
                   "--fidelity", "dc", "--write-noise", str(0.75 * limit),
                   "--json", tmp_path / "run.json")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "note: write noise of" in done.output
    assert len(json.loads((tmp_path / "run.json").read_text())["cautions"]) == 1


def test_a_diagonal_of_ones_is_named_where_it_helps():
    scale = np.logspace(0, 1.2, 16)
    matrix = scale[:, None] * well_conditioned() * scale
    said = refusal(noisy(matrix, 0.02), np.ones(16))
    assert "rows and columns scaled to a diagonal of ones" in said
    assert amc.simulate(noisy(well_conditioned(), 0.02), np.ones(16), fidelity="dc").settled


def test_wires_that_turn_a_matrix_over_are_answered_by_a_smaller_g_max():
    matrix = np.random.default_rng(66).random((3, 3)) + 0.3 * np.eye(3)
    more = {"wire": amc.Wire(row=500.0, column=500.0), "opamp": amc.OpAmp(gain=1e4)}
    said = refusal(amc.INV(matrix, **more), np.ones(3))
    assert "g_max of 5e-05 S" in said
    assert "gbw" not in said
    smaller = amc.INV(matrix, device=amc.Memristor(g_max=5e-5), **more)
    assert amc.simulate(smaller, np.ones(3), fidelity="dc").settled


def test_capacitance_of_lines_is_answered_by_its_share():
    matrix = np.random.default_rng(0).random((8, 6))
    lines = {"row_capacitance": 20e-15, "column_capacitance": 20e-15}
    circuit = amc.ClassicGINV(matrix, wire=amc.Wire(row=1.0, column=1.0, **lines))
    assert "0.5 of the capacitance of the lines" in refusal(circuit, np.ones(8))
    half = amc.Wire(row=1.0, column=1.0, **{name: farads / 2 for name, farads in lines.items()})
    assert amc.simulate(amc.ClassicGINV(matrix, wire=half), np.ones(8), fidelity="dc").settled


def test_cells_that_are_off_have_no_write_noise():
    assert noise_share(noisy(np.eye(2), 0.02)) == pytest.approx(0.02)


@pytest.mark.parametrize(
    "fidelity", ["behavioural", pytest.param("reduced", marks=pytest.mark.ngspice)]
)
def test_ranges_are_not_made_smaller_again_and_again_for_what_never_rests(fidelity):
    """It swings between its limits in every range: one more is tried, no twelve."""
    draw = np.random.default_rng(0)
    A = draw.random((8, 4))
    circuit = amc.make_circuit(
        "nnls", A, circuit="ginv-classic", opamp=amc.OpAmp(gbw=1e8, input_capacitance=1e-11)
    )
    with pytest.warns(amc.CautionWarning, match="1 of 1 right-hand sides did not settle"):
        run = amc.simulate(circuit, A @ draw.random(4), fidelity=fidelity)
    assert not run.settled
    assert run.range.repeats <= 1
