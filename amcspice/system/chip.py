"""`Chip`: arrays, amplifiers and converters that run programs, with an account of what it took."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from amcspice.errors import InputError, UnsupportedError, caution
from amcspice.problem import PROBLEMS
from amcspice.schema import to_number
from amcspice.simulation.standalone import StandaloneDeck, standalone_deck
from amcspice.simulation.verification import Verification, Verify
from amcspice.simulation.verify import repeat, warned
from amcspice.system.arrays import Arrays
from amcspice.system.cost import Cost
from amcspice.system.digital import digital_peer
from amcspice.system.ledger import CALIBRATION, Activity
from amcspice.system.macro import MACRO
from amcspice.system.matrix import Mend, ProgrammedMatrix, cells_of
from amcspice.system.sampling import Drawn, estimate
from amcspice.system.saving import load_chip, save_chip
from amcspice.system.schedule import Phase, account, schedule
from amcspice.system.service import Place
from amcspice.system.state import ChipState
from amcspice.system.technology import Technology
from amcspice.system.work import Estimate, Work

if TYPE_CHECKING:
    import pandas

__all__ = ["Chip"]


class Chip(ChipState):
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

    # -- programming -------------------------------------------------------------------------

    def program(
        self,
        matrix: ArrayLike,
        operation: str | None = None,
        *,
        circuit: str | None = None,
        calibration: ArrayLike | None = None,
        label: str | None = None,
        mend: Mend | None = None,
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
        mend : callable, optional
            Is asked where the circuit does not settle with the cells as they came out: takes the
            matrix and the error, and returns the one to write next into the same cells, the same
            or another; or raises the error.  Every writing is entered.  None refuses such cells,
            and enters nothing.
        **parameters
            Of the circuit, such as ``ridge``, ``lasso``, ``hold``.

        Returns
        -------
        ProgrammedMatrix

        Warns
        -----
        CautionWarning
            If cells ask to be set for what they will see, which nobody knows yet.

        Raises
        ------
        InputError
            If something cannot be used; nothing is written then.
        UnsupportedError
            If the circuit does not support what is asked for.
        UnstableError
            If it does not settle.
        """
        if operation is None and circuit != MACRO:
            raise InputError(
                f"program(matrix, operation): say what for, one of {', '.join(PROBLEMS)}; or take "
                "circuit='macro' for several"
            )
        if operation is not None:
            PROBLEMS.choose(operation)
        if label is not None and not isinstance(label, str):
            raise InputError(f"label = {label!r}: must be a text")
        if circuit == MACRO:
            extra = sorted(parameters.keys() - {"switch_on", "switch_off"})
            if extra:
                raise UnsupportedError(
                    f"{', '.join(extra)}: the macro holds the matrix as it is, for every operation"
                )
        problem = MACRO if circuit == MACRO else str(operation)
        number = 1 + max((each.number for each in self.matrices), default=-1)
        arrays = Arrays(
            problem, circuit, dict(parameters), cells_of(self.hardware.device, number), matrix,
            written_at=self.now, calibration=calibration,
        )  # fmt: skip
        place = Place(label or f"matrix {number}", len(self.matrices))
        made = ProgrammedMatrix(self, place, arrays, number)
        made.write(arrays, mend=mend)
        self.matrices.append(made)
        if self.hardware.device.set_when_used:
            caution(
                "cells are set at 0 V: they are written before it is known what they will see; "
                "set_at takes the voltage at which they are to have their conductances"
            )
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

    def refresh(self) -> None:
        """Write every matrix again, as it was given; the ledger counts it."""
        for each in [each for each in self.matrices if not each.selects]:
            each.refresh()

    # -- what it took ------------------------------------------------------------------------

    def estimates(self) -> dict[tuple[int, str], Estimate]:
        """Return what operations without time take, from samples that are run in time now.

        Returns
        -------
        dict
            By `Activity.key`.
        """
        found = dict(self.kept_estimates)
        if not self.analysis_has_no_time:
            return found
        for matrix in self.matrices:
            for problem, sample in matrix.samples.items():
                drawn = list(sample)
                if not drawn:
                    continue
                if self.watch is not None:
                    self.watch(f"{matrix.label}, {len(drawn)} operations of a sample in time")
                held = Activity.of(matrix.label, problem, drawn[-1].circuit)
                before = self.kept_estimates.get((matrix.ident, problem))
                ran = matrix.counts[problem] - (before.total if before else 0)
                made = estimate(drawn, ran, self.analysis, held.static_power)
                if before:
                    made = before.joined(made)
                found[matrix.ident, problem] = made
                # Calibration runs the same circuit, and is taken to take as long.
                found[matrix.ident, CALIBRATION + problem] = made
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

    def table(self, technology: str | Technology | None = None) -> pandas.DataFrame:
        """Return what every matrix took, one row an activity, with pulses, time and energy.

        Times are those on one macro, energies all that belong to them; SI units.

        Parameters
        ----------
        technology : Technology or str or path, optional
            None is that of the chip.
        """
        chosen = self.technology if technology is None else Technology.load(technology)
        return account(self.ledger, chosen, self.estimates())

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
            How many; at most ``cost_sample`` of each matrix are kept to draw from.  Fidelities flat
            and ideal have none above them.

        Returns
        -------
        Verification
            None if nothing ran.
        """
        asked = Verify.of(count)
        members: list[Drawn] = [
            drawn
            for matrix in self.matrices
            for sample in matrix.samples.values()
            for drawn in sample
        ]
        ran = sum(sum(matrix.counts.values()) for matrix in self.matrices)
        if asked.count > len(members) and ran > len(members):
            raise InputError(
                f"verify({asked.count}): {len(members)} of {ran} operations were kept; make the "
                f"chip with cost_sample={min(asked.count, ran)} or more"
            )
        step = max(len(members) // max(asked.count, 1), 1)
        chosen = [drawn.operation for drawn in members[::step][: asked.count]]
        return warned(repeat(chosen, self.analysis, asked))

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

        Operations that were kept, for `deck` and `verify`, are left out; what operations take that
        were run without time is estimated before, and kept.

        Raises
        ------
        UnsupportedError
            If something of another package is in it.
        """
        save_chip(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Chip:
        """Read a chip that `save` wrote, with the same cells.

        Raises
        ------
        InputError
            If the file is none, or its cells would not be the same here.
        """
        loaded: Chip = load_chip(cls, Path(path))
        return loaded

    def __repr__(self) -> str:
        lines = [f"Chip, {self.analysis.fidelity}: {len(self.matrices)} matrices"]
        return "\n".join([*lines, *(f"  {each!r}" for each in self.matrices)])
