"""Options made of parameters, in groups, and the experiment files that they may come from."""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import click

from amcspice.cli.output import check_target
from amcspice.errors import InputError
from amcspice.files import named_files
from amcspice.netlist.source import files_of
from amcspice.schema import Parameter, field_parameters
from amcspice.settings.files import read_experiment, write_experiment
from amcspice.settings.table import GROUPS, PARAMETERS, of_commands

__all__ = [
    "GroupedCommand",
    "ParameterOption",
    "compat_option",
    "config_options",
    "decorate",
    "field_options",
    "given",
    "grouped",
    "parameter_options",
    "refuse_included",
    "refuse_overlap",
    "write_config",
]

CONFIG = "amcspice.config"
"""Where a context keeps the experiment file that was read."""

_METAVARS = {"integer": "N", "text": "NAME", "file": "FILE", "number": "NUMBER"}


class _None(enum.Enum):
    """The word none, typed; an option that was not given is None."""

    NONE = "none"


class ParameterType(click.ParamType):  # type: ignore[type-arg]
    """The value of a parameter: units are understood, limits are held.

    Parameters
    ----------
    parameter : Parameter
    """

    def __init__(self, parameter: Parameter) -> None:
        self.parameter, self.name = parameter, parameter.kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value in SI units, or fail with a message."""
        if isinstance(value, _None):
            return value
        try:
            converted = self.parameter.convert(value)
        except InputError as error:
            self.fail(str(error).removeprefix(f"{self.parameter.name} = "), param, ctx)
        return _None.NONE if converted is None else converted


class ParameterOption(click.Option):
    """An option that sets a parameter.

    Parameters
    ----------
    parameter : Parameter
    """

    def __init__(self, parameter: Parameter) -> None:
        dashed = parameter.name.replace("_", "-")
        self.parameter, self.group = parameter, parameter.group
        help_text, metavar = _help(parameter), _metavar(parameter)
        if parameter.kind == "flag":
            super().__init__([f"--{dashed}/--no-{dashed}"], default=None, help=help_text)
        else:
            super().__init__(
                [f"--{dashed}"], type=ParameterType(parameter), metavar=metavar, help=help_text,
                multiple=parameter.kind == "file", default=None,
            )  # fmt: skip


def _metavar(parameter: Parameter) -> str:
    if parameter.unit:
        return parameter.unit
    if parameter.choices and parameter.kind == "text" and len(parameter.choices) < 4:
        return "|".join(parameter.choices)
    return _METAVARS.get(parameter.kind, "")


def _help(parameter: Parameter) -> str:
    text = parameter.description.rstrip(".") + "."
    if parameter.kind == "text" and len(parameter.choices) >= 4:
        text += f" One of {', '.join(parameter.choices)}."
    takers = dict.fromkeys(getattr(owner, "name", None) for owner, _ in parameter.fields)
    if parameter.group in ("circuit", "system") and None not in takers:
        text += f" Of {', '.join(map(str, takers))}."
    default = parameter.default
    if default is None or (parameter.kind == "flag" and not default):
        return text
    shown = f"{default:g}" if isinstance(default, float) else str(default).lower()
    unit = f" {parameter.unit}" if parameter.unit and not isinstance(default, str) else ""
    return f"{text}  [default: {shown}{unit}]"


class GroupedCommand(click.Command):
    """A command whose help lists options by what they belong to.

    Parameters
    ----------
    *args, **kwargs
        Of `click.Command`.
    problem : str
        What its experiment files say as their problem, where no option does.
    several : collection of str
        Parameters of which its options take more than one value, as text.
    later : callable, optional
        Returns further options, of programs that take long to import: they join the others once
        an argument may be one of them, help is asked for or a file is to give options.
    """

    def __init__(
        self,
        *args: Any,
        problem: str = "",
        several: Collection[str] = (),
        later: Callable[[], Iterable[click.Option]] | None = None,
        **kwargs: Any,
    ) -> None:
        self._later = later
        super().__init__(*args, **kwargs)
        self.problem, self.several = problem, several

    def complete(self) -> Self:
        """Add the further options, if they are not there yet; return the command."""
        if self._later is not None:
            later, self._later = self._later, None
            self.params += later()
        return self

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read arguments."""
        known = {
            name
            for option in self.params
            if not option.is_eager
            for name in (*option.opts, *option.secondary_opts)
        }
        if not known.issuperset(arg.partition("=")[0] for arg in args if arg.startswith("-")):
            self.complete()
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options first, then the groups."""
        records: dict[str, list[tuple[str, str]]] = {"": []}
        for parameter in self.complete().get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                records.setdefault(getattr(parameter, "group", ""), []).append(record)
        for group in ("", *GROUPS):
            if records.get(group):
                with formatter.section(group.capitalize() or "Options"):
                    formatter.write_dl(records[group])


def grouped(group: str, option: click.Option) -> click.Option:
    """Return an option that stands in a group of the help."""
    option.group = group  # type: ignore[attr-defined]
    return option


def parameter_options(parameters: Iterable[Parameter]) -> list[click.Option]:
    """Return the options of parameters; hashes of files are filled in, and are none."""
    return [
        ParameterOption(of_commands(parameter))
        for parameter in parameters
        if not parameter.name.endswith("_sha256")
    ]


def field_options(owner: type) -> list[click.Option]:
    """Return an option for every field of a dataclass that is no parameter of an experiment."""
    return [ParameterOption(parameter) for parameter in field_parameters(owner)]


def given(values: Mapping[str, Any], names: Iterable[str] | None = None) -> dict[str, Any]:
    """Return the parameters that options gave: those that are not None; the word none is None."""
    found: dict[str, Any] = {}
    for name in PARAMETERS if names is None else names:
        value = values.get(name)
        if isinstance(value, tuple):
            value = ",".join(map(str, value)) if len(value) > 1 else next(iter(value), None)
        if value is not None:
            found[name] = None if isinstance(value, _None) else value
    return found


compat_option = click.option(
    "--compat",
    type=click.Choice(["ps", "lt", "psa", "ltpsa"]),
    help="Whose syntax the file has: psa is PSpice's, ltpsa LTspice's and PSpice's; ps and lt, of "
    "files that it includes alone.  [default: ngspice's own]",
)


def config_options() -> list[click.Option]:
    """Return ``--config`` and ``--write-config``."""
    return [
        click.Option(
            ["--config"], type=click.Path(path_type=Path), metavar="FILE", is_eager=True,
            expose_value=False, callback=_read_config,
            help="Take options from this file (TOML, or .json): names as here, with underscores. "
            "What is typed counts before it.",
        ),
        click.Option(
            ["--write-config"], type=click.Path(path_type=Path), metavar="FILE",
            help="Write the parameters as such a file, which a sweep takes as its base, too.",
        ),
    ]  # fmt: skip


def _read_config(ctx: click.Context, _option: click.Parameter, path: Path | None) -> None:
    if path is None:
        return
    ctx.meta[CONFIG] = path
    own = {
        name.lstrip("-").replace("-", "_"): option
        for option in ctx.command.params
        if not option.is_eager and option.name != "write_config"
        for name in option.opts
    }
    problem = getattr(ctx.command, "problem", "")
    several = getattr(ctx.command, "several", ())
    values: dict[str, Any] = {}
    for name, value in read_experiment(path, own, several).items():
        if problem and (name, value) == ("problem", problem):
            continue
        if name not in own:
            raise InputError(f"{path}: {name} is no parameter of {ctx.command_path}")
        option = own[name]
        takes_none = isinstance(option, ParameterOption) and option.parameter.optional
        if value is None and (not takes_none or option.is_bool_flag):  # type: ignore[attr-defined]
            continue  # as if it was not given
        if isinstance(option.type, click.Path) and not isinstance(value, str | None):
            raise InputError(f"{path}: {name} = {value!r}: not the name of a file")
        shown: Any = _None.NONE if value is None else value
        if getattr(option, "multiple", False) and not isinstance(shown, list | tuple):
            shown = [shown]
        values[str(option.name)] = shown
    ctx.default_map = {**(ctx.default_map or {}), **values}


def refuse_included(source: Path, *targets: Path | None) -> None:
    """Refuse to write over a deck or library, or over a file that it includes.

    Raises
    ------
    InputError
    """
    files = files_of(source)
    for target in targets:
        if target is not None and target.resolve() in files:
            raise InputError(f"{target} is read as well: choose another file to write to")


def refuse_overlap(values: Mapping[str, Any]) -> None:
    """Refuse to write to a file that is read, or to one file twice.

    Parameters
    ----------
    values : mapping
        All options and arguments of a command, by name.

    Raises
    ------
    InputError
    """
    context = click.get_current_context(silent=True)
    read = [values.get(name) for name in _READ]
    read.append(context.meta.get(CONFIG) if context else None)
    for option in context.command.get_params(context) if context else ():
        if isinstance(option, ParameterOption) and option.parameter.kind == "file":
            for names in values.get(str(option.name)) or ():
                read += named_files(names) if isinstance(names, str) else ()
    inputs = {Path(str(name).strip()).resolve() for name in read if name is not None}
    written: set[Path] = set()
    for name in _WRITTEN:
        target = values.get(name)
        if not isinstance(target, str | Path) or str(target) == "-":
            continue  # of mimo ber, errors is a number
        place = Path(target).resolve()
        if place.exists() and not place.is_file():
            continue  # a device or a pipe keeps nothing
        if place in inputs:
            raise InputError(f"{target} is read as well: choose another file to write to")
        if place in written:
            raise InputError(
                f"{target} is to be written twice: choose another file for one of them"
            )
        written.add(place)


_READ = ("matrix", "rhs", "file", "train", "test", "target")
_WRITTEN = ("out", "waveforms", "plot", "errors", "json_file", "write_config")


def write_config(
    path: Path | None, values: Mapping[str, Any], own: Mapping[str, Any] | None = None
) -> None:
    """Write parameters as an experiment file, if asked for, and what the command alone has."""
    if path is None:
        return
    check_target(path)
    write_experiment(path, values, own)


def decorate(options: Iterable[click.Option]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that adds options to a command, in their order."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        known: list[click.Parameter] = getattr(command, "__click_params__", [])
        # Click keeps the parameters of decorators in reverse order.
        command.__click_params__ = [*known, *reversed(list(options))]  # type: ignore[attr-defined]
        return command

    return add
