"""``amcspice doctor``: is everything installed, and does it work."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from amcspice.cli.common import debug_option, json_option
from amcspice.cli.output import check_target, write_json
from amcspice.engine.diagnosis import Diagnosis, diagnose

__all__ = ["doctor"]


@click.command(epilog="Example: amcspice doctor --json doctor.json")
@json_option
@debug_option
def doctor(json_file: Path | None) -> int:
    """Show versions, and run a three-line deck through each simulator.

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
    table = Table(box=None, show_header=False)
    for name, version in diagnosis.versions.items():
        table.add_row(name, version or "MISSING: pip install amcspice installs it")
    found = diagnosis.installation
    if found is None:
        table.add_row("ngspice", "MISSING")
    else:
        table.add_row("ngspice", f"{found.version}, {found.executable}")
        table.add_row("libngspice", found.library or "MISSING")
        table.add_row("KLU", "yes" if found.klu else "no: large decks take 5 to 7 times longer")
    for check in diagnosis.checks:
        state = f"ok, {check.seconds:.2f} s" if check.ok else f"FAILED: {check.message}"
        table.add_row(f"{check.name} simulator", state)
    Console(soft_wrap=True, highlight=False, markup=False).print(table)
