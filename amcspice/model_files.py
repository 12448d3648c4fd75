"""Where the SPICE libraries are: beside the package in a clone, inside it once installed."""

from __future__ import annotations

import functools
from importlib import resources
from pathlib import Path

__all__ = ["model_library"]


@functools.cache
def model_library(name: str = "opamp") -> str:
    """Return the text of ``models/<name>.lib``."""
    packaged = resources.files("amcspice") / "models" / f"{name}.lib"
    if packaged.is_file():
        return packaged.read_text()
    return (Path(__file__).parents[1] / "models" / f"{name}.lib").read_text()
