"""Low-rank products in two steps: what they are off by, which rank is best, runs on a chip."""

from amcspice.algorithm.low_rank.errors import Cells, WhiteNoise, array_error
from amcspice.algorithm.low_rank.matrix import LowRank
from amcspice.algorithm.low_rank.paper import PaperModel
from amcspice.algorithm.low_rank.plan import LowRankPlan
from amcspice.algorithm.low_rank.product import LowRankProduct
from amcspice.algorithm.low_rank.study import LowRankStudy
from amcspice.algorithm.low_rank.trial import LowRankTrial

__all__ = [
    "Cells",
    "LowRank",
    "LowRankPlan",
    "LowRankProduct",
    "LowRankStudy",
    "LowRankTrial",
    "PaperModel",
    "WhiteNoise",
    "array_error",
]
