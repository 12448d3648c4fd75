"""Reader of ngspice's raw files.

Header lines differ between versions, so they are read by key.  The body is little-endian
float64 (pairs of them for complex plots), points by variables, or the same as text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.errors import SimulationError

__all__ = ["Plot", "read_raw"]

_MARKER = re.compile(rb"^(Binary|Values):\r?\n", re.MULTILINE)


@dataclass(frozen=True, eq=False)
class Plot:
    """One analysis in a raw file.

    Parameters
    ----------
    name : str
        Such as ``Transient Analysis``.
    vectors : dict of str to ndarray
        Values by normalised name: ``time``, ``x0`` for v(x0), ``vvdd#branch`` for i(vvdd).
    """

    name: str
    vectors: dict[str, NDArray[np.float64]]


def normalise(name: str) -> str:
    """Return the one name amcspice uses for a vector: ``v(x)`` is x, ``i(v1)`` v1#branch."""
    name = name.lower()
    if name.startswith("v(") and name.endswith(")"):
        return name[2:-1]
    if name.startswith("i(") and name.endswith(")"):
        return name[2:-1] if name.startswith("i(@") else f"{name[2:-1]}#branch"
    return name


def read_raw(path: Path) -> list[Plot]:
    """Read every plot of a raw file, binary or ASCII (``.options filetype=ascii``).

    Raises
    ------
    SimulationError
        If the file is missing, truncated or not a raw file.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SimulationError(f"no raw file was written ({error.strerror})") from None
    plots = []
    while content.strip():
        marker = _MARKER.search(content)
        if marker is None:
            raise SimulationError(f"{path.name} is not a complete raw file")
        head, content = content[: marker.start()], content[marker.end() :]
        header, _, listing = head.decode(errors="replace").partition("Variables:\n")
        fields = dict(line.split(":", 1) for line in header.splitlines() if ":" in line)
        try:
            names = [normalise(line.split()[1]) for line in listing.splitlines() if line.strip()]
            points = int(fields["No. Points"])
        except (IndexError, KeyError, ValueError):
            raise SimulationError(f"{path.name} is not a complete raw file") from None
        body = _binary if marker.group(1) == b"Binary" else _ascii
        is_complex = "complex" in fields.get("Flags", "")
        try:
            values, content = body(content, points, len(names), is_complex)
            table = values.reshape(points, len(names))
        except (ValueError, TypeError):
            raise SimulationError(f"{path.name} is truncated") from None
        plots.append(
            Plot(
                name=fields.get("Plotname", "").strip(),
                vectors={name: table[:, k].copy() for k, name in enumerate(names)},
            )
        )
    return plots


def _binary(
    content: bytes, points: int, width: int, is_complex: bool
) -> tuple[NDArray[Any], bytes]:
    """Return the values of a plot, and the bytes behind it."""
    values = np.frombuffer(content, "<c16" if is_complex else "<f8", count=max(points * width, 0))
    return values, content[values.nbytes :]


def _ascii(content: bytes, points: int, width: int, is_complex: bool) -> tuple[NDArray[Any], bytes]:
    """Return the values of a plot, each row with its number in front, and the bytes behind it."""
    body, title, behind = content.partition(b"Title:")
    words = body.decode(errors="replace").split()
    rows = [words[first + 1 : first + 1 + width] for first in range(0, len(words), width + 1)]
    if is_complex:
        values = np.array([[complex(*map(float, word.split(","))) for word in row] for row in rows])
    else:
        values = np.array([[float(word) for word in row] for row in rows])
    return values, title + behind
