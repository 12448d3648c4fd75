"""Errors and warnings that reach a user.

Every error of amcspice says what is wrong, where, and what to do.  ``exit_code`` is what the
command line returns: 2 when the input must change, 1 when a run failed.
"""

from __future__ import annotations

import difflib
import functools
import sys
import warnings
from collections.abc import Collection
from typing import Any

__all__ = [
    "AccuracyWarning",
    "AmcspiceError",
    "CautionWarning",
    "ImplausibleWarning",
    "InputError",
    "NotCompiledError",
    "SimulationError",
    "UnconnectedError",
    "UnstableError",
    "UnsupportedError",
    "WaitingWarning",
    "brief",
    "caution",
    "counted",
    "did_you_mean",
]


LONGEST = 300
"""Characters of what another library says that are passed on."""


class AmcspiceError(Exception):
    """Base of all errors of amcspice.

    Examples
    --------
    >>> import amcspice as amc
    >>> try:
    ...     amc.solve("inv", [[1.0, 2.0]], [1.0], fidelity="dc")
    ... except amc.AmcspiceError as error:
    ...     print(type(error).__name__, error.exit_code)
    InputError 2
    """

    exit_code = 1


class InputError(AmcspiceError, ValueError):
    """The input cannot be used as it is; nothing has been run or written.

    Examples
    --------
    >>> import amcspice as amc
    >>> try:
    ...     amc.OpAmp(gain="high")
    ... except amc.InputError as error:
    ...     print(error)
    OpAmp.gain = 'high': neither a number nor a quantity in V/V
    """

    exit_code = 2


class UnsupportedError(InputError):
    """A combination that the support matrix excludes.

    Examples
    --------
    >>> import amcspice as amc
    >>> try:
    ...     amc.INV([[1.0, -2.0], [2.0, 1.0]])
    ... except amc.UnsupportedError as error:
    ...     print(error)
    inv holds non-negative matrices only, but entry (0, 1) is -2
    """


class UnstableError(UnsupportedError):
    """A circuit, with the cells it was given, has no stable answer."""


class UnconnectedError(InputError):
    """A node that is connected to nothing, such as a line whose cells are all off."""


class NotCompiledError(AmcspiceError, ImportError):
    """The compiled part of amcspice is missing, or made for something else."""


class AccuracyWarning(UserWarning):
    """A circuit that runs, but is not able to show the solution; says what is.

    Examples
    --------
    >>> import warnings, amcspice as amc
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", amc.AccuracyWarning)
    ...     try:
    ...         amc.Wire(row=1e12)
    ...     except amc.AccuracyWarning as warning:
    ...         print(type(warning).__name__)
    ImplausibleWarning
    """


class CautionWarning(AccuracyWarning):
    """A run whose figures cannot be taken as they are; says why.

    Examples
    --------
    >>> import warnings, amcspice as amc
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", amc.CautionWarning)  # such a run is then an error
    ...     run = amc.solve("inv", [[2.0, 1.0], [1.0, 3.0]], [3.0, 5.0], fidelity="dc")
    >>> run.cautions
    ()
    """


class ImplausibleWarning(AccuracyWarning):
    """A value that no real part has, such as a cell of 100 S: most often a wrong unit.

    Examples
    --------
    >>> import warnings, amcspice as amc
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     device = amc.Memristor(g_max=100)
    >>> print(caught[0].message)
    Memristor.g_max: 100 S is not plausible: 1e-09 to 0.1 S are; is the unit right?
    """


class WaitingWarning(UserWarning):
    """Something waits for another process, and goes on by itself."""


class SimulationError(AmcspiceError, RuntimeError):
    """A simulation failed.

    Parameters
    ----------
    cause : str
        What the simulator said, or what was missing from its result.
    deck : str, optional
        Path of the deck, kept for inspection.
    command : str, optional
        The shell command that runs the deck again.
    log : str, optional
        The simulator's complete output.

    Examples
    --------
    >>> import amcspice as amc
    >>> error = amc.SimulationError("no convergence", deck="d.cir", command="ngspice -b d.cir")
    >>> print(error)
    simulation failed: no convergence
      deck kept: d.cir
      run again: ngspice -b d.cir
    """

    def __init__(
        self, cause: str, *, deck: str | None = None, command: str | None = None, log: str = ""
    ) -> None:
        self.cause, self.deck, self.command, self.log = cause, deck, command, log
        lines = [f"simulation failed: {cause}"]
        if deck is not None:
            lines.append(f"  deck kept: {deck}")
        if command is not None:
            lines.append(f"  run again: {command}")
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep the fields when the error crosses a process boundary."""
        rebuild = functools.partial(
            SimulationError, deck=self.deck, command=self.command, log=self.log
        )
        return rebuild, (self.cause,)


def brief(error: BaseException) -> str:
    """Return what a library says of an error in one line that can be printed, cut if it is long."""
    said = str(error).strip().partition("\n")[0] or type(error).__name__
    said = "".join(sign if sign.isprintable() else "?" for sign in said)
    return said if len(said) <= LONGEST else f"{said[:LONGEST]}..."


def caution(message: str) -> None:
    """Warn of a result, at the line outside the package that asked for it."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _inside(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, CautionWarning, stacklevel=level)


def _inside(module: str) -> bool:
    return module.partition(".")[0] == "amcspice"


def did_you_mean(word: str, known: Collection[str]) -> str:
    """Return a remark on an unknown word: the nearest known one, or all of them.

    >>> did_you_mean("colums", ["columns", "rows"]), did_you_mean("speed", ["columns", "rows"])
    ('did you mean columns?', 'choose from columns, rows')
    """
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {near[0]}?" if near else f"choose from {', '.join(known)}"


def counted(count: float, noun: str, form: str = "") -> str:
    """Return a number with its noun, in the plural unless it is one.

    >>> counted(1, "channel"), counted(2, "channel"), counted(1200, "entry", ",")
    ('1 channel', '2 channels', '1,200 entries')
    >>> counted(3, "switch"), counted(0, "right-hand side"), counted(2, "matrix")
    ('3 switches', '0 right-hand sides', '2 matrices')
    """
    return f"{count:{form}} {noun if count == 1 else _plural(noun)}"


def _plural(noun: str) -> str:
    if noun.endswith("matrix"):
        return f"{noun[:-1].removesuffix('i')}ices"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("ch", "sh", "s", "x")) else f"{noun}s"
