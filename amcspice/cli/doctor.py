"""``amcspice doctor``: is everything installed, and does it work."""

from __future__ import annotations

from pathlib import Path

import click

from amcspice.cli.common import debug_option, json_option
from amcspice.cli.output import check_target, write_json
from amcspice.engine.diagnosis import Diagnosis, diagnose
from amcspice.native import HINT

__all__ = ["doctor"]


@click.command(epilog="Example: amcspice doctor --json doctor.json")
@json_option
@debug_option
def doctor(json_file: Path | None) -> int:
    """Show versions, and try each simulator: ngspice with a short deck, and the equations.

    The exit code is 0 if everything is there and works, else 1.
    """
    if json_file is not None:
        check_target(json_file)
    diagnosis = diagnose()
    if str(json_file) != "-":
        _show(diagnosis)
    if json_file is not None:
        write_json(json_file, diagnosis.to_mapping())
    return 0 if diagnosis.usable else 1


def _show(diagnosis: Diagnosis) -> None:
    for name, version in diagnosis.versions.items():
        _line(name, version or "MISSING: install amcspice again, pip brings it along")
    _line("compiled code", f"level {diagnosis.level}" if diagnosis.level else f"MISSING: {HINT}")
    installation = diagnosis.installation
    if installation is None:
        _line("ngspice", "MISSING")
    else:
        _line("ngspice", f"{installation.version}, {installation.executable}")
        _line("libngspice", installation.library or "MISSING")
        _line("KLU", "yes" if installation.klu else "no: large decks take 5 to 7 times longer")
    for check in diagnosis.checks:
        state = f"ok, {check.seconds:.2f} s" if check.ok else f"FAILED: {check.message}"
        _line(f"{check.name} simulator", state)


def _line(name: str, value: str) -> None:
    click.echo(f"{name:22}{value}")
