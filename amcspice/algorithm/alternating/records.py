"""A programmed factor as records: what its arrays hold, row after row, in memory or in a file.

A record is all that a regression needs of a row (`amcspice.algorithm.alternating.selected_rows`),
so whoever solves some regressions maps the file and reads the rows that they select.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.algorithm.alternating.selected_rows import LOT, record_width
from amcspice.algorithm.alternating.selection import FACTOR, Lines, ProgrammedFactor
from amcspice.circuit import CompactGINV
from amcspice.circuit.base import Array
from amcspice.device import Wire
from amcspice.engine import Analysis
from amcspice.errors import InputError, UnsupportedError
from amcspice.files import replacing
from amcspice.problem import make_circuit
from amcspice.system.ledger import Activity

__all__ = ["FactorRecords", "mapped", "refuse_unrecorded", "unrecorded"]

ROWS_AT_ONCE = 1 << 14
"""Rows that are made into records at a time."""

S, INVERSE, NOMINAL_INVERSE, COMPENSATION = range(4)
"""Numbers of the last lot of a record."""

FIDELITIES = ("dc", "behavioural", "reduced")


@dataclass(frozen=True, eq=False)
class FactorRecords:
    """A factor in the arrays of a compact circuit.

    Parameters
    ----------
    circuit : CompactGINV
        One row of it, which has all that rows have in common.
    programmed : ProgrammedFactor
        Without its circuit.
    exponent : int
        Matrices stand in records over two to this power, so that no square is lost.
    records : ndarray, shape (m, record_width(n)), or Path
        Or the ``.npy`` file that holds them.
    """

    circuit: CompactGINV
    programmed: ProgrammedFactor
    exponent: int
    records: Array | Path

    @classmethod
    def of(cls, programmed: ProgrammedFactor, path: Path | None = None) -> FactorRecords:
        """Make records of a programmed factor.

        Parameters
        ----------
        programmed : ProgrammedFactor
            In a circuit that `refuse_unrecorded` lets pass.
        path : Path, optional
            File that they are written to, a part after the other; None: they stay in memory.
        """
        circuit = programmed.circuit
        assert isinstance(circuit, CompactGINV)
        # The row with the largest entry: every circuit needs one.
        row = int(circuit.matrix.max(axis=1).argmax())
        exponent = int(np.frexp(circuit.matrix.max())[1])
        parts = _records(circuit, exponent)
        records: Array | Path
        if path is None:
            records = np.concatenate(list(parts))
        else:
            records = path
            shape = (len(circuit.matrix), record_width(circuit.matrix.shape[1]))
            _write(path, shape, parts)
        # It is never simulated: regressions bring a ridge of their own.
        one = circuit.select([row], ridge=1.0)
        return cls(one, dataclasses.replace(programmed, circuit=None), exponent, records)

    @classmethod
    def program(
        cls,
        factor: Array,
        cycle: int,
        circuit: str | None,
        parameters: Mapping[str, Any],
        path: Path | None = None,
    ) -> FactorRecords | None:
        """Program a factor; see `ProgrammedFactor.of`, and `FactorRecords.of`.

        The circuit of the whole is never wired up.

        Returns
        -------
        FactorRecords or None
            None if there is no entry.
        """
        columns = np.flatnonzero(factor.any(axis=0))
        if not columns.size:
            return None
        options = {"scaling": "columns", "cycle": cycle, **parameters}
        made = make_circuit("nnls", factor[:, columns], circuit=circuit, **options)
        records = cls.of(ProgrammedFactor(made, columns, factor.shape[1]), path)
        pair = records.circuit.arrays
        activity = dataclasses.replace(
            Activity.of(FACTOR, "nnls", records.circuit, matrix=cycle % 2),
            shape=tuple(made.matrix.shape),
            inputs=len(made.matrix),
            array_cells=pair.count,
            word_lines=pair.height,
        )
        programmed = dataclasses.replace(records.programmed, activity=activity)
        return dataclasses.replace(records, programmed=programmed)

    @property
    def width(self) -> int:
        """Columns that the arrays hold."""
        return int(self.circuit.matrix.shape[1])

    @property
    def array(self) -> Array:
        """The records; those of a file are mapped."""
        return mapped(self.records) if isinstance(self.records, Path) else self.records

    def part(self, lines: Lines) -> FactorRecords:
        """Return just these word lines."""
        if len(lines) == len(self.array):
            return self
        held = self.programmed.lines
        places = lines if held is None else np.searchsorted(held, lines)
        programmed = dataclasses.replace(self.programmed, lines=lines)
        return dataclasses.replace(self, programmed=programmed, records=self.array[places])

    def entries(self, places: NDArray[np.integer[Any]]) -> Array:
        """Return rows of the matrix, by where they stand in the records."""
        first = 2 * (record_width(self.width) - LOT) // 3
        rows: Array = np.ldexp(self.array[places, first : first + self.width], self.exponent)
        return rows

    def as_programmed(self, places: Lines) -> ProgrammedFactor:
        """Return some word lines, as programmed, for whatever runs them one by one.

        Parameters
        ----------
        places : ndarray of int
            Of the lines in the records, ascending.
        """
        all_lines = self.programmed.lines
        lines = places if all_lines is None else all_lines[places]
        records, n, pair = self.array[places], self.width, self.circuit.pair
        assert pair is not None
        width = (record_width(n) - LOT) // 3
        matrix = self.entries(places)
        if not matrix.any():
            return dataclasses.replace(self.programmed, lines=lines)
        mapping = dataclasses.replace(
            pair.mapping, target=matrix * pair.mapping.column_scale * pair.mapping.scale
        )
        held = dataclasses.replace(
            pair,
            mapping=mapping,
            cells=np.hstack([records[:, :n], records[:, width : width + n]]),
            compensation=records[:, 3 * width + COMPENSATION],
            positions=lines,
        )
        circuit = dataclasses.replace(self.circuit, matrix=matrix, rows=None, pair=held)
        return dataclasses.replace(self.programmed, circuit=circuit, lines=lines)


def unrecorded(circuit: Any, analysis: Analysis) -> str | None:
    """Return why regressions on a circuit are not known from sums over rows; None if they are.

    Parameters
    ----------
    circuit : Circuit
        Such as that of a single row.
    analysis : Analysis
    """
    if analysis.fidelity not in FIDELITIES:
        return f"{analysis.fidelity} fidelity: use {', '.join(FIDELITIES[:-1])} or {FIDELITIES[-1]}"
    if not isinstance(circuit, CompactGINV):
        return f"{circuit.name}: use ginv-compact"
    if circuit.floor_at_ground or not circuit.non_negative:
        return "outputs without hold devices: leave hold as it is"
    if circuit.wire != Wire():
        return "wires: leave their resistances and capacitances out"
    if circuit.lasso:
        return "lasso: leave it out"
    if circuit.converts:
        return "converters: leave dac and adc out"
    if circuit.device.thermal_noise:
        return "noise in time of cells: leave it out"
    if not circuit.device.linear:
        return "cells that are no constant conductances: use linear ones"
    return None


def refuse_unrecorded(circuit: Any, analysis: Analysis) -> None:
    """Refuse circuits whose regressions are not known from sums over rows; see `unrecorded`.

    Raises
    ------
    UnsupportedError
        That says what stands in the way.
    """
    obstacle = unrecorded(circuit, analysis)
    if obstacle is not None:
        raise UnsupportedError(f"regressions that are shared out do not know {obstacle}")


def _records(circuit: CompactGINV, exponent: int) -> Iterator[Array]:
    """Yield the records of a circuit's rows, a bounded number at a time."""
    pair, n = circuit.arrays, circuit.matrix.shape[1]
    width = (record_width(n) - LOT) // 3
    for first in range(0, len(circuit.matrix), ROWS_AT_ONCE):
        rows = slice(first, first + ROWS_AT_ONCE)
        cells, compensation = pair.cells[rows], pair.compensation[rows]
        part = np.zeros((len(cells), record_width(n)))
        part[:, :n], part[:, width : width + n] = cells[:, :n], cells[:, n:]
        part[:, 2 * width : 2 * width + n] = np.ldexp(circuit.matrix[rows], -exponent)
        total = cells.sum(axis=1) + compensation
        nominal = np.full(len(cells), pair.largest)
        if not circuit.compensation:
            own = 2 * pair.mapping.target[rows].sum(axis=1)
            nominal = np.where(own > 0, own, 1.0)
        last = part[:, 3 * width :]
        last[:, S], last[:, COMPENSATION] = total, compensation
        # Where nothing hangs on a row nothing is known of it.
        last[:, INVERSE] = 1 / np.where(total > 0, total, np.nan)
        last[:, NOMINAL_INVERSE] = 1 / nominal
        yield part


def _write(path: Path, shape: tuple[int, int], parts: Iterator[Array]) -> None:
    header = {"descr": "<f8", "fortran_order": False, "shape": shape}
    with replacing(path) as temporary, temporary.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        for part in parts:
            part.astype("<f8", copy=False).tofile(stream)


def mapped(path: Path) -> Array:
    """Return an array of a ``.npy`` file of a run, mapped until several others are asked for.

    Raises
    ------
    InputError
        If it cannot be read here.
    """
    try:
        return _map(path, os.stat(path).st_mtime_ns)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: the factor cannot be read ({error}); every process that solves "
            "regressions has to see the folder of the run under the same name"
        ) from None


@functools.lru_cache(maxsize=3)  # records, and the factors of circuit and twin
def _map(path: Path, _changed: int) -> NDArray[np.float64]:
    return np.asarray(np.load(path, mmap_mode="r"))
