"""``amcspice nmf``: the group of factorisations."""

from __future__ import annotations

import click

from amcspice.cli import LazyGroup

__all__ = ["nmf"]


@click.group(
    cls=LazyGroup,
    commands_at={
        "image": ("amcspice.cli.nmf_image:image", "Factorise a picture, tile by tile."),
        "matrix": ("amcspice.cli.nmf_matrix:matrix", "Factorise a matrix."),
        "ratings": ("amcspice.cli.nmf_ratings:ratings", "Factorise ratings, most are missing."),
    },
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: amcspice nmf matrix V.csv --rank 4 --out out",
)
def nmf() -> None:
    """Non-negative matrix factorisation V ~ W H on a simulated circuit.

    Each half of an iteration programs the crossbars once with one factor and solves one
    non-negative regression for every column of the other.  The same factorisation with exact
    regressions, the digital twin, runs beside it.
    """
