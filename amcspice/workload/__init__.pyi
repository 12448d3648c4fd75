from .factorise import (
    ImageFactorisation,
    choose_rank,
    factorise_image,
    regressions_at_most,
    representative_run,
)
from .image import Crop, Score, read_image, score, write_image
from .matrix_file import read_matrix
from .summary import History, history, summarise
from .tiling import Tiling

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
