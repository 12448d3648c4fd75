"""Characterisation against macro-models whose figures are known, and the amplifier of models/."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
from oracles import random_problem

import amcspice as amc
from amcspice.characterise import (
    AmplifierFixture,
    Conditions,
    characterise,
    fit,
    measured_opamp,
    steps,
)
from amcspice.characterise.steps import Step
from amcspice.characterise.table import measured_rows
from amcspice.schema import to_text
from amcspice.settings.assemble import hardware_of

pytestmark = pytest.mark.ngspice

MILLER = Path(__file__).resolve().parents[1] / "models" / "miller.lib"
SUPPLIES = Conditions(supply_positive=2.5, supply_negative=-2.5)


@pytest.fixture(scope="module")
def miller():
    """Return the transistor-level amplifier as it is used in circuits, and its fit."""
    opamp = measured_opamp(MILLER, "amc_miller", SUPPLIES)
    return opamp, fit(characterise(AmplifierFixture.of_subcircuit(opamp.subcircuit, SUPPLIES)))


KNOWN = amc.OpAmp(
    gain=3e4,
    gbw=2e7,
    slew_rate=1e7,
    second_pole=6e7,
    offset=2e-3,
    bias_current=3e-9,
    input_resistance=4e6,
    input_capacitance=2e-12,
    output_resistance=50.0,
    supply_positive=3.0,
    supply_negative=-2.0,
    headroom_positive=0.2,
    headroom_negative=0.1,
    quiescent_current=1.5e-3,
)


def fixture_of(opamp, **conditions):
    return AmplifierFixture.of_macro_model(opamp, Conditions(**conditions))


def test_figures_of_a_known_amplifier():
    figures = characterise(fixture_of(KNOWN, load_resistance=1e3))
    assert figures.dc_gain == pytest.approx(3e4, rel=1e-4)
    assert figures.dc_gain_loaded == pytest.approx(3e4 / 1.05, rel=1e-4)
    assert figures.gbw == pytest.approx(2e7, rel=1e-3)
    assert figures.offset == pytest.approx(2e-3, rel=1e-3)
    assert figures.bias_current_plus == pytest.approx(3e-9, rel=0.2)  # and 2 mV over 4 Mohm
    assert figures.input_resistance == pytest.approx(4e6, rel=1e-3)
    assert figures.input_capacitance == pytest.approx(2e-12, rel=1e-3)
    assert figures.output_resistance == pytest.approx(50, rel=1e-3)
    assert figures.highest_output_unloaded == pytest.approx(2.8, rel=1e-3)
    assert figures.lowest_output_unloaded == pytest.approx(-1.9, rel=1e-3)
    assert figures.highest_output == pytest.approx(2.8 / 1.05, rel=1e-3)
    assert figures.headroom_negative == pytest.approx(2 - 1.9 / 1.05, rel=1e-3)
    assert figures.source_current == pytest.approx(2.8 / 50, rel=1e-3)
    assert figures.quiescent_current == pytest.approx(1.5e-3, rel=1e-3)
    assert figures.quiescent_power == pytest.approx(7.5e-3, rel=1e-3)


def test_phase_margin_of_two_poles():
    """Where |A| = 1: w^2 (1 + (w/w2)^2) = w_u^2; the margin is 90 degrees less atan(w/w2)."""
    opamp = amc.OpAmp(gain=1e6, gbw=1e7, second_pole=1.5e7)
    figures = characterise(fixture_of(opamp, load_resistance=1e6))
    square = 1.5**2 * (np.sqrt(1 + 4 / 1.5**2) - 1) / 2
    assert figures.unity_gain_frequency == pytest.approx(1e7 * np.sqrt(square), rel=1e-3)
    expected = 90 - np.degrees(np.arctan(np.sqrt(square) / 1.5))
    assert figures.phase_margin == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("slew", [3e5, 3e6])
def test_slew_rate_of_one_pole(slew):
    figures = characterise(
        fixture_of(amc.OpAmp(gain=1e5, gbw=1e7, slew_rate=slew), load_resistance=1e5)
    )
    assert figures.slew_rate_positive == pytest.approx(slew, rel=0.01)
    assert figures.slew_rate_negative == pytest.approx(slew, rel=0.01)


def test_without_limits_there_is_no_slew_rate():
    figures = characterise(fixture_of(amc.OpAmp(gain=1e5, gbw=1e7), load_resistance=1e5))
    assert figures.slew_rate_positive is None
    assert figures.input_resistance is None
    model = fit(figures).opamp
    assert model.slew_rate is None
    assert model.second_pole is None
    assert model.output_current_limit is None


def test_the_fit_finds_the_parameters_again():
    macro_fit = fit(characterise(fixture_of(KNOWN)))
    for name, tolerance in (
        ("gain", 1e-3),
        ("gbw", 2e-3),
        ("second_pole", 5e-3),
        ("slew_rate", 0.02),
        ("offset", 1e-3),
        ("input_resistance", 1e-3),
        ("input_capacitance", 1e-3),
        ("output_resistance", 1e-3),
        ("headroom_positive", 5e-3),
        ("headroom_negative", 1e-2),
        ("quiescent_current", 1e-3),
    ):
        assert getattr(macro_fit.opamp, name) == pytest.approx(
            getattr(KNOWN, name), rel=tolerance
        ), name
    apart = macro_fit.residual
    assert apart.gain_db < 0.01
    assert apart.phase < 0.1
    assert apart.large_step < 5e-3
    assert abs(apart.large_settling) < 0.01


def test_a_current_limit_within_the_load_is_fitted():
    limited = amc.OpAmp(gain=1e5, gbw=1e7, output_current_limit=2e-3, output_resistance=10.0)
    macro_fit = fit(characterise(fixture_of(limited, load_resistance=1e3)))
    assert macro_fit.opamp.output_current_limit == pytest.approx(2e-3, rel=1e-3)


def test_noise_of_a_known_source(tmp_path):
    """A resistor in series with the input outweighs all other noise: 4 k T R."""
    library = tmp_path / "noisy.lib"
    library.write_text(
        ".subckt noisy p n o vdd vss\nR1 p q 1e6\nG1 0 y q n 1e-3\nR2 y 0 1e8\n"
        "C1 y 0 1e-11\nE1 e 0 y 0 1\nR3 e o 1\nI1 vdd vss 1e-3\n.ends\n"
    )
    figures = characterise(
        AmplifierFixture.of_subcircuit(
            amc.Subcircuit.of(library, "noisy"), Conditions(load_resistance=1e6)
        )
    )
    expected = np.sqrt(4 * 1.380649e-23 * 300.15 * 1e6)
    assert figures.input_noise == pytest.approx(expected, rel=0.01)


def test_the_transistor_level_amplifier(miller, measured):
    """What its library promises: sizing gives gm1/(2 pi cc) and the tail current over cc."""
    opamp, macro_fit = miller
    figures = macro_fit.measured
    gm1 = np.sqrt(2 * 1.1e-4 * 50 * 50e-6)
    assert figures.gbw == pytest.approx(gm1 / (2 * np.pi * 4e-12), rel=0.05)
    for rate in (figures.slew_rate_positive, figures.slew_rate_negative):
        assert rate == pytest.approx(100e-6 / 4e-12, rel=0.25)
    assert figures.dc_gain > 1e5
    assert figures.phase_margin > 60
    assert abs(figures.offset) < 10e-6
    assert figures.highest_output > 1.4
    assert figures.lowest_output < -1.4
    assert figures.quiescent_power < 5e-3
    for name in ("large_settling", "small_settling", "large_step", "small_step"):
        measured(name, getattr(macro_fit.residual, name))
        assert abs(getattr(macro_fit.residual, name)) < 0.1
    preset = amc.OpAmp.preset("miller-cmos")
    for name in (
        "gain",
        "gbw",
        "slew_rate",
        "second_pole",
        "input_capacitance",
        "output_resistance",
        "quiescent_current",
        "headroom_positive",
        "headroom_negative",
        "input_noise",
    ):
        assert getattr(preset, name) == pytest.approx(getattr(opamp, name), rel=0.01), name


@pytest.mark.parametrize("problem", ["nnls", "lstsq"])
@pytest.mark.parametrize("seed", range(3))
def test_settling_of_a_circuit_within_ten_percent(miller, problem, seed, measured):
    """The bar: a 16 x 4 circuit with transistors against the fitted macro-model."""
    opamp, _ = miller
    A, _ = random_problem(seed, rows=16, columns=4)
    draw = np.random.default_rng(seed)
    b = A @ draw.uniform(-0.5, 1.0, (4, 2))
    macro = dataclasses.replace(opamp, subcircuit=None)
    there = amc.solve(problem, A, b, opamp=opamp)
    assert there.all_settled
    assert there.provenance["amplifier"].startswith("sub-circuit amc_miller")
    for other in (
        amc.solve(problem, A, b, opamp=macro),
        amc.solve(problem, A, b, opamp=opamp, analysis=amc.Analysis(fidelity="behavioural")),
    ):
        apart = np.abs(other.settling_time / there.settling_time - 1).max()
        measured("settling time, deviation", apart)
        assert apart < 0.1
        assert "macro-model" in other.provenance["amplifier"]
        assert np.abs(other.x - there.x).max() < 1e-4 * np.abs(there.x).max()


def test_flat_and_reduced_decks_of_transistors_agree(miller):
    opamp, _ = miller
    A, b = random_problem(1, rows=8, columns=3)
    wire = amc.Wire(row=1.0, column=2.0)
    flat, reduced = (
        amc.solve("lstsq", A, b, opamp=opamp, wire=wire, analysis=amc.Analysis(fidelity=fidelity))
        for fidelity in ("flat", "reduced")
    )
    np.testing.assert_allclose(flat.x, reduced.x, rtol=1e-5)
    np.testing.assert_allclose(flat.settling_time, reduced.settling_time, rtol=1e-2)


def test_large_steps_that_the_bandwidth_explains_have_no_slew_rate():
    time = np.linspace(0, 20, 4001)
    linear = Step(1.0, time, 1 - np.exp(-time))
    assert linear.slew_rate(1 / (2 * np.pi)) is None
    assert linear.settling_time() == pytest.approx(np.log(100), rel=1e-4)
    slewing = Step(1.0, time, np.minimum(time / 10, 1.0))
    # The limit is 0.1 V/s; an input stage slows down towards the end, so a little more.
    assert slewing.slew_rate(100 / (2 * np.pi)) == pytest.approx(0.1, rel=1e-3)


def test_oscillation_is_reported(tmp_path):
    """Three equal poles and a gain of 1000: no phase margin."""
    library = tmp_path / "three.lib"
    stages = "".join(
        f"G{k} 0 {to} {at} 1e-3\nR{k} {to} 0 1e4\nC{k} {to} 0 1e-9\n"
        for k, (at, to) in enumerate((("p n", "a"), ("a 0", "b"), ("b 0", "c")))
    )
    library.write_text(f".subckt three p n o v w\n{stages}E1 o 0 c 0 1\nI1 v w 1e-3\n.ends\n")
    with pytest.raises(amc.InputError, match="oscillates as a follower"):
        measured_opamp(library, "three")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.5e-9, "V", "1.5 nV"),
        (-2e-3, "A", "-2 mA"),
        (0.0, "V", "0 V"),
        (None, "A", "-"),
        (999.99, "Hz", "1 kHz"),
        (2.449e5, "", "2.449e+05"),
        (3e-21, "A", "0.003 aA"),
    ],
)
def test_quantities(value, unit, text):
    assert to_text(value, unit) == text


def test_a_library_of_the_same_size_is_measured_again(tmp_path, monkeypatch):
    def measured(library, _name, _conditions, _pins, _compat):
        return amc.OpAmp(gain=float(Path(library).read_text()))

    monkeypatch.setattr("amcspice.characterise.measured_opamp", measured)
    library = tmp_path / "own.lib"
    for number, gain in enumerate(("2e4", "3e4")):
        library.write_text(gain)
        os.utime(library, (number, number))
        made = hardware_of({"opamp_lib": str(library), "opamp_subckt": "own"})
        assert made.opamp.gain == float(gain)


RINGING = """\
* a bipolar pair; an inductor makes a common-mode zero, which is added to the offset
.subckt ringing ip im out vp vm
It e vm 100u
Qa ca im e bip
Qb cb qp e bip
Ra vp ca 500
Rb vp cb 500
Cab ca cb 60p
.model bip NPN(bf=400)
R1 ip cm 300k
R2 cm im 300k
Eo qp oo zc mid 1
Vo oo ip 1m
Gz hi zc cm mid 5e-8
Lz hi zl 500m
Rz zl zc 1k
Rm1 vp mid 40k
Rm2 mid vm 40k
Eh vp hi vp mid 1
Gg hi g ca cb 3m
Rg hi g 50meg
Cg hi g 400p
Vp vp lp 1.5
Dp g lp limit
Dn ln g limit
Vn ln vm 1.5
.model limit D(is=1e-15)
Gb hi b g mid 1u
Rb1 hi b 1meg
Cb hi b 5f
Eb vp bb vp b 1
Ro bb o 50
Lo o out 100p
Rl o out 100k
.ends
"""


@pytest.fixture
def ringing(tmp_path):
    """Return an amplifier whose large steps ring at the inductor by the trapezoidal rule."""
    library = tmp_path / "ringing.lib"
    library.write_text(RINGING)
    return AmplifierFixture.of_subcircuit(
        amc.Subcircuit.of(library, "ringing"),
        Conditions(supply_positive=15, supply_negative=-15, load_resistance=1e4),
    )


def test_a_step_that_rings_numerically_is_followed_by_another_rule(ringing):
    figures = characterise(ringing)
    loop = figures.dc_gain_loaded
    for step in figures.steps:
        assert step.final / step.size == pytest.approx(loop / (1 + loop), rel=1e-3)
    # The tail current into the capacitor, over the pair's resistors and the second stage.
    assert figures.slew_rate_positive == pytest.approx(100e-6 * 500 * 3e-3 / 400e-12, rel=0.15)


def test_a_step_that_does_not_arrive_is_refused(ringing, monkeypatch):
    follow = steps._follow

    def beside(*arguments):
        step = follow(*arguments)
        return dataclasses.replace(step, out=0.89 * step.out)

    monkeypatch.setattr(steps, "_follow", beside)
    with pytest.raises(amc.SimulationError, match=r"ends at 0\.89 of what its operating points"):
        characterise(ringing)


def test_a_linear_amplifier_has_no_slew_rate_and_no_rails(tmp_path):
    """Its output resistance slows all steps alike: no slew limit, however long they take."""
    library = tmp_path / "linear.lib"
    library.write_text(
        ".subckt linear p n o vdd vss\nG1 0 x p n 1m\nR1 x 0 1e8\nC1 x 0 1p\nE1 w 0 x 0 1\n"
        "R3 w o 100\n.ends\n"
    )
    supplies = Conditions(supply_positive=1.2, supply_negative=-1.2)
    figures = characterise(
        AmplifierFixture.of_subcircuit(amc.Subcircuit.of(library, "linear"), supplies)
    )
    assert figures.slew_rate_positive is None
    assert figures.slew_rate_negative is None
    assert figures.supply_share == 0
    # 0.1 V times 1e5, behind 100 ohm into 1 kohm
    assert figures.highest_output == pytest.approx(1e4 / 1.1, rel=1e-3)
    rails, supply = figures.remarks
    assert "ignores its rails: with load its output goes from -9.091 kV to 9.091 kV" in rails
    assert "takes 0% of its output current out of its supply pins" in supply
    macro_fit = fit(figures)
    assert macro_fit.opamp.slew_rate is None
    texts = [text for row in measured_rows(macro_fit) for text in row[1:]]
    assert "none" in texts
    assert not [text for text in texts if text.startswith("-0")]
    for name in ("offset", "bias_current_plus", "input_capacitance", "quiescent_current"):
        value = getattr(figures, name)
        assert value == 0, name
        assert np.copysign(1, value) == 1, name


def test_what_supplies_give_of_the_output_current(miller):
    """All of it for transistors in class AB, and for the macro-model."""
    _, macro_fit = miller
    assert macro_fit.measured.supply_share == 1
    assert macro_fit.model.supply_share == 1
    assert macro_fit.measured.remarks == ()


def test_a_gain_that_never_falls_is_refused(tmp_path):
    library = tmp_path / "flat.lib"
    library.write_text(
        ".subckt flat p n o v w\nG1 0 x p n 1m\nR1 x y 1e8\nC1 x y 1p\nR2 y 0 1e4\nE1 o 0 x 0 1\n"
        "I1 v w 1m\n.ends\n"
    )
    with pytest.raises(amc.InputError, match="its gain stays above one"):
        measured_opamp(library, "flat")
