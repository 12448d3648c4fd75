"""`Curve`: what was counted over signal-to-noise ratios, and what it does not say by itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from amcspice.errors import counted
from amcspice.system import Chip
from amcspice.workload.wireless.channel import Complex
from amcspice.workload.wireless.figures import ErrorCount
from amcspice.workload.wireless.link import Link, Sent

__all__ = ["Curve", "PointFigures"]

What = Literal["all", "digital", "hardware"]
WHAT: tuple[What, ...] = ("all", "digital", "hardware")
"""What EVM is of: of everything, of the digital twin, of what the hardware adds to that."""

WHY = {
    "diverges": "the iteration diverges",
    "indefinite": "the iteration ends, as the programmed matrix is not positive definite",
    "unstable": "the programmed circuit is unstable",
}
"""Reasons that a channel has no answer, in words."""

FEW_ERRORS = 20
"""Bit errors below which a rate is told to be a rough one."""


@dataclass
class PointFigures:
    """What was counted at one signal-to-noise ratio.

    Parameters
    ----------
    snr_db : float
    users : int
    analog, digital : ErrorCount
        Of the chip, and of its digital twin on the same received vectors.
    """

    snr_db: float
    users: int
    analog: ErrorCount = field(default_factory=ErrorCount)
    digital: ErrorCount = field(default_factory=ErrorCount)
    failures: dict[str, int] = field(default_factory=dict)
    """Channels without an answer, by the reason."""
    short: int = 0
    """Channels whose solver had not got there after the iterations that were allowed."""

    def __post_init__(self) -> None:
        self._powers = np.zeros((len(WHAT), self.users))
        self._sent = np.full(self.users, np.nan)

    def add(self, sent: Sent, made: Complex, exact: Complex) -> None:
        """Count the symbols of a channel (K, N), made on the chip and by its twin."""
        for count, received in ((self.analog, made), (self.digital, exact)):
            wrong = sent.modulation.demodulate(received) != sent.bits
            count.add(int(wrong.sum()), wrong.size)
        pairs = ((made, sent.symbols), (exact, sent.symbols), (made, exact))
        for row, (one, other) in enumerate(pairs):
            self._powers[row] += np.sum(np.abs(one - other) ** 2, axis=1)
        self._sent = np.nansum([self._sent, np.sum(np.abs(sent.symbols) ** 2, axis=1)], axis=0)

    @property
    def failed(self) -> bool:
        """Whether some channels have no answer, so that there is no rate."""
        return bool(self.failures)

    def evm_of_users(self, what: What = "all") -> Any:
        """Return the EVM of each user, shape (K,).

        Parameters
        ----------
        what : {"all", "digital", "hardware"}
            Against what was sent; of the twin against what was sent; against the twin, which is
            what the hardware adds.
        """
        return np.sqrt(self._powers[WHAT.index(what)] / self._sent)

    def evm(self, what: What = "all") -> float:
        """Return the EVM of all users together."""
        return float(np.sqrt(self._powers[WHAT.index(what)].sum() / self._sent.sum()))


@dataclass(frozen=True, eq=False)
class Curve:
    """Bit-error rates over signal-to-noise ratios.

    Parameters
    ----------
    link : Link
    points : tuple of PointFigures
    chip : Chip
        Its ledger has what everything took.
    vectors : int
        Symbol vectors of a point and channel.
    """

    link: Link
    points: tuple[PointFigures, ...]
    chip: Chip
    vectors: int

    @property
    def cautions(self) -> tuple[str, ...]:
        """What the figures do not say by themselves, in sentences."""
        said = []
        failures: dict[str, int] = {}
        for point in self.points:
            for reason, count in point.failures.items():
                failures[reason] = max(failures.get(reason, 0), count)
        for reason, count in failures.items():
            said.append(f"no answer for {counted(count, 'channel')}: {WHY[reason]}")
        short = max(point.short for point in self.points)
        if short:
            said.append(
                f"the solver did not get there in the iterations that were allowed, {short} "
                "channels"
            )
        beyond = sum(int(row["saturated"]) for _, row in self.chip.ledger.sums("operation"))
        if beyond:
            said.append(f"{beyond} operations saturate in every range tried")
        rare = [p.snr_db for p in self.points if 0 < sum(p.analog.errors) < FEW_ERRORS]
        if rare:
            said.append(
                f"fewer than {FEW_ERRORS} bit errors at {', '.join(f'{snr:g}' for snr in rare)} "
                "dB: give more channels"
            )
        return tuple(said)

    def to_json(self) -> dict[str, Any]:
        """Return the rates as plain values, an entry for each signal-to-noise ratio."""
        lows, highs = zip(*(point.analog.interval() for point in self.points), strict=True)
        answers = [not point.failed for point in self.points]

        def told(values: Iterable[Any]) -> list[Any]:
            """Return what is not known where channels have no answer as None."""
            return [
                value if answer else None for value, answer in zip(values, answers, strict=True)
            ]

        points = self.points
        return {
            "modulation": self.link.modulation.name,
            "snr_db": [point.snr_db for point in points],
            "ber": told(point.analog.rate for point in points),
            "ber_low": told(lows),
            "ber_high": told(highs),
            "bits": [sum(point.analog.bits) for point in points],
            "bit_errors": [sum(point.analog.errors) for point in points],
            "channels": [len(point.analog.bits) for point in points],
            "vectors": self.vectors,
            "evm": told(point.evm() for point in points),
            "evm_hardware": told(point.evm("hardware") for point in points),
            "evm_hardware_of_users": told(point.evm_of_users("hardware") for point in points),
            "digital": {
                "ber": [point.digital.rate for point in points],
                "evm": [point.evm("digital") for point in points],
            },
            "failures": [point.failures for point in points],
        }

    def snr_at(self, rate: float, *, digital: bool = False) -> float:
        """Return the signal-to-noise ratio of a bit-error rate [dB]; nan beyond the curve.

        Between points the logarithm of the rate is taken as a parabola through the three that are
        nearest: the curve bends.
        """
        counts = [p.digital if digital else p.analog for p in self.points]
        known = [
            (np.log10(count.rate), point.snr_db)
            for count, point in zip(counts, self.points, strict=True)
            if count.rate > 0 and not point.failed
        ]
        target = np.log10(rate)
        below = [k for k, (value, _) in enumerate(known) if value <= target]
        if not below or below[0] == 0:
            return float("nan")
        first = min(max(below[0] - 1, 0), max(len(known) - 3, 0))
        values, ratios = np.transpose(known[first : first + 3])
        return float(np.polyval(np.polyfit(values, ratios, len(values) - 1), target))
