"""Algorithms: alternating non-negative least squares over dense, masked and sparse data."""

from amcspice.algorithm.anls import nmf_many
from amcspice.algorithm.data import DenseData, SparseData
from amcspice.algorithm.factorisation import Factorisation, Iteration
from amcspice.algorithm.factorise import complete, nmf
from amcspice.algorithm.task import FactorisationTask

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
