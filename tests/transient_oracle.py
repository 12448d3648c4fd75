"""Transients of constrained amplifier circuits, integrated on their own elements.

Of a circuit only element values are taken: conductances and their nodes, pins, amplifier,
sources.  Kirchhoff's laws, the amplifier of ``models/opamp.lib``, events, settling and energy
are worked out here; nothing of the engines is used.

While no limit is met and no device starts or stops to conduct (a piece) the equations are smooth:
steps are those of a Radau IIA collocation of order 2 `STAGES` - 1, whose polynomial is also the
dense solution.  Ends of pieces are located on it, so that kinks cost no accuracy.
"""

from dataclasses import dataclass, field

import numpy as np
import scipy.optimize
import scipy.special
from numpy.polynomial import legendre

STAGES = 8
"""Of the collocation."""

TOLERANCE = 1e-10
"""Last coefficient of a step's polynomial, as a fraction of the largest voltage."""

OVERSTEP = 1e-12
"""By how much a condition is overstepped when its piece ends, as a fraction of the same [V]."""

REST = 1e-10
"""Distance from equilibrium that is rest, as a fraction of the same."""

BAND, SMALLEST = 0.01, 1e-3
"""Settling band as a fraction of the largest final output, which counts as 1 mV at the least."""

CLAMP = 100.0
"""Conductance that keeps the internal node in the output range, over the transconductance."""

KNIFE_EDGE = 0.02
"""Share of its settling time by which a band moved by a thousandth moves it, where an output
grazes the band: such a time is no figure to compare."""

MOST_STEPS = 20_000


def _collocation(stages):
    """Return nodes, integration matrix, and what makes Legendre coefficients of values."""
    inner = scipy.special.roots_jacobi(stages - 1, 1, 0)[0]
    nodes = np.append((1 + inner) / 2, 1.0)
    # Integrals of Legendre polynomials from the begin of the step, at the nodes.
    vander = legendre.legvander(2 * nodes - 1, stages - 1)
    whole = [legendre.legint(row, lbnd=-1) / 2 for row in np.eye(stages)]
    integrals = np.stack([legendre.legval(2 * nodes - 1, row) for row in whole], axis=1)
    ends = legendre.legvander(2 * np.append(0.0, nodes) - 1, stages)
    return nodes, integrals @ np.linalg.inv(vander), np.linalg.inv(ends)


NODES, INTEGRATE, TO_SERIES = _collocation(STAGES)


def at(shares):
    """Return what takes coefficients to values at shares of the step."""
    return legendre.legvander(2 * np.asarray(shares) - 1, STAGES)


FEW, MANY = np.linspace(0, 1, 25), np.linspace(0, 1, 769)
AT_FEW, AT_MANY = at(FEW), at(MANY)
GAUSS_NODES, GAUSS_WEIGHTS = (lambda x, w: ((1 + x) / 2, w / 2))(*legendre.leggauss(16))


@dataclass
class Affine:
    """``by_state @ state + constant``."""

    by_state: np.ndarray
    constant: np.ndarray

    def __call__(self, states):
        return states @ self.by_state.T + self.constant


@dataclass
class Piece:
    """A circuit between two events, for one right-hand side.

    State: internal nodes, those of the second poles, nodes with a capacitance.  ``linear`` is
    its rate without the input stages, which drive the first states by ``difference``; all
    entries of ``slack`` are positive.
    """

    linear: Affine
    difference: Affine
    slack: Affine
    nodes: Affine
    behind: Affine
    held: Affine


@dataclass
class Step:
    """A piece of polynomial: where it begins, how long it would be, and how much of it counts."""

    begin: float
    length: float
    share: float
    series: np.ndarray
    piece: Piece


@dataclass
class Transient:
    """What one right-hand side did."""

    settling: float
    knife_edge: bool
    energy: float
    outputs: np.ndarray
    steps: list = field(repr=False)


class Elements:
    """A circuit as its elements; k amplifiers, N nodes beside ground, n states."""

    def __init__(self, circuit):
        schematic, opamp = circuit.schematic, circuit.opamp
        banks, network = schematic.amplifiers, schematic.network
        assert opamp.output_current_limit is None
        assert not schematic.driven
        self.opamp, self.schematic = opamp, schematic
        size = len(network)
        plus, minus, out = (
            np.concatenate([getattr(bank, pin) for bank in banks])
            for pin in ("plus", "minus", "out")
        )
        self.k = k = len(out)
        conductance = np.zeros((size, size))
        first, second, siemens = network.elements
        if opamp.input_resistance is not None:
            first, second = np.append(first, plus), np.append(second, minus)
            siemens = np.append(siemens, np.full(k, 1 / opamp.input_resistance))
        # Output resistances end at the voltages behind them.
        first, second = np.append(first, out), np.append(second, np.zeros(k, int))
        siemens = np.append(siemens, np.full(k, 1 / opamp.output_resistance))
        for one, other, sign in ((first, first, 1), (second, second, 1), (first, second, -1),
                                 (second, first, -1)):  # fmt: skip
            np.add.at(conductance, (one, other), sign * siemens)
        farads = np.zeros(size)
        np.add.at(farads, plus, opamp.input_capacitance)
        np.add.at(farads, minus, opamp.input_capacitance)
        np.add.at(farads, schematic.capacitors[0], schematic.capacitors[1])
        self.conductance, farads = conductance[1:, 1:], farads[1:]
        self.charged = np.flatnonzero(farads > 0)
        free = np.flatnonzero(farads == 0)
        self.farads = farads[self.charged]
        self.at_plus, self.at_minus, self.at_out = (
            np.eye(size)[pins][:, 1:] for pins in (plus, minus, out)
        )
        self.at_source = np.eye(size)[schematic.injected][:, 1:]
        self.bias = -opamp.bias_current * (self.at_plus + self.at_minus).sum(axis=0)
        self.resistance = np.zeros_like(self.conductance)
        self.resistance[np.ix_(free, free)] = np.linalg.inv(self.conductance[np.ix_(free, free)])
        unit = np.eye(size - 1)[:, self.charged]
        self.by_charged = unit - self.resistance @ self.conductance[:, self.charged]
        self.by_behind = self.resistance @ self.at_out.T / opamp.output_resistance
        self.by_held = -self.resistance @ self.at_minus.T
        # Amplifiers, counted over the banks.
        self.grounded = np.repeat([bank.floor_at_ground for bank in banks], _counts(banks))
        low = np.where(self.grounded, opamp.headroom_negative, opamp.lowest_output)
        self.low, self.high = low, np.full(k, opamp.supply_positive - opamp.headroom_positive)
        hold = np.repeat([bank.hold or 0.0 for bank in banks], _counts(banks))
        self.is_held, self.hold = hold > 0, np.where(hold > 0, hold, 1.0)
        self.unity = 2 * np.pi * opamp.gbw
        self.leak, self.offset = self.unity / opamp.gains(k), opamp.offsets(k)
        self.second = 2 * np.pi * (opamp.second_pole or 0.0)
        self.last = np.arange(k) + (k if self.second else 0)
        self.n = k + (k if self.second else 0) + len(self.charged)
        self.outputs = schematic.outputs - 1
        self._pieces = {}

    def sources(self, vectors, volts_per_unit):
        """Return what the sources inject for right-hand sides (K, m) [A]."""
        return self.schematic.currents(vectors, volts_per_unit)

    # Pieces.

    def region(self, state, injected, guess=None):
        """Return which limits are met and which devices conduct, for a state.

        Each amplifier: place of the internal node and of the last stage in the output range
        (-1, 0 or 1), whether its hold device conducts, whether its held output is above zero.
        """
        clamp, stage = (
            (values > self.high).astype(int) - (values < self.low)
            for values in (state[: self.k], state[self.last])
        )
        conducts = np.zeros(self.k, int) if guess is None else guess[2].copy()
        positive = np.ones(self.k, int) if guess is None else guess[3].copy()
        found = np.stack([clamp, stage, conducts, positive])
        if not self.is_held.any():
            return found
        # A linear complementarity problem: K. Murty's least-index rule ends for P-matrices.
        for attempt in range(400):
            wrong = self.piece(found, injected).slack(state)[-2 * self.k :] < 0
            wrong &= np.tile(self.is_held, 2)
            if not wrong.any():
                return found
            flips = np.flatnonzero(wrong)[: None if attempt < 8 else 1]
            found[2:].reshape(-1)[flips] ^= 1
        raise AssertionError("no set of conducting hold devices fits")

    def piece(self, region, injected):
        """Return the equations of a region."""
        key = region.tobytes()
        if key not in self._pieces:
            self._pieces[key] = self._linearise(*region)
        parts = self._pieces[key]
        current = self.at_source.T @ injected + self.bias
        given = np.append(current, 1.0)
        return Piece(*(Affine(by_state, by_given @ given) for by_state, by_given in parts))

    def _linearise(self, clamp, stage, conducts, positive):
        """Return matrices by state, and by (node currents, 1), of everything in a `Piece`."""
        k, n, N = self.k, self.n, len(self.conductance)
        R, width = self.opamp.output_resistance, n + N + 1
        one, c = np.eye(width), n - len(self.charged)
        # Rows are quantities; columns state, injected node currents, one.
        inner, last = one[:k], one[self.last]
        ends = np.where(stage[:, None] > 0, self.high[:, None], self.low[:, None]) * one[-1]
        limited = np.where((stage == 0)[:, None], last, ends)
        known = self.by_charged @ one[c:n] + self.resistance @ one[n : n + N]
        # Output stage y = limited + R w, behind = y where not held or above zero.
        above = np.where(self.is_held, positive, 1)[:, None]
        sense = self.at_minus
        on = np.flatnonzero(self.is_held & (conducts > 0))
        w = np.zeros((k, width))
        if len(on):
            by_w = sense @ (self.by_held + self.by_behind * (R * above.T))
            system = np.diag(1 / self.hold + R) - by_w
            right = sense @ (known + self.by_behind @ (above * limited)) - limited
            w[on] = np.linalg.solve(system[np.ix_(on, on)], right[on])
        y = limited + R * w
        behind = above * y
        nodes = known + self.by_behind @ behind + self.by_held @ w
        difference = (self.at_plus - self.at_minus) @ nodes + self.offset[:, None] * one[-1]
        end = np.where(clamp[:, None] > 0, self.high[:, None], self.low[:, None]) * one[-1]
        outside = np.where((clamp == 0)[:, None], 0.0, inner - end)
        rate = np.zeros((n, width))
        rate[:k] = -self.leak[:, None] * inner - CLAMP * self.unity * outside
        if self.second:
            rate[k : 2 * k] = self.second * (inner - last)
        flow = one[n : n + N] + self.at_out.T @ behind / R - self.at_minus.T @ w
        flow = flow - self.conductance @ nodes
        rate[c:] = flow[self.charged] / self.farads[:, None]
        far = 1e3 * one[-1]
        slack = []
        for place, values in ((clamp, inner), (stage, last)):
            up, down = self.high[:, None] * one[-1] - values, values - self.low[:, None] * one[-1]
            # Inside both ends count; else that it is still beyond the one.
            slack.append(np.where((place == 0)[:, None], up, far))
            slack.append(np.where((place == 0)[:, None], down, far))
            slack.append(np.where((place > 0)[:, None], -up, far))
            slack.append(np.where((place < 0)[:, None], -down, far))
        held = self.is_held[:, None]
        closed = np.where(conducts[:, None] > 0, w / self.hold[:, None], y - sense @ nodes)
        slack.append(np.where(held, closed, far))
        slack.append(np.where(held, np.where(positive[:, None] > 0, y, -y), far))
        rows = (rate, difference, np.vstack(slack), nodes, behind, w)
        return [(values[:, :n].copy(), values[:, n:].copy()) for values in rows]

    # Rates.

    def drive(self, difference):
        """Return the rate from the input stages, and its slope."""
        slew = self.opamp.slew_rate
        if slew is None:
            return self.unity * difference, np.full_like(difference, self.unity)
        share = np.tanh(self.unity * difference / slew)
        return slew * share, self.unity * (1 - share**2)

    def rates(self, piece, states):
        """Return rates (..., n) and their slopes (..., n, n)."""
        drive, slope = self.drive(piece.difference(states))
        rates = piece.linear(states)
        rates[..., : self.k] += drive
        slopes = np.broadcast_to(piece.linear.by_state, (*rates.shape, self.n)).copy()
        slopes[..., : self.k, :] += slope[..., None] * piece.difference.by_state
        return rates, slopes

    def rate(self, state, injected):
        """Return the rate of a state, whatever piece it is in: for other integrators."""
        return self.rates(self.piece(self.region(state, injected), injected), state)[0]

    # Steps.

    def collocate(self, piece, state, length, scale):
        """Return the coefficients of a step, shape (STAGES + 1, n); None if it is too long."""
        guess = np.repeat(state[None], STAGES, axis=0)
        weights, n = length * INTEGRATE, self.n
        linear = self.opamp.slew_rate is None
        for _ in range(10):
            rates, slopes = self.rates(piece, guess)
            wrong = guess - state - weights @ rates
            system = -(weights[:, None, :, None] * slopes.transpose(1, 0, 2)[None])
            system = system.reshape(STAGES * n, STAGES * n)
            system[np.diag_indices(STAGES * n)] += 1
            change = np.linalg.solve(system, wrong.ravel()).reshape(guess.shape)
            guess = guess - change
            size = np.abs(change).max()
            if linear or size < 1e-13 * scale:
                return TO_SERIES @ np.vstack([state, guess])
            if not size < 1e3:
                return None
        return TO_SERIES @ np.vstack([state, guess]) if size < 1e-11 * scale else None

    def leaves(self, piece, series, limit):
        """Return the share of a step after which a condition is overstepped, None if it is not."""
        values = AT_FEW @ series @ piece.slack.by_state.T + piece.slack.constant
        moves = np.abs(np.diff(values, axis=0)).max(axis=0)
        near = np.flatnonzero(values.min(axis=0) < moves - limit)
        if not near.size:
            return None
        along = series @ piece.slack.by_state[near].T
        below = AT_MANY @ along + piece.slack.constant[near] < -limit
        if not below.any():
            return None
        first = int(np.argmax(below.any(axis=1)))
        shares = []
        for column in np.flatnonzero(below[first]):
            if first == 0:
                return 0.0
            shift = piece.slack.constant[near[column]] + limit

            def over(share, column=column, shift=shift):
                value = legendre.legval(2 * share - 1, along[:, column])
                return value + shift

            shares.append(scipy.optimize.brentq(over, MANY[first - 1], MANY[first], xtol=1e-15))
        return min(shares)

    def integrate(self, state, injected, tolerance=TOLERANCE, longest=np.inf):
        """Return the steps of one right-hand side, its last state and piece, and its rest."""
        region = self.region(state, injected)
        piece = self.piece(region, injected)
        time, steps = 0.0, []
        length = min(0.05 / self.unity, longest)
        scale = max(np.abs(state).max(), np.abs(piece.nodes(state)).max(), SMALLEST)
        for _ in range(MOST_STEPS):
            rates, slopes = self.rates(piece, state)
            way = np.linalg.solve(slopes, rates)
            # An equilibrium out of the piece is none: an event comes before it.
            there = (piece.slack(state - way) > -10 * REST * scale).all()
            if there and np.abs(way).max() < REST * scale:
                return steps, state, piece, state - way
            series = self.collocate(piece, state, length, scale)
            error = np.inf if series is None else np.abs(series[-2:]).max() / scale
            if error > tolerance:
                length *= max(0.2, 0.8 * min(1.0, (tolerance / error) ** (1 / STAGES)))
                continue
            share = self.leaves(piece, series, OVERSTEP * scale)
            steps.append(Step(time, length, 1.0 if share is None else share, series, piece))
            time += length * steps[-1].share
            state = (at([steps[-1].share]) @ series)[0]
            scale = max(scale, np.abs(state).max())
            if share is not None:
                region = self.region(state, injected, region)
                piece = self.piece(region, injected)
            growth = 0.8 * (tolerance / max(error, 1e-300)) ** (1 / STAGES)
            length = min(length * min(4.0, growth), longest)
        raise AssertionError("the circuit does not come to rest")

    # What is measured.

    def power(self, piece, states, injected):
        """Return what all sources deliver in states (T, n), shape (T,) [W]."""
        opamp = self.opamp
        nodes, behind, held = (part(states) for part in (piece.nodes, piece.behind, piece.held))
        sourced = (behind - nodes @ self.at_out.T) / opamp.output_resistance
        # What it sinks goes into the negative supply, or into ground at 0 V.
        sunk = np.where(self.grounded, 0.0, np.minimum(sourced, 0.0)) - held
        quiescent = opamp.quiescent_current * np.where(self.grounded, 0.0, 1.0).sum()
        positive = np.maximum(sourced, 0.0).sum(axis=1) + opamp.quiescent_current * self.k
        negative = sunk.sum(axis=1) - quiescent
        from_inputs = nodes @ self.at_source.T @ injected
        return opamp.supply_positive * positive + opamp.supply_negative * negative + from_inputs

    def last_outside(self, steps, final, band):
        """Return from when on every output is in the band; number of the step, share of it."""
        for number in range(len(steps) - 1, -1, -1):
            step = steps[number]
            read = Affine(step.piece.nodes.by_state[self.outputs],
                          step.piece.nodes.constant[self.outputs] - final)  # fmt: skip

            def outside(share, series=step.series, read=read):
                return np.abs(read(at(np.atleast_1d(share)) @ series)).max(axis=1) - band

            shares = step.share * FEW
            if (above := np.flatnonzero(outside(shares) > 0)).size:
                low = above[-1]
                if low == len(FEW) - 1:  # outputs may jump with the input only
                    return number, step.share
                fine = shares[low] + (shares[low + 1] - shares[low]) * MANY
                low = np.flatnonzero(outside(fine) > 0)[-1]
                share = scipy.optimize.brentq(
                    lambda s: outside(s)[0], fine[low], fine[low + 1], xtol=1e-15
                )
                return number, share
        return 0, 0.0

    def measure(self, steps, final, injected):
        """Return settling time, its change by a band moved by a thousandth, and energy."""
        band = BAND * max(np.abs(final).max(), SMALLEST)
        times = []
        for factor in (0.999, 1.001, 1.0):
            number, share = self.last_outside(steps, final, factor * band)
            times.append(steps[number].begin + share * steps[number].length)
        joules = 0.0
        for step in steps[: number + 1]:
            until = share if step is steps[number] else step.share
            states = at(until * GAUSS_NODES) @ step.series
            watts = self.power(step.piece, states, injected)
            joules += until * step.length * (GAUSS_WEIGHTS @ watts)
        return times[-1], max(abs(times[0] - times[-1]), abs(times[1] - times[-1])), joules

    def stream(self, vectors, volts_per_unit, **control):
        """Return the `Transient` of right-hand sides (m, K), each from where the last ended."""
        state, found = np.zeros(self.n), []
        for injected in self.sources(vectors.T, volts_per_unit):
            steps, state, piece, rest = self.integrate(state, injected, **control)
            outputs = piece.nodes(rest)[self.outputs]
            settling, moved, energy = self.measure(steps, outputs, injected)
            knife_edge = moved > KNIFE_EDGE * settling
            found.append(Transient(settling, knife_edge, energy, outputs, steps))
        return found

    def waveforms(self, transient, times):
        """Return the outputs at some times, shape (T, n) [V]."""
        begins = np.array([step.begin for step in transient.steps])
        found = []
        for time in times:
            step = transient.steps[max(0, np.searchsorted(begins, time, side="right") - 1)]
            states = at([(time - step.begin) / step.length]) @ step.series
            found.append(step.piece.nodes(states)[0, self.outputs])
        return np.array(found)


def _counts(banks):
    return [len(bank.out) for bank in banks]
