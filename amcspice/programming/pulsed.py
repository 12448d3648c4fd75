"""What pulses ask of cells: how one stands in a deck, what it is at the beginning, what it reaches.

Of a `SwitchingCell` behind its selector, or of a sub-circuit of the user's own, which has none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from amcspice.device import CellTable, SwitchingCell, WriteVerify
from amcspice.errors import InputError
from amcspice.netlist.cell_circuit import CellCircuit
from amcspice.netlist.deck import model_library

__all__ = ["OwnCells", "PulsedCells", "SelectedCells", "pulsed"]

Array = NDArray[np.float64]


class PulsedCells(Protocol):
    """Cells that pulses program."""

    @property
    def library(self) -> str:
        """Text that a deck takes in."""
        ...

    @property
    def initial_state(self) -> float:
        """State before the first pulse."""
        ...

    def reach(self, schedule: WriteVerify) -> tuple[float, float]:
        """Return the smallest and the largest conductance that a read can find [S]."""
        ...

    def draw(self, shape: tuple[int, int], seed: int) -> dict[str, Array]:
        """Return parameters that vary from cell to cell, each of that shape."""
        ...

    def pulse_factor(self, shape: tuple[int, int], seed: int, pulse: int) -> Array:
        """Return the factor of the rates of every cell during one pulse."""
        ...

    def instance(
        self, k: int, *, down: bool, state: float, drawn: Mapping[str, Any]
    ) -> Iterator[str]:
        """Yield the lines of cell k between its bit line bK and its source line, sK or ground."""
        ...

    def state_vector(self, k: int) -> str:
        """Return the node of a cell's state as results name it."""
        ...

    def summary(self) -> dict[str, Any]:
        """Return what they are, for the provenance."""
        ...


@dataclass(frozen=True)
class SelectedCells:
    """1T1R cells of ``models/memristor.lib``.

    Parameters
    ----------
    cell : SwitchingCell
    """

    cell: SwitchingCell

    @property
    def library(self) -> str:
        """Text that a deck takes in."""
        return model_library("memristor").rstrip()

    @property
    def initial_state(self) -> float:
        """State before the first pulse."""
        return self.cell.initial_state

    def reach(self, schedule: WriteVerify) -> tuple[float, float]:
        """Return the smallest and the largest conductance that a read can find [S]."""
        lowest, highest = self.cell.read_conductance([0.0, 1.0], schedule.read_gate)
        return float(lowest), float(highest)

    def draw(self, shape: tuple[int, int], seed: int) -> dict[str, Array]:
        """Return parameters that vary from cell to cell, each of that shape."""
        return self.cell.draw(shape, seed)

    def pulse_factor(self, shape: tuple[int, int], seed: int, pulse: int) -> Array:
        """Return the factor of the rates of every cell during one pulse."""
        return self.cell.pulse_factor(shape, seed, pulse)

    def instance(
        self, k: int, *, down: bool, state: float, drawn: Mapping[str, Any]
    ) -> Iterator[str]:
        """Yield the lines of a cell; see `PulsedCells`."""
        cell = self.cell
        values = {
            "goff": cell.g_off,
            "aset": cell.set_exponent,
            "areset": cell.reset_exponent,
            "p": cell.window,
            "w": cell.selector_width,
            "x0": state,
            **drawn,
        }
        text = " ".join(f"{name}={float(value)!r}" for name, value in values.items())
        word, source = ("wreset", f"s{k}") if down else ("wset", "0")
        yield f"X{k} b{k} {word} {source} x{k} amc_1t1r {text}"

    def state_vector(self, k: int) -> str:
        """Return the node of a cell's state as results name it."""
        return f"x{k}"

    def summary(self) -> dict[str, Any]:
        """Return what they are, for the provenance."""
        return dataclasses.asdict(self.cell)


@dataclass(frozen=True)
class OwnCells:
    """Cells of a sub-circuit of the user's own, measured; SET is positive at its first pin.

    They have no selector and do not differ from each other.

    Parameters
    ----------
    table : CellTable
    """

    table: CellTable

    def __post_init__(self) -> None:
        """Refuse a cell whose state nothing moves."""
        model = self.table.model
        if model.state_node is None:
            raise InputError(
                f"{model.file}: sub-circuit {model.name} has no node of its state (state_node), so "
                "that no pulse changes it"
            )

    @cached_property
    def _circuit(self) -> CellCircuit:
        return CellCircuit.of(self.table.model)

    @property
    def library(self) -> str:
        """Text that a deck takes in."""
        return "\n".join(self._circuit.library)

    @property
    def initial_state(self) -> float:
        """That of the smallest conductance."""
        return self.table.state[0]

    def reach(self, schedule: WriteVerify) -> tuple[float, float]:
        """Return the smallest and the largest conductance that a read can find [S]."""
        table, voltage = self.table, schedule.read_voltage * self.table.model.polarity
        ends = np.array([table.lowest, table.highest])
        lowest, highest = table.current(ends, np.full(2, voltage)) / voltage
        return float(lowest), float(highest)

    def draw(self, shape: tuple[int, int], seed: int) -> dict[str, Array]:
        """Return nothing: the sub-circuit says what a cell is."""
        return {}

    def pulse_factor(self, shape: tuple[int, int], seed: int, pulse: int) -> Array:
        """Return ones: pulses are alike."""
        return np.ones(shape)

    def instance(
        self, k: int, *, down: bool, state: float, drawn: Mapping[str, Any]
    ) -> Iterator[str]:
        """Yield the lines of a cell; see `PulsedCells`."""
        lines = f"b{k}", f"s{k}" if down else "0"
        word, bit = lines if self.table.model.polarity == 1 else lines[::-1]
        return self._circuit.instance(str(k), word, bit, state)

    def state_vector(self, k: int) -> str:
        """Return the node of a cell's state as results name it."""
        vector = self._circuit.state_vector(str(k))
        assert vector is not None
        return vector

    def summary(self) -> dict[str, Any]:
        """Return what they are, for the provenance."""
        return self.table.summary


def pulsed(cell: SwitchingCell | CellTable | None) -> PulsedCells:
    """Return cells as pulses take them; None is `SwitchingCell` as it is."""
    return OwnCells(cell) if isinstance(cell, CellTable) else SelectedCells(cell or SwitchingCell())
