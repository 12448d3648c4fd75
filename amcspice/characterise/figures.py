"""`characterise`: what a data sheet states of an amplifier, measured in ngspice.

Gain is found in the closed loop: the inverting input is driven with output less input by an
ideal source, so that the operating point holds itself, and A = -v(out)/v(in-) whatever the loop.
The open-loop output resistance is that of the closed loop times 1 + A.
"""

from __future__ import annotations

import numpy as np

from amcspice.characterise.characteristics import (
    Array,
    Characteristics,
    Complex,
    FrequencyResponse,
)
from amcspice.characterise.fixture import AmplifierFixture
from amcspice.characterise.steps import measure_steps
from amcspice.errors import InputError, SimulationError

__all__ = ["characterise", "reach"]

SWEEP = "dec 20 1e-3 1e12"
LARGEST_RESISTANCE = 1e11
"""An input resistance above this is none [ohm]: the simulator gives every junction 1e-12 S."""

SMALLEST_OFFSET = 1e-15
"""Below this an offset is rounding [V]."""

SMALLEST_CURRENT = 1e-15
"""A current below this is none [A]: rounding of the simulator."""

SMALLEST_CAPACITANCE = 1e-18
"""An input capacitance below this is none [F]."""

LARGEST_TEST_CURRENT = 1e-3
"""Output current with which the supplies are looked at; less where the output gives less [A]."""

SHARE_ERROR = 0.02
"""A share of the output current that close to none or all of it is that."""


def characterise(fixture: AmplifierFixture) -> Characteristics:
    """Measure an amplifier in ngspice.

    Parameters
    ----------
    fixture : AmplifierFixture

    Returns
    -------
    Characteristics

    Raises
    ------
    InputError
        If it does not work as a follower: pins in another order, wrong supplies, no gain, no
        phase margin.
    SimulationError
        If ngspice fails, or a step does not arrive where the DC operating point is.

    Examples
    --------
    >>> from amcspice.characterise import AmplifierFixture, Conditions, characterise
    >>> from amcspice.device import OpAmp
    >>> opamp = OpAmp(gain=1e4, gbw=1e7, slew_rate=2e6)
    >>> figures = characterise(AmplifierFixture.of_macro_model(opamp, Conditions()))
    >>> f"{figures.gbw:.3g} Hz, {figures.slew_rate_positive:.2g} V/s"
    '1e+07 Hz, 2e+06 V/s'
    >>> f"{figures.phase_margin:.0f} degrees"
    '90 degrees'
    """
    check_follower(fixture)
    try:
        response = _frequency_response(fixture)
    except SimulationError as error:
        raise InputError(
            f"{fixture.label} cannot be simulated: {error.cause}; {_taken(fixture)}"
        ) from error
    f, gain = response.frequency, response.unloaded
    dc_gain = float(np.abs(gain[0]))
    gbw = _gain_bandwidth(fixture, f, gain)
    unity, margin = _phase_margin(fixture, f, response.loaded)
    conditions = fixture.conditions
    if margin <= 0:
        raise InputError(
            f"{fixture.label} oscillates as a follower with {conditions.load_resistance:g} ohm "
            f"and {conditions.load_capacitance:g} F: its phase margin is {margin:.1f} degrees"
        )
    tenth = unity / 10
    admittance = response.input_admittance
    conductance = float(admittance[0].real)
    limits = _limits(fixture, dc_gain)
    operating_point = fixture.operating_point(
        "Vp p 0 0\nVn o_rest n 0\n" + fixture.copy("rest", "p", "n", loaded=False)
    )
    current = min(-operating_point["vvdd#branch"], operating_point["vvss#branch"])
    current = _above(SMALLEST_CURRENT, current)
    steps = measure_steps(fixture, gbw, reach(fixture, limits["high"], limits["low"]))
    return Characteristics(
        fixture=fixture,
        dc_gain=dc_gain,
        dc_gain_loaded=float(np.abs(response.loaded[0])),
        gbw=gbw,
        unity_gain_frequency=unity,
        phase_margin=margin,
        slew_rate_positive=steps[0].slew_rate(gbw, steps[-1]),
        slew_rate_negative=steps[1].slew_rate(gbw, steps[-1]),
        offset=_above(SMALLEST_OFFSET, operating_point["o_rest"] * (1 + 1 / dc_gain)),
        bias_current_plus=_above(SMALLEST_CURRENT, -operating_point["vp#branch"]),
        bias_current_minus=_above(SMALLEST_CURRENT, operating_point["vn#branch"]),
        input_resistance=1 / conductance if conductance > 1 / LARGEST_RESISTANCE else None,
        input_capacitance=_above(
            SMALLEST_CAPACITANCE, float(_at(f, admittance.imag, unity) / (2 * np.pi * unity))
        ),
        output_resistance=float(_at(f, np.abs(response.output_impedance), tenth)),
        highest_output=limits["high"],
        lowest_output=limits["low"],
        highest_output_unloaded=limits["high_unloaded"],
        lowest_output_unloaded=limits["low_unloaded"],
        source_current=limits["source"],
        sink_current=limits["sink"],
        supply_share=_supply_share(fixture, min(limits["source"], limits["sink"])),
        quiescent_current=current,
        quiescent_power=current * (conditions.supply_positive - conditions.supply_negative),
        input_noise=_noise(fixture, tenth),
        response=response,
        steps=steps,
    )


def reach(fixture: AmplifierFixture, highest: float, lowest: float) -> float:
    """Return the smaller end of the output range, at most that of the supplies [V]."""
    conditions = fixture.conditions
    return min(highest, -lowest, conditions.supply_positive, -conditions.supply_negative)


def check_follower(fixture: AmplifierFixture) -> None:
    """Make sure that an amplifier follows a small DC input of either sign, without load.

    Raises
    ------
    InputError
        If it does not, or if ngspice cannot find its operating point.
    """
    conditions = fixture.conditions
    level = 0.05 * min(conditions.supply_positive, -conditions.supply_negative)
    cards = "".join(
        f"V{name} {name} 0 {value!r}\n" + fixture.copy(name, name, f"o_{name}", loaded=False)
        for name, value in (("up", level), ("down", -level))
    )
    supplies = f"supplies {conditions.supply_positive:g} and {conditions.supply_negative:g} V"
    try:
        voltages = fixture.operating_point(cards)
    except SimulationError as error:
        raise InputError(
            f"{fixture.label} cannot be simulated as a follower on {supplies}: {error.cause}; "
            f"{_taken(fixture)}"
        ) from error
    rise = (voltages["o_up"] - voltages["o_down"]) / (2 * level)
    if not 0.8 < rise < 1.2:
        raise InputError(
            f"{fixture.label} is no follower on {supplies}: for an input of {level:g} and "
            f"{-level:g} V its output is {voltages['o_up']:.3g} and {voltages['o_down']:.3g} V; "
            f"{_taken(fixture)}"
        )


def _taken(fixture: AmplifierFixture) -> str:
    """Say what the pins were taken for, and how to say otherwise."""
    return (
        f"its pins were taken to be, in this order, {' '.join(fixture.pins)}; if they are not, "
        "give their order (--pins, --opamp-pins or pins=)"
    )


def _frequency_response(fixture: AmplifierFixture) -> FrequencyResponse:
    cards = ""
    for name, loaded in (("a", False), ("b", True)):
        cards += f"Vin_{name} in_{name} 0 dc 0 ac 1\nEn_{name} n_{name} 0 o_{name} in_{name} 1\n"
        cards += fixture.copy(name, "0", f"n_{name}", loaded=loaded)
    cards += "Iz 0 o_z dc 0 ac 1\nEn_z n_z 0 o_z 0 1\n"
    cards += fixture.copy("z", "0", "n_z", loaded=False)
    vectors = fixture.run(f"{cards}.ac {SWEEP}")[-1].vectors
    unloaded = -vectors["o_a"] / vectors["n_a"]
    return FrequencyResponse(
        frequency=np.real(vectors["frequency"]),
        unloaded=unloaded.astype(complex),
        loaded=(-vectors["o_b"] / vectors["n_b"]).astype(complex),
        output_impedance=(vectors["o_z"] * (1 + unloaded)).astype(complex),
        input_admittance=(-vectors["en_a#branch"] / vectors["n_a"]).astype(complex),
    )


def _gain_bandwidth(fixture: AmplifierFixture, frequency: Array, gain: Complex) -> float:
    """Return |A| f half way, on a logarithmic scale, between the DC gain and one."""
    size = np.abs(gain)
    if gain[0].real < 0:
        raise InputError(f"{fixture.label}: its inputs are swapped; the first pin must be in+")
    below = np.flatnonzero(size < max(np.sqrt(size[0]), 1.5))
    if size[0] < 2 or below.size == 0 or below[0] == 0:
        raise InputError(f"{fixture.label}: no amplifier, its DC gain is {size[0]:.3g}")
    at = below[0]
    # 1/(1 + j f/f1): the pole's own share is taken out, as it matters at small gains.
    return float(frequency[at] * size[at] / np.sqrt(1 - (size[at] / size[0]) ** 2))


def _phase_margin(
    fixture: AmplifierFixture, frequency: Array, gain: Complex
) -> tuple[float, float]:
    """Return the frequency of gain one [Hz] and the phase margin there [degrees]."""
    size = np.log(np.abs(gain))
    below = np.flatnonzero(size < 0)
    if not below.size:
        raise InputError(
            f"{fixture.label}: its gain stays above one up to {frequency[-1]:g} Hz, so that it has "
            "no phase margin"
        )
    after = int(below[0])
    pair = slice(after - 1, after + 1)
    share = size[after - 1] / (size[after - 1] - size[after])
    unity = float(np.exp(np.log(frequency[pair]) @ [1 - share, share]))
    phase = np.unwrap(np.angle(gain))[pair] @ [1 - share, share]
    return unity, float(180 + np.degrees(phase))


def _limits(fixture: AmplifierFixture, dc_gain: float) -> dict[str, float]:
    """Return output voltages and short-circuit currents of the overdriven amplifier."""
    conditions = fixture.conditions
    overdrive = max(0.1, 3 * conditions.supply_positive / dc_gain)
    limits = {}
    for sign, word, current in ((1, "high", "source"), (-1, "low", "sink")):
        cards = f"Vin in 0 {sign * overdrive!r}\n"
        cards += fixture.copy("l", "in", "0", loaded=True)
        cards += fixture.copy("u", "in", "0", loaded=False)
        cards += fixture.copy("s", "in", "0", loaded=False) + "Vshort o_s 0 0\n"
        point = fixture.operating_point(cards)
        limits[word], limits[f"{word}_unloaded"] = point["o_l"], point["o_u"]
        limits[current] = sign * point["vshort#branch"]
    return limits


def _noise(fixture: AmplifierFixture, frequency: float) -> float:
    cards = "Vin in 0 dc 0 ac 1\n" + fixture.copy("f", "in", "o_f", loaded=True)
    plots = fixture.run(f"{cards}.noise v(o_f) Vin dec 1 {frequency!r} {10 * frequency!r}")
    spectrum = next(plot for plot in plots if "inoise_spectrum" in plot.vectors)
    return float(np.real(spectrum.vectors["inoise_spectrum"][0]))


def _supply_share(fixture: AmplifierFixture, most: float) -> float:
    """Return the part of the output current that comes out of the supply pins, sourced and sunk.

    What flows out of both supplies together is what leaves the amplifier elsewhere: all of the
    output current, unless the output stage stands on ground.
    """
    sums = []
    current = min(most / 10, LARGEST_TEST_CURRENT)
    for load in (0.0, current, -current):
        cards = "Vin in 0 0\n" + fixture.copy("q", "in", "o_q", loaded=False)
        point = fixture.operating_point(f"{cards}Iload o_q 0 {load!r}\n")
        sums.append(-point["vvdd#branch"] - point["vvss#branch"])
    share = (sums[1] - sums[2]) / (2 * current)
    exact = next((whole for whole in (0.0, 1.0) if abs(share - whole) < SHARE_ERROR), share)
    return float(exact)


def _above(smallest: float, value: float) -> float:
    """Return a figure, zero without a sign where it is rounding of the simulator."""
    return value if abs(value) > smallest else 0.0


def _at(frequency: Array, values: Array, where: float) -> float:
    return float(np.interp(np.log(where), np.log(frequency), values))
