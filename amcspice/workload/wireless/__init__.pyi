from .ageing import ageing_evm, coherence_time, doppler, update_interval
from .bit_errors import run_link
from .channel import (
    Channel,
    FileChannel,
    Kronecker,
    Rayleigh,
    estimated,
    noise_variance,
    spread_powers,
)
from .costs import link_costs
from .curve import Curve, PointFigures
from .equalizer import as_equalizer
from .estimation import EstimationStudy
from .figures import ErrorCount, best_gain, evm
from .latency import Latency, LatencyStudy
from .link import Link, closed_form
from .ofdm import Ofdm, OfdmStudy
from .processing import (
    GinvReceiver,
    Plan,
    Precoder,
    Receiver,
    precoder,
    receiver,
)
from .qam import MODULATIONS, Modulation, modulation
from .slnr import leakage_beams
from .solvers import LinearSolver, SolverOptions, gram_solver
from .sparse_channel import BeamChannel, Estimates, estimate_channels
from .study import BitErrorStudy
from .updates import Update, updates

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
    "Latency",
    "LatencyStudy",
    "LinearSolver",
    "Link",
    "Modulation",
    "Ofdm",
    "OfdmStudy",
    "Plan",
    "PointFigures",
    "Precoder",
    "Rayleigh",
    "Receiver",
    "SolverOptions",
    "Update",
    "ageing_evm",
    "as_equalizer",
    "best_gain",
    "closed_form",
    "coherence_time",
    "doppler",
    "estimate_channels",
    "estimated",
    "evm",
    "gram_solver",
    "leakage_beams",
    "link_costs",
    "modulation",
    "noise_variance",
    "precoder",
    "receiver",
    "run_link",
    "spread_powers",
    "update_interval",
    "updates",
]
