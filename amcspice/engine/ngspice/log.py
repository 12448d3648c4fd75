"""What ngspice prints, and what it means.

ngspice reports the same failure in several lines and on either stream, worded differently
between versions.  This table, most telling pattern first, turns a log into one cause.  What it only
warns of may be harmless, and comes last.
"""

from __future__ import annotations

import itertools
import re

__all__ = ["FAILURES", "explain_failure", "tells_of_error", "warnings_in"]

_HOLLOW = r"circuit not parsed|fatal error|there aren't any circuits"
"""Errors that say of others that they happened."""

FAILURES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.MULTILINE), cause)
    for pattern, cause in (
        (r"error opening (?P<what>.+)", "cannot open {what}"),
        (r"(?P<what>\bcan ?not open\b.*)", "{what}"),
        (r"(?P<what>\S+): no such command available", "command that it does not know: {what}"),
        (r"unknown subckt:?\s*(?P<what>.+)", "sub-circuit not defined: {what}"),
        (r"unable to find definition of model *(?P<what>\S+)", "model not defined: {what}"),
        (r"undefined parameter \[(?P<what>[^\]]+)\]", "parameter not defined: {what}"),
        (r"could not find include file (?P<what>.+)", "include file not found: {what}"),
        (r"unknown parameter \((?P<what>[^)]+)\)", "parameter not known to the element: {what}"),
        (
            r"no such function (?P<what>'?(?:if|limit|stp|arctan|pwrs)\b\S*)",
            "not available: {what}, a function of PSpice and LTspice: say whose syntax the file "
            "has (compat: psa, ltpsa)",
        ),
        (r"no such (?:function|vector) (?P<what>.+)", "not available: {what}"),
        (
            r"error on line(?: \d+ or its substitute)?: *\n *(?P<line>.+)\n *(?:error: *)?"
            r"(?P<what>.+?)(?: - error)? *\n",
            "{what}: {line}",
        ),
        (r"unknown (?:parameter|device type).*?[:\-] *(?P<what>.+)", "not understood: {what}"),
        (r"timestep too small(?P<what>.*)", "no convergence, time step too small{what}"),
        (r"(?:no convergence|iteration limit reached)(?P<what>.*)", "no convergence{what}"),
        (r"doanalyses: (?! *not found)(?P<what>.+)", "{what}"),
        (r"no\. of data rows : 0(?P<what>)", "the run gave no data"),
        (r"^ *error: *(?P<what>.* line) *\n *(?P<line>.+)", "{what}: {line}"),
        (
            r"^ *(?:error in )?(?P<line>(?:netlist )?line\b.*?):? *\n\s*(?P<what>.+)",
            "{what} ({line})",
        ),
        (rf"^ *(?:fatal )?error\b[ :,!*]*+(?P<what>(?!{_HOLLOW}).+)", "{what}"),
        (r"(?:circuit not parsed|fatal error in ngspice)(?P<what>)", "the deck was not understood"),
    )
)
"""What errors say."""

WARNINGS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.MULTILINE), cause)
    for pattern, cause in (
        (r"can't find model '(?P<what>[^']+)'", "model not defined: {what}"),
        (r"singular matrix:\s*check nodes? (?P<what>.+)", "singular matrix at node {what}"),
    )
)
"""What may be harmless; it is the cause where the error that follows from it comes after."""

_FOLLOWS = re.compile(r"could not find a valid modelname|initial timepoint", re.IGNORECASE)

_ERROR = re.compile(r"error\b|.*\bcan ?not open\b", re.IGNORECASE)
_WARNING = re.compile(r"^(?:.*\b)?warning\b[:,] *(?P<what>.+)", re.IGNORECASE)
_ON_THE_WAY = re.compile(
    r"gmin|source stepping|supplies reduced|singular matrix|trtol|^note\b", re.IGNORECASE
)
"""Remarks on the search for the operating point, which was found in a run that succeeded."""

_NOT_ITS_OWN = re.compile(r"^(?:circuit:|title:|\S+ +[-+]?\d[\d.e+-]*$)", re.IGNORECASE)
"""The title of a deck and its table of nodes, which may be called error."""


def explain_failure(log: str) -> str | None:
    """Return the cause of a failed run, or None if the log shows none.

    Parameters
    ----------
    log : str
        Both output streams of ngspice.
    """
    told = "\n".join(line for line in log.splitlines() if not _NOT_ITS_OWN.match(line)) + "\n"
    errors = re.sub(r"(?im)^.*\bwarning\b.*(?:\n {4}.*)?$", "", told)
    tables = [(FAILURES, errors), (WARNINGS, told)]
    if _FOLLOWS.search(errors):
        tables.reverse()
    for table, text in tables:
        for pattern, cause in table:
            match = pattern.search(text)
            if match is None:
                continue
            named = {name: value.strip() for name, value in match.groupdict().items()}
            explained = cause.format(**named).strip()
            if explained:
                return explained
    return None


def tells_of_error(log: str) -> bool:
    """Return whether ngspice tells of an error, such as a file that it could not open."""
    return any(
        _ERROR.match(line.strip()) for line in log.splitlines() if not _NOT_ITS_OWN.match(line)
    )


def warnings_in(log: str) -> tuple[str, ...]:
    """Return what ngspice warned of in a run that succeeded, each once.

    Parameters
    ----------
    log : str
        Both output streams of ngspice.
    """
    lines = [line for line in log.splitlines() if not _NOT_ITS_OWN.match(line)]
    told: dict[str, None] = {}
    for line, following in itertools.pairwise([*lines, ""]):
        match = _WARNING.match(line.strip())
        if match is None or _ON_THE_WAY.search(match.group("what")):
            continue
        more = f" {following.strip()}" if following.startswith("    ") else ""
        told[match.group("what").strip() + more] = None
    return tuple(told)
