"""Systems as problems of sweeps: which one runs, what a point of it is, and its metrics."""

from __future__ import annotations

import csv
import json
import shlex
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from cli_helpers import refused, run

import amcspice as amc
from amcspice.algorithm import (
    BlockInverse,
    BlockSolver,
    ProductSolver,
    System,
    iterate,
    refine,
)
from amcspice.algorithm.block_solver import ProgrammedBlocks
from amcspice.algorithm.solved import Solved
from amcspice.measure import Measurement
from amcspice.schema import parameters
from amcspice.settings.systems import SYSTEMS, choose_system
from amcspice.sweep import metrics as metrics_module
from amcspice.sweep.metrics import COSTS, higher_is_better, metric_units, metrics_of
from amcspice.sweep.outcome import point_key
from amcspice.sweep.point import command, run_point, units
from amcspice.sweep.spec.experiment import Experiment
from amcspice.sweep.store.store import Store

BLOCKS = {
    "problem": "inv", "columns": 8, "condition": 3, "levels": 16, "write_noise": 0.01,
    "stages": 1, "own_scale": True, "fidelity": "dc", "right_hand_sides": 2, "seed": 3,
}  # fmt: skip


# -- which one ---------------------------------------------------------------------------------


def test_a_parameter_of_a_system_makes_a_point_one():
    plain = {"problem": "inv", **dict.fromkeys(("stages", "refine", "own_scale"))}
    assert choose_system(plain) is None
    assert choose_system({**plain, "stages": 0}) is BlockSolver
    assert choose_system({**plain, "own_scale": False}) is BlockSolver
    assert choose_system({**plain, "problem": "forecast"}) is SYSTEMS["forecast"]
    assert Experiment.of({"problem": "inv", "columns": 4}).system() is None
    assert Experiment.of(BLOCKS).system() == BlockSolver(stages=1, own_scale=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"problem": "nnls"}, "stages: of inv, forecast; problem is nnls"),
        ({"problem": "invert"}, "problem = 'invert'"),
        ({"circuit": "inv"}, "circuit: a system .inv. chooses its circuits"),
        ({"array_size": 4}, "stages, array_size: give one of them"),
        ({"method": "gcr"}, "method: of refinement; give refine"),
        ({"cycle": 2}, "cycle: a chip counts its writings itself"),
        ({"ridge": 0.1}, "does not take ridge"),
        ({"rows": 4}, "rows = 4, columns = 8: inv needs a square matrix"),
        ({"refine": 99}, "refine = 99: must be at most 50"),
        ({"stages": 1.5}, "stages = 1.5: not a whole number"),
        ({"fidelity": "ideal", "technology": "typical"}, "the ideal fidelity runs nothing"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(amc.InputError, match=message):
        Experiment.of({**BLOCKS, **changes})


def test_a_point_is_complete_and_known_by_its_key():
    point = Experiment.of({**BLOCKS, "refine": 20}).parameters()
    assert Experiment.of(point).parameters() == point
    assert (point["circuit"], point["range"]) == (None, "predicted")
    said = shlex.split(command(point))
    assert "own_scale=true" in said
    assert "range=predicted" not in said
    again = dict(word.split("=", 1) for word in said if "=" in word)
    assert Experiment.of(again).parameters() == point
    keys = {point_key(Experiment.of({**BLOCKS, **more}).parameters())
            for more in ({}, {"stages": 2}, {"range": 0.1}, {"refine": 20})}  # fmt: skip
    assert len(keys) == 4


# -- linear systems in blocks ------------------------------------------------------------------


def test_the_metrics_of_blocks_are_those_of_the_library():
    """On the same cells, step by step, the errors and the radius by numpy."""
    point = Experiment.of({**BLOCKS, "refine": 24, "method": "plain", "slices": 6})
    found = run_point(point.parameters()).metrics
    A = point.matrix()
    b = point.vectors(A)
    chip = amc.Chip(point.hardware(), fidelity="dc")
    inverse = BlockInverse(chip, A, stages=1, own_scale=True, calibration=b)
    product = amc.algorithm.CompensatedProduct(chip, A, 6)
    T = inverse.transfer()
    radius = abs(np.linalg.eigvals(np.eye(8) - product.matrix @ T)).max()
    assert found["spectral_radius"] == pytest.approx(radius, rel=1e-9)
    assert found["bits_per_iteration"] == pytest.approx(-np.log2(radius), rel=1e-9)
    made = refine(inverse, A, b, product=product, method="plain", bits=24)
    exact = np.linalg.solve(A, b)
    errors = np.linalg.norm(made.x - exact, axis=0) / np.linalg.norm(exact, axis=0)
    assert found["relative_error_max"] == pytest.approx(errors.max(), rel=1e-9)
    residual = np.linalg.norm(A @ made.x - b, axis=0) / np.linalg.norm(b, axis=0)
    assert found["residual"] == pytest.approx(residual.max(), rel=1e-6)
    assert found["iterations"] == made.iterations
    assert found["bits"] == pytest.approx(made.bits)
    assert found["matrix_condition"] == pytest.approx(np.linalg.cond(A))
    # Five phases on half the amplifiers, each unrolled on its own: 4, 4, 4, 4, 4 of 8 lines.
    assert (found["phases"], found["amplifiers"], found["amplifiers_unrolled"]) == (5, 4, 20)
    assert not set(COSTS) & set(found)


def test_what_is_not_refined_has_no_bits():
    found = run_point(BLOCKS).metrics
    assert 0 < found["relative_error_max"] < 0.3
    assert all(np.isnan(found[name]) for name in ("bits", "iterations", "spectral_radius"))


def test_a_forecast_runs_nothing_and_says_the_same():
    base = {**BLOCKS, "refine": 20, "technology": "typical"}
    ran, said = run_point(base).metrics, run_point({**base, "problem": "forecast"}).metrics
    for name in ("spectral_radius", "converges", "phases", "cells"):
        assert said[name] == pytest.approx(ran[name], rel=1e-9), name
    assert said["iterations"] == np.ceil(20 / said["bits_per_iteration"])
    assert "relative_error_max" not in said
    assert ran["cost_energy_j"] > ran["write_energy_j"] > 0
    assert np.isnan([said["cost_energy_j"], ran["break_even_rhs"]]).all()
    never = run_point({**base, "problem": "forecast", "slices": 1}).metrics
    assert never["floor_bits"] < 10
    assert np.isnan(never["iterations"])


def test_blocks_in_time_settle_and_are_forecast_at_rest():
    base = {**BLOCKS, "refine": 20}
    rest, timed = (run_point({**base, "fidelity": f}).metrics for f in ("dc", "behavioural"))
    assert timed["spectral_radius"] == pytest.approx(rest["spectral_radius"], rel=1e-3)
    assert timed["settling_time_s"] > 0
    assert np.isnan(rest["settling_time_s"])


# -- iterations on products --------------------------------------------------------------------

PRODUCTS = {
    "problem": "inv", "iterate": "cg", "columns": 12, "condition": 4, "write_noise": 0.01,
    "gain": 1e8, "residual": 1e-5, "fidelity": "dc", "right_hand_sides": 3, "seed": 2,
}  # fmt: skip


def test_iterations_are_chosen_by_their_method():
    assert Experiment.of(PRODUCTS).system() == ProductSolver(iterate="cg", residual=1e-5)
    assert Experiment.of({**PRODUCTS, "problem": "iterate"}).system() == ProductSolver(
        iterate="cg", residual=1e-5
    )
    for changes, message in (
        ({"stages": 1}, "stages: of inv, forecast; problem is inv with iterate"),
        ({"iterate": None}, "residual: of iterate, ber; problem is inv"),
        ({"problem": "iterate", "iterate": None}, "iterate: give the method: cg"),
        ({"problem": "lstsq"}, "iterate: of iterate; problem is lstsq"),
        ({"iterate": "gmres"}, "iterate = 'gmres'"),
        ({"residual": 1}, "residual = 1: must be below 1"),
    ):
        with pytest.raises(amc.InputError, match=message):
            Experiment.of({**PRODUCTS, **changes})


def test_the_metrics_of_iterations_are_those_of_the_library():
    point = Experiment.of({**PRODUCTS, "technology": "typical"})
    found = run_point(point.parameters()).metrics
    A = point.matrix()
    b, chip = point.vectors(A), amc.Chip(point.hardware(), fidelity="dc")
    M = chip.program(A, "mvm", label="A")
    made = iterate(M, A, b, residual=1e-5)
    P = M.look(np.eye(12))
    exact = np.linalg.solve(A, b)
    errors = np.linalg.norm(made.x - exact, axis=0) / np.linalg.norm(exact, axis=0)
    assert found["relative_error_max"] == pytest.approx(errors.max(), rel=1e-9)
    for name, matrix in (("residual", A), ("residual_of_cells", P)):
        left = np.linalg.norm(matrix @ made.x - b, axis=0) / np.linalg.norm(b, axis=0)
        assert found[name] == pytest.approx(left.max(), rel=1e-2), name
    assert found["residual_of_cells"] < 1e-5 < found["residual"]
    assert (found["iterations"], found["products"]) == (made.iterations, made.products)
    assert (found["reached"], found["settled"], found["cells"]) == (True, 1.0, 144)
    assert found["cost_energy_j"] > found["write_energy_j"] > 0
    sliced = run_point({**PRODUCTS, "slices": 3}).metrics
    assert sliced["relative_error_max"] < 1e-2 * found["relative_error_max"]
    assert sliced["amplifiers"] > found["amplifiers"]


# -- low-rank products -------------------------------------------------------------------------

LOW_RANK = {
    "problem": "lowrank", "matrix": "spectrum", "decay": 2, "columns": 24, "write_noise": 0.05,
    "fidelity": "dc", "seed": 4,
}  # fmt: skip


def test_the_metrics_of_low_rank_products_are_those_of_the_library():
    point = Experiment.of({**LOW_RANK, "simulate": True, "inputs": 5, "draws": 4,
                           "technology": "typical"})  # fmt: skip
    found = run_point(point.parameters()).metrics
    A = point.matrix()
    np.testing.assert_allclose(
        (values := np.linalg.svd(A, compute_uv=False)) / values[0], np.arange(1.0, 25) ** -2
    )
    low = amc.LowRank(A, write_noise=0.05)
    plan, drawn = low.plan(), low.draw(4, seed=4).to_json()
    trial = low.simulate(5, seed=4)
    expected = {
        "helps": plan.helps, "rank": plan.rank, "first_copies": plan.repeats[0],
        "second_copies": plan.repeats[1], "lowrank_error": plan.error,
        "baseline_error": plan.baseline_error, "cells": plan.cells,
        "break_even_write_noise": plan.break_even_write_noise,
        "baseline_cells": 2 * 24 * 24, "drawn_lowrank_error": drawn["error"],
        "run_lowrank_error": trial.two_steps.error, "run_baseline_error": trial.one_array.error,
        "run_helps": True, "settled": 1.0, "amplifiers": trial.two_steps.amplifiers,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert np.isnan(found["settling_time_s"])  # at dc
    assert found["matrix_condition"] == pytest.approx(24**2)
    # The account is that of two steps: what one array takes stands in no account.
    chip = amc.Chip(low.hardware, seed=4)
    low.program(chip) @ np.eye(24)[:, :5]
    assert found["cost_energy_j"] > found["write_energy_j"] > 0
    assert chip.cost().work.programmings == 2


def test_parameters_of_low_rank_products_fit_together():
    plain = run_point({**LOW_RANK, "rank": 3, "cells": 900, "technology": None}).metrics
    assert plain["rank"] == 3
    assert plain["cells"] <= 900
    assert np.isnan(plain["run_lowrank_error"])
    for changes, message in (
        ({"first_copies": 2}, "give both, or none"),
        ({"inputs": 3}, "inputs: of a run; give simulate"),
        ({"factors": "qr"}, "factors = 'qr'"),
        ({"problem": "mvm", "rank": 2}, "rank: of lowrank; problem is mvm"),
        ({"matrix": "uniform"}, "decay: matrix = 'uniform' has no such parameter"),
        ({"decay": -1}, "decay = -1: must be at least 0"),
    ):
        with pytest.raises(amc.InputError, match=message):
            Experiment.of({**LOW_RANK, **changes})
    with pytest.raises(amc.InputError, match="feedback: a low-rank product sets it itself"):
        run_point({**LOW_RANK, "feedback": 2.0})
    with pytest.raises(amc.InputError, match="there are 50"):
        run_point({**LOW_RANK, "cells": 50})


@pytest.mark.parametrize("problem", ["mvm", "lstsq", "inv", "eig"])
def test_a_generated_spectrum_is_that_of_the_matrix(problem):
    """Of square problems it is symmetric, and the eigenvalues are those."""
    square = problem in ("inv", "eig")
    point = Experiment.of({"problem": problem, "matrix": "spectrum", "decay": 1.3, "columns": 9,
                           "rows": 9 if square else 14})  # fmt: skip
    A, law = point.matrix(), np.arange(1.0, 10) ** -1.3
    values = np.linalg.eigvalsh(A)[::-1] if square else np.linalg.svd(A, compute_uv=False)
    np.testing.assert_allclose(values / values[0], law, rtol=1e-10)
    assert abs(A).max() == pytest.approx(1)
    assert point["signed"] is True
    if square:
        np.testing.assert_allclose(A, A.T, atol=1e-15)
    assert run_point({**point.parameters(), "fidelity": "dc"}).metrics["relative_error_max"] < 0.1


def test_a_pass_takes_the_time_and_the_energy_of_all_its_phases():
    ideal = Measurement.ideal(np.zeros((2, 3)))
    first = replace(
        ideal, settling_time=np.array([1.0, 2.0]), energy=np.array([3.0, 4.0]),
        settled=np.array([True, False]),
    )  # fmt: skip
    second = replace(
        ideal, settling_time=np.array([10.0, 20.0]), energy=np.array([30.0, np.nan]),
        near_limit=np.array([True, False]),
    )  # fmt: skip
    made = Solved(np.zeros((3, 2)), None, (first, second))
    assert made.settling_time.tolist() == [11.0, 22.0]
    np.testing.assert_array_equal(made.energy, [33.0, np.nan])
    assert made.settled.tolist() == [True, False]
    late, near = made.cautions
    assert "1 of 2 right-hand sides did not settle" in late
    assert "near its limit" in near
    assert Solved(made.x, None, (ideal, ideal)).cautions == ()


def test_metrics_in_time_are_those_of_all_right_hand_sides(monkeypatch):
    """The slowest one, the share that settles, repeats of all phases, the worst residual."""
    base = {**BLOCKS, "right_hand_sides": 4, "adc_bits": 8, "fidelity": "behavioural"}
    passes, solve = [], ProgrammedBlocks.solve

    def seen(blocks, b):
        made = solve(blocks, b)
        settled = [np.array([k > 0 or n != 2 for k in range(4)]) for n in range(5)]
        measured = [
            replace(each, settled=rested, settling_time=np.arange(1.0, 5.0) * n)
            for n, (each, rested) in enumerate(zip(made.measurements, settled, strict=True))
        ]
        blocks.inverse.phases = tuple(
            replace(phase, repeats=n) for n, phase in enumerate(blocks.inverse.phases)
        )
        passes.append((b, made.x))
        return Solved(made.x, None, tuple(measured))

    monkeypatch.setattr(ProgrammedBlocks, "solve", seen)
    found = run_point(base).metrics
    assert found["settling_time_s"] == 4.0 * 10
    assert found["settled"] == 0.75
    assert found["repeats"] == 10
    ((b, x),), A = passes, Experiment.of(base).matrix()
    residuals = np.linalg.norm(A @ x - b, axis=0) / np.linalg.norm(b, axis=0)
    assert found["residual"] == pytest.approx(residuals.max())
    errors = np.linalg.norm(x - np.linalg.solve(A, b), axis=0)
    errors /= np.linalg.norm(np.linalg.solve(A, b), axis=0)
    assert found["relative_error_median"] == pytest.approx(np.median(errors))


def test_a_forecast_counts_the_sums_that_round_wrongly():
    X = np.random.default_rng(0).standard_normal((24, 384))
    A = X @ X.T / 384
    solver = BlockSolver(refine=24, product="sliced", slices=8, rows_at_once=24)
    blocks = solver.program(amc.Chip(levels=8, gain=1e6, write_noise=0.02, seed=2), A)
    held, deviation = blocks.product.matrix, blocks.product.deviation
    wrong = deviation * np.linalg.norm(np.linalg.inv(A))
    missed = np.linalg.norm(np.eye(24) - np.linalg.solve(held, A)) / 24**0.5
    assert wrong > 4 * missed
    assert blocks.forecast().floor_bits == pytest.approx(-np.log2(np.hypot(wrong, missed)))
    for slices, reached in ((2, False), (None, True)):
        solver = BlockSolver(refine=24, slices=slices)
        blocks = solver.program(amc.Chip(levels=8, gain=1e6, seed=2), A)
        assert (blocks.rehearse() is not None) is reached


# -- metrics -----------------------------------------------------------------------------------


def test_every_metric_has_one_unit(monkeypatch):
    assert metric_units()["settling_time_s"] == units()["settling_time_s"] == "s"
    assert higher_is_better("bits")
    assert not higher_is_better("residual")

    class Other(System):
        name: ClassVar[str] = "other"
        metrics: ClassVar = {"bits": "s"}

    monkeypatch.setattr(metrics_module, "SYSTEMS", {**SYSTEMS, "other": Other})
    with pytest.raises(amc.InputError, match="metric bits of system other is in s"):
        metric_units()


def test_a_system_says_what_it_names():
    class Two(System):
        name: ClassVar[str] = "two"
        metrics: ClassVar = {"one": "", "other": ""}

        def run(self, point):
            return {}

    found = metrics_of(Two(), {"one": 1})
    assert found["one"] == 1
    assert np.isnan(found["other"])
    with pytest.raises(amc.InputError, match="system two: third: not among its metrics"):
        metrics_of(Two(), {"third": 3})


def test_what_cannot_be_a_system_is_refused():
    class Plain(System):
        name: ClassVar[str] = "plain"
        metrics: ClassVar = {}

    @parameters
    class Asks(System):
        """Of nothing."""

        name: ClassVar[str] = "asks"
        asks: ClassVar = "nothing"
        metrics: ClassVar = {}

        def run(self, point):
            return {}

    for entry, message in (
        (int, "no subclass"), (Plain, "not made with"), (Asks, "asks 'nothing', which is no"),
    ):  # fmt: skip
        with pytest.raises(amc.InputError, match=message):
            SYSTEMS.add("wrong", entry)


# -- a sweep -----------------------------------------------------------------------------------

SPEC = """
name = "blocks and their forecast"

[base]
columns = 8
condition = 3
levels = 16
fidelity = "dc"
refine = 12

[axes]
problem = ["inv", "forecast"]
stages = [0, 1]
"""


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("systems")
    (folder / "spec.toml").write_text(SPEC)
    result = run(
        "sweep", "run", folder / "spec.toml", "--store", folder / "s.sqlite", "--jobs", 2,
        "--watch", "bits", "--no-live",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    return folder


def test_a_sweep_holds_the_metrics_of_each_problem(swept):
    with Store.open(swept / "s.sqlite", read_only=True) as store:
        table = store.frame().set_index(["problem", "stages"]).sort_index()
        best = store.extremes("bits")["best"]
    assert (table["status"] == "done").all()
    assert table.loc["inv", "bits"].min() >= 12
    assert table.loc["forecast", "bits"].isna().all()
    np.testing.assert_allclose(
        table.loc["inv", "spectral_radius"], table.loc["forecast", "spectral_radius"], rtol=1e-9
    )
    assert best["value"] == table["bits"].max()


def test_its_export_plot_and_report_know_them(swept):
    store = swept / "s.sqlite"
    assert run("sweep", "export", store, "--out", swept / "s.csv").exit_code == 0
    with (swept / "s.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert {"bits", "spectral_radius", "settling_time_s", "stages"} <= set(rows[0])
    plotted = run("sweep", "plot", store, "--x", "stages", "--y", "spectral_radius", "--by",
                  "problem", "--out", swept / "p.svg")  # fmt: skip
    assert plotted.exit_code == 0, plotted.output
    assert "spectral radius" in (swept / "p.svg").read_text()
    reported = run("report", store, "--out", swept / "r.html")
    assert reported.exit_code == 0, reported.output
    text = (swept / "r.html").read_text()
    assert "spectral radius" in text
    status = run("sweep", "status", store, "--json", swept / "status.json")
    assert status.exit_code == 0, status.output
    assert json.loads((swept / "status.json").read_text())["watched"] == "relative_error_median"


def test_a_point_of_a_system_has_no_waveforms(tmp_path):
    said = [word for name, value in BLOCKS.items() for word in ("--set", f"{name}={value}")]
    result = run("sweep", "point", *said, "--json", tmp_path / "p.json")
    assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "p.json").read_text())
    assert content["metrics"]["phases"] == 5
    assert content["provenance"]["amcspice"] == amc.__version__
    refused(run("sweep", "point", *said, "--plot", tmp_path / "p.png"), "of a single circuit")
    refused(run("sweep", "point", *said, "--deck", tmp_path / "p.cir"), "of a single circuit")


@pytest.mark.ngspice
def test_the_provenance_of_a_system_names_the_ngspice_that_ran():
    small = {**BLOCKS, "columns": 4, "right_hand_sides": 1}
    rest, ran = (run_point({**small, "fidelity": f}) for f in ("dc", "reduced"))
    assert rest.provenance["ngspice"] is None
    assert ran.provenance["ngspice"]
    assert ran.metrics["relative_error_max"] == pytest.approx(
        rest.metrics["relative_error_max"], rel=1e-3
    )


def test_a_limit_that_is_an_axis_keeps_its_column(tmp_path):
    """Before a metric of its name; where it is none, the table holds what it came to."""
    (tmp_path / "spec.toml").write_text(
        '[base]\nproblem = "inv"\niterate = "cg"\ncolumns = 6\nfidelity = "dc"\niterations = 90\n'
        "[axes]\nresidual = [1e-2, 1e-4]\n"
    )
    result = run("sweep", "run", tmp_path / "spec.toml", "--store", tmp_path / "s.sqlite",
                 "--jobs", 1, "--no-live")  # fmt: skip
    assert result.exit_code == 0, result.output
    with Store.open(tmp_path / "s.sqlite", read_only=True) as store:
        table = store.frame()
    assert set(table["residual"]) == {1e-2, 1e-4}
    assert (table["iterations"] < 90).all()
