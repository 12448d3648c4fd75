"""Bit-error rates of a link, counted: symbols through channels, and through a chip.

Each channel is programmed once for every load on the diagonal, and all signal-to-noise ratios that
share the load send their vectors through it.  The digital twin solves for the same received
vectors exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from amcspice.errors import InputError, UnstableError
from amcspice.system import Chip
from amcspice.workload.wireless.channel import (
    Channel,
    Complex,
    estimated,
    gaussian,
    noise_variance,
    spread_powers,
)
from amcspice.workload.wireless.figures import ErrorCount
from amcspice.workload.wireless.processing import Plan, precoder, receiver
from amcspice.workload.wireless.qam import Modulation

__all__ = ["Curve", "DetectorName", "Link", "PointFigures", "closed_form", "run_link"]

DetectorName = Literal["zf", "mmse", "rzf", "slnr"]

What = Literal["all", "digital", "hardware"]
WHAT: tuple[What, ...] = ("all", "digital", "hardware")
"""What EVM is of: of everything, of the digital twin, of what the hardware adds to that."""

FEWEST_CHANNELS = 20
"""Channels of a point before enough errors end it: those of a few bad ones say little."""


@dataclass(frozen=True)
class Link:
    """Who sends what to whom.

    Parameters
    ----------
    channel : Channel
    modulation : Modulation
    detector : {"zf", "mmse", "rzf", "slnr"}
        RZF is what MMSE is called in the downlink; SLNR is of the downlink.
    direction : {"uplink", "downlink"}
    spread : float
        Receive powers of the users, from the weakest to the strongest [dB].
    channel_error : float
        Variance of the error of what is known of an entry of the channel.

    Raises
    ------
    InputError
        If detector and direction do not fit together.
    """

    channel: Channel
    modulation: Modulation
    detector: DetectorName = "zf"
    direction: Literal["uplink", "downlink"] = "uplink"
    spread: float = 0.0
    channel_error: float = 0.0

    def __post_init__(self) -> None:
        if self.direction == "uplink" and self.detector in ("rzf", "slnr"):
            raise InputError(
                f"detector {self.detector} precodes: give direction downlink, or detector mmse"
            )

    @property
    def title(self) -> str:
        """Who sends what, in words."""
        users, antennas = self.channel.users, self.channel.antennas
        name = "rzf" if (self.detector, self.direction) == ("mmse", "downlink") else self.detector
        return (
            f"{self.direction}, {users} users, {antennas} antennas, {self.modulation.name}, {name}"
        )

    def load(self, snr_db: float) -> float:
        """Return what is added to the diagonal of H'H."""
        return 0.0 if self.detector == "zf" else noise_variance(snr_db, self.channel.users)

    def drawn(self, number: int, seed: int) -> tuple[Complex, Complex]:
        """Return a channel with the powers of the users, and as it is known."""
        powers = spread_powers(self.channel.users, self.spread)
        true: Complex = self.channel.draw(number, seed) * np.sqrt(powers)
        return true, estimated(true, self.channel_error, number, seed)


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

    def __post_init__(self) -> None:
        self._powers = np.zeros((len(WHAT), self.users))
        self._sent = np.full(self.users, np.nan)

    def add(self, sent: _Sent, made: Complex, exact: Complex) -> None:
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
            said.append(f"no answer for {count} channels: {WHY[reason]}")
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


WHY = {
    "diverges": "the iteration diverges",
    "indefinite": "the iteration ends, as the programmed matrix is not positive definite",
    "iterations": "the residual was not reached in the iterations that were allowed",
    "unstable": "the programmed circuit is unstable",
}

FEW_ERRORS = 20


@dataclass(frozen=True, eq=False)
class _Sent:
    """Bits and symbols of a channel, and the noise of variance one that they meet."""

    modulation: Modulation
    bits: Any
    symbols: Complex
    noise: Complex

    @classmethod
    def of(cls, link: Link, vectors: int, number: int, seed: int) -> _Sent:
        users, modulation = link.channel.users, link.modulation
        draw = np.random.default_rng([seed, *b"bits", number])
        bits = draw.integers(0, 2, (users, vectors, modulation.bits), np.int8)
        where = link.channel.antennas if link.direction == "uplink" else users
        noise = gaussian((where, vectors), seed, "noise", number)
        return cls(modulation, bits, modulation.modulate(bits), noise)


def run_link(
    link: Link,
    chip: Chip,
    snr_db: Sequence[float],
    *,
    plan: Plan | None = None,
    channels: int = 100,
    vectors: int | None = None,
    errors: int | None = None,
    bits: int = 200_000,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Curve:
    """Count the bit errors of a link at signal-to-noise ratios.

    All of them share channels, bits and noise, which is scaled.

    Parameters
    ----------
    link : Link
    chip : Chip
        Its ledger takes all work, digital too.
    snr_db : sequence of float
    plan : Plan, optional
        How it is solved.
    channels : int
        At most, of each point.
    vectors : int, optional
        Symbol vectors of a channel and point; None: as many as make ``bits`` of a point.
    errors : int, optional
        A point ends with so many bit errors, after at least 20 channels; None: after all channels.
    bits : int
        Of a point, where ``vectors`` is None.
    seed : int
    progress : callable, optional
        Is told how many channels are done since the last call.

    Raises
    ------
    InputError
        If something does not fit, or a channel cannot be programmed.
    """
    if not len(snr_db):
        raise InputError("snr_db: there are no values")
    users = link.channel.users
    if vectors is None:
        vectors = -(-bits // (channels * users * link.modulation.bits))
    points = [PointFigures(float(snr), users) for snr in snr_db]
    for number in range(channels):
        waiting = [
            point
            for point in points
            if errors is None or number < FEWEST_CHANNELS or sum(point.analog.errors) < errors
        ]
        if not waiting:
            break
        sent = _Sent.of(link, vectors, number, seed)
        for load, group in _by_load(link, waiting).items():
            send = _uplink if link.direction == "uplink" else _downlink
            try:
                send(link, chip, plan or Plan(), load, group, sent, number, seed)
            except UnstableError:
                _fail(group, "unstable")
        if progress is not None:
            progress(1)
    return Curve(link, tuple(points), chip, vectors)


def _by_load(link: Link, points: Sequence[PointFigures]) -> Mapping[float, list[PointFigures]]:
    groups: dict[float, list[PointFigures]] = {}
    for point in points:
        groups.setdefault(link.load(point.snr_db), []).append(point)
    return groups


def _uplink(
    link: Link, chip: Chip, plan: Plan, load: float, points: list[PointFigures], sent: _Sent,
    number: int, seed: int,
) -> None:  # fmt: skip
    true, known = link.drawn(number, seed)
    made = receiver(chip, known, load, plan)
    clean = true @ sent.symbols
    variances = [noise_variance(point.snr_db, link.channel.users) for point in points]
    y = np.hstack([clean + np.sqrt(variance) * sent.noise for variance in variances])
    analog = made.detect(y)
    gram = known.conj().T @ known + load * np.eye(known.shape[1])
    digital = np.linalg.solve(gram, known.conj().T @ y)
    if load:  # MMSE shrinks symbols: pilots tell by how much, the hardware's own as well
        analog = analog / np.diag(made.detect(known))[:, None]
        chip.ledger.compute("gains", 6.0 * analog.size)
        digital = digital / np.diag(np.linalg.solve(gram, known.conj().T @ known))[:, None]
    _count(points, sent, analog, digital, made.failure)


def _downlink(
    link: Link, chip: Chip, plan: Plan, load: float, points: list[PointFigures], sent: _Sent,
    number: int, seed: int,
) -> None:  # fmt: skip
    true, known = link.drawn(number, seed)
    equal = link.detector == "slnr"
    made = precoder(chip, known, load, plan, equal_powers=equal)
    twin = precoder(chip_of_twin(), known, load, Plan("digital"), equal_powers=equal)
    received: list[Any] = []
    for each in (made, twin):
        arriving = true.conj().T @ each.send(sent.symbols)
        # Users know their gain by pilots that are precoded as the symbols are.
        gains = np.diag(true.conj().T @ each.send(np.eye(len(arriving), dtype=complex)))
        noises = [10 ** (-point.snr_db / 20) * sent.noise for point in points]
        received.append(np.hstack([arriving + noise for noise in noises]) / gains[:, None])
    analog, digital = received
    _count(points, sent, analog, digital, made.failure)


def chip_of_twin() -> Chip:
    """Return a chip for digital work that is in no account."""
    return Chip(fidelity="ideal")


def _count(
    points: list[PointFigures], sent: _Sent, analog: Any, digital: Any, failure: str
) -> None:
    parts = zip(
        points,
        np.split(analog, len(points), axis=1),
        np.split(digital, len(points), axis=1),
        strict=True,
    )
    for point, made, exact in parts:
        point.add(sent, made, exact)
    if failure:
        _fail(points, failure)


def _fail(points: Iterable[PointFigures], reason: str) -> None:
    for point in points:
        point.failures[reason] = point.failures.get(reason, 0) + 1


def closed_form(link: Link, snr_db: float, evm: float = 0.0) -> float:
    """Return the bit-error rate of zero forcing, independent Gaussian channels, equal powers.

    Every user is taken to have the mean signal-to-noise ratio after zero forcing, and what the
    hardware adds to be Gaussian noise: good to some percent above 1e-2, too low near a floor, as
    channels differ.

    Parameters
    ----------
    link : Link
    snr_db : float
    evm : float
        Of the hardware.
    """
    users, antennas = link.channel.users, link.channel.antennas
    noise = noise_variance(snr_db, users) / (antennas - users + 1)
    return float(link.modulation.bit_error_rate(1 / (noise + evm**2)))
