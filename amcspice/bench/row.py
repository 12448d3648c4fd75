"""`Row`: one line of the results, and the CSV file that holds them."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from amcspice.bench.timing import Measured
from amcspice.errors import InputError
from amcspice.files import replacing

__all__ = ["COLUMNS", "NotRun", "Row", "Status", "read_rows", "write_rows"]

Status = Literal["ok", "answers differ", "not run", "failed"]


class NotRun(Exception):  # noqa: N818 - an outcome, not an error
    """A comparison cannot be made here; the message is the reason."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was measured on one problem.

    Parameters
    ----------
    comparison : str
        Name of the comparison.
    case : str
        Problem and size.
    ours, peer : str
        What was run; ``peer`` is empty where there is none.
    ours_s, peer_s : float, optional
        Medians [s]; None was not run.
    ours_spread, peer_spread : float, optional
        Slowest less fastest run, as a fraction of the median; 0 for a single run.
    ours_runs, peer_runs : int
    wanted_ratio : float, optional
        What the ratio should not fall below at this size; falling below is no error.
    wanted_s : float, optional
        What ours should not take longer than [s]; longer is no error.
    deviation : float, optional
        Between the answers, as a fraction of full scale unless the note says otherwise.
    tolerance : float, optional
        Largest deviation at which the answers count as equal.
    status : {"ok", "answers differ", "not run", "failed"}
    note : str
        What else there is to know, or the reason.
    size : float, optional
        Position in a growth series.
    headline : bool
        Whether the row stands in the short table.
    quick : bool
        Whether the sizes are the small ones of ``--quick``.
    cores : int
        Cores that the process may use.
    versions : str
        Versions of what was run.
    """

    comparison: str
    case: str = ""
    ours: str = ""
    peer: str = ""
    ours_s: float | None = None
    ours_spread: float | None = None
    ours_runs: int = 0
    peer_s: float | None = None
    peer_spread: float | None = None
    peer_runs: int = 0
    wanted_ratio: float | None = None
    wanted_s: float | None = None
    deviation: float | None = None
    tolerance: float | None = None
    status: Status = "ok"
    note: str = ""
    size: float | None = None
    headline: bool = False
    quick: bool = False
    cores: int = 0
    versions: str = ""

    @property
    def ratio(self) -> float | None:
        """Time of the peer over ours: above 1 we are faster."""
        if self.ours_s is None or self.peer_s is None:
            return None
        return self.peer_s / self.ours_s

    @property
    def limit(self) -> str:
        """Which figure is held to what, in words; empty if none is."""
        limits = []
        if self.wanted_ratio is not None:
            limits.append(f"ratio at least {self.wanted_ratio:.3g}")
        if self.wanted_s is not None:
            limits.append(f"at most {self.wanted_s:g} s")
        return ", ".join(limits)

    @property
    def missed(self) -> bool:
        """Whether a figure is beyond its limit."""
        wanted, seconds = self.wanted_ratio, self.wanted_s
        falls_short = wanted is not None and self.ratio is not None and self.ratio < wanted
        too_long = seconds is not None and self.ours_s is not None and self.ours_s > seconds
        return falls_short or too_long

    @property
    def wrong(self) -> bool:
        """Whether the row makes the whole run an error."""
        return self.status in ("answers differ", "failed")

    @classmethod
    def of(
        cls,
        comparison: str,
        case: str,
        measured: dict[str, Measured],
        *,
        ours: str,
        peer: str = "",
        deviation: float,
        tolerance: float,
        **more: Any,
    ) -> Row:
        """Return the row of a measurement; answers that differ show in its status.

        Parameters
        ----------
        comparison, case : str
        measured : dict of str to Measured
            Timings of the sides, from `amcspice.bench.timing.side_by_side`.
        ours, peer : str
            Names of the sides; no peer is a time by itself.
        deviation, tolerance : float
        **more
            Other fields.
        """
        timings: dict[str, Any] = {}
        for side, name in (("ours", ours), ("peer", peer)):
            if name:
                timing = measured[name]
                timings |= {
                    side: name,
                    f"{side}_s": timing.median,
                    f"{side}_spread": timing.spread,
                    f"{side}_runs": len(timing.seconds),
                }
        # Written so that nan is not equal.
        status: Status = "ok" if deviation <= tolerance else "answers differ"
        return cls(
            comparison=comparison,
            case=case,
            deviation=float(deviation),
            tolerance=tolerance,
            status=status,
            **timings,
            **more,
        )

    def to_mapping(self) -> dict[str, Any]:
        """Return every column as a plain value."""
        return {name: getattr(self, name) for name in COLUMNS}


_NAMES = tuple(field.name for field in dataclasses.fields(Row))
COLUMNS = (*_NAMES[:4], "ratio", *_NAMES[4:])
"""Columns of the CSV file; an empty cell is None."""


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as CSV, whole or not at all."""
    with replacing(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: _text(v) for k, v in row.to_mapping().items()} for row in rows)


def read_rows(path: Path) -> list[Row]:
    """Read rows back.

    Raises
    ------
    InputError
        If the file is not one that `write_rows` wrote.
    """
    try:
        with path.open(newline="") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise InputError(f"{path}: the columns are not those of benchmark results")
            return [_row(line) for line in reader]
    except (OSError, KeyError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} cannot be read as benchmark results: {error}") from None


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _row(line: dict[str, str]) -> Row:
    values: dict[str, Any] = {}
    for field in dataclasses.fields(Row):
        text = line[field.name]
        values[field.name] = (
            None
            if text == "" and "None" in str(field.type)
            else _READ.get(str(field.type), _same)(text)
        )
    if values["status"] not in get_args(Status):
        raise ValueError(f"unknown status {values['status']!r}")
    return Row(**values)


def _same(text: str) -> str:
    return text


_READ: dict[str, Callable[[str], Any]] = {
    "float | None": float,
    "int": int,
    "bool": {"True": True, "False": False}.__getitem__,
}
