"""Wireless links: modulation, channels, detection and precoding by analog matrix operations."""

from amcspice.workload.wireless.bit_errors import run_link
from amcspice.workload.wireless.channel import (
    Channel,
    FileChannel,
    Kronecker,
    Rayleigh,
    estimated,
    noise_variance,
    spread_powers,
)
from amcspice.workload.wireless.costs import link_costs
from amcspice.workload.wireless.curve import Curve, PointFigures
from amcspice.workload.wireless.equalizer import as_equalizer
from amcspice.workload.wireless.estimation import EstimationStudy
from amcspice.workload.wireless.figures import ErrorCount, best_gain, evm
from amcspice.workload.wireless.link import Link, closed_form
from amcspice.workload.wireless.processing import (
    GinvReceiver,
    Plan,
    Precoder,
    Receiver,
    precoder,
    receiver,
)
from amcspice.workload.wireless.qam import MODULATIONS, Modulation, modulation
from amcspice.workload.wireless.solvers import LinearSolver, SolverOptions, gram_solver
from amcspice.workload.wireless.sparse_channel import (
    BeamChannel,
    Estimates,
    estimate_channels,
)
from amcspice.workload.wireless.study import BitErrorStudy

__all__ = [
    "MODULATIONS",
    "BeamChannel",
    "BitErrorStudy",
    "Channel",
    "Curve",
    "ErrorCount",
    "Estimates",
    "EstimationStudy",
    "FileChannel",
    "GinvReceiver",
    "Kronecker",
    "LinearSolver",
    "Link",
    "Modulation",
    "Plan",
    "PointFigures",
    "Precoder",
    "Rayleigh",
    "Receiver",
    "SolverOptions",
    "as_equalizer",
    "best_gain",
    "closed_form",
    "estimate_channels",
    "estimated",
    "evm",
    "gram_solver",
    "link_costs",
    "modulation",
    "noise_variance",
    "precoder",
    "receiver",
    "run_link",
    "spread_powers",
]
