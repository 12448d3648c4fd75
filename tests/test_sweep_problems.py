"""Generated problems: each family has the property that it is named for."""

import numpy as np
import pytest

import amcspice as amc
from amcspice.problem.generators import GENERATORS, GeneratedProblem
from amcspice.sweep.spec.experiment import Experiment


def matrix(**parameters):
    return Experiment.of(parameters).matrix()


SHAPES = [("lstsq", 8, 1), ("lstsq", 40, 0), ("inv", 8, 1), ("inv", 40, 0), ("eig", 24, 2)]


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(
    ("name", "problem", "columns", "seed"),
    [
        (name, *shape)
        for name, family in GENERATORS.items()
        for shape in SHAPES
        if not (family.square and shape[0] == "lstsq")
    ],
)
def test_every_family_at_every_problem(name, problem, columns, seed, signed):
    A = matrix(problem=problem, columns=columns, seed=seed, matrix=name, signed=signed)
    assert np.abs(A).max() == 1.0
    assert np.isfinite(A).all()
    assert A.any(axis=0).all()
    assert A.any(axis=1).all()
    if not (signed or GENERATORS[name].signed):
        assert A.min() >= 0
    if problem == "eig":
        np.testing.assert_array_equal(A, A.T)


@pytest.mark.parametrize("columns", [2, 8, 33])
@pytest.mark.parametrize("wanted", [2.0, 10.0, 1000.0])
@pytest.mark.parametrize(
    ("problem", "signed"), [("lstsq", False), ("lstsq", True), ("inv", False), ("inv", True)]
)
def test_the_condition_number_is_the_stated_one(problem, signed, columns, wanted):
    A = matrix(
        problem=problem, columns=columns, matrix="conditioned", condition=wanted, signed=signed
    )
    assert np.linalg.cond(A) == pytest.approx(wanted, rel=1e-3)
    if problem == "inv":
        assert np.linalg.eigvalsh(A).min() > 0


def test_dominant_rows_are_dominated_by_so_much():
    A = matrix(problem="inv", columns=12, matrix="dominant", dominance=2.5, signed=True)
    others = np.abs(A).sum(axis=1) - np.abs(np.diag(A))
    np.testing.assert_allclose(np.diag(A) / others, 2.5)


def test_density_of_sparse_matrices():
    A = matrix(columns=100, matrix="sparse", density=0.1)
    assert np.mean(A != 0) == pytest.approx(0.1, abs=0.01)


def test_covariances_have_their_correlation():
    A = matrix(problem="eig", columns=200, matrix="covariance", correlation=0.3)
    scale = np.sqrt(np.diag(A))
    between = (A / np.outer(scale, scale))[np.triu_indices(200, 1)]
    assert between.mean() == pytest.approx(0.3, abs=0.05)


def test_uniform_entries():
    A = matrix(columns=100, seed=4)
    assert A.mean() == pytest.approx(0.5, abs=0.01)
    assert A.std() == pytest.approx(np.sqrt(1 / 12), abs=0.005)


@pytest.mark.parametrize("circuit", ["inv", "inv-compensated", "inv-inverters"])
def test_conditioned_systems_are_stable_and_solved(circuit):
    point = Experiment.of(
        {
            "problem": "inv",
            "circuit": circuit,
            "columns": 24,
            "signed": circuit != "inv",
            "fidelity": "behavioural",
        }
    )
    run = point.simulate()
    assert run.all_settled
    assert run.relative_error.max() < 1e-3


def test_planted_solutions_are_found_without_noise():
    problem = GeneratedProblem("nnls", "uniform", 40, 10, right_hand_sides=3, zeros=0.4, seed=1)
    A = problem.make()
    vectors = problem.vectors(A)
    solutions = np.linalg.lstsq(A, vectors, rcond=None)[0]
    assert solutions.min() > -1e-12
    assert 0.1 < np.mean(np.abs(solutions) < 1e-9) < 0.7


def test_noise_is_what_is_stated_and_makes_constraints_active():
    kwargs = {"right_hand_sides": 50, "zeros": 0.4, "seed": 1}
    clean = GeneratedProblem("nnls", "uniform", 80, 20, **kwargs)
    A = clean.make()
    exact = clean.vectors(A)
    noisy = GeneratedProblem("nnls", "uniform", 80, 20, noise=0.1, **kwargs).vectors(A)
    spread = np.std(noisy - exact, axis=0) / np.std(exact, axis=0)
    assert spread.mean() == pytest.approx(0.1, rel=0.05)
    solved = amc.solve("nnls", A, noisy[:, :10], analysis=amc.Analysis(fidelity="ideal"))
    unconstrained = np.linalg.lstsq(A, noisy[:, :10], rcond=None)[0]
    assert 0.2 < np.mean(solved.reference == 0) < 0.5
    assert (unconstrained < 0).any()


@pytest.mark.parametrize(("problem", "rows"), [("mvm", 6), ("eig", 8)])
def test_vectors_of_the_other_problems_have_both_signs(problem, rows):
    parameters = {"problem": problem, "columns": 8, "matrix": "uniform"}
    if problem == "mvm":
        parameters |= {"rows": rows, "right_hand_sides": 5}
    vectors = Experiment.of(parameters).vectors()
    assert len(vectors) == 8
    assert vectors.min() < 0 < vectors.max()
