"""`Ledger`: what a chip did, in the order in which it did it, and in sum.

Every writing, every call of operations and all digital work beside them is entered.  Calls of the
same kind that follow each other are one phase; sums are kept for each activity, so that millions
of operations take neither memory nor time that matters.  What was not measured, as there is no time
at dc, is counted as such, and estimated from a sample; nothing is entered that was not run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.extras import extra
from amcspice.measure import Measurement
from amcspice.system.columns import Columns

if TYPE_CHECKING:
    import pandas
    import xarray

__all__ = ["CALIBRATION", "KINDS", "PREPARATION", "Activity", "Ledger", "word_lines"]

KINDS = ("writing", "operation", "digital", "waiting")
"""What an entry can be."""

CALIBRATION = "calibration of "
"""What the kind of an activity begins with that calibrates another."""

PREPARATION = "preparation"
"""The kind of an activity that is digital work for a writing."""

COUNTS = (
    "count", "repeats", "saturated", "unsettled", "untimed", "dac", "adc", "cells", "rows",
)  # fmt: skip
EXTREMES = ("slowest", "lowest_range", "highest_range", "cell_voltage")
SUMS = ("settling", "amplifiers", "array", "flops", "bytes", "wait")

PHASE = np.dtype(
    [("activity", "i4"), ("kind", "i1")]
    + [(name, "i8") for name in COUNTS]
    + [(name, "f8") for name in SUMS]
    + [(name, "f8") for name in EXTREMES]
)
"""A phase: some entries of one activity that follow each other.

Counts: operations asked for, goes that were repeated in half the range, operations that saturate in
the end, goes that did not settle (of writings: those with whose cells the circuit does not), goes
that were run without time, conversions, cells and word lines written.  Sums: settling [s], energy
of amplifiers (quiescent) and of all else until settled [J], digital operations and bytes, waiting
[s].  Extremes: slowest settling [s], ranges [V], largest voltage across a cell [V].
"""

MOST_PHASES = 100_000
"""Phases that are kept in order; later ones are in the sums only."""


def word_lines(circuit: Circuit) -> int:
    """Return the word lines that hold the cells of a circuit."""
    return sum(len(crossbar.cells) for crossbar in circuit.schematic.crossbars)


@dataclass(frozen=True)
class Activity:
    """What is done on which arrays.

    Parameters
    ----------
    label : str
        Of the matrix.
    kind : str
        The problem that is solved, `CALIBRATION` of it, or what else is done.
    circuit : str
        "" where there is none.
    shape : tuple of int
        Of the matrix.
    amplifier_count, inputs, outputs, array_cells, word_lines : int
        Amplifiers, converters at inputs and outputs, cells and word lines of the circuit.
    static_power : float
        Of the amplifiers at rest [W].
    range : str
        How ranges are chosen: predicted; fixed; reference, an oracle that no chip has.
    matrix : int
        Tells matrices of one label apart.
    """

    label: str
    kind: str
    circuit: str = ""
    shape: tuple[int, ...] = ()
    amplifier_count: int = 0
    inputs: int = 0
    outputs: int = 0
    array_cells: int = 0
    word_lines: int = 0
    static_power: float = 0.0
    range: str = ""
    matrix: int = 0

    @property
    def key(self) -> tuple[int, str]:
        """What its operations have in common, however its arrays come out."""
        return self.matrix, self.kind

    @classmethod
    def of(
        cls, label: str, kind: str, circuit: Circuit, range: str = "", matrix: int = 0
    ) -> Activity:
        """Return that of a circuit."""
        opamp = circuit.opamp
        static = sum(
            len(bank.out)
            * opamp.quiescent_current
            * (opamp.supply_positive - (0.0 if bank.floor_at_ground else opamp.supply_negative))
            for bank in circuit.schematic.amplifiers
        )
        return cls(
            label=label,
            kind=kind,
            circuit=circuit.name,
            shape=tuple(circuit.matrix.shape),
            amplifier_count=circuit.amplifier_count,
            inputs=circuit.input_size,
            outputs=len(circuit.schematic.outputs),
            array_cells=circuit.schematic.cells,
            word_lines=word_lines(circuit),
            static_power=float(static),
            range=range,
            matrix=matrix,
        )


class _Open:
    """The phase that entries go into now: plain numbers, which are quick to add to."""

    __slots__ = ("cell_voltage", "highest_range", "key", "lowest_range", "slowest", "sums")

    def __init__(self, key: tuple[int, int]) -> None:
        self.key = key
        self.sums: dict[str, Any] = {}
        self.slowest = self.cell_voltage = 0.0
        self.lowest_range = self.highest_range = math.nan

    def widen(self, slowest: float, lowest: float, highest: float, cell_voltage: float) -> None:
        """Take in extremes; what is not a number is none."""
        self.slowest = max(self.slowest, slowest)
        self.cell_voltage = max(self.cell_voltage, cell_voltage)
        if not self.lowest_range <= lowest and lowest == lowest:
            self.lowest_range = lowest
        if not self.highest_range >= highest and highest == highest:
            self.highest_range = highest


class Ledger:
    """The account of a chip.

    Attributes
    ----------
    activities : list of Activity

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> chip = amc.Chip(seed=0)
    >>> x = chip.program([[2.0, 1.0], [1.0, 3.0]], "inv").solve(np.ones((2, 4)))
    >>> isinstance(chip.ledger, amc.Ledger), len(chip.ledger.timeline())
    (True, 3)
    """

    def __init__(self) -> None:
        self.activities: list[Activity] = []
        self._numbers: dict[Activity, int] = {}
        self._phases = Columns(PHASE)
        self._sums: dict[tuple[int, int], Any] = {}
        self._open: _Open | None = None
        self.left_out = 0
        """Phases that are in the sums only."""

    def activity(self, activity: Activity) -> int:
        """Return the number of an activity, which is entered where it is new."""
        number = self._numbers.setdefault(activity, len(self.activities))
        if number == len(self.activities):
            self.activities.append(activity)
        return number

    def write(self, activity: int, count: int = 1, *, unstable: int = 0) -> None:
        """Enter the writing of all cells of an activity's circuit, once or several times.

        Parameters
        ----------
        activity : int
        count : int
            How often.
        unstable : int
            After how many of them the circuit does not settle: they have to be written again.
        """
        held = self.activities[activity]
        cells, rows = count * held.array_cells, count * held.word_lines
        figures = {"count": count, "cells": cells, "rows": rows, "unsettled": unstable}
        self._enter(activity, "writing", figures)

    def wait(self, activity: int, seconds: float) -> None:
        """Enter that time passes."""
        self._enter(activity, "waiting", {"count": 1, "wait": seconds})

    def compute(
        self,
        label: str,
        flops: float,
        bytes: float = 0.0,
        count: int = 1,
        *,
        prepares: bool = False,
    ) -> None:
        """Enter digital work beside the arrays, as an algorithm states it.

        Parameters
        ----------
        label : str
            What is computed.
        flops : float
            Multiplications and additions.
        bytes : float
            Read and written for it, beside what goes through converters.
        count : int
            How often.
        prepares : bool
            Whether it belongs to writing: it takes part in what is programmed, once.
        """
        figures = {"count": count, "flops": flops, "bytes": bytes}
        activity = self.activity(Activity(label, PREPARATION if prepares else "digital"))
        self._enter(activity, "digital", figures)

    def operate(
        self,
        activity: int,
        measured: Measurement,
        volts_per_unit: Any = np.nan,
        *,
        answered: int | None = None,
        sent: int | None = None,
        cell_voltage: float = 0.0,
        in_time: bool = True,
    ) -> None:
        """Enter operations that ran one after the other.

        Parameters
        ----------
        activity : int
        measured : Measurement
            Of all that ran.
        volts_per_unit : array_like
            Their ranges.
        answered : int, optional
            How many of them are operations, not repeats of others in a smaller range.
        sent : int, optional
            Values that the inputs convert; None is every input, every time.
        cell_voltage : float
            Largest voltage across a cell in any of them [V].
        in_time : bool
            Whether they were run in time; what was and has no figures did not settle.
        """
        ran = len(measured)
        if not ran:
            return
        held = self.activities[activity]
        count = ran if answered is None else answered
        timed = np.isfinite(measured.settling_time)
        settling = measured.settling_time[timed]
        total, spent = float(settling.sum()), float(measured.energy[timed].sum())
        static = held.static_power * total
        volts = np.asarray(volts_per_unit, float)
        self._enter(
            activity,
            "operation",
            {
                "count": count,
                "repeats": ran - count,
                "unsettled": int(ran - measured.settled.sum()),
                "untimed": 0 if in_time else ran,
                "dac": ran * held.inputs if sent is None else sent,
                "adc": ran * held.outputs,
                "settling": total,
                "amplifiers": static,
                "array": spent - static,
            },
            slowest=float(settling.max()) if settling.size else 0.0,
            lowest=float(volts.min()),
            highest=float(volts.max()),
            cell_voltage=cell_voltage,
        )

    def saturate(self, activity: int, count: int) -> None:
        """Enter that operations saturate in the end."""
        if count:
            self._enter(activity, "operation", {"saturated": count})

    def _enter(
        self,
        activity: int,
        kind: str,
        figures: dict[str, Any],
        slowest: float = 0.0,
        lowest: float = np.nan,
        highest: float = np.nan,
        cell_voltage: float = 0.0,
    ) -> None:
        code, open_phase = KINDS.index(kind), self._open
        if open_phase is None or open_phase.key != (activity, code) or kind == "writing":
            self._close()
            open_phase = self._open = _Open((activity, code))
        sums = open_phase.sums
        for name, value in figures.items():
            sums[name] = sums.get(name, 0) + value
        open_phase.widen(slowest, lowest, highest, cell_voltage)

    def _close(self) -> None:
        """Enter the phase that is open among the others, and into the sums."""
        if self._open is None:
            return
        row = _new(np.zeros(1, PHASE)[0], *self._open.key)
        for name, value in self._open.sums.items():
            row[name] = value
        for name in EXTREMES:
            row[name] = getattr(self._open, name)
        self._open = None
        self._add_to_sums(row)
        self._append(row)

    def _add_to_sums(self, row: Any) -> None:
        key = (int(row["activity"]), int(row["kind"]))
        if key not in self._sums:
            self._sums[key] = _new(np.zeros(1, PHASE)[0], *key)
        _add(self._sums[key], row)

    def _append(self, row: Any) -> None:
        last = self._phases.last()
        same = last is not None and all(last[name] == row[name] for name in ("activity", "kind"))
        if same and KINDS[row["kind"]] != "writing":
            _add(last, row)
        elif len(self._phases) < MOST_PHASES:
            self._phases.append(row)
        else:
            self.left_out += 1

    def merge(self, other: Ledger) -> None:
        """Take in the account of others, after its own."""
        self._close()
        number = [self.activity(activity) for activity in other.activities]
        for row in other.phases:
            row["activity"] = number[row["activity"]]
            self._append(row)
        for row in other._totals().values():
            renumbered = row.copy()
            renumbered["activity"] = number[row["activity"]]
            self._add_to_sums(renumbered)
        self.left_out += other.left_out

    def joined(self, other: Ledger) -> Ledger:
        """Return the account of both, one after the other."""
        both = Ledger()
        both.merge(self)
        both.merge(other)
        return both

    def _totals(self) -> dict[tuple[int, int], Any]:
        self._close()
        return self._sums

    @property
    def operations(self) -> int:
        """How many operations were answered, those of calibrations too."""
        return int(sum(row["count"] for _, row in self.sums("operation")))

    @property
    def unstable_writings(self) -> int:
        """How many writings left a circuit that does not settle."""
        return int(sum(row["unsettled"] for _, row in self.sums("writing")))

    def sums(self, kind: str) -> Iterator[tuple[Activity, Any]]:
        """Yield the activities of a kind with their sums, a row of `PHASE` each."""
        code = KINDS.index(kind)
        for (activity, of_kind), row in self._totals().items():
            if of_kind == code:
                yield self.activities[activity], row

    def split(self) -> Iterator[tuple[Any, Ledger]]:
        """Yield the phases in order, each with a ledger that holds it alone."""
        for row in self.phases:
            yield row, self._alone(row)

    def parts(self) -> Iterator[tuple[Activity, Any, Ledger]]:
        """Yield the sums of each activity and kind, each with a ledger that holds them alone."""
        for row in self._totals().values():
            yield self.activities[row["activity"]], row, self._alone(row)

    def _alone(self, row: Any) -> Ledger:
        part = Ledger()
        activity = part.activity(self.activities[row["activity"]])
        part._sums[activity, int(row["kind"])] = row
        return part

    @property
    def phases(self) -> NDArray[Any]:
        """Phases in order, rows of `PHASE`."""
        self._close()
        return self._phases.rows()

    def table(self) -> pandas.DataFrame:
        """Return the sums, one row an activity and kind of entry; SI units."""
        return _frame(self.activities, list(self._totals().values()))

    def timeline(self) -> pandas.DataFrame:
        """Return the phases in order, one row each; `amcspice.view` draws them."""
        return _frame(self.activities, self.phases)

    def to_xarray(self) -> xarray.Dataset:
        """Return the phases in order as a Dataset, units as attributes."""
        made: xarray.Dataset = self.timeline().to_xarray()
        units = {"settling": "s", "slowest": "s", "wait": "s", "amplifiers": "J", "array": "J"}
        units |= {"lowest_range": "V", "highest_range": "V", "cell_voltage": "V"}
        for name, unit in units.items():
            made[name].attrs["units"] = unit
        return made

    def to_json(self) -> list[dict[str, Any]]:
        """Return the sums as plain values, one entry an activity and kind."""
        return [
            {**asdict(self.activities[row["activity"]]), "entry": KINDS[row["kind"]]}
            | {name: int(row[name]) for name in COUNTS}
            | {name: float(row[name]) for name in SUMS}
            | {name: float(row[name]) for name in ("slowest", "cell_voltage")}
            | {"range_v": _interval(row)}
            for row in self._totals().values()
        ]

    @classmethod
    def from_json(cls, entries: Sequence[dict[str, Any]]) -> Ledger:
        """Return the account that `to_json` gave; each of its entries is one phase."""
        made = cls()
        for entry in entries:
            values = dict(entry)
            figures = {name: values.pop(name) for name in (*COUNTS, *SUMS)}
            kind, slowest = values.pop("entry"), values.pop("slowest")
            voltage = values.pop("cell_voltage")
            lowest, highest = values.pop("range_v") or (np.nan, np.nan)
            activity = made.activity(Activity(**{**values, "shape": tuple(values["shape"])}))
            made._enter(activity, kind, figures, slowest, lowest, highest, voltage)
        return made


def _interval(row: Any) -> list[float] | None:
    if np.isnan(row["lowest_range"]):
        return None
    return [float(row["lowest_range"]), float(row["highest_range"])]


def _new(row: Any, activity: int, code: int) -> Any:
    row["activity"], row["kind"] = activity, code
    row["lowest_range"] = row["highest_range"] = np.nan
    return row


def _add(row: Any, other: Any) -> None:
    for name in (*COUNTS, *SUMS):
        row[name] += other[name]
    for name in ("slowest", "cell_voltage"):
        row[name] = max(row[name], other[name])
    row["lowest_range"] = np.fmin(row["lowest_range"], other["lowest_range"])
    row["highest_range"] = np.fmax(row["highest_range"], other["highest_range"])


def _frame(activities: Sequence[Activity], rows: Any) -> pandas.DataFrame:
    with extra("sweep"):
        import pandas

    rows = np.array(rows, PHASE)
    held = [activities[number] for number in rows["activity"]]
    columns: dict[str, Any] = {
        "label": [each.label for each in held],
        "activity": [each.kind for each in held],
        "entry": [KINDS[code] for code in rows["kind"]],
    }
    names = [name for name in PHASE.names or () if name not in ("activity", "kind")]
    return pandas.DataFrame(columns | {name: rows[name] for name in names}).rename_axis("phase")
