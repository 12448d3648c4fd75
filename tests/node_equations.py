"""Equations of amplifiers that slew and saturate, node by node, for an implicit integrator.

Nothing here uses the code under test.
"""

import itertools

import numpy as np

G_MAX = 100e-6


class Compact:
    """Nodes of a compact circuit from the voltages y of the internal nodes."""

    def __init__(self, A, current, opamp, hold):
        G = G_MAX * A / A.max()
        m, n = G.shape
        self.n, self.R, self.hold, self.opamp = n, opamp.output_resistance, hold, opamp
        T, S = np.diag(G.sum(axis=0)), 2 * G.sum(axis=1).max()
        zero = np.zeros((n, n))
        system = np.block(
            [
                [S * np.eye(m), -G, -G],
                [-G.T, T, zero],
                [-self.R * G.T, zero, np.eye(n) + self.R * T],
            ]
        )
        # Rows of the known side: current into the rows, held currents, sources.
        known = np.block(
            [
                [current[:, None], np.zeros((m, 2 * n))],
                [np.zeros((n, 1)), -np.eye(n), zero],
                [np.zeros((n, 1)), zero, np.eye(n)],
            ]
        )
        self.answer = np.linalg.solve(system, known)[m:]
        self.series = 1 / 0.1 + self.R
        # For every combination of hold devices that conduct and outputs above zero: the hold
        # currents w = on (u - stage) / series with sources up (stage + R w), for (1, stage).
        self.pieces = []
        combinations = itertools.product((0.0, 1.0), repeat=n)
        for on, up in itertools.product(map(np.diag, combinations), repeat=2) if hold else []:
            u = self.answer[:n]
            slope = self.series * np.eye(n) - on @ (u[:, 1 : n + 1] + self.R * u[:, n + 1 :] @ up)
            given = np.c_[on @ u[:, 0], on @ (u[:, n + 1 :] @ up - np.eye(n))]
            self.pieces.append((up, np.linalg.solve(slope, given)))

    def lines(self, w, sources):
        found = self.answer @ np.concatenate([[1.0], w, sources])
        return found[: self.n], found[self.n :]

    def nodes(self, y):
        """Column wires and outputs; the hold devices by trying every combination."""
        low = self.opamp.lowest_output if self.hold else self.opamp.headroom_negative
        stage = np.clip(y, low, self.opamp.highest_output)
        if not self.hold:
            return self.lines(np.zeros(self.n), stage)
        best, found = np.inf, None
        for up, currents in self.pieces:
            w = currents @ np.concatenate([[1.0], stage])
            inside = stage + self.R * w
            u, x = self.lines(w, up @ inside)
            wrong = max(
                np.abs(w * self.series - np.maximum(u - stage, 0)).max(),
                np.abs(up @ inside - np.maximum(inside, 0)).max(),
            )
            if wrong < best:
                best, found = wrong, (u, x)
        assert best < 1e-9
        return found

    def rates(self, _, y):
        u, _ = self.nodes(y)
        low = self.opamp.lowest_output if self.hold else self.opamp.headroom_negative
        return amplifier(self.opamp, -u, y, low)

    def outputs(self, y):
        return self.nodes(y)[1]


class Classic:
    """The same of a classic circuit; floored solution, residual amplifiers on both supplies."""

    def __init__(self, A, current, opamp, _):
        G = G_MAX * A / A.max()
        m, n = G.shape
        R, one, zero = opamp.output_resistance, np.eye, np.zeros
        row, column = np.diag(G.sum(axis=1)), np.diag(G.sum(axis=0))
        # Unknowns: summing nodes s, column wires c, r, x.
        system = np.block(
            [
                [row + G_MAX * one(m), zero((m, n)), -G_MAX * one(m), -G],
                [zero((n, m)), column, -G.T, zero((n, n))],
                [-R * G_MAX * one(m), -R * G, one(m) * (1 + R * G_MAX) + R * row, zero((m, n))],
                [-R * G.T, zero((n, n)), zero((n, m)), one(n) + R * column],
            ]
        )
        known = np.vstack([np.c_[current, zero((m, m + n))], zero((n, 1 + m + n)),
                           np.c_[zero(m + n), one(m + n)]])  # fmt: skip
        self.answer, self.m, self.n, self.opamp = np.linalg.solve(system, known), m, n, opamp
        self.low = np.r_[np.full(m, opamp.lowest_output), np.full(n, opamp.headroom_negative)]

    def lines(self, y):
        stage = np.clip(y, self.low, self.opamp.highest_output)
        return self.answer @ np.concatenate([[1.0], stage])

    def rates(self, _, y):
        found = self.lines(y)
        difference = np.r_[-found[: self.m], found[self.m : self.m + self.n]]
        return amplifier(self.opamp, difference, y, self.low)

    def outputs(self, y):
        return self.lines(y)[-self.n :]


def amplifier(opamp, difference, y, low):
    """Rate of the internal nodes: slewing input stage, finite gain, clamp at the output range."""
    unity = 2 * np.pi * opamp.gbw
    drive = unity * (difference + opamp.offset)
    if opamp.slew_rate is not None:
        drive = opamp.slew_rate * np.tanh(drive / opamp.slew_rate)
    outside = np.maximum(y - opamp.highest_output, 0) + np.minimum(y - low, 0)
    return drive - unity / opamp.gain * y - 100 * unity * outside
