"""`error_budget`: what the error of a circuit is made of; `program_budget`: that of a program.

Every effect is left out, and is left alone, with the same cells and amplifiers and in the range of
the circuit with all of them.  What nothing is drawn of runs once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.design.budget import ErrorBudget
from amcspice.design.effects import HEADROOM, Effects, hardware_with, occurring
from amcspice.device import Hardware
from amcspice.device.selected_errors import COMPENSATION
from amcspice.engine import Analysis, choose_analysis, get_backend
from amcspice.errors import InputError, UnsupportedError
from amcspice.problem import CircuitForm, relative_error
from amcspice.simulation import simulate_many
from amcspice.simulation.montecarlo import trial_seed
from amcspice.system import Chip

__all__ = ["Program", "error_budget", "program_budget"]

SEEDS = 10
NO_EFFECT: Effects = frozenset()

Program = Callable[[Chip], ArrayLike]
"""Takes a chip and returns answers, shape (n,) or (n, K)."""


def error_budget(
    circuit: Circuit,
    b: ArrayLike,
    *,
    seeds: int = SEEDS,
    seed: int | None = None,
    analysis: Analysis | None = None,
    form: CircuitForm | None = None,
    progress: Callable[[float], None] | None = None,
    **options: Any,
) -> ErrorBudget:
    """Return which effects have what part in the error of a circuit.

    Parameters
    ----------
    circuit : Circuit
    b : array_like, shape (m,) or (m, K)
        Right-hand sides.
    seeds : int
        Draws of cells and amplifiers, where anything is drawn: common to all effects.
    seed : int, optional
        That the draws follow from; None is that of the device.
    analysis : Analysis, optional
        Or its fields as keywords; dc where none is given.
    form : CircuitForm, optional
        Where the circuit solves another form of a problem.
    progress : callable, optional
        Called with the number of circuits that ran.
    **options
        Fields of `Analysis`.

    Returns
    -------
    ErrorBudget

    Raises
    ------
    InputError
        If the input cannot be used, or an ideal answer is zero, of which nothing is a fraction.
    UnstableError
        If a circuit has no rest with one of the draws.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> A = np.array([[1.0, 0.2], [0.3, 0.8], [0.5, 0.5]])
    >>> circuit = amc.CompactGINV(A, device=amc.Memristor(levels=16, write_noise=0.02))
    >>> budget = amc.error_budget(circuit, A @ [0.5, 0.25])
    >>> budget.largest(), abs(budget.unexplained) < 0.15
    ('write_noise', True)
    """
    if analysis is None:
        options = {"fidelity": "dc", **options}
    runner = _Circuits(
        circuit, b, choose_analysis(analysis, options), form, circuit.device.seed, progress
    )
    return _budget(runner, seeds, seed)


def program_budget(
    program: Program,
    reference: ArrayLike,
    hardware: Hardware,
    *,
    seeds: int = SEEDS,
    seed: int | None = None,
    progress: Callable[[float], None] | None = None,
    **options: Any,
) -> ErrorBudget:
    """Return which effects have what part in the error of a program on a chip.

    Parameters
    ----------
    program : callable
        Takes a `Chip` and returns answers, shape (n,) or (n, K).
    reference : array_like
        Ideal answers, same shape.
    hardware : Hardware
        Of the chip.
    seeds, seed, progress
        See `error_budget`.
    **options
        Of `Chip`, such as ``fidelity``, ``range`` and fields of `Analysis`.

    Returns
    -------
    ErrorBudget

    Raises
    ------
    InputError
        If the program returns another shape, or an ideal answer is zero.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> from amcspice.algorithm import BlockInverse
    >>> A, b = np.eye(6) + 0.1, np.ones(6)
    >>> budget = amc.program_budget(
    ...     lambda chip: BlockInverse(chip, A, stages=1).solve(b),
    ...     np.linalg.solve(A, b),
    ...     amc.Hardware().changed(write_noise=0.02, gain=1e4),
    ...     seeds=8,
    ... )
    >>> budget.largest()
    'write_noise'
    """
    ideal = np.atleast_2d(np.asarray(reference).T)
    _refuse_zero(ideal)
    runner = _Programs(program, ideal, hardware, options, progress)
    return _budget(runner, seeds, seed)


@dataclass(frozen=True)
class _Variant:
    """A draw of the hardware with some of its effects; seed None: nothing is drawn."""

    kept: Effects
    seed: int


@dataclass(frozen=True, eq=False)
class _Circuits:
    """Runs variants of a circuit, all of one kind as one batch."""

    circuit: Circuit
    b: ArrayLike
    analysis: Analysis
    form: CircuitForm | None
    seed: int
    progress: Callable[[float], None] | None
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
        return self.variant(_Variant(kept, 0)).drawn

    def variant(self, variant: _Variant) -> Circuit:
        circuit = self.circuit
        parts = hardware_with(_seeded(circuit.hardware, variant.seed), variant.kept).parts()
        if COMPENSATION not in variant.kept and hasattr(circuit, "compensation"):
            parts["compensation"] = True
        return dataclasses.replace(circuit, **parts)

    def run(self, first: Sequence[_Variant], others: Sequence[_Variant]) -> list[Array]:
        """Return the errors (K,) of variants: the first choose ranges for the others, by seed."""
        whole = simulate_many(
            [self.variant(each) for each in first], [self.b] * len(first), self.analysis,
            self._report,
        )  # fmt: skip
        ranges = {
            each.seed: run.range.volts_per_unit for each, run in zip(first, whole, strict=True)
        }
        common = whole[0].range.volts_per_unit
        runs = simulate_many(
            [self.variant(each) for each in others], [self.b] * len(others), self.analysis,
            self._report, volts=[ranges.get(each.seed, common) for each in others],
        )  # fmt: skip
        self.alarms.extend(dict.fromkeys(each for run in whole for each in run.alarms))
        answers = whole[0].measurement.answer
        _refuse_zero(answers if self.form is None else self.form.restore(answers))
        return [self._errors(run.measurement) for run in (*whole, *runs)]

    def _errors(self, measured: Any) -> Array:
        if self.form is None or self.form.error is None:
            errors: Array = measured.relative_error
            return errors
        restore = self.form.restore
        return self.form.error(restore(measured.solution), restore(measured.answer))

    def _report(self, _count: float) -> None:
        if self.progress is not None:
            self.progress(_count)

    @property
    def cautions(self) -> tuple[str, ...]:
        return (*self.circuit.device.cautions, *self.alarms)

    @property
    def range_choice(self) -> str:
        return "reference" if self.analysis.range == "reference" else "fixed"


@dataclass(frozen=True, eq=False)
class _Programs:
    """Runs variants of the hardware of a program."""

    program: Program
    reference: Array
    hardware: Hardware
    options: dict[str, Any]
    progress: Callable[[float], None] | None

    @property
    def seed(self) -> int:
        return self.hardware.device.seed

    @property
    def effects(self) -> tuple[str, ...]:
        return occurring(self.hardware)

    def drawn(self, kept: Effects) -> bool:
        hardware = hardware_with(self.hardware, kept)
        return hardware.device.drawn or not hardware.opamp.matched

    def run(self, first: Sequence[_Variant], others: Sequence[_Variant]) -> list[Array]:
        """Return the errors (K,) of variants; a chip predicts its ranges by itself."""
        return [self._errors(each) for each in (*first, *others)]

    def _errors(self, variant: _Variant) -> Array:
        hardware = hardware_with(_seeded(self.hardware, variant.seed), variant.kept)
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
        return self.hardware.device.cautions

    @property
    def range_choice(self) -> str:
        choice = self.options.get("range", "predicted")
        return choice if isinstance(choice, str) else "fixed"


def _budget(runner: _Circuits | _Programs, seeds: int, seed: int | None) -> ErrorBudget:
    """Run every variant that is needed, once each, and put them together."""
    if not isinstance(seeds, int | np.integer) or isinstance(seeds, bool) or seeds < 1:
        raise InputError(f"seeds = {seeds!r}: must be a whole number from 1")
    base = runner.seed if seed is None else seed
    every = frozenset(runner.effects)
    drawn = runner.drawn(every)
    draws = [trial_seed(base, k) for k in range(int(seeds) if drawn else 1)]
    sets = list(
        dict.fromkeys(
            [NO_EFFECT, *(frozenset({name}) for name in every), *(every - {name} for name in every)]
        )
    )
    sets = [kept for kept in sets if kept != every]
    first = [_Variant(every, each) for each in draws]
    others = [
        _Variant(kept, each)
        for kept in sets
        for each in (draws if runner.drawn(kept) else draws[:1])
    ]
    errors: dict[Effects, list[Array]] = {}
    for variant, found in zip([*first, *others], runner.run(first, others), strict=True):
        errors.setdefault(variant.kept, []).append(found)
    # What nothing is drawn of is the same in every draw.
    full = {
        kept: np.stack(found * (len(draws) if len(found) == 1 else 1))
        for kept, found in errors.items()
    }
    names = runner.effects
    return ErrorBudget.of(
        full[every], full[NO_EFFECT],
        {name: full[frozenset({name})] for name in names},
        {name: full[every - {name}] for name in names},
        drawn=drawn, range_choice=runner.range_choice, cautions=runner.cautions,
    )  # fmt: skip


def _seeded(hardware: Hardware, seed: int) -> Hardware:
    """Return hardware whose cells and amplifiers are drawn by a seed."""
    device = dataclasses.replace(hardware.device, seed=seed)
    opamp = hardware.opamp
    if not opamp.matched:
        opamp = dataclasses.replace(opamp, mismatch_seed=seed)
    return dataclasses.replace(hardware, device=device, opamp=opamp)


def _refuse_zero(answers: Any) -> None:
    zero = ~np.any(answers, axis=-1)
    if zero.any():
        raise InputError(
            f"right-hand side {int(np.flatnonzero(zero)[0])}: its ideal answer is zero, of which "
            "no error is a fraction: leave it out"
        )
