"""The options of commands that end in waveforms: where they go, as data and as a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from amcspice.cli.output import check_target
from amcspice.engine.waveform_file import check_waveform_file
from amcspice.errors import InputError

__all__ = ["check_waveform_targets", "plot_option", "waveform_options"]

plot_option = click.option(
    "--plot", type=click.Path(path_type=Path), metavar="FILE",
    help="Draw the figures: .png, .pdf or .svg.",
)  # fmt: skip
"""``--plot`` of commands whose figures are no waveforms."""


def waveform_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--waveforms`` and ``--plot``."""
    for option in (
        click.option(
            "--plot",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Draw the waveforms: .png, .pdf or .svg.",
        ),
        click.option(
            "--waveforms",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Write the waveforms: .csv, .npz or .nc (netCDF).",
        ),
    ):
        command = option(command)
    return command


def check_waveform_targets(waveforms: Path | None, plot: Path | None) -> None:
    """Refuse files that could not be written, before any work.

    Raises
    ------
    InputError
        If a suffix is unknown or a folder cannot be written to.
    """
    if waveforms is not None:
        check_waveform_file(waveforms)
        check_target(waveforms)
    if plot is not None:
        if plot.suffix.lower() not in (".png", ".pdf", ".svg"):
            raise InputError(f"{plot}: unknown type {plot.suffix!r}; use .png, .pdf, .svg")
        check_target(plot)
