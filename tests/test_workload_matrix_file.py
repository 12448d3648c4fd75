"""Matrices from files: every format gives the same numbers, every fault its reason."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.io
import scipy.sparse

import amcspice as amc
from amcspice.workload import read_matrix

MATRIX = np.array([[1.0, 0.0, 2.5], [0.0, 1e-3, 4.0]])


def write_all(folder):
    np.save(folder / "m.npy", MATRIX)
    np.savetxt(folder / "m.csv", MATRIX, delimiter=",")
    np.savetxt(folder / "semicolon.csv", MATRIX, delimiter=";")
    np.savetxt(folder / "m.txt", MATRIX, header="two rows")
    scipy.io.mmwrite(folder / "dense.mtx", MATRIX)
    scipy.io.mmwrite(folder / "sparse.mtx", scipy.sparse.coo_array(MATRIX))


@pytest.mark.parametrize(
    "name", ["m.npy", "m.csv", "semicolon.csv", "m.txt", "dense.mtx", "sparse.mtx"]
)
def test_formats_agree(tmp_path, name):
    write_all(tmp_path)
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
