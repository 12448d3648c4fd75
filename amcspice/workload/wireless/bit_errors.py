"""Bit-error rates of a link, counted: symbols through channels, and through a chip.

Each channel is programmed once for every load on the diagonal, and all signal-to-noise ratios that
share the load send their vectors through it.  The digital twin solves for the same received
vectors exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from amcspice.errors import InputError, UnstableError
from amcspice.system import Chip
from amcspice.workload.wireless.channel import Complex, noise_variance
from amcspice.workload.wireless.curve import Curve, PointFigures
from amcspice.workload.wireless.link import Link, Sent
from amcspice.workload.wireless.processing import Plan, precoder, receiver

__all__ = ["run_link"]

FEWEST_CHANNELS = 20
"""Channels of a point before enough errors end it: those of a few bad ones say little."""


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
        before, sent = len(chip.matrices), Sent.of(link, vectors, number, seed)
        for load, group in _by_load(link, waiting).items():
            send = _uplink if link.direction == "uplink" else _downlink
            try:
                send(link, chip, plan or Plan(), load, group, sent, number, seed)
            except UnstableError:
                _fail(group, "unstable")
        for matrix in chip.matrices[before:]:
            matrix.release()  # no other channel asks for it
        if progress is not None:
            progress(1)
    return Curve(link, tuple(points), chip, vectors)


def _check(known: Complex, load: float, number: int) -> None:
    """Refuse users whom zero forcing cannot tell apart, digitally neither."""
    if not load and np.linalg.matrix_rank(known) < known.shape[1]:
        raise InputError(
            f"channel {number}: columns of its users depend on each other, so that zero forcing "
            "has no answer: take detector mmse, or leave users out"
        )


def _by_load(link: Link, points: Sequence[PointFigures]) -> Mapping[float, list[PointFigures]]:
    groups: dict[float, list[PointFigures]] = {}
    for point in points:
        groups.setdefault(link.load(point.snr_db), []).append(point)
    return groups


def _uplink(
    link: Link, chip: Chip, plan: Plan, load: float, points: list[PointFigures], sent: Sent,
    number: int, seed: int,
) -> None:  # fmt: skip
    true, known = link.drawn(number, seed)
    _check(known, load, number)
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
    _count(points, sent, analog, digital, made.ended)


def _downlink(
    link: Link, chip: Chip, plan: Plan, load: float, points: list[PointFigures], sent: Sent,
    number: int, seed: int,
) -> None:  # fmt: skip
    true, known = link.drawn(number, seed)
    _check(known, load, number)
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
    _count(points, sent, analog, digital, made.ended)


def chip_of_twin() -> Chip:
    """Return a chip for digital work that is in no account."""
    return Chip(fidelity="ideal")


def _count(points: list[PointFigures], sent: Sent, analog: Any, digital: Any, ended: str) -> None:
    parts = zip(
        points,
        np.split(analog, len(points), axis=1),
        np.split(digital, len(points), axis=1),
        strict=True,
    )
    for point, made, exact in parts:
        point.add(sent, made, exact)
        point.short += ended == "iterations"
    if ended not in ("", "iterations"):
        _fail(points, ended)


def _fail(points: Iterable[PointFigures], reason: str) -> None:
    for point in points:
        point.failures[reason] = point.failures.get(reason, 0) + 1
