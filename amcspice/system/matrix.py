"""`ProgrammedMatrix`: a matrix in the arrays of a chip, and the operations that it offers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from amcspice.circuit import Circuit
from amcspice.device import Cell
from amcspice.errors import InputError, UnstableError, UnsupportedError, caution
from amcspice.problem import PROBLEMS
from amcspice.simulation.sample import Sample
from amcspice.system.answers import Answers
from amcspice.system.arrays import Arrays, Lines, lines_of
from amcspice.system.ledger import Activity
from amcspice.system.macro import MACRO
from amcspice.system.prediction import Prediction
from amcspice.system.sampling import Drawn, keep
from amcspice.system.service import Place, Service, number_of
from amcspice.system.state import ChipState

__all__ = ["Mend", "ProgrammedMatrix", "cells_of"]

Mend = Callable[[NDArray[Any], UnstableError], ArrayLike]
"""Takes the matrix whose circuit does not settle, and why; returns what is written next."""

SAME_RESISTORS = 1e-9
"""Relative difference of fixed resistors that is nothing but rounding."""


class ProgrammedMatrix:
    """A matrix in arrays of a chip; `Chip.program` makes it.

    Parameters
    ----------
    chip : ChipState
    place : Place
    arrays : Arrays
        What is written.
    number : int
        Of the arrays: no two draw alike.
    whole : ProgrammedMatrix, optional
        That it is some lines of.

    Examples
    --------
    >>> import amcspice as amc
    >>> chip = amc.Chip(seed=0)
    >>> G = chip.program([[2.0, 1.0], [1.0, 3.0]], "inv")
    >>> isinstance(G, amc.ProgrammedMatrix), G.solve([3.0, 5.0]).round(2)
    (True, array([0.8, 1.4]))
    """

    def __init__(
        self,
        chip: ChipState,
        place: Place,
        arrays: Arrays,
        number: int,
        whole: ProgrammedMatrix | None = None,
    ) -> None:
        self.chip, self.place, self.number, self.whole = chip, place, number, whole
        self._arrays = arrays
        self._followed = None if whole is None else whole.arrays
        self._services: dict[str, Service] = {}
        self._samples: dict[str, Sample[Drawn]] = {}
        self.counts: dict[str, int] = {}
        """Operations that ran, by problem."""

    # -- what is in the arrays ---------------------------------------------------------------

    @property
    def arrays(self) -> Arrays:
        """What is in the arrays; some lines of a matrix follow the whole one."""
        if self.whole is not None:
            written = self.whole.arrays
            if written is not self._followed:
                self._arrays = replace(written, calibration=None, lines=self._arrays.lines)
                self._followed = written
        return self._arrays

    @property
    def label(self) -> str:
        """What the ledger calls it."""
        return self.place.label

    @property
    def ident(self) -> int:
        """Its place among the matrices of the chip."""
        return self.place.ident

    @property
    def problem(self) -> str:
        """What it was programmed for; ``macro`` offers several."""
        return self._arrays.problem

    @property
    def device(self) -> Cell:
        """Its cells."""
        return self._arrays.device

    @property
    def matrix(self) -> NDArray[Any]:
        """As it was given."""
        matrix: NDArray[Any] = self.arrays.matrix
        return matrix

    @property
    def cycle(self) -> int:
        """How often its arrays were written before."""
        return self.arrays.cycle

    @property
    def selects(self) -> bool:
        """Whether it is some lines of another matrix."""
        return self.whole is not None

    def write(
        self, arrays: Arrays, *, like: Circuit | None = None, mend: Mend | None = None
    ) -> None:
        """Write arrays and enter it, with the calibration of ranges; or nothing, if it fails.

        Parameters
        ----------
        arrays : Arrays
        like : Circuit, optional
            That of `Arrays.first` must need arrays like those of this one.
        mend : callable, optional
            See `Chip.program`.
        """
        while True:
            try:
                return self._write(arrays, like)
            except UnstableError as error:
                if mend is None:
                    raise
                self._keep_unstable(arrays)
                matrix = mend(arrays.matrix, error)
            arrays = arrays.again(matrix, arrays.calibration, self.chip.now)

    def _keep_unstable(self, arrays: Arrays) -> None:
        """Enter the writing of cells with which the circuit does not settle; they stay so."""
        chip = self.chip
        whole = arrays.written(self._wired(arrays), chip.hardware)
        activity = Activity.of(self.label, "writing", whole, matrix=self.ident)
        chip.ledger.write(chip.ledger.activity(activity), unstable=1)
        self._arrays, self._services = arrays, {}

    def _write(self, arrays: Arrays, like: Circuit | None) -> None:
        chip = self.chip
        if chip.watch is not None:
            chip.watch(f"{self.label}, writing")
        with chip.entering():
            service = Service(chip, self.place, arrays, arrays.first)
            circuit = service.circuit  # refused before it is entered
            if like is not None:
                _check_alike(self.label, circuit, like)
            service.calibration()
            whole = arrays.written(circuit, chip.hardware)
            activity = Activity.of(self.label, "writing", whole, matrix=self.ident)
            chip.ledger.write(chip.ledger.activity(activity))
            for work, flops in whole.digital_work.items():
                chip.ledger.compute(f"{work} of {self.label}", flops, prepares=True)
            service.calibrate()
        self._arrays, self._services = arrays, {arrays.first: service}

    def refresh(self) -> None:
        """Write the same matrix again: the next cycle of the same cells."""
        self.program(self.matrix, calibration=self.arrays.calibration)

    def program(
        self,
        matrix: ArrayLike,
        *,
        calibration: ArrayLike | None = None,
        mend: Mend | None = None,
    ) -> None:
        """Write another matrix of the same shape into these arrays.

        Parameters
        ----------
        matrix : array_like
        calibration : array_like, optional
        mend : callable, optional
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
        again = self.arrays.again(matrix, calibration, self.chip.now)
        self.write(again, like=self._wired(self.arrays), mend=mend)

    def takes(self, matrix: ArrayLike) -> bool:
        """Return whether these arrays are such as a matrix needs."""
        try:
            again = self.arrays.again(matrix, None, self.chip.now)
            _check_alike(self.label, self._wired(again), self._wired(self.arrays))
        except InputError:
            return False
        return True

    def _wired(self, arrays: Arrays) -> Circuit:
        """Return the circuit of arrays, whether it settles or not."""
        chip, service = self.chip, self._services.get(arrays.first)
        if service is not None and service.arrays is arrays:
            return service.circuit
        return arrays.circuit(arrays.first, chip.hardware, chip.now, chip.temperature)

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
        circuit = self.circuit()
        if not hasattr(circuit, "select"):
            raise UnsupportedError(
                f"{circuit.name} cannot select lines: program it with circuit='ginv-compact'"
            )
        m, n = self.arrays.form(self.problem).matrix.shape
        lines = Lines(lines_of("rows", rows, m), lines_of("columns", columns, n), changes)
        made = ProgrammedMatrix(
            self.chip, Place(f"{self.label}, some lines", len(self.chip.matrices)),
            replace(self.arrays, calibration=None, lines=lines), self.number, self,
        )  # fmt: skip
        try:
            assert made.circuit() is not None  # refused before the chip knows of it
        except TypeError as error:
            raise InputError(f"select: {error}") from None
        self.chip.matrices.append(made)
        return made

    # -- operations --------------------------------------------------------------------------

    def circuit(self, problem: str | None = None) -> Circuit:
        """Return the circuit of an operation, with its cells as they are now.

        Parameters
        ----------
        problem : str, optional
            Of a macro; None is what the matrix was programmed for.
        """
        return self._service(self._offered(problem)).circuit

    def run(self, b: ArrayLike, problem: str | None = None, *, calibrates: bool = False) -> Answers:
        """Run operations and return everything that is known of them.

        Parameters
        ----------
        b : array_like, shape (m,) or (m, K)
            Right-hand sides; for products and eigenvectors vectors with an entry for each column.
        problem : str, optional
            Of a macro; None is what the matrix was programmed for.
        calibrates : bool
            Whether they belong to writing: answers that calibrate what is programmed next, or that
            are read in place.

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
        service = self._service(self._offered(problem))
        vectors = service.vectors(b)
        made = self._calibrated(service).run(vectors, calibrates=calibrates)
        name = service.problem
        ran = self.counts.get(name, 0)
        self.counts[name] = ran + len(vectors)
        sample = self._samples.setdefault(name, Sample(self.chip.cost_sample, self.device.seed))
        keep(sample, (self.ident, self.cycle, number_of(name)), ran, made)
        answers = Answers(made, self.arrays.form(name), np.ndim(b) == 1)
        if answers.cautions:
            caution("; ".join(answers.cautions))
        return answers

    def look(self, b: ArrayLike, problem: str | None = None) -> Any:
        """Return what `run` would give as ``x``, without doing it: for studies, in no account.

        Parameters and errors are those of `run`.
        """
        service = self._service(self._offered(problem))
        vectors = service.vectors(b)
        made = self._calibrated(service).look(vectors)
        return Answers(made, self.arrays.form(service.problem), np.ndim(b) == 1).x

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
            start = PROBLEMS.choose("eig").default_input(self.circuit(problem))
        return self.run(start, problem).x

    def _offered(self, problem: str | None) -> str:
        if problem is None:
            problem = "inv" if self.problem == MACRO else self.problem
        if problem not in self._arrays.offered:
            raise UnsupportedError(
                f"{self.label} was programmed for {self.problem}, which has cells of its own: for "
                f"{problem} program it with chip.program(matrix, {problem!r}), or with "
                "circuit='macro' for several operations"
            )
        return problem

    def _service(self, problem: str) -> Service:
        """Return an operation of what is in the arrays now."""
        made, arrays = self._services.get(problem), self.arrays
        if made is None or made.arrays is not arrays:
            made = self._services[problem] = Service(self.chip, self.place, arrays, problem)
        return made

    def expect(self, problem: str, prediction: Prediction) -> None:
        """Take ranges that were calibrated before, for what is in the arrays."""
        self._services[problem] = Service(self.chip, self.place, self.arrays, problem, prediction)

    def _calibrated(self, service: Service) -> Service:
        """Return it with its ranges, which are calibrated when it is first run."""
        if service.prediction is None:
            with self.chip.entering():
                service.calibrate()
        return service

    def release(self) -> None:
        """Let go of what is ready to run, which takes memory: it is made again when it is needed.

        What was written, its ranges and its account stay.
        """
        for service in self._services.values():
            service.release()

    @property
    def services(self) -> Mapping[str, Service]:
        """The operations that were asked for so far, by problem."""
        return self._services

    @property
    def samples(self) -> Mapping[str, Sample[Drawn]]:
        """What was kept of the operations, by problem."""
        return self._samples

    def __repr__(self) -> str:
        rows, columns = self.matrix.shape
        return (
            f"{self.label}: {rows} x {columns} for {self.problem}, cycle {self.cycle}, "
            f"{sum(self.counts.values())} operations"
        )


def cells_of(device: Cell, number: int) -> Cell:
    """Return the cells of the arrays of that number: no two arrays draw alike."""
    seed = np.random.SeedSequence([device.seed, number]).generate_state(1)[0]
    return replace(device, seed=int(seed))


def _check_alike(label: str, made: Circuit, before: Circuit) -> None:
    """Refuse a circuit that needs other arrays than the one before it.

    Raises
    ------
    InputError
    """
    if type(made) is not type(before) or made.matrix.shape != before.matrix.shape:
        raise InputError(
            f"{label} has the arrays of {before.name}, but this matrix needs those of "
            f"{made.name}, {made.matrix.shape[0]} x {made.matrix.shape[1]}: program it with "
            "chip.program"
        )
    needed, there = made.fixed_conductance, before.fixed_conductance
    if abs(needed - there) > SAME_RESISTORS * there:
        raise InputError(
            f"{label} has fixed resistors of {there:.6g} S for its diagonal, made once, but this "
            f"matrix needs {needed:.6g} S: program it with chip.program, or, with largest_entry, "
            "choose one scale for both where their diagonals agree"
        )
