from .montecarlo import monte_carlo
from .noise import noise_transient, output_noise
from .path import simulate, simulate_many
from .result import Conversion, Judgement, Range
from .run import Run
from .solve import pose, solve
from .trials import Distribution, Trials
from .verification import Verification, Verify

__all__ = [
    "Conversion",
    "Distribution",
    "Judgement",
    "Range",
    "Run",
    "Trials",
    "Verification",
    "Verify",
    "monte_carlo",
    "noise_transient",
    "output_noise",
    "pose",
    "simulate",
    "simulate_many",
    "solve",
]
