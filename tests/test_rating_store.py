"""Ratings on disk: both orders are one table, and a half-step reads them."""

from __future__ import annotations

import json
import mmap
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

import amcspice as amc
from amcspice.algorithm import complete
from amcspice.workload.rating_store import open_rating_store, write_rating_store

DRAW = np.random.default_rng(2)
TABLE = sp.csr_array(np.where(DRAW.random((23, 11)) < 0.4, DRAW.integers(1, 6, (23, 11)), 0.0))


def blocks(size=5):
    return [TABLE[k : k + size] for k in range(0, 23, size)]


@pytest.mark.parametrize("size", [1, 5, 23])
def test_both_orders_hold_the_same_ratings(tmp_path, size):
    write_rating_store(tmp_path, blocks(size), TABLE.shape)
    by_user, by_item = open_rating_store(tmp_path)
    np.testing.assert_array_equal(by_user.toarray(), TABLE.toarray())
    np.testing.assert_array_equal(by_item.toarray(), TABLE.toarray().T)
    assert by_item.has_sorted_indices
    owner = by_item.data
    while isinstance(owner, np.ndarray):
        owner = owner.base
    assert isinstance(owner, mmap.mmap)  # not copied into memory


def test_blocks_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(amc.InputError, match="hold 23 users, not 24"):
        write_rating_store(tmp_path, blocks(), (24, 11))
    with pytest.raises(amc.InputError, match="does not fit"):
        write_rating_store(tmp_path, blocks(), (22, 11))
    with pytest.raises(amc.InputError, match="holds no ratings"):
        open_rating_store(tmp_path)


def test_factorisation_from_disk_is_that_from_memory(tmp_path):
    write_rating_store(tmp_path, blocks(), TABLE.shape)
    by_user, by_item = open_rating_store(tmp_path)
    options = {"rank": 2, "iterations": 2, "analysis": amc.Analysis(fidelity="behavioural")}
    stored = complete(by_user, transpose=by_item, **options)
    np.testing.assert_array_equal(stored.W, complete(TABLE, **options).W)
    with pytest.raises(amc.InputError, match="is not the transpose"):
        complete(by_user, transpose=by_user, **options)


@pytest.mark.slow
def test_script_solves_both_halves_as_well_as_the_digital_twin(tmp_path):
    script = Path(__file__).parents[1] / "scripts" / "large_ratings.py"
    sizes = ["--users", "2000", "--items", "100", "--some-users", "50", "--array-rows", "64"]
    done = subprocess.run(
        [sys.executable, str(script), "--folder", str(tmp_path / "store"), *sizes],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    written, items, users, last = map(json.loads, done.stdout.splitlines())
    assert written["ratings"] == items["ratings"] == 20_000
    assert (items["regressions"], users["regressions"]) == (100, 50)
    assert (items["word_lines"], users["word_lines"]) == (2000, 100)
    assert items["settled"] == 100
    assert max(items["relative_error"], users["relative_error"]) < 1e-3
    assert last["memory_gb"] > 0
