"""``amcspice report`` and ``amcspice sweep plot`` on a store."""

from __future__ import annotations

import itertools
import json
import re

import pytest
from cli_helpers import files, refused, run

from amcspice.sweep.outcome import Outcome, point_key
from amcspice.sweep.point import units
from amcspice.sweep.spec.experiment import Experiment
from amcspice.sweep.store.store import Store

AXES = {"columns": [4, 8, 16], "gbw": [1e7, 1e8], "seed": [0, 1]}
SPEC = 'name = "growth"\n[axes]\ncolumns = [4, 8, 16]\n'


def outcome(columns, gbw, seed, **more):
    parameters = Experiment.of(
        {"columns": columns, "gbw": gbw, "seed": seed, "fidelity": "behavioural", **more}
    ).parameters()
    key = point_key(parameters)
    if (columns, gbw, seed) == (16, 1e7, 1):
        return Outcome(key, parameters, "failed", error="simulation failed: out of luck")
    metrics = {
        "settling_time_median_s": 5.0 / gbw * columns**0.5,
        "settled": 1.0,
        "relative_error_median": 1e-4 * columns,
        "wall_time_s": 0.01,
    }
    return Outcome(key, parameters, "done", metrics, {"amcspice": "0.1.0"}, seconds=0.01)


@pytest.fixture(scope="module")
def outcomes():
    return [outcome(*values) for values in itertools.product(*AXES.values())]


@pytest.fixture
def store(outcomes, tmp_path):
    path = tmp_path / "runs.sqlite"
    other = outcome(32, 1e9, 0)
    with Store.open(path, create=True) as opened:
        opened.add_sweep("other", "other", {"columns": [32]}, keys=[other.key], units=units())
        keys = [outcome.key for outcome in outcomes]
        opened.add_sweep("growth", SPEC, AXES, keys=[*keys, "f" * 64], units=units())
        opened.write([*outcomes, other])
    return path


def content(page):
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    return json.loads(match[1])


def written(folder):
    """Return what is in a folder, without the files in which SQLite keeps its readers."""
    return [name for name in files(folder) if not name.endswith(("-shm", "-wal"))]


def test_report_of_the_last_sweep(store, outcomes, tmp_path):
    out = tmp_path / "report.html"
    done = run("report", store, "--out", out)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(f"{out}: 12 points, ")
    page = out.read_text()
    assert "<h1>growth</h1>" in page
    assert "columns = [4, 8, 16]" in page
    data = content(page)
    assert data["keys"] == [outcome.key for outcome in outcomes]
    first = "amcspice sweep point --set columns=4 --set gbw=1e7 --set fidelity=behavioural"
    assert data["commands"][0] == first
    assert "--set seed=1" in data["commands"][1]
    assert data["errors"] == {"9": "simulation failed: out of luck"}
    assert [plot["kind"] for plot in data["plots"]] == ["line", "line", "heat"]
    assert re.search(r"<dt>not run yet</dt><dd>1</dd>", page)


def test_report_of_another_sweep_and_of_some_points(store, tmp_path):
    out = tmp_path / "report.html"
    assert run("report", store, "--out", out, "--sweep", "other").exit_code == 0
    assert len(content(out.read_text())["keys"]) == 1
    arguments = ("--where", "gbw=10 MHz", "--where", "columns=4,8", "--title", "Small & slow")
    assert run("report", store, "--out", out, *arguments).exit_code == 0
    page = out.read_text()
    assert len(content(page)["keys"]) == 4
    assert "<h1>Small &amp; slow</h1>" in page
    assert "not run yet" not in page


def test_points_of_a_long_sweep_are_thinned(store, tmp_path):
    out = tmp_path / "report.html"
    assert run("report", store, "--out", out, "--points", "5").exit_code == 0
    page = out.read_text()
    assert len(content(page)["keys"]) == 5
    assert f"amcspice sweep export {store} --out points.csv" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "report.pdf"], "unknown type '.pdf'; use .html"),
        (["--out", "absent/report.html"], "there is no folder absent"),
        (["--out", "report.html", "--where", "columns"], "write it as NAME=VALUE"),
        (["--out", "report.html", "--where", "gbw=3 ohm"], "gbw"),
        (["--out", "report.html", "--where", "nothing=3"], "no column 'nothing'"),
        (["--out", "report.html", "--where", "columns=5"], "holds no point that --where asks for"),
        (["--out", "report.html", "--sweep", "third"], "has 1 (other), 2 (growth)"),
    ],
)
def test_report_refuses(store, arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(run("report", store, *arguments), message)
    assert written(tmp_path) == ["runs.sqlite"]


def test_report_and_plot_tell_what_they_wrote_as_json(store, tmp_path):
    page, figure = tmp_path / "page.html", tmp_path / "plot.svg"
    told = json.loads(run("report", store, "--out", page, "--points", 5, "--json", "-").stdout)
    assert told == {
        "store": str(store), "sweep": "growth", "out": str(page), "points": 12, "shown": 5,
        "left": 1, "bytes": page.stat().st_size,
    }  # fmt: skip
    assert len(content(page.read_text())["keys"]) == 5
    target = tmp_path / "plot.json"
    result = run("sweep", "plot", store, "--out", figure, "--json", target)
    told = json.loads(target.read_text())
    assert result.stdout.strip().endswith(told.pop("caption"))
    assert told == {
        "store": str(store), "sweep": "growth", "out": str(figure), "points": 12,
        "y": "settling_time_median_s", "x": "columns", "by": "gbw", "panel": None, "kind": "line",
    }  # fmt: skip
    refused(run("report", store, "--out", page, "--json", "no/j.json"), "there is no folder no")
    refused(run("sweep", "plot", store, "--out", figure, "--json", tmp_path), "is a folder")


def test_report_of_no_store_is_refused(tmp_path):
    refused(run("report", tmp_path / "absent.sqlite", "--out", tmp_path / "r.html"), "no store")
    foreign = tmp_path / "notes.txt"
    foreign.write_text("these are notes, and no database at all " * 10)
    refused(run("report", foreign, "--out", tmp_path / "r.html"), "not an amcspice store")
    assert files(tmp_path) == ["notes.txt"]


def test_plot_says_what_it_chose_and_what_is_missing(store, tmp_path):
    out = tmp_path / "f.svg"
    done = run("sweep", "plot", store, "--out", out)
    assert done.exit_code == 0, done.output
    assert done.stdout == (
        f"{out}: line, y settling_time_median_s, x columns, by gbw\n"
        "11 of 12 points drawn; 1 failed. Median and quartiles over seed (2).\n"
    )
    assert out.read_text().startswith("<?xml")


@pytest.mark.parametrize("suffix", ["png", "pdf"])
def test_plot_takes_columns_and_conditions(store, suffix, tmp_path):
    out = tmp_path / f"f.{suffix}"
    done = run(
        "sweep",
        "plot",
        store,
        "--x",
        "gbw",
        "--y",
        "relative_error_median",
        "--by",
        "columns",
        "--where",
        "columns=4,8",
        "--kind",
        "line",
        "--linear-y",
        "--out",
        out,
    )
    assert done.exit_code == 0, done.output
    assert "y relative_error_median, x gbw, by columns" in done.stdout
    assert "8 of 8 points drawn" in done.stdout
    assert out.stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "f.gif"], "unknown type '.gif'; use .svg, .pdf, .png"),
        (["--out", "f.svg", "--y", "settling"], "metrics: settling_time_median_s"),
        (["--out", "f.svg", "--x", "gwb"], "did you mean gbw?"),
        (["--out", "f.svg", "--kind", "heat", "--sweep", "other"], "a heat map takes two axes"),
        (["--out", "f.svg", "--kind", "hist", "--x", "gbw"], "takes no x"),
    ],
)
def test_plot_refuses(store, arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(run("sweep", "plot", store, *arguments), message)
    assert written(tmp_path) == ["runs.sqlite"]


def test_the_same_store_gives_the_same_figure(store, tmp_path):
    for name in ("a.svg", "b.svg"):
        assert run("sweep", "plot", store, "--out", tmp_path / name).exit_code == 0
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_live_view_of_an_unknown_metric_is_refused(tmp_path):
    spec = tmp_path / "s.toml"
    spec.write_text('[base]\nfidelity = "ideal"\n[axes]\ncolumns = [4]\n')
    done = run("sweep", "run", spec, "--store", tmp_path / "r.sqlite", "--watch", "speed")
    refused(done, "--watch speed: choose from relative_error_median")
    assert files(tmp_path) == ["s.toml"]
