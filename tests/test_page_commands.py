"""Commands of README.md and docs run as they stand; so do their Python blocks, as scripts.

What stands for something of the reader's (a file, a key) is given here, and long lists are cut
short; what cannot run here is listed with the reason.
"""

import os
import re
import shlex
import sqlite3
import subprocess
import sys
from pathlib import Path

import letters
import numpy as np
import pytest
import skimage.data
import skimage.io
from cli_helpers import run
from rating_sets import generated, write
from test_page_code import PAGES, blocks

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = ("amcspice", "make", "ninja", "dask", "helm", "sqlite3", "ngspice", "pip", "python")

TABLES = ("README.md", "docs/command-line.md")
"""Pages with a table of commands."""

NOT_RUN = {
    "pip install": "make minimal installs the wheel, in CI",
    "make demo": "the demonstration: its script is run by test_cli_nmf.py",
    "make test": "these are the tests",
    "make setup": "it would compile what the tests use",
    "ninja -C amcspice/native v4": "the same",
    "amcspice explore": "a page until Ctrl+C: test_explore.py begins it",
    "amcspice bench --quick": "run by test_cli_bench.py",
    "dask": "the commands of a cluster: test_sweep_dask.py starts one in Python",
    "helm": "needs a cluster",
    "amcspice nmf ratings FOLDER --executor dask": "needs a cluster: test_stored_ratings.py",
    "amcspice sweep run sweep.toml --store runs.sqlite --executor dask": "needs a cluster",
    "amcspice sweep point --set problem=self-test": "of a package: test_extension.py runs it",
    "sqlite3": "may not be installed: the same statement goes through Python below",
}

REPLACED = {
    "FILE --subckt NAME": f"{ROOT}/models/miller.lib --subckt amc_miller",
    "FILE --opamp-subckt NAME": f"{ROOT}/models/miller.lib --opamp-subckt amc_miller",
    "robustness image FILE": "robustness image photo.png --seeds 1 --iterations 1 "
    "--vary levels=4 --out study",
    "nmf image FILE": "nmf image photo.png --iterations 2",
    "train letters FILE": "train letters letters.mat --epochs 1 --overwrite",
    "--write-noise 0.02 --seeds 8": "--write-noise 0.02 --seeds 1",
    "0.01,0.02,0.04,0.05,0.06,0.08": "0.02",
    "train digits": "train digits --epochs 1 --overwrite",
    "train noise": "train noise --letters letters.mat --epochs 1 --seeds 1 --overwrite",
    "nmf matrix FILE": "nmf matrix A.npy --rank 2 --out matrix",
    "nmf ratings TRAIN --executor local": "nmf ratings u1.base --executor local --rank 2 "
    "--iterations 1 --sample 20 --overwrite",
    "nmf ratings TRAIN --test TEST": "nmf ratings u1.base --test u1.test --fidelity dc --overwrite",
    "--modulation qpsk,16qam,64qam,256qam": "--channels 3 --modulation qpsk,16qam",
    "mimo estimate --snr 0:30:5": "mimo estimate --snr 25 --beams 12 --pilots 8 --paths 1 "
    "--estimates 2",
    "--trials 100": "--trials 3",
    "--seeds 5": "--seeds 1 --iterations 1 --rank 2 --vary levels=4",
    "--vary write_noise=0,0.05,0.2 --vary levels=4,16,64": "--vary write_noise=0.1 --tile 16",
    "photo.png --vary": "photo.png --seeds 1 --iterations 1 --vary",
    "nebula.jpg --tile 32 --rank 8 --iterations 8": "photo.png --tile 32 --rank 4 --iterations 1",
    "ml-100k/u1.base --rank 8 --iterations 8": "u1.base --rank 2 --iterations 1",
    "inv --matrix A.npy --rhs b.npy": "inv --matrix S.npy --rhs s.npy",
    "forecast --matrix A.npy": "forecast --matrix S.npy",
    "runs.sqlite 3f2a": "runs.sqlite KEY",
}  # fmt: skip
"""What is put in the place of the reader's files and of long runs."""

EXIT = {"--circuit ginv-classic --feedback 0.01 --opamp ad823": 2}
"""Commands that the page says are refused."""


def indented(text):
    """Yield the commands that stand in lines of their own."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M).replace("\\\n", " ")
    for line in re.findall(r"^    (\S.*)$", text, flags=re.M):
        if line.split()[0] in PROGRAMS:
            yield re.sub(r"\s+#.*", "", re.sub(r"\s+", " ", line))


def in_table(text):
    """Yield the commands of a table."""
    for cell in re.findall(r"^\| (`amcspice.*?) \|", text, flags=re.M):
        first = ""
        for command in re.findall(r"`([^`]+)`", cell):
            if not command.startswith("amcspice"):
                first = " ".join(first.split()[:1])
                command = f"{first} {command}"
            first = command
            if not re.fullmatch(r"amcspice \w+|amcspice ratings", command) or "doctor" in command:
                yield command


def commands_of(page):
    text = (ROOT / page).read_text()
    return [*indented(text), *(in_table(text) if page in TABLES else ())]


ALL = [
    path.relative_to(ROOT).as_posix() for path in (ROOT / "README.md", *ROOT.glob("docs/**/*.md"))
]
SHOWN = {page: commands_of(page) for page in ALL if commands_of(page)}


def reason(command):
    return next((why for start, why in NOT_RUN.items() if command.startswith(start)), None)


def test_commands_are_found_and_each_reason_is_used():
    every = [command for commands in SHOWN.values() for command in commands]
    assert len(every) > 40
    assert "amcspice doctor" in every
    assert "amcspice nmf matrix FILE" in every
    assert len([command for command in every if reason(command)]) < 0.2 * len(every)
    for start in NOT_RUN:
        assert any(command.startswith(start) for command in every), start
    for text in EXIT:
        assert any(text in command for command in every), text


def small(specification):
    """Return a ready sweep with its smallest sizes only."""
    text = re.sub(r"^(columns = \[\d+(?:, \d+)?)[^\]]*", r"\1", specification, flags=re.M)
    text = re.sub(r"points = \d+", "points = 2", text)
    return re.sub(r"^repeats = \d+", "repeats = 1", text, flags=re.M)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with what the pages presume, and amcspice on the path."""
    draw = np.random.default_rng(0)
    A = draw.random((8, 3))
    np.save(tmp_path / "A.npy", A)
    np.save(tmp_path / "b.npy", A @ [1, 0, 0.5])
    np.save(tmp_path / "V.npy", draw.random((12, 10)))
    np.save(tmp_path / "S.npy", 4 * np.eye(8) + A @ A.T)
    np.save(tmp_path / "s.npy", draw.random((8, 1)))
    for name in ("B.npy", "rhs.npy"):
        np.save(tmp_path / name, A @ draw.random((3, 2)))
    skimage.io.imsave(tmp_path / "photo.png", skimage.data.astronaut()[:64, :64])
    for name, table in zip(("u1.base", "u1.test"), generated(30, 20), strict=True):
        write(tmp_path / name, table)
    letters.write(tmp_path / "letters.mat")
    titles = "".join(f"{item}|Film {item}\n" for item in range(1, 500))
    (tmp_path / "u.item").write_text(titles)
    (tmp_path / "models").symlink_to(ROOT / "models")
    (tmp_path / "sweeps").mkdir()
    for path in (ROOT / "sweeps").glob("*.toml"):
        (tmp_path / "sweeps" / path.name).write_text(small(path.read_text()))
    (tmp_path / "sweep.toml").write_text(small((ROOT / "sweeps" / "tiny.toml").read_text()))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "amcspice").symlink_to(Path(sys.executable).with_name("amcspice"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def execute(command):
    """Run a command as a shell would; amcspice alone runs in this process, which is quicker."""
    words = shlex.split(command)
    if words[0] == "amcspice" and not re.search(r"[|<>&;$`*]", command):
        done = run(*words[1:])
        return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr)
    return subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        timeout=900,
        stdin=subprocess.DEVNULL,
    )


def store_for(page):
    """Make the store that a page begins with, for the parameters that its plots name."""
    axes = {
        "docs/sweep-report.md": "columns = [2, 3]\nrow_resistance = [0.1, 1.0]\n",
        "docs/command-line.md": "columns = [2, 3]\n",
    }.get(page)
    if axes is not None:
        base = '[base]\nproblem = "nnls"\ncircuit = "ginv-compact"\nfidelity = "dc"\n'
        Path("own.toml").write_text(f"{base}[axes]\n{axes}")
        done = execute("amcspice sweep run own.toml --store runs.sqlite --jobs 1")
        assert done.returncode == 0, done.stderr


@pytest.mark.ngspice
@pytest.mark.slow
@pytest.mark.parametrize("page", SHOWN)
def test_commands_of_a_page_run(page, folder):
    store_for(page)
    for shown in SHOWN[page]:
        if reason(shown):
            continue
        command = shown
        for text, ours in REPLACED.items():
            command = command.replace(text, ours)
        if "runs.sqlite KEY" in command:
            query = sqlite3.connect("runs.sqlite").execute("SELECT min(key) FROM point")
            command = command.replace("KEY", query.fetchone()[0][:8])
        done = execute(command)
        expected = next((code for text, code in EXIT.items() if text in shown), 0)
        assert done.returncode == expected, f"{command}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        assert "Warning" not in done.stderr, f"{command}\n{done.stderr}"
        for option in ("--out", "--plot", "--json"):
            for name in re.findall(rf"{option} (\S+\.\w+)", command):
                assert Path(name).stat().st_size, f"{command}: {name}"


GIVEN = """\
import json, pathlib
import numpy as np
import amcspice as amc
{indent}draw = np.random.default_rng(0)
{indent}A = draw.random((8, 3))
{indent}X, b, B = draw.random((12, 9)), A @ [1, 0, 0.5], A @ draw.random((3, 2))
{indent}pathlib.Path("r.json").write_text(json.dumps({{"solution": [[[1.0, 2.0], [0.0, -1.0]]]}}))
"""


@pytest.mark.ngspice
@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_code_of_a_page_runs_as_a_script(page, folder):
    """With the guard, which processes need, and warnings as errors of the page."""
    code = "\n".join(blocks(page))
    if PAGES[page]:
        code = code.replace(PAGES[page], "trials=3")
    body = "\n".join(f"    {line}".rstrip() for line in code.splitlines())
    given = GIVEN.format(indent="    ").replace("    ", 'if __name__ == "__main__":\n    ', 1)
    Path("script.py").write_text(f"{given}{body}\n")
    done = subprocess.run(
        [sys.executable, "script.py"], capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr


@pytest.mark.slow
def test_a_sweep_runs_from_the_script_of_its_page_and_sqlite_reads_it(folder):
    (code, *_) = blocks("docs/sweeps.md")
    assert "run_sweep(plan" in code
    Path("script.py").write_text(code.replace('"columns": 32', '"columns": 4'))
    done = subprocess.run(
        [sys.executable, "script.py"], capture_output=True, text=True, timeout=600
    )
    assert (done.returncode, done.stderr) == (0, "")
    text = (ROOT / "docs/sweeps.md").read_text()
    (statement,) = re.findall(r'^    sqlite3 runs.sqlite "(.*?)"$', text, flags=re.S | re.M)
    if sqlite3.sqlite_version_info >= (3, 38):
        statement = statement.replace("= 32", "= 4")
        rows = sqlite3.connect("runs.sqlite").execute(statement).fetchall()
        assert len(rows) == 2
        assert all(0 < seconds < 1e-3 for (seconds,) in rows)
