"""Trajectories of piecewise-linear circuits, exact between events: the usual way in time.

What runs is in ``kernel/trajectory.cpp`` and what that includes.  Settling times, energies and
the outputs at the time of sampling come from the trajectories themselves; samples are made only
where waveforms are kept.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit.base import Array
from amcspice.engine.batch import Batch, Drive
from amcspice.engine.behavioural import followed
from amcspice.engine.behavioural.followed import Followed, Limits, along, injected
from amcspice.engine.equations.arrays import Samples
from amcspice.engine.equations.piecewise import PiecewiseLinear
from amcspice.errors import InputError, UnsupportedError
from amcspice.native import compiled

__all__ = ["Trajectories"]

MOST_PIECES = 20_000
"""Pieces after which a right-hand side counts as one that never rests; usual ones take dozens."""


class Trajectories:
    """Follows right-hand sides through the regions of circuits.

    Parameters
    ----------
    batch : Batch
    equations : PiecewiseLinear
        Of all circuits.
    longest : ndarray, shape (C,)
        Time after which a right-hand side is given up [s].
    band : float
        Half-width of the settling band, as a fraction of the largest final output.
    limits : Limits
    given : bool
        Whether that time is a window that was asked for; see `Integrator`.
    """

    def __init__(
        self,
        batch: Batch,
        equations: PiecewiseLinear,
        longest: Array,
        band: float,
        limits: Limits,
        *,
        given: bool = False,
    ) -> None:
        self.batch, self.equations, self._longest, self._band = batch, equations, longest, band
        self._limits = limits
        self._given, adc = given, batch.circuit.adc
        self._sample_time = None if adc is None else adc.sample_time

    @property
    def options(self) -> str:
        """What was chosen, for the provenance."""
        return f"series and modes rest={followed.REST:g}"

    @functools.cached_property
    def _on_negative(self) -> Array:
        """1 for amplifiers that sink into the negative supply, 0 for those that do to ground."""
        banks = self.batch.circuit.schematic.amplifiers
        on = [0.0 if bank.floor_at_ground else 1.0 for bank in banks]
        return np.repeat(on, [len(bank.out) for bank in banks])

    @functools.cached_property
    def _by_source(self) -> Array:
        """Port voltages for sources, hold currents and states, shape (C, P, 2 k + c)."""
        eq = self.equations
        stacked = np.concatenate([eq.from_sources, -eq.from_held, eq.from_states], axis=-1)
        return stacked.reshape(len(self.batch), *stacked.shape[-2:])

    @functools.cached_property
    def _kernel(self) -> compiled.Trajectories:
        eq, opamp = self.equations.arrays, self.batch.circuit.opamp
        outputs = self._by_source[:, self.batch.outputs]
        currents = -self._by_source[:, self.equations.out] / eq.rout
        k = currents.shape[1]
        currents[:, np.arange(k), np.arange(k)] += 1 / eq.rout
        return compiled.Trajectories(
            eq.stacked(),
            np.ascontiguousarray(outputs),
            np.ascontiguousarray(currents),
            self.equations.charging.reshape(currents.shape),
            np.full(k, float(opamp.supply_positive)),
            opamp.supply_negative * self._on_negative,
            np.ascontiguousarray(self._longest, dtype=float),
            self._given,
            followed.REST,
            self.batch.circuit.bounded,
            MOST_PIECES if self._limits.most is None else self._limits.most,
            self._limits.longest_step,
        )

    def follow(
        self,
        drive: Drive,
        expected: int = 0,
        *,
        waveforms: bool = True,
        rest_times: bool = False,
    ) -> Followed:
        """Return what becomes of the right-hand sides of every circuit.

        Parameters
        ----------
        drive : Drive
        expected : int
            Right-hand sides that are still to come: of no use here.
        waveforms : bool
            Make samples; else there is one of each right-hand side, its last.
        rest_times : bool
            Find the times of rest, too; with waveforms they are found anyway.
        """
        parts, eq = self.equations, self.equations.arrays
        local = along(drive.into, parts.local, parts.bias)
        power, constant = self._power(drive, local)
        inputs = (
            *injected(parts, drive),
            np.ascontiguousarray(local[..., self.batch.outputs]),
            np.ascontiguousarray(-local[..., parts.out] / eq.rout),
            power,
            constant,
        )
        shows = waveforms, rest_times or waveforms
        try:
            found = self._kernel.run(*inputs, self._band, self._sample_time, *shows)
        except OverflowError as error:
            if str(error) == "samples":
                raise InputError(
                    f"max_step = {self._limits.longest_step:g} s gives more than 1,000,000 samples "
                    "of a right-hand side: take a larger one, or a window"
                ) from None
            raise UnsupportedError(
                "time constants of the circuit lie too far apart to be followed; look for a "
                "capacitance, resistance or frequency of an unusual size, or use dc fidelity"
            ) from None
        final, settling, energy, rests, at_rest, sampled, time, shown, starts = found
        rested = at_rest.view(bool)
        ends = np.where(rested, 0.0, np.repeat(self._longest, len(drive)))
        last = self._samples(ends, final, np.arange(len(final) + 1), rested)
        samples = self._samples(time, shown, starts, rested) if waveforms else last
        at_time = None
        if self._sample_time is not None:
            at_time = self._voltages(sampled, local)
        return Followed(samples, local, rests, last, settling, energy, at_time)

    def _samples(
        self, time: Array, sources: Array, starts: NDArray[np.intp], at_rest: NDArray[np.bool_]
    ) -> Samples:
        k = self.equations.arrays.difference_a.shape[-1]
        parts = sources[:, :k], sources[:, k : 2 * k], sources[:, 2 * k :]
        return Samples(time, *parts, starts, at_rest)

    def _power(self, drive: Drive, local: Array) -> tuple[Array, Array]:
        """Return what all sources deliver but for the currents of outputs.

        That is for the sources, hold currents and states, shape (C, K, 2 k + c), and besides,
        shape (C, K).
        """
        opamp, k = self.batch.circuit.opamp, len(self._on_negative)
        signed = drive.signed
        power = signed @ self._by_source
        power[..., k : 2 * k] -= opamp.supply_negative
        static = opamp.supply_positive * k - opamp.supply_negative * self._on_negative.sum()
        constant = np.einsum("ckp,ckp->ck", signed, local) + drive.local
        constant += opamp.quiescent_current * static
        return power, constant

    def _voltages(self, sources: Array, local: Array) -> Array:
        """Return port voltages (C K, P) for sources (C K, 2 k + c) of each right-hand side."""
        count, each, ports = local.shape
        voltages = sources.reshape(count, each, -1) @ self._by_source.swapaxes(-1, -2)
        voltages += local
        return np.asarray(voltages.reshape(-1, ports))
