"""Classical iterations whose matrix-vector products are taken on a chip."""

from amcspice.algorithm.iterations.iterated import Iterated
from amcspice.algorithm.iterations.iteration import iterate
from amcspice.algorithm.iterations.product_solver import ProductSolver

__all__ = ["Iterated", "ProductSolver", "iterate"]
