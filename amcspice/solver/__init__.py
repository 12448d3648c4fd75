"""Solvers: one problem, and alternating non-negative least squares."""

from amcspice.solver.anls import Factorisation, Iteration, nmf
from amcspice.solver.noise import noise_transient, output_noise
from amcspice.solver.problem import PROBLEMS, make_circuit, solve
from amcspice.solver.result import Analysis, Run, Verification
from amcspice.solver.run import simulate

__all__ = [
    "PROBLEMS",
    "Analysis",
    "Factorisation",
    "Iteration",
    "Run",
    "Verification",
    "make_circuit",
    "nmf",
    "noise_transient",
    "output_noise",
    "simulate",
    "solve",
]
