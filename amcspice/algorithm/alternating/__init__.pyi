from .anls import nmf_many
from .data import DenseData, SparseData
from .factorisation import Factorisation, Iteration
from .factorise import complete, nmf
from .task import FactorisationTask

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
