"""What commands share: their options and the library objects made from them.

``@shared_options`` gives a command the options of circuits, hardware and analyses and one
argument, ``settings``, with the library objects made from them.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amcspice.circuit import Circuit
from amcspice.cli.output import check_target, write_json
from amcspice.cli.parameter_options import (
    config_options,
    decorate,
    given,
    grouped,
    parameter_options,
    refuse_overlap,
    write_config,
)
from amcspice.engine import Analysis, Backend, get_backend
from amcspice.errors import InputError
from amcspice.pool import usable_cores
from amcspice.problem import make_circuit
from amcspice.settings.assemble import analysis_of, chip_of, hardware_of, topology_options
from amcspice.settings.table import PARAMETERS
from amcspice.simulation.solve import PosedProblem, pose
from amcspice.simulation.verification import FIGURES, Verification, Verify

if TYPE_CHECKING:
    from amcspice.system import Chip

__all__ = [
    "SHARED",
    "Settings",
    "debug_option",
    "json_option",
    "shared_options",
]


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
    given : dict
        The parameters that were given, in SI units.
    jobs : int
        Number of processes.
    verify : Verify
        How many regressions are run again at a higher fidelity, and how far they may be off.
    seed : int
    json : Path, optional
        Where machine-readable results go; ``-`` is standard output.
    config : Path, optional
        Where the parameters go.
    """

    circuit: str | None
    parameters: dict[str, Any]
    analysis: Analysis
    given: dict[str, Any]
    jobs: int
    verify: Verify
    seed: int
    json: Path | None
    config: Path | None

    @property
    def backend(self) -> Backend:
        """The fidelity that was asked for."""
        return get_backend(self.analysis)

    def at(self, fidelity: str) -> Settings:
        """Return the settings with another fidelity."""
        return replace(self, analysis=replace(self.analysis, fidelity=fidelity))

    @property
    def circuit_options(self) -> dict[str, Any]:
        """Parameters of the circuit itself, see `amcspice.make_circuit`."""
        return topology_options(self.given)

    def chip(self, **more: Any) -> Chip:
        """Return a chip of the hardware and the analysis, see `amcspice.Chip`."""
        sample = max(32, self.verify.count)
        return chip_of(
            hardware_of(self.given), self.analysis, self.given, cost_sample=sample, **more
        )

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
        self.backend.check(circuit)
        if self.verify.count:
            get_backend(self._higher).check(circuit)
        self.check_surroundings()

    def check_surroundings(self) -> None:
        """Refuse what cannot be run here, or written; see `check`."""
        if self.verify.count:
            get_backend(self._higher).check_installation()
        if self.json is not None:
            check_target(self.json)
        self.backend.check_installation()

    @property
    def _higher(self) -> Analysis:
        """What regressions are verified with."""
        return replace(self.analysis, fidelity=self.verify.higher(self.analysis))

    def write_config(self, own: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        """Write the parameters as an experiment file, if that was asked for.

        Parameters
        ----------
        own : mapping, optional
            What the command alone has, by the names of its options.
        **more
            Parameters of the problem.
        """
        chosen = {name: value for name, value in more.items() if value is not None}
        write_config(self.config, {**chosen, **self.given}, own)

    def record(self, inputs: Mapping[str, Any], *data: Any) -> dict[str, Any]:
        """Return all that the results of a run depend on, for its folder.

        Parameters
        ----------
        inputs : mapping
            Of the workload; the number of processes changes nothing and is left out.
        *data : ndarray
            What was read from files.
        """
        record = {name: value for name, value in inputs.items() if name != "jobs"}
        if data:
            digest = hashlib.sha256()
            for array in data:
                digest.update(f"{array.dtype} {array.shape} ".encode() + array.tobytes())
            record["data_sha256"] = digest.hexdigest()
        return {**record, **{name: str(value) for name, value in self.given.items()}}

    def confirm(self, verification: Verification | None) -> None:
        """Leave with exit code 1 where a verification did not pass; once everything is written."""
        if verification is not None and not verification.passed:
            click.get_current_context().exit(1)

    def write_json(self, content: Mapping[str, Any]) -> None:
        """Write the machine-readable results, if they were asked for.

        What is assumed of the cells joins the cautions, and is told, where nothing said it before.
        """
        said = list(content.get("cautions", ()))
        missing = [each for each in self.parameters["device"].cautions if each not in said]
        for sentence in missing:
            click.echo(f"note: {sentence}", err=True)
        if self.json is not None:
            write_json(
                self.json, {**content, "cautions": [*said, *missing]} if missing else content
            )


def _json() -> click.Option:
    return click.Option(
        ["--json", "json_file"], type=click.Path(path_type=Path), metavar="FILE",
        help="Write machine-readable results there (- is standard output).",
    )  # fmt: skip


json_option = decorate([_json()])

SHARED = ("circuit", "device", "wires", "amplifier", "converters", "run")
"""Groups of parameters that every command on circuits takes."""


def _shared() -> list[click.Option]:
    """Return the options of circuits, hardware and analyses, and those of a run."""
    run = [
        click.Option(
            ["--jobs"], type=click.IntRange(min=1), metavar="N",
            help="Processes.  [default: one a usable core]",
        ),
        click.Option(
            ["--verify"], type=click.IntRange(min=0), default=0, metavar="K",
            help="Run K regressions, drawn at random, again one fidelity higher and report how "
            "far they are off; exit code 1 where that is beyond a limit.",
        ),
        click.Option(
            ["--verify-fidelity"], metavar="NAME",
            help="Another one that they are run again at: flat checks the reduction, too.",
        ),
        click.Option(
            ["--verify-limit"], multiple=True, metavar="[FIGURE=]FRACTION",
            help=f"Largest deviation, such as 1e-3 or 'settling=5 %': of all figures, or of one "
            f"({', '.join(FIGURES)}).  [default: what the fidelities' own errors come to]",
        ),
        _json(),
        *config_options(),
    ]  # fmt: skip
    options = parameter_options(PARAMETERS.of_group(*SHARED))
    return [*options, *(grouped("run", option) for option in run)]


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


def shared_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the shared options to a command; it receives them as ``settings``.

    Place it below the command's own options, directly above the function; the command is a
    `GroupedCommand`.
    """
    options = _shared()
    names = [str(option.name) for option in options if option.expose_value]

    @functools.wraps(command)
    def wrapped(*args: Any, **values: Any) -> Any:
        refuse_overlap(values)
        shared = {name: values.pop(name) for name in names}
        return command(*args, settings=_settings(**shared), **values)

    return decorate(options)(debug_option(wrapped))


def _verify(count: int, fidelity: str | None, limits: Sequence[str]) -> Verify:
    """Return what a verification is asked for; a later limit overrides an earlier one."""
    if not count and (fidelity is not None or limits):
        raise InputError("--verify-fidelity, --verify-limit: give --verify K, too")
    by_name: dict[str, float | str] = {}
    for text in limits:
        name, equals, value = text.rpartition("=")
        by_name |= {name.strip(): value} if equals else dict.fromkeys(FIGURES, value)
    return Verify(count, fidelity, by_name)


def _settings(**values: Any) -> Settings:
    chosen = given(values, [item.name for item in PARAMETERS.of_group(*SHARED)])
    return Settings(
        circuit=chosen.get("circuit"),
        parameters={**hardware_of(chosen).parts(), **topology_options(chosen)},
        analysis=analysis_of(chosen),
        given=chosen,
        jobs=values["jobs"] or usable_cores(),
        verify=_verify(values["verify"], values["verify_fidelity"], values["verify_limit"]),
        seed=chosen.get("seed", 0),
        json=values["json_file"],
        config=values["write_config"],
    )
