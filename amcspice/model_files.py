"""Where the files of ``models`` are: beside the package in a clone, inside it once installed."""

from __future__ import annotations

import functools
from pathlib import Path

__all__ = ["model_library", "models_folder"]


def models_folder() -> Path:
    """Return the folder ``models``."""
    packaged = Path(__file__).parent / "models"
    return packaged if packaged.is_dir() else Path(__file__).parents[1] / "models"


@functools.cache
def model_library(name: str = "opamp") -> str:
    """Return the text of ``models/<name>.lib``."""
    return (models_folder() / f"{name}.lib").read_text()
