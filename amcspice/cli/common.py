"""What commands share: their options and the library objects made from them.

``@shared_options`` gives a command the options of devices, circuits and analyses and one
argument, ``settings``, with the library objects made from them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from amcspice.circuit import Circuit
from amcspice.cli.device_options import DEVICE_OPTIONS
from amcspice.cli.number import ABOVE_ZERO, FROM_ZERO, Number, Range
from amcspice.cli.output import check_target, write_json
from amcspice.cli.wire_options import WIRE_OPTIONS
from amcspice.device import PRESETS, OpAmp
from amcspice.engine import BACKENDS, Analysis, Backend, get_backend
from amcspice.pool import usable_cores
from amcspice.problem import make_circuit
from amcspice.settings.options import make_device, make_opamp, make_switches, make_wire
from amcspice.simulation.solve import PosedProblem, pose
from amcspice.simulation.verify import Verifier

__all__ = [
    "Number",
    "Settings",
    "debug_option",
    "json_option",
    "shared_options",
]

C = TypeVar("C", bound=Callable[..., Any])


@dataclass(frozen=True)
class Settings:
    """The shared options, made into library objects.

    Parameters
    ----------
    circuit : str, optional
        Name of the topology; None is the default of the problem.
    parameters : dict
        Parameters of the circuit: ``device``, ``wire``, ``opamp``, ``ridge``, ``lasso`` and what
        else was given; fits `amcspice.solve`, `amcspice.make_circuit` and `amcspice.nmf`.
    analysis : Analysis
    jobs : int
        Number of processes.
    verify : int
        How many regressions are run again one fidelity higher.
    seed : int
    json : Path, optional
        Where machine-readable results go; ``-`` is standard output.
    """

    circuit: str | None
    parameters: dict[str, Any]
    analysis: Analysis
    jobs: int
    verify: int
    seed: int
    json: Path | None

    @property
    def backend(self) -> Backend:
        """The fidelity that was asked for."""
        return get_backend(self.analysis)

    @property
    def stand_in(self) -> str | None:
        """What stands for a sub-circuit that the fidelity cannot simulate; None for nothing."""
        opamp: OpAmp = self.parameters["opamp"]
        backend = BACKENDS[self.analysis.fidelity]
        if opamp.subcircuit is None or backend.uses_ngspice or not backend.simulates:
            return None
        return opamp.source

    def make_circuit(self, problem: str, matrix: Any, **more: Any) -> Circuit:
        """Return the circuit of a problem, see `amcspice.make_circuit`."""
        return make_circuit(problem, matrix, circuit=self.circuit, **self.parameters, **more)

    def pose(self, problem: str, matrix: Any, vectors: Any) -> PosedProblem:
        """Return a problem with its circuit, see `amcspice.simulation.solve.pose`."""
        return pose(problem, matrix, vectors, circuit=self.circuit, parameters=self.parameters)

    def check(self, problem: str, matrix: Any = ((1.0,), (1.0,))) -> None:
        """Refuse what can be refused before any work and before any file is written.

        Parameters
        ----------
        problem : str
        matrix : array_like, optional
            The problem matrix, where it is known before.

        Raises
        ------
        InputError
            If circuit and options do not fit together, or the simulator is not installed.
        """
        self.check_circuit(self.make_circuit(problem, matrix))

    def check_circuit(self, circuit: Circuit) -> None:
        """Refuse what can be refused of a circuit before any work; see `check`."""
        backend = get_backend(self.analysis)
        backend.check(circuit)
        Verifier(self.verify, self.analysis, self.seed)
        if self.json is not None:
            check_target(self.json)
        backend.check_installation()

    def write_json(self, content: Mapping[str, Any]) -> None:
        """Write the machine-readable results, if they were asked for."""
        if self.json is not None:
            write_json(self.json, content)


json_option = click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write machine-readable results there (- is standard output).",
)

_OPTIONS: tuple[Callable[[C], C], ...] = (
    click.option("--circuit", metavar="NAME", help="Topology, such as ginv-compact."),
    click.option(
        "--fidelity",
        type=click.Choice(list(BACKENDS)),
        default="reduced",
        show_default=True,
        help="flat: deck cell by cell; reduced: deck with the network reduced exactly to its "
        "ports; behavioural: amplifier equations integrated without ngspice; dc: the rest that "
        "these come to; ideal: the algebraic answer.",
    ),
    click.option(
        "--simulator",
        type=click.Choice(["shared", "batch"]),
        help="ngspice as a library or as a process [default: shared where it works].",
    ),
    click.option(
        "--opamp", metavar="NAME",
        help=f"Amplifier preset: {', '.join(PRESETS)} [default: ideal].",
    ),
    click.option("--gbw", type=ABOVE_ZERO, metavar="HZ", help="Gain-bandwidth product."),
    click.option("--gain", type=Number(1.0), metavar="A0", help="Open-loop DC gain."),
    click.option("--slew-rate", type=ABOVE_ZERO, metavar="V/S", help="Slew rate."),
    click.option(
        "--opamp-lib", metavar="FILE",
        help="SPICE library with an amplifier of your own, in the place of a preset.",
    ),
    click.option(
        "--opamp-subckt", metavar="NAME",
        help="Its sub-circuit; pins in+ in- out vdd vss. It is measured first: amcspice opamp.",
    ),
    click.option(
        "--opamp-supply", nargs=2, type=float, metavar="V V",
        help="Its positive and negative rail [default: 5 -5].",
    ),
    click.option(
        "--offset-sigma", type=FROM_ZERO, metavar="V",
        help="Standard deviation of the input offset from amplifier to amplifier.",
    ),
    click.option(
        "--gain-sigma", type=FROM_ZERO, metavar="FRACTION",
        help="Standard deviation of the DC gain (of its logarithm) from amplifier to amplifier.",
    ),
    *DEVICE_OPTIONS,
    *WIRE_OPTIONS,
    click.option(
        "--ridge", type=FROM_ZERO, default=0.0, metavar="LAMBDA",
        help="Adds LAMBDA/2 |x|^2 to the objective |A x - b|^2 / 2.",
    ),
    click.option(
        "--lasso", type=FROM_ZERO, default=0.0, metavar="LAMBDA",
        help="Adds LAMBDA sum(|x|) to the objective (nnls, lasso).",
    ),
    click.option(
        "--hold/--no-hold", default=None,
        help="Hold the column wire of a saturated amplifier at virtual ground.",
    ),
    click.option(
        "--compensation/--no-compensation", default=None,
        help="Conductance compensation: equal row totals.",
    ),
    click.option(
        "--settle-tolerance", type=ABOVE_ZERO, default=0.01, show_default=True,
        metavar="FRACTION", help="Half-width of the settling band.",
    ),
    click.option(
        "--range", type=Range(), default="reference", show_default=True, metavar="VOLTS",
        help="Volts for one unit of the solution; reference chooses them with the ideal answer, "
        "which no hardware knows.",
    ),
    click.option(
        "--allow-unstable", is_flag=True,
        help="Simulate unstable circuits instead of refusing them.",
    ),
    click.option(
        "--timeout", type=ABOVE_ZERO, metavar="SECONDS", help="Of one simulation [default: none]."
    ),
    click.option(
        "--jobs", type=click.IntRange(min=1), metavar="N",
        help="Processes [default: one a usable core].",
    ),
    click.option(
        "--verify", type=click.IntRange(min=0), default=0, metavar="K",
        help="Run K regressions, drawn at random, again one fidelity higher and report how far "
        "they are off.",
    ),
    click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True,
                 help="Of every random draw."),
    json_option,
)  # fmt: skip


def _remember_debug(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and isinstance(ctx.obj, dict):
        ctx.obj["debug"] = True


debug_option = click.option(
    "--debug",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_remember_debug,
    help="Show a traceback with an error.",
)

_ANALYSIS = ("fidelity", "simulator", "settle_tolerance", "range", "timeout", "allow_unstable")


def shared_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the shared options to a command; it receives them as ``settings``.

    Place it below the command's own options, directly above the function.
    """

    @functools.wraps(command)
    def wrapped(*args: Any, **values: Any) -> Any:
        shared = {name: values.pop(name) for name in _names()}
        return command(*args, settings=_settings(**shared), **values)

    decorated: Callable[..., Any] = wrapped
    for option in reversed((*_OPTIONS, debug_option)):
        decorated = option(decorated)
    return decorated


@functools.cache
def _names() -> tuple[str, ...]:
    probe: Any = lambda: None  # noqa: E731
    for option in _OPTIONS:
        probe = option(probe)
    return tuple(item.name for item in probe.__click_params__)


def _settings(**values: Any) -> Settings:
    circuit: dict[str, Any] = {
        "device": make_device(values),
        "wire": make_wire(values),
        **make_switches(values),
        "opamp": make_opamp(values),
        **_without_none(values, "ridge", "lasso", "hold", "compensation"),
    }
    return Settings(
        circuit=values["circuit"],
        parameters=circuit,
        analysis=Analysis(**{name: values[name] for name in _ANALYSIS}),
        jobs=values["jobs"] or usable_cores(),
        verify=values["verify"],
        seed=values["seed"],
        json=values["json_file"],
    )


def _without_none(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: values[name] for name in names if values[name] is not None}
