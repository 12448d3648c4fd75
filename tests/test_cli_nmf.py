"""``amcspice nmf``: results, refusals, and what an interrupted run leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import skimage.data
import skimage.io
import skimage.metrics
from cli_helpers import files, refused, run

from amcspice.workload import read_image

COLOUR = skimage.data.astronaut()[100:116, 200:216]
QUICK = ["--tile", "8", "--rank", "2", "--iterations", "2", "--jobs", "1"]
RESULTS = {
    "checkpoint", "convergence.png", "metrics.json", "reconstructed.png", "reconstruction.png",
    "run.json", "waveforms.png",
}  # fmt: skip


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Go to an empty folder with a picture and a matrix in a subfolder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    skimage.io.imsave("in/colour.png", COLOUR, check_contrast=False)
    skimage.io.imsave("in/grey.png", COLOUR[:, :, 0], check_contrast=False)
    draw = np.random.default_rng(0)
    np.save("in/V.npy", draw.random((12, 3)) @ draw.random((3, 10)))
    return tmp_path


@pytest.mark.ngspice
def test_image_writes_every_result_and_figures_that_agree(here, measured):
    done = run("nmf", "image", "in/colour.png", *QUICK, "--out", "out", "--json", "copy.json")
    assert done.exit_code == 0, done.stderr
    assert set(files(here / "out")) > RESULTS
    metrics = json.loads((here / "out/metrics.json").read_text())
    assert metrics == json.loads((here / "copy.json").read_text())
    # 4 tiles of 3 channels, 2 iterations of 2 x 8 regressions.
    assert metrics["regressions"] == metrics["transients"] == 12 * 2 * 16
    assert metrics["compression_ratio"] == pytest.approx(2.0)
    measured("psnr_gap_db", metrics["digital"]["psnr_db"] - metrics["psnr_db"])
    assert abs(metrics["psnr_db"] - metrics["digital"]["psnr_db"]) < 0.5
    # The file holds 8 bits a channel: its PSNR is that of the factors up to the rounding.
    stored = read_image(here / "out/reconstructed.png")
    psnr = skimage.metrics.peak_signal_noise_ratio(COLOUR / 255, stored, data_range=1)
    assert psnr == pytest.approx(metrics["psnr_db"], abs=0.1)
    assert f"{metrics['psnr_db']:.2f} dB" in done.stdout
    assert f"{metrics['digital']['psnr_db']:.2f} dB" in done.stdout


def test_ideal_fidelity_needs_no_ngspice(here, monkeypatch):
    monkeypatch.setenv("AMCSPICE_NGSPICE", "/nonexistent")
    done = run("nmf", "image", "in/grey.png", *QUICK, "--fidelity", "ideal", "--json", "-")
    assert done.exit_code == 0, done.stderr
    metrics = json.loads(done.stdout)
    assert metrics["transients"] == 0
    assert metrics["settling_time_s"]["median"] is None
    assert metrics["psnr_db"] == pytest.approx(metrics["digital"]["psnr_db"], abs=1e-6)
    assert set(files(here / "out")) >= RESULTS - {"waveforms.png"}


def test_crop_is_what_is_factorised(here):
    done = run("nmf", "image", "in/colour.png", *QUICK, "--crop", 2, 3, 8, 9, "--fidelity", "ideal")
    assert done.exit_code == 0, done.stderr
    assert read_image(here / "out/reconstructed.png").shape == (8, 9, 3)


@pytest.mark.ngspice
def test_matrix_writes_its_factors(here):
    done = run("nmf", "matrix", "in/V.npy", "--rank", 3, "--iterations", 8, "--out", "out")
    assert done.exit_code == 0, done.stderr
    V, W, H = (np.load(name) for name in ("in/V.npy", "out/W.npy", "out/H.npy"))
    metrics = json.loads((here / "out/metrics.json").read_text())
    residual = np.linalg.norm(V - W @ H) / np.linalg.norm(V)
    assert metrics["relative_residual"] == pytest.approx(residual, rel=1e-9)
    assert W.min() >= 0
    assert H.min() >= 0
    assert {"W.npy", "H.npy", "convergence.png"} < set(files(here / "out"))


IMAGE, MATRIX = ["image", "in/colour.png"], ["matrix", "in/V.npy", "--rank", "2"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["image", "in/none.png"], "in/none.png: no such file"),
        (["image", "in/V.npy"], "not a picture"),
        (["image", "in"], "not a file"),
        ([*IMAGE, "--tile", "8", "--rank", "9"], "rank = 9 must be from 1 to the side"),
        ([*IMAGE, "--rank", "0"], "rank = 0"),
        ([*IMAGE, "--tile", "0"], "'--tile'"),
        ([*IMAGE, "--crop", "0", "0", "99", "4"], "does not lie inside the picture"),
        ([*IMAGE, "--crop", "0", "0"], "--crop"),
        ([*IMAGE, "--tolerance", "1"], "tolerance"),
        ([*IMAGE, "--iterations", "0"], "'--iterations'"),
        ([*IMAGE, "--circuit", "toaster"], "'--circuit': 'toaster': choose from"),
        ([*IMAGE, "--opamp", "tube"], "'--opamp': 'tube': choose from"),
        ([*IMAGE, "--device", "relay"], "'--device': 'relay': choose from"),
        ([*IMAGE, "--wire-resistance", "-1"], "must be at least 0 ohm"),
        ([*IMAGE, "--row-resistance", "-1"], "'--row-resistance': '-1': must be at least 0 ohm"),
        ([*IMAGE, "--column-resistance", "nan"], "must be finite"),
        ([*IMAGE, "--gbw", "fast"], "'--gbw': 'fast': neither a number nor a quantity in Hz"),
        ([*IMAGE, "--g-min", "1"], "g_min = 1.0 must be below g_max"),
        ([*IMAGE, "--fidelity", "exact"], "Analysis.fidelity = 'exact': choose from flat"),
        ([*IMAGE, "--json", "none/x.json"], "no folder none"),
        ([*IMAGE, "--out", "in/V.npy"], "output folder in/V.npy cannot be written"),
        ([*IMAGE, "--out", "/proc/out"], "output folder /proc/out cannot be written"),
        (["matrix", "in/none.npy", "--rank", "1"], "in/none.npy: no such file"),
        (["matrix", "in/V.npy"], "--rank"),
        (["matrix", "in/V.npy", "--rank", "11"], "rank = 11 must be from 1 to 10"),
        (["matrix", "in/negative.csv", "--rank", "1"], "entry (0, 1) is negative (-2)"),
        (["matrix", "in/nan.csv", "--rank", "1"], "entry (1, 0) is not finite"),
        (["matrix", "in/zero.csv", "--rank", "1"], "every entry is zero"),
        (["matrix", "in/empty.csv", "--rank", "1"], "holds no numbers"),
        ([*MATRIX, "--out", "in/V.npy"], "output folder in/V.npy cannot be written"),
        ([*MATRIX, "--circuit", "toaster"], "'--circuit': 'toaster': choose from"),
        (["sculpture"], "No such command 'sculpture'"),
    ],
)
def test_bad_input_is_refused_and_writes_nothing(here, arguments, message):
    (here / "in/negative.csv").write_text("1,-2\n3,4\n")
    (here / "in/nan.csv").write_text("1,2\nnan,4\n")
    (here / "in/zero.csv").write_text("0,0\n0,0\n")
    (here / "in/empty.csv").touch()
    before = files(here)
    refused(run("nmf", *arguments), message)
    assert files(here) == before


def test_missing_ngspice_is_refused_and_writes_nothing(here, monkeypatch):
    monkeypatch.setenv("AMCSPICE_NGSPICE", "/nonexistent")
    before = files(here)
    for arguments in (IMAGE, MATRIX):
        refused(run("nmf", *arguments), "ngspice not found")
    assert files(here) == before


IDEAL = ["nmf", "image", "in/grey.png", *QUICK, "--fidelity", "ideal"]


def content(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_same_run_starts_anew_and_another_is_refused_or_replaces_it(here):
    assert run(*IDEAL).exit_code == 0
    assert run(*IDEAL, "--jobs", "2").exit_code == 0
    kept = content(here / "out")
    refused(run(*IDEAL, "--seed", "1", "--resume"), "of another run")
    refused(run(*IDEAL, "--seed", "1"), "out holds another run of nmf image, with another seed:")
    refused(
        run(*IDEAL, "--write-noise", "0.1", "--write-config", "c.toml"), "with another write_noise:"
    )
    refused(run("nmf", *MATRIX), "out holds a run of nmf image: choose another --out")
    refused(run("nmf", *MATRIX, "--resume"), "out holds a run of nmf image")
    refused(run(*IDEAL, "--resume", "--overwrite"), "give one of them")
    assert content(here / "out") == kept
    assert not (here / "c.toml").exists()
    assert run(*IDEAL, "--seed", "1", "--overwrite").exit_code == 0
    assert json.loads((here / "out/metrics.json").read_text())["settings"]["seed"] == 1


def test_nothing_of_another_run_is_left_and_nothing_else_goes(here):
    assert run(*IDEAL).exit_code == 0
    (here / "out/notes.txt").write_text("of mine")
    done = run("nmf", *MATRIX, "--fidelity", "ideal", "--overwrite")
    assert done.exit_code == 0, done.stderr
    left = {path.relative_to(here / "out").as_posix() for path in content(here / "out")}
    assert left == {
        "W.npy", "H.npy", "convergence.png", "metrics.json", "run.json", "checkpoint/matrix.npz",
        "notes.txt",
    }  # fmt: skip


def test_other_data_of_the_same_name_are_another_run(here):
    words = ["nmf", *MATRIX, "--fidelity", "ideal"]
    assert run(*words).exit_code == 0
    np.save(here / "in/V.npy", 2 * np.load(here / "in/V.npy"))
    refused(run(*words), "out holds another run of nmf matrix, with another data_sha256:")


def test_files_that_nobody_knows_are_not_replaced(here):
    (here / "out").mkdir()
    (here / "out/W.npy").write_text("precious")
    words = ["nmf", *MATRIX, "--fidelity", "ideal"]
    refused(run(*words), "out holds W.npy, and no run.json says which run wrote that")
    assert [path.name for path in content(here / "out")] == ["W.npy"]
    (here / "out/run.json").write_text('{"problem": 3}')
    refused(run(*words), "out/run.json is no record of a run")
    record = {"problem": "nmf matrix", "inputs": {}, "files": ["../in/V.npy", "/etc/hostname"]}
    (here / "out/run.json").write_text(json.dumps(record))
    assert run(*words, "--overwrite").exit_code == 0
    assert (here / "in/V.npy").exists()


def test_traceback_only_with_debug(here):
    assert "Traceback" not in run("nmf", "image", "in/none.png").stderr
    assert "Traceback" in run("nmf", "image", "in/none.png", "--debug").stderr


LONG = ["nmf", "image", "in/colour.png", "--tile", "8", "--rank", "2", "--iterations", "6",
        "--tolerance", "0", "--out", "out"]  # fmt: skip


def start(*extra):
    """Start a long run as a process of its own session, and wait for its first checkpoint."""
    code = "from amcspice.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *LONG, *extra], stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list(Path("out").glob("checkpoint/tile-*")):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process, psutil.Process(process.pid).children(recursive=True)


def end(process):
    """Return what was written to standard error, once the process has ended."""
    return process.communicate(timeout=60)[1]


@pytest.mark.ngspice
@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "jobs", "code", "message"),
    [
        (signal.SIGINT, 1, 130, "amcspice: interrupted"),
        (signal.SIGINT, 2, 130, "amcspice: interrupted"),
        (signal.SIGTERM, 2, 143, "amcspice: terminated"),
    ],
)
def test_interrupted_run_leaves_no_process_and_no_half_file(here, number, jobs, code, message):
    process, children = start("--jobs", str(jobs))
    os.killpg(process.pid, number)  # as a terminal does: to everyone
    said = end(process)
    assert process.returncode == code, said
    *_, hint, last = filter(None, said.splitlines())
    assert last == message
    assert hint.startswith(
        "what was done is kept in out/checkpoint; the same command with --resume"
    )
    assert "Traceback" not in said
    gone, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    assert len(gone) == len(children)
    assert {name for name in files(here / "out") if not name.startswith("tile-")} == {
        "checkpoint", "run.json",
    }  # fmt: skip


def assert_near(one, other):
    """Compare plain values; numbers to 1e-9."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        one, other = list(one.values()), list(other.values())
    if isinstance(one, list):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            assert_near(*pair)
    elif isinstance(one, float):
        assert one == pytest.approx(other, rel=1e-9)
    else:
        assert one == other


@pytest.mark.ngspice
@pytest.mark.slow
def test_killed_run_resumes_to_the_same_result(here):
    process, children = start("--jobs", "2")
    process.kill()
    end(process)
    assert process.returncode == -signal.SIGKILL
    assert not psutil.wait_procs(children, timeout=20)[1]
    assert not (here / "out/metrics.json").exists()
    for folder, extra in (("out", ["--resume"]), ("whole", [])):
        done = run(*LONG[:-1], folder, "--jobs", "1", *extra)
        assert done.exit_code == 0, done.stderr
    results = [json.loads((here / f / "metrics.json").read_text()) for f in ("out", "whole")]
    for metrics in results:
        del metrics["provenance"]
        for name in ("digital", "break_even_rhs", "break_even_rhs_energy"):  # timed here and now
            del metrics["cost"][name]
    # Sums of a run in two parts are rounded elsewhere.
    accounts = [[metrics.pop(name) for name in ("cost", "ledger")] for metrics in results]
    assert results[0] == results[1]
    for one, other in zip(*accounts, strict=True):
        assert_near(one, other)
    pictures = [(here / f / "reconstructed.png").read_bytes() for f in ("out", "whole")]
    assert pictures[0] == pictures[1]
    assert not [name for name in files(here / "out") if name.startswith(".")]


def test_demo_needs_no_network_and_takes_more_options(here):
    script = Path(__file__).parents[1] / "scripts" / "demo.py"
    options = ["--fidelity", "ideal", "--iterations", "1", "--crop", "64", "272", "32", "32"]
    subprocess.run([sys.executable, str(script), *options], check=True, capture_output=True)
    assert json.loads((here / "out/metrics.json").read_text())["settings"]["iterations"] == 1
