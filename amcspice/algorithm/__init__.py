"""Algorithms: alternating non-negative least squares over dense, masked and sparse data."""

from amcspice.algorithm.anls import nmf_many
from amcspice.algorithm.data import DenseData, SparseData
from amcspice.algorithm.factorisation import Factorisation, Iteration
from amcspice.algorithm.factorise import complete, nmf
from amcspice.algorithm.problem import Problem

__all__ = [
    "DenseData",
    "Factorisation",
    "Iteration",
    "Problem",
    "SparseData",
    "complete",
    "nmf",
    "nmf_many",
]
