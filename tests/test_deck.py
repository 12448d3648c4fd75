"""Deck text: a diff of it is a test that needs no simulator."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import amcspice as amc
from amcspice.netlist import Transient, make_testbench, write_deck
from amcspice.netlist.deck import model_library
from amcspice.reduction import reduce_to_ports

GOLDEN = Path(__file__).parent / "golden"
A = np.array([[1.0, 0.25], [0.5, 0.75], [0.125, 0.5]])
B = np.array([[0.5, 0.25, -0.125], [1.0, 0.0, 0.5]])
TRANSIENT = Transient(window=1e-6, max_step=2e-8, rise=1e-9)

with pytest.warns(amc.AccuracyWarning):
    ABOVE_GROUND = amc.CompactGINV(
        A, opamp=amc.OpAmp.preset("ad823"), constraint=amc.NonNegative(hold=False)
    )

CIRCUITS = {
    "compact-flat": amc.CompactGINV(
        A, wire=amc.Wire(row=1.0, column=2.5), constraint=amc.NonNegative(), ridge=0.5, lasso=0.1
    ),
    "compact-reduced": ABOVE_GROUND,
    "classic-flat": amc.ClassicGINV(A, opamp=amc.OpAmp(second_pole=3e8, offset=1e-3)),
    "compact-elements-flat": amc.CompactGINV(
        A,
        constraint=amc.NonNegative(hold=True),
        opamp=amc.OpAmp.preset(
            "ad823",
            second_pole=3e8,
            offset=1e-3,
            bias_current=1e-9,
            input_resistance=1e9,
            input_capacitance=1e-12,
            output_current_limit=1e-2,
        ),
    ),
    "classic-elements-flat": amc.ClassicGINV(
        A, constraint=amc.NonNegative(), opamp=amc.OpAmp(offset=1e-3)
    ),
}


def deck(name, transient=TRANSIENT):
    circuit = CIRCUITS[name]
    schematic = circuit.schematic
    model = reduce_to_ports(schematic) if name.endswith("reduced") else None
    testbench = make_testbench(schematic, schematic.currents(B, 0.5), model)
    return write_deck(
        f"test {name}", testbench, circuit.opamp, transient, with_supplies="elements" not in name
    )


def without_library(text):
    return text.replace(model_library().rstrip(), "* (models/opamp.lib stands here)")


def same_number(word, expected):
    """Whether two words are equal, or equal numbers but for rounding in a linear solve."""
    if word == expected:
        return True
    try:
        return float(word) == pytest.approx(float(expected), rel=1e-9)
    except ValueError:
        return False


@pytest.mark.parametrize("name", CIRCUITS)
def test_golden_deck(name):
    """Write the files again with AMCSPICE_WRITE_GOLDEN=1, and read the diff."""
    path = GOLDEN / f"{name}.cir"
    text = without_library(deck(name).text)
    if os.environ.get("AMCSPICE_WRITE_GOLDEN"):
        path.write_text(text)
    if name.endswith("flat"):
        assert text == path.read_text()
        return
    for line, golden in zip(text.splitlines(), path.read_text().splitlines(), strict=True):
        words, expected = line.split(), golden.split()
        assert len(words) == len(expected)
        assert all(map(same_number, words, expected)), (line, golden)


def test_text_does_not_depend_on_the_process():
    """Another process with another hash seed writes the same bytes."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_deck as t; "
        "print([t.deck(n).sha256 for n in t.CIRCUITS])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program, str(Path(__file__).parent)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert outputs == {f"{[deck(name).sha256 for name in CIRCUITS]}\n"}


@pytest.mark.parametrize("name", CIRCUITS)
def test_text_is_the_same_every_time(name):
    first, second = deck(name), deck(name)
    assert first.text == second.text
    assert first.sha256 == second.sha256
    assert deck(name, TRANSIENT.with_changes(window=2e-6)).sha256 != first.sha256


@pytest.mark.parametrize("name", CIRCUITS)
def test_first_line_is_a_comment_and_the_last_is_end(name):
    lines = deck(name).text.splitlines()
    assert lines[0].startswith("* ")
    assert lines[-1] == ".end"


@pytest.mark.parametrize("name", CIRCUITS)
def test_numbers_carry_no_unit_suffix(name):
    """2A is 2 amperes to ngspice 39 and 2e-18 to 46."""
    for line in without_library(deck(name).text).splitlines():
        if line.startswith("*"):
            continue
        for word in re.findall(r"(?<![\w.])[-+]?\d[\w.+-]*", line):
            assert re.fullmatch(r"[-+]?\d+(\.\d*)?(e[-+]?\d+)?", word), (word, line)


def test_numbers_keep_all_digits():
    text = without_library(deck("compact-flat").text)
    resistors = [float(line.split()[3]) for line in text.splitlines() if re.match(r"R\d", line)]
    _, _, conductance = CIRCUITS["compact-flat"].schematic.network.elements
    np.testing.assert_array_equal(resistors, 1 / conductance)


def test_saved_vectors_are_the_ports_and_the_supplies():
    written = deck("classic-flat")
    assert written.saved == (
        "x0", "x1", "c0", "c1", "s0", "s1", "s2", "r0", "r1", "r2", "vvdd#branch", "vvss#branch",
    )  # fmt: skip
    assert written.stop_time == 2e-6
    save = written.text.split(".save")[1].split(".tran")[0]
    assert save.split() == [
        *(word for k, name in enumerate(written.saved[:-2])
          for word in (["+"] if k % 6 == 0 else []) + [f"v({name})"]),
        "i(vvdd)", "i(vvss)",
    ]  # fmt: skip


def test_sources_step_through_the_right_hand_sides():
    text = deck("compact-flat").text
    source = re.search(r"Ir0 0 r0 PWL\(\n((?:\+.*\n)+)", text)[1]
    points = np.array([float(w) for w in source.replace("+", " ").replace(")", "").split()])
    time, current = points.reshape(-1, 2).T
    np.testing.assert_allclose(time, [0, 1e-9, 1e-6, 1.001e-6, 2e-6], rtol=1e-12)
    expected = -0.5 * 1e-4 * B[:, 0]
    np.testing.assert_allclose(current, [0, *np.repeat(expected, 2)], rtol=1e-12)


def test_a_source_that_is_always_zero_is_left_out():
    circuit = amc.CompactGINV(A)
    schematic = circuit.schematic
    testbench = make_testbench(schematic, schematic.currents(B * [1, 0, 1], 0.5))
    text = write_deck("t", testbench, circuit.opamp, TRANSIENT).text
    assert "Ir0 0 r0" in text
    assert "Ir1" not in text


def test_options_name_the_solver():
    assert " klu" not in deck("compact-flat").text.split(".options")[1].splitlines()[0]
    klu = deck("compact-flat", TRANSIENT.with_changes(solver="klu")).text
    assert klu.split(".options")[1].splitlines()[0].endswith(" klu")


def test_step_follows_a_shorter_window():
    assert TRANSIENT.with_changes(window=0.5e-6).max_step == pytest.approx(1e-8)
    assert TRANSIENT.with_changes(window=3e-6).max_step == TRANSIENT.max_step
    assert TRANSIENT.with_changes(window=3e-6, max_step=1e-9).max_step == 1e-9
    assert TRANSIENT.with_changes() == TRANSIENT


def test_only_what_differs_from_the_model_is_written():
    plain = amc.OpAmp()
    schematic = amc.CompactGINV(A, opamp=plain).schematic
    testbench = make_testbench(schematic, schematic.currents(B, 0.5))
    text = write_deck("t", testbench, plain, TRANSIENT).text
    line = next(line for line in text.splitlines() if line.startswith("Xx0"))
    assert line == "Xx0 0 c0 x0 vdd vss amc_opamp a0=1000000.0 gbw=100000000.0 rout=0.1"


@pytest.mark.parametrize(
    ("field", "key", "value"),
    [
        ("gain", "a0", 123.0),
        ("gbw", "gbw", 1e7),
        ("slew_rate", "slew", 2e6),
        ("offset", "vos", -1e-3),
        ("bias_current", "ib", 1e-9),
        ("input_resistance", "rin", 1e6),
        ("input_capacitance", "cin", 1e-12),
        ("output_resistance", "rout", 7.0),
        ("output_current_limit", "ilim", 3e-3),
        ("quiescent_current", "iq", 2e-3),
        ("headroom_positive", "hi", 0.2),
        ("headroom_negative", "lo", 0.3),
        ("second_pole", "f2", 5e8),
    ],
)
def test_every_amplifier_parameter_reaches_the_deck(field, key, value):
    """And the sub-circuit that is named takes it."""
    opamp = amc.OpAmp(**{field: value})
    schematic = amc.CompactGINV(A, opamp=opamp, constraint=amc.NonNegative()).schematic
    testbench = make_testbench(schematic, schematic.currents(B, 0.5))
    text = write_deck("t", testbench, opamp, TRANSIENT).text
    line = next(line for line in text.splitlines() if line.startswith("Xx0"))
    assert f" {key}={value!r}" in line
    model = re.search(r"amc_opamp\w*", line)[0]
    assert re.search(rf"^\.subckt {model} .* params: .*\b{key}=", model_library(), re.MULTILINE)
    rectifier = next(line for line in text.splitlines() if line.startswith("Xhx0"))
    assert (f" {key}={value!r}" in rectifier) == (key in ("rout", "ilim"))
