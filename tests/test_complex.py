"""Complex problems by their real form, against numpy on complex numbers."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.io
from cli_helpers import refused, run

import amcspice as amc
from amcspice.problem import relative_error
from amcspice.problem.complex_form import complex_form
from amcspice.workload.matrix_file import read_matrix, read_numbers

BEHAVIOURAL = amc.Analysis(fidelity="behavioural")
PRECISE = amc.OpAmp(gain=1e8)


def problem(seed, rows=4, columns=4, vectors=None):
    """Return a complex matrix with a dominant positive diagonal, and a right-hand side."""
    draw = np.random.default_rng(seed)
    shape = (rows, columns)
    A = draw.normal(size=shape) + 1j * draw.normal(size=shape)
    A += 4 * np.eye(*shape)
    size = (rows,) if vectors is None else (rows, vectors)
    return A, draw.normal(size=size) + 1j * draw.normal(size=size)


@pytest.mark.parametrize("vectors", [None, 3])
@pytest.mark.parametrize("circuit", [None, "inv-inverters"])
def test_linear_system(vectors, circuit):
    A, b = problem(0, vectors=vectors)
    found = amc.solve("inv", A, b, circuit=circuit, opamp=PRECISE, analysis=BEHAVIOURAL)
    expected = np.linalg.solve(A, b)
    np.testing.assert_allclose(found.reference, expected, rtol=1e-10)
    np.testing.assert_allclose(found.x, expected, rtol=1e-5)
    assert found.settled.all()
    assert found.amplifiers == (8 if circuit is None else 16)


@pytest.mark.parametrize("rows", [3, 5])
def test_product(rows):
    A, _ = problem(1, rows=rows, columns=4)
    x = problem(2)[1]
    found = amc.solve("mvm", A, x, opamp=PRECISE, analysis=BEHAVIOURAL)
    np.testing.assert_allclose(found.reference, A @ x, rtol=1e-12)
    np.testing.assert_allclose(found.x, A @ x, atol=1e-5 * np.abs(x).max())


@pytest.mark.ngspice
@pytest.mark.parametrize("circuit", ["ginv-compact", "ginv-classic"])
@pytest.mark.parametrize("ridge", [0.0, 0.5])
def test_least_squares(circuit, ridge):
    A, b = problem(3, rows=7, columns=3, vectors=2)
    found = amc.solve("lstsq", A, b, circuit=circuit, ridge=ridge, opamp=PRECISE)
    expected = np.linalg.solve(A.conj().T @ A + ridge * np.eye(3), A.conj().T @ b)
    np.testing.assert_allclose(found.reference, expected, rtol=1e-9)
    np.testing.assert_allclose(found.x, expected, atol=1e-4 * np.abs(expected).max())


def test_the_error_is_that_of_the_complex_vector():
    A, b = problem(4, vectors=3)
    device = amc.Memristor(levels=32, write_noise=0.01)
    found = amc.solve("inv", A, b, device=device, analysis=BEHAVIOURAL)
    expected = np.linalg.norm(found.x - found.reference, axis=0) / np.linalg.norm(
        found.reference, axis=0
    )
    assert expected.min() > 1e-3
    np.testing.assert_allclose(found.relative_error, expected, rtol=1e-9)


def test_one_of_the_two_may_be_real():
    A, b = problem(5)
    for matrix, right in ((A, b.real), (np.eye(4) + np.abs(A.real), b)):
        found = amc.solve("inv", matrix, right, opamp=PRECISE, analysis=BEHAVIOURAL)
        np.testing.assert_allclose(found.x, np.linalg.solve(matrix, right), rtol=1e-4)


def test_rows_may_be_left_out():
    A, b = problem(6, rows=6, columns=2)
    rows = np.array([True, False, True, True, True, True])
    found = amc.solve("lstsq", A, b, rows=rows, circuit="ginv-classic", opamp=PRECISE,
                      analysis=BEHAVIOURAL)  # fmt: skip
    expected = np.linalg.lstsq(A[rows], b[rows], rcond=None)[0]
    np.testing.assert_allclose(found.reference, expected, rtol=1e-9)


@pytest.mark.parametrize("wire", [amc.Wire(), amc.Wire(row=1e-3, column=1e-3)])
@pytest.mark.parametrize(("name", "circuit"), [("mvm", "mvm"), ("lstsq", "ginv-classic")])
def test_rows_with_one_sign_only(name, circuit, wire):
    """The feedback outweighs the cells: the line without cells needs no other conductance."""
    A = np.array([[-0.1, -0.2], [0.1, 0.3], [1.0, -0.5], [0.4, 0.9]])
    b = np.array([0.4, -0.7, 0.2, 0.6])[: A.shape[1] if name == "mvm" else 4]
    found = amc.solve(name, A, b, circuit=circuit, wire=wire, opamp=PRECISE, analysis=BEHAVIOURAL)
    assert found.relative_error < 1e-4


def test_real_form_multiplies_as_complex_numbers_do():
    A, _ = problem(7, rows=3, columns=5)
    x = problem(8, rows=5, columns=5)[1]
    form = complex_form("mvm", A, x, {}, takes_vectors=True)
    matrix, stacked = form.matrix, form.vectors
    product = A @ x
    np.testing.assert_allclose(matrix @ stacked, np.concatenate([product.real, product.imag]))


@pytest.mark.parametrize(
    ("name", "A", "b", "message"),
    [
        ("nnls", [[1j]], [1], "nnls of complex numbers is not defined: no complex number is above"),
        ("nnls", [[1.0]], [1j], "nnls of complex numbers"),
        ("eig", [[1.0, 1j], [1j, 1.0]], None, "not Hermitian"),
        ("fft", [[1j]], [1], "unknown problem 'fft'"),
        ("inv", [[1j]], None, "problem inv needs right-hand sides"),
        ("inv", [[1j, np.nan]], [1], r"entry \(0, 1\) is not finite"),
        ("inv", [[1j, 1.0]], [1], "square"),
        ("inv", [[1j]], [1, 2], "2 rows, but the matrix needs 1"),
        ("inv", np.eye(2) * 1j, [[1, 2]], "needs 2; b has shape 1 x 2: did you mean its transpose"),
        ("inv", [[1j, 1j], [1j, 1j]], [1, 2], "singular"),
        ("inv", [["a", 1j]], [1], "not numbers"),
    ],
)
def test_refused(name, A, b, message):
    if name == "inv" and isinstance(A[0][0], str):
        A = np.array(A, dtype=object)
        b = np.array([1j])
    with pytest.raises(amc.InputError, match=message):
        amc.solve(name, A, b, analysis=BEHAVIOURAL)


@pytest.mark.parametrize("fidelity", ["dc", "behavioural", "ideal"])
def test_hermitian_eigenvector(fidelity):
    draw = np.random.default_rng(8)
    half = draw.normal(size=(5, 12)) + 1j * draw.normal(size=(5, 12))
    A = half @ half.conj().T + 8 * np.outer(np.ones(5), np.ones(5))
    run = amc.solve("eig", A, fidelity=fidelity, detuning=0.002)
    v = np.linalg.eigh(A)[1][:, -1]
    outside = np.linalg.norm(run.x - v * np.vdot(v, run.x))
    assert np.linalg.norm(run.x) == pytest.approx(1)
    assert outside < 5e-3
    assert run.relative_error == pytest.approx(outside, rel=1e-6, abs=1e-12)
    assert abs(np.vdot(v, run.reference)) == pytest.approx(1)
    np.testing.assert_allclose(run.reference, run.x, atol=1e-2)  # the phase is that of x
    assert run.unique


@pytest.mark.parametrize("suffix", [".npy", ".csv", ".txt", ".mtx"])
def test_files(tmp_path, suffix):
    A, _ = problem(9, rows=3, columns=2)
    path = tmp_path / f"A{suffix}"
    if suffix == ".npy":
        np.save(path, A)
    elif suffix == ".mtx":
        scipy.io.mmwrite(path, A, precision=17)
    else:
        np.savetxt(path, A, fmt="%.17g", delimiter="," if suffix == ".csv" else " ")
    np.testing.assert_array_equal(read_numbers(path), A)
    with pytest.raises(amc.InputError, match="complex128 values, not real numbers"):
        read_matrix(path)


@pytest.mark.parametrize("text", ["1,2i\n", "1,(2\n", "1,jj\n", "1,infj\n"])
def test_refused_text(tmp_path, text):
    path = tmp_path / "A.csv"
    path.write_text(text)
    with pytest.raises(amc.InputError, match="is not"):
        read_numbers(path)


def write(folder):
    A, b = problem(10, vectors=2)
    np.save(folder / "A.npy", A)
    np.savetxt(folder / "b.csv", b, fmt=["%.17g%+.17gj"] * 2, delimiter=",")
    return A, b, ["--matrix", folder / "A.npy", "--rhs", folder / "b.csv", "--fidelity",
                  "behavioural"]  # fmt: skip


def test_command_line(tmp_path):
    A, b, options = write(tmp_path)
    result = run("solve", "inv", *options, "--json", tmp_path / "r.json", "--out",
                 tmp_path / "x.csv")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "j" in result.stdout
    content = json.loads((tmp_path / "r.json").read_text())
    pairs = np.array(content["solution"])
    assert pairs.shape == (2, 4, 2)
    solution = (pairs @ [1, 1j]).T
    np.testing.assert_allclose(solution, np.linalg.solve(A, b), rtol=1e-3)
    assert len(content["relative_error"]) == 2
    np.testing.assert_array_equal(read_numbers(tmp_path / "x.csv"), solution)


def test_trials_of_a_complex_problem(tmp_path):
    A, b, options = write(tmp_path)
    result = run("solve", "inv", *options, "--trials", 3, "--write-noise", 0.001, "--jobs", 1,
                 "--json", tmp_path / "r.json", "--out", tmp_path / "x.npy")  # fmt: skip
    assert result.exit_code == 0, result.output
    solutions = np.load(tmp_path / "x.npy")
    assert solutions.shape == (3, 4, 2)
    np.testing.assert_allclose(solutions, [np.linalg.solve(A, b)] * 3, atol=0.05)
    assert np.shape(json.loads((tmp_path / "r.json").read_text())["reference"]) == (2, 4, 2)


def test_refused_on_the_command_line(tmp_path):
    refused(run("solve", "nnls", *write(tmp_path)[2]), "nnls of complex numbers is not defined")


def test_errors_of_complex_solutions_are_those_of_their_lengths():
    draw = np.random.default_rng(0)
    found, exact = (draw.standard_normal((2, 3, 4)) for _ in range(2))
    found, exact = found[0] + 1j * found[1], exact[0] + 1j * exact[1]
    expected = np.linalg.norm(found - exact, axis=1) / np.linalg.norm(exact, axis=1)
    np.testing.assert_allclose(relative_error(found, exact), expected, rtol=1e-14)
    assert np.isrealobj(relative_error(found, exact))
