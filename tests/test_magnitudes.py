"""Every numeric option of ``amcspice solve`` far too large and too small: result or refusal."""

from __future__ import annotations

import json

import click
import pytest
from cli_helpers import run

import amcspice as amc
from amcspice.cli.solve import solve

OPTIONS = [
    option.opts[0]
    for option in solve.complete().params
    if isinstance(option, click.Option) and not option.is_flag
    and not isinstance(option.type, click.Path)
]  # fmt: skip
WORDS = {"--matrix", "--rhs", "--config", "--write-config", "--json", "--circuit", "--fidelity"}


def check(folder, problem, fidelity, options, values):
    """Every value of every option ends as a result, or as one error with exit code 2."""
    (folder / "A.csv").write_text("2,0.5\n0.5,1\n")
    (folder / "b.csv").write_text("1\n0.5\n")
    result = folder / "r.json"
    for option in sorted(set(options) - WORDS):
        for value in values:
            result.unlink(missing_ok=True)
            done = run("solve", problem, "--matrix", folder / "A.csv", "--rhs", folder / "b.csv",
                       "--fidelity", fidelity, "--json", result, option, value)  # fmt: skip
            said = [
                line for line in done.stderr.splitlines() if not line.startswith(("note:", " "))
            ]
            where = (option, value, done.stderr)
            assert done.exit_code in (0, 2), where
            if done.exit_code == 0:
                assert (
                    "solution" in json.loads(result.read_text()) or "trials" in result.read_text()
                )
            else:
                assert len(said) == 1, where
                assert said[0].startswith("amcspice: "), where
                assert not result.exists(), where


def test_numeric_options_are_looked_at():
    assert len(OPTIONS) > 80
    assert {"--g-max", "--wire-resistance", "--second-pole", "--range"} <= set(OPTIONS)


@pytest.mark.parametrize(
    ("problem", "fidelity"), [("inv", "behavioural"), ("nnls", "dc"), ("mvm", "ideal")]
)
def test_what_no_unit_makes_sense_of_is_refused(tmp_path, problem, fidelity):
    check(tmp_path, problem, fidelity, OPTIONS, ["1e300", "1e-300"])


PARTS = [
    "--g-max", "--wire-resistance", "--driver-resistance", "--wire-capacitance", "--gbw",
    "--row-capacitance", "--column-capacitance", "--second-pole", "--gain",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("problem", "fidelity"), [("inv", "behavioural"), ("nnls", "dc"), ("lstsq", "behavioural")]
)
def test_what_is_only_implausible_gives_a_result_or_is_refused(tmp_path, problem, fidelity):
    """Stiff and singular circuits among them, which must take neither all memory nor for ever."""
    options = [name for name in PARTS if name in OPTIONS]
    check(tmp_path, problem, fidelity, options, ["1e29", "1e-29", "1e12", "1e-12"])


@pytest.mark.parametrize("value", [1e300, -1e300, 1e-300, 1e31, "1e300 S"])
def test_a_quantity_out_of_all_range_is_refused_by_name(value):
    with pytest.raises(amc.InputError, match=r"Memristor.g_max = .*(from 1e-30|greater than)"):
        amc.Memristor(g_max=value)


def test_zero_and_the_edges_are_numbers_as_others():
    assert amc.OpAmp(offset=0.0).offset == 0
    assert amc.OpAmp(offset=1e-30).offset == 1e-30


def test_a_network_that_rounding_makes_singular_is_refused():
    with (
        pytest.warns(amc.ImplausibleWarning),
        pytest.raises(amc.InputError, match="cannot be solved in floating-point numbers"),
    ):
        amc.solve(
            "inv", [[2.0, 0.5], [0.5, 1.0]], [1.0, 0.5], fidelity="dc", driver_resistance=1e29
        )
