"""The benchmarks: answers and bookkeeping.  No test looks at how long anything took."""

from __future__ import annotations

import dataclasses
import gc
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from test_mvm import direct

import amcspice as amc
from amcspice.algorithm import complete
from amcspice.algorithm.alternating.data import DenseData, SparseData
from amcspice.bench import (
    COMPARISONS,
    Comparison,
    NotRun,
    Row,
    alternating,
    behavioural,
    choose,
    commands,
    crossbar,
    digital,
    engines,
    growth,
    highlights,
    jobs,
    markdown,
    measure,
    picture,
    read_rows,
    reduction,
    sentence,
    streaming,
    timing,
    wired_circuit,
    write_rows,
)
from amcspice.bench.child import Answer, run_in_child
from amcspice.bench.growth_plot import growth as growth_plot
from amcspice.bench.problems import sparse_ratings
from amcspice.bench.row import COLUMNS
from amcspice.bench.timing import Measured, Timed, side_by_side
from amcspice.engine import find_installation

ROOT = Path(__file__).resolve().parents[1]

FULL = Row(
    comparison="reduction",
    case="two arrays, a | b",
    ours="rows",
    peer="LU",
    ours_s=0.1,
    ours_spread=0.25,
    ours_runs=5,
    peer_s=3.0,
    peer_spread=0.0,
    peer_runs=1,
    wanted_ratio=15.0,
    deviation=1e-12,
    tolerance=1e-10,
    note='a note, with a comma and a "quote"',
    size=512.0,
    headline=True,
    cores=2,
    versions="Python 3, amcspice 0",
)
ABSENT = Row(comparison="crossbar", case="8 x 8", peer="badcrossbar", status="not run", note="gone")


def equal(row: Row, deviation: float) -> Row:
    """Return a row of two sides whose answers are this far apart."""
    sides = {name: Measured(None, (1.0, 3.0, 2.0)) for name in ("us", "them")}
    return Row.of(
        row.comparison, row.case, sides, ours="us", peer="them", deviation=deviation, tolerance=0.1
    )


# Timing


def test_sides_take_turns_and_the_first_answer_is_kept(monkeypatch):
    monkeypatch.setattr(timing, "REPEATS", 3)
    order: list[str] = []

    def side(name):
        def run():
            assert not gc.isenabled()
            order.append(name)
            return len(order)

        return run

    timings = side_by_side({"a": side("a"), "b": side("b")})
    assert order == ["a", "b"] * 3
    assert (timings["a"].answer, timings["b"].answer) == (1, 2)
    assert len(timings["a"].seconds) == 3
    assert gc.isenabled()


def test_a_slow_side_runs_once_and_may_measure_itself(monkeypatch):
    monkeypatch.setattr(timing, "REPEATS", 4)
    timings = side_by_side({"slow": lambda: Timed("x", 1e9), "fast": lambda: Timed("y", 1.0)})
    assert timings["slow"].seconds == (1e9,)
    assert timings["slow"].answer == "x"
    assert len(timings["fast"].seconds) == 4


def test_median_and_spread():
    timing = Measured(None, (1.0, 4.0, 2.0))
    assert timing.median == 2.0
    assert timing.spread == 1.5


def test_a_child_reports_memory_and_failure():
    answer = run_in_child(
        "amcspice.bench.crossbar:time_and_imbalance", side=4, harsh=True, quick=True
    )
    assert answer.result["imbalance"] < 1e-10
    assert answer.peak_memory is None or answer.peak_memory > 1e7
    with pytest.raises(amc.SimulationError, match="ended with exit code 1: TypeError"):
        run_in_child("amcspice.bench.crossbar:time_and_imbalance", sides=4)


# Rows


def test_answers_that_differ_are_wrong():
    assert not equal(FULL, 0.1).wrong
    for deviation in (0.11, float("nan")):
        row = equal(FULL, deviation)
        assert row.wrong
        assert row.status == "answers differ"
        assert "ANSWERS DIFFER" in sentence(row)


def test_ratio_is_peer_over_ours():
    assert FULL.ratio == pytest.approx(30)
    assert ABSENT.ratio is None
    assert "wanted" not in sentence(FULL)
    assert "(wanted: ratio at least 15)" in sentence(dataclasses.replace(FULL, peer_s=1.0))


def test_a_limit_names_its_figure_and_says_that_it_is_missed():
    assert (FULL.limit, FULL.missed) == ("ratio at least 15", False)
    late = dataclasses.replace(FULL, wanted_ratio=None, wanted_s=0.09)
    assert (late.limit, late.missed) == ("at most 0.09 s", True)
    assert "| at most 0.09 s: missed |" in markdown([late])
    assert not dataclasses.replace(late, ours_s=0.09).missed
    assert not dataclasses.replace(late, ours_s=None).missed
    assert not dataclasses.replace(FULL, peer_s=None).missed
    assert (ABSENT.limit, ABSENT.missed) == ("", False)


def test_csv_round_trip(tmp_path):
    path = tmp_path / "results.csv"
    write_rows(path, [FULL, ABSENT])
    assert read_rows(path) == [FULL, ABSENT]
    assert path.read_text().splitlines()[0] == ",".join(COLUMNS)
    assert [item.name for item in tmp_path.iterdir()] == ["results.csv"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("peer_runs", "runs", "columns are not those"),
        ("not run", "perhaps", "unknown status 'perhaps'"),
        ("True", "yes", "cannot be read"),
        ("0.25", "much", "cannot be read"),
    ],
)
def test_other_csv_files_are_refused(tmp_path, old, new, message):
    path = tmp_path / "results.csv"
    write_rows(path, [FULL, ABSENT])
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(amc.InputError, match=message):
        read_rows(path)


def test_missing_csv_is_refused(tmp_path):
    with pytest.raises(amc.InputError, match="No such file"):
        read_rows(tmp_path / "absent.csv")


# Registry


def test_registry():
    assert [item.name for item in choose()] == list(COMPARISONS)
    assert [item.name for item in choose(["jobs", "reduction"])] == ["reduction", "jobs"]
    with pytest.raises(amc.InputError, match="unknown benchmark 'speed'; choose from reduction"):
        choose(["speed"])


def test_whatever_stops_a_comparison_becomes_a_row():
    def rows(error):
        def generate(_quick):
            yield ABSENT
            raise error

        return generate

    for error, status, note in (
        (NotRun("no peer"), "not run", "no peer"),
        (amc.SimulationError("aborted", deck="x.cir"), "failed", "SimulationError: simulation"),
        (MemoryError(), "failed", "MemoryError: "),
    ):
        comparison = Comparison("test", "a test", rows(error), ("ngspice", "no-such-package"))
        first, last = measure(comparison, quick=True)
        assert (last.status, last.note.startswith(note)) == (status, True)
        assert first.quick
        assert first.cores >= 1
        assert f"ngspice {find_installation().version}" in first.versions
        assert "no-such-package absent" in first.versions


# Comparisons at tiny sizes


def test_reduction():
    row = reduction.compare(12, 3, quick=True, size=12.0)
    assert row.status == "ok", row
    assert row.deviation is not None
    assert row.size == 12.0


@pytest.mark.ngspice
def test_wired_circuit():
    klu, sparse = wired_circuit.compare(6, 2, quick=True)
    assert sparse.status == "ok", sparse
    if find_installation().klu:
        assert klu.status == "ok", klu
    else:
        assert (klu.status, klu.peer) == ("not run", wired_circuit.KLU)
        assert "without KLU" in klu.note
    skipped = list(wired_circuit.compare(6, 2, quick=True, sparse=False))[1]
    assert skipped.status == "not run"
    assert skipped.ours_s is not None


@pytest.mark.ngspice
def test_circuit_without_peer_is_checked_against_its_own_equations(monkeypatch):
    row = wired_circuit.alone(8, 4, quick=True)
    assert row.status == "ok", row
    assert row.peer_s is None
    simulate = amc.simulate

    def unfinished(circuit, b):
        return simulate(circuit, b, window=1e-9, settle_tolerance=0.5)

    monkeypatch.setattr(amc, "simulate", unfinished)
    with pytest.warns(amc.CautionWarning, match="did not settle"):
        assert wired_circuit.alone(8, 4, quick=True).wrong


def fake_badcrossbar(monkeypatch, factor=1.0):
    """Install a package of that name which solves by sparse LU."""

    def compute(voltages, resistances, r_i):
        word, bit = direct(1 / resistances, amc.Wire(row=r_i, column=r_i), voltages[:, 0])
        currents = types.SimpleNamespace(
            device=factor * (word - bit) / resistances, output=bit[-1:] / r_i
        )
        return types.SimpleNamespace(currents=currents)

    package = types.ModuleType("badcrossbar")
    package.compute = compute
    monkeypatch.setitem(sys.modules, "badcrossbar", package)


@pytest.fixture
def tiny_crossbars(monkeypatch):
    """Shrink the quick sizes."""
    sizes = {"QUICK_SERIES": (4, 6), "QUICK_HARSH": 5, "QUICK_ALONE": 6, "QUICK_PRODUCT": (6, 9)}
    for name, value in sizes.items():
        monkeypatch.setattr(crossbar, name, value)
    monkeypatch.setattr(crossbar, "run_in_child", run_here)


def run_here(function, **arguments):
    """Do as `run_in_child`, without its process."""
    return Answer(getattr(crossbar, function.rpartition(":")[2])(**arguments), None)


@pytest.mark.usefixtures("tiny_crossbars")
def test_crossbar(monkeypatch):
    fake_badcrossbar(monkeypatch)
    rows = list(crossbar.rows(True))
    assert [row.status for row in rows] == ["ok"] * 7, rows
    assert [row.size for row in rows] == [4.0, 6.0, *5 * [None]]
    assert [row.ratio is not None for row in rows] == [*3 * [True], *4 * [False]]


def test_crossbar_that_disagrees(monkeypatch):
    fake_badcrossbar(monkeypatch, factor=1 + 1e-7)
    assert crossbar.compare(6, quick=True).wrong


@pytest.mark.usefixtures("tiny_crossbars")
def test_a_missing_peer_is_reported_for_every_size(monkeypatch):
    monkeypatch.setitem(sys.modules, "badcrossbar", None)
    rows = list(measure(COMPARISONS["crossbar"], quick=True))
    absent, alone = rows[:3], rows[3:]
    assert [row.status for row in absent] == ["not run"] * 3
    assert all("badcrossbar is not installed" in row.note for row in absent)
    assert [row.status for row in alone] == ["ok"] * 4
    text = markdown(rows, everything=True)
    assert text.count("not run") == 3
    assert "badcrossbar is not installed" in text


@pytest.mark.ngspice
@pytest.mark.slow
def test_streaming():
    row = streaming.compare(6, 3, 3, quick=True)
    assert row.status == "ok", row
    assert row.deviation < 1e-4
    assert "% of our time is spent inside ngspice" in row.note


@pytest.mark.ngspice
def test_streaming_without_shared_library(monkeypatch):
    broken = dataclasses.replace(find_installation(), version=42)
    monkeypatch.setattr(streaming, "find_installation", lambda: broken)
    (row,) = measure(COMPARISONS["streaming"], quick=True)
    assert row.status == "not run"
    assert "ngspice 42" in row.note


def test_behavioural(monkeypatch):
    monkeypatch.setattr(behavioural, "QUICK_COUNT", 20)
    (row,) = measure(COMPARISONS["behavioural"], quick=True)
    assert row.status == "ok" or (row.status, "behavioural" in row.note) == ("not run", True), row
    monkeypatch.setattr(behavioural, "behavioural_analysis", lambda: amc.Analysis(fidelity="ideal"))
    assert behavioural.compare(6, 3, 10, quick=True).status == "ok"


@pytest.mark.ngspice
def test_engines():
    (flat, dc) = engines.compare(3, 2, ["flat", "dc"], quick=True)
    assert [(row.status, row.ours, row.size) for row in (flat, dc)] == [
        ("ok", "flat", 3.0), ("ok", "dc", 3.0),
    ]  # fmt: skip
    assert flat.peer_s == dc.peer_s
    assert set(engines.LARGEST) < set(amc.BACKENDS)


def test_commands_are_processes_of_their_own(monkeypatch):
    spent = []

    def counted(side):
        def timed():
            spent.append(timing.of_commands(side)())
            return spent[-1]

        return timed

    monkeypatch.setattr(commands, "of_commands", counted)
    monkeypatch.setattr(timing, "QUICK_REPEATS", 1)
    row = commands.compare_regressions(6, 3, 4, quick=True)
    assert row.status == "ok", row
    assert row.ours_s == spent[0].seconds > 0.05  # no process imports numpy in less


@pytest.mark.ngspice
@pytest.mark.slow
def test_commands_from_a_cold_start(monkeypatch):
    monkeypatch.setattr(timing, "QUICK_REPEATS", 1)
    for row in (commands.compare_small(quick=True), commands.compare_start(quick=True)):
        assert row.status == "ok", row
        assert row.ratio > 0
    ratings = commands.compare_ratings(20, 30, 200, fidelity="dc", quick=True)
    assert ratings.status == "ok", ratings
    assert ratings.wanted_s is None


def test_a_command_that_fails_is_told(tmp_path):
    with pytest.raises(
        amc.SimulationError, match="amcspice solve ended with exit code 2: amcspice: "
    ):
        commands._command(tmp_path, "solve", "nnls")()


def test_digital(monkeypatch):
    """Every side has the same answers, or stops at the first iteration that is as good."""
    for name, value in (("QUICK_COUNT", 20), ("QUICK_RATINGS", (40, 60, 800))):
        monkeypatch.setattr(digital, name, value)
    rows = list(measure(COMPARISONS["digital"], quick=True))
    assert [row.status for row in rows] == ["ok"] * 5, rows
    assert [row.peer for row in rows] == [
        "scipy nnls", "scipy nnls", "scikit-learn cd", "scikit-learn mu", "ALS without constraint",
    ]  # fmt: skip
    assert all("processor time" in row.note for row in rows)
    for row in rows[2:]:
        reached, ours = map(float, re.findall(r"(?:residual|ours) (0\.\d+)", row.note))
        assert reached <= ours


def test_digital_factorisations_are_those_of_the_digital_twin():
    V = np.random.default_rng(3).random((12, 9))
    W, H = alternating.anls(DenseData(V), 3, 4, seed=5)
    twin = amc.nmf(V, 3, iterations=4, tolerance=0, seed=5, fidelity="ideal")
    np.testing.assert_allclose(W, twin.digital_W, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(H.T, twin.digital_H, rtol=1e-10, atol=1e-12)
    known = sparse_ratings(30, 20, 300)
    W, H = alternating.masked_anls(SparseData(known, ridge=0.1), 3, 4, seed=5)
    twin = complete(known, 3, iterations=4, seed=5, fidelity="ideal")
    np.testing.assert_allclose(W, twin.digital_W, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(H.T, twin.digital_H, rtol=1e-10, atol=1e-12)


def test_least_squares_of_ratings_is_that_of_each_user_alone():
    known = sparse_ratings(30, 20, 300)
    W, H = alternating.masked_als(SparseData(known, ridge=0.1), 3, 4)
    dense = known.toarray()
    for user in range(30):
        own = np.flatnonzero(dense[user])
        gram = H[own].T @ H[own] + 0.1 * own.size * np.eye(3)
        np.testing.assert_allclose(W[user], np.linalg.solve(gram, H[own].T @ dense[user, own]))


def test_iterations_until_a_residual():
    for fewest in (1, 2, 3, 17, 64, 1000):
        assert alternating.iterations_until(lambda count: 1 / count, 1 / fewest) == fewest
    assert alternating.iterations_until(lambda count: 1.0, 0.5) is None


def test_a_solver_that_does_not_get_there_is_reported(monkeypatch):
    monkeypatch.setattr(alternating, "LARGEST", 2)
    draw = np.random.default_rng(0)
    cd, mu = digital.compare_tiles(draw.random((8, 8, 1)), 8, 4, 8, quick=True)
    assert (cd.status, mu.status) == ("not run", "not run")
    assert "does not reach the relative residual" in mu.note


@pytest.mark.ngspice
@pytest.mark.slow
def test_jobs(monkeypatch):
    monkeypatch.setattr(jobs, "usable_cores", lambda: 2)
    row = jobs.compare(8, tile=4, rank=1, iterations=1, quick=True)
    assert (row.status, row.deviation) == ("ok", 0.0)
    monkeypatch.setattr(jobs, "usable_cores", lambda: 1)
    (row,) = measure(COMPARISONS["jobs"], quick=True)
    assert (row.status, row.note) == ("not run", "two jobs need two cores, and there is one")


def test_picture(monkeypatch):
    ideal = amc.Analysis(fidelity="ideal")
    monkeypatch.setattr(picture, "behavioural_analysis", lambda: ideal)
    monkeypatch.setattr(picture, "usable_cores", lambda: 1)
    row = picture.measure(8, 12, tile=4, rank=1, iterations=2)
    assert row.status == "ok", row
    (row,) = measure(COMPARISONS["picture"], quick=True)
    assert row.status == "ok", row
    assert row.case.startswith("nmf of 64 x 96 pixels")


# Report


def series_rows():
    """Return a series in which the peer grows quadratically, and we linearly."""
    return [
        dataclasses.replace(FULL, size=float(n), ours_s=1e-3 * n, peer_s=1e-3 * n**2)
        for n in (2, 8, 4)
    ]


def test_growth_exponents():
    ours, peer = growth([*series_rows(), ABSENT])
    assert (ours.side, peer.side) == ("rows", "LU")
    assert ours.sizes == (2.0, 4.0, 8.0)
    assert (ours.exponent, peer.exponent) == pytest.approx((1, 2))
    assert np.isnan(growth([FULL])[0].exponent)


def test_growth_plot(tmp_path):
    figure = growth_plot(growth(series_rows()))
    (axis,) = figure.axes
    assert (axis.get_xscale(), axis.get_yscale()) == ("log", "log")
    labels = [text.get_text() for text in axis.get_legend().get_texts()]
    assert labels == ["rows, ∝ size$^{1.0}$", "LU, ∝ size$^{2.0}$"]
    with pytest.raises(amc.InputError, match="no growth series"):
        growth_plot([])


def test_short_table_has_the_headlines():
    text = markdown([FULL, ABSENT, dataclasses.replace(ABSENT, headline=True, case="9 x 9")])
    lines = text.splitlines()
    assert (
        lines[2]
        == "| two arrays, a \\| b | rows 0.1 s (5) | LU 3 s (1) | 30 | ratio at least 15 | 1e-12 |"
    )
    assert "8 x 8" not in text
    assert "| 9 x 9 |  | badcrossbar | not run: gone |  |  |" in text
    assert "Python 3, amcspice 0" in lines[-1]
    assert "small sizes" not in text


def test_complete_table_has_everything():
    rows = [dataclasses.replace(row, quick=True) for row in [*series_rows(), ABSENT]]
    text = markdown(rows, everything=True)
    assert "8 x 8" in text
    assert "25%, 0%" in text
    assert "exponent of growth with rows: rows: 1.00; LU: 2.00." in text
    assert "small sizes (`--quick`)" in text


@pytest.mark.parametrize(
    ("path", "name", "everything"),
    [("README.md", "benchmarks", False), ("benchmarks/README.md", "results", True)],
)
def test_committed_tables_are_those_of_the_committed_results(path, name, everything):
    rows = read_rows(ROOT / "benchmarks" / "results.csv")
    assert not any(row.wrong for row in rows)
    assert {row.comparison for row in rows} == set(COMPARISONS)
    rows = rows if everything else highlights(rows)
    assert everything or len(rows) == 3
    begin, end = (f"<!-- {name}:{where} -->\n" for where in ("begin", "end"))
    text = (ROOT / path).read_text() + "\n"
    assert begin + markdown(rows, everything=everything) + "\n" + end in text
