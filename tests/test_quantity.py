"""Numbers with units: every way of writing one, and every way of getting it wrong."""

import re
import subprocess
import sys

import numpy as np
import pytest

import amcspice as amc
from amcspice.schema import Quantity, to_number


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("50MHz", "Hz", 50e6),
        ("10 MHz", "Hz", 10e6),
        ("50 MegHz", "Hz", 50e6),
        ("50 megahertz", "Hz", 50e6),
        ("1 mHz", "Hz", 1e-3),
        ("50k", "Hz", 50e3),
        ("2Meg", "Hz", 2e6),
        ("2MEG", "Hz", 2e6),
        ("1G", "Hz", 1e9),
        ("1e9", "Hz", 1e9),
        ("-2 mV", "V", -2e-3),
        ("2 ohm", "ohm", 2.0),
        ("2 Ohm", "ohm", 2.0),
        ("2 kOhms", "ohm", 2e3),
        ("2 MegOhm", "ohm", 2e6),
        ("5 kΩ", "ohm", 5e3),
        ("5m", "ohm", 5e-3),
        ("100 µS", "S", 100e-6),
        ("100 uS", "S", 100e-6),
        ("100u", "S", 100e-6),
        ("10 fF", "F", 10e-15),
        ("10f", "F", 10e-15),
        ("10 F", "F", 10.0),
        ("3%", "", 0.03),
        ("3 %", "", 0.03),
        ("0.1 %/K", "1/K", 1e-3),
        ("22 V/us", "V/s", 22e6),
        ("16 nV/sqrt(Hz)", "V/sqrt(Hz)", 16e-9),
        ("16 nV/√Hz", "V/sqrt(Hz)", 16e-9),
        ("100 dB", "V/V", 1e5),
        ("100 V/mV", "V/V", 1e5),
        ("27 degC", "K", 300.15),
        ("300K", "K", 300.0),
        ("10 minutes", "s", 600.0),
    ],
)
def test_what_is_read(text, unit, value):
    assert to_number(text, unit) == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize(
    ("text", "unit", "reason"),
    [
        ("1M", "Hz", "mega in SI, milli in SPICE: write '1 MHz' or '1 mHz'"),
        ("2.5M", "", "write 2.5e6 or 2.5e-3"),
        ("1M", "V/s", "write '1e6' or '1e-3'"),
        ("10 V", "Hz", "a quantity in Hz is needed"),
        ("10 krad/s", "Hz", "not an angular one"),
        ("5 Hz", "", "a number without unit"),
        ("5 m", "s", "a quantity in s is needed"),
        ("60 rpm", "Hz", "not an angular one"),
        ("3 deg", "", "an angle is no such quantity"),
        ("3 dB", "", "neither a number"),
        ("1e5 dB", "V/V", "beyond any gain"),
        ("fast", "Hz", "neither a number nor a quantity in Hz, such as '50 MHz'"),
        ("", "Hz", "neither a number"),
        ("2,5 MHz", "Hz", "neither a number"),
        ("1_000", "Hz", "neither a number"),
        ("0x10", "Hz", "neither a number"),
        ("10 (", "Hz", "neither a number"),
        ("9**9**9", "Hz", "neither a number"),
        ("1 Hz**9**9**9", "Hz", "neither a number"),
        ("1 Hz**99999999", "Hz", "neither a number"),
        ("1 " + "k" * 100, "Hz", "neither a number"),
    ],
)
@pytest.mark.timeout(20)
def test_what_is_refused(text, unit, reason):
    with pytest.raises(ValueError, match=re.escape(reason)):
        to_number(text, unit)


def test_prefixes_scale_by_powers_of_ten():
    prefixes = {"T": 12, "G": 9, "M": 6, "k": 3, "": 0, "m": -3, "u": -6, "n": -9, "p": -12}
    for prefix, power in prefixes.items():
        for unit in ("Hz", "V", "S", "ohm", "F", "A"):
            assert to_number(f"3.7 {prefix}{unit}", unit) == float(f"3.7e{power}"), (prefix, unit)


def test_what_is_no_text_passes_and_truth_values_are_no_numbers():
    quantity = Quantity("V")
    assert quantity.read(0.2) == 0.2
    assert quantity.read(np.float32(0.5)) == 0.5
    with pytest.raises(ValueError, match="not a number"):
        quantity.read(True)


def test_plausible_values():
    quantity = Quantity("Hz", (1e3, 1e12))
    assert quantity.remark(1e6) is None
    assert quantity.remark(0) is None
    assert quantity.remark(-1e6) is None
    assert quantity.remark(10) == "10 Hz is not plausible: 1000 to 1e+12 Hz are"
    assert "is not plausible" in quantity.remark(1e13)
    assert Quantity("Hz").remark(1e30) is None


@pytest.mark.parametrize(
    ("suffix", "factor"),
    [
        ("T", 1e12), ("G", 1e9), ("Meg", 1e6), ("meg", 1e6), ("MEG", 1e6), ("k", 1e3), ("K", 1e3),
        ("m", 1e-3), ("u", 1e-6), ("µ", 1e-6), ("μ", 1e-6), ("n", 1e-9), ("p", 1e-12), ("f", 1e-15),
    ],
)  # fmt: skip
@pytest.mark.parametrize("unit", ["", "F", "s"])
def test_every_suffix_without_a_unit(suffix, factor, unit):
    assert to_number(f"3{suffix}", unit) == pytest.approx(3 * factor, rel=1e-14)


def test_text_with_a_unit_may_be_implausible_too():
    with pytest.warns(amc.errors.ImplausibleWarning, match="OpAmp.gbw: 0.001 Hz is not plausible"):
        assert amc.OpAmp(gbw="1 mHz").gbw == 1e-3


@pytest.mark.parametrize("unit", ["Hz", "ohm", "S", "F", "V", "s", "A", "J", "W", "m^2", "1/s"])
def test_simple_units_are_those_of_pint(unit):
    import pint

    registry = pint.UnitRegistry()
    inverse = unit.startswith("1/")
    for prefix in ["", "T", "G", "M", "k", "m", "u", "µ", "μ", "n", "p", "f"]:
        name = f"1/{prefix}{unit[2:]}" if inverse else f"{prefix}{unit}"
        for number in (1.0, 17.3, 0.001, 2.5e7, 123456.789):
            expected = float(
                registry.Quantity(number, name.replace("1/", "1 / "))
                .to(unit.replace("1/", "1 / "))
                .magnitude
            )
            assert to_number(f"{number!r} {name}", unit) == pytest.approx(expected, rel=1e-14)


def test_simple_units_need_no_pint():
    code = (
        "import sys; from amcspice.schema import to_number; to_number('50 MHz', 'Hz'); "
        "to_number('4 um^2', 'm^2'); sys.exit('pint' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
