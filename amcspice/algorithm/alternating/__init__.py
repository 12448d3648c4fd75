"""Alternating least squares: one loop over dense, masked and sparse data, regressions on a chip."""

from amcspice.algorithm.alternating.anls import nmf_many
from amcspice.algorithm.alternating.data import DenseData, SparseData
from amcspice.algorithm.alternating.factorisation import Factorisation, Iteration
from amcspice.algorithm.alternating.factorise import complete, nmf
from amcspice.algorithm.alternating.task import FactorisationTask

__all__ = [
    "DenseData",
    "Factorisation",
    "FactorisationTask",
    "Iteration",
    "SparseData",
    "complete",
    "nmf",
    "nmf_many",
]
