"""Variants of a circuit, or of the hardware of a program, that have some of their effects."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.design.effects import HEADROOM, Effects, hardware_with, occurring
from amcspice.device import Hardware
from amcspice.device.selected_errors import COMPENSATION
from amcspice.engine import Analysis, get_backend
from amcspice.errors import InputError, UnsupportedError
from amcspice.measure import Measurement
from amcspice.problem import CircuitForm, relative_error
from amcspice.simulation import Run, simulate_many
from amcspice.system import Chip

__all__ = [
    "CircuitVariants",
    "Program",
    "ProgramVariants",
    "Variant",
    "measured_errors",
    "refuse_zero",
    "seeded",
]

Program = Callable[[Chip], ArrayLike]
"""Takes a chip and returns answers, shape (n,) or (n, K)."""


@dataclass(frozen=True)
class Variant:
    """A draw of the hardware with some of its effects.

    Parameters
    ----------
    kept : frozenset of str
        Names of effects.
    seed : int
    """

    kept: Effects
    seed: int


@dataclass(frozen=True, eq=False)
class CircuitVariants:
    """Runs variants of a circuit, all of one kind as one batch."""

    circuit: Circuit
    b: ArrayLike
    analysis: Analysis
    form: CircuitForm | None
    seed: int
    progress: Callable[[float], None] | None
    ranges: dict[int, float] = dataclasses.field(default_factory=dict)
    alarms: list[str] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        if not get_backend(self.analysis).simulates:
            raise UnsupportedError("the ideal fidelity has no errors to budget: use dc")
        if getattr(self.circuit, "pair", None) is not None:
            raise InputError(
                "the arrays of this circuit are programmed already: leave pair out, or take a "
                "program on a chip (program_budget)"
            )

    @property
    def effects(self) -> tuple[str, ...]:
        """The effects that occur."""
        compensated = hasattr(self.circuit, "compensation")
        return tuple(
            name
            for name in self._occurring
            if (name != HEADROOM or self.circuit.floor) and (name != COMPENSATION or compensated)
        )

    @property
    def _occurring(self) -> tuple[str, ...]:
        found = occurring(self.circuit.hardware)
        if getattr(self.circuit, "compensation", True):
            return found
        return tuple(dict.fromkeys((*found, COMPENSATION)))

    def drawn(self, kept: Effects) -> bool:
        """Whether anything is drawn where some effects are kept."""
        return self.variant(Variant(kept, 0)).drawn

    def variant(self, variant: Variant) -> Circuit:
        """Return the circuit of a variant."""
        circuit = self.circuit
        parts = hardware_with(seeded(circuit.hardware, variant.seed), variant.kept).parts()
        if COMPENSATION not in variant.kept and hasattr(circuit, "compensation"):
            parts["compensation"] = True
        return dataclasses.replace(circuit, **parts)

    def run_whole(self, variants: Sequence[Variant]) -> list[Array]:
        """Return the errors (K,) of variants with every effect, which choose ranges by draw."""
        runs = self._run(variants, None)
        volts = (run.range.volts_per_unit for run in runs)
        self.ranges.update(zip((each.seed for each in variants), volts, strict=True))
        self.alarms.extend(dict.fromkeys(each for run in runs for each in run.alarms))
        answers = runs[0].measurement.answer
        refuse_zero(answers if self.form is None else self.form.restore(answers))
        return [measured_errors(run.measurement, self.form) for run in runs]

    def run(self, variants: Sequence[Variant]) -> list[Array]:
        """Return the errors (K,) of other variants, in the ranges of their draws."""
        runs = self._run(variants, [self.ranges[each.seed] for each in variants])
        return [measured_errors(run.measurement, self.form) for run in runs]

    def _run(self, variants: Sequence[Variant], volts: Sequence[float] | None) -> list[Run]:
        circuits = [self.variant(each) for each in variants]
        return simulate_many(
            circuits, [self.b] * len(circuits), self.analysis, self._report, volts=volts
        )

    def _report(self, _count: float) -> None:
        if self.progress is not None:
            self.progress(_count)

    @property
    def cautions(self) -> tuple[str, ...]:
        """What shares stand on."""
        return (*self.circuit.device.cautions, *self.alarms)

    @property
    def range_choice(self) -> str:
        """How volts per unit are chosen."""
        return "reference" if self.analysis.range == "reference" else "fixed"


@dataclass(frozen=True, eq=False)
class ProgramVariants:
    """Runs variants of the hardware of a program."""

    program: Program
    reference: Array
    hardware: Hardware
    options: dict[str, Any]
    progress: Callable[[float], None] | None

    @property
    def seed(self) -> int:
        """That draws follow from."""
        return self.hardware.device.seed

    @property
    def effects(self) -> tuple[str, ...]:
        """The effects that occur."""
        return occurring(self.hardware)

    def drawn(self, kept: Effects) -> bool:
        """Whether anything is drawn where some effects are kept."""
        hardware = hardware_with(self.hardware, kept)
        return hardware.device.drawn or not hardware.opamp.matched

    def run(self, variants: Sequence[Variant]) -> list[Array]:
        """Return the errors (K,) of variants; a chip predicts its ranges by itself."""
        return [self._errors(each) for each in variants]

    run_whole = run

    def _errors(self, variant: Variant) -> Array:
        hardware = hardware_with(seeded(self.hardware, variant.seed), variant.kept)
        answers = np.atleast_2d(np.asarray(self.program(Chip(hardware, **self.options))).T)
        if answers.shape != self.reference.shape:
            raise InputError(
                f"the program returns {answers.T.shape}, but the reference is "
                f"{self.reference.T.shape}"
            )
        if self.progress is not None:
            self.progress(1)
        return relative_error(answers, self.reference)

    @property
    def cautions(self) -> tuple[str, ...]:
        """What shares stand on."""
        return self.hardware.device.cautions

    @property
    def range_choice(self) -> str:
        """How volts per unit are chosen."""
        choice = self.options.get("range", "predicted")
        return choice if isinstance(choice, str) else "fixed"


def measured_errors(measured: Measurement, form: CircuitForm | None) -> Array:
    """Return relative errors, shape (K,), as the problem has them."""
    if form is None or form.error is None:
        return measured.relative_error
    return form.error(form.restore(measured.solution), form.restore(measured.answer))


def seeded(hardware: Hardware, seed: int) -> Hardware:
    """Return hardware whose cells and amplifiers are drawn by a seed."""
    device = dataclasses.replace(hardware.device, seed=seed)
    opamp = hardware.opamp
    if not opamp.matched:
        opamp = dataclasses.replace(opamp, mismatch_seed=seed)
    return dataclasses.replace(hardware, device=device, opamp=opamp)


def refuse_zero(answers: Any) -> None:
    """Refuse ideal answers (K, n) of which one is zero.

    Raises
    ------
    InputError
    """
    zero = ~np.any(answers, axis=-1)
    if zero.any():
        raise InputError(
            f"right-hand side {int(np.flatnonzero(zero)[0])}: its ideal answer is zero, of which "
            "no error is a fraction: leave it out"
        )
