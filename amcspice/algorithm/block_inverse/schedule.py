"""`Schedule`: the phases of a solution in blocks, one after the other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from amcspice.extras import extra
from amcspice.system import Answers, Phase, ProgrammedMatrix
from amcspice.system.work import Estimates

if TYPE_CHECKING:
    import pandas

__all__ = ["BlockPhase", "Schedule"]


@dataclass(frozen=True)
class BlockPhase:
    """One operation of a block solution.

    Parameters
    ----------
    operation : {"inv", "mvm"}
    block : str
        Such as ``A1`` or ``S.A2``.
    settling_time : float
        Largest of all right-hand sides [s]; the mean of a sample where ``sampled``; nan where
        there is no time.
    voltage : float
        Largest output [V].
    repeats : int
        Of all right-hand sides, because something saturated.
    matrix : int
        Tells the arrays apart, see `amcspice.system.ProgrammedMatrix`.
    sampled : int
        Operations of these arrays that were run in time for the settling time; 0: all of them.
    """

    operation: str
    block: str
    settling_time: float
    voltage: float
    repeats: int
    matrix: int = 0
    sampled: int = 0

    @classmethod
    def of(cls, arrays: ProgrammedMatrix, answers: Answers) -> BlockPhase:
        """Return that of operations that were run."""
        made = answers.operations
        times = made.measurement.settling_time
        return cls(
            arrays.problem,
            arrays.label,
            float(np.nanmax(times)) if np.isfinite(times).any() else math.nan,
            float(np.abs(made.measurement.outputs).max()),
            int(made.repeats.sum()),
            arrays.ident,
        )

    def estimated(self, estimates: Estimates) -> BlockPhase:
        """Return it with the mean settling time of a sample, where it has none."""
        made = estimates.get((self.matrix, self.operation))
        if made is None or not made.sampled or not math.isnan(self.settling_time):
            return self
        return replace(self, settling_time=made.settling, sampled=made.sampled)


@dataclass(frozen=True)
class Schedule:
    """Phases in order.

    One bank of amplifiers serves every phase, or, unrolled, each has a bank of its own.

    Parameters
    ----------
    phases : tuple of BlockPhase
    """

    phases: tuple[BlockPhase, ...]

    def __iter__(self) -> Iterator[BlockPhase]:
        return iter(self.phases)

    def __len__(self) -> int:
        return len(self.phases)

    @property
    def settling_time(self) -> float:
        """Sum of all phases [s]; nan where there is no time."""
        return float(sum(phase.settling_time for phase in self.phases))

    @property
    def caution(self) -> str:
        """What the figures do not say by themselves; empty where there is nothing to say."""
        if not any(phase.sampled for phase in self.phases):
            return ""
        least = min(phase.sampled for phase in self.phases if phase.sampled)
        return (
            "settling times are means of samples, run in time on the same cells (of each matrix "
            f"{least} operations or more); voltages and repeats are those of all operations"
        )

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Return one mapping a phase, SI units in the names; nan is None."""
        return [
            {
                "phase": number,
                "operation": phase.operation,
                "matrix": phase.block,
                "bank": 1,
                "bank_unrolled": number,
                "settling_time_s": None if math.isnan(phase.settling_time) else phase.settling_time,
                "largest_voltage_v": phase.voltage,
                "repeats": phase.repeats,
                "sampled": phase.sampled,
            }
            for number, phase in enumerate(self.phases, 1)
        ]

    def table(self) -> pandas.DataFrame:
        """Return one row a phase."""
        with extra("sweep"):
            import pandas

        return pandas.DataFrame(self.rows()).set_index("phase")

    def timeline(self) -> list[Phase]:
        """Return the phases of one right-hand side for `amcspice.view.timeline`, settling alone."""
        made, now = [], 0.0
        for phase in self.phases:
            duration = 0.0 if math.isnan(phase.settling_time) else phase.settling_time
            made.append(Phase(phase.block, phase.operation, "operation", now, duration, 1))
            now += duration
        return made

    def __str__(self) -> str:
        said = f"\n{self.caution}" if self.caution else ""
        return f"{_in_columns(self.rows())}{said}"


def _in_columns(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as text, a column a name, numbers with four digits."""
    columns = [[name, *(_text(row[name]) for row in rows)] for name in (rows[0] if rows else ())]
    widths = [max(map(len, column)) for column in columns]
    lines = zip(*columns, strict=True)
    return "\n".join(
        "  ".join(word.rjust(width) for word, width in zip(line, widths, strict=True))
        for line in lines
    )


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
