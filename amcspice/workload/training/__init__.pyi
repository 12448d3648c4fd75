from .comparison import Comparison, Saving
from .course import Course, train
from .network import NETWORKS, Network
from .optimisers import KFAC, OPTIMISERS, Adam, Optimiser, SGDMomentum
from .pictures import Examples, Pictures, digits, read_letters
from .trial import (
    Account,
    AnalogCurvature,
    Entrant,
    Outcome,
    Trial,
    run_trials,
)
from .tuning import GRIDS, TUNING_SEEDS, best_setting

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
