"""`Chip`: arrays, amplifiers and converters that run programs, with an account of what it took."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.device import Hardware, split_hardware
from amcspice.device.hardware import hardware_names
from amcspice.engine import Analysis, choose_analysis, split_options
from amcspice.errors import InputError, did_you_mean
from amcspice.pool import Pool
from amcspice.problem import PROBLEMS
from amcspice.schema import to_number
from amcspice.simulation.standalone import StandaloneDeck, standalone_deck
from amcspice.simulation.verification import Verification, Verify
from amcspice.simulation.verify import repeat, warned
from amcspice.system.cost import Cost
from amcspice.system.digital import digital_peer
from amcspice.system.ledger import CALIBRATION, Activity, Ledger
from amcspice.system.macro import MACRO
from amcspice.system.matrix import ProgrammedMatrix
from amcspice.system.prediction import Prediction
from amcspice.system.record import Record
from amcspice.system.sampling import Drawn, estimate
from amcspice.system.schedule import Phase, schedule
from amcspice.system.technology import Technology
from amcspice.system.work import Estimate, Work

__all__ = ["Chip"]

RangeChoice = Literal["predicted", "reference"]


class Chip:
    """Arrays that are programmed once and used often, and a ledger of every operation.

    Parameters
    ----------
    hardware : Hardware, optional
        Cells, wires, amplifiers, converters; or its parts, or single parameters, by name.
    fidelity : {"dc", "behavioural", "reduced", "flat", "ideal"}
        How operations are simulated.  At dc there is no time: what operations take is estimated
        from ``cost_sample`` of each matrix that are run behaviourally on the same cells.
    seed : int, optional
        Of cells and amplifiers; None is that of the hardware.
    technology : Technology or str or path, optional
        What costs are worked out in; None is that of the hardware.
    range : "predicted", "reference" or float
        How volts per unit are chosen: predicted from matrix, right-hand side and calibration, as
        a chip can; with the ideal answer of each operation, an oracle for studies; or fixed.
    cost_sample : int
        Operations of each matrix that are kept, to be verified, and to be run in time.
    noise : bool
        Whether every reading fluctuates as the outputs of its circuit do in time: a draw from the
        noise of amplifiers (``input_noise``) and cells (``thermal_noise``) at rest.
    jobs : int or Pool
        Processes that share right-hand sides; changes no result.
    **options
        Fields of `Analysis` and parameters of the hardware (``gbw="50 MHz"``).

    Attributes
    ----------
    ledger : Ledger
    now : float
        Time since it was made [s]; it passes with `wait` alone.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> chip = amc.Chip(opamp="onchip-1g", write_noise=0.01, seed=1)
    >>> G = chip.program(np.array([[1.0, 0.2], [0.3, 0.8]]), "inv")
    >>> G.solve([0.5, 0.4]).round(1)
    array([0.4, 0.4])
    >>> chip.ledger.operations  # sixteen to calibrate ranges, and one
    17
    """

    def __init__(
        self,
        hardware: Hardware | None = None,
        *,
        fidelity: str = "dc",
        seed: int | None = None,
        technology: str | Technology | None = None,
        range: RangeChoice | float = "predicted",
        cost_sample: int = 32,
        noise: bool = False,
        jobs: int | Pool = 1,
        **options: Any,
    ) -> None:
        fields, others = split_options(options)
        given = {} if hardware is None else {"hardware": hardware}
        parts, unknown = split_hardware({**given, **others})
        if unknown:
            names = [*hardware_names(), *Analysis.__dataclass_fields__]
            raise InputError(f"Chip: {did_you_mean(sorted(unknown)[0], names)}")
        made = Hardware(**parts)
        if hardware is not None:
            made = replace(made, technology=hardware.technology)
        if seed is not None:
            made = made.changed(seed=seed, mismatch_seed=seed)
        if not isinstance(cost_sample, int) or isinstance(cost_sample, bool) or cost_sample < 0:
            raise InputError(f"cost_sample = {cost_sample!r}: must be a whole number, not negative")
        if isinstance(range, str) and range not in ("predicted", "reference"):
            raise InputError(
                f"range = {range!r}: must be predicted, reference or a number of volts"
            )
        self.hardware = made
        self.range = range
        fixed = {"range": float(range)} if not isinstance(range, str) else {}
        self.analysis = choose_analysis(None, {"fidelity": fidelity, **fields, **fixed})
        self.technology = Technology.load(technology or made.technology)
        self.cost_sample, self.noise = cost_sample, noise
        self.pool = jobs if isinstance(jobs, Pool) else Pool(jobs) if jobs > 1 else None
        self.ledger = Ledger()
        self.now = 0.0
        self.temperature: float | None = None
        self.matrices: list[ProgrammedMatrix] = []
        self._record = Record()

    # -- programming -------------------------------------------------------------------------

    def program(
        self,
        matrix: ArrayLike,
        operation: str | None = None,
        *,
        circuit: str | None = None,
        calibration: ArrayLike | None = None,
        label: str | None = None,
        **parameters: Any,
    ) -> ProgrammedMatrix:
        """Write a matrix into arrays of its own, with the copies and compensation of its circuit.

        Parameters
        ----------
        matrix : array_like, shape (m, n)
            Complex too, where the operation has a real form.
        operation : {"mvm", "inv", "lstsq", "nnls", "lasso", "eig"}, optional
            What it is programmed for; may be left out with ``circuit="macro"``.
        circuit : str, optional
            Topology, see ``amcspice.CIRCUITS``; ``macro`` offers mvm, inv, lstsq, nnls and eig on
            the same cells.
        calibration : array_like, shape (m, K), optional
            Right-hand sides like those to come: ranges are predicted from the first 16 that are not
            zero, which are run now.  None takes generic ones.
        label : str, optional
            What the ledger calls it.
        **parameters
            Of the circuit, such as ``ridge``, ``lasso``, ``hold``.

        Returns
        -------
        ProgrammedMatrix

        Raises
        ------
        InputError
            If something cannot be used; nothing is written then.
        UnsupportedError
            If the circuit does not support what is asked for.
        """
        if operation is None and circuit != MACRO:
            raise InputError(
                f"program(matrix, operation): say what for, one of {', '.join(PROBLEMS)}; or take "
                "circuit='macro' for several"
            )
        problem = MACRO if circuit == MACRO else operation
        assert problem is not None
        if problem != MACRO:
            PROBLEMS.choose(problem)
        number = 1 + max((each.number for each in self.matrices), default=-1)
        made = ProgrammedMatrix(
            self, number, matrix, problem, circuit, parameters, calibration,
            label or f"matrix {number}",
        )  # fmt: skip
        self.matrices.append(made)
        return made

    def wait(self, duration: float | str, temperature: float | None = None) -> None:
        """Let time pass: what was programmed drifts and ages as its cells do.

        Parameters
        ----------
        duration : float or str
            [s], such as ``"1 h"``.
        temperature : float, optional
            Of the cells from now on [K].
        """
        try:
            seconds = to_number(duration, "s") if isinstance(duration, str) else float(duration)
        except (TypeError, ValueError) as error:
            raise InputError(f"wait({duration!r}): {error}") from None
        if not (np.isfinite(seconds) and seconds >= 0):
            raise InputError(f"wait({duration!r}): must be a time, not negative")
        if temperature is not None:
            # Refused before anything moves; texts with a unit are numbers then.
            self.temperature = replace(self.hardware.device, temperature=temperature).temperature
        self.now += seconds
        self.ledger.wait(self.ledger.activity(Activity("chip", "waiting")), seconds)
        for each in self.matrices:
            each.age()

    def refresh(self) -> None:
        """Write every matrix again, as it was given; the ledger counts it."""
        for each in [each for each in self.matrices if not each.selects]:
            each.refresh()

    # -- ranges ------------------------------------------------------------------------------

    @property
    def range_choice(self) -> str:
        """How ranges are chosen: predicted, reference or fixed."""
        return self.range if isinstance(self.range, str) else "fixed"

    @property
    def may_repeat(self) -> bool:
        """Whether an operation that saturates is repeated in half its range."""
        return isinstance(self.range, str)

    def volts(self, circuit: Circuit, vectors: Array, prediction: Prediction) -> Array:
        """Return the range in which each right-hand side is tried first, shape (K,)."""
        if not isinstance(self.range, str):
            return np.full(len(vectors), float(self.range))
        if self.range == "predicted":
            return prediction.volts(vectors)
        answers = PROBLEMS.choose(circuit.problem).answer(circuit, vectors)
        read = self.analysis.read_voltage
        return np.array(
            [
                circuit.volts_per_unit(vectors[k : k + 1], answers[k : k + 1], read)
                for k in np.arange(len(vectors))
            ]
        )

    # -- what it took ------------------------------------------------------------------------

    def estimates(self) -> dict[Activity, Estimate]:
        """Return what operations without time take, from samples that are run in time now."""
        found: dict[Activity, Estimate] = {}
        if not self.analysis_has_no_time:
            return found
        for matrix in self.matrices:
            for problem, sample in matrix.samples().items():
                drawn = list(sample)
                if not drawn:
                    continue
                held = Activity.of(matrix.label, problem, drawn[-1].circuit, self.range_choice)
                total = matrix.ran(problem)
                found[held] = made = estimate(drawn, total, self.analysis, held.static_power)
                # Calibration runs the same circuit, and is taken to take as long.
                found[replace(held, kind=CALIBRATION + problem)] = made
        return found

    @property
    def analysis_has_no_time(self) -> bool:
        """Whether operations are simulated without time, but with their circuits."""
        return self.analysis.fidelity == "dc"

    def cost(
        self, technology: str | Technology | None = None, *, digital: bool = False, **changes: Any
    ) -> Cost:
        """Return what everything took so far.

        Parameters
        ----------
        technology : Technology or str or path, optional
            None is that of the chip.
        digital : bool
            Measure what a right-hand side takes on one core of this machine, for the break-even.
        **changes
            Single figures of the technology, such as ``adc_energy="2 pJ"``.
        """
        chosen = self.technology if technology is None else Technology.load(technology)
        work = Work.of(self.ledger, self.estimates())
        peer = digital_peer(self.ledger) if digital else None
        return Cost(work, chosen.changed(**changes) if changes else chosen, peer)

    def schedule(self, technology: str | Technology | None = None) -> list[Phase]:
        """Return the phases of the ledger with the times that they take.

        Parameters
        ----------
        technology : Technology or str or path, optional
            None is that of the chip.
        """
        chosen = self.technology if technology is None else Technology.load(technology)
        return schedule(self.ledger, chosen, self.estimates())

    def verify(self, count: int | Verify) -> Verification | None:
        """Run a sample of all operations again, on the same cells, at the next higher fidelity.

        Parameters
        ----------
        count : int or Verify
            How many; at most ``cost_sample`` of each matrix are kept to draw from.

        Returns
        -------
        Verification
            None if nothing ran.
        """
        asked = Verify.of(count)
        members: list[Drawn] = [
            drawn
            for matrix in self.matrices
            for sample in matrix.samples().values()
            for drawn in sample
        ]
        if asked.count > len(members) and self.ledger.operations > len(members):
            raise InputError(
                f"verify({asked.count}): {len(members)} operations were kept; make the chip with "
                f"cost_sample={asked.count} or more"
            )
        step = max(len(members) // max(asked.count, 1), 1)
        chosen = [drawn.operation for drawn in members[::step][: asked.count]]
        return warned(repeat(chosen, self.analysis, asked))

    def record(self, circuit: Circuit, vectors: Array, volts: Array) -> None:
        """Keep operations for `deck`."""
        self._record.add(circuit, vectors, volts)

    def deck(self, number: int, fidelity: str = "reduced") -> StandaloneDeck:
        """Return an operation as a deck that plain ``ngspice -b`` runs and measures.

        Parameters
        ----------
        number : int
            Of the operation, in the order in which they were asked for, from 0.
        fidelity : {"reduced", "flat"}

        Raises
        ------
        InputError
            If there is none, or it was not kept.
        UnsupportedError
            If the chip has converters, which no deck holds.
        """
        circuit, vector, volts = self._record.at(number)
        if circuit.converts:
            # What the converters send is what the deck is given.
            circuit = replace(circuit, dac=None, adc=None)
        analysis = replace(self.analysis, fidelity=fidelity, range=volts)
        return standalone_deck(circuit, vector, analysis)

    def save(self, path: str | Path) -> None:
        """Write the chip to a file: hardware, matrices with their age, ranges, and the account.

        Operations that were kept, for `deck` and `verify`, are left out.

        Raises
        ------
        UnsupportedError
            If something of another package is in it.
        """
        from amcspice.system.saving import save_chip

        save_chip(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Chip:
        """Read a chip that `save` wrote, with the same cells.

        Raises
        ------
        InputError
            If the file is none, or its cells would not be the same here.
        """
        from amcspice.system.saving import load_chip

        return load_chip(cls, Path(path))

    def __repr__(self) -> str:
        lines = [f"Chip, {self.analysis.fidelity}: {len(self.matrices)} matrices"]
        return "\n".join([*lines, *(f"  {each!r}" for each in self.matrices)])
