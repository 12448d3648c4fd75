"""``amcspice explore``: a page on this machine with sliders."""

from __future__ import annotations

import tempfile
import webbrowser
from pathlib import Path
from typing import Any

import click

from amcspice.cli.common import SHARED, debug_option, json_option
from amcspice.cli.output import check_target, write_json
from amcspice.cli.parameter_options import (
    GroupedCommand,
    config_options,
    decorate,
    given,
    parameter_options,
)
from amcspice.settings.table import PARAMETERS

__all__ = ["explore"]

PORT = 8765

_GROUPS = ("problem", *SHARED)
_TAKEN = [item for item in PARAMETERS.of_group(*_GROUPS) if item.name != "problem"]


@click.command(
    cls=GroupedCommand, epilog="Example: amcspice explore lstsq --columns 8 --opamp ad8606"
)
@click.argument("problem", required=False)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, metavar="N",
    help="Where the page is; 0 takes a free one.",
)  # fmt: skip
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@decorate(parameter_options(_TAKEN))
@decorate(config_options()[:1])
@json_option
@debug_option
def explore(
    problem: str | None, port: int, no_browser: bool, json_file: Path | None, **options: Any
) -> None:
    """Open a page with sliders: what a circuit does while matrix and hardware change.

    It shows solution, waveforms, error budget, power and modes of PROBLEM (default: nnls), and
    copies what it shows as Python, command or experiment file. Options are what it begins with.
    Only this machine can open it. Ctrl+C ends it.
    """
    from amcspice.explore import Explorer, Session

    said = given(options, [item.name for item in _TAKEN])
    if problem is not None:
        said["problem"] = problem
    if json_file is not None:
        check_target(json_file)
    with tempfile.TemporaryDirectory(prefix="amcspice-explore-") as folder:
        session = Session(said, Path(folder))
        explorer = Explorer(session, port)
        try:
            explorer.figures(session.start)  # compiled code is ready before the page opens
            if json_file is not None:
                write_json(json_file, {"address": explorer.address, "port": explorer.port})
            if str(json_file) != "-":
                click.echo(f"{explorer.address} (Ctrl+C ends it)")
            if not no_browser:
                webbrowser.open(explorer.address)
            explorer.run()
        except KeyboardInterrupt:
            click.echo()
        finally:
            explorer.close()
