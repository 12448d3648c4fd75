"""docs/faq.md: every message that it explains is one that amcspice gives, word for word."""

import re
import warnings
from pathlib import Path

import pytest

import amcspice as amc

PAGE = Path(__file__).resolve().parents[1] / "docs" / "faq.md"
A, B = [[2.0, 1.0], [1.0, 3.0]], [3.0, 5.0]
BEHAVIOURAL = {"fidelity": "behavioural"}

CAUSES = {
    "inv holds": lambda: amc.INV([[1.0, -2.0], [2.0, 1.0]]),
    "the circuit is unstable": lambda: amc.solve("inv", [[1, 2], [2, 1]], [1, 1], fidelity="dc"),
    "1 of 1 right-hand sides did": lambda: amc.solve("inv", A, B, window="2 ns", **BEHAVIOURAL),
    "an amplifier ends": lambda: amc.solve("inv", A, B, range=100.0, **BEHAVIOURAL),
    "OpAmp.gbw": lambda: amc.OpAmp(gbw="1M"),
    "Wire.row": lambda: amc.Wire(row="2 uS"),
    "Memristor.g_max": lambda: amc.Memristor(g_max=100),
    "inv does not take": lambda: amc.solve("inv", A, B, gbww=1e6),
    "the ideal answer": lambda: amc.solve(
        "lstsq", [[1.0, 1.0], [1.0, 1.0], [2.0, 2.0]], [1.0, 2.0, 3.0], fidelity="dc"
    ),
    "the behavioural fidelity": lambda: amc.solve(
        "inv", A, B, output_current_limit=1e-3, **BEHAVIOURAL
    ),
    "matrix 0": lambda: amc.Chip(seed=0).program(A, "inv").lstsq(B),
}
MESSAGES = re.findall(r"^```text\n(.*)\n```", PAGE.read_text(), flags=re.M)


def said(cause):
    """Return all that amcspice says: an error, warnings, cautions of a run."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            made = cause()
        except amc.AmcspiceError as error:
            return [str(error)]
    return [*(str(each.message) for each in caught), *getattr(made, "cautions", ())]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message[:24])
def test_a_message_is_given(message):
    (cause,) = (CAUSES[start] for start in CAUSES if message.startswith(start))
    assert message in said(cause)


def test_every_cause_is_asked_about():
    assert len(MESSAGES) == len(CAUSES)
