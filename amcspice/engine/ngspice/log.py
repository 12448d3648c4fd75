"""What ngspice prints, and what it means.

ngspice reports the same failure in several lines and on either stream, worded differently
between versions.  This table, most telling pattern first, turns a log into one cause.
"""

from __future__ import annotations

import re

__all__ = ["FAILURES", "explain_failure"]

FAILURES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), cause)
    for pattern, cause in (
        (r"unknown subckt:?\s*(?P<what>.+)", "sub-circuit not defined: {what}"),
        (r"unable to find definition of model\s*(?P<what>\S+)", "model not defined: {what}"),
        (r"can't find model '(?P<what>[^']+)'", "model not defined: {what}"),
        (r"undefined parameter \[(?P<what>[^\]]+)\]", "parameter not defined: {what}"),
        (r"could not find include file (?P<what>.+)", "include file not found: {what}"),
        (r"unknown parameter \((?P<what>[^)]+)\)", "parameter not known to the element: {what}"),
        (r"unknown (?:parameter|device type).*?[:\-] *(?P<what>.+)", "not understood: {what}"),
        (r"no such (?:function|vector) (?P<what>.+)", "not available: {what}"),
        (r"singular matrix:\s*check nodes? (?P<what>.+)", "singular matrix at node {what}"),
        (r"timestep too small(?P<what>.*)", "no convergence, time step too small{what}"),
        (r"(?:no convergence|iteration limit reached)(?P<what>.*)", "no convergence{what}"),
        (r"no\. of data rows : 0(?P<what>)", "the run gave no data"),
        (r"circuit not parsed(?P<what>)", "the deck was not understood"),
        (r"error on line (?P<what>.+)", "error on line {what}"),
        (r"error:? *(?P<what>.+)", "{what}"),
    )
)


def explain_failure(log: str) -> str | None:
    """Return the cause of a failed run, or None if the log shows none.

    Parameters
    ----------
    log : str
        Both output streams of ngspice.
    """
    for pattern, cause in FAILURES:
        match = pattern.search(log)
        if match is not None:
            return cause.format(what=match.group("what").strip()).strip()
    return None
