"""``amcspice cell``: a sub-circuit measured as a cell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from amcspice.cli.common import debug_option, json_option
from amcspice.cli.output import check_target, write_json
from amcspice.cli.parameter_options import ParameterOption, decorate, given
from amcspice.device import CellTable
from amcspice.schema import field_parameters, to_text
from amcspice.settings.experiment import OwnCell
from amcspice.settings.own_cells import own_table

__all__ = ["cell"]

_OPTIONS = [
    parameter
    for parameter in field_parameters(OwnCell)
    if parameter.name not in ("cell_lib", "cell_subckt")
]

SHOWN = 5
"""States that the table on the screen shows."""


@click.command(
    epilog="Example: amcspice cell models/cells.lib --subckt amc_gap --cell-low 0.2 --cell-high 1.7"
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--subckt", required=True, metavar="NAME", help="Sub-circuit with two pins.")
@decorate([ParameterOption(parameter) for parameter in _OPTIONS])
@json_option
@debug_option
def cell(file: Path, subckt: str, json_file: Path | None, **options: Any) -> None:
    """Measure a SPICE sub-circuit as a cell: current over state and voltage.

    What is no cell is refused: one that gives power, whose conductance does not rise or fall with
    its state all the way, or whose current falls as the voltage rises.
    """
    if json_file is not None:
        check_target(json_file)
    chosen = given(options, [parameter.name for parameter in _OPTIONS])
    table = own_table({"cell_lib": str(file), "cell_subckt": subckt, **chosen})
    if str(json_file) != "-":
        _show(table)
    if json_file is not None:
        write_json(json_file, _content(table))


def _show(table: CellTable) -> None:
    console = Console(highlight=False, markup=False)
    shown = Table(title=f"{table.model.name}: {len(table.state)} states")
    at = [-table.reach, -table.reach / 2, table.reach / 2, table.reach]
    for name in ("state", "at 0 V", *(f"at {to_text(volts, 'V')}" for volts in at)):
        shown.add_column(name, justify="right")
    conductance = np.geomspace(table.lowest, table.highest, SHOWN)
    states = table.states(conductance)
    for g, state in zip(conductance, states, strict=True):
        chords = (table.current(np.full(len(at), g), np.array(at)) / at).tolist()
        shown.add_row(f"{state:.4g}", *(to_text(chord, "S") for chord in (float(g), *chords)))
    console.print(shown)
    lowest, highest = table.settable
    some = f"{to_text(lowest, 'S')} to {to_text(highest, 'S')}" if lowest < highest else "none"
    console.print(
        f"conductances at every voltage: {some}\n"
        f"current at one sign over that at the other, up to: {1 + table.asymmetry:.3g}\n"
        f"change in a second at {to_text(table.reach, 'V')}, over the highest conductance: "
        f"{table.disturb:.2g}\n"
        f"table off by up to {table.error:.1g} of a current, {table.state_error:.1g} of a "
        "conductance"
    )


def _content(table: CellTable) -> dict[str, Any]:
    lowest, highest = table.settable
    return {
        "file": table.model.file,
        "name": table.model.name,
        "sha256": table.model.sha256,
        "reach_v": table.reach,
        "state": table.state,
        "conductance_s": table.zero_bias,
        "shape": table.shape,
        "settable_s": [lowest, highest],
        "asymmetry": table.asymmetry,
        "disturb_per_s": table.disturb,
        "error": table.error,
        "state_error": table.state_error,
    }
