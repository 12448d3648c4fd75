"""Commands in a deck: what amcspice makes of them, since it does not run them.

A ``.control`` block may print and plot, which a raw file makes superfluous; it may start the
transient, which is as good as a card; and it may change the circuit or call the shell, which
cannot be left out silently.  So every command that is not known to be harmless is refused by name.
Refused, too, is what needs no command to start a program: a deck that its title makes a script, and
models that are programs of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from amcspice.errors import InputError
from amcspice.netlist.source import Line

__all__ = ["Commands", "read_commands", "refuse_commands"]

_HARMLESS = frozenset(
    re.findall(
        r"\w+",
        """
    ac asciiplot compose dc define deftype destroy diff display disto echo eprint exit
    fft fourier gnuplot hardcopy help history hist inventory iplot let linearize listing load
    meas measure noise op plot print pz psd quit reset run rusage save sens setplot setscale
    settype show showmod spec status strcmp tf undefine unlet version wrdata write wrs2p
    if else end while dowhile repeat foreach break continue
    """,
    )
)
"""Commands that print, draw, compute with results, or run analyses of their own."""

_OPENING = frozenset({"if", "while", "dowhile", "repeat", "foreach"})

_HARMLESS_VARIABLES = re.compile(
    r"appendwrite|brief|color\d+|curplot\w*|device|editor|filetype|gnuplot_\w+|gridstyle|gridsize|"
    r"hcopy\w+|height|width|interactive|nobreak|noasciiplotvalue|noaskquit|noclobber|noglob|"
    r"nogrid|nolegend|nomoremode|moremode|noprintscale|nosort|numdgt|plotstyle|pointstyle|"
    r"pointchars|polydegree|polysteps|plotwinsize|prompt|rawfile|specwindow\w*|ticmarks|ticlist|"
    r"units|wfont\w*|wr_\w+|xbrushwidth|xfont|xgridwidth"
)
"""Variables of how results are shown and written, for ``set``."""

_KEPT = frozenset({"pre_codemodel", "pre_osdi", "pre_set", "pre_unset"})
"""Commands that ngspice runs before it reads the circuit: they load the models of its elements."""

_REACHES_OUT = re.compile(r"[`<>|&]")
"""Marks by which a command calls the shell or writes a file."""

_VALUE = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?[a-z]*"
_PLAIN_TRANSIENT = re.compile(rf"{_VALUE}(?:[\s,]+(?:{_VALUE}|uic))+", re.IGNORECASE)


@dataclass(frozen=True)
class Commands:
    """The commands of a deck.

    Parameters
    ----------
    are_commands : tuple of bool
        Of each line, the first and last line of a block included.
    kept : tuple of str
        Commands that run before the circuit is read.
    transient : str, optional
        Arguments of its ``tran`` command.
    """

    are_commands: tuple[bool, ...]
    kept: tuple[str, ...]
    transient: str | None


def read_commands(lines: Sequence[Line]) -> Commands:
    """Read the commands of a deck.

    Parameters
    ----------
    lines : sequence of Line
        The whole deck; its first line is its title.

    Raises
    ------
    InputError
        If a command may change the circuit or what is run, or calls the shell, or a card starts a
        program.
    """
    _refuse_programs(lines)
    are_commands: list[bool] = []
    kept: list[str] = []
    transients: dict[str, None] = {}
    inside, depth = False, 0
    for line in lines:
        opened = line.starts_commands
        first = line.text.split(maxsplit=1)[:1]
        are_commands.append(inside or opened)
        if not (inside or opened):
            continue
        alone = opened and line.text.lstrip().startswith("*#")
        command = _command(line.text, alone=alone)
        if command and command.lower() not in (".control", ".endc", ".end"):
            word = command.split()[0].lower()
            if word == "tran":
                transients[_transient(line, command, depth)] = None
            elif word in _KEPT and not _REACHES_OUT.search(command):
                kept.append(command)
            elif not _harmless(word, command):
                raise _refused(line, word)
            depth += (word in _OPENING) - (word == "end")
        inside = (inside or (opened and not alone)) and [w.lower() for w in first] != [".endc"]
    if len(transients) > 1:
        raise InputError(
            f"{lines[0].file}: its commands run several transients ({'; '.join(transients)}): "
            "leave one, as a .tran card"
        )
    return Commands(tuple(are_commands), tuple(kept), next(iter(transients), None))


def refuse_commands(lines: Iterable[Line]) -> None:
    """Refuse commands in a library, and models that start programs.

    Raises
    ------
    InputError
        If there are any.
    """
    lines = list(lines)
    _refuse_programs(lines)
    for line in lines:
        if line.starts_commands:
            raise InputError(f"{line.where}: a library holds no commands: remove them")


def _refuse_programs(lines: Iterable[Line]) -> None:
    for line in lines:
        word = line.starts_program
        if word is not None:
            raise InputError(
                f"{line.where}: {word} starts a program, which no deck and no library may: "
                "remove it"
            )


def _command(text: str, *, alone: bool) -> str:
    """Return a command without remarks behind it; empty for a remark."""
    text = text.strip()
    text = text[2:].strip() if alone or text.startswith("*#") else text
    if text.startswith(("*", "#", "$")):
        return ""
    return re.split(r";|\s\$\s|//", text, maxsplit=1)[0].strip()


def _harmless(word: str, command: str) -> bool:
    if word == "let":  # let @r1[resistance] = ... is alter by another name
        return not command[3:].lstrip().startswith("@")
    if word in ("set", "unset"):
        names = re.findall(r"(\w+)(?:\s*=\s*(?:\([^)]*\)|\"[^\"]*\"|'[^']*'|\S+))?", command)[1:]
        return all(_HARMLESS_VARIABLES.fullmatch(name.lower()) for name in names)
    return word in _HARMLESS or re.fullmatch(r"@?[\w.]+:", word) is not None


def _refused(line: Line, word: str) -> InputError:
    if word.removeprefix("pre_") in ("shell", "system"):
        return InputError(f"{line.where}: {word} calls the shell, which no deck may: remove it")
    return InputError(
        f"{line.where}: {word} may change the circuit or how it is run, and amcspice runs no "
        "commands: write what it does as cards (.param, .option, .temp, the value itself), or "
        "remove it"
    )


def _transient(line: Line, command: str, depth: int) -> str:
    arguments = command[len("tran") :].strip()
    if depth > 0:
        raise InputError(f"{line.where}: tran in a loop or behind a condition: write a .tran card")
    if not _PLAIN_TRANSIENT.fullmatch(arguments):
        raise InputError(
            f"{line.where}: tran {arguments}: not plain numbers (step, stop time): write a .tran "
            "card"
        )
    return " ".join(arguments.lower().split())
