"""Archives: what is written is read, and nothing else is taken for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from amcspice.archive import read_archive, write_archive
from amcspice.errors import InputError


def test_arrays_and_values_come_back(tmp_path):
    path = tmp_path / "a.npz"
    arrays = {"flags": np.array([True, False]), "empty": np.zeros((0, 3)), "z": np.array([1 + 2j])}
    values = {
        "number": np.float64(0.1), "count": np.int64(3), "list": np.array([1.5, 2.5]),
        "none": None, "file": Path("b/c"), "nested": {"a": [1, "two"]},
    }  # fmt: skip
    write_archive(path, "cells 2", arrays, values)
    found, plain = read_archive(path, "cells 2")
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
    assert plain == {**values, "list": [1.5, 2.5], "file": "b/c"}


@pytest.mark.parametrize("kind", ["cells 1", "run 2"])
def test_another_kind_or_version_is_refused(tmp_path, kind):
    path = tmp_path / "a.npz"
    write_archive(path, "cells 2", {}, {})
    with pytest.raises(InputError, match=f"holds 'cells 2', but .* reads '{kind}'"):
        read_archive(path, kind)


@pytest.mark.parametrize("content", [b"", b"text", None])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "a.npz"
    if content is None:
        np.savez(path, x=np.zeros(2))
    else:
        path.write_bytes(content)
    with pytest.raises(InputError, match="not a file that amcspice wrote"):
        read_archive(path, "cells 2")
    with pytest.raises(InputError, match="no such file"):
        read_archive(tmp_path / "b.npz", "cells 2")
