"""``amcspice ofdm``: the group of OFDM with Fourier transforms in arrays."""

from __future__ import annotations

import click

from amcspice.cli import LazyGroup

__all__ = ["ofdm"]


@click.group(
    cls=LazyGroup,
    commands_at={
        "evm": ("amcspice.cli.ofdm_evm:evm", "What arrays do to OFDM symbols."),
    },
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: amcspice ofdm evm --points 1024 --radix 32x32 --write-noise 0.01",
)
def ofdm() -> None:
    """Fourier transforms of OFDM as products with arrays."""
