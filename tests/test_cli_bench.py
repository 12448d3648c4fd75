"""``amcspice bench``: choosing, writing, and what an interrupt or a wrong answer leaves."""

from __future__ import annotations

import json
import re

import pytest
from cli_helpers import files, refused, run

from amcspice.bench import COMPARISONS, Comparison, Row, read_rows, write_rows

POINTS = [
    Row(
        comparison="fake",
        case=f"size {n}",
        ours="us",
        peer="them",
        ours_s=0.1 * n,
        peer_s=n,
        ours_runs=3,
        peer_runs=3,
        ours_spread=0.0,
        peer_spread=0.0,
        deviation=0.0,
        tolerance=0.1,
        size=float(n),
    )
    for n in (1, 2)
]


@pytest.fixture
def fake(monkeypatch):
    """Return a function that puts a comparison of these rows into the registry."""

    def install(*rows, axis="size", ends_with=None):
        def generate(_quick):
            yield from rows
            if ends_with is not None:
                raise ends_with

        item = Comparison("fake", "a comparison for the test", generate, (), axis)
        monkeypatch.setitem(COMPARISONS, "fake", item)

    return install


def test_list_names_all_and_measures_nothing():
    result = run("bench", "--list")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == list(COMPARISONS)


def test_only_is_measured(fake, tmp_path):
    fake(*POINTS)
    result = run(
        "bench",
        "--quick",
        "--only",
        "fake",
        "--out",
        tmp_path / "results.csv",
        "--plot",
        tmp_path / "growth.svg",
    )
    assert result.exit_code == 0, result.output
    assert files(tmp_path) == ["growth.svg", "results.csv"]
    rows = read_rows(tmp_path / "results.csv")
    assert [row.case for row in rows] == ["size 1", "size 2"]
    assert all(row.quick and row.versions for row in rows)
    assert "size 2: us against them: 0.2 s (3) against 2 s (3), ratio 10" in result.stderr
    assert "small sizes" in result.stderr
    assert "small sizes" in result.stdout
    assert "to the power 1.00" in result.stdout
    assert "<svg" in (tmp_path / "growth.svg").read_text()


def test_several_names(fake):
    fake(POINTS[0])
    result = run("bench", "--list", "--only", "fake,jobs", "--only", "reduction")
    names = [line.split()[0] for line in result.stdout.splitlines()]
    assert names == ["reduction", "jobs", "fake"]


def test_json_on_standard_output(fake):
    fake(*POINTS)
    result = run("bench", "--only", "fake", "--json", "-")
    content = json.loads(result.stdout)
    assert not content["quick"]
    assert [row["ratio"] for row in content["rows"]] == [10.0, 10.0]
    assert content["growth"][1]["side"] == "them"
    assert content["growth"][1]["exponent"] == pytest.approx(1.0)


@pytest.mark.parametrize("status", ["answers differ", "failed"])
def test_wrong_rows_end_with_exit_code_1(fake, tmp_path, status):
    fake(POINTS[0], Row(comparison="fake", case="bad", status=status, deviation=1.0, tolerance=0.1))
    target = tmp_path / "results.csv"
    result = run("bench", "--only", "fake", "--out", target)
    assert result.exit_code == 1
    assert [row.status for row in read_rows(target)] == ["ok", status]
    assert status in result.stdout


def test_not_run_is_no_error(fake):
    fake(Row(comparison="fake", case="absent", status="not run", note="no peer here"))
    result = run("bench", "--only", "fake")
    assert result.exit_code == 0
    assert "absent: not run: no peer here" in result.stderr
    assert re.search(r"^ *absent +not run", result.stdout, re.M)
    assert "not measured: no peer here" in result.stdout


def test_interrupt_keeps_what_was_measured(fake, tmp_path):
    fake(*POINTS, ends_with=KeyboardInterrupt())
    target = tmp_path / "results.csv"
    target.write_text("old")
    result = run("bench", "--only", "fake", "--out", target)
    assert result.exit_code == 130
    assert len(read_rows(target)) == 2
    assert files(tmp_path) == ["results.csv"]


def test_interrupt_before_the_first_row_leaves_the_old_file(fake, tmp_path):
    fake(ends_with=KeyboardInterrupt())
    target = tmp_path / "results.csv"
    target.write_text("old")
    assert run("bench", "--only", "fake", "--out", target).exit_code == 130
    assert target.read_text() == "old"


def test_rows_of_other_benchmarks_stay_where_they_are_merged(fake, tmp_path):
    fake(*POINTS)
    target = tmp_path / "results.csv"
    other = Row(comparison="reduction", case="kept", status="not run", note="not now")
    write_rows(target, [Row(comparison="fake", case="old"), other])
    assert run("bench", "--only", "fake", "--out", target, "--merge").exit_code == 0
    assert [row.case for row in read_rows(target)] == ["kept", "size 1", "size 2"]
    assert run("bench", "--only", "fake", "--out", target).exit_code == 0
    assert [row.case for row in read_rows(target)] == ["size 1", "size 2"]
    target.write_text("no results")
    refused(run("bench", "--only", "fake", "--out", target, "--merge"), "the columns are not those")
    refused(run("bench", "--only", "fake", "--merge"), "--merge: of the file that --out names")


def test_bad_input(tmp_path, fake):
    fake(axis="")
    refused(run("bench", "--only", "speed"), "unknown benchmark 'speed'; choose from reduction")
    refused(run("bench", "--out", tmp_path / "no" / "r.csv"), "there is no folder")
    refused(run("bench", "--plot", tmp_path / "growth.gif"), "unknown type '.gif'")
    refused(run("bench", "--only", "fake", "--plot", tmp_path / "g.svg"), "nothing to plot")
    refused(run("bench", "--json", tmp_path), "is a folder")
    assert files(tmp_path) == []


@pytest.mark.ngspice
@pytest.mark.slow
def test_a_real_comparison(tmp_path):
    target = tmp_path / "results.csv"
    result = run("bench", "--quick", "--only", "reduction", "--out", target)
    assert result.exit_code == 0, result.output
    rows = read_rows(target)
    assert all(row.status == "ok" and row.ratio for row in rows)
    assert "scipy" in rows[0].versions


def test_help_has_an_example():
    result = run("bench", "--help")
    assert result.exit_code == 0
    assert "Example: amcspice bench --quick" in result.stdout


@pytest.mark.ngspice
@pytest.mark.slow
def test_quick_measures_every_benchmark_at_small_sizes_a_line_each(tmp_path):
    target = tmp_path / "bench.json"
    result = run("bench", "--quick", "--json", target)
    assert result.exit_code == 0, result.output
    rows = json.loads(target.read_text())["rows"]
    assert list(dict.fromkeys(row["comparison"] for row in rows)) == list(COMPARISONS)
    for row in rows:
        if row["peer"] == "badcrossbar" and row["status"] == "not run":
            assert "pip install" in row["note"]
        elif row["status"] == "not run" and "KLU" in row["peer"]:
            assert "KLU" in row["note"]  # which not every ngspice has
        elif row["comparison"] != "jobs":  # which needs two cores
            assert row["status"] == "ok", row
    lines = result.stdout.splitlines()
    for row in rows:
        assert any(row["case"] in line and row["peer"] in line for line in lines), row["case"]
