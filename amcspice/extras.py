"""Packages that are not of the core, and the extra of amcspice that brings each along.

Whatever is imported from outside stands in ``pyproject.toml``: among the dependencies, or in the
extra that the import names::

    with extra("sweep"):
        with extra("sweep"):
            import pandas
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Iterator
from importlib import metadata

from amcspice.errors import AmcspiceError

__all__ = ["EXTRAS", "MissingExtraError", "extra", "packages_of"]

EXTRAS = {
    "images": "pictures",
    "sklearn": "AnalogNMF, handwritten digits, non-negative low-rank factors",
    "sweep": "sweeps, tables (pandas), arrays with names (xarray)",
    "dask": "sweeps on a cluster",
    "report": "sweeps as pages",
    "torch": "K-FAC for PyTorch",
}
"""What each extra is for."""


class MissingExtraError(AmcspiceError, ImportError):
    """A package is not installed that comes with an extra."""

    exit_code = 2


@contextlib.contextmanager
def extra(name: str) -> Iterator[None]:
    """Import what comes with an extra; of several, one within another, the outer one is named.

    Parameters
    ----------
    name : str
        Of the extra, as ``pip install 'amcspice[name]'`` takes it.

    Raises
    ------
    MissingExtraError
        If it is not installed, with what to type.
    """
    try:
        yield
    except (ModuleNotFoundError, MissingExtraError) as error:
        raise MissingExtraError(
            f"{error.name} is not installed, which this needs: pip install 'amcspice[{name}]'",
            name=error.name,
        ) from None


@functools.cache
def packages_of(name: str | None) -> tuple[str, ...]:
    """Return what an extra brings along, as its packages are installed by name.

    Parameters
    ----------
    name : str, optional
        Of the extra, None for the core.
    """
    found = []
    for requirement in metadata.requires("amcspice") or ():
        package, _, condition = requirement.partition(";")
        marked = re.search(r"extra == ['\"](.+?)['\"]", condition)
        if (marked[1] if marked else None) == name:
            found.append(re.match(r"[\w.-]+", package)[0])  # type: ignore[index]
    return tuple(each for each in found if each != "amcspice")
