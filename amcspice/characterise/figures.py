"""`characterise`: what a data sheet states of an amplifier, measured in ngspice.

Gain is found in the closed loop: the inverting input is driven with output less input by an
ideal source, so that the operating point holds itself, and A = -v(out)/v(in-) whatever the loop.
The open-loop output resistance is that of the closed loop times 1 + A.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amcspice.characterise.bench import Bench
from amcspice.characterise.steps import Step, measure_steps
from amcspice.errors import InputError, SimulationError

__all__ = ["Characteristics", "FrequencyResponse", "characterise"]

Complex = NDArray[np.complex128]
Array = NDArray[np.float64]

SWEEP = "dec 20 1e-3 1e12"
LARGEST_RESISTANCE = 1e11
"""An input resistance above this is none [ohm]: the simulator gives every junction 1e-12 S."""

SMALLEST_CURRENT = 1e-15
"""An input current below this is none [A]: rounding of the simulator."""


@dataclass(frozen=True, eq=False)
class FrequencyResponse:
    """Open-loop gain over frequency.

    Parameters
    ----------
    frequency : ndarray, shape (F,)
        [Hz].
    unloaded, loaded : ndarray of complex, shape (F,)
        Gain without load and with the stated one.
    output_impedance : ndarray of complex, shape (F,)
        Open-loop [ohm].
    input_admittance : ndarray of complex, shape (F,)
        Of the inverting input [S].
    """

    frequency: Array
    unloaded: Complex
    loaded: Complex
    output_impedance: Complex
    input_admittance: Complex

    @property
    def useful(self) -> slice:
        """Up to where the gain first falls below one half: beyond it, what feeds through."""
        return slice(0, int(np.argmax(np.abs(self.loaded) < 0.5)))


@dataclass(frozen=True, eq=False)
class Characteristics:
    """Figures of an amplifier, each under the bench's supplies.

    Parameters
    ----------
    bench : Bench
    dc_gain, dc_gain_loaded : float
        Open loop, without and with load [V/V].
    gbw : float
        Gain times frequency where the gain falls by 20 dB a decade, without load [Hz].
    unity_gain_frequency : float
        With load [Hz].
    phase_margin : float
        Of the follower with load [degrees].
    slew_rate_positive, slew_rate_negative : float or None
        From 20 to 80 % of a step of the follower [V/s]; None where bandwidth limits it.
    offset : float
        At the input [V].
    bias_current_plus, bias_current_minus : float
        Into the inputs [A].
    input_resistance : float or None
        Of the inverting input at low frequency [ohm]; None above `LARGEST_RESISTANCE`.
    input_capacitance : float
        Of the inverting input at the unity-gain frequency [F].
    output_resistance : float
        Open loop, at a tenth of the unity-gain frequency [ohm].
    highest_output, lowest_output : float
        Overdriven, with load [V].
    highest_output_unloaded, lowest_output_unloaded : float
        Overdriven, without load [V].
    source_current, sink_current : float
        Overdriven into ground [A].
    quiescent_current : float
        From rail to rail, without load [A].
    quiescent_power : float
        [W].
    input_noise : float
        White density, at a tenth of the unity-gain frequency [V/sqrt(Hz)].
    response : FrequencyResponse
    steps : tuple of Step
        Of the follower with load: large up, large down, small up.
    """

    bench: Bench
    dc_gain: float
    dc_gain_loaded: float
    gbw: float
    unity_gain_frequency: float
    phase_margin: float
    slew_rate_positive: float | None
    slew_rate_negative: float | None
    offset: float
    bias_current_plus: float
    bias_current_minus: float
    input_resistance: float | None
    input_capacitance: float
    output_resistance: float
    highest_output: float
    lowest_output: float
    highest_output_unloaded: float
    lowest_output_unloaded: float
    source_current: float
    sink_current: float
    quiescent_current: float
    quiescent_power: float
    input_noise: float
    response: FrequencyResponse
    steps: tuple[Step, ...]

    @property
    def headroom_positive(self) -> float:
        """From the highest output with load to its rail [V]."""
        return self.bench.conditions.supply_positive - self.highest_output

    @property
    def headroom_negative(self) -> float:
        """From the lowest output with load to its rail [V]."""
        return self.lowest_output - self.bench.conditions.supply_negative

    @property
    def overshoot(self) -> float:
        """Of the small step of the follower with load, as a fraction of it."""
        return self.steps[-1].overshoot


def characterise(bench: Bench) -> Characteristics:
    """Measure an amplifier in ngspice.

    Parameters
    ----------
    bench : Bench

    Returns
    -------
    Characteristics

    Raises
    ------
    InputError
        If it does not work as a follower: pins in another order, wrong supplies, no gain, no
        phase margin.
    SimulationError
        If ngspice fails.

    Examples
    --------
    >>> from amcspice.characterise import Bench, Conditions, characterise
    >>> from amcspice.device import OpAmp
    >>> bench = Bench.of_macro_model(OpAmp(gain=1e4, gbw=1e7, slew_rate=2e6), Conditions())
    >>> found = characterise(bench)
    >>> f"{found.gbw:.3g} Hz, {found.slew_rate_positive:.2g} V/s, {found.phase_margin:.0f} degrees"
    '1e+07 Hz, 2e+06 V/s, 90 degrees'
    """
    check_follower(bench)
    response = _frequency_response(bench)
    f, gain = response.frequency, response.unloaded
    dc_gain = float(np.abs(gain[0]))
    gbw = _gain_bandwidth(bench, f, gain)
    unity, margin = _phase_margin(f, response.loaded)
    if margin <= 0:
        raise InputError(
            f"{bench.label} oscillates as a follower with {bench.conditions.load_resistance:g} ohm "
            f"and {bench.conditions.load_capacitance:g} F: its phase margin is {margin:.1f} degrees"
        )
    tenth = unity / 10
    admittance = response.input_admittance
    conductance = float(admittance[0].real)
    limits = _limits(bench, dc_gain)
    conditions = bench.conditions
    rest = bench.operating_point(
        "Vp p 0 0\nVn o_rest n 0\n" + bench.copy("rest", "p", "n", loaded=False)
    )
    current = min(-rest["vvdd#branch"], rest["vvss#branch"])
    steps = measure_steps(bench, gbw, reach(bench, limits["high"], limits["low"]))
    return Characteristics(
        bench=bench,
        dc_gain=dc_gain,
        dc_gain_loaded=float(np.abs(response.loaded[0])),
        gbw=gbw,
        unity_gain_frequency=unity,
        phase_margin=margin,
        slew_rate_positive=steps[0].slew_rate(gbw),
        slew_rate_negative=steps[1].slew_rate(gbw),
        offset=rest["o_rest"] * (1 + 1 / dc_gain),
        bias_current_plus=_input_current(-rest["vp#branch"]),
        bias_current_minus=_input_current(rest["vn#branch"]),
        input_resistance=1 / conductance if conductance > 1 / LARGEST_RESISTANCE else None,
        input_capacitance=float(_at(f, admittance.imag, unity) / (2 * np.pi * unity)),
        output_resistance=float(_at(f, np.abs(response.output_impedance), tenth)),
        highest_output=limits["high"],
        lowest_output=limits["low"],
        highest_output_unloaded=limits["high_unloaded"],
        lowest_output_unloaded=limits["low_unloaded"],
        source_current=limits["source"],
        sink_current=limits["sink"],
        quiescent_current=current,
        quiescent_power=current * (conditions.supply_positive - conditions.supply_negative),
        input_noise=_noise(bench, tenth),
        response=response,
        steps=steps,
    )


def reach(bench: Bench, highest: float, lowest: float) -> float:
    """Return the smaller end of the output range, at most that of the supplies [V]."""
    conditions = bench.conditions
    return min(highest, -lowest, conditions.supply_positive, -conditions.supply_negative)


def check_follower(bench: Bench) -> None:
    """Make sure that an amplifier follows a small DC input of either sign, without load.

    Raises
    ------
    InputError
        If it does not, or if ngspice cannot find its operating point.
    """
    conditions = bench.conditions
    level = 0.05 * min(conditions.supply_positive, -conditions.supply_negative)
    cards = "".join(
        f"V{name} {name} 0 {value!r}\n" + bench.copy(name, name, f"o_{name}", loaded=False)
        for name, value in (("up", level), ("down", -level))
    )
    supplies = f"supplies {conditions.supply_positive:g} and {conditions.supply_negative:g} V"
    try:
        found = bench.operating_point(cards)
    except SimulationError as error:
        raise InputError(
            f"{bench.label} cannot be simulated as a follower on {supplies}: {error.cause}"
        ) from error
    rise = (found["o_up"] - found["o_down"]) / (2 * level)
    if not 0.8 < rise < 1.2:
        raise InputError(
            f"{bench.label} is no follower on {supplies}: for an input of {level:g} and "
            f"{-level:g} V its output is {found['o_up']:.3g} and {found['o_down']:.3g} V; its pins "
            "must be, in this order, in+ in- out vdd vss"
        )


def _frequency_response(bench: Bench) -> FrequencyResponse:
    cards = ""
    for name, loaded in (("a", False), ("b", True)):
        cards += f"Vin_{name} in_{name} 0 dc 0 ac 1\nEn_{name} n_{name} 0 o_{name} in_{name} 1\n"
        cards += bench.copy(name, "0", f"n_{name}", loaded=loaded)
    cards += "Iz 0 o_z dc 0 ac 1\nEn_z n_z 0 o_z 0 1\n"
    cards += bench.copy("z", "0", "n_z", loaded=False)
    found = bench.run(f"{cards}.ac {SWEEP}")[-1].vectors
    unloaded = -found["o_a"] / found["n_a"]
    return FrequencyResponse(
        frequency=np.real(found["frequency"]),
        unloaded=unloaded.astype(complex),
        loaded=(-found["o_b"] / found["n_b"]).astype(complex),
        output_impedance=(found["o_z"] * (1 + unloaded)).astype(complex),
        input_admittance=(-found["en_a#branch"] / found["n_a"]).astype(complex),
    )


def _gain_bandwidth(bench: Bench, frequency: Array, gain: Complex) -> float:
    """Return |A| f half way, on a logarithmic scale, between the DC gain and one."""
    size = np.abs(gain)
    if gain[0].real < 0:
        raise InputError(f"{bench.label}: its inputs are swapped; the first pin must be in+")
    below = np.flatnonzero(size < max(np.sqrt(size[0]), 1.5))
    if size[0] < 2 or below.size == 0 or below[0] == 0:
        raise InputError(f"{bench.label}: no amplifier, its DC gain is {size[0]:.3g}")
    at = below[0]
    # 1/(1 + j f/f1): the pole's own share is taken out, as it matters at small gains.
    return float(frequency[at] * size[at] / np.sqrt(1 - (size[at] / size[0]) ** 2))


def _phase_margin(frequency: Array, gain: Complex) -> tuple[float, float]:
    """Return the frequency of gain one [Hz] and the phase margin there [degrees]."""
    size = np.log(np.abs(gain))
    after = int(np.flatnonzero(size < 0)[0])
    pair = slice(after - 1, after + 1)
    share = size[after - 1] / (size[after - 1] - size[after])
    unity = float(np.exp(np.log(frequency[pair]) @ [1 - share, share]))
    phase = np.unwrap(np.angle(gain))[pair] @ [1 - share, share]
    return unity, float(180 + np.degrees(phase))


def _limits(bench: Bench, dc_gain: float) -> dict[str, float]:
    """Return output voltages and short-circuit currents of the overdriven amplifier."""
    conditions = bench.conditions
    overdrive = max(0.1, 3 * conditions.supply_positive / dc_gain)
    found = {}
    for sign, word, current in ((1, "high", "source"), (-1, "low", "sink")):
        cards = f"Vin in 0 {sign * overdrive!r}\n"
        cards += bench.copy("l", "in", "0", loaded=True)
        cards += bench.copy("u", "in", "0", loaded=False)
        cards += bench.copy("s", "in", "0", loaded=False) + "Vshort o_s 0 0\n"
        result = bench.operating_point(cards)
        found[word], found[f"{word}_unloaded"] = result["o_l"], result["o_u"]
        found[current] = sign * result["vshort#branch"]
    return found


def _noise(bench: Bench, frequency: float) -> float:
    cards = "Vin in 0 dc 0 ac 1\n" + bench.copy("f", "in", "o_f", loaded=True)
    plots = bench.run(f"{cards}.noise v(o_f) Vin dec 1 {frequency!r} {10 * frequency!r}")
    spectrum = next(plot for plot in plots if "inoise_spectrum" in plot.vectors)
    return float(np.real(spectrum.vectors["inoise_spectrum"][0]))


def _input_current(value: float) -> float:
    return value if abs(value) > SMALLEST_CURRENT else 0.0


def _at(frequency: Array, values: Array, where: float) -> float:
    return float(np.interp(np.log(where), np.log(frequency), values))
