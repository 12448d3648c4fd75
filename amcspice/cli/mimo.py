"""``amcspice mimo``: the group of wireless links with many antennas."""

from __future__ import annotations

import click

from amcspice.cli import LazyGroup

__all__ = ["mimo"]


@click.group(
    cls=LazyGroup,
    commands_at={
        "estimate": (
            "amcspice.cli.mimo_estimate:estimate",
            "Sparse channels from few pilots, by soft thresholds.",
        ),
        "ber": ("amcspice.cli.mimo_ber:ber", "Bit-error rates of detection and precoding."),
        "latency": ("amcspice.cli.mimo_latency:latency", "Settling of a chain, and writing."),
    },
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: amcspice mimo ber --modulation 64qam --snr 8:18:2 --write-noise 0.01",
)
def mimo() -> None:
    """Uplink detection and downlink precoding of many antennas on simulated circuits."""
