"""`ProgrammedMatrix`: a matrix in the arrays of a chip, and the operations that it offers."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array, are_complex
from amcspice.device import Memristor
from amcspice.errors import InputError, UnsupportedError, caution
from amcspice.problem import PROBLEMS, CircuitForm
from amcspice.problem.choice import circuit_of
from amcspice.simulation.sample import Sample
from amcspice.system.answers import Answers
from amcspice.system.ledger import CALIBRATION, Activity
from amcspice.system.macro import MACRO, macro_circuit
from amcspice.system.operation import Attempts, Mode, Operations
from amcspice.system.prediction import Prediction, generic_vectors
from amcspice.system.sampling import Drawn, keep
from amcspice.system.state import ChipState

__all__ = ["ProgrammedMatrix"]


class ProgrammedMatrix:
    """A matrix in arrays of a chip; `Chip.program` makes it.

    Attributes
    ----------
    label : str
    problem : str
        What it was programmed for; ``macro`` offers several.
    cycle : int
        How often its arrays were written before.
    """

    def __init__(
        self,
        chip: ChipState,
        number: int,
        matrix: ArrayLike,
        problem: str,
        circuit: str | None,
        parameters: Mapping[str, Any],
        calibration: ArrayLike | None,
        label: str,
    ) -> None:
        self.chip, self.number, self.label = chip, number, label
        self.ident = chip.next_ident()
        self.problem, self._topology = problem, circuit
        self._parameters = dict(parameters)
        self.device = _cells_of(chip, number)
        self.cycle = -1
        self._samples: dict[str, Sample[Drawn]] = {}
        self._counts: dict[str, int] = {}
        self._selection: tuple[Any, Any, dict[str, Any]] | None = None
        self._whole: ProgrammedMatrix | None = None
        with chip.entering():
            self._write(matrix, calibration)

    @classmethod
    def restored(
        cls,
        chip: ChipState,
        state: Mapping[str, Any],
        matrix: Array,
        calibration: Array | None,
        predictions: Mapping[str, Prediction],
        selection: tuple[Any, Any, dict[str, Any]] | None,
        whole: ProgrammedMatrix | None,
    ) -> ProgrammedMatrix:
        """Return one that was programmed before; nothing is written and nothing is entered."""
        made = object.__new__(cls)
        made.chip, made.number, made.label = chip, state["number"], state["label"]
        made.ident = chip.next_ident()
        made.problem, made._topology = state["problem"], state["topology"]
        made._parameters, made.cycle = dict(state["parameters"]), state["cycle"]
        made.device = _cells_of(chip, made.number)
        made._samples, made._counts = {}, dict(state["counts"])
        made._selection, made._whole, made._given = selection, whole, calibration
        made.matrix, made.written_at = matrix, state["written_at"]
        made._form = made._form_for(matrix)
        made._modes, made._predictions, made._entered = {}, dict(predictions), {}
        return made

    # -- what is in the arrays ---------------------------------------------------------------

    def _write(self, matrix: ArrayLike, calibration: ArrayLike | None) -> None:
        if np.ma.is_masked(matrix):
            raise InputError("matrix: entries are masked; fill them in")
        try:
            values = np.array(matrix)  # a copy: what is programmed stays
        except ValueError as error:
            raise InputError(f"matrix: not numbers ({error})") from None
        self.matrix, self._form = values, self._form_for(values)
        self.cycle += 1
        self.written_at = self.chip.now
        self._modes: dict[str, Mode] = {}
        self._predictions: dict[str, Prediction] = {}
        self._entered: dict[str, int] = {}
        self._given = calibration
        first = self._first
        mode = self._mode(first, self.circuit(first))  # refused before it is entered
        if calibration is not None:
            self._given = np.array(calibration)  # a copy: ranges stay frozen
            self._calibration(first, mode.circuit)
        self._enter_writing(mode.circuit)
        self._modes[first] = mode
        self._calibrate(first)

    def _lead(self) -> None:
        """Let those who select lines of it follow."""
        for view in self.chip.matrices:
            if view._whole is self:
                view._follow()

    @property
    def _first(self) -> str:
        """The operation that it is made ready for when it is programmed."""
        return "mvm" if self.problem == MACRO else self.problem

    def _follow(self) -> None:
        """Take over what was written into the whole arrays."""
        whole = self._whole
        assert whole is not None
        self.matrix, self._form = whole.matrix, whole._form
        self.cycle, self.written_at = whole.cycle, whole.written_at
        self._modes, self._predictions, self._entered = {}, {}, {}

    def _form_for(self, matrix: Array) -> CircuitForm:
        if self.problem == MACRO and are_complex(matrix):
            raise UnsupportedError("the macro holds non-negative matrices only, no complex ones")
        asked = PROBLEMS.choose("mvm" if self.problem == MACRO else self.problem)
        return asked.circuit_form(matrix, None, self._parameters)

    def _enter_writing(self, circuit: Circuit) -> None:
        ledger = self.chip.ledger
        if self.problem == MACRO:  # its second array is written, too
            circuit = macro_circuit("lstsq", self._form.matrix, self._options(), {})
        held = Activity.of(self.label, "writing", circuit, matrix=self.ident)
        ledger.write(ledger.activity(held))

    def _options(self) -> dict[str, Any]:
        """Return hardware and cycle, as the cells are now."""
        age = self.chip.now - self.written_at
        device = self.device
        if age or self.chip.temperature is not None:
            changes: dict[str, Any] = {"drift_time": device.drift_time + age}
            if self.chip.temperature is not None:
                changes["temperature"] = self.chip.temperature
            device = replace(device, **changes)
        parts = {**self.chip.hardware.parts(), "device": device}
        return {**parts, "cycle": self.cycle}

    def circuit(self, problem: str | None = None) -> Circuit:
        """Return the circuit of an operation, with its cells as they are now.

        Parameters
        ----------
        problem : str, optional
            Of a macro; None is what the matrix was programmed for.
        """
        problem = self._offered(problem)
        if self.problem == MACRO:
            return macro_circuit(problem, self._form.matrix, self._options(), self._parameters)
        asked = PROBLEMS.choose(self.problem)
        made = circuit_of(
            asked, self._form, self._topology, {**self._parameters, **self._options()}
        )
        if self._selection is None:
            return made
        rows, columns, changes = self._selection
        return made.select(rows, columns, **changes)  # type: ignore[attr-defined, no-any-return]

    def _offered(self, problem: str | None) -> str:
        if problem is None:
            problem = "inv" if self.problem == MACRO else self.problem
        offers = tuple(PROBLEMS) if self.problem == MACRO else (self.problem,)
        if problem not in offers:
            raise UnsupportedError(
                f"{self.label} was programmed for {self.problem}, which has cells of its own: for "
                f"{problem} program it with chip.program(matrix, {problem!r}), or with "
                "circuit='macro' for several operations"
            )
        return problem

    def _mode(self, problem: str, circuit: Circuit) -> Mode:
        seed = self.chip.noise_seed(self.device.seed, _number_of(problem))
        return Mode.of(circuit, self.chip.analysis, seed)

    def _made(self, problem: str) -> Mode:
        """Return the mode of an operation, made when it is first asked for."""
        if problem not in self._modes:
            self._modes[problem] = self._mode(problem, self.circuit(problem))
        return self._modes[problem]

    def _ready(self, problem: str) -> Mode:
        """Return it with its ranges calibrated."""
        mode = self._made(problem)
        if problem not in self._predictions:
            with self.chip.entering():
                self._calibrate(problem)
        return mode

    def _calibration(self, problem: str, circuit: Circuit) -> Array:
        """Return calibration vectors (K, m): those that were given, or generic ones.

        A macro takes given ones for the operations that they fit.
        """
        generic = generic_vectors(circuit, self.device.seed)
        if self._given is None or circuit.rail_limited:
            return generic
        fits = len(np.asarray(self._given)) == circuit.input_size
        if self.problem == MACRO and not fits:
            return generic
        return self._vectors(problem, circuit, self._given)[0]

    def _calibrate(self, problem: str) -> None:
        """Freeze the ranges of an operation, if they are predicted."""
        mode = self._modes[problem]
        if self.chip.analysis.range != "reference" or self.chip.range != "predicted":
            self._predictions[problem] = Prediction(0.0, 0.0, 0)
            return
        circuit = mode.circuit
        vectors = self._calibration(problem, circuit)
        activity = self._activity(problem, circuit, calibration=True)

        def note(attempts: Attempts, volts: Array) -> None:
            self.chip.ledger.operate(
                activity, attempts.measurement, volts, cell_voltage=attempts.cell_voltage,
                in_time=mode.in_time,
            )  # fmt: skip

        self._predictions[problem] = mode.calibrate(vectors, note)

    def _activity(self, problem: str, circuit: Circuit, *, calibration: bool = False) -> int:
        kind = CALIBRATION + problem if calibration else problem
        return self.chip.ledger.activity(
            Activity.of(self.label, kind, circuit, self.chip.range_choice, self.ident)
        )

    def age(self) -> None:
        """Take the cells as they are now: after `Chip.wait`, before the next operation."""
        self._modes.clear()

    @property
    def selects(self) -> bool:
        """Whether it is some lines of another matrix."""
        return self._whole is not None

    def refresh(self) -> None:
        """Write the same matrix again: the next cycle of the same cells."""
        self.program(self.matrix, calibration=self._given)

    def program(self, matrix: ArrayLike, *, calibration: ArrayLike | None = None) -> None:
        """Write another matrix of the same shape into these arrays.

        Parameters
        ----------
        matrix : array_like
        calibration : array_like, optional
            See `Chip.program`.

        Raises
        ------
        InputError
            If it has another shape, or cannot be used; the arrays stay as they are then.
        """
        if self.selects:
            raise InputError(f"{self.label} is some lines of a matrix: program the whole one")
        if np.shape(matrix) != self.matrix.shape:
            raise InputError(
                f"{self.label} has arrays for a matrix of {self.matrix.shape}, not of "
                f"{np.shape(matrix)}: program another one with chip.program"
            )
        before, circuit = dict(vars(self)), self._made(self._first).circuit
        try:
            with self.chip.entering():
                self._write(matrix, calibration)
                made = self._modes[self._first].circuit
                if type(made) is not type(circuit) or made.matrix.shape != circuit.matrix.shape:
                    raise InputError(
                        f"{self.label} has the arrays of {circuit.name}, but this matrix needs "
                        f"those of {made.name}, {made.matrix.shape[0]} x {made.matrix.shape[1]}: "
                        "program it with chip.program"
                    )
        except BaseException:  # an interrupt, too
            vars(self).update(before)
            self._lead()
            raise
        self._lead()

    def select(self, rows: Any, columns: Any = slice(None), **changes: Any) -> ProgrammedMatrix:
        """Return the matrix with these lines connected and all others off; nothing is written.

        Parameters
        ----------
        rows, columns : array_like of int
            Numbers of the lines, ascending.
        **changes
            See `amcspice.CompactGINV.select`.

        Raises
        ------
        UnsupportedError
            If its circuit cannot select lines.
        """
        if self.selects:
            raise InputError(f"{self.label} is some lines of a matrix: select from the whole one")
        if not hasattr(self.circuit(), "select"):
            raise UnsupportedError(
                f"{self.circuit().name} cannot select lines: program it with circuit='ginv-compact'"
            )
        m, n = self._form.matrix.shape
        lines = _lines("rows", rows, m), _lines("columns", columns, n)
        made = object.__new__(ProgrammedMatrix)
        vars(made).update(vars(self))
        made.ident = self.chip.next_ident()
        made._selection, made._whole = (*lines, changes), self
        made.label = f"{self.label}, some lines"
        made._modes, made._predictions, made._given, made._entered = {}, {}, None, {}
        made._samples, made._counts = {}, {}
        try:
            made._made(made.problem)  # refused before the chip knows of it
        except TypeError as error:
            raise InputError(f"select: {error}") from None
        self.chip.matrices.append(made)
        return made

    # -- operations --------------------------------------------------------------------------

    def run(self, b: ArrayLike, problem: str | None = None) -> Answers:
        """Run operations and return everything that is known of them.

        Parameters
        ----------
        b : array_like, shape (m,) or (m, K)
            Right-hand sides; for products and eigenvectors vectors with an entry for each column.
        problem : str, optional
            Of a macro; None is what the matrix was programmed for.

        Returns
        -------
        Answers

        Warns
        -----
        CautionWarning
            If operations saturate in every range, or do not come to rest.

        Raises
        ------
        InputError
            If the right-hand sides do not fit.
        UnsupportedError
            If the matrix was programmed for something else.
        """
        problem = self._offered(problem)
        vectors, single = self._vectors(problem, self._made(problem).circuit, b)
        mode = self._ready(problem)
        answers = Answers(self._run(problem, mode, vectors), self._form_of(problem), single)
        if answers.cautions:
            caution("; ".join(answers.cautions))
        return answers

    def look(self, b: ArrayLike, problem: str | None = None) -> Any:
        """Return what `run` would give as ``x``, without doing it: for studies, in no account.

        Parameters and errors are those of `run`.
        """
        problem = self._offered(problem)
        vectors, single = self._vectors(problem, self._made(problem).circuit, b)
        mode = self._ready(problem)
        volts = self.chip.volts(mode.circuit, vectors, self._predictions[problem])
        repeat = self.chip.may_repeat and not mode.circuit.rail_limited
        made = mode.run(vectors, volts, repeat=repeat, note=lambda *_: None, pool=self.chip.pool)
        return Answers(made, self._form_of(problem), single).x

    def _run(self, problem: str, mode: Mode, vectors: Array) -> Operations:
        chip = self.chip
        if problem not in self._entered:
            self._entered[problem] = self._activity(problem, mode.circuit)
        activity = self._entered[problem]
        volts = chip.volts(mode.circuit, vectors, self._predictions[problem])
        fresh = [True]

        def note(attempts: Attempts, ranges: Array) -> None:
            chip.ledger.operate(
                activity, attempts.measurement, ranges,
                answered=len(ranges) if fresh[0] else 0, cell_voltage=attempts.cell_voltage,
                in_time=mode.in_time,
            )  # fmt: skip
            fresh[0] = False

        repeat = chip.may_repeat and not mode.circuit.rail_limited
        made = mode.run(vectors, volts, repeat=repeat, note=note, pool=chip.pool)
        chip.ledger.saturate(activity, int((made.saturated > 0).sum()))
        first = self._counts.get(problem, 0)
        self._counts[problem] = first + len(vectors)
        sample = self._samples.setdefault(problem, Sample(chip.cost_sample, self.device.seed))
        keep(sample, (self.ident, self.cycle, _number_of(problem)), first, made)
        chip.record(mode.circuit, vectors, made.volts_per_unit)
        return made

    def _form_of(self, problem: str) -> CircuitForm:
        if self.problem != MACRO:
            return self._form
        return CircuitForm(problem, self._form.matrix, None)

    def _vectors(self, problem: str, circuit: Circuit, b: ArrayLike) -> tuple[Array, bool]:
        """Return right-hand sides as the circuit takes them, (K, m), and whether it is one."""
        single = np.ndim(b) == 1
        if are_complex(self.matrix):
            asked = PROBLEMS.choose(self.problem)
            b = asked.circuit_form(self.matrix, b, self._parameters).vectors  # type: ignore[assignment]
        elif are_complex(b):
            raise UnsupportedError(
                f"{self.label} holds a real matrix: program it as a complex one for complex "
                "right-hand sides"
            )
        return circuit.vectors(b), single

    def solve(self, b: ArrayLike) -> Any:
        """Return the solution of what the matrix was programmed for, as ``run(b).x``.

        On a macro it is the linear system.  See `run` for parameters, warnings and errors.
        """
        return self.run(b).x

    def __matmul__(self, v: ArrayLike) -> Any:
        """Return the product with vectors, shape (n,) or (n, K)."""
        return self.run(v, "mvm").x

    def lstsq(self, b: ArrayLike) -> Any:
        """Return the least-squares solution; see `run`."""
        return self.run(b, "lstsq").x

    def nnls(self, b: ArrayLike) -> Any:
        """Return the non-negative least-squares solution; see `run`."""
        return self.run(b, "nnls").x

    def eig(self, start: ArrayLike | None = None) -> Any:
        """Return the dominant eigenvector, from a start that is drawn where none is given."""
        problem = self._offered("eig")
        if start is None:
            start = PROBLEMS.choose("eig").default_input(self._ready(problem).circuit)
        return self.run(start, problem).x

    def samples(self) -> dict[str, Sample[Drawn]]:
        """Return what was kept of the operations, by problem."""
        return self._samples

    def ran(self, problem: str) -> int:
        """Return how many operations of a problem ran."""
        return self._counts.get(problem, 0)

    def __repr__(self) -> str:
        shape: NDArray[Any] = self.matrix
        return (
            f"{self.label}: {shape.shape[0]} x {shape.shape[1]} for {self.problem}, cycle "
            f"{self.cycle}, {sum(self._counts.values())} operations"
        )


def _cells_of(chip: ChipState, number: int) -> Memristor:
    """Return the cells of the arrays of that number: no two arrays draw alike."""
    seed = np.random.SeedSequence([chip.hardware.device.seed, number]).generate_state(1)[0]
    return replace(chip.hardware.device, seed=int(seed))


@functools.cache
def _number_of(problem: str) -> int:
    return list(PROBLEMS).index(problem)


def _lines(name: str, given: Any, count: int) -> NDArray[np.intp]:
    """Return numbers of lines, ascending, each once.

    Raises
    ------
    InputError
        If they are not.
    """
    if isinstance(given, slice):
        return np.arange(count)[given]
    try:
        lines = np.asarray(given)
    except ValueError:
        lines = np.empty(0)
    whole = lines.ndim == 1 and lines.size and np.issubdtype(lines.dtype, np.integer)
    if not whole or lines.min() < 0 or lines.max() >= count or (np.diff(lines) <= 0).any():
        raise InputError(
            f"select: {name} must be numbers of lines, ascending, from 0 to {count - 1}"
        )
    return lines.astype(np.intp)
