"""`Service`: one operation of what is in the arrays, ready to run, with its ranges and account."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from numpy.typing import ArrayLike

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.problem import PROBLEMS
from amcspice.system.arrays import Arrays
from amcspice.system.ledger import CALIBRATION, Activity
from amcspice.system.macro import MACRO
from amcspice.system.operation import Attempts, Mode, Operations
from amcspice.system.prediction import Prediction, generic_vectors
from amcspice.system.state import ChipState

__all__ = ["Place", "Service", "number_of"]


@dataclass(frozen=True)
class Place:
    """Which arrays of a chip, as its account tells them apart.

    Parameters
    ----------
    label : str
    ident : int
        Place among the matrices of the chip.
    """

    label: str
    ident: int


class Service:
    """One operation of a matrix.

    Parameters
    ----------
    chip : ChipState
    place : Place
    arrays : Arrays
    problem : str
        One of those that the arrays offer.
    prediction : Prediction, optional
        Of ranges, where it was made before.
    """

    def __init__(
        self, chip: ChipState, place: Place, arrays: Arrays, problem: str,
        prediction: Prediction | None = None,
    ) -> None:  # fmt: skip
        self.chip, self.place, self.arrays, self.problem = chip, place, arrays, problem
        self.prediction = prediction
        self._mode: Mode | None = None
        self._made_at: tuple[float, float | None] | None = None
        self._entered: int | None = None

    @property
    def mode(self) -> Mode:
        """Its circuit made ready, with cells as they are now."""
        moment = (self.chip.now, self.chip.temperature)
        if self._mode is None or self._made_at != moment:
            circuit = self.arrays.circuit(self.problem, self.chip.hardware, *moment)
            seed = self.chip.noise_seed(self.arrays.device.seed, number_of(self.problem))
            self._mode, self._made_at = Mode.of(circuit, self.chip.analysis, seed), moment
        return self._mode

    def release(self) -> None:
        """Let go of the circuit made ready; it is made again, the same, when it is asked for."""
        self._mode = None

    @property
    def circuit(self) -> Circuit:
        """Its circuit."""
        return self.mode.circuit

    def calibration(self) -> Array:
        """Return calibration vectors (K, m): those that were given, or generic ones.

        A macro takes given ones for the operations that they fit.
        """
        circuit, given = self.circuit, self.arrays.calibration
        generic = generic_vectors(circuit, self.arrays.device.seed)
        if given is None or circuit.rail_limited:
            return generic
        if self.arrays.problem == MACRO and len(given) != circuit.input_size:
            return generic
        return self.arrays.vectors(circuit, given)

    def calibrate(self) -> None:
        """Freeze its ranges, if they are predicted and were not yet."""
        if self.prediction is not None:
            return
        if self.chip.analysis.range != "reference" or self.chip.range != "predicted":
            self.prediction = Prediction(0.0, 0.0, 0)
            return
        ledger = self.chip.ledger
        note = self._noting(ledger.activity(self._activity(CALIBRATION)), calibrates=True)
        self.prediction = self.mode.calibrate(self.calibration(), note)

    def vectors(self, b: ArrayLike) -> Array:
        """Return right-hand sides as its circuit takes them, shape (K, m)."""
        return self.arrays.vectors(self.circuit, b)

    def run(self, vectors: Array, *, calibrates: bool = False) -> Operations:
        """Run operations (K, m) and enter them; ``calibrates``: as part of writing."""
        entered = self._entered
        if calibrates:
            entered = self.chip.ledger.activity(self._activity(CALIBRATION))
        elif entered is None:
            entered = self._entered = self.chip.ledger.activity(self._activity())
        made = self._run(vectors, self._noting(entered))
        self.chip.ledger.saturate(entered, int((made.saturated > 0).sum()))
        self.chip.record(self.circuit, vectors, made.volts_per_unit)
        return made

    def look(self, vectors: Array) -> Operations:
        """Run operations (K, m) in no account."""
        return self._run(vectors, lambda *_: None)

    def _run(self, vectors: Array, note: Callable[[Attempts, Array], None]) -> Operations:
        chip = self.chip
        if chip.watch is not None:
            chip.watch(f"{self.place.label}, {self.problem} of {len(vectors)} right-hand sides")
        mode = self.mode
        assert self.prediction is not None
        volts = chip.volts(mode.circuit, vectors, self.prediction)
        repeat = chip.may_repeat and not (
            mode.circuit.rail_limited or mode.circuit.range_sets_limits
        )
        return mode.run(
            vectors, volts, repeat=repeat, note=note, pool=chip.pool,
            full_scale=self.prediction.full_scale,
        )  # fmt: skip

    def _noting(
        self, activity: int, *, calibrates: bool = False
    ) -> Callable[[Attempts, Array], None]:
        """Return what enters goes: the first answers all operations, later ones repeat some."""
        ledger, in_time, answered = self.chip.ledger, self.mode.in_time, calibrates
        first = True

        def note(attempts: Attempts, volts: Array) -> None:
            nonlocal first
            ledger.operate(
                activity, attempts.measurement, volts,
                answered=len(volts) if first or answered else 0,
                cell_voltage=attempts.cell_voltage, in_time=in_time,
            )  # fmt: skip
            first = False

        return note

    def _activity(self, prefix: str = "") -> Activity:
        return Activity.of(
            self.place.label, prefix + self.problem, self.circuit, self.chip.range_choice,
            self.place.ident,
        )  # fmt: skip


@functools.cache
def number_of(problem: str) -> int:
    """Return the place of a problem among all, for seeds."""
    return list(PROBLEMS).index(problem)
