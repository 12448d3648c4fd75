"""`amcspice solve inv --refine` and `forecast`."""

from __future__ import annotations

import json

import numpy as np
import pytest
from cli_helpers import files, refused, run
from refinement_cases import errors, right, wishart

from amcspice.algorithm import (
    slices_for,
)


@pytest.fixture
def problem(tmp_path):
    np.save(tmp_path / "A.npy", wishart(8, 128))
    np.save(tmp_path / "b.npy", right(8, 2))
    return ["--matrix", tmp_path / "A.npy", "--rhs", tmp_path / "b.npy", "--fidelity", "dc"]


def solved(problem, tmp_path, *options):
    result = run("solve", "inv", *problem, *options, "--json", tmp_path / "r.json")
    assert result.exit_code == 0, result.output
    return json.loads((tmp_path / "r.json").read_text()), result.output


def test_solve_takes_products_by_slices(problem, tmp_path):
    cells = ["--stages", 1, "--levels", 8, "--write-noise", 0.01, "--own-scale"]
    for product in ("sliced", "compensated"):
        made, _ = solved(problem, tmp_path, *cells, "--refine", 24, "--product", product)
        assert (made["ended"], made["floor"]) == ("reached", None)
        assert made["bits"] > 24
        assert made["floor_bits"] >= 25
        exact = np.linalg.solve(np.load(tmp_path / "A.npy"), np.load(tmp_path / "b.npy"))
        assert errors(np.array(made["solution"]).T, exact).max() < 2.0**-24
    made, told = solved(problem, tmp_path, *cells, "--refine", 24, "--slices", 2)
    assert (made["ended"], made["floor"]) == ("floor", "product")
    assert "more slices" in told
    assert "more slices" in made["cautions"][0]
    made, told = solved(
        problem, tmp_path, *cells, "--refine", 24, "--no-ranged", "--dac-bits", 6, "--adc-bits", 6
    )
    assert (made["ended"], made["floor"], made["floor_bits"]) == ("floor", "converters", None)
    assert made["history"][0]["exponent"] == 1


def test_forecast_says_where_gcr_is_sure(problem, tmp_path):
    result = run(
        "forecast", *problem[:2], "--stages", 1, "--levels", 8, "--write-noise", 0.01, "--refine",
        24, "--product", "sliced", "--json", tmp_path / "f.json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "f.json").read_text())
    assert content["gcr_converges"] is (content["definiteness"] > 0) is True
    assert content["slices"] == slices_for(np.load(tmp_path / "A.npy"), 24)
    assert content["method"] == "gcr"
    assert content["method_iterations"] < content["iterations"]
    assert "gcr is sure to converge" in result.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--product", "sliced"], "give refine"),
        (["--no-ranged"], "give refine"),
        (["--refine", 20, "--no-ranged"], "converters"),
        (["--refine", 20, "--cell-bits", 2], "product sliced"),
        (["--refine", 20, "--product", "digital", "--slices", 3], "not digital"),
        (["--refine", 20, "--product", "sliced", "--levels", 8, "--cell-bits", 4], "levels = 8"),
        (["--refine", 20, "--product", "sliced", "--cell-bits", 9], "cell"),
        (["--refine", 20, "--method", "newton"], "method"),
    ],
)
def test_options_of_refinement_that_do_not_fit_are_refused(problem, options, message, tmp_path):
    before = files(tmp_path)
    refused(run("solve", "inv", *problem, *options), message)
    assert files(tmp_path) == before
