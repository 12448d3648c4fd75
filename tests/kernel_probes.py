"""What probes the compiled kernel of trajectories: laws of curves, and circuits by Kirchhoff."""

from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from scipy.optimize import brentq

from amcspice.engine.equations.arrays import Equations
from amcspice.native import compiled

testing = compiled.trajectories_testing
testing.prepare()

LOW, INSIDE, HIGH = 0, 1, 2
STAGE, NODE, CONDUCTS, ABOVE, PRESSED = range(5)


def moved(J, rate, time):
    """Return the integral of e^Jt rate and the integral of that, by one exponential."""
    n = len(J)
    whole = np.zeros((n + 2, n + 2))
    whole[:n, :n], whole[:n, n], whole[n, n + 1] = J, rate, 1
    made = expm(whole * time)
    return made[:n, n], made[:n, n + 1]


class Law(NamedTuple):
    """Rows as functions of time: value(t) and slope(t), shape (rows,), and both on a grid."""

    value: object
    slope: object
    grid: np.ndarray
    values: np.ndarray
    slopes: np.ndarray


def first_beyond(law, low, high, backwards):
    """Return when a row is first beyond its bounds, inf (or -inf backwards) for never."""
    sign, first = (-1 if backwards else 1), np.inf
    for row in range(len(low)):
        times, values = list(law.grid), list(law.values[:, row])
        slopes = law.slopes[:, row]
        for cell in np.flatnonzero(slopes[:-1] * slopes[1:] < 0):
            turn = brentq(
                lambda t, row=row: law.slope(t)[row], *law.grid[cell : cell + 2], xtol=1e-15
            )
            times.append(turn)
            values.append(law.value(turn)[row])
        order = np.argsort(times)[::sign]
        t, v = np.array(times)[order], np.array(values)[order]
        for side, bound in ((1, high[row]), (-1, -low[row])):
            outside = np.flatnonzero(side * v > bound)
            if not len(outside):
                continue
            at = outside[0]
            if at == 0:
                first = min(first, sign * t[0])
                continue

            def over(time, row=row, side=side, bound=bound):
                return side * law.value(time)[row] - bound

            crossing = t[at]
            if over(t[at - 1]) * over(t[at]) < 0:
                crossing = brentq(over, t[at - 1], t[at], xtol=1e-16, rtol=1e-15)
            first = min(first, sign * crossing)
    return sign * first


def check_exit(found, surely, law, bounds, slack, backwards):
    """Check an exit: not before half the slack is used up, not after twice the slack is."""
    low, high, unit = bounds
    early, late, never = (
        first_beyond(law, low - part * slack * unit, high + part * slack * unit, backwards)
        for part in (0.5, 2.0, 1.001)
    )
    sign = -1 if backwards else 1
    if surely:
        assert found is None
    if found is None:
        assert np.isinf(never)
        return
    time, row = found
    rounding = 1e-12 * np.abs(law.grid).max()
    assert sign * early - rounding <= sign * time <= sign * late + rounding
    value = law.value(time)[row]
    beyond = max(low[row] - value, value - high[row]) / (slack * unit[row])
    assert beyond > 0.49


def amplifiers_of(J, **options):
    """Return equations whose states follow u' = J u."""
    n, none = len(J), np.zeros
    return Equations(
        difference_a=np.ascontiguousarray(J), difference_w=none((n, n)), difference_q=none((n, 0)),
        held_a=none((n, n)), held_w=none((n, n)), held_q=none((n, 0)),
        charge_a=none((0, n)), charge_w=none((0, n)), charge_q=none((0, 0)),
        hold=none(n), lowest=np.full(n, -1e9), highest=np.full(n, 1e9),
        unity=1.0, leak=none(n), slew=np.inf, second=0.0, rout=0.0,
    )._replace(**options)  # fmt: skip


def probe_of(eq, outputs=None, currents=None):
    k, c = eq.difference_q.shape[-2:]
    none = np.zeros((k, 2 * k + c))
    outputs, currents = (none if made is None else made for made in (outputs, currents))
    return testing.Probe(eq.stacked(), outputs, currents, np.zeros(k))


def inside(k):
    places = np.zeros((k, 5), np.uint8)
    places[:] = INSIDE, INSIDE, 0, 1, 0
    return places


def random_equations(seed, k, c, *, hold, second, slews=False):
    draw = np.random.default_rng(seed)

    def part(rows, columns):
        return 0.2 * draw.standard_normal((rows, columns))

    return Equations(
        difference_a=part(k, k) - 0.5 * np.eye(k), difference_w=part(k, k),
        difference_q=part(k, c), held_a=part(k, k), held_w=-np.abs(part(k, k)), held_q=part(k, c),
        charge_a=part(c, k), charge_w=part(c, k), charge_q=part(c, c) - np.eye(c),
        hold=draw.uniform(0.5, 1.0, k) * hold * (draw.uniform(size=k) > 0.2),
        lowest=-draw.uniform(0.5, 1.0, k), highest=draw.uniform(0.5, 1.0, k),
        unity=3.0, leak=draw.uniform(0.01, 0.1, k), slew=0.7 if slews else np.inf,
        second=7.0 * second, rout=0.3,
    )  # fmt: skip


def random_places(eq, seed, *, pressed=True, limits=True):
    """Return places, consistent in what is pressed and who has hold devices."""
    k, draw = len(eq.hold), np.random.default_rng(seed)
    places = inside(k)
    if limits:
        places[:, STAGE] = draw.integers(0, 3, k)
        places[:, NODE] = draw.integers(0, 3, k) if eq.second else places[:, STAGE]
    if eq.hold.any():
        places[:, CONDUCTS] = draw.integers(0, 2, k) * (eq.hold > 0)
        places[:, ABOVE] = np.where(eq.hold > 0, draw.integers(0, 2, k), 1)
    if pressed:
        at_limit = (places[:, STAGE] == places[:, NODE]) & (places[:, STAGE] != INSIDE)
        places[:, PRESSED] = at_limit * draw.integers(0, 2, k)
    return places


class Inside(NamedTuple):
    """Input differences, held nodes, currents out of the outputs and rates of charged ports."""

    difference: np.ndarray
    held: np.ndarray
    flow: np.ndarray
    rate: np.ndarray

    @classmethod
    def random(cls, eq, seed):
        k, c = eq.difference_q.shape
        draw = np.random.default_rng(seed)
        return cls(*(draw.standard_normal(n) for n in (k, k, k, c)))


class Circuit:
    """A circuit as vectors of its own states, and the same as the kernel pads them."""

    def __init__(self, eq, *, currents=None, seed=0):
        self.eq, (self.k, self.c) = eq, eq.difference_q.shape
        width = 2 * self.k + self.c
        draw = np.random.default_rng(seed)
        self.currents = draw.standard_normal((self.k, width)) if currents is None else currents
        self.probe = probe_of(eq, currents=np.ascontiguousarray(self.currents))
        (self.kp, self.cp, _, self.states, self.width, self.held, self.flow, self.rate,
         self.response, _) = self.probe.layout()  # fmt: skip
        self.n = (2 if eq.second else 1) * self.k + self.c

    def padded(self, state):
        out = np.zeros(self.states)
        out[: self.k] = state[: self.k]
        if self.eq.second:
            out[self.kp : self.kp + self.k] = state[self.k : 2 * self.k]
        out[self.states - self.cp :][: self.c] = state[self.n - self.c :]
        return out

    def plain(self, state):
        parts = [state[: self.k]]
        if self.eq.second:
            parts.append(state[self.kp : self.kp + self.k])
        parts.append(state[self.states - self.cp :][: self.c])
        plain = np.concatenate(parts)
        np.testing.assert_array_equal(self.padded(plain), state)  # nothing in between
        return plain

    def padded_response(self, inputs):
        out = np.zeros(self.response)
        out[: self.k], out[self.flow :][: self.k] = inputs.difference, inputs.flow
        if self.eq.hold.any():
            out[self.held :][: self.k] = inputs.held
        out[self.rate :][: self.c] = inputs.rate
        return out

    def evaluate(self, places, state, inputs):
        """Return response, rows by kind, sources, and rates but for those by the drive."""
        eq, k = self.eq, self.k
        inner, last = state[:k], state[k : 2 * k] if eq.second else state[:k]
        charged = state[self.n - self.c :]
        at, node_at, conducts, above, pressed = places.T.astype(int)
        stage = np.choose(at, [eq.lowest, last, eq.highest])
        # Unknown: voltages behind the output resistances, currents and nodes of the hold devices.
        one, none = np.eye(k), np.zeros((k, k))
        resistance = np.divide(1, eq.hold, out=np.ones(k), where=eq.hold > 0)
        system = np.block([
            [one, -eq.rout * np.diag(1.0 * above), none],
            [-eq.held_a, -eq.held_w, one],
            [none, np.diag(np.where(conducts, resistance, 1.0)), -np.diag(1.0 * conducts)],
        ])  # fmt: skip
        known = [above * stage, eq.held_q @ charged + inputs.held, -conducts * stage]
        sources, hold, nodes = np.linalg.solve(system, np.concatenate(known)).reshape(3, k)
        x = np.concatenate([sources, hold, charged])
        difference = np.hstack([eq.difference_a, eq.difference_w, eq.difference_q]) @ x
        difference += inputs.difference
        charge = np.hstack([eq.charge_a, eq.charge_w, eq.charge_q]) @ x + inputs.rate
        response = Inside(difference, nodes, self.currents @ x + inputs.flow, charge)
        limit = np.choose(node_at, [eq.lowest, inner, eq.highest])
        active = 1 - pressed
        rest = [active * (-eq.leak * inner + 100 * eq.unity * (limit - inner))]
        rows = [last]
        if eq.second:
            rest.append(active * eq.second * (inner - last))
            rows.append(inner)
        rest.append(charge)
        if eq.slew < np.inf or (node_at != INSIDE).any():
            rows.append(difference)
        if eq.hold.any():
            rows += [np.where(conducts, hold, nodes - stage), stage + eq.rout * hold]
        return response, rows, x, np.concatenate(rest)

    def rates(self, places, state, inputs, drive):
        response, _, _, rest = self.evaluate(places, state, inputs)
        rest[: self.k] += (1 - places[:, PRESSED]) * drive(response.difference)
        return rest

    def linear(self, places, inputs):
        """Return J and c of u' = J u + c."""
        rates = partial(self.rates, places, inputs=inputs, drive=lambda d: self.eq.unity * d)
        constant = rates(np.zeros(self.n))
        return np.array([rates(u) - constant for u in np.eye(self.n)]).T, constant

    def exactly(self, places, state, inputs, time):
        J, constant = self.linear(places, inputs)
        return state + moved(J, J @ state + constant, time)[0]

    def slewing(self, places, state, inputs, time):
        eq = self.eq
        none = np.zeros(self.n)
        first, _, _, constant = self.evaluate(places, none, inputs)
        each = [self.evaluate(places, unit, inputs) for unit in np.eye(self.n)]
        by_state = np.array([made[0].difference - first.difference for made in each]).T
        rest = np.array([made[3] - constant for made in each]).T
        active = 1 - places[:, PRESSED]

        def rates(s, u):
            rate = rest @ u + constant
            drive = eq.slew * np.tanh(eq.unity * (by_state @ u + first.difference) / eq.slew)
            rate[: self.k] += active * drive
            return rate / eq.unity

        # With a time of 1 / unity.
        made = solve_ivp(
            rates, (0, time * eq.unity), state, method="DOP853", rtol=3e-13,
            atol=1e-14,
        )  # fmt: skip
        assert made.success
        return made.y[:, -1]
