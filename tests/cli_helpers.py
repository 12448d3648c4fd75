"""Running the command line in this process, and telling what it left behind."""

from __future__ import annotations

import os
import stat

import numpy as np
from click.testing import CliRunner

from amcspice.cli import main

MATRIX = np.array([[1.0, 0.2, 0.1], [0.3, 0.8, 0.5], [0.5, 0.5, 0.9], [0.2, 0.1, 0.7]])
RIGHT = np.array([[1.0, 0.3], [0.2, 0.9], [0.4, 0.5], [0.1, 0.6]])


def run(*arguments):
    """Run ``amcspice`` and return click's result."""
    return CliRunner().invoke(main, [str(word) for word in arguments])


def write(folder):
    """Write a problem and return the options that name it."""
    np.save(folder / "A.npy", MATRIX)
    np.savetxt(folder / "b.csv", RIGHT, delimiter=",")
    return ["--matrix", folder / "A.npy", "--rhs", folder / "b.csv"]


def files(folder):
    """Return the names of everything in a folder."""
    return sorted(path.name for path in folder.rglob("*"))


def fake_ngspice(folder, script):
    """Install a shell script as ngspice 46 in a prefix of its own, and return the prefix."""
    binary = folder / "prefix" / "bin" / "ngspice"
    binary.parent.mkdir(parents=True)
    binary.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo "** ngspice-46 : fake" && exit 0\n' + script
    )
    binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
    return os.fspath(folder / "prefix")


def refused(result, message):
    """Check that a command was refused: exit code 2 and one message."""
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert result.stderr.count("amcspice:") == 1
    assert "Traceback" not in result.output
    assert result.stdout == ""
