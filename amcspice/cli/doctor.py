"""``amcspice doctor``: is everything installed, and does it work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from amcspice.cli.common import debug_option, json_option
from amcspice.cli.output import check_target, write_json
from amcspice.cli.without_ngspice import WHAT_IT_ADDS
from amcspice.engine.diagnosis import Diagnosis, diagnose
from amcspice.extras import EXTRAS
from amcspice.native import HINT

if TYPE_CHECKING:
    from amcspice.settings.extensions import Extension

__all__ = ["doctor"]


@click.command(epilog="Example: amcspice doctor --json doctor.json")
@json_option
@debug_option
def doctor(json_file: Path | None) -> int:
    """Show versions, and try each simulator: ngspice with a short deck, and the equations.

    What installed packages add (circuits, cells, ...) is loaded, too.

    The exit code is 0 if everything is there and works, else 1; extras may be missing.
    """
    if json_file is not None:
        check_target(json_file)
    diagnosis, (added, fault) = diagnose(), _added()
    usable = diagnosis.usable and not fault and not any(each.fault for each in added)
    if str(json_file) != "-":
        _show(diagnosis)
        _show_added(added, fault)
    if json_file is not None:
        more = {"extensions": [asdict(each) for each in added], "clash": fault}
        write_json(json_file, {**diagnosis.to_mapping(), "usable": usable, **more})
    return 0 if usable else 1


def _added() -> tuple[tuple[Extension, ...], str]:
    """Return what packages add, and what is wrong with all of it together."""
    from amcspice.settings.extensions import clash, extensions

    added = extensions()
    alone = any(each.fault for each in added)
    return added, clash() if added and not alone else ""


def _show_added(added: tuple[Extension, ...], fault: str) -> None:
    for each in added:
        state = f"FAILED: {each.fault}" if each.fault else f"of {each.package}"
        _line(f"{each.kind} {each.name}", state)
    if fault:
        _line("parameters", f"FAILED: {fault}")


def _show(diagnosis: Diagnosis) -> None:
    for name, version in diagnosis.versions.items():
        _line(name, version or "MISSING: install amcspice again, pip brings it along")
    for name, packages in diagnosis.extras.items():
        _line(f"extra {name}", _extra(name, packages))
    _line("compiled code", f"level {diagnosis.level}" if diagnosis.level else f"MISSING: {HINT}")
    installation = diagnosis.installation
    if installation is None:
        _line("ngspice", f"MISSING: {WHAT_IT_ADDS}")
    else:
        _line("ngspice", f"{installation.version}, {installation.executable}")
        _line("libngspice", installation.library or "MISSING")
        _line("KLU", "yes" if installation.klu else "no: large decks take 5 to 7 times longer")
    for check in diagnosis.checks:
        state = f"ok, {check.seconds:.2f} s" if check.ok else f"FAILED: {check.message}"
        _line(f"{check.name} simulator", state)


def _extra(name: str, packages: Mapping[str, str | None]) -> str:
    """Say which packages of an extra are there, or what it would bring."""
    if None in packages.values():
        return f"not installed, for {EXTRAS[name]}: pip install 'amcspice[{name}]'"
    return ", ".join(f"{package} {version}" for package, version in packages.items())


def _line(name: str, value: str) -> None:
    click.echo(f"{name:21} {value}")
