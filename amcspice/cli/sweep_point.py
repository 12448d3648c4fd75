"""``amcspice sweep point``: one point, run again or for the first time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from amcspice.cli.common import debug_option, json_option
from amcspice.cli.output import check_target, write_json
from amcspice.cli.quantity import si
from amcspice.cli.waveform_options import check_waveform_targets, waveform_options
from amcspice.engine.waveform_file import write_waveforms
from amcspice.errors import InputError, UnsupportedError
from amcspice.files import replacing

__all__ = ["point"]


@click.command(
    epilog="Example: amcspice sweep point runs.sqlite 3f2a --plot point.png; "
    "amcspice sweep point --set columns=32 --set gbw='10 MHz'"
)
@click.argument("store", required=False, type=click.Path(path_type=Path))
@click.argument("key", required=False)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter; others keep their default, or with KEY the value of that point.",
)
@waveform_options
@click.option(
    "--deck",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a deck that plain ngspice runs (fidelity flat or reduced).",
)
@json_option
@debug_option
def point(
    store: Path | None,
    key: str | None,
    settings: tuple[str, ...],
    waveforms: Path | None,
    plot: Path | None,
    deck: Path | None,
    json_file: Path | None,
) -> None:
    """Run the point of STORE whose key begins with KEY, or one that --set describes.

    Its metrics are printed, beside those in the store. Nothing is stored.
    """
    check_waveform_targets(waveforms, plot)
    for target in (deck, json_file):
        if target is not None:
            check_target(target)
    if store is not None and key is None:
        raise InputError("name a point by the first characters of its key: STORE KEY")
    changes = _parse_settings(settings)
    from amcspice.sweep.outcome import point_key
    from amcspice.sweep.point import command, run_experiment
    from amcspice.sweep.spec.experiment import Experiment

    stored_point = _read_point(store, key) if store is not None else None
    experiment = Experiment.of({**(stored_point["parameters"] if stored_point else {}), **changes})
    system = experiment.system()
    if system is not None and (waveforms or plot or deck):
        raise UnsupportedError(
            f"--waveforms, --plot, --deck: of a single circuit, not of a system ({system.name})"
        )
    if deck is not None:
        _write_deck(deck, experiment)
    keep = waveforms is not None or plot is not None
    result = run_experiment(experiment, keep_waveforms=keep)
    run = result.run
    parameters = experiment.parameters()
    content = {
        "key": point_key(parameters),
        "command": command(parameters),
        "metrics": result.metrics,
        "stored": stored_point["metrics"] if stored_point and not changes else None,
        "parameters": parameters,
        "provenance": result.provenance,
    }
    if str(json_file) != "-":
        _show(content)
    if run is not None and run.waveforms is not None:
        from amcspice.engine.waveform_file import waveform_columns

        if waveforms is not None:
            write_waveforms(waveforms, waveform_columns(run.waveforms))
        if plot is not None:
            from amcspice.view.curves import settling
            from amcspice.view.style import save

            save(settling(run, 0, tolerance=experiment["settle_tolerance"]), plot)
    if json_file is not None:
        write_json(json_file, content)


def _parse_settings(settings: tuple[str, ...]) -> dict[str, Any]:
    parameters = {}
    for setting in settings:
        name, sign, value = setting.partition("=")
        if not (sign and name and value):
            raise InputError(f"--set {setting}: give NAME=VALUE, such as columns=32")
        parameters[name.strip().replace("-", "_")] = value.strip()
    return parameters


def _read_point(path: Path, key: str | None) -> dict[str, Any]:
    from amcspice.sweep.store.store import Store

    with Store.open(path, read_only=True) as store:
        fields = store.point(key or "")
    if fields["status"] == "failed":
        click.echo(f"note: the stored point failed: {fields['error']}", err=True)
        if fields["deck"]:
            click.echo(f"  its deck: {fields['deck']}", err=True)
    return fields


def _write_deck(path: Path, experiment: Any) -> None:
    from amcspice.simulation.standalone import standalone_deck

    matrix = experiment.matrix()
    vectors = experiment.vectors(matrix)
    listing = standalone_deck(experiment.circuit(matrix), vectors, experiment.analysis())
    with replacing(path) as temporary:
        temporary.write_text(listing.text)


def _show(content: dict[str, Any]) -> None:
    from amcspice.sweep.metrics import metric_units

    console = Console(highlight=False, markup=False)
    table = Table(title=f"point {content['key'][:12]}", title_justify="left")
    stored_metrics = content["stored"] or {}
    for name in ("metric", "value", *(["in the store"] if stored_metrics else [])):
        table.add_column(name, justify="left" if name == "metric" else "right")
    units = metric_units()
    for name, value in content["metrics"].items():
        unit = units.get(name, "")
        cells = [si(float(value), unit) if unit else f"{value:.6g}"]
        if stored_metrics:
            before = stored_metrics.get(name)
            cells.append(
                "-" if before is None else si(float(before), unit) if unit else f"{before:.6g}"
            )
        table.add_row(name, *cells)
    console.print(table)
    console.print(content["command"], soft_wrap=True)
