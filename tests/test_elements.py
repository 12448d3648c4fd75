"""Amplifiers as single elements give what the sub-circuits of models/opamp.lib give."""

import numpy as np
import pytest
from oracles import random_problem

import amcspice as amc
from amcspice.netlist.elements import held_stages

pytestmark = pytest.mark.ngspice

FEATURES = {
    "plain": {},
    "slew": {"slew_rate": 2e7, "gbw": 2e7},
    "offset": {"offset": 1e-3, "bias_current": 1e-7, "input_resistance": 1e6},
    "second pole": {"gbw": 1e7, "second_pole": 3e8},
    "input capacitance": {"gbw": 1e7, "input_capacitance": 1e-12},
    "current limit": {"output_current_limit": 2e-3, "output_resistance": 10.0},
    "headroom": {"headroom_positive": 0.1, "headroom_negative": 0.05, "quiescent_current": 1e-4},
}
CIRCUITS = {
    "hold": (amc.CompactGINV, amc.NonNegative(hold=True)),
    "floor": (amc.CompactGINV, amc.NonNegative(hold=False)),
    "unconstrained": (amc.CompactGINV, amc.Unconstrained()),
    "classic floor": (amc.ClassicGINV, amc.NonNegative()),
}


CASES = [
    (name, features)
    for name in CIRCUITS
    for features in FEATURES
    # The classic circuit rings with more than one pole: nothing settles there.
    if not (name == "classic floor" and features in ("second pole", "input capacitance"))
]


@pytest.mark.filterwarnings("ignore::amcspice.errors.AccuracyWarning")
@pytest.mark.parametrize(("name", "features"), CASES)
def test_elements_agree_with_subcircuits(name, features, measured):
    circuit_type, constraint = CIRCUITS[name]
    A, b = random_problem(5, rows=10, columns=3, vectors=4)
    opamp = amc.OpAmp(**{"gain": 1e5, **FEATURES[features]})
    circuit = circuit_type(A, constraint=constraint, opamp=opamp)
    elements, whole = (
        amc.simulate(circuit, b, amplifiers=amplifiers, read_voltage=1.25)
        for amplifiers in ("elements", "subcircuits")
    )
    assert elements.all_settled
    scale = np.abs(whole.x).max()
    np.testing.assert_allclose(elements.x, whole.x, rtol=0, atol=1e-6 * scale)
    np.testing.assert_allclose(elements.settling_time, whole.settling_time, rtol=0.01)
    np.testing.assert_allclose(elements.energy, whole.energy, rtol=0.01)
    for part, watts in whole.power.items():
        distance = np.abs(elements.power[part] - watts).max() / whole.power["total"].max()
        measured(f"largest distance in {part} power", distance)
        assert distance < 1e-4  # the simulator's own relative tolerance


def test_supply_currents_agree_at_every_instant():
    A, b = random_problem(6, rows=8, columns=3, vectors=3)
    circuit = amc.CompactGINV(
        A, constraint=amc.NonNegative(hold=True), opamp=amc.OpAmp(quiescent_current=1e-4)
    )
    window = {"window": 2e-6, "max_step": 2e-9}
    runs = [
        amc.simulate(circuit, b, **window, amplifiers=amplifiers)
        for amplifiers in ("elements", "subcircuits")
    ]
    times = np.linspace(2e-8, 1.9e-6, 500)
    for pair in zip(*(run.waveforms.segments for run in runs), strict=True):
        ours, theirs = (
            np.array([np.interp(times, segment.time, segment.supply[:, k]) for k in (0, 1)])
            for segment in pair
        )
        assert np.abs(ours - theirs).max() < 1e-3 * np.abs(theirs).max()


def test_held_stages_are_named_in_the_order_of_the_banks():
    A, _ = random_problem(6, rows=8, columns=3)
    circuit = amc.CompactGINV(A, constraint=amc.NonNegative(hold=True))
    assert held_stages(circuit.schematic.amplifiers) == ("y_x0", "y_x1", "y_x2")
    assert held_stages(amc.CompactGINV(A).schematic.amplifiers) == ()
