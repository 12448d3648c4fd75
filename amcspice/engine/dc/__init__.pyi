from .rest import Rest
from .solver import RestSolver

__all__ = ["Rest", "RestSolver"]
