"""`LatencyStudy`: how long a chain of analog circuits takes for a vector, channel by channel.

The chain is one circuit (`amcspice.circuit.topologies.chain`): from the step of its input until
all outputs stay within the settling band, no conversion in between.  The first vector of a channel
starts from rest; the others follow each other, as on a chip, and their steps are larger.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from amcspice.algorithm.system import Figures, Point, System
from amcspice.circuit import CIRCUITS, Circuit
from amcspice.engine import LinearModel, get_backend
from amcspice.errors import InputError, UnsupportedError
from amcspice.reduction import reduce_to_ports
from amcspice.schema import Name, Quantity, parameters
from amcspice.system import Chip, Cost
from amcspice.workload.wireless.channel import (
    Antennas,
    Channel,
    Complex,
    Kronecker,
    Rayleigh,
    Users,
)
from amcspice.workload.wireless.qam import Modulation, ModulationName, modulation

__all__ = ["Latency", "LatencyStudy"]

Array = NDArray[np.float64]

USERS, ANTENNAS, VECTORS = 16, 128, 8

CALIBRATIONS = 4
"""Vectors that each channel's range is predicted from."""


@dataclass(frozen=True, eq=False)
class Latency:
    """What chains took.

    Parameters
    ----------
    chip : Chip
        Every channel was written into it once.
    bits : int
        Of a vector.
    settling : ndarray, shape (C, V)
        Of each vector of each channel; nan: it did not settle [s].
    power, errors : ndarray, shape (C, V)
        At rest [W]; relative to the ideal answers.
    slowest_mode, damping : float
        Of the channel that takes longest: time constant of its slowest mode [s], and the least
        ``-Re l / |l|`` of all its modes.
    amplifiers : int
        Of a chain.
    """

    chip: Chip
    bits: int
    settling: Array
    power: Array
    errors: Array
    slowest_mode: float
    damping: float
    amplifiers: int

    @property
    def from_rest(self) -> Array:
        """Settling of the first vector of each channel, shape (C,) [s]."""
        return self.settling[:, 0]

    @property
    def streamed(self) -> Array:
        """Settling of the slowest vector of each channel, shape (C,) [s]."""
        slowest: Array = self.settling.max(axis=1)
        return slowest

    @cached_property
    def cost(self) -> Cost:
        """What the chip took, with writing and without."""
        return self.chip.cost()

    @property
    def cautions(self) -> tuple[str, ...]:
        """What the figures do not say by themselves."""
        said = []
        unsettled = int(np.isnan(self.settling).sum())
        if unsettled:
            said.append(f"{unsettled} of {self.settling.size} vectors did not settle")
        if not self.chip.hardware.opamp.quiescent_current:
            said.append(
                "these amplifiers draw no quiescent current, so power and energy are those of "
                "arrays and loads alone: take a preset such as --opamp onchip-1g"
            )
        return (*said, *self.cost.cautions)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, SI units in the names."""
        cost, bits, count = self.cost, self.bits, self.settling.shape[1]
        written = max(cost.work.programmings, 1)
        pulses = cost.technology.writing.mean_pulses * cost.technology["pulse_factor"]
        return {
            "settling_time_s": _plain(self.from_rest),
            **_extent(self.from_rest),
            "streamed": {"settling_time_s": _plain(self.streamed), **_extent(self.streamed)},
            "power_w": float(self.power.mean()),
            "energy_j": float((self.power * self.settling).mean()),
            "relative_error": float(np.median(self.errors)),
            "slowest_mode_s": self.slowest_mode,
            "least_damping": self.damping,
            "amplifiers": self.amplifiers,
            "bits_a_vector": bits,
            "operation": cost.operation.to_json(),
            "writing": {
                **cost.writing.to_json(),
                "cells": cost.work.cells / written,
                "pulses": cost.work.cells / written * pulses,
                "vectors": count,
                "energy_per_bit_j": {
                    "counted": (cost.operation.energy + cost.writing.energy / count) / bits,
                    "ignored": cost.operation.energy / bits,
                },
                "technology": cost.technology.name,
            },
            "cautions": list(self.cautions),
        }


@parameters
class LatencyStudy(System):
    """Which chain settles, for which channels.

    Examples
    --------
    >>> import amcspice as amc
    >>> from amcspice.workload.wireless import LatencyStudy
    >>> study = LatencyStudy(users=4, antennas=16, channels=2)
    >>> made = study.run_on(amc.Chip(opamp="onchip-1g", fidelity="behavioural"))
    >>> bool((made.from_rest < 5e-9).all())
    True
    """

    name: ClassVar[str] = "latency"
    metrics: ClassVar[Mapping[str, str]] = {
        "latency_s": "s",
        "latency_largest_s": "s",
        "latency_streamed_s": "s",
        "latency_streamed_largest_s": "s",
        "chain_power_w": "W",
        "chain_energy_j": "J",
        "chain_error": "",
        "least_damping": "",
    }
    """From rest, median and largest of all channels; ``streamed``: of the slowest vector each."""
    higher_is_better: ClassVar[tuple[str, ...]] = ("least_damping",)

    users: Users = None
    antennas: Antennas = None
    modulation: ModulationName = "64qam"
    rho: Annotated[
        float | None,
        Field(ge=0, lt=1, description="Correlation of neighbouring antennas; default: none."),
        Quantity(),
    ] = None
    chain: Annotated[
        Literal["precoder", "detector", "projector"],
        Field(
            description="Inverse and product; matched filter and inverse; or all three in a row."
        ),
    ] = "precoder"
    channels: Annotated[int, Field(ge=1, description="Channel matrices.")] = 40
    symbol_vectors: Annotated[
        int | None,
        Field(ge=1, description="Symbol vectors of a channel, one after the other; default: 8."),
        Name("vectors"),
    ] = None

    def source(self) -> Channel:
        """Return where channels come from; see `Rayleigh` and `Kronecker` for errors."""
        antennas, users = self.antennas or ANTENNAS, self.users or USERS
        if self.rho:
            return Kronecker(antennas, users, self.rho)
        return Rayleigh(antennas, users)

    def run_on(
        self,
        chip: Chip,
        *,
        circuit: Mapping[str, Any] | None = None,
        seed: int = 0,
        progress: Callable[[float], None] | None = None,
    ) -> Latency:
        """Write every channel into a chip, and run vectors.

        Parameters
        ----------
        chip : Chip
            With a fidelity in time.
        circuit : mapping, optional
            Further parameters of the chain, such as ``feedback``.
        seed : int
            Of channels and symbols.
        progress : callable, optional
            Is told how many channels are done since the last call.

        Raises
        ------
        InputError
            If something does not fit, or cannot be programmed.
        UnsupportedError
            If the chip's fidelity has no time, or a channel makes an unstable chain.
        """
        if not get_backend(chip.analysis).in_time:
            raise UnsupportedError(
                f"fidelity {chip.analysis.fidelity} has no time: take behavioural, reduced or flat"
            )
        source, symbols = self.source(), modulation(self.modulation)
        if chip.ledger.operations:
            raise InputError("latency: take a chip that has not run anything, for its account")
        name, count = f"chain-{self.chain}", self.symbol_vectors or VECTORS
        rows, held = [], []
        for number in range(self.channels):
            channel = source.draw(number, seed)
            inputs = self._inputs(channel, symbols, CALIBRATIONS + count, number, seed)
            programmed = chip.program(
                channel, CIRCUITS[name].problems[0], circuit=name,
                calibration=inputs[:, :CALIBRATIONS], **(circuit or {}),
            )  # fmt: skip
            answers = programmed.run(inputs[:, CALIBRATIONS:])
            measured = answers.operations.measurement
            rows.append((measured.settling_time, measured.power["total"], answers.relative_error))
            held.append(programmed.circuit())
            if progress is not None:
                progress(1)
        settling, power, errors = np.array(rows).transpose(1, 0, 2)
        longest = held[int(np.argmax(np.nan_to_num(settling, nan=np.inf).max(axis=1)))]
        return Latency(
            chip, source.users * symbols.bits, settling, power, errors, *_modes(longest),
            longest.amplifier_count,
        )  # fmt: skip

    def _inputs(
        self, channel: Complex, symbols: Modulation, count: int, number: int, seed: int
    ) -> Complex:
        """Return symbol vectors as the chain takes them: (K, V), or what antennas receive."""
        draw = np.random.default_rng([seed, *b"latency", number])
        sent = symbols.modulate(draw.integers(0, 2, (channel.shape[1], count, symbols.bits)))
        return sent if self.chain == "precoder" else channel @ sent

    def run(self, point: Point) -> Figures:
        """Run the channels of a point; see `System.run`."""
        made = self.run_on(point.chip, circuit=point.circuit_options, seed=point["seed"])
        return {
            "latency_s": float(np.median(made.from_rest)),
            "latency_largest_s": float(made.from_rest.max()),
            "latency_streamed_s": float(np.median(made.streamed)),
            "latency_streamed_largest_s": float(made.streamed.max()),
            "chain_power_w": float(made.power.mean()),
            "chain_energy_j": float((made.power * made.settling).mean()),
            "chain_error": float(np.median(made.errors)),
            "least_damping": made.damping,
        }


def _modes(circuit: Circuit) -> tuple[float, float]:
    """Return the time constant of the slowest mode [s], and the least damping of all."""
    modes = LinearModel.of(circuit, reduce_to_ports(circuit.schematic)).modes
    values = modes.eigenvalues
    return float(modes.slowest), float((-values.real / np.abs(values)).min())


def _extent(settling: Array) -> dict[str, float | None]:
    middle, largest = float(np.median(settling)), float(settling.max())
    return {"median_s": _number(middle), "largest_s": _number(largest)}


def _plain(values: Array) -> list[float | None]:
    return [_number(value) for value in values.tolist()]


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None
