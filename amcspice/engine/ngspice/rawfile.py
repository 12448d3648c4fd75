"""Reader of ngspice's binary raw files.

Header lines differ between versions, so they are read by key.  The body is little-endian
float64 (pairs of them for complex plots), points by variables.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amcspice.errors import SimulationError

__all__ = ["Plot", "read_raw"]


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
        return f"{name[2:-1]}#branch"
    return name


def read_raw(path: Path) -> list[Plot]:
    """Read every plot of a binary raw file.

    Raises
    ------
    SimulationError
        If the file is missing, truncated or not a binary raw file.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SimulationError(f"no raw file was written ({error.strerror})") from None
    plots = []
    while content.strip():
        head, marker, content = content.partition(b"Binary:\n")
        if not marker:
            raise SimulationError(f"{path.name} is not a complete binary raw file")
        header, _, listing = head.decode(errors="replace").partition("Variables:\n")
        fields = dict(line.split(":", 1) for line in header.splitlines() if ":" in line)
        try:
            names = [normalise(line.split()[1]) for line in listing.splitlines() if line.strip()]
            points = int(fields["No. Points"])
        except (IndexError, KeyError, ValueError):
            raise SimulationError(f"{path.name} is not a complete binary raw file") from None
        width = 2 if "complex" in fields.get("Flags", "") else 1
        count = points * len(names) * width
        body, content = content[: 8 * count], content[8 * count :]
        if len(body) < 8 * count:
            raise SimulationError(f"{path.name} is truncated")
        values = np.frombuffer(body, dtype="<f8" if width == 1 else "<c16")
        table = values.reshape(-1, len(names))
        plots.append(
            Plot(
                name=fields.get("Plotname", "").strip(),
                vectors={name: table[:, k].copy() for k, name in enumerate(names)},
            )
        )
    return plots
