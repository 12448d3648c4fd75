"""Training of small networks: exact gradients, first- and second-order optimisers, fair comparison.

Second-order steps take inverses of curvature factors, exact or in arrays of a chip
(`amcspice.algorithm.curvature`).
"""

from amcspice.workload.training.comparison import Comparison, Saving
from amcspice.workload.training.course import Course, train
from amcspice.workload.training.network import NETWORKS, Network
from amcspice.workload.training.optimisers import KFAC, OPTIMISERS, Adam, Optimiser, SGDMomentum
from amcspice.workload.training.pictures import Examples, Pictures, digits, read_letters
from amcspice.workload.training.trial import (
    Account,
    AnalogCurvature,
    Entrant,
    Outcome,
    Trial,
    run_trials,
)
from amcspice.workload.training.tuning import GRIDS, TUNING_SEEDS, best_setting

__all__ = [
    "GRIDS",
    "KFAC",
    "NETWORKS",
    "OPTIMISERS",
    "TUNING_SEEDS",
    "Account",
    "Adam",
    "AnalogCurvature",
    "Comparison",
    "Course",
    "Entrant",
    "Examples",
    "Network",
    "Optimiser",
    "Outcome",
    "Pictures",
    "SGDMomentum",
    "Saving",
    "Trial",
    "best_setting",
    "digits",
    "read_letters",
    "run_trials",
    "train",
]
