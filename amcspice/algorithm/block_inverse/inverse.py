"""`BlockInverse`: the inverse of a matrix in blocks, on a chip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from amcspice.algorithm.block_inverse.comparison import Comparison
from amcspice.algorithm.block_inverse.counts import Counts
from amcspice.algorithm.block_inverse.partition import partition
from amcspice.algorithm.block_inverse.parts import Programmer
from amcspice.algorithm.block_inverse.schedule import BlockPhase, Schedule
from amcspice.circuit import as_matrix, as_vectors
from amcspice.circuit.base import Array, are_complex
from amcspice.circuit.parts.fixed_diagonal import FixedDiagonal
from amcspice.errors import InputError, UnstableError
from amcspice.measure import Measurement
from amcspice.problem.complex_form import as_complex_matrix, complex_form, join_parts
from amcspice.schema.quantity import MOST
from amcspice.system import Answers, Chip, Mend, ProgrammedMatrix
from amcspice.system.prediction import CALIBRATIONS
from amcspice.system.work import Estimates

__all__ = ["BlockInverse"]

DRAWS, LARGE = 9, 32
"""Draws of the cells in a comparison; a third of them for matrices of more rows than that."""


class BlockInverse:
    """The inverse of a matrix in blocks, programmed into arrays of a chip.

    Parameters
    ----------
    chip : Chip
    matrix : array_like, shape (n, n)
        Complex too, by its real form.
    stages : int, optional
        How often blocks are halved; 0 is a single array.
    array_size : int, optional
        In the place of stages: halved until no block is larger.
    own_scale : bool
        Every block uses the whole range of conductances, instead of one scale for all.
    order : {"auto", "best"} or name of one of `ORDERS`
        In which rows and columns are cut: as they are given where that is good, else the best one
        that is known; the best one at every level, which takes more digital work; or one by name.
    calibration : array_like, shape (n, K), optional
        Right-hand sides like those to come, see `amcspice.Chip.program`.
    held : sequence of ProgrammedMatrix
        ``arrays`` of another one on this chip, of a matrix that is needed no more: what fits is
        written into them.
    mend : callable, optional
        For blocks that do not settle once they are written, see `amcspice.Chip.program`.
    **parameters
        Of the inverting circuits, such as ``diagonal="fixed"``; those of hardware, such as
        ``predistort``, of all circuits.

    Attributes
    ----------
    matrix : ndarray, shape (n, n)
        As it is programmed: the real form of a complex one.
    partition : Partition
        The blocks, as they should be, and the orders in which they are cut.
    phases : tuple of BlockPhase
        Of the last solution.
    measurements : tuple of Measurement
        What was measured in each of them, an entry a right-hand side.

    Raises
    ------
    InputError
        If the matrix cannot be used, or a block has no inverse in any order of its rows; the
        message names the block, and nothing is written.
    UnstableError
        If no circuit that inverts a block settles.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> from amcspice.algorithm import BlockInverse
    >>> A = np.eye(6) + 0.1
    >>> inverse = BlockInverse(amc.Chip(gain=1e9), A, stages=1)
    >>> bool(abs(A @ inverse.solve(np.ones(6)) - 1).max() < 1e-5)
    True
    """

    def __init__(
        self,
        chip: Chip,
        matrix: ArrayLike,
        *,
        stages: int | None = None,
        array_size: int | None = None,
        own_scale: bool = False,
        order: str = "auto",
        calibration: ArrayLike | None = None,
        held: Sequence[ProgrammedMatrix] = (),
        mend: Mend | None = None,
        **parameters: Any,
    ) -> None:
        self.chip = chip
        self.phases: tuple[BlockPhase, ...] = ()
        self.measurements: tuple[Measurement, ...] = ()
        self._complex = are_complex(matrix)
        if self._complex:
            self._given = as_complex_matrix(matrix)
            matrix = complex_form("inv", matrix, None, {}).matrix
        values = as_matrix(matrix)
        if values.shape[0] != values.shape[1]:
            raise InputError(f"matrix: {values.shape}: a linear system needs a square one")
        self.matrix = values
        if "largest_entry" in parameters:
            raise InputError("largest_entry: blocks share that of the matrix, or have an own_scale")
        self._size = _leaf_size(len(values), stages, array_size)
        self._options = {"own_scale": own_scale, "order": order, **parameters}
        if calibration is None:
            draw = np.random.default_rng([chip.hardware.device.seed, len(values)])
            vectors: Array = draw.uniform(-1.0, 1.0, (len(values), CALIBRATIONS))
        else:
            vectors = self._vectors(calibration)[:, :CALIBRATIONS]
        self.partition = partition(
            values, self._size, order, allow_unstable=chip.analysis.allow_unstable
        )
        alone = own_scale or len(values) <= self._size
        largest_entry = 0.0 if alone else _largest_in_cells(values, parameters)
        programmer = Programmer(chip, self._size, largest_entry, parameters, held, mend)
        self._root = programmer.program(self.partition.root, vectors)
        self._enter_digital()

    def _enter_digital(self) -> None:
        """Enter what choosing orders and forming Schur complements takes."""
        if self.partition.order_flops:
            flops = self.partition.order_flops
            self.chip.ledger.compute("order of blocks", flops, prepares=True)
        for block in self.partition.halves:
            name = f"Schur complement of {block.name}"
            self.chip.ledger.compute(name, block.schur_flops, prepares=True)

    # -- solving -------------------------------------------------------------------------------

    def _vectors(self, b: ArrayLike) -> Array:
        """Return right-hand sides (n, K), real."""
        if self._complex:
            form = complex_form("inv", self._given, b, {})
            assert form.vectors is not None
            b = form.vectors
        elif are_complex(b):
            raise InputError("right-hand side: complex, but the matrix is real")
        return as_vectors(b, len(self.matrix)).T

    def solve(self, b: ArrayLike) -> Any:
        """Return solutions of right-hand sides (n,) or (n, K).

        Raises
        ------
        InputError
            If they do not fit.
        """
        phases: list[BlockPhase] = []
        measured: list[Measurement] = []

        def ask(arrays: ProgrammedMatrix, vectors: Array) -> Array:
            answers: Answers = arrays.run(vectors)
            phases.append(BlockPhase.of(arrays, answers))
            measured.append(answers.operations.measurement)
            solutions: Array = answers.x
            return solutions

        solutions: Any = self._root.solve(self._vectors(b), ask)
        self.phases, self.measurements = tuple(phases), tuple(measured)
        if self._complex:
            solutions = join_parts(solutions.T).T
        return solutions[:, 0] if np.ndim(b) == 1 else solutions

    def transfer(self) -> Array:
        """Return what it applies to right-hand sides, shape (n, n), real: ``x = T b``.

        It is worked out by solving for every unit vector, without the account.
        """

        def look(arrays: ProgrammedMatrix, vectors: Array) -> Array:
            solutions: Array = arrays.look(vectors)
            return solutions

        return self._root.solve(np.eye(len(self.matrix)), look)

    # -- what it is made of, and what it comes to ------------------------------------------------

    @property
    def arrays(self) -> tuple[ProgrammedMatrix, ...]:
        """Every matrix that was programmed."""
        return tuple(self._root.programmed())

    def schedule(self, estimates: Estimates | None = None) -> Schedule:
        """Return the phases of the last solution.

        Parameters
        ----------
        estimates : mapping, optional
            By `amcspice.Chip.estimates`, for settling times of operations without time; None makes
            them now, which runs samples in time.
        """
        if estimates is None and self.chip.analysis_has_no_time:
            estimates = self.chip.estimates()
        return Schedule(tuple(phase.estimated(estimates or {}) for phase in self.phases))

    def hardware(self) -> tuple[Counts, Counts]:
        """Return what is needed with one bank of amplifiers that all blocks share, and unrolled."""
        asked: list[ProgrammedMatrix] = []

        def ask(arrays: ProgrammedMatrix, vectors: Array) -> Array:
            asked.append(arrays)
            rows = arrays.matrix.shape[0 if arrays.problem == "mvm" else 1]
            return np.zeros((rows, vectors.shape[1]))

        self._root.solve(np.zeros((len(self.matrix), 1)), ask)
        circuits = {each.ident: each.circuit() for each in self.arrays}
        shared = Counts.shared(list(circuits.values()), self._root.held, len(asked))
        unrolled = Counts.unrolled([circuits[each.ident] for each in asked], len(self.matrix))
        return shared, unrolled

    def counts(self) -> dict[str, float]:
        """Return `hardware` and the digital work as plain numbers.

        Returns
        -------
        dict
            The fields of `Counts` with one bank, and with ``_unrolled`` behind their names where
            every phase has arrays and amplifiers of its own (A1 stands twice there);
            ``schur_flops``, what it takes to form the Schur complements, ``order_flops``, what it
            takes to choose the order of the rows.
        """
        shared, unrolled = self.hardware()
        counts: dict[str, float] = dict(vars(shared))
        counts |= {f"{name}_unrolled": n for name, n in vars(unrolled).items() if name != "phases"}
        counts["schur_flops"] = self.partition.schur_flops
        counts["order_flops"] = self.partition.order_flops
        return counts

    def compare(self, draws: int | None = None) -> Comparison:
        """Foretell the error of these blocks and of one array on the same hardware, at rest.

        Other chips are programmed for it, in no account; with noisy cells, each draw has other
        ones.

        Parameters
        ----------
        draws : int, optional
            Draws of cells, amplifiers and resistors, if any are drawn.  None makes `DRAWS`, less of
            large matrices.

        Raises
        ------
        InputError
            If there are none.
        """
        if draws is None:
            draws = DRAWS if len(self.matrix) <= LARGE else DRAWS // 3
        if draws < 1:
            raise InputError(f"draws = {draws!r}: must be a whole number from 1")
        noisy = any(arrays.circuit().drawn for arrays in self.arrays)
        seeds = range(draws if noisy else 1)
        size = {"array_size": self._size}, {"stages": 0}
        blocks, one_array = (
            float(np.median([self._foretold(seed, **each) for seed in seeds])) for each in size
        )
        return Comparison(blocks, one_array, len(seeds))

    def _foretold(self, number: int, **size: Any) -> float:
        """Return the error of another chip alike, infinite if no circuit takes it."""
        chip = self.chip
        made = Chip(
            chip.hardware, seed=chip.hardware.device.seed + number, fidelity="dc",
            read_voltage=chip.analysis.read_voltage,
        )  # fmt: skip
        made.watch = chip.watch
        try:
            applied = BlockInverse(made, self.matrix, **size, **self._options).transfer()
        except (InputError, UnstableError):
            return np.inf
        exact = np.linalg.inv(self.matrix)
        return float(np.linalg.norm(applied - exact) / np.linalg.norm(exact))


def _largest_in_cells(matrix: Array, parameters: Mapping[str, Any]) -> float:
    """Return the largest entry that one array of all of it would program."""
    largest = float(np.abs(matrix).max())
    if not 1 / MOST <= largest <= MOST:
        raise InputError(
            f"matrix: the largest entry, {largest:g}, must be from {1 / MOST:g} to {MOST:g} where "
            "blocks share one scale: choose another unit, or own_scale"
        )
    if parameters.get("diagonal") == "fixed":
        return FixedDiagonal.of(matrix, signed=bool(matrix.min() < 0)).largest
    return largest


def _leaf_size(n: int, stages: int | None, array_size: int | None) -> int:
    if (stages is None) == (array_size is None):
        raise InputError("give either stages or array_size")
    given: Any = stages if array_size is None else array_size
    name, least = ("stages", 0) if array_size is None else ("array_size", 1)
    if not isinstance(given, int) or isinstance(given, bool) or given < least:
        raise InputError(f"{name} = {given!r}: must be a whole number from {least}")
    if array_size is not None:
        return array_size
    if given >= n.bit_length():  # 2**given > n
        raise InputError(f"stages = {given}: {n} rows cannot be halved so often")
    return -(-n // int(2**given))
