"""`CellModel`: a cell as a sub-circuit of a library, or as a compiled model, described.

What the file holds is read and checked by `amcspice.netlist.cell_circuit`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from amcspice.device.opamp import Compatibility
from amcspice.errors import InputError
from amcspice.files import file_content, read_spice
from amcspice.schema import parameters

__all__ = ["CellModel", "LiveCells"]

Array = NDArray[np.float64]


def _as_pairs(value: Any) -> Any:
    return tuple(value.items()) if isinstance(value, Mapping) else value


def _as_path(value: Any) -> Any:
    return str(Path(value).resolve()) if isinstance(value, str | Path) else value


@parameters
class CellModel:
    """A cell as a sub-circuit in a SPICE library file, or in a compiled model (``.osdi``).

    It has two pins, which stand at a crossing point of an array, and may have a third, which is
    the node of its state.  One parameter sets the state at the beginning; the conductance rises or
    falls with it from ``low`` to ``high``.

    Parameters
    ----------
    file : str
        Path of the library.
    name : str
        Name of the sub-circuit; of a compiled model, that of its module.
    state : str
        Parameter that sets the state at the beginning.
    low, high : float
        Smallest and largest value of that parameter, in its own unit.
    state_node : str or None
        Pin or inner node whose voltage is the state, in volts for the unit of the parameter.
        None is a cell without one: its state is a constant.
    polarity : {1, -1}
        1: its first pin stands at the word line, the second at the bit line; -1: the other way
        round.
    values : mapping of str to float
        Other parameters.
    compat : {"ps", "lt", "psa", "ltpsa"}, optional
        Whose syntax the file has: PSpice's (``psa``), LTspice's and PSpice's (``ltpsa``); without
        the a only files that it includes do.  None is ngspice's own.
    sha256 : str
        Hash of the file; empty takes the file as it is now.  One that has changed is refused.

    Raises
    ------
    InputError
        If the file cannot be read, or a value does not fit.

    Examples
    --------
    >>> import amcspice as amc
    >>> model = amc.CellModel(file="models/cells.lib", name="amc_gap")
    >>> model.state, model.low, model.high
    ('x0', 0.0, 1.0)
    """

    file: Annotated[str, BeforeValidator(_as_path)]
    name: str
    state: str = "x0"
    low: float = 0.0
    high: float = 1.0
    state_node: str | None = "x"
    polarity: Literal[1, -1] = 1
    values: Annotated[tuple[tuple[str, float], ...], BeforeValidator(_as_pairs)] = ()
    compat: Compatibility = None
    sha256: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")] = ""

    def __post_init__(self) -> None:
        """Check the range of the state, and take the hash of the file."""
        if self.low >= self.high:
            raise ValueError(
                f"low = {self.low:g} must be below high = {self.high:g}; where conductance falls "
                "with the state, too"
            )
        given = [name.lower() for name, _ in self.values]
        if self.state.lower() in given:
            raise ValueError(f"{self.state} is the state: it is set cell by cell")
        if len(set(given)) < len(given):
            raise ValueError("a parameter is given twice")
        if not self.sha256:
            object.__setattr__(self, "sha256", _sha256(file_content(Path(self.file))))

    @property
    def compiled(self) -> bool:
        """Whether it is a compiled model."""
        return self.file.lower().endswith(".osdi")

    def content(self) -> bytes:
        """Return what the file holds.

        Raises
        ------
        InputError
            If it cannot be read, or has changed.
        """
        content = file_content(Path(self.file))
        if _sha256(content) != self.sha256:
            raise InputError(f"{self.file} has changed since it was read: name it again")
        return content

    def read(self) -> str:
        """Return the text of the file.

        Raises
        ------
        InputError
            If it cannot be read, is no text, or has changed.
        """
        return read_spice(Path(self.file), self.content())


class LiveCells(Protocol):
    """Cells whose sub-circuit stands at every crossing point of flat decks; see `Cell.live`."""

    @property
    def model(self) -> CellModel:
        """Their sub-circuit."""
        ...

    def states(self, conductance: Array) -> Array:
        """Return the states in which cells have conductances at 0 V [S], in the same shape."""
        ...

    def conductances(self, state: Array) -> Array:
        """Return the conductances at 0 V of states, in the same shape [S]."""
        ...


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
