"""What amcspice does where nothing is installed but its core; leaves with 1 where it does not.

Run by ``make minimal`` with the Python of an environment that holds the wheel alone, and by a test
where the packages of the extras are hidden.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import click

from amcspice.cli import LazyGroup, main

NEEDS = (
    ("images", "nmf image picture.png --out out"),
    ("sklearn", "train digits --epochs 1 --out out"),
    ("sweep", "sweep run tiny.toml --store runs.sqlite --jobs 1"),
    ("report", "report runs.sqlite --out report.html"),
    ("report", "explore --no-browser --port 0"),
)
"""Extras, and commands that need them."""

RUNS = (
    "solve nnls --columns 8",
    "solve nnls --columns 8 --fidelity behavioural --plot plot.png --waveforms waves.csv",
    "solve inv --columns 8 --fidelity dc --stages 1 --json inv.json",
    "nmf matrix V.csv --rank 2 --fidelity dc --out factors",
    "nmf ratings ratings.csv --rank 2 --iterations 2 --fidelity dc --out ratings",
    "compare nnls --columns 4",
    "require inv --shape 2x2 --error 5%",
    "cost nnls --shape 32x8 --rhs 32 --json cost.json",
    "mimo ber --users 2 --antennas 4 --channels 1 --vectors 4 --modulation qpsk --snr 10",
    "mimo estimate --snr 25 --beams 12 --pilots 8 --paths 1 --estimates 1",
    "ofdm evm --points 16 --radix 4x4",
    "generate ginv-compact --matrix V.csv --rhs b.csv --out deck.cir",
)
"""Commands that need none, and no ngspice."""


@contextlib.contextmanager
def without_ngspice() -> Iterator[None]:
    """Hide ngspice."""
    path = os.environ["PATH"]
    os.environ["PATH"] = "/nowhere"
    try:
        yield
    finally:
        os.environ["PATH"] = path


def run(command: str) -> tuple[int, str]:
    """Return exit code and what a command says."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            main(command.split(), prog_name="amcspice")
        except SystemExit as left:
            return int(left.code or 0), said.getvalue()
    return 0, said.getvalue()


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield every command below a group."""
    context = click.Context(group)
    yield path
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


def help_of_all() -> list[str]:
    """Return what is wrong with ``--help``; every command has one."""
    assert isinstance(main, LazyGroup)
    faults = []
    for words in commands(main):
        command = " ".join((*words, "--help"))
        code, said = run(command)
        if code or "Usage: amcspice" not in said:
            faults.append(f"amcspice {command}: exit code {code}: {said[-300:]}")
    return faults


def messages_of_extras() -> list[str]:
    """Return which commands do not name the extra that they need, and nothing else.

    Nothing may be half written, either.
    """
    faults = []
    before = sorted(Path().rglob("*"))
    for extra, command in NEEDS:
        code, said = run(command)
        written = sorted(set(Path().rglob("*")) - set(before))
        if written:
            faults.append(f"amcspice {command}: wrote {', '.join(map(str, written))}")
        told = re.search(
            rf"^amcspice: \S+ is not installed, .*: pip install 'amcspice\[{extra}\]'$", said, re.M
        )
        if code != 2 or not told or said.count("amcspice:") != 1:
            faults.append(f"amcspice {command}: exit code {code}: {said[-300:]}")
    return faults


def runs_of_the_core() -> list[str]:
    """Return which commands do not run."""
    faults = []
    with without_ngspice():
        for command in RUNS:
            started = time.perf_counter()
            code, said = run(command)
            print(f"{time.perf_counter() - started:6.1f} s  amcspice {command}", flush=True)
            if code or "Traceback" in said:
                faults.append(f"amcspice {command}: exit code {code}: {said[-600:]}")
        if "there is no ngspice here" not in run(RUNS[0])[1]:
            faults.append(f"amcspice {RUNS[0]} does not say that there is no ngspice")
        code, said = run("doctor")
        if code != 1 or "behavioural, dc and ideal run without" not in said:
            faults.append(f"amcspice doctor does not say what ngspice adds: {said}")
    return faults


def given() -> None:
    """Write the files that the commands read."""
    import numpy as np

    draw = np.random.default_rng(0)
    np.savetxt("V.csv", draw.random((8, 2)) @ draw.random((2, 6)), delimiter=",")
    np.savetxt("b.csv", draw.random(8))
    rows = [f"{u},{i},{1 + (u + i) % 5}" for u in range(12) for i in range(9) if (u * i) % 3]
    Path("ratings.csv").write_text("\n".join(rows) + "\n")
    Path("picture.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    Path("tiny.toml").write_text(
        '[base]\nproblem = "nnls"\nfidelity = "dc"\n[axes]\ncolumns = [2, 3]\n'
    )


def sizes() -> None:
    """Print how much is installed."""
    packages = sorted({str(each.metadata["Name"]) for each in metadata.distributions()})
    files = [path for path in Path(sys.prefix).rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files if not path.is_symlink())
    print(f"{len(packages)} packages, {size / 1e6:.0f} MB: {', '.join(packages)}")


def check(*steps: Any) -> None:
    faults = [fault for step in steps for fault in step()]
    if faults:
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    if "--sizes" in sys.argv:
        sizes()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        given()
        check(help_of_all, messages_of_extras, runs_of_the_core)
        os.chdir("/")
    print("the core runs alone")
