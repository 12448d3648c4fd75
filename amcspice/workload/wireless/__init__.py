"""Wireless links: modulation, channels, detection and precoding by analog matrix operations."""

from amcspice.workload.wireless.channel import (
    Channel,
    FileChannel,
    Kronecker,
    Rayleigh,
    estimated,
    noise_variance,
    spread_powers,
)
from amcspice.workload.wireless.figures import ErrorCount, best_gain, evm
from amcspice.workload.wireless.modulation import MODULATIONS, Modulation, modulation

__all__ = [
    "MODULATIONS",
    "Channel",
    "ErrorCount",
    "FileChannel",
    "Kronecker",
    "Modulation",
    "Rayleigh",
    "best_gain",
    "estimated",
    "evm",
    "modulation",
    "noise_variance",
    "spread_powers",
]
