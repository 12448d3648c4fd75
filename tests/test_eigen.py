"""The eigenvector circuit: its direction, what the detuning costs, what it refuses."""

import json
import warnings

import numpy as np
import pytest
from cli_helpers import run as command

import amcspice as amc
from amcspice.circuit import Eigen
from amcspice.errors import InputError
from amcspice.problem import problem_of
from amcspice.problem.eig import dominant_space
from amcspice.simulation.plain import plain_run
from amcspice.simulation.result import Feedback

OPAMP = amc.OpAmp(gain=1e6)


def covariance(seed, n=8, samples=60):
    """Return the covariance of data with one strong direction, as principal components have."""
    draw = np.random.default_rng(seed)
    strong = np.outer(draw.standard_normal(samples), draw.standard_normal(n))
    return np.cov((2 * strong + draw.standard_normal((samples, n))).T)


def clipped_direction(matrix, detuning):
    """Return where the loop rests with its largest output at the rail, by hand.

    With the largest entry p held at one, g x_i = sum_j A_ij x_j for the others; A x is read.
    """
    values, vectors = np.linalg.eigh(matrix)
    p = int(np.abs(vectors[:, -1]).argmax())
    others = np.delete(np.arange(len(matrix)), p)
    g = (1 - detuning) * values[-1]
    rest = g * np.eye(len(others)) - matrix[np.ix_(others, others)]
    x = np.ones(len(matrix))
    x[others] = np.linalg.solve(rest, matrix[others, p])
    return matrix @ x / np.linalg.norm(matrix @ x)


def error(circuit, fidelity="behavioural"):
    run = amc.simulate(circuit, problem_of(circuit).default_input(circuit), fidelity=fidelity)
    assert run.all_settled
    return float(run.relative_error), float(run.settling_time), run.x


@pytest.mark.parametrize("seed", range(5))
def test_direction_is_within_one_percent_at_one_percent_detuning(seed, measured):
    distance, _, _ = error(Eigen(covariance(seed), opamp=OPAMP))
    measured("distance of the direction", distance)
    assert distance < 1e-2


@pytest.mark.parametrize("detuning", [0.005, 0.02])
def test_direction_is_that_of_the_clipped_loop(detuning):
    matrix = covariance(1)
    _, _, x = error(Eigen(matrix, detuning=detuning, opamp=OPAMP))
    expected = clipped_direction(matrix, detuning)
    np.testing.assert_allclose(x * np.sign(x @ expected), expected, atol=1e-4)


def test_error_is_the_sum_of_parts_that_the_page_states():
    """One output at the rail, second eigenvalue near the first: docs/circuits/eigen.md."""
    values = np.array([1.0, 0.8, 0.3, 0.1, 0.05])
    draw = np.random.default_rng(6)
    vectors = np.linalg.qr(np.column_stack([[1, 0.8, 0.6, 0.5, 0.4], draw.random((5, 4))]))[0]
    matrix, detuning = (vectors * values) @ vectors.T, 0.01
    circuit = Eigen(matrix, detuning=detuning, opamp=OPAMP)
    distance, _, _ = error(circuit)
    p = int(np.abs(vectors[:, 0]).argmax())
    parts = detuning / (1 - detuning - values[1:]) * vectors[p, 1:] / vectors[p, 0] * values[1:]
    assert distance == pytest.approx(np.linalg.norm(parts), rel=0.02)


@pytest.mark.parametrize("kick", [1e-9, 1e-12])
def test_the_smallest_start_is_no_rest(kick):
    """The equilibrium it is next to is unstable."""
    distance, time, _ = error(Eigen(covariance(1), opamp=OPAMP, kick=kick))
    usual, sooner, _ = error(Eigen(covariance(1), opamp=OPAMP))
    assert distance == pytest.approx(usual, abs=1e-5)
    assert time > sooner


FIDELITIES = [
    pytest.param("flat", marks=pytest.mark.ngspice),
    pytest.param("reduced", marks=pytest.mark.ngspice),
    "behavioural",
    "dc",
]


@pytest.mark.parametrize("fidelity", FIDELITIES)
@pytest.mark.parametrize(
    ("second", "output"),
    [
        (1.0, 1e-5 * (5 / 1.25) / (1.98 - 1.0) / 1.25),  # decays: the kick over what it lacks
        (1.99, 5 / 1.25 * 1.99 / 1.98),  # grows as well, up to the rail, where the first one grows
    ],
)
def test_a_saddle_is_not_settled(fidelity, second, output):
    """A start without any part along the dominant eigenvector: nothing pushes it off."""
    circuit = Eigen(np.diag([2.0, second]), opamp=OPAMP)
    with pytest.warns(amc.CautionWarning, match=r"\(a saddle\)"):
        run = amc.simulate(circuit, [0.0, 1.0], fidelity=fidelity)
    assert run.saddle
    assert not run.settled
    assert np.isnan(run.settling_time)
    assert np.isnan(run.energy)
    assert run.relative_error == pytest.approx(1.0)
    np.testing.assert_allclose(run.measurement.outputs, [[0.0, -output]], rtol=1e-3, atol=1e-9)
    assert "caution: 1 of 1 right-hand sides stand at an unstable equilibrium" in repr(run)
    pushed = amc.simulate(circuit, [1e-6, 1.0], fidelity=fidelity)
    assert pushed.settled
    assert not pushed.saddle
    if second < 1.98:
        assert pushed.relative_error < 0.01


@pytest.mark.parametrize("fidelity", FIDELITIES)
def test_a_start_that_a_converter_rounds_to_zero_is_a_saddle(fidelity):
    circuit = Eigen(covariance(0), opamp=OPAMP, dac=amc.DAC(bits=4, full_scale=1.0))
    with pytest.warns(amc.CautionWarning, match=r"\(a saddle\)"):
        run = amc.simulate(circuit, 1e-9 * np.ones(8), fidelity=fidelity)
    assert run.saddle
    assert not run.settled


def test_error_shrinks_with_the_detuning_and_time_grows(measured):
    matrix = covariance(2)
    results = [error(Eigen(matrix, detuning=d, opamp=OPAMP))[:2] for d in (0.04, 0.02, 0.01)]
    errors, times = np.array(results).T
    for detuning, distance, time in zip((4, 2, 1), errors, times, strict=True):
        measured(f"error at {detuning} %", distance)
        measured(f"settling time at {detuning} %", time)
    np.testing.assert_allclose(errors[:-1] / errors[1:], 2.0, rtol=0.15)
    assert (np.diff(times) > 0).all()
    np.testing.assert_allclose(times[1:] / times[:-1], 2.0, rtol=0.25)


@pytest.mark.ngspice
def test_ngspice_finds_the_same_direction():
    circuit = Eigen(covariance(3), opamp=OPAMP)
    by_equations, ngspice = (error(circuit, f) for f in ("behavioural", "reduced"))
    np.testing.assert_allclose(ngspice[2], by_equations[2], atol=1e-4)
    assert ngspice[1] == pytest.approx(by_equations[1], rel=0.05)


def test_start_chooses_the_sign():
    circuit = Eigen(covariance(4), opamp=OPAMP)
    start = problem_of(circuit).default_input(circuit)
    direction, opposite = (
        amc.simulate(circuit, s, fidelity="behavioural").x for s in (start, -start)
    )
    np.testing.assert_allclose(direction, -opposite, atol=1e-6)


def test_solve_needs_no_start():
    run = amc.solve(
        "eig", covariance(0), opamp=OPAMP, analysis=amc.Analysis(fidelity="behavioural")
    )
    assert run.relative_error < 1e-2


@pytest.mark.parametrize(
    ("matrix", "more", "message"),
    [
        ([[1.0, 2.0], [0.0, 1.0]], {}, "not symmetric"),
        ([[-1.0, 0.0], [0.0, -2.0]], {}, "not positive"),
        ([[1.0, 0.0], [0.0, 2.0]], {"detuning": 0.0}, "detuning"),
        ([[1.0, 0.0], [0.0, 2.0]], {"kick": 2.0}, "kick"),
        ([[1.0, 0.0], [0.0, 2.0]], {"inverter_gain": 1.0}, "inverter_gain"),
        ([[1.0, 0.0]], {}, "square"),
    ],
)
def test_bad_input_is_refused(matrix, more, message):
    with pytest.raises(InputError, match=message):
        Eigen(matrix, **more)


def test_several_starts_are_refused():
    circuit = Eigen(covariance(0))
    with pytest.raises(InputError, match="one start"):
        amc.simulate(circuit, np.ones((8, 2)), fidelity="behavioural")


@pytest.mark.parametrize("sign", [1, -1])
def test_directions_of_the_largest_eigenvalue_of_either_sign(sign):
    """The largest one, not the one of largest magnitude; a plane where it stands twice."""
    basis = np.linalg.qr(np.random.default_rng(1).standard_normal((4, 4)))[0]
    for values, count in (([1.0, 2.0, 3.0, 4.0], 1), ([2.0, 2.0, 3.0, 3.0], 2)):
        values = sign * np.array(values)
        space = dominant_space(basis @ np.diag(values) @ basis.T)
        expected = basis[:, values == values.max()]
        assert space.shape == (4, count)
        np.testing.assert_allclose(space @ space.T, expected @ expected.T, atol=1e-12)


# Feedback that is found on the circuit.


def searched(matrix, **more):
    circuit = Eigen(matrix, opamp=OPAMP, eigenvalue="search", **more)
    start = problem_of(circuit).default_input(circuit)
    return circuit, start


@pytest.mark.parametrize("seed", range(3))
def test_a_search_finds_the_eigenvalue_without_knowing_it(seed, monkeypatch):
    """To a tenth of the detuning, from the largest sum of a row: a bound that anyone can add up."""
    matrix = covariance(seed)
    exact, bound = np.linalg.eigvalsh(matrix)[-1], np.abs(matrix).sum(axis=1).max()

    def unknown(_):
        raise AssertionError("the search looked at the exact eigenvalue")

    monkeypatch.setattr("amcspice.circuit.topologies.eigen.dominant", unknown)
    circuit, start = searched(matrix)
    assert circuit.set_by == bound
    run = amc.simulate(circuit, start, fidelity="behavioural")
    assert run.feedback.choice == "search"
    assert (1 - 1.1e-3) * exact < run.feedback.eigenvalue < exact
    # One trial at the bound, halvings until it grows, then halvings of the logarithm of two.
    steps = max(1, int(np.ceil(np.log2(bound / exact))))
    assert run.feedback.trials == 1 + steps + int(np.ceil(np.log2(np.log(2) / np.log1p(1e-3))))
    assert run.relative_error < 1e-2


def test_the_exact_eigenvalue_is_said_to_be_an_oracle(tmp_path):
    circuit = Eigen(covariance(0), opamp=OPAMP)
    start = problem_of(circuit).default_input(circuit)
    run = amc.simulate(circuit, start, fidelity="dc")
    assert (run.feedback.choice, run.feedback.trials) == ("reference", 0)
    assert run.feedback.eigenvalue == pytest.approx(np.linalg.eigvalsh(covariance(0))[-1])
    assert "(of the matrix, an oracle)" in repr(run)
    given = amc.simulate(Eigen(covariance(0), eigenvalue=20.0), start, fidelity="dc")
    assert given.feedback == Feedback("fixed", 20.0, 0)
    found = amc.simulate(searched(covariance(0))[0], start, fidelity="dc")
    assert f"(found in {found.feedback.trials} trials)" in repr(found)
    assert plain_run(found)["feedback"]["trials"] == found.feedback.trials > 0
    found.save(tmp_path / "run.npz")
    assert amc.Run.load(tmp_path / "run.npz").feedback == found.feedback
    other = amc.solve("inv", [[1.0, 0.2], [0.1, 1.0]], [1.0, 1.0], fidelity="dc")
    assert other.feedback is None
    assert "feedback" not in plain_run(other)


def test_a_search_finds_the_eigenvalue_of_the_cells_that_were_written():
    """Wires take a part of every cell: by the exact eigenvalue nothing grows any more."""
    matrix, wire = covariance(1), amc.Wire(row=20.0, column=20.0)
    circuit, start = searched(matrix, wire=wire)
    by_oracle = amc.simulate(Eigen(matrix, opamp=OPAMP, wire=wire), start, fidelity="behavioural")
    by_search = amc.simulate(circuit, start, fidelity="behavioural")
    assert by_search.feedback.eigenvalue < 0.99 * by_oracle.feedback.eigenvalue
    assert np.abs(by_oracle.measurement.outputs).max() < 0.1  # it rests near zero
    assert np.abs(by_search.measurement.outputs).max() > 1.0
    assert "caution: nothing grew to a rail" in repr(by_oracle)
    assert by_search.notes == ()
    assert by_search.relative_error < 0.02


@pytest.mark.ngspice
def test_a_search_is_verified_with_what_it_found():
    circuit, start = searched(covariance(2))
    run = amc.simulate(circuit, start, fidelity="behavioural", verify=1)
    assert run.verification.passed
    assert run.verification.largest_solution_deviation < 1e-4


def test_a_macro_searches_too():
    circuit = amc.Macro(np.abs(covariance(0))).circuit("eigen", eigenvalue="search")
    run = amc.simulate(circuit, problem_of(circuit).default_input(circuit), fidelity="behavioural")
    assert run.feedback.trials > 0
    assert run.settled
    assert run.relative_error < 0.02


def test_a_search_where_nothing_can_grow_is_refused():
    circuit = Eigen([[-1.0, 0.0], [0.0, -2.0]], eigenvalue="search")
    with pytest.raises(InputError, match="eigenvalue = search: outputs leave zero at no loop gain"):
        amc.simulate(circuit, [1.0, 1.0], fidelity="dc")
    with pytest.raises(InputError, match="eigenvalue"):
        Eigen([[1.0, 0.0], [0.0, 2.0]], eigenvalue="guess")


def test_the_command_line_says_saddle_and_search(tmp_path):
    matrix, start, target = tmp_path / "A.csv", tmp_path / "b.csv", tmp_path / "run.json"
    np.savetxt(matrix, np.diag([2.0, 1.0]), delimiter=",")
    np.savetxt(start, [[0.0], [1.0]], delimiter=",")
    words = ["solve", "eig", "--matrix", matrix, "--fidelity", "behavioural", "--json", target]
    stays = command(*words, "--rhs", start)
    assert stays.exit_code == 0, stays.output
    assert "that nothing pushes them off (a saddle), so that x is no answer" in stays.output
    assert "by the eigenvalue 2 (of the matrix, an oracle)" in stays.output
    written = json.loads(target.read_text())
    assert (written["saddle"], written["settled"]) == ([True], [False])
    assert written["settling_time_s"] == [None]
    assert written["feedback"] == {"choice": "reference", "eigenvalue": 2.0, "trials": 0}
    searched = command(*words, "--eigenvalue", "search")
    assert searched.exit_code == 0, searched.output
    assert "trials)" in searched.output
    written = json.loads(target.read_text())
    assert written["feedback"]["choice"] == "search"
    assert (written["saddle"], written["settled"]) == ([False], [True])
    assert command(*words, "--eigenvalue", "guess").exit_code == 2


@pytest.mark.parametrize("fidelity", ["dc", "behavioural"])
def test_a_start_that_only_rounding_pushes_is_told(fidelity):
    circuit = Eigen(np.array([[2.0, 1.0], [1.0, 2.0]]), opamp=OPAMP)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", amc.CautionWarning)
        run = amc.simulate(circuit, [1.0, -1.0], fidelity=fidelity)
    assert run.saddle or "rounding errors pushed it off" in repr(run)
    pushed = amc.simulate(circuit, [1.0, -0.999], fidelity=fidelity)
    assert pushed.settled
    assert "rounding errors" not in repr(pushed)
