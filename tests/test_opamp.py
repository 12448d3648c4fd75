"""The amplifier sub-circuits of models/opamp.lib in plain ngspice against hand calculation."""

import numpy as np
import pytest

from amcspice.netlist.deck import model_library

pytestmark = pytest.mark.ngspice

SUPPLIES = "Vvdd vdd 0 5\nVvss vss 0 -5\n"


@pytest.fixture
def run(batch):
    """Return a function that runs cards and gives the vectors of the last analysis."""

    def run_cards(cards):
        text = f"* amplifier\n{model_library()}\n{SUPPLIES}{cards}\n.end\n"
        plots, _ = batch.run_text(text, timeout=60)
        return plots[-1].vectors

    return run_cards


def follower(parameters, source="DC 1", model="amc_opamp", extra=""):
    """Unity follower with a source at its input."""
    return f"Vin in 0 {source}\nX1 in out out vdd vss {model} {parameters}\n{extra}\n"


STEP = "PWL(0 0 1e-12 {0})"


@pytest.mark.parametrize("gain", [20.0, 1e3, 1e5])
def test_dc_gain(run, gain):
    out = run(follower(f"a0={gain}") + ".op")["out"][0]
    assert out == pytest.approx(gain / (1 + gain), rel=1e-6)


@pytest.mark.parametrize("current", [1e-3, -2e-3])
def test_output_resistance_inside_the_loop(run, current):
    """v = (A0 v_in - R_out i) / (1 + A0)."""
    load = f"Iload out 0 {current}"
    out = run(follower("a0=100 rout=50", extra=load) + ".op")["out"][0]
    assert out == pytest.approx((100 - 50 * current) / 101, rel=1e-6)


def test_offset_and_bias_current(run):
    out = run(follower("a0=1e8 vos=2e-3") + ".op")["out"][0]
    assert out == pytest.approx(1.002, rel=1e-6)
    cards = "Vin in 0 1\nR1 in plus 1e6\nR2 out minus 3e6\n"
    cards += "X1 plus minus out vdd vss amc_opamp a0=1e8 ib=1e-8\n.op"
    # 10 mV are lost at the input and added at the output.
    assert run(cards)["out"][0] == pytest.approx(1 - 0.01 + 0.03, rel=1e-5)


def test_input_resistance(run):
    """Half of the input is lost in a source as resistive as the input."""
    cards = "Vin in 0 1e-3\nR1 in plus 1e4\nX1 plus 0 out vdd vss amc_opamp a0=1e3 {}\n.op"
    assert run(cards.format(""))["out"][0] == pytest.approx(1.0, rel=1e-6)
    assert run(cards.format("rin=1e4"))["out"][0] == pytest.approx(0.5, rel=1e-6)


def test_input_capacitance(run):
    """1 kilohm and 1 nF: one microsecond."""
    cards = f"Vin in 0 {STEP.format(1)}\nR1 in plus 1000\n"
    cards += "X1 plus out out vdd vss amc_opamp a0=1e6 gbw=1e9 cin=1e-9\n"
    vectors = run(cards + ".options reltol=1e-5\n.tran 1e-8 3e-6 0 1e-8 uic")
    late = vectors["time"] > 1e-7
    expected = 1 - np.exp(-vectors["time"] / 1e-6)
    np.testing.assert_allclose(vectors["out"][late], expected[late], atol=2e-3)


@pytest.mark.parametrize("gbw", [1e6, 1e8])
def test_gain_bandwidth_from_the_step_response(run, gbw):
    stop = 1.2 / gbw
    cards = follower(f"a0=1e6 gbw={gbw}", STEP.format(0.1).replace("1e-12", f"{1e-5 / gbw}"))
    vectors = run(cards + f".options reltol=1e-6\n.tran {stop / 200} {stop} 0 {stop / 500} uic")
    expected = 0.1 * (1 - np.exp(-2 * np.pi * gbw * vectors["time"]))
    np.testing.assert_allclose(vectors["out"], expected, atol=1e-5)


@pytest.mark.parametrize(("model", "f2"), [("amc_opamp", None), ("amc_opamp_2p", 3e6)])
def test_open_loop_frequency_response(run, model, f2):
    second = f"f2={f2}" if f2 else ""
    cards = f"Vin in 0 DC 0 AC 1\nX1 in 0 out vdd vss {model} a0=1e4 gbw=1e7 {second}\n"
    vectors = run(cards + ".ac dec 5 10 1e8")
    f = vectors["frequency"].real
    expected = 1e4 / (1 + 1j * f * 1e4 / 1e7)
    if f2:
        expected = expected / (1 + 1j * f / f2)
    np.testing.assert_allclose(vectors["out"], expected, rtol=1e-4)


def test_second_pole_overshoots_as_a_second_order_system(run):
    """The follower has w0^2 = w_u w_2 and 2 zeta w0 = w_2; the overshoot follows from zeta."""
    gbw, f2 = 1e7, 1e7
    stop = 4 / gbw
    cards = follower(f"a0=1e6 gbw={gbw} f2={f2}", STEP.format(0.1), "amc_opamp_2p")
    vectors = run(cards + f".options reltol=1e-6\n.tran {stop / 500} {stop} 0 {stop / 1000} uic")
    zeta = 0.5 * np.sqrt(f2 / gbw)
    expected = np.exp(-np.pi * zeta / np.sqrt(1 - zeta**2))
    assert vectors["out"].max() / 0.1 - 1 == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("model", ["amc_opamp", "amc_opamp_2p"])
def test_slew_rate(run, model, sign):
    cards = follower("a0=1e6 gbw=1e8 slew=1e6", STEP.format(3 * sign), model)
    vectors = run(cards + ".tran 1e-8 4e-6 0 1e-8 uic")
    middle = (vectors["time"] > 0.5e-6) & (vectors["time"] < 2.5e-6)
    slope = np.polyfit(vectors["time"][middle], vectors["out"][middle], 1)[0]
    assert slope == pytest.approx(sign * 1e6, rel=1e-3)
    assert vectors["out"][-1] == pytest.approx(3 * sign, rel=1e-4)


@pytest.mark.parametrize("sign", [1, -1])
def test_output_stops_at_the_rails_less_headroom(run, sign):
    cards = f"Vin in 0 {sign}\nX1 in 0 out vdd vss amc_opamp a0=1e5 hi=0.3 lo=0.2 rout=1\n"
    edge = 4.7 if sign > 0 else -4.8
    assert run(cards + ".op")["out"][0] == pytest.approx(edge, abs=1e-6)
    # With a load, the edge less the drop over the output resistance.
    loaded = run(cards + "Rload out 0 99\n.op")["out"][0]
    assert loaded == pytest.approx(0.99 * edge, rel=1e-6)


def test_grounded_negative_pin_is_a_floor_at_zero(run):
    cards = "Vin in 0 {}\nX1 in 0 out vdd 0 amc_opamp a0=1e6\n.op"
    assert abs(run(cards.format(-1))["out"][0]) < 1e-9
    assert run(cards.format(1))["out"][0] == pytest.approx(5, abs=1e-6)


@pytest.mark.parametrize("overdrive", [0.1, 1.0])
def test_recovery_from_saturation_takes_no_longer_than_slewing(run, overdrive):
    """A hundred time constants at the rail leave nothing to recover from: no windup."""
    slew = 1e6
    source = f"PWL(0 {overdrive} 100e-6 {overdrive} 100.001e-6 {-overdrive})"
    cards = f"Vin in 0 {source}\nX1 in 0 out vdd vss amc_opamp a0=1e6 gbw=1e7 slew={slew}\n"
    vectors = run(cards + ".tran 1e-7 120e-6 0 2e-8 uic")
    time, out = vectors["time"], vectors["out"]
    assert out[time < 99e-6].max() == pytest.approx(5, abs=1e-6)
    after = time > 100e-6
    crossing = np.interp(0, -out[after], time[after]) - 100e-6
    assert crossing == pytest.approx(5 / slew, rel=0.01)


@pytest.mark.parametrize("sign", [1, -1])
def test_current_limit(run, sign):
    cards = follower("a0=1e6 ilim=10e-3", f"DC {2 * sign}", extra="Rload out 0 100") + ".op"
    assert run(cards)["out"][0] == pytest.approx(sign * 1.0, rel=1e-6)
    light = follower("a0=1e6 ilim=10e-3", f"DC {2 * sign}", extra="Rload out 0 1000") + ".op"
    assert run(light)["out"][0] == pytest.approx(sign * 2.0, rel=1e-4)


@pytest.mark.parametrize("model", ["amc_opamp", "amc_opamp_2p"])
def test_current_comes_from_the_rail_it_must_come_from(run, model):
    """10 mA sourced come out of vdd, 10 mA sunk go into vss; 1 mA flows from rail to rail."""
    load = "Rload out 0 100"
    source = run(follower("a0=1e6 iq=1e-3", "DC 1", model, load) + ".op")
    assert -source["vvdd#branch"][0] == pytest.approx(11e-3, rel=1e-5)
    assert source["vvss#branch"][0] == pytest.approx(1e-3, rel=1e-5)
    sink = run(follower("a0=1e6 iq=1e-3", "DC -1", model, load) + ".op")
    assert -sink["vvdd#branch"][0] == pytest.approx(1e-3, rel=1e-5)
    assert sink["vvss#branch"][0] == pytest.approx(11e-3, rel=1e-5)


RECTIFIER = (
    "Vy y 0 {}\nVh hold 0 {}\nXh y hold out vdd vss amc_rectifier ghold=0.2 rout=0.5\n{}\n.op"
)


@pytest.mark.parametrize(("y", "expected"), [(2.0, 2.0), (-1.0, 0.0), (0.0, 0.0)])
def test_rectifier_passes_positive_voltages_only(run, y, expected):
    vectors = run(RECTIFIER.format(y, 0, "Rload out 0 99.5"))
    assert vectors["out"][0] == pytest.approx(0.995 * expected, abs=1e-9)
    # The load current comes out of vdd.
    assert -vectors["vvdd#branch"][0] == pytest.approx(expected / 100, abs=1e-9)


def test_rectifier_limits_its_current(run):
    cards = RECTIFIER.replace("ghold=0.2", "ghold=0.2 ilim=10e-3")
    assert run(cards.format(2, 0, "Rload out 0 100"))["out"][0] == pytest.approx(1.0, rel=1e-6)
    assert run(cards.format(2, 0, "Rload out 0 999.5"))["out"][0] == pytest.approx(1.999, rel=1e-6)


@pytest.mark.parametrize(("y", "hold", "current"), [(-1e-3, 0.0, 2e-4), (-1e-3, 1e-3, 4e-4)])
def test_rectifier_holds_one_way(run, y, hold, current):
    """The held node gives its current to y when y is below it, and none when y is above."""
    vectors = run(RECTIFIER.format(y, hold, ""))
    assert -vectors["vh#branch"][0] == pytest.approx(current, rel=1e-6)
    assert vectors["vy#branch"][0] == pytest.approx(current, rel=1e-6)
    above = run(RECTIFIER.format(1.0, hold, ""))
    assert above["vh#branch"][0] == pytest.approx(0, abs=1e-9)
