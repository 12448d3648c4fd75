"""Inverses of curvature factors: symmetric positive definite, dense, programmed again and again.

A factor ``M = E[a a'] + damping`` is **equilibrated** to a diagonal of ones, ``M~ = S M S``: every
row uses the whole range of the cells.  Where the mean m of what it is made of is known,
``M = K + m m'`` and only K stands in the array: ``M^-1 b = y - z (m'y)/(1 + m'z)`` with
``y = K^-1 b``, ``z = K^-1 m`` (Sherman and Morrison, Ann. Math. Stat. 21, 124 (1950)).  K is far
better conditioned where all entries of a are positive in the mean, as behind rectifiers.
"""

from amcspice.algorithm.curvature.analog import AnalogInverse
from amcspice.algorithm.curvature.core import Core
from amcspice.algorithm.curvature.equilibrated import Equilibrated
from amcspice.algorithm.curvature.exact import CurvatureInverse, ExactInverse
from amcspice.algorithm.curvature.stability import SAFE, Outlook, outlook
from amcspice.algorithm.curvature.step import (
    LayerStep,
    break_even_width,
    stated_factors,
    with_tiles,
)

__all__ = [
    "SAFE",
    "AnalogInverse",
    "Core",
    "CurvatureInverse",
    "Equilibrated",
    "ExactInverse",
    "LayerStep",
    "Outlook",
    "break_even_width",
    "outlook",
    "stated_factors",
    "with_tiles",
]
