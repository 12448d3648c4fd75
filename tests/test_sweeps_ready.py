"""The ready sweeps: every one can be planned, and its smallest points run."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from amcspice.engine import LinearModel
from amcspice.reduction import reduce_to_ports
from amcspice.sweep.point import run_point
from amcspice.sweep.spec.experiment import Experiment
from amcspice.sweep.spec.plan import make_grid, make_plan
from amcspice.sweep.spec.specification import read_spec

ROOT = Path(__file__).resolve().parents[1]
SPECS = sorted((ROOT / "sweeps").glob("*.toml"))
sys.path.insert(0, str(ROOT / "scripts"))
from settling_theory import RATES, slowest  # noqa: E402


def plan(path):
    return make_plan(make_grid(read_spec(path)))


def test_there_are_ready_sweeps():
    assert {path.stem for path in SPECS} >= {
        "settling-inverse",
        "settling-least-squares",
        "settling-nnls",
        "settling-eigen",
        "wires",
        "levels",
        "power",
        "tiny",
    }


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_ready_sweep_says_what_it_asks_and_how_to_run_it(path):
    comments = [line for line in path.read_text().splitlines() if line.startswith("#")]
    assert any("Asked:" in line for line in comments)
    assert any(f"amcspice sweep run sweeps/{path.name} --store" in line for line in comments)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_ready_sweep_is_planned_and_its_smallest_points_run(path):
    sweep = plan(path)
    points = [sweep.parameters(index) for index in range(len(sweep))]
    kinds = {}
    for point in points:
        # One point of every circuit and matrix, by the equations: those of ngspice cost more.
        kind = (point["circuit"], point["matrix"], point["problem"])
        size = (point["columns"], point["gbw"], point["wire_resistance"] or 0.0)
        if kind not in kinds or size < kinds[kind][0]:
            kinds[kind] = size, point
    for size, point in kinds.values():
        if (size[0] or 0) > 64:
            continue
        if point["circuit"] is None:  # a system: what is aimed at is reached
            shorter = {"epochs": 2, "target_loss": 1.0} if point["problem"] == "train" else {}
            metrics = run_point({**point, "technology": None, **shorter}).metrics
            if point["problem"] == "lowrank":
                assert metrics["helps"] is (
                    point["write_noise"] > metrics["break_even_write_noise"]
                )
            elif point["problem"] == "train":
                assert metrics["ended_early"] == metrics["unstable_writings"] == 0
                assert metrics["epochs_to_target"] < 2
            else:
                assert metrics["bits"] >= point["refine"]
            continue
        metrics = run_point({**point, "fidelity": "behavioural"}).metrics
        assert metrics["settled"] == 1.0
        assert 0 < metrics["relative_error_max"] < 0.3
        assert metrics["power_total_w"] > 0


def test_the_settling_sweeps_span_the_full_range():
    """Sizes 8 to 512, GBW 10 MHz to 10 GHz, for every closed-loop circuit."""
    spans = {}
    for name in ("inverse", "least-squares", "nnls", "eigen", "macro"):
        sweep = plan(ROOT / "sweeps" / f"settling-{name}.toml")
        for index in range(len(sweep)):
            point = sweep.parameters(index)
            spans.setdefault(point["circuit"], []).append((point["columns"], point["gbw"]))
            expected = "reduced" if point["columns"] <= 128 else "behavioural"
            assert point["fidelity"] == expected
    assert set(spans) == {
        "inv",
        "inv-compensated",
        "inv-inverters",
        "ginv-classic",
        "ginv-compact",
        "eigen",
        "macro-inv",
        "macro-ginv",
        "macro-eigen",
    }
    for pairs in spans.values():
        sizes, gbws = zip(*pairs, strict=True)
        assert (min(sizes), max(sizes), min(gbws), max(gbws)) == (8, 512, 10e6, 10e9)


def test_the_page_shows_what_the_data_say():
    """After new data: scripts/sweep_figures.py draw."""
    import sweep_figures

    page = (ROOT / "docs" / "sweep-results.md").read_text()
    for name, table in sweep_figures.tables().items():
        assert f"<!-- {name}:begin -->\n{table}\n<!-- {name}:end -->" in page, name
    for figure in re.findall(r"\]\((images/sweep-.*?)\)", page):
        assert (ROOT / "docs" / figure).is_file(), figure


def test_the_list_of_parameters_is_complete():
    """After a change of parameters: scripts/parameters_page.py."""
    import parameters_page

    assert parameters_page.PAGE.read_text() == parameters_page.page()
    for name, owner in parameters_page.TABLES.items():
        page = (parameters_page.PAGE.parent / name).read_text()
        assert parameters_page.fields(owner) in page, f"scripts/parameters_page.py: {name}"


CASES = {
    "inv": {"problem": "inv", "matrix": "covariance"},
    "inv-compensated": {"problem": "inv", "signed": True},
    "inv-inverters": {"problem": "inv", "signed": True},
    "ginv-compact": {"problem": "lstsq", "rows_per_column": 2},
    "ginv-classic": {"problem": "lstsq", "rows_per_column": 2},
    "eigen": {"problem": "eig"},
}


@pytest.mark.parametrize("columns", [5, 24])
@pytest.mark.parametrize("circuit", list(RATES))
def test_closed_forms_of_the_slowest_time_constant(circuit, columns):
    """What the documentation explains settling with, against the model of the whole network."""
    point = Experiment.of({"circuit": circuit, "columns": columns, **CASES[circuit]})
    A = point.matrix()
    network = point.circuit(A)
    rates = LinearModel.of(network, reduce_to_ports(network.schematic)).eigenvalues.real
    tau = (1 if circuit == "eigen" else -1) / rates.max()
    assert slowest(circuit, A) == pytest.approx(2 * np.pi * point["gbw"] * tau, rel=0.01)
