"""Functions of BLAS and LAPACK that modules of scipy offer to compiled code."""

from __future__ import annotations

import functools
import importlib
import importlib.util
from collections.abc import Mapping
from importlib.machinery import PathFinder
from typing import Any

__all__ = ["offered"]


@functools.cache
def offered(module: str) -> Mapping[str, Any]:
    """Return what an extension module offers to compiled code, a capsule for each name.

    The module is loaded without the package around it: ``scipy.linalg`` takes ten times as long,
    and compiled code calls nothing else of it.  Where that imports the module later, it gets the
    same one.

    Parameters
    ----------
    module : str
        Such as ``scipy.linalg.cython_lapack``.
    """
    room, _, _ = module.rpartition(".")
    package, *rooms = room.split(".")
    folders = importlib.import_module(package).__path__
    place = PathFinder.find_spec(module, [f"{folder}/{'/'.join(rooms)}" for folder in folders])
    if place is None or place.loader is None:
        loaded = importlib.import_module(module)
    else:
        loaded = importlib.util.module_from_spec(place)
        place.loader.exec_module(loaded)
    functions: Mapping[str, Any] = loaded.__pyx_capi__
    return functions
