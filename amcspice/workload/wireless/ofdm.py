"""`OfdmStudy`: OFDM whose Fourier transforms are products on a chip.

Symbols on N subcarriers are transformed to samples and back, without noise and through an ideal
channel, so that what is off comes from the arrays.  The equaliser has one factor a subcarrier, from
pilots that were sent before the data; limits of EVM are of what is left after it (3GPP TS 38.104,
table 6.5.2.2-1; TS 38.101-1, annex F).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from amcspice.algorithm.dft import (
    LARGEST_ON_CHIP,
    SplitDFT,
    applied_dft,
    law_of_errors,
    radices_of,
)
from amcspice.algorithm.system import Figures, Point, System
from amcspice.errors import InputError, UnsupportedError
from amcspice.schema import parameters
from amcspice.system import Chip
from amcspice.workload.wireless.channel import Complex
from amcspice.workload.wireless.figures import best_gain, evm
from amcspice.workload.wireless.qam import MODULATIONS, ModulationName, modulation

__all__ = ["Ofdm", "OfdmStudy"]

NOT_ON_CHIP = (
    f"arrays of more than {LARGEST_ON_CHIP} points stand for what they apply at rest, amplifiers "
    "of infinite gain, no converters: no operation of theirs is in the account"
)


@dataclass(frozen=True, eq=False)
class Ofdm:
    """What OFDM symbols came to.

    Parameters
    ----------
    chip : Chip
    radices : tuple of int
    evm, evm_equalised : float
    by_subcarrier : ndarray, shape (N,)
        EVM after the equaliser.
    law : dict
        See `law_of_errors`, for all transforms.
    symbols : int
        OFDM symbols, pilots too.
    bits : int
        Of an OFDM symbol.
    cautions : tuple of str
    """

    chip: Chip
    radices: tuple[int, ...]
    evm: float
    evm_equalised: float
    by_subcarrier: NDArray[np.float64]
    law: dict[str, float | None]
    symbols: int
    bits: int
    cautions: tuple[str, ...]

    @property
    def limits(self) -> dict[str, tuple[float, bool]]:
        """Largest EVM of each modulation, and whether it is met."""
        return {
            name: (each.evm_limit, self.evm_equalised <= each.evm_limit)
            for name, each in MODULATIONS.items()
        }

    def to_json(self) -> dict[str, Any]:
        """Return plain values, SI units in the names."""
        content: dict[str, Any] = {
            "evm": self.evm,
            "evm_equalised": self.evm_equalised,
            "evm_subcarriers": self.by_subcarrier.tolist(),
            "radix": list(self.radices),
            "law": self.law,
            "limits": {
                name: {"evm": limit, "met": met} for name, (limit, met) in self.limits.items()
            },
            "cautions": list(self.cautions),
        }
        if not self.chip.ledger.operations:
            return content
        cost = self.chip.cost()
        bits = self.symbols * self.bits
        return content | {
            "writing": {
                **cost.writing.to_json(),
                "cells": cost.work.cells,
                "symbols": self.symbols,
                "energy_per_bit_j": {
                    "counted": cost.counted.energy / bits,
                    "ignored": cost.ignored.energy / bits,
                },
                "technology": cost.technology.name,
            },
            "symbol": {
                "time_s": cost.ignored.time / self.symbols,
                "energy_j": cost.ignored.energy / self.symbols,
            },
            "cautions": [*self.cautions, *cost.cautions],
        }


@parameters
class OfdmStudy(System):
    """Which transform, and how many symbols.

    Raises
    ------
    InputError
        If the radix does not fit.

    Examples
    --------
    >>> import amcspice as amc
    >>> from amcspice.workload.wireless import OfdmStudy
    >>> made = OfdmStudy(points=16).run_on(amc.Chip(write_noise=0.01, seed=1))
    >>> 0.01 < made.evm < 0.02
    True
    """

    name: ClassVar[str] = "ofdm"
    metrics: ClassVar[Mapping[str, str]] = {"evm": "", "evm_equalised": "", "evm_worst": ""}
    """``evm_worst`` is that of the worst subcarrier, equalised."""

    points: Annotated[int, Field(ge=2, le=4096, description="Subcarriers: points of the DFT.")] = 64
    radix: Annotated[
        str | None,
        Field(
            description="Points of the arrays that the DFT is split into, such as 32x32; default: "
            "as few as have at most 64 points."
        ),
    ] = None
    transform: Annotated[
        Literal["dft", "idft", "both"],
        Field(description="What the chip does: the receiver's DFT, the sender's inverse, or both."),
    ] = "dft"
    modulation: ModulationName = "64qam"
    ofdm_symbols: Annotated[int, Field(ge=1, description="OFDM symbols with data.")] = 32
    pilots: Annotated[
        int, Field(ge=1, description="OFDM symbols before them that the equaliser learns from.")
    ] = 8

    def __post_init__(self) -> None:
        """Refuse a radix that does not fit."""
        radices_of(self.points, self.radix)

    def run_on(
        self, chip: Chip, *, circuit: Mapping[str, Any] | None = None, seed: int = 0
    ) -> Ofdm:
        """Write the transforms into a chip, and send symbols.

        Parameters
        ----------
        chip : Chip
        circuit : mapping, optional
            Further parameters of the products, such as ``feedback``.
        seed : int
            Of the symbols.

        Raises
        ------
        InputError
            If something cannot be programmed.
        UnsupportedError
            If an array is too large for its circuit, and not asked for at rest.
        """
        radices, symbols = radices_of(self.points, self.radix), modulation(self.modulation)
        draw = np.random.default_rng([seed, *b"ofdm"])
        count = self.pilots + self.ofdm_symbols
        sent = symbols.modulate(draw.integers(0, 2, (self.points, count, symbols.bits)))
        whole = self._transforms(chip, radices, dict(circuit or {}), sent)
        received = whole[1](whole[0](sent))
        gain = best_gain(received[:, : self.pilots], sent[:, : self.pilots], axis=1)
        if not np.all(gain):
            raise InputError(f"nothing arrives of {np.sum(gain == 0)} subcarriers: no cell is on")
        data, wanted = received[:, self.pilots :], sent[:, self.pilots :]
        equalised = data / gain[:, None]
        arrays = radices * (2 if self.transform == "both" else 1)
        return Ofdm(
            chip, radices, float(evm(data, wanted)), float(evm(equalised, wanted)),
            evm(equalised, wanted, axis=1), law_of_errors(arrays, chip.hardware), count,
            self.points * symbols.bits, (NOT_ON_CHIP,) if max(radices) > LARGEST_ON_CHIP else (),
        )  # fmt: skip

    def _transforms(
        self, chip: Chip, radices: tuple[int, ...], circuit: dict[str, Any], sent: Complex
    ) -> list[Any]:
        """Return the sender's and the receiver's transform, on the chip or ideal."""
        made: list[Any] = []
        samples = np.fft.ifft(sent, axis=0, norm="ortho")
        for name, inverse, vectors in (("idft", True, sent), ("dft", False, samples)):
            if self.transform not in (name, "both"):
                ideal = np.fft.ifft if inverse else np.fft.fft
                made.append(functools.partial(ideal, axis=0, norm="ortho"))
            elif max(radices) > LARGEST_ON_CHIP:
                made.append(self._at_rest(chip, radices, circuit, inverse=inverse))
            else:
                split = SplitDFT(
                    chip, self.points, radices, inverse=inverse, calibration=vectors[:, :2],
                    **circuit,
                )  # fmt: skip
                made.append(split.__matmul__)
        return made

    def _at_rest(
        self, chip: Chip, radices: tuple[int, ...], circuit: dict[str, Any], *, inverse: bool
    ) -> Any:
        if len(radices) > 1:
            raise InputError(
                f"radix {'x'.join(map(str, radices))}: of several arrays none may have more than "
                f"{LARGEST_ON_CHIP} points"
            )
        converts = chip.hardware.dac is not None or chip.hardware.adc is not None
        if not chip.analysis_has_no_time or circuit or converts:
            raise UnsupportedError(
                f"an array of {radices[0]} points: more than {LARGEST_ON_CHIP} are known at "
                "fidelity dc, without converters and further parameters of circuits; split it"
            )
        applied = applied_dft(self.points, chip.hardware, inverse=inverse)

        def transform(x: Complex) -> Complex:
            real, imaginary = np.split(applied @ np.vstack([x.real, x.imag]), 2)
            made: Complex = real + 1j * imaginary
            return made

        return transform

    def run(self, point: Point) -> Figures:
        """Send the symbols of a point; see `System.run`."""
        made = self.run_on(point.chip, circuit=point.circuit_options, seed=point["seed"])
        return {
            "evm": made.evm,
            "evm_equalised": made.evm_equalised,
            "evm_worst": float(made.by_subcarrier.max()),
        }
