"""Running decks as a user does, ``ngspice -b deck.cir``, and reading what they print."""

from __future__ import annotations

import re
import subprocess

import numpy as np

from amcspice.engine import find_installation


def run_plain(path, *options):
    """Return the exit code and both output streams of ``ngspice -b``."""
    found = find_installation()
    done = subprocess.run(
        [found.executable, *options, "-b", path.name],
        cwd=path.parent,
        env=found.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def read_listing(output):
    """Return what a self-measuring deck printed: a mapping a right-hand side."""
    blocks = re.split(r"^right-hand side \d+ of \d+$", output, flags=re.MULTILINE)[1:]
    found = []
    for block in blocks:
        values = dict(re.findall(r"^(\w+) = (\S.*)$", block, flags=re.MULTILINE))
        entries = {
            prefix: np.array(
                [float(values[f"{prefix}_{k}"]) for k in range(_count(values, prefix))]
            )
            for prefix in ("x", "volt")
        }
        time = values["settling_time"]
        found.append(
            {
                **entries,
                "settling_time": None if time.startswith("not settled") else float(time),
                "supply_power": float(values["supply_power"]),
            }
        )
    return found


def _count(values, prefix):
    return sum(1 for name in values if re.fullmatch(rf"{prefix}_\d+", name))
