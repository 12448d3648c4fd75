"""``amcspice sweep``: the group of sweeps."""

from __future__ import annotations

import click

from amcspice.cli import LazyGroup

__all__ = ["sweep"]


@click.group(
    cls=LazyGroup,
    commands_at={
        "run": ("amcspice.cli.sweep_run:run", "Run a sweep, or go on with it."),
        "status": ("amcspice.cli.sweep_status:status", "What a store holds, best and worst."),
        "export": ("amcspice.cli.sweep_export:export", "Write points to CSV, Parquet or netCDF."),
        "plot": ("amcspice.cli.sweep_plot:plot", "Draw a sweep."),
        "point": ("amcspice.cli.sweep_point:point", "Run one point again, or any point."),
    },
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: amcspice sweep run sweep.toml --store runs.sqlite --jobs 4",
)
def sweep() -> None:
    """Many experiments over axes such as size, bandwidth, wires, levels, seeds."""
