"""Workloads: what the circuits are used for, from files to figures of merit."""

from amcspice.workload.factorise import (
    ImageFactorisation,
    choose_rank,
    factorise_image,
    regressions_at_most,
    representative_run,
)
from amcspice.workload.image import Crop, Score, read_image, score, write_image
from amcspice.workload.matrix_file import read_matrix
from amcspice.workload.summary import History, history, summarise
from amcspice.workload.tiling import Tiling

__all__ = [
    "Crop",
    "History",
    "ImageFactorisation",
    "Score",
    "Tiling",
    "choose_rank",
    "factorise_image",
    "history",
    "read_image",
    "read_matrix",
    "regressions_at_most",
    "representative_run",
    "score",
    "summarise",
    "write_image",
]
