"""What other tests did not notice when it was broken on purpose, one thing a test."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest
from pydantic import Field

import amcspice as amc
from amcspice.circuit import INV, MVM
from amcspice.device import PRESETS, Hardware
from amcspice.problem import make_circuit
from amcspice.schema import Quantity, parameters, to_number
from amcspice.settings.assemble import hardware_of
from amcspice.settings.files import read_experiment
from amcspice.settings.table import convert
from amcspice.sweep.spec.experiment import Experiment

A = np.array([[1.0, 0.2], [0.3, 0.9]])
B = [0.6, 0.4]


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


@pytest.mark.parametrize(
    ("name", "largest", "beyond"), [("dac_bits", 32, 33), ("condition", 1e4, 10001)]
)
def test_the_largest_value_is_one_that_is_taken(name, largest, beyond):
    assert convert(name, largest) == largest
    with pytest.raises(amc.InputError, match=f"{name} = {beyond}: must be at most"):
        convert(name, beyond)


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


def test_a_parameter_with_dash_and_underscore_is_given_twice(tmp_path):
    path = tmp_path / "e.toml"
    for first, second in (("write-noise", "write_noise"), ("write_noise", "write-noise")):
        path.write_text(f"{first} = 0.01\n{second} = 0.02\n")
        with pytest.raises(amc.InputError, match=f"{second} is given twice"):
            read_experiment(path)


def test_a_parameter_of_switches_changes_those_that_are_given():
    given = amc.Switches(on=20.0, off=1e8)
    circuit = make_circuit("mvm", A, circuit="macro-mvm", switches=given, switch_on="30 ohm")
    assert circuit.switches == amc.Switches(on=30.0, off=1e8)


@pytest.mark.parametrize("fidelity", ["ideal", "behavioural"])
def test_a_range_that_is_given_is_that_of_converters(fidelity):
    circuit = INV(A, dac=amc.DAC(bits=8), adc=amc.ADC(bits=8))
    run = amc.simulate(circuit, B, fidelity=fidelity, range=0.05)
    assert run.volts_per_unit == 0.05
    gain = np.abs(circuit.schematic.input_gain).max()
    assert run.conversion.input_full_scale == pytest.approx(0.05 * gain * max(B))
    # Nobody said that such a range comes near the read voltage.
    assert run.conversion.output_full_scale == circuit.opamp.highest_output


@pytest.mark.parametrize("changed", ["first.npy", "second.npy"])
def test_a_planned_point_is_of_every_file_that_it_names(tmp_path, monkeypatch, changed):
    monkeypatch.chdir(tmp_path)
    for name in ("first.npy", "second.npy"):
        np.save(name, np.full((2, 2), 5e-5))
    values = {"problem": "lstsq", "rows": 2, "columns": 2, "circuit": "ginv-classic"}
    point = Experiment.of({**values, "programmed": "first.npy,second.npy"})
    assert Experiment.of(point.parameters()).parameters() == point.parameters()
    np.save(changed, np.full((2, 2), 2.5e-5))
    with pytest.raises(amc.InputError, match="changed since the point was planned"):
        Experiment.of(point.parameters())


def test_text_with_a_unit_may_be_implausible_too():
    with pytest.warns(amc.errors.ImplausibleWarning, match="OpAmp.gbw: 0.001 Hz is not plausible"):
        assert amc.OpAmp(gbw="1 mHz").gbw == 1e-3


@pytest.mark.parametrize("fidelity", ["dc", "behavioural"])
def test_outputs_have_room_below_what_the_amplifier_reaches(fidelity):
    opamp = amc.OpAmp(supply_positive=5.0, headroom_positive=3.0)
    run = amc.simulate(MVM(A, opamp=opamp), B, fidelity=fidelity, read_voltage=10)
    assert run.range_halvings == 0
    assert np.abs(run.measurement.outputs).max() == pytest.approx(1.0, rel=1e-3)


def test_a_library_of_the_same_size_is_measured_again(tmp_path, monkeypatch):
    def measured(library, _name, _conditions):
        return amc.OpAmp(gain=float(Path(library).read_text()))

    monkeypatch.setattr("amcspice.characterise.measured_opamp", measured)
    library = tmp_path / "own.lib"
    for number, gain in enumerate(("2e4", "3e4")):
        library.write_text(gain)
        os.utime(library, (number, number))
        made = hardware_of({"opamp_lib": str(library), "opamp_subckt": "own"})
        assert made.opamp.gain == float(gain)
