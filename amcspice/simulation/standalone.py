"""`standalone_deck`: a circuit with its right-hand sides as a deck that needs nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from numpy.typing import ArrayLike

from amcspice.circuit import Circuit
from amcspice.engine import Analysis, Batch, Drive, LinearModel, choose_transient, get_backend
from amcspice.engine.ngspice.backends import Reduced
from amcspice.engine.timing import STEPS_PER_WINDOW, damped_for_its_step
from amcspice.errors import UnsupportedError
from amcspice.netlist import Transient, make_testbench, write_deck
from amcspice.netlist.listing import write_listing
from amcspice.problem import problem_of
from amcspice.simulation.cell_states import set_cells
from amcspice.simulation.feedback import set_feedback

__all__ = ["StandaloneDeck", "standalone_deck"]

MARGIN = 2.0
"""Windows are this much longer than `simulate` starts with: a deck cannot run itself again."""


@dataclass(frozen=True)
class StandaloneDeck:
    """A deck and how to read it.

    Parameters
    ----------
    text : str
    volts_per_unit : float
        Volts for one unit of the column-scaled solution.
    transient : Transient
        Windows and time step.
    count : int
        Number of right-hand sides.
    """

    text: str
    volts_per_unit: float
    transient: Transient
    count: int

    @property
    def sha256(self) -> str:
        """Hash of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def standalone_deck(
    circuit: Circuit, b: ArrayLike, analysis: Analysis | None = None
) -> StandaloneDeck:
    """Return a deck that plain ``ngspice -b`` runs and measures; ngspice is not needed for this.

    Parameters
    ----------
    circuit : Circuit
    b : array_like, shape (m,) or (m, K)
        Right-hand sides, streamed one after the other.
    analysis : Analysis, optional
        Fidelity (flat or reduced), windows, tolerances and range.  The same arguments give the
        same text on every machine: KLU is asked for in large decks, and an ngspice without it
        takes its own solver.

    Raises
    ------
    UnsupportedError
        If the fidelity has no deck, or reduces cells that are no constant conductances.
    """
    analysis = analysis or Analysis(fidelity="flat")
    backend = get_backend(analysis)
    if not isinstance(backend, Reduced):
        raise UnsupportedError(f"fidelity {backend.name} has no deck; choose flat or reduced")
    if circuit.converts:
        raise UnsupportedError("a deck of its own holds no converters; leave dac and adc out")
    backend.check(circuit)
    circuit, _ = set_feedback(circuit)
    vectors = circuit.vectors(b)
    volts = analysis.range
    if volts == "reference":
        answers = problem_of(circuit).answer(circuit, vectors)
        volts = _rounded(circuit.volts_per_unit(vectors, answers, analysis.read_voltage))
    circuit = set_cells(circuit.in_range(volts), vectors, volts)
    batch = Batch.of([circuit])
    (model,) = batch.models
    linear = LinearModel.of(circuit, model)
    transient = choose_transient(
        circuit,
        linear,
        klu=True,
        flat=backend.flat,
        relative_tolerance=analysis.relative_tolerance,
        allow_unstable=analysis.allow_unstable,
    )
    window = analysis.window or _rounded(MARGIN * transient.window)
    step = analysis.max_step or _rounded(transient.max_step)
    transient = replace(
        transient,
        window=window,
        max_step=min(step, window / STEPS_PER_WINDOW),
        rise=min(_rounded(transient.rise), window / 100),
        solver=analysis.matrix_solver or transient.solver,
    )
    transient = damped_for_its_step(transient, linear)
    currents = circuit.schematic.currents(vectors, volts)
    if circuit.device.curve is not None and not backend.flat:
        from amcspice.engine.dc.curved import with_curves

        drive = with_curves(batch, Drive.of(batch, [currents]), strict=True)
        model, currents = model.at_ports(), drive.into[0]
    m, n = circuit.matrix.shape
    deck = write_deck(
        f"amcspice {circuit.name} {m}x{n}, {backend.name}, {len(vectors)} right-hand side(s)",
        make_testbench(circuit.schematic, currents, None if backend.flat else model),
        circuit.opamp,
        transient,
        circuit.device,
    )
    text = write_listing(
        circuit,
        vectors,
        deck,
        transient,
        volts_per_unit=volts,
        settle_tolerance=analysis.settle_tolerance,
    )
    return StandaloneDeck(text, volts, transient, len(vectors))


def _rounded(value: float) -> float:
    """Return three digits: what depends on a linear algebra library differs in the last ones."""
    return float(f"{value:.3g}")
