"""Slowest time constants of the closed-loop circuits, in closed form, from the matrix alone.

Each function takes a matrix whose largest entry has magnitude one (the conductance of that cell)
and returns the rates of decay of a circuit with ideal wires and one-pole amplifiers, over the
gain-bandwidth product in radians a second.  They are derived in docs/sweep-results.md; the tests
compare them with the state-space model that amcspice makes from the whole network.
"""

from __future__ import annotations

import numpy as np

RATES = {}
INVERTER_GAIN, DETUNING = 1.25, 0.01


def rates_of(name):
    def register(function):
        RATES[name] = function
        return function

    return register


def parts(A):
    return np.maximum(A, 0.0), np.maximum(-A, 0.0)


@rates_of("inv")
def inverse(A):
    """dx/dt = -w U A x, with 1/U the totals of the rows."""
    return np.linalg.eigvals(A / A.sum(axis=1, keepdims=True))


@rates_of("inv-compensated")
def compensated(A):
    """The same; both lines of a row carry the larger one of its two totals."""
    positive, negative = parts(A)
    totals = np.maximum(positive.sum(axis=1), negative.sum(axis=1))
    return np.linalg.eigvals(A / totals[:, None])


@rates_of("inv-inverters")
def inverters(A):
    """Negative entries are driven by inverters, which answer with half of the bandwidth."""
    positive, negative = parts(A)
    if not negative.any():
        return inverse(A)
    totals, n = np.abs(A).sum(axis=1, keepdims=True), len(A)
    half = np.eye(n) / 2
    return np.linalg.eigvals(np.block([[positive / totals, negative / totals], [half, half]]))


@rates_of("ginv-compact")
def compact(A):
    """dx/dt = -w P G' G x / S, P = (T - G' G / S)^-1; S twice the largest total of a row."""
    rows, columns = 2 * A.sum(axis=1).max(), A.sum(axis=0)
    gram = A.T @ A / rows
    return np.linalg.eigvals(np.linalg.solve(np.diag(columns) - gram, gram))


@rates_of("ginv-classic")
def classic(A, feedback=1.0):
    """dr/dt = -w (G x + g r) / S, dx/dt = w G' r / T."""
    m, n = A.shape
    rows = A.sum(axis=1, keepdims=True) + feedback
    state = np.zeros((m + n, m + n))
    state[:m, :m] = np.diag(feedback / rows[:, 0])
    state[:m, m:] = A / rows
    state[m:, :m] = -A.T / A.sum(axis=0)[:, None]
    return np.linalg.eigvals(state)


@rates_of("eigen")
def eigenvector(A):
    """Growth is a negative rate: the feedback is a little below the largest eigenvalue."""
    n = len(A)
    positive, negative = parts(A)
    feedback = INVERTER_GAIN * (1 - DETUNING) * np.linalg.eigvalsh(A)[-1]
    totals = np.maximum(positive.sum(axis=1) + feedback, negative.sum(axis=1))[:, None]
    middle = 1 + 1 / INVERTER_GAIN
    unit = np.eye(n)
    state = np.block(
        [[feedback * unit / totals, A / totals], [unit / middle, unit / (INVERTER_GAIN * middle)]]
    )
    return np.linalg.eigvals(state)


def slowest(circuit, A):
    """Return the slowest time constant, times the gain-bandwidth product in radians a second."""
    A = A / np.abs(A).max()
    rates = RATES[circuit](A).real
    return float(-1 / rates.min()) if circuit == "eigen" else float(1 / rates.min())
