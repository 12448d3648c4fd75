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
from .figures import ErrorCount, best_gain, evm
from .link import Link, closed_form
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
from .study import BitErrorStudy

__all__ = [
    "MODULATIONS",
    "BitErrorStudy",
    "Channel",
    "Curve",
    "ErrorCount",
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
]
