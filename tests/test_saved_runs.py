"""`Run.save` and `Run.load`: a run read from its file says what it said before."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas
import pytest
from oracles import random_problem

import amcspice as amc
from amcspice.errors import InputError

FIGURES = (
    "x", "reference", "relative_error", "settled", "settling_time", "energy", "unique", "residual",
    "reference_residual", "volts_per_unit", "range_halvings", "near_limit", "amplifiers", "cells",
    "problem", "circuit", "fidelity",
)  # fmt: skip


def complex_problem(vectors):
    draw = np.random.default_rng(4)
    A, b = (draw.random(shape) + 1j * draw.random(shape) for shape in ((3, 3), (3, vectors)))
    return "inv", A + 3 * np.eye(3), b, {}


PROBLEMS = {
    "plain": lambda: ("nnls", *random_problem(3, rows=8, columns=3, vectors=3), {}),
    # An offset leaves both parts of a split entry above zero.
    "lasso": lambda: (
        "lasso", *random_problem(3, rows=8, columns=3, vectors=3),
        {"lasso": 0.1, "circuit": "ginv-compact", "opamp": amc.OpAmp(gain=1e4, offset=5e-3)},
    ),
    "complex": lambda: complex_problem(3),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::amcspice.CautionWarning")  # with the offset it ends at a rail
@pytest.mark.parametrize("fidelity", ["behavioural", "dc", "ideal"])
@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize("name", PROBLEMS)
def test_a_run_comes_back(name, single, fidelity, tmp_path):
    problem, A, b, options = PROBLEMS[name]()
    run = amc.solve(problem, A, b[:, 1] if single else b, fidelity=fidelity, **options)
    run.save(tmp_path / "run.npz")
    found = type(run).load(tmp_path / "run.npz")
    for figure in FIGURES:
        one, other = getattr(run, figure), getattr(found, figure)
        assert np.shape(one) == np.shape(other), figure
        if isinstance(one, np.ndarray | float):
            np.testing.assert_array_equal(one, other, err_msg=figure)
        else:
            assert one == other, figure
    np.testing.assert_equal(dataclasses.asdict(found.range), dataclasses.asdict(run.range))
    assert found.power.keys() == run.power.keys()
    for part, watts in run.power.items():
        np.testing.assert_array_equal(found.power[part], watts)
    assert repr(found) == repr(run)
    assert found.provenance["circuit"] == run.provenance["circuit"]
    pandas.testing.assert_frame_equal(found.to_pandas(), run.to_pandas())
    with pytest.raises(InputError, match="no waveforms"):
        found.plot()
