"""Matrices from files: every format gives the same numbers, every fault its reason."""

from __future__ import annotations

import gzip
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import scipy.io
import scipy.sparse

import amcspice as amc
from amcspice import files
from amcspice.problem.generators import is_file
from amcspice.workload import read_matrix
from amcspice.workload.matrix_file import read_numbers

MATRIX = np.array([[1.0, 0.0, 2.5], [0.0, 1e-3, 4.0]])


def write_all(folder):
    np.save(folder / "m.npy", MATRIX)
    np.savetxt(folder / "m.csv", MATRIX, delimiter=",")
    np.savetxt(folder / "semicolon.csv", MATRIX, delimiter=";")
    np.savetxt(folder / "m.txt", MATRIX, header="two rows")
    scipy.io.mmwrite(folder / "dense.mtx", MATRIX)
    scipy.io.mmwrite(folder / "sparse.mtx", scipy.sparse.coo_array(MATRIX))
    np.savez(folder / "one.npz", A=MATRIX)
    for kind in ("csr", "csc", "coo", "bsr", "dia"):
        sparse = scipy.sparse.coo_array(MATRIX).asformat(kind)
        scipy.sparse.save_npz(folder / f"{kind}.npz", sparse)
    words = {"A": MATRIX, "note": "two rows", "cell": np.array([1, "a"], dtype=object)}
    scipy.io.savemat(folder / "m.mat", words)
    scipy.io.savemat(folder / "packed.mat", words, do_compression=True)
    scipy.io.savemat(folder / "old.mat", {"A": MATRIX}, format="4")
    scipy.io.savemat(folder / "sparse.mat", {"A": scipy.sparse.csc_array(MATRIX)})
    (folder / "decimal.csv").write_text("1,0;0;2,5\n0;1e-3;4,0\n")
    for path in list(folder.iterdir()):
        (folder / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))


NAMES = [
    "m.npy", "m.csv", "semicolon.csv", "decimal.csv", "m.txt", "dense.mtx", "sparse.mtx", "one.npz",
    "csr.npz", "csc.npz", "coo.npz", "bsr.npz", "dia.npz", "m.mat", "packed.mat", "old.mat",
    "sparse.mat",
]  # fmt: skip


@pytest.mark.parametrize("name", [*NAMES, *(f"{name}.gz" for name in NAMES)])
def test_formats_agree(tmp_path, name):
    write_all(tmp_path)
    assert is_file(name)
    np.testing.assert_array_equal(read_matrix(tmp_path / name), MATRIX)


def test_vector_is_one_column(tmp_path):
    np.save(tmp_path / "v.npy", np.arange(3.0))
    assert read_matrix(tmp_path / "v.npy").shape == (3, 1)


def test_byte_order_mark_of_a_spreadsheet_is_skipped(tmp_path):
    (tmp_path / "m.csv").write_bytes(b"\xef\xbb\xbf1,2\r\n3,4\r\n")
    np.testing.assert_array_equal(read_matrix(tmp_path / "m.csv"), [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("ragged.csv", b"1,2\n3\n", "line 2 has 1 numbers, the first has 2"),
        ("words.csv", b"a,b\n1,2\n", "line 1: 'a' is not a number"),
        ("nan.csv", b"1,nan\n", r"entry \(0, 1\) is not finite"),
        ("inf.txt", b"1 inf\n", r"entry \(0, 1\) is not finite"),
        ("empty.csv", b"", "holds no numbers"),
        ("comment.txt", b"# nothing\n", "holds no numbers"),
        ("binary.csv", bytes(range(256)), "utf-8"),
        ("text.npy", b"hello", "not a NumPy array"),
        ("cut.npy", None, "cannot be read"),
        ("zip.npy", b"PK\x03\x04", "not a NumPy array"),
        ("bad.mtx", b"junk", "Matrix Market"),
        ("m.xlsx", b"", "unknown type '.xlsx'"),
        ("m.xlsx.gz", b"", "unknown type '.xlsx'"),
        ("head.csv", b"\na;b\n1;2\n", "line 2: 'a' is not a number; a line of names does not be"),
        ("index.csv", b",0,1\n0,1,2\n", "line 1: '' is not a number; .* index=False"),
        ("late.csv", b"1,2\na,2\n", r"line 2: 'a' is not a number\)"),
        ("packed.csv.gz", b"\x1f\x8b12", "cannot be read"),
        ("m.mat", b"hello", "cannot be read as .mat"),
        ("m.npz", b"PK", "cannot be read as .npz"),
    ],
)
def test_faulty_file_is_refused_with_the_reason(tmp_path, name, content, reason):
    path = tmp_path / name
    if content is None:
        np.save(path, MATRIX)
        content = path.read_bytes()[:-8]
    path.write_bytes(content)
    with pytest.raises(amc.InputError, match=reason) as caught:
        read_matrix(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("values", [MATRIX * 1j, np.array([["a"]]), np.empty((0, 3))])
def test_array_of_anything_but_real_numbers_is_refused(tmp_path, values):
    np.save(tmp_path / "m.npy", values)
    with pytest.raises(amc.InputError, match=r"real numbers|not empty"):
        read_matrix(tmp_path / "m.npy")


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(amc.InputError, match="no such file"):
        read_matrix(tmp_path / "m.npy")


def test_several_matrices_in_a_file_are_refused_by_name(tmp_path):
    np.savez(tmp_path / "m.npz", A=MATRIX, b=MATRIX)
    scipy.io.savemat(tmp_path / "m.mat", {"A": MATRIX, "b": MATRIX})
    for name in ("m.npz", "m.mat"):
        with pytest.raises(amc.InputError, match=r"it holds 2 matrices \(A, b\); save the one"):
            read_matrix(tmp_path / name)
    scipy.io.savemat(tmp_path / "m.mat", {"name": "nobody"})
    with pytest.raises(amc.InputError, match="it holds no matrix"):
        read_matrix(tmp_path / "m.mat")


HUGE = scipy.sparse.coo_array(([1.0], ([0], [0])), shape=(10**6, 10**6))


def test_a_sparse_matrix_that_does_not_fit_is_refused_with_its_size(tmp_path):
    """As dense matrices 8 TB, which is refused before they are made."""
    scipy.sparse.save_npz(tmp_path / "m.npz", HUGE.tocsr())
    scipy.io.mmwrite(tmp_path / "m.mtx", HUGE)
    scipy.io.savemat(tmp_path / "m.mat", {"A": HUGE.tocsc()})
    for name in ("m.npz", "m.mtx", "m.mat"):
        with pytest.raises(amc.InputError, match=r"1000000 x 1000000.* 8,000.0 GB") as caught:
            read_matrix(tmp_path / name)
        assert name in str(caught.value)
    for call in (
        lambda: amc.solve("inv", HUGE, np.ones(10**6)),
        lambda: amc.solve("nnls", np.eye(3), HUGE),
        lambda: amc.AnalogNMF(1).fit(HUGE),
        lambda: amc.nmf(HUGE, 2),
    ):
        with pytest.raises(amc.InputError, match=r"1000000 x 1000000.* 8,000.0 GB"):
            call()


def test_entries_and_packed_parts_that_do_not_fit_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "m.mtx"
    path.write_text("%%MatrixMarket matrix coordinate real general\n2 2 999999999999\n1 1 1\n")
    with pytest.raises(amc.InputError, match="999999999999 entries"):
        read_matrix(path)
    np.savez_compressed(tmp_path / "m.npz", A=np.zeros((1000, 1000)))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=10**6))
    monkeypatch.setattr(files, "SMALL", 0)
    with pytest.raises(amc.InputError, match=r"m.npz: takes 0.0 GB"):
        read_matrix(tmp_path / "m.npz")


def test_indices_outside_a_sparse_matrix_are_refused(tmp_path):
    np.savez(
        tmp_path / "m.npz", format=b"csr", shape=[2, 3], data=[1.0, 2.0], indices=[0, 99],
        indptr=[0, 1, 2],
    )  # fmt: skip
    with pytest.raises(amc.InputError, match=r"cannot be read as \.npz .*ind"):
        read_matrix(tmp_path / "m.npz")


SQUARE = np.array([[2.0, 0.5, 0.0], [0.0, 1.0, 0.25], [0.5, 0.0, 4.0]])


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "bsr", "dia", "lil", "dok"])
def test_sparse_matrices_are_solved_as_dense_ones(kind):
    b = np.array([[1.0, 0.0], [0.5, 2.0], [0.0, 1.0]])
    for matrix, problem in ((SQUARE, "inv"), (SQUARE + 1j * np.eye(3), "inv"), (SQUARE, "mvm")):
        sparse = scipy.sparse.coo_array(matrix).asformat(kind)
        dense = amc.solve(problem, matrix, b, fidelity="ideal").x
        found = amc.solve(problem, sparse, scipy.sparse.csc_array(b), fidelity="ideal").x
        np.testing.assert_array_equal(found, dense)
    np.testing.assert_array_equal(
        amc.nmf(sparse.real, 2, iterations=1, fidelity="ideal").W,
        amc.nmf(SQUARE, 2, iterations=1, fidelity="ideal").W,
    )


@pytest.mark.parametrize("symmetry", ["general", "symmetric", "skew-symmetric", "hermitian"])
@pytest.mark.parametrize("dense", [True, False])
def test_symmetries_of_matrix_market(tmp_path, symmetry, dense):
    part = SQUARE + (1j * SQUARE**2 if symmetry == "hermitian" else 0)
    matrix = {
        "general": part, "symmetric": part + part.T, "skew-symmetric": part - part.T,
        "hermitian": part + part.conj().T,
    }[symmetry]  # fmt: skip
    stored = matrix if dense else scipy.sparse.coo_array(matrix)
    scipy.io.mmwrite(tmp_path / "m.mtx", stored, symmetry=symmetry)
    np.testing.assert_array_equal(read_numbers(tmp_path / "m.mtx"), matrix)


@pytest.mark.parametrize("body", ["2 2\n1\n2\n3\n4\n5\n", "2 2\n1\n2\n3\n", "2 2\n1 2\n3\n4\n5\n"])
def test_a_dense_matrix_market_file_of_other_length_is_refused(tmp_path, body):
    (tmp_path / "m.mtx").write_text("%%MatrixMarket matrix array real general\n" + body)
    with pytest.raises(amc.InputError, match=r"announces 4|must hold 1 numbers"):
        read_matrix(tmp_path / "m.mtx")


def test_a_stroke_within_digits_is_no_number(tmp_path):
    (tmp_path / "m.csv").write_text("1_0,2\n")
    with pytest.raises(amc.InputError, match="'1_0' is not a number"):
        read_matrix(tmp_path / "m.csv")


def test_complex_numbers_as_old_numpy_writes_them(tmp_path):
    (tmp_path / "m.txt").write_text("(1+2j) (1+-2j)\n(0+-3j) 4.5\n")
    assert np.array_equal(read_numbers(tmp_path / "m.txt"), [[1 + 2j, 1 - 2j], [-3j, 4.5]])
