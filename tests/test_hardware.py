"""`Hardware`: cells, wires, amplifiers and converters as one object, given whole or in parts."""

from __future__ import annotations

import dataclasses
import inspect
import re
from typing import Annotated

import numpy as np
import pytest
from pydantic import Field

import amcspice as amc
from amcspice.circuit import INV, MVM, Eigen
from amcspice.device import DEVICES, PARTS, PRESETS, Hardware, split_hardware
from amcspice.schema import Quantity, parameters
from amcspice.simulation.standalone import standalone_deck

A = np.array([[1.0, 0.2, 0.3], [0.2, 0.9, 0.1], [0.3, 0.1, 0.8]])
B = A @ np.array([0.5, 0.2, 0.8])
CHIP = Hardware(
    device=amc.Memristor(levels=64, write_noise=0.01, seed=5),
    wire=amc.Wire(row=1.0, column=2.0, driver=3.0),
    opamp=amc.OpAmp(gain=2e5, gbw=7e7),
)
CONVERTERS = {"dac": amc.DAC(bits=8), "adc": amc.ADC(bits=10)}


def names(parameters):
    return [item.name for item in dataclasses.fields(parameters)]


def test_it_has_a_default_of_every_part_but_converters():
    assert Hardware() == Hardware(device=amc.Memristor(), wire=amc.Wire(), opamp=amc.OpAmp())
    assert Hardware().dac is Hardware().adc is None
    assert Hardware().parts() == {name: getattr(Hardware(), name) for name in PARTS}
    assert names(Hardware) == [*PARTS, "technology"]


@pytest.mark.parametrize(
    ("changes", "part", "field", "value"),
    [
        ({"gbw": "50 MHz"}, "opamp", "gbw", 50e6),
        ({"gain": "100 dB"}, "opamp", "gain", 1e5),
        ({"slew_rate": "20 V/us"}, "opamp", "slew_rate", 20e6),
        ({"g_max": "200 uS"}, "device", "g_max", 2e-4),
        ({"write_noise": "3 %"}, "device", "write_noise", 0.03),
        ({"levels": 16}, "device", "levels", 16),
        ({"row_resistance": "2 ohm"}, "wire", "row", 2.0),
        ({"driver_resistance": "1 kohm"}, "wire", "driver", 1e3),
        ({"dac_bits": 8}, "dac", "bits", 8),
        ({"adc_bits": 10, "adc_full_scale": "300 mV"}, "adc", "full_scale", 0.3),
        ({"sample_time": "2 us"}, "adc", "sample_time", 2e-6),
    ],
)
def test_one_parameter_is_changed_by_name_and_nothing_else(changes, part, field, value):
    changed = CHIP.changed(**changes)
    assert getattr(getattr(changed, part), field) == pytest.approx(value, rel=1e-12)
    assert [name for name in PARTS if getattr(changed, name) != getattr(CHIP, name)] == [part]
    before, after = getattr(CHIP, part), getattr(changed, part)
    if before is not None:
        different = [name for name in names(after) if getattr(after, name) != getattr(before, name)]
        assert different == [field]


def test_one_name_changes_both_lines():
    wire = CHIP.changed(wire_resistance="5 ohm", wire_capacitance="1 fF").wire
    assert (wire.row, wire.column, wire.driver) == (5.0, 5.0, 3.0)
    assert wire.row_capacitance == wire.column_capacitance == pytest.approx(1e-15)


def test_zero_is_an_ideal_line():
    assert CHIP.changed(row_resistance=0, column_resistance="0 ohm").wire == amc.Wire(driver=3.0)
    assert CHIP.changed(wire_resistance=0, driver_resistance=0).wire.ideal


def test_a_whole_part_is_changed_first():
    changed = CHIP.changed(opamp="ad823", gbw="3 MHz", wire=amc.Wire())
    assert changed.opamp == amc.OpAmp.preset("ad823", gbw=3e6)
    assert changed.wire.ideal
    assert changed.device is CHIP.device


def test_the_old_one_stays():
    before = Hardware(**CHIP.parts())
    CHIP.changed(gbw=1e6, adc_bits=8)
    assert before == CHIP
    with pytest.raises(dataclasses.FrozenInstanceError):
        CHIP.opamp = amc.OpAmp()


@pytest.mark.parametrize("name", list(PRESETS))
def test_amplifiers_by_the_name_of_a_preset(name):
    assert Hardware(opamp=name).opamp == amc.OpAmp.preset(name)
    assert MVM(A, opamp=name).opamp == MVM(A, hardware=Hardware(opamp=name)).opamp


@pytest.mark.parametrize("name", list(DEVICES))
def test_cells_by_the_name_of_a_preset(name):
    assert Hardware(device=name).device == amc.Memristor.preset(name)
    assert CHIP.changed(device=name, levels=8).device == amc.Memristor.preset(name, levels=8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Hardware(opamp="ad832"), "unknown amplifier preset 'ad832'"),
        (lambda: Hardware(device="hfo2"), "unknown .* preset 'hfo2'"),
        (lambda: Hardware(amplifier="ad823"), "Hardware.amplifier"),
        (lambda: Hardware(wire=2.0), "Hardware.wire = 2.0"),
        (lambda: CHIP.changed(speed=3), "Hardware has no parameter speed"),
        (lambda: CHIP.changed(ridge=0.1), "Hardware has no parameter ridge"),
        (lambda: CHIP.changed(gbw="3 V"), "OpAmp.gbw = '3 V': a quantity in Hz is needed"),
        (lambda: CHIP.changed(levels=1), "Memristor.levels = 1"),
        (lambda: CHIP.changed(adc_full_scale=1.0), "full_scale and offset need bits"),
        (
            lambda: CHIP.changed(wire_resistance=2, row_resistance=3),
            "wire_resistance, row_resistance: give either",
        ),
        (lambda: MVM(A, hardware=CHIP, opamp="ad823"), "give either hardware or opamp"),
        (lambda: MVM(A, hardware=CHIP, wire=amc.Wire()), "give either hardware or wire"),
        (lambda: MVM(A, hardware=CHIP, **CONVERTERS), "give either hardware or dac, adc"),
        (lambda: amc.make_circuit("nnls", A, hardware=CHIP, device="ideal"),
         "give either hardware or device, which is a part of it"),
        (lambda: amc.solve("inv", A, B, hardware=CHIP, adc=amc.ADC(bits=8)),
         "give either hardware or adc"),
        (lambda: MVM(A, hardware="ad823"), "hardware = 'ad823': must be an amcspice.Hardware"),
        (lambda: MVM(A, hardware=amc.OpAmp()), "must be an amcspice.Hardware"),
        (lambda: MVM(A, dac=8), "MVM.dac = 8: it must be a DAC"),
    ],
)  # fmt: skip
def test_refused(make, message):
    with pytest.raises(amc.InputError, match=message) as caught:
        make()
    assert len(str(caught.value).splitlines()) == 1


def test_parts_that_are_none_stand_beside_hardware():
    assert MVM(A, hardware=None, opamp="ad823").opamp == amc.OpAmp.preset("ad823")
    assert MVM(A, hardware=CHIP, dac=None, adc=None).hardware == CHIP


@pytest.mark.parametrize("name", list(amc.CIRCUITS))
def test_every_topology_takes_it_whole_and_gives_it_back(name):
    topology, hardware = amc.CIRCUITS[name], dataclasses.replace(CHIP, **CONVERTERS)
    whole = topology(A, hardware=hardware)
    parts = topology(A, **hardware.parts())
    assert whole.hardware == parts.hardware == hardware
    assert whole.describe() == parts.describe()
    assert whole.converts
    assert not topology(A, hardware=CHIP).converts


@pytest.mark.parametrize("name", list(amc.CIRCUITS))
def test_signatures_show_it(name):
    topology = amc.CIRCUITS[name]
    parameters = inspect.signature(topology).parameters
    assert next(iter(parameters)) == "matrix"
    assert {"hardware", *PARTS} < parameters.keys()
    for word in ("hardware", *PARTS):
        assert parameters[word].kind is inspect.Parameter.KEYWORD_ONLY
    assert parameters["hardware"].default is None
    # Types, not what is said of them.
    assert "Annotated" not in str(inspect.signature(topology))
    assert parameters["cycle"].annotation is int


@pytest.mark.parametrize("name", list(amc.CIRCUITS))
def test_it_may_be_replaced_in_a_circuit(name):
    first = amc.CIRCUITS[name](A, hardware=CHIP)
    changed = dataclasses.replace(first, opamp="ad823", adc=amc.ADC(bits=8))
    assert type(changed) is type(first)
    assert changed.hardware == CHIP.changed(opamp="ad823", adc_bits=8)
    assert first.hardware == CHIP
    again = dataclasses.replace(changed, cycle=3)
    assert (again.cycle, again.hardware) == (3, changed.hardware)
    np.testing.assert_array_equal(again.matrix, first.matrix)


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("topology", [MVM, INV, amc.ClassicGINV, amc.CompactGINV, Eigen])
def test_whole_or_in_parts_it_makes_the_same_deck(topology, flat):
    analysis = amc.Analysis(fidelity="flat" if flat else "reduced")
    decks = [
        standalone_deck(topology(A, **given), B, analysis).text
        for given in ({"hardware": CHIP}, CHIP.parts())
    ]
    assert decks[0] == decks[1]
    slower = CHIP.changed(gbw="10 MHz", wire_resistance="9 ohm")
    assert standalone_deck(topology(A, hardware=slower), B, analysis).text != decks[0]


def test_solve_takes_it_whole_in_parts_and_by_single_parameters():
    options = {"fidelity": "behavioural"}
    hardware = Hardware(
        device=amc.Memristor(write_noise=0.02),
        opamp=amc.OpAmp.preset("ad823", gbw=8e6),
        adc=amc.ADC(bits=8),
    )
    whole = amc.solve("inv", A, B, hardware=hardware, **options)
    parts = amc.solve("inv", A, B, **hardware.parts(), **options)
    single = amc.solve(
        "inv", A, B, opamp="ad823", gbw="8 MHz", write_noise="2 %", adc_bits=8, **options
    )
    for run in (parts, single):
        np.testing.assert_array_equal(run.x, whole.x)
        np.testing.assert_array_equal(run.settling_time, whole.settling_time)
    assert np.abs(whole.x - amc.solve("inv", A, B, **options).x).max() > 1e-3


def test_split_leaves_other_options_alone():
    options = {"ridge": 0.1, "gbw": "3 MHz", "hold": True, "adc_bits": 8}
    parts, others = split_hardware(options)
    assert others == {"ridge": 0.1, "hold": True}
    assert parts == {"opamp": amc.OpAmp(gbw=3e6), "adc": amc.ADC(bits=8)}
    assert list(options) == ["ridge", "gbw", "hold", "adc_bits"]


def test_implausible_values_are_said():
    """Most often a wrong unit: 100 S for 100 uS."""
    message = "Memristor.g_max: 100 S is not plausible"
    with pytest.warns(amc.errors.ImplausibleWarning, match=message) as caught:
        CHIP.changed(g_max=100.0)
    assert issubclass(caught[0].category, amc.AccuracyWarning)
    with pytest.warns(amc.AccuracyWarning, match=re.escape("ClassicGINV.feedback: 1e-05 is not")):
        amc.ClassicGINV(A, feedback=1e-5)


def test_fields_of_an_amplifier_that_is_added_later_have_names():
    @parameters
    class Glowing(amc.OpAmp):
        """An amplifier with a parameter of its own."""

        glow: Annotated[float, Field(description="How it glows."), Quantity("K")] = 300.0

    assert Hardware().changed(gbw=1e6).opamp.gbw == 1e6
    PRESETS.add("glowing", Glowing)
    try:
        assert Hardware().changed(opamp=Glowing(), glow="400 K").opamp.glow == 400.0
    finally:
        PRESETS._entries.pop("glowing")
        PRESETS.revision += 1
