"""`Analysis`: how a circuit is simulated and measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from amcspice.device import ADC, DAC
from amcspice.engine.fidelities import BACKENDS
from amcspice.errors import InputError, did_you_mean, parameters

__all__ = ["Analysis", "choose_analysis", "split_options"]

Positive = Annotated[float, Field(gt=0)]


def _known_fidelity(name: str) -> str:
    if name not in BACKENDS:
        raise ValueError(did_you_mean(name, list(BACKENDS)))
    return name


@parameters
class Analysis:
    """How a circuit is simulated and measured.

    Parameters
    ----------
    fidelity : str
        A name of ``amcspice.BACKENDS``: ``flat`` (deck cell by cell), ``reduced`` (deck with the
        network exactly reduced to its ports), ``behavioural`` (amplifier equations on the reduced
        network, in time, without ngspice), ``dc`` (the rest that these come to, without time) or
        ``ideal`` (the algebraic answer).
    simulator : {"shared", "batch"}, optional
        None takes shared where PySpice can drive the installed libngspice, else batch.
    settle_tolerance : float
        Half-width of the settling band, as a fraction of the largest final value.
    range : float or "reference"
        Volts for one unit of the solution (column-scaled), or chosen with the ideal answer, which
        no hardware knows: then the largest solution voltage is ``full_scale`` of the positive
        output range, and the range is halved while an amplifier ends near a limit.
    full_scale : float
        Largest solution voltage aimed at, as a fraction of the positive output range.
    window, max_step : float, optional
        Time for a right-hand side and largest time step [s]; None is chosen from the circuit,
        and the time ends when a forecast by its equations says that it is at rest.
    relative_tolerance : float
        Of the simulator; behavioural, of a step while an amplifier slews.
    matrix_solver : {"sparse", "klu"}, optional
        None is chosen by deck and installation.
    amplifiers : {"elements", "subcircuits"}
        Decks hold amplifiers as the fewest elements that give the same waveforms, and supply
        currents follow from what the outputs deliver; or as the sub-circuits of
        ``models/opamp.lib`` with their supply pins, which takes two to three times as long.
    timeout : float, optional
        Of one simulation [s].
    allow_unstable : bool
        Simulate circuits without a stable operating point, too, instead of refusing them: they
        end at the rails (``near_limit``) or never settle.  Their range is not halved.
    dac : DAC, optional
        Converters of the inputs; None sends what the problem says.
    adc : ADC, optional
        Converters of the outputs; None reads them at rest, without rounding.
    """

    fidelity: Annotated[str, AfterValidator(_known_fidelity)] = "reduced"
    simulator: Literal["shared", "batch"] | None = None
    settle_tolerance: Annotated[float, Field(gt=0, lt=1)] = 0.01
    range: Positive | Literal["reference"] = "reference"
    full_scale: Annotated[float, Field(gt=0, le=1)] = 0.25
    window: Positive | None = None
    max_step: Positive | None = None
    relative_tolerance: Annotated[float, Field(gt=0, lt=0.1)] = 1e-4
    matrix_solver: Literal["sparse", "klu"] | None = None
    amplifiers: Literal["elements", "subcircuits"] = "elements"
    timeout: Positive | None = None
    allow_unstable: bool = False
    dac: DAC | None = None
    adc: ADC | None = None

    @property
    def converts(self) -> bool:
        """Whether there are converters."""
        return self.dac is not None or self.adc is not None


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
