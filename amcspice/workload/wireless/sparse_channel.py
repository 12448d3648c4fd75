"""Channels of a few paths, seen through fewer pilots than beams, and their estimation on a chip.

    y = F h + n

with h of N beams, P of which hold a path of independent complex Gaussian gain, E|h|^2 = 1; F of m
pilots, entries of variance 1/m, so that columns have a length of about one; noise of variance
s^2 = 1/(m SNR) a pilot, the ratio being that of one pilot.  Pilots are known and stand in the
cells, channels come and go as right-hand sides.

A circuit finds the lasso of the real and imaginary parts with penalty 0.75 s sqrt(ln 2N), which is
three quarters of the largest of 2N pulls that noise makes, roughly.  The largest P entries of its
answer are the paths, and a digital least squares on their columns is the estimate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from amcspice.algorithm.sparse.recovery import (
    debiased,
    debiasing_flops,
    fista,
    least_squares_on,
    matching_pursuit,
)
from amcspice.circuit.base import Swing
from amcspice.errors import InputError
from amcspice.problem import make_circuit
from amcspice.problem.l1 import lasso
from amcspice.system import Chip
from amcspice.workload.wireless.channel import Complex, gaussian

__all__ = ["PEERS", "BeamChannel", "Estimates", "RecoveryName", "estimate_channels"]

RecoveryName = Literal["lca", "split"]

PEERS = ("lasso", "omp", "fista", "oracle")
"""Digital ones: the exact answer of what circuits are asked, and what else is done for it."""

REAL_PART = 4.0
"""Largest real or imaginary part that the range of a threshold has room for, over the standard
deviation of those of a path: one in 16,000 is larger."""


@dataclass(frozen=True)
class BeamChannel:
    """Channels of few paths, and the pilots that they are seen through.

    Parameters
    ----------
    beams, pilots, paths : int

    Raises
    ------
    InputError
        If there are more paths than pilots, or more pilots than beams.
    """

    beams: int = 64
    pilots: int = 24
    paths: int = 4

    def __post_init__(self) -> None:
        """Refuse what does not fit together."""
        if not 1 <= self.paths <= self.pilots <= self.beams:
            raise InputError(
                f"{self.paths} paths, {self.pilots} pilots, {self.beams} beams: there must be one "
                "path or more, no more paths than pilots, and no more pilots than beams"
            )

    def pilot_matrix(self, seed: int = 0) -> Complex:
        """Return F, shape (pilots, beams)."""
        made: Complex = gaussian((self.pilots, self.beams), seed, "pilots") / np.sqrt(self.pilots)
        return made

    def draw(self, count: int, seed: int = 0) -> Complex:
        """Return channels, shape (beams, count)."""
        channels = np.zeros((self.beams, count), complex)
        for number in range(count):
            chosen = np.random.default_rng([seed, *b"paths", number])
            places = chosen.choice(self.beams, self.paths, replace=False)
            channels[places, number] = gaussian((self.paths,), seed, "gains", number)
        made: Complex = channels / np.sqrt(self.paths)
        return made

    def noise(self, count: int, snr_db: float, seed: int = 0) -> Complex:
        """Return what pilots receive beside the channel, shape (pilots, count)."""
        made: Complex = self.deviation(snr_db) * gaussian((self.pilots, count), seed, "noise")
        return made

    def deviation(self, snr_db: float) -> float:
        """Return the standard deviation s of the noise of a pilot."""
        return float(10 ** (-snr_db / 20) / np.sqrt(self.pilots))

    def penalty(self, snr_db: float) -> float:
        """Return what circuits weigh the L1 term with."""
        return 0.75 * self.deviation(snr_db) * float(np.sqrt(np.log(2 * self.beams)))

    @property
    def peak(self) -> float:
        """Largest real or imaginary part that is reckoned with."""
        return REAL_PART / float(np.sqrt(2 * self.paths))


@dataclass(frozen=True, eq=False)
class Estimates:
    """Channels as they were estimated at one signal-to-noise ratio.

    Parameters
    ----------
    channels : ndarray, shape (N, K)
        What they are.
    found : ndarray, shape (N, K)
        What the circuit gives.
    debiased : ndarray, shape (N, K)
        Least squares on its largest entries.
    peers : dict of str to ndarray, each shape (N, K)
        By the names of `PEERS`: ``lasso`` debiased, FISTA too, with a penalty on magnitudes.
    cautions : tuple of str
    """

    channels: Complex
    found: Complex
    debiased: Complex
    peers: dict[str, Complex]
    cautions: tuple[str, ...] = ()

    def nmse_db(self, estimates: Complex) -> float:
        """Return the mean squared error of estimates over the mean square of channels [dB]."""
        left = np.sum(np.abs(estimates - self.channels) ** 2)
        return float(10 * np.log10(left / np.sum(np.abs(self.channels) ** 2)))

    @property
    def paths_found(self) -> float:
        """Share of the channels whose entries that are not zero were all found."""
        missed = (self.channels != 0) & (self.debiased == 0)
        return float(1 - missed.any(axis=0).mean())

    def figures(self) -> dict[str, float]:
        """Return errors [dB] and the share found, by the names of metrics."""
        return {
            "nmse_db": self.nmse_db(self.debiased),
            "biased_nmse_db": self.nmse_db(self.found),
            "paths_found": self.paths_found,
            **{f"{name}_nmse_db": self.nmse_db(self.peers[name]) for name in PEERS},
        }


def estimate_channels(
    channel: BeamChannel,
    chip: Chip,
    snr_db: float,
    *,
    recovery: RecoveryName = "lca",
    count: int = 50,
    seed: int = 0,
    circuit: dict[str, Any] | None = None,
) -> Estimates:
    """Estimate channels on a chip that holds their pilots.

    Parameters
    ----------
    channel : BeamChannel
    chip : Chip
        Its ledger takes all work, that of the debiasing too.
    snr_db : float
        Of one pilot.
    recovery : {"lca", "split"}
        Soft thresholds, or non-negative parts on [F, -F] (`amcspice.ClassicGINV`).
    count : int
        Channels.
    seed : int
        Of pilots, channels and noise.
    circuit : dict, optional
        Further parameters of the circuit.

    Raises
    ------
    InputError
        If something does not fit, or cannot be programmed.
    """
    pilots, channels = channel.pilot_matrix(seed), channel.draw(count, seed)
    received = pilots @ channels + channel.noise(count, snr_db, seed)
    penalty = channel.penalty(snr_db)
    parameters = {**(circuit or {}), "lasso": penalty}
    name = "lca" if recovery == "lca" else "ginv-classic"
    if recovery == "lca" and "threshold_voltage" not in parameters:
        parameters["threshold_voltage"] = _threshold(channel, chip, pilots, parameters)
    answers = chip.program(pilots, "lasso", circuit=name, **parameters).run(received)
    chip.ledger.compute(
        "debiasing", count * debiasing_flops(channel.pilots, channel.paths, is_complex=True)
    )
    found = np.asarray(answers.x, complex)
    return Estimates(
        channels=channels,
        found=found,
        debiased=debiased(pilots, received, found, channel.paths),
        peers=_peers(channel, pilots, received, channels, penalty),
        cautions=answers.cautions,
    )


def _threshold(
    channel: BeamChannel, chip: Chip, pilots: Complex, parameters: dict[str, Any]
) -> float:
    """Return the threshold voltage of a range with room for the channels to come [V]."""
    open_circuit: Any = make_circuit(
        "lasso", pilots, circuit="lca", hardware=chip.hardware, **parameters
    )
    peak = channel.peak
    volts = open_circuit.range_of(Swing(peak, peak), chip.analysis.read_voltage)
    return float(open_circuit.threshold * volts)


def _peers(
    channel: BeamChannel, pilots: Complex, received: Complex, channels: Complex, penalty: float
) -> dict[str, Complex]:
    """Return what digital methods make of the same pilots."""
    real = np.block([[pilots.real, -pilots.imag], [pilots.imag, pilots.real]])
    exact = lasso(real, np.hstack([received.real.T, received.imag.T]), penalty=penalty)
    first, second = np.split(exact, 2, axis=1)
    # A pull of complex noise is larger than one of its parts by sqrt(ln N)/(0.75 sqrt(ln 2N)).
    ratio = np.sqrt(np.log(channel.beams) / np.log(2 * channel.beams)) / 0.75
    by_magnitude = fista(pilots, received, penalty * float(ratio))
    on_paths = [
        least_squares_on(pilots, y, np.flatnonzero(h))
        for y, h in zip(received.T, channels.T, strict=True)
    ]
    return {
        "lasso": debiased(pilots, received, (first + 1j * second).T, channel.paths),
        "omp": matching_pursuit(pilots, received, channel.paths),
        "fista": debiased(pilots, received, by_magnitude, channel.paths),
        "oracle": np.stack(on_paths, axis=1),
    }
