"""Solvers: a problem on a circuit, once or many times over."""

from amcspice.solver.montecarlo import monte_carlo
from amcspice.solver.noise import noise_transient, output_noise
from amcspice.solver.problem import PROBLEMS, make_circuit, solve
from amcspice.solver.result import Analysis, Conversion, Run, Verification
from amcspice.solver.run import simulate
from amcspice.solver.trials import Distribution, Trials

__all__ = [
    "PROBLEMS",
    "Analysis",
    "Conversion",
    "Distribution",
    "Run",
    "Trials",
    "Verification",
    "make_circuit",
    "monte_carlo",
    "noise_transient",
    "output_noise",
    "simulate",
    "solve",
]
