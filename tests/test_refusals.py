"""Odd input of the library: one clear error, nothing ignored."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp

import amcspice as amc
from amcspice.algorithm import complete
from amcspice.registry import Registry

A = np.random.default_rng(0).random((12, 4))
b = A @ np.array([1, 0, 0.5, 0.2])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: amc.solve("nnls", A, b, constraint="nonnegative"), "constraint: the problem"),
        (lambda: amc.solve("nnls", A, b, gain="3 V"), "OpAmp.gain = '3 V': a number without unit"),
        (lambda: amc.nmf(A, 2, levels=1), "Memristor.levels = 1: input should be greater"),
        (lambda: amc.nmf(A, 2, level=16), "does not take level"),
        (
            lambda: amc.solve("nnls", A, b, diagonal=1),
            "not take diagonal, which is of inv, .*macro",
        ),
        (lambda: amc.solve("nnls", np.ma.masked_greater(A, 0.9), b), "matrix: entries are masked"),
        (lambda: amc.solve("nnls", A, np.ma.masked_greater(b, 0.9)), "side: entries are masked"),
        (lambda: amc.solve("eig", np.eye(3) + 0.1, np.zeros(3)), "start of zero"),
        (lambda: amc.solve("eig", np.eye(3) + 0.1, [1e300, 0, 0]), "another unit"),
        (lambda: amc.solve("nnls", A * 1e-300, b), "matrix: the largest entry"),
        (lambda: amc.solve("nnls", A, b, analysis="dc"), "must be an amcspice.Analysis"),
        (lambda: amc.solve(["nnls"], A, b), "unknown problem"),
        (lambda: amc.solve("nnls", A, b, jobs="2"), "jobs = '2'"),
        (lambda: amc.solve("nnls", A, b, verify="2"), "verify = '2'"),
        (lambda: amc.simulate(A, b), "ndarray is no circuit"),
        (lambda: amc.Analysis(range=np.nan), "Analysis.range = nan: .* number or .* 'reference'"),
        (lambda: amc.DAC(8), "DAC takes keywords only, such as bits=8"),
        (lambda: amc.nmf(A, 2.0), "rank = 2.0"),
        (lambda: amc.nmf(A, True), "rank = True"),
        (lambda: amc.nmf(A, 2, seed=-1), "seed = -1"),
        (lambda: amc.nmf(A, 2, iterations="2"), "iterations = '2'"),
        (lambda: amc.nmf(A, 2, tolerance="a"), "tolerance = 'a'"),
        (lambda: complete(sp.csr_array(A + 0j), 2), "V: "),
        (lambda: amc.CIRCUITS.add("", amc.INV), "the name must be"),
    ],
)
def test_one_error_that_says_what_to_do(call, words):
    with pytest.raises(amc.AmcspiceError, match=words):
        call()


def test_a_broken_sparse_matrix_is_refused():
    broken = sp.csr_array(A)
    broken.indices[0] = 99
    with pytest.raises(amc.InputError, match="not a sparse matrix"):
        complete(broken, 2)


def test_entries_stored_twice_are_added_up_as_by_scipy():
    twice = sp.csr_array(([1.0, 2.0, 1.0, 2.0], [0, 0, 1, 1], [0, 2, 3, 4]), shape=(3, 2))
    once = sp.csr_array(np.array([[3.0, 0], [0, 1], [0, 2]]))
    results = [complete(V, 1, ridge=0.1, fidelity="ideal", iterations=2) for V in (twice, once)]
    np.testing.assert_array_equal(results[0].W, results[1].W)
    assert twice.nnz == 4


def test_a_range_that_leaves_outputs_in_the_noise_is_said():
    with pytest.warns(amc.AccuracyWarning, match="take a larger range"):
        amc.solve("nnls", A, b, fidelity="behavioural", range=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        amc.solve("nnls", A, b, fidelity="behavioural", range=0.5)
        amc.solve("nnls", A, 0 * b, fidelity="behavioural", range=1e-6)


def test_regressions_at_a_limit_are_counted():
    good = amc.nmf(A, 2, fidelity="dc", iterations=1)
    bad = amc.nmf(A, 2, fidelity="dc", iterations=1, range=100.0)
    assert good.history[0].near_limit == 0
    assert bad.history[0].near_limit == bad.history[0].regressions


@pytest.mark.parametrize("problem", ["nnls", "lasso"])
def test_answers_of_zero_are_confirmed(problem):
    options = {"lasso": 0.1} if problem == "lasso" else {}
    rights = np.stack([b, 0 * b], axis=1)
    run = amc.solve(problem, A, rights, fidelity="behavioural", verify=2, **options)
    assert run.verification.passed
    assert "infinite for 1 of 2" in repr(run)


def test_a_checkpoint_may_be_named_by_text(tmp_path):
    path = str(tmp_path / "state.npz")
    first = amc.nmf(A, 2, fidelity="ideal", iterations=2, tolerance=0, checkpoint=path)
    again = amc.nmf(A, 2, fidelity="ideal", iterations=2, tolerance=0, checkpoint=path, resume=True)
    np.testing.assert_array_equal(first.W, again.W)


def test_a_saved_run_keeps_what_was_verified_and_converted(tmp_path):
    options = {"fidelity": "behavioural", "dac": amc.DAC(bits=8), "adc": amc.ADC(bits=10)}
    run = amc.solve("inv", [[1, 0.2], [0.3, 0.8]], [0.4, 0.3], verify=1, **options)
    run.save(tmp_path / "run.npz")
    loaded = type(run).load(tmp_path / "run.npz")
    for name in ("verification", "conversion"):
        for field, value in vars(getattr(run, name)).items():
            np.testing.assert_array_equal(getattr(getattr(loaded, name), field), value)
    arrays = dict(np.load(tmp_path / "run.npz"))
    del arrays["x"]
    np.savez(tmp_path / "part.npz", **arrays)
    with pytest.raises(amc.InputError, match="not a whole run"):
        type(run).load(tmp_path / "part.npz")


def test_an_entry_point_that_ends_python_is_an_error(monkeypatch):
    class Point:
        name, value = "ends", "somewhere"

        def load(self):
            raise SystemExit(3)

    registry = Registry("thing", "amcspice.none", {})
    monkeypatch.setattr(type(registry), "_offers", {"ends": [Point()]})
    with pytest.raises(amc.InputError, match="cannot be loaded"):
        registry.choose("ends")


def test_results_are_a_few_lines_of_text():
    result = amc.nmf(A, 2, fidelity="behavioural", iterations=2)
    assert "12 x 4 by rank 2" in repr(result)
    assert len(repr(result)) < 300
    circuit = amc.CompactGINV(A, constraint="nonnegative", device=amc.Memristor(write_noise=0.02))
    trials = amc.monte_carlo(circuit, b, trials=3, seed=0, fidelity="behavioural")
    assert repr(trials).startswith("3 trials of 1 right-hand sides")
    assert len(repr(trials)) < 800


def test_a_run_as_html_dataset_and_plot():
    rights = np.stack([b, 2 * b], axis=1)
    run = amc.solve("nnls", A, rights, fidelity="behavioural")
    assert "nnls on ginv-compact" in run._repr_html_()
    dataset = run.to_xarray()
    np.testing.assert_array_equal(dataset["x"].T, run.x)
    np.testing.assert_array_equal(dataset["energy"], run.energy)
    np.testing.assert_array_equal(dataset["power"].sel(part="total"), run.power["total"])
    assert dataset["settling_time"].attrs["units"] == "s"
    final = [line.get_ydata()[-1] for line in run.plot(1)]
    np.testing.assert_allclose(final, run.volts_per_unit * run.x[:, 1], atol=1e-9)
    for index in (2, -1, "p.png"):
        with pytest.raises(amc.InputError, match="0 to 1"):
            run.plot(index)


def test_a_complex_matrix_may_have_next_to_no_imaginary_part():
    matrix = np.eye(2) + 1e-200j * np.array([[0, 1], [-1, 0]])
    np.testing.assert_allclose(amc.solve("inv", matrix, [1, 2j], fidelity="ideal").x, [1, 2j])


@pytest.mark.parametrize("fidelity", ["dc", "ideal"])
@pytest.mark.parametrize("name", ["window", "max_step"])
def test_what_needs_time_is_refused_where_there_is_none(fidelity, name):
    with pytest.raises(amc.UnsupportedError, match=f"has no time: leave {name} out"):
        amc.solve("lstsq", np.eye(2), np.ones(2), fidelity=fidelity, **{name: "1 us"})


@pytest.mark.parametrize("problem", ["nnls", "lstsq", "mvm"])
def test_columns_that_numbers_cannot_scale_are_refused(problem):
    tiny = np.array([[1.0, 1e-310], [0.5, 2e-310], [0.2, 0.0]])
    with pytest.raises(amc.InputError, match="largest entry of column 1, 2e-310, must be zero"):
        amc.solve(problem, tiny, [1.0, 0.5, 0.2][: 2 if problem == "mvm" else 3], fidelity="ideal")
    with pytest.raises(amc.InputError, match="right-hand side: the largest entry of column 1"):
        amc.solve("inv", np.eye(2), [[1.0, 1e-310], [0.5, 0.0]], fidelity="ideal")


def test_answers_that_are_not_the_only_ones_are_said():
    run = amc.solve("nnls", [[1.0, 1.0], [0.5, 0.5]], [1.0, 0.2], fidelity="dc")
    assert not run.unique
    (sentence,) = run.cautions
    assert sentence.startswith("the ideal answer of 1 of 1 right-hand sides is not the only one")
    assert f"{run.residual:.3g} of the circuit" in sentence
    assert f"  caution: {sentence}" in repr(run)


def test_runs_without_anything_to_say_say_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for fidelity in ("behavioural", "dc", "ideal"):
            run = amc.solve("nnls", A, b, fidelity=fidelity)
            assert run.cautions == ()
            assert "caution" not in repr(run)


@pytest.mark.parametrize("problem", ["nnls", "eig", "mvm"])
def test_rows_of_different_lengths_are_refused(problem):
    with pytest.raises(amc.InputError, match="matrix: not numbers"):
        amc.solve(problem, [[1, 2], [3]], [1, 2], fidelity="behavioural")
