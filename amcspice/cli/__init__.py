"""The command line: a group whose commands are imported when they are called.

An error that the user can act on is one message, ``amcspice: ...``, and an exit code: 2 when
the input must change, 1 when a run failed, 130 and 143 when it was interrupted or terminated.
Only ``--debug`` shows a traceback.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

import click

from amcspice.errors import AccuracyWarning, AmcspiceError, CautionWarning, WaitingWarning
from amcspice.signals import Terminated, terminable

__all__ = ["LazyGroup", "main"]


class LazyGroup(click.Group):
    """A group that imports a command when it is called, and knows its one-line help before.

    Parameters
    ----------
    commands_at : mapping of str to (str, str)
        Name of a command to ``module:object`` and one-line help.
    """

    def __init__(
        self, *args: Any, commands_at: Mapping[str, tuple[str, str]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._commands_at = commands_at

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which they were given."""
        return list(self._commands_at)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in self._commands_at:
            return None
        module, _, name = self._commands_at[cmd_name][0].partition(":")
        command: click.Command = getattr(_imported(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._commands_at.items()])

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, *, standalone_mode: bool = True, **extra: Any
    ) -> Any:
        """Run the command line and leave with its exit code."""
        if not standalone_mode:
            return super().main(args, standalone_mode=False, **extra)
        _ask_blas_for_one_thread()
        state: dict[str, Any] = {"debug": False}
        sys.exit(self._run(args, state, extra))

    def _run(self, args: Sequence[str] | None, state: dict[str, Any], extra: dict[str, Any]) -> int:
        try:
            with terminable(), _notes():
                code = super().main(args, standalone_mode=False, obj=state, **extra)
                return code if isinstance(code, int) else 0
        except (click.Abort, KeyboardInterrupt):
            return _report("interrupted", 130, state)
        except Terminated:
            return _report("terminated", 143, state)
        except click.UsageError as error:
            hint = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
            return _report(error.format_message().rstrip(".") + hint, error.exit_code, state)
        except click.ClickException as error:
            return _report(error.format_message(), error.exit_code, state)
        except AmcspiceError as error:
            return _report(str(error), error.exit_code, state)
        except OSError as error:
            return _report(str(error), 1, state)
        except Exception as error:
            return _report(
                f"internal error, {type(error).__name__}: {error}\n"
                "  run again with --debug and report what it prints",
                1,
                state,
            )


def _ask_blas_for_one_thread() -> None:
    """Let OpenBLAS, which numpy loads, start no threads, unless someone has said how many.

    Circuits take one (`amcspice.threads`), and the others would wait busily from the start: a
    quarter of a second of processor time on two cores, more on many.
    """
    said = {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"} & os.environ.keys()
    if not said and "numpy" not in sys.modules:
        os.environ["OPENBLAS_NUM_THREADS"] = "1"


def _imported(module: str) -> ModuleType:
    """Import a module; no garbage is looked for meanwhile, nor later among what that made.

    It all stays as long as the process does, and to look through it takes a tenth of the import.
    """
    if module in sys.modules or not gc.isenabled():
        return importlib.import_module(module)
    gc.disable()
    try:
        return importlib.import_module(module)
    finally:
        gc.freeze()
        gc.enable()


@contextlib.contextmanager
def _notes() -> Iterator[None]:
    """Print warnings about circuits, and what a command waits for, as notes, each once."""
    said: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("always", AccuracyWarning)
        warnings.simplefilter("always", WaitingWarning)
        warnings.simplefilter("ignore", CautionWarning)  # commands say what results do
        show = warnings.showwarning

        def note(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if not issubclass(category, AccuracyWarning | WaitingWarning):
                show(message, category, *place, **more)
            elif str(message) not in said:
                said.add(str(message))
                click.echo(f"note: {message}", err=True)

        warnings.showwarning = note
        yield


def _report(message: str, code: int, state: dict[str, Any]) -> int:
    if state["debug"]:
        traceback.print_exc()
    click.echo(f"amcspice: {message}", err=True)
    return code


@click.group(
    cls=LazyGroup,
    commands_at={
        "doctor": ("amcspice.cli.doctor:doctor", "Check the installation."),
        "generate": ("amcspice.cli.generate:generate", "Write a SPICE deck of a circuit."),
        "simulate": ("amcspice.cli.simulate:simulate", "Run a SPICE deck and measure settling."),
        "solve": ("amcspice.cli.solve:solve", "Solve a matrix problem on a circuit."),
        "compare": (
            "amcspice.cli.compare:compare_circuits",
            "Every circuit that takes a problem, side by side.",
        ),
        "explore": ("amcspice.cli.explore:explore", "A page with sliders, on this machine."),
        "require": (
            "amcspice.cli.require:require_parts",
            "What cells, wires and amplifiers have to be for an error.",
        ),
        "nmf": ("amcspice.cli.nmf:nmf", "Factorise a picture, a matrix or ratings on a circuit."),
        "forecast": ("amcspice.cli.forecast:forecast", "How refinement of a system will go."),
        "lowrank": (
            "amcspice.cli.lowrank:lowrank",
            "Whether a product in two steps of low rank helps.",
        ),
        "mimo": ("amcspice.cli.mimo:mimo", "Wireless links with many antennas."),
        "ofdm": ("amcspice.cli.ofdm:ofdm", "OFDM with Fourier transforms in arrays."),
        "cost": ("amcspice.cli.cost:cost", "What a workload takes on a chip, writing counted."),
        "train": ("amcspice.cli.train:train", "Train small networks, K-FAC with analog inverses."),
        "recommend": ("amcspice.cli.recommend:recommend", "Best items for a user."),
        "robustness": (
            "amcspice.cli.robustness:study",
            "Quality against noise, levels and drift of the devices.",
        ),
        "program": ("amcspice.cli.program:program", "Program an array by write-verify."),
        "cell": ("amcspice.cli.cell:cell", "Measure a sub-circuit as a cell."),
        "opamp": ("amcspice.cli.opamp:opamp", "Measure an amplifier and fit the macro-model."),
        "sweep": ("amcspice.cli.sweep:sweep", "Many experiments over axes; store, export, plots."),
        "report": ("amcspice.cli.report:report", "Write a sweep as one page to look at."),
        "bench": ("amcspice.cli.bench:bench", "Time amcspice and its peers side by side."),
    },
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: amcspice nmf image photo.png --crop 0 0 64 64 --out out",
)
@click.version_option(package_name="amcspice", prog_name="amcspice")
def main() -> None:
    """Analog matrix computing with memristor crossbars, simulated with ngspice."""
