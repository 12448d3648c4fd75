"""Names of files in sweeps and experiment files count from the folder of that file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import run

from amcspice.errors import InputError
from amcspice.model_files import models_folder
from amcspice.settings.file_names import counted_from, seen_from
from amcspice.settings.files import read_experiment, write_experiment
from amcspice.sweep.outcome import point_key
from amcspice.sweep.spec.experiment import Experiment
from amcspice.sweep.spec.plan import make_grid, make_plan
from amcspice.sweep.spec.specification import read_spec

A = np.random.default_rng(0).random((6, 3))
SPEC = """
name = "files"
[base]
problem = "nnls"
fidelity = "dc"
matrix = "A.npy"
rhs = "b.npy"
measured = "first.npy, second.npy"
measured_unit = "S"
stuck_off = "0 %"
technology = "mine.toml"
[axes]
gain = [1e3, 1e4]
"""


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Return a folder beside the working one that holds a sweep with all of its files."""
    study, desk = tmp_path / "study", tmp_path / "desk"
    study.mkdir()
    desk.mkdir()
    np.save(study / "A.npy", A)
    np.save(study / "b.npy", A @ [0.5, 0.0, 0.8])
    for number, name in enumerate(("first", "second")):
        np.save(study / f"{name}.npy", np.full((6, 3), 5e-5 + 1e-5 * number))
    shutil.copy(models_folder() / "technology" / "typical.toml", study / "mine.toml")
    (study / "sweep.toml").write_text(SPEC)
    monkeypatch.chdir(desk)
    return study


def plan_of(path):
    return make_plan(make_grid(read_spec(path)))


def test_a_sweep_finds_its_files_from_any_folder(study, monkeypatch):
    point = plan_of("../study/sweep.toml").parameters(0)
    named = {name: point[name] for name in ("matrix", "rhs", "measured", "technology")}
    assert named == {
        "matrix": "../study/A.npy",
        "rhs": "../study/b.npy",
        "measured": "../study/first.npy,../study/second.npy",
        "technology": "../study/mine.toml",
    }
    np.testing.assert_array_equal(Experiment.of(point).matrix(), A)
    monkeypatch.chdir(study)
    here = plan_of("sweep.toml").parameters(0)
    assert [here[name] for name in named] == ["A.npy", "b.npy", "first.npy,second.npy", "mine.toml"]


def test_a_sweep_goes_on_from_another_folder(study, monkeypatch):
    """The key of a point holds what files hold, not where they lie: nothing is run again."""
    first = run("sweep", "run", "../study/sweep.toml", "--store", "s.sqlite", "--jobs", "1")
    assert first.exit_code == 0, first.output
    store = Path("s.sqlite").resolve()
    monkeypatch.chdir(study)
    again = run(
        "sweep", "run", "sweep.toml", "--store", store, "--jobs", "1", "--json", "again.json"
    )
    assert again.exit_code == 0, again.output
    content = json.loads(Path("again.json").read_text())
    assert (content["points"], content["done"], content["run"]["done"]) == (2, 2, 0), content
    keys = plan_of("sweep.toml").keys
    np.save("first.npy", np.full((6, 3), 4e-5))
    assert not set(keys) & set(plan_of("sweep.toml").keys)


def test_a_point_of_the_store_runs_again_where_it_was_run(study):
    made = run("sweep", "run", "../study/sweep.toml", "--store", "s.sqlite", "--jobs", "1")
    assert made.exit_code == 0, made.output
    key = plan_of("../study/sweep.toml").keys[0]
    again = run("sweep", "point", "s.sqlite", key[:8], "--json", "point.json")
    assert again.exit_code == 0, again.output
    assert json.loads(Path("point.json").read_text())["key"] == key


def test_a_file_of_the_working_folder_alone_is_refused_with_the_name_to_write(study):
    np.save("only.npy", A)
    for line, place in (("matrix = 'only.npy'", "base"), ("matrix = ['only.npy']", "axes")):
        (study / "wrong.toml").write_text(f"[{place}]\n{line}\n")
        with pytest.raises(InputError) as refused:
            read_spec("../study/wrong.toml")
        assert str(refused.value) == (
            f"../study/wrong.toml, line 2: {place}.matrix: matrix = 'only.npy': names of files "
            "count from the folder of the file that gives them, and there is no ../study/only.npy; "
            "the one in the working folder is '../desk/only.npy' from there"
        )
    (study / "wrong.toml").write_text("[base]\nmatrix = '../desk/only.npy'\n")
    assert plan_of("../study/wrong.toml").parameters(0)["matrix"] == "../study/../desk/only.npy"
    (study / "wrong.toml").write_text("[base]\nmatrix = 'nowhere.npy'\n")
    with pytest.raises(InputError, match=r"\.\./study/nowhere\.npy"):
        plan_of("../study/wrong.toml")


def test_an_experiment_file_is_the_same_as_an_option_file_and_as_a_base(study, tmp_path):
    (study / "e.toml").write_text("problem = 'nnls'\nmatrix = 'A.npy'\nrhs = 'b.npy'\n")
    run_with = run(
        "solve", "nnls", "--config", "../study/e.toml", "--fidelity", "dc", "--json", "o.json"
    )
    assert run_with.exit_code == 0, run_with.output
    solution = json.loads(Path("o.json").read_text())["solution"]
    np.testing.assert_allclose(solution, [[0.5, 0.0, 0.8]], atol=2e-3)
    other = tmp_path / "other"
    other.mkdir()
    (other / "sweep.toml").write_text(
        "[base]\nconfig = '../study/e.toml'\nfidelity = 'dc'\n[axes]\ngain = [1e3, 1e4]\n"
    )
    assert Experiment.of(plan_of("../other/sweep.toml").parameters(1))["rhs"].endswith("b.npy")


def test_a_file_that_is_written_elsewhere_names_the_same_files(study):
    given = {
        "matrix": "a.npy",
        "rhs": str(study / "b.npy"),
        "measured": "x.npy, y.npy",
        "gain": 1e3,
    }
    for name in ("e.toml", "e.json"):
        write_experiment(study / name, given)
        assert "../desk/a.npy" in (study / name).read_text()
        read = read_experiment(Path("../study") / name)
        assert {key: read[key] for key in ("rhs", "gain")} == {
            "rhs": str(study / "b.npy"),
            "gain": 1e3,
        }
        for names, meant in ((read["matrix"], "a.npy"), (read["measured"], "x.npy,y.npy")):
            found = [Path(each).resolve() for each in names.split(",")]
            assert found == [Path(each).resolve() for each in meant.split(",")]


@pytest.mark.parametrize(
    ("name", "value"),
    [("matrix", "uniform"), ("technology", "best"), ("stuck_on", "5 %"), ("stuck_on", 0.05),
     ("rhs", "none"), ("measured", None), ("device", "A.npy"), ("unknown", "A.npy")],
)  # fmt: skip
def test_what_names_no_file_stays(name, value):
    assert counted_from(Path("elsewhere"), name, value) == value
    assert seen_from(Path("elsewhere"), name, value) == value


@pytest.mark.ngspice
def test_cells_of_a_library_beside_the_sweep(study):
    shutil.copy(models_folder() / "cells.lib", study / "cells.lib")
    (study / "cells.toml").write_text(
        "[base]\nproblem = 'nnls'\ncolumns = 3\nfidelity = 'dc'\ncell_lib = 'cells.lib'\n"
        "cell_subckt = 'amc_gap'\ncell_low = 0.2\ncell_high = 1.7\n"
    )
    plan = plan_of("../study/cells.toml")
    assert plan.parameters(0)["cell_lib"] == "../study/cells.lib"
    shutil.copy(study / "cells.lib", "cells.lib")
    here = {**plan.parameters(0), "cell_lib": "cells.lib"}
    assert point_key(here) == plan.keys[0]
    assert Experiment.of(here).hardware().device.table is not None
