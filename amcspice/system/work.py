"""`Work`: the sums of a ledger that costs are made of, measured, estimated or stated."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from amcspice.system.ledger import CALIBRATION, PREPARATION, Activity, Ledger

__all__ = ["Estimate", "Estimates", "Operated", "Work", "Writing"]


@dataclass(frozen=True)
class Writing:
    """Writings of equal arrays.

    Parameters
    ----------
    count : int
    rows, cells, values : int
        Word lines, cells, and entries of the matrix, of each.
    static_power : float
        Of the amplifiers at these arrays [W].
    """

    count: int
    rows: int
    cells: int
    values: int
    static_power: float


@dataclass(frozen=True)
class Estimate:
    """Mean settling and energies of an operation, from a sample.

    Parameters
    ----------
    sampled : int
        How many operations were run in time.
    settling, amplifiers, array : float
        Means: settling time [s]; energy of amplifiers and of the array until then [J].
    settling_error, energy_error : float
        Half of the interval of the mean settling time [s] and of the mean energy [J].
    confidence : float
        Of these intervals.
    unsettled : int
        Of the sample, that did not settle: they are left out.
    total : int
        Operations that the sample stands for.
    """

    sampled: int
    settling: float
    amplifiers: float
    array: float
    settling_error: float
    energy_error: float
    confidence: float
    unsettled: int = 0
    total: int = 0

    def joined(self, other: Estimate) -> Estimate:
        """Return that of the operations of both, whose samples were drawn apart."""
        both = self.total + other.total
        if not (both and self.sampled and other.sampled):
            return self if self.sampled else other
        mine, theirs = self.total / both, other.total / both
        means = {
            name: mine * getattr(self, name) + theirs * getattr(other, name)
            for name in ("settling", "amplifiers", "array")
        }
        errors = {
            name: math.hypot(mine * getattr(self, name), theirs * getattr(other, name))
            for name in ("settling_error", "energy_error")
        }
        return Estimate(
            sampled=self.sampled + other.sampled,
            confidence=min(self.confidence, other.confidence),
            unsettled=self.unsettled + other.unsettled,
            total=both,
            **means,
            **errors,
        )


Estimates = Mapping[tuple[int, str], Estimate]
"""Estimates by the key of their activity."""


@dataclass(frozen=True)
class Operated:
    """Operations in sum, or those of calibrations.

    Parameters
    ----------
    count : int
        Right-hand sides that were asked for.
    repeats, unsettled, saturated, unknown : int
        Goes that were repeated in half the range, that did not settle, operations that saturate in
        the end, and goes without figures of time and energy.
    sampled : int
        Operations whose figures stand for those of others.
    settling : float
        Of all of them one after the other [s].
    amplifiers, array : float
        Energy until settled: quiescent, and all else that the sources deliver [J].
    settling_error, energy_error : float
        Half of the interval of the sums, where they come from samples [s], [J].
    dac, adc : int
        Conversions.
    """

    count: int = 0
    repeats: int = 0
    unsettled: int = 0
    saturated: int = 0
    unknown: int = 0
    sampled: int = 0
    settling: float = 0.0
    amplifiers: float = 0.0
    array: float = 0.0
    settling_error: float = 0.0
    energy_error: float = 0.0
    dac: int = 0
    adc: int = 0

    @property
    def goes(self) -> int:
        """How often all inputs converted and outputs settled."""
        return self.count + self.repeats

    def times(self, count: int) -> Operated:
        """Return the same operations, so many times; what a sample is worth grows with them."""
        sums: dict[str, Any] = {
            item.name: getattr(self, item.name) * (1 if item.name == "sampled" else count)
            for item in fields(self)
        }
        return Operated(**sums)

    def plus(self, held: Activity, row: Any, estimate: Estimate | None) -> Operated:
        """Return it with the sums of one activity, a row of a ledger."""
        untimed = int(row["untimed"])
        sampled = estimate if untimed and estimate is not None and estimate.sampled else None
        more = {
            "count": int(row["count"]),
            "unknown": 0 if sampled else untimed,
            "sampled": sampled.sampled if sampled else 0,
            **{name: int(row[name]) for name in _WHOLE},
            **{
                name: float(row[name]) + (untimed * getattr(sampled, name) if sampled else 0.0)
                for name in _MEASURED
            },
        }
        errors = {  # samples of different matrices are drawn apart
            name: math.hypot(
                getattr(self, name), untimed * getattr(sampled, name) if sampled else 0.0
            )
            for name in ("settling_error", "energy_error")
        }
        sums: dict[str, Any] = {name: getattr(self, name) + value for name, value in more.items()}
        return Operated(**(sums | errors))


_WHOLE = ("repeats", "unsettled", "saturated", "dac", "adc")
_MEASURED = ("settling", "amplifiers", "array")


@dataclass(frozen=True)
class Work:
    """What was done, in sum.

    Parameters
    ----------
    writings : tuple of Writing
    operated, calibrated : Operated
        Operations; and those that calibrate ranges after a writing, which belong to it.
    flops, bytes : float
        Digital operations beside the arrays, and what is read and written for them.
    prepared : float
        Digital operations that belong to writing, beyond these.
    amplifier_count, cell_count, inputs : int
        Of the largest arrays: what a macro must have.
    oracle : bool
        Whether ranges were chosen with the ideal answers, which no chip knows.
    """

    writings: tuple[Writing, ...]
    operated: Operated
    calibrated: Operated = Operated()
    flops: float = 0.0
    bytes: float = 0.0
    amplifier_count: int = 0
    cell_count: int = 0
    inputs: int = 0
    oracle: bool = False
    prepared: float = 0.0

    @classmethod
    def of(cls, ledger: Ledger, estimates: Estimates | None = None) -> Work:
        """Return the sums of a ledger.

        Parameters
        ----------
        ledger : Ledger
        estimates : mapping, optional
            By `Activity.key`, of operations that were run without time.
        """
        operated, calibrated, oracle = Operated(), Operated(), False
        for held, row in ledger.sums("operation"):
            estimate = (estimates or {}).get(held.key)
            oracle |= held.range == "reference"
            if held.kind.startswith(CALIBRATION):
                calibrated = calibrated.plus(held, row, estimate)
            else:
                operated = operated.plus(held, row, estimate)
        entered = [held for kind in ("writing", "operation") for held, _ in ledger.sums(kind)]
        return cls(
            writings=tuple(
                Writing(
                    int(row["count"]),
                    held.word_lines,
                    held.array_cells,
                    math.prod(held.shape),
                    held.static_power,
                )
                for held, row in ledger.sums("writing")
            ),
            operated=operated,
            calibrated=calibrated,
            flops=_flops(ledger, prepares=False),
            prepared=_flops(ledger, prepares=True),
            bytes=sum(float(row["bytes"]) for _, row in ledger.sums("digital")),
            amplifier_count=max((held.amplifier_count for held in entered), default=0),
            cell_count=max((held.array_cells for held in entered), default=0),
            inputs=max((held.inputs for held in entered), default=0),
            oracle=oracle,
        )

    def times(self, count: int) -> Work:
        """Return the same work, done so many times."""
        return replace(
            self,
            writings=tuple(replace(item, count=item.count * count) for item in self.writings),
            operated=self.operated.times(count),
            calibrated=self.calibrated.times(count),
            flops=self.flops * count,
            prepared=self.prepared * count,
            bytes=self.bytes * count,
        )

    @property
    def without_writing(self) -> Work:
        """The same as if everything were programmed already."""
        return replace(self, writings=(), calibrated=Operated(), prepared=0.0)

    @property
    def cells(self) -> int:
        """Cells written."""
        return sum(item.count * item.cells for item in self.writings)

    @property
    def values(self) -> int:
        """Values sent, read and written."""
        written = sum(item.count * item.values for item in self.writings)
        return written + sum(made.dac + made.adc for made in (self.operated, self.calibrated))

    @property
    def programmings(self) -> int:
        """How often arrays were written."""
        return sum(item.count for item in self.writings)

    @property
    def cautions(self) -> tuple[str, ...]:
        """What the sums do not say by themselves, in sentences."""
        said, made = [], self.operated
        unknown = made.unknown + self.calibrated.unknown
        if unknown:
            said.append(
                f"time and energy of {unknown} operations are unknown and left out: they were run "
                "at a fidelity without time, and none of them again in time"
            )
        if made.unsettled:
            said.append(
                f"{made.unsettled} operations did not settle: their time and energy are left out"
            )
        if made.sampled:
            energy = made.amplifiers + made.array
            said.append(
                f"time and energy come from {made.sampled} of the operations, run in time: "
                f"settling {_with_error(made.settling, made.settling_error, 's')}, energy "
                f"{_with_error(energy, made.energy_error, 'J')}"
            )
        if self.oracle:
            said.append("ranges were chosen with the ideal answers, which no chip knows")
        if made.saturated:
            said.append(f"{made.saturated} operations saturate in every range tried")
        return tuple(said)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def _with_error(value: float, error: float, unit: str) -> str:
    """Return a figure with its standard error, which a single sample of a matrix has none of."""
    if not math.isfinite(error):
        return f"{value:.3g} {unit} (by one sample)"
    return f"{value:.3g} +- {error:.2g} {unit}"


def _flops(ledger: Ledger, *, prepares: bool) -> float:
    return sum(
        float(row["flops"])
        for held, row in ledger.sums("digital")
        if (held.kind == PREPARATION) is prepares
    )
