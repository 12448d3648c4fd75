"""Quality against the devices: what a study runs, keeps and shows."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import skimage.data
import skimage.io
from cli_helpers import files, refused, run
from rating_sets import generated, write

import amcspice as amc
from amcspice.workload.robustness import DEFAULT_AXES, Axis, Quality, robustness, summarise_points

QUICK = ["--seeds", "2", "--iterations", "2", "--jobs", "1"]
RESULTS = {
    "robustness.checkpoint.npz", "robustness.csv", "robustness.json", "robustness.png",
    "run.json",
}  # fmt: skip


def trial(device):
    """Stand for a factorisation: noise is what it loses."""
    return Quality(analog=device.write_noise + device.seed, digital=float(device.seed))


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Go to an empty folder with ratings and a picture in a subfolder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    train, test = generated(20, 14)
    write(tmp_path / "in/train", train)
    write(tmp_path / "in/test", test)
    picture = skimage.data.astronaut()[100:108, 200:208, 0]
    skimage.io.imsave("in/grey.png", picture, check_contrast=False)
    return tmp_path


def test_every_value_is_run_once_a_seed():
    heard = []
    axes = [Axis("write_noise", (0.0, 0.1)), Axis("levels", (4, 16), (("write_noise", 0.3),))]
    points = robustness(trial, amc.Memristor(), axes, (5, 6), progress=heard.append)
    assert sum(heard) == len(points) == 8
    assert {(p.field, p.value, p.seed) for p in points} == {
        (field, value, seed)
        for seed in (5, 6)
        for field, value in (
            ("write_noise", 0),
            ("write_noise", 0.1),
            ("levels", 4),
            ("levels", 16),
        )
    }
    summary = summarise_points(points)
    assert summary["write_noise"]["difference_mean"] == pytest.approx([0.0, 0.1])
    assert summary["levels"]["difference_mean"] == pytest.approx([0.3, 0.3])
    assert summary["levels"]["analog_std"] == pytest.approx([np.sqrt(0.5)] * 2)
    one = summarise_points([point for point in points if point.seed == 5])
    assert one["levels"]["analog_std"] == one["levels"]["difference_std"] == [None, None]


def test_default_axes_cover_noise_levels_temperature_and_drift():
    fields = [axis.field for axis in DEFAULT_AXES]
    assert fields == ["write_noise", "levels", "temperature", "drift_time"]
    for axis in DEFAULT_AXES:
        devices = axis.devices(amc.Memristor(), 3)
        target = np.full((40, 40), 3.1e-5)
        held = [device.program(target) for device in devices]
        # Every axis does something to the cells at one end at least.
        assert np.abs(held[0] - held[-1]).mean() > 0.01 * 3.1e-5
        assert all(device.seed == 3 for device in devices)


def test_resumed_study_runs_only_what_is_missing(tmp_path):
    path, ran = tmp_path / "c.npz", []

    def counted(device):
        ran.append(device.write_noise)
        return trial(device)

    device, first = amc.Memristor(), Axis("write_noise", (0.0, 0.1))
    whole = Axis("write_noise", (0.0, 0.1, 0.2))
    robustness(counted, device, [first], (0,), checkpoint=path)
    again = robustness(counted, device, [whole], (0,), checkpoint=path, resume=True)
    assert ran == [0.0, 0.1, 0.2]
    assert again == robustness(trial, device, [whole], (0,))
    with pytest.raises(amc.InputError, match="of another run"):
        robustness(trial, device, [whole], (0,), checkpoint=path, resume=True, identity=["other"])


@pytest.mark.parametrize(
    ("axis", "message"),
    [
        (Axis("hue", (1,)), "a memristor has no field 'hue' to vary; choose from"),
        (Axis("seed", (1,)), "no field 'seed'"),
        (Axis("levels", ()), "there are no values"),
        (Axis("levels", (1,)), "Memristor.levels = 1"),
        (Axis("write_noise", (-0.1,)), "Memristor.write_noise"),
    ],
)
def test_bad_axis_is_refused(axis, message):
    with pytest.raises(amc.InputError, match=message):
        robustness(trial, amc.Memristor(), [axis], (0,))


@pytest.mark.parametrize("workload", ["ratings", "image"])
def test_command_shows_what_noise_costs(here, workload):
    words = {
        "ratings": ["ratings", "in/train", "--test", "in/test", "--rank", "2"],
        "image": ["image", "in/grey.png", "--tile", "8"],
    }[workload]
    done = run("robustness", *words, *QUICK, "--vary", "write_noise=0,0.3", "--vary", "levels=2",
               "--out", "out", "--json", "copy.json")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert set(files(here / "out")) == RESULTS
    result = json.loads((here / "copy.json").read_text())
    curve = result["summary"]["write_noise"]
    loss = np.array(curve["analog_mean"]) - curve["digital_mean"]
    assert abs(loss[0]) < 0.05
    assert (loss[1] > 0.02) if workload == "ratings" else (loss[1] < -0.5)
    rows = list(csv.DictReader((here / "out/robustness.csv").read_text().splitlines()))
    assert len(rows) == len(result["points"]) == 6
    assert {row["field"] for row in rows} == {"write_noise", "levels"}
    again = run("robustness", *words, *QUICK, "--vary", "write_noise=0,0.3", "--vary", "levels=2",
                "--out", "out", "--resume", "--json", "again.json")  # fmt: skip
    assert again.exit_code == 0, again.stderr
    assert json.loads((here / "again.json").read_text())["points"] == result["points"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--vary", "hue=1"], "a memristor has no field 'hue'"),
        (["--vary", "levels"], "'levels' must be FIELD=NUMBER"),
        (["--vary", "levels=few"], "'levels=few' must be FIELD=NUMBER"),
        (["--vary", "levels=1"], "Memristor.levels = 1"),
        (["--fix", "drift_time=0.5"], "Memristor.drift_time"),
        (["--seeds", "0"], "'--seeds'"),
        (["--verify", "1"], "a study verifies nothing"),
        (["--rank", "9"], "rank = 9"),
    ],
)
def test_bad_option_is_refused_and_writes_nothing(here, words, message):
    before = files(here)
    refused(run("robustness", "image", "in/grey.png", "--tile", "8", *words), message)
    assert files(here) == before
