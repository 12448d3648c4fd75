"""Simulation: circuits with their right-hand sides, many draws of a circuit, problems by name."""

from amcspice.engine.analysis import Analysis
from amcspice.simulation.montecarlo import monte_carlo
from amcspice.simulation.noise import noise_transient, output_noise
from amcspice.simulation.path import simulate, simulate_many
from amcspice.simulation.result import Conversion, Judgement, Range
from amcspice.simulation.run import Run
from amcspice.simulation.solve import pose, solve
from amcspice.simulation.trials import Distribution, Trials
from amcspice.simulation.verification import Verification, Verify

__all__ = [
    "Analysis",
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
