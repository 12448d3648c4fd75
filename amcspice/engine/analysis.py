"""`Analysis`: how a circuit is simulated and measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from amcspice.engine.fidelities import BACKENDS
from amcspice.errors import InputError, did_you_mean
from amcspice.schema import Quantity, parameters

__all__ = ["Analysis", "choose_analysis", "split_options"]


def _known_fidelity(name: str) -> str:
    if name not in BACKENDS:
        raise ValueError(did_you_mean(name, list(BACKENDS)))
    return name


@parameters
class Analysis:
    """How a circuit is simulated and measured.

    Examples
    --------
    >>> import amcspice as amc
    >>> circuit = amc.INV([[2.0, 1.0], [1.0, 3.0]])
    >>> analysis = amc.Analysis(fidelity="behavioural", settle_tolerance="0.1 %")
    >>> amc.simulate(circuit, [3.0, 5.0], analysis=analysis).x.round(3)
    array([0.8, 1.4])
    """

    MOVED: ClassVar[Mapping[str, str]] = {
        "full_scale": "it is read_voltage now, the largest voltage across a cell [V]",
        "dac": "converters are hardware: give them to the circuit, or to amcspice.solve",
        "adc": "converters are hardware: give them to the circuit, or to amcspice.solve",
    }

    fidelity: Annotated[
        str,
        AfterValidator(_known_fidelity),
        Field(
            description="flat: deck cell by cell; reduced: deck with the network reduced exactly "
            "to its ports; behavioural: amplifier equations integrated without ngspice; dc: the "
            "rest that these come to, without time; ideal: the algebraic answer."
        ),
    ] = "reduced"
    simulator: Annotated[
        Literal["shared", "batch"] | None,
        Field(
            description="ngspice as a library or as a process; none: shared where PySpice can "
            "drive the installed libngspice, else batch."
        ),
    ] = None
    settle_tolerance: Annotated[
        float,
        Field(
            ge=1e-12,
            lt=1,
            description="Half-width of the settling band, as a fraction of the largest final "
            "value.",
        ),
        Quantity("", (1e-8, 0.5)),
    ] = 0.01
    range: Annotated[
        Annotated[float, Field(gt=0), Quantity("V")] | Literal["reference"],
        Field(
            description="Volts for one unit of the (column-scaled) solution; reference chooses "
            "them with the ideal answer, which no hardware knows: then the largest voltage across "
            "a cell is read_voltage, and the range is halved while an amplifier ends near a limit."
        ),
    ] = "reference"
    read_voltage: Annotated[
        float,
        Field(
            gt=0,
            description="Largest voltage across a cell that the range aims at; the default is "
            "what published cells are read with and survive.",
        ),
        Quantity("V", (1e-3, 10)),
    ] = 0.2
    window: Annotated[
        float | None,
        Field(
            gt=0,
            description="Time for a right-hand side, kept as it is at every fidelity: what is not "
            "at rest then did not settle. None is chosen from the circuit, ends when a forecast by "
            "its equations says that it is at rest, and is doubled where that is too early.",
        ),
        Quantity("s", (1e-12, 10)),
    ] = None
    max_step: Annotated[
        float | None,
        Field(
            gt=0,
            description="Largest time step, behavioural between samples of waveforms; none is "
            "chosen from the circuit.",
        ),
        Quantity("s", (1e-15, 1)),
    ] = None
    most_steps: Annotated[
        int | None,
        Field(
            gt=0,
            description="Steps for a right-hand side, behavioural; what is not at rest after them "
            "did not settle. None: 500,000, of exact trajectories 20,000.",
        ),
    ] = None
    relative_tolerance: Annotated[
        float,
        Field(
            gt=0,
            lt=0.1,
            description="Of the simulator; behavioural, of a step while an amplifier slews.",
        ),
        Quantity(),
    ] = 5e-5
    matrix_solver: Annotated[
        Literal["sparse", "klu"] | None,
        Field(description="Of ngspice; none is chosen by deck and installation."),
    ] = None
    amplifiers: Annotated[
        Literal["elements", "subcircuits"],
        Field(
            description="Decks hold amplifiers as the fewest elements that give the same "
            "waveforms, and supply currents follow from what the outputs deliver; or as the "
            "sub-circuits of models/opamp.lib with their supply pins, which takes two to six "
            "times as long."
        ),
    ] = "elements"
    timeout: Annotated[
        float | None, Field(gt=0, description="Of one simulation; none: no limit."), Quantity("s")
    ] = None
    allow_unstable: Annotated[
        bool,
        Field(
            description="Simulate circuits without a stable operating point, too, instead of "
            "refusing them: they end at the rails or never settle, and their range is not halved."
        ),
    ] = False

    def at_rest(self) -> Analysis:
        """Return it at dc, without what belongs to time and decks."""
        return replace(
            self,
            fidelity="dc",
            simulator=None,
            window=None,
            max_step=None,
            most_steps=None,
            allow_unstable=False,
        )


def choose_analysis(analysis: Analysis | None, options: Mapping[str, Any]) -> Analysis:
    """Return an analysis that was given whole or as its fields.

    Raises
    ------
    InputError
        If both were given, a field does not fit, or what was given is no `Analysis`.
    """
    if analysis is None:
        return Analysis(**options)
    if not isinstance(analysis, Analysis):
        raise InputError(
            f"analysis={analysis!r}: must be an amcspice.Analysis, or give its fields as keywords"
        )
    if options:
        raise InputError("give either an analysis or its fields as keywords, not both")
    return analysis


def split_options(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return those of keyword arguments that are fields of `Analysis`, and the others."""
    fields: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for name, value in options.items():
        (fields if name in Analysis.__dataclass_fields__ else others)[name] = value
    return fields, others
