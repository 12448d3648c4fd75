"""``amcspice opamp``: a data sheet of any five-pin sub-circuit, and its macro-model."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from amcspice.characterise import AmplifierFixture, Conditions, Fit, characterise, fit
from amcspice.characterise.table import measured_rows, model_rows
from amcspice.cli.common import debug_option, json_option
from amcspice.cli.output import check_target, write_json
from amcspice.cli.parameter_options import (
    compat_option,
    config_options,
    decorate,
    field_options,
    given,
    refuse_included,
)
from amcspice.cli.waveform_options import check_waveform_targets
from amcspice.device import Compatibility, Subcircuit
from amcspice.schema import field_parameters

__all__ = ["opamp"]


@click.command(
    epilog="Example: amcspice opamp models/miller.lib --subckt amc_miller --supply-positive 2.5 "
    "--supply-negative -2.5"
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--subckt", required=True, metavar="NAME", help="Sub-circuit with five pins.")
@click.option(
    "--pins",
    metavar="ORDER",
    help='What its pins are, in its order, such as "in+ in- vdd vss out".  '
    "[default: in+ in- out vdd vss]",
)
@compat_option
@decorate(field_options(Conditions))
@decorate(config_options()[:1])
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw gain and steps, measured and of the macro-model: .png, .pdf or .svg.",
)
@json_option
@debug_option
def opamp(
    file: Path,
    subckt: str,
    pins: str | None,
    compat: Compatibility,
    plot: Path | None,
    json_file: Path | None,
    **options: Any,
) -> None:
    """Measure a SPICE sub-circuit as an amplifier and fit the macro-model to it.

    Gain, bandwidth, phase margin, slew rate, swing, output resistance, currents, offset and noise
    come from ngspice; the fitted parameters are those of models/opamp.lib, and the last table says
    how far the macro-model is from the sub-circuit.
    """
    check_waveform_targets(None, plot)
    if json_file is not None:
        check_target(json_file)
    refuse_included(file, plot, json_file)
    names = {parameter.name: parameter.fields[0][1] for parameter in field_parameters(Conditions)}
    conditions = Conditions(**{names[name]: value for name, value in given(options, names).items()})
    subcircuit = Subcircuit.of(file, subckt, pins, compat)
    macro_fit = fit(characterise(AmplifierFixture.of_subcircuit(subcircuit, conditions)))
    if str(json_file) != "-":
        _show(macro_fit, f"{subckt} of {file.name}")
    if plot is not None:
        from amcspice.view.amplifier import amplifier
        from amcspice.view.style import save

        save(amplifier(macro_fit, title=f"{subckt} of {file.name}"), plot)
    if json_file is not None:
        write_json(json_file, _content(macro_fit, subcircuit, conditions))


def _show(macro_fit: Fit, name: str) -> None:
    console = Console(highlight=False, markup=False)
    table = Table(title=name)
    table.add_column("figure")
    table.add_column("measured", justify="right")
    table.add_column("macro-model", justify="right")
    for row in measured_rows(macro_fit):
        table.add_row(*row)
    console.print(table)
    fitted = Table(title="macro-model")
    fitted.add_column("parameter")
    fitted.add_column("value", justify="right")
    for parameter in model_rows(macro_fit.opamp):
        fitted.add_row(*parameter)
    console.print(fitted)
    residual = macro_fit.residual
    console.print(
        f"macro-model off by {residual.gain_db:.2g} dB and {residual.phase:.2g} degrees (rms) in "
        f"gain, {100 * residual.large_step:.2g} % of a large step and "
        f"{100 * residual.small_step:.2g} % of a small one; settling times by "
        f"{100 * residual.large_settling:.2g} % and {100 * residual.small_settling:.2g} %"
    )
    for remark in macro_fit.measured.remarks:
        console.print(f"note: {remark}")


def _content(macro_fit: Fit, subcircuit: Subcircuit, conditions: Conditions) -> dict[str, Any]:
    skipped = ("fixture", "response", "steps")
    figures = {
        field.name: getattr(macro_fit.measured, field.name)
        for field in dataclasses.fields(macro_fit.measured)
        if field.name not in skipped
    }
    return {
        "subcircuit": dataclasses.asdict(subcircuit),
        "conditions": dataclasses.asdict(conditions),
        "units": "SI; phase margin in degrees",
        "measured": {**figures, "overshoot": macro_fit.measured.overshoot},
        "remarks": list(macro_fit.measured.remarks),
        "macro_model": dataclasses.asdict(macro_fit.opamp),
        "residual": dataclasses.asdict(macro_fit.residual),
    }
