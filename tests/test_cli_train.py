"""``amcspice train``: what it prints and writes, and what it refuses."""

import json

import letters
import numpy as np
import pytest
from cli_helpers import files, refused, run

import amcspice as amc
from amcspice.sweep.point import run_point
from amcspice.workload.training import digits, read_letters

SHORT = ("--epochs", 2, "--seeds", 2, "--jobs", 1)


def test_letters_are_read_column_after_column(tmp_path):
    pictures, labels = letters.write(tmp_path / "L.mat")
    read = read_letters(tmp_path / "L.mat")
    np.testing.assert_array_equal(read.images, pictures)
    np.testing.assert_array_equal(read.labels, labels)
    assert read.classes == ("A", "B", "C")


@letters.needs_letters
def test_the_letters_are_26_of_39():
    read = read_letters(letters.LETTERS)
    assert read.images.shape == (26 * 39, 20, 16)
    np.testing.assert_array_equal(np.bincount(read.labels), [39] * 26)
    examples = read.split(0.23, np.random.default_rng(0))
    assert (len(examples.labels), len(examples.held_out_labels)) == (780, 234)
    assert abs(examples.inputs.mean()) < 1e-12
    # Nothing stands in the upper right corner of an L but of no other corner.
    mean = read.images[read.labels == read.classes.index("L")].mean(axis=0)
    corners = [mean[r : r + 10, c : c + 8].mean() for r in (0, 10) for c in (0, 8)]
    assert corners[1] < 0.1 < min(corners[0], *corners[2:])


def test_a_split_takes_from_every_class_and_nothing_twice():
    held = digits()
    examples = held.split(0.25, np.random.default_rng(3))
    both = np.concatenate([examples.labels, examples.held_out_labels])
    np.testing.assert_array_equal(np.bincount(both), np.bincount(held.labels))
    expected = np.round(0.25 * np.bincount(held.labels))
    np.testing.assert_array_equal(np.bincount(examples.held_out_labels), expected)
    # What is held out has no part in the scale.
    assert examples.inputs.mean() == pytest.approx(0, abs=1e-12)
    assert examples.inputs.std() == pytest.approx(1, abs=1e-12)


def test_a_comparison_writes_what_it_promises(tmp_path):
    letters.write(tmp_path / "L.mat", each=10)
    out = tmp_path / "out"
    words = ["train", "letters", tmp_path / "L.mat", *SHORT, "--inverse", "exact,analog"]
    words += ["--levels", 16, "--target-loss", 0.5, "--batch-size", 4, "--out", out]
    done = run(*words, "--json", tmp_path / "j.json")
    assert done.exit_code == 0, done.output
    content = json.loads((tmp_path / "j.json").read_text())
    assert list(content["optimizers"]) == ["sgdm", "adam", "kfac", "kfac-analog"]
    for way in content["optimizers"].values():
        assert len(way["epochs_to_target"]) == len(way["best_accuracy"]) == way["of"] == 2
        assert way["reached"] == sum(each is not None for each in way["epochs_to_target"])
    assert set(content["saving"]) == {"kfac", "kfac-analog"}
    assert set(content["saving"]["kfac"]) == {"sgdm", "adam"}
    assert content["unstable_writings"] == 0
    assert content["writing"]["energy_j"] > 0
    assert content["writing"]["energy_over_solving"] > 1
    assert json.loads((out / "training.json").read_text())["saving"] == content["saving"]
    assert {"learning.png", "cost.png", "run.json", "training.json"} <= set(files(out))
    (took,) = content["cost"].values()
    energy = content["writing"]["energy_j"] + content["writing"]["solving_energy_j"]
    assert sum(each["energy_j"] for each in took.values()) == pytest.approx(energy, rel=1e-9)
    assert "kfac saves" in done.stdout
    assert "writing over solving" in done.stdout
    # The same again, resumed from what was kept, and another run refused.
    again = run(*words, "--resume", "--json", tmp_path / "again.json")
    assert again.exit_code == 0, again.output
    kept = json.loads((tmp_path / "again.json").read_text())
    assert kept["optimizers"] == content["optimizers"]
    refused(run(*words, "--seed", 5), "holds another run of train letters")


def test_what_is_trained_reads_the_same_in_every_process(tmp_path, monkeypatch):
    """A checkpoint knows its run by that text."""
    taken = []

    def take(trial, entrants, *_, **__):
        taken.extend(entrants)
        raise amc.InputError("enough")

    monkeypatch.setattr("amcspice.cli.train_pictures.run_trials", take)
    words = ["train", "digits", "--inverse", "analog", "--levels", 16, "--out", tmp_path / "out"]
    assert run(*words).exit_code == 2
    assert "levels=16" in repr(taken)
    assert " at 0x" not in repr(taken)


def test_tuned_beside_usual_settings_and_a_training_that_diverges(tmp_path):
    done = run(
        "train", "digits", "--optimizer", "sgdm", "--usual", "--tune", "--epochs", 1, "--seeds", 1,
        "--jobs", 1, "--out", tmp_path / "a", "--json", "-",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    ways = json.loads(done.stdout)["optimizers"]
    assert ways["sgdm-usual"]["settings"] == {"learning_rate": 0.01, "momentum": 0.9}
    assert ways["sgdm"]["settings"] != ways["sgdm-usual"]["settings"]
    lost = run(
        "train", "digits", "--optimizer", "sgdm", "--learning-rate", 1e5, "--epochs", 2, "--seeds",
        1, "--jobs", 1, "--out", tmp_path / "b", "--json", "-",
    )  # fmt: skip
    assert lost.exit_code == 0, lost.output
    content = json.loads(lost.stdout)
    assert content["optimizers"]["sgdm"]["epochs_to_target"] == [None]
    assert "diverged" in content["optimizers"]["sgdm"]["failures"][0]
    assert any("ended early" in each for each in content["cautions"])
    assert "note: sgdm: 1 of 1 trainings ended early" in lost.stderr


def test_noise_is_told_with_its_limit(tmp_path):
    letters.write(tmp_path / "L.mat", each=10)
    done = run(
        "train", "noise", "--letters", tmp_path / "L.mat", "--noises", "0.01,0.3", "--damping",
        0.3, "--epochs", 3, "--seeds", 1, "--jobs", 1, "--target-loss", 1.0, "--out",
        tmp_path / "out", "--json", tmp_path / "j.json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    content = json.loads((tmp_path / "j.json").read_text())
    kept = content["curves"]["mean kept digital"]
    assert [each["write_noise"] for each in kept] == [0.01, 0.3]
    assert kept[0]["epochs_to_target"][0] < 3
    low, middle, high = content["limits"]["mean kept digital"]
    assert 0.01 < low <= middle <= high
    assert "limit foretold" in done.stdout
    assert {"noise.json", "noise.png", "run.json"} <= set(files(tmp_path / "out"))


BAD = {
    "no file": ({}, "no such file"),
    "no matlab": ({}, "cannot be read as a MATLAB file"),
    "keys": ({"gnd": None}, "has no gnd but fea; letters are read from fea"),
    "shape": ({"fea": np.zeros((24, 300))}, "needed are N rows of 320 pixels (20 x 16)"),
    "labels": ({"gnd": np.ones((24, 1))}, "no label is a letter (11 to 36)"),
    "nan": ({"fea": np.full((24, 320), np.nan)}, "picture 0 holds nan at row 0, column 0"),
    "one class": ({"classes": 1}, "1 class in 8 pictures; training needs two or more"),
    "empty split": ({"each": 1}, "leaves 1 to train on and 0 held out: both need one at least"),
    "no label": ({"gnd": np.where(np.arange(24) == 5, np.nan, 11.0)}, "label 5 of gnd is nan"),
    "half a label": ({"gnd": np.full((24, 1), 11.5)}, "label 0 of gnd is 11.5: all must be whole"),
    "endless": ({"gnd": np.full((24, 1), np.inf)}, "label 0 of gnd is inf: all must be whole"),
    "huge": ({"fea": np.eye(24, 320) * 1e200}, "the largest pixel, 1e+200"),
    "tiny": ({"fea": np.eye(24, 320) * 1e-200}, "the largest pixel, 1e-200"),
    "text": ({"gnd": np.array(["A"] * 24)}, "fea and gnd must hold numbers"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_file_of_letters_is_refused_and_nothing_written(name, tmp_path):
    changes, message = BAD[name]
    file = tmp_path / "L.mat"
    if name == "no matlab":
        file.write_text("letters")
    elif name != "no file":
        letters.write(file, **changes)
    done = run("train", "letters", file, *SHORT, "--out", tmp_path / "out")
    refused(done, message if name != "no file" else "L.mat")
    assert not (tmp_path / "out" / "training.json").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--optimizer", "sgd"], "no 'sgd'; did you mean sgdm?"),
        (["--inverse", "digital"], "no 'digital'"),
        (["--optimizer", "sgdm", "--inverse", "analog"], "of K-FAC, which --optimizer leaves out"),
        (["--optimizer", "sgdm", "--damping", 0.1], "damping: SGD with momentum has none"),
        (["--damping", 0], "must be above 0"),
        (["--optimizer", "sgdm,adam", "--learning-rate", 0.1], "--learning-rate: of which one?"),
        (["--tune", "--damping", 0.1], "--damping: --tune finds what is best"),
        (["--levels", 16], "--levels: of arrays, which --inverse analog alone has"),
        (["--no-keep-mean"], "--keep-mean: of arrays, which --inverse analog alone has"),
        (["--array-size", 8], "--array-size: of arrays, which --inverse analog alone has"),
        (["--refinement-steps", 1], "--refinement-steps: of arrays"),
        (["--circuit", "inv", "--inverse", "analog"], "factors stand in inv-compensated"),
        (["--verify", 3, "--inverse", "analog"], "trainings verify nothing"),
        (["--held-out", 1], "must be below 1"),
    ],
)
def test_what_does_not_fit_together_is_refused(words, message, tmp_path):
    refused(run("train", "digits", *SHORT, "--out", tmp_path / "out", *words), message)
    assert not (tmp_path / "out").exists()


def test_a_training_is_a_problem_of_sweeps(tmp_path):
    letters.write(tmp_path / "L.mat", each=10)
    point = {
        "problem": "train", "letters": str(tmp_path / "L.mat"), "inverse": "analog",
        "write_noise": 0.01, "fidelity": "dc", "epochs": 2, "target_loss": 1.0, "seed": 1,
    }  # fmt: skip
    metrics = run_point(point).metrics
    assert 0 < metrics["epochs_to_target"] < 2
    assert (metrics["writings"], metrics["unstable_writings"], metrics["ended_early"]) == (4, 0, 0)
    exact = run_point({**point, "inverse": "exact"}).metrics
    assert exact["epochs_to_target"] == pytest.approx(metrics["epochs_to_target"], rel=0.1)
    assert np.isnan(exact["writings"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--write-noise", 0.1], "--write-noise: --noises say it"),
        (["--keep-mean"], "--keep-mean: both are run"),
        (["--noises", "0,0.1"], "numbers above 0 and below 1"),
    ],
)
def test_what_a_study_of_noise_does_not_take_is_refused(words, message, tmp_path):
    words = ["--epochs", 1, "--seeds", 1, "--jobs", 1, "--out", tmp_path / "out", *words]
    refused(run("train", "noise", *words), message)
    assert not (tmp_path / "out").exists()
