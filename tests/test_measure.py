"""Settling and accuracy on waveforms whose answer is known."""

import dataclasses

import numpy as np
import pytest
from oracles import random_problem

import amcspice as amc
from amcspice.engine import Batch, Drive
from amcspice.engine.dc import RestSolver
from amcspice.errors import InputError
from amcspice.measure import Measurement, measure_settling, near_limits, relative_error

TIME = np.linspace(0, 20, 4001)


def exponential(*rates, final=1.0):
    return final * (1 - np.exp(-np.outer(TIME, rates)))


@pytest.mark.parametrize("tolerance", [0.1, 0.01, 0.001])
def test_first_order_settling_is_the_logarithm(tolerance):
    settling = measure_settling(TIME, exponential(1.0), tolerance)
    assert settling.settled
    assert settling.time == pytest.approx(-np.log(tolerance), rel=1e-6)
    assert settling.band == pytest.approx(tolerance, rel=1e-6)


def test_coarse_samples_are_interpolated_exactly():
    """An exponential tail is a straight line in the logarithm of the distance."""
    coarse = np.arange(0, 20.5, 0.5)
    settling = measure_settling(coarse, 1 - np.exp(-coarse[:, None]), 0.01)
    assert settling.time == pytest.approx(-np.log(0.01), rel=1e-4)


def test_the_slowest_output_decides_and_the_largest_sets_the_band():
    outputs = np.hstack([exponential(5.0, final=10.0), exponential(1.0, final=1.0)])
    settling = measure_settling(TIME, outputs, 0.01)
    # The band is 0.1 V for both; the slow output starts 1 V away.
    assert settling.time == pytest.approx(np.log(1 / 0.1), rel=1e-4)
    alone = measure_settling(TIME, outputs[:, 1:], 0.01)
    assert alone.time == pytest.approx(np.log(100), rel=1e-4)


def test_overshoot_counts():
    """A damped oscillation settles when its last excursion ends."""
    outputs = (1 - np.exp(-0.5 * TIME) * np.cos(3 * TIME))[:, None]
    settling = measure_settling(TIME, outputs, 0.05)
    outside = np.abs(outputs[:, 0] - outputs[-1, 0]) > settling.band
    expected = TIME[np.flatnonzero(outside)[-1]]
    assert expected <= settling.time <= expected + TIME[1]


def test_linear_ramp_is_interpolated_linearly():
    time = np.array([0.0, 1.0, 2.0, 3.0, 18.0, 19.0, 20.0])
    outputs = np.array([0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])[:, None]
    assert measure_settling(time, outputs, 0.25).time == pytest.approx(0.75)


def test_a_tail_of_two_samples_cannot_show_that_it_is_flat():
    time = np.array([0.0, 1.0, 2.0, 3.0, 19.0, 20.0])
    outputs = np.array([0.0, 1.0, 1.0, 1.0, 1.0, 1.0])[:, None]
    assert not measure_settling(time, outputs, 0.25).settled


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_scaling_values_and_time(scale):
    reference = measure_settling(TIME, exponential(1.0, 2.0), 0.01)
    values = measure_settling(TIME, scale * exponential(1.0, 2.0), 0.01)
    times = measure_settling(scale * TIME, exponential(1.0, 2.0), 0.01)
    if scale >= 1:
        assert values.time == pytest.approx(reference.time, rel=1e-9)
    assert times.time == pytest.approx(scale * reference.time, rel=1e-9)


def test_a_waveform_still_moving_has_no_settling_time():
    settling = measure_settling(TIME, exponential(0.1), 0.01)
    assert not settling.settled
    assert np.isnan(settling.time)


def test_a_tail_inside_the_band_that_still_moves_is_not_settled():
    outputs = np.ones((len(TIME), 1))
    outputs[TIME > 19, 0] += 0.5e-2 * (TIME[TIME > 19] - 19)
    assert not measure_settling(TIME, outputs, 0.01).settled
    assert measure_settling(TIME, outputs, 0.06).settled


def test_constant_output_needs_no_time():
    assert measure_settling(TIME, np.ones((len(TIME), 2))).time == 0


def test_zero_solution_uses_a_band_of_microvolts():
    settling = measure_settling(TIME, 0.5 * np.exp(-TIME)[:, None], 0.01)
    assert settling.settled
    assert settling.band == pytest.approx(1e-5)
    assert settling.time == pytest.approx(np.log(0.5 / 1e-5), rel=1e-3)


@pytest.mark.parametrize("tolerance", [0.0, 1.0, -0.1, np.nan])
def test_tolerance_is_a_fraction(tolerance):
    with pytest.raises(InputError, match="settle tolerance"):
        measure_settling(TIME, exponential(1.0), tolerance)


def test_relative_error_of_numbers_without_squares():
    tiny = np.array([[3e-310, 4e-310], [3e200, 4e200]])
    np.testing.assert_allclose(relative_error(tiny * 1.5, tiny), 0.5, rtol=1e-6)


def test_relative_error():
    references = np.array([[3.0, 4.0], [0.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    distance = np.array([[0.0, 0.5], [0.0, 0.0], [1e-9, 0.0], [0.0, 0.0]])
    np.testing.assert_array_equal(
        relative_error(references + distance, references), [0.1, 0, np.inf, 0]
    )


@pytest.mark.parametrize(
    ("topology", "options", "along", "sign"),
    [
        (amc.ClassicGINV, {}, "columns", 1),
        (amc.ClassicGINV, {}, "columns", -1),
        (amc.ClassicGINV, {}, "residual", 1),
        (amc.ClassicGINV, {}, "residual", -1),
        (amc.ClassicGINV, {"constraint": amc.NonNegative()}, "residual", 1),
        (amc.ClassicGINV, {"constraint": amc.NonNegative()}, "residual", -1),
        (amc.CompactGINV, {}, "columns", 1),
        (amc.CompactGINV, {}, "columns", -1),
        (amc.CompactGINV, {"constraint": amc.NonNegative(hold=True)}, "columns", 1),
        (amc.MVM, {}, "inputs", 1),
        (amc.MVM, {}, "inputs", -1),
    ],
)
def test_a_limit_is_near_when_a_stage_or_a_current_of_any_bank_is(topology, options, along, sign):
    """The stages of the rest solver, in ranges just short of the margin and just beyond it."""
    A, x = random_problem(2, rows=8, columns=3)[0], sign * np.array([1.0, 0.4, -0.3])
    vector = x if along == "inputs" else A @ x
    if along == "residual":  # the solution is zero, all the work is that of the rows
        vector = sign * np.linalg.qr(A, mode="complete")[0][:, 4]
    opamp = amc.OpAmp(output_resistance=200.0, supply_negative=-1.5)
    circuit = topology(A, opamp=opamp, **options)
    batch = Batch.of([circuit])
    solver = RestSolver(circuit, batch)

    def run(volts, batch=batch):
        drive = Drive.of(batch, [circuit.schematic.currents(vector[None], volts)])
        rest = solver.solve(drive.into)
        delivered = batch.delivered(rest.voltages, drive.into[0])
        return rest, bool(near_limits(batch, rest.voltages, delivered)[0])

    rest, near = run(0.1)
    assert not near
    stages = np.split(
        rest.sources[0], np.cumsum([len(b.out) for b in circuit.schematic.amplifiers])
    )
    used = 0.0
    for bank, stage in zip(circuit.schematic.amplifiers, stages, strict=False):
        used = max(used, stage.max() / opamp.highest_output)
        if not bank.floor_at_ground and bank.hold is None:
            used = max(used, stage.min() / opamp.lowest_output)
    for share, expected in ((0.949, False), (0.951, True)):
        assert run(0.1 * share / used)[1] == expected
    most = np.abs(rest.delivered).max()
    for limit, expected in ((most / 0.949, False), (most / 0.951, True)):
        limited = dataclasses.replace(
            circuit, opamp=dataclasses.replace(opamp, output_current_limit=limit)
        )
        assert run(0.1, Batch.of([limited]))[1] == expected


def test_measurements_are_joined_in_order_with_the_power_that_all_know():
    parts = []
    for first, count, names in ((0, 2, "ab"), (2, 0, "b"), (2, 1, "b"), (3, 2, "ab")):
        numbers = np.arange(first, first + count, dtype=float)
        parts.append(
            dataclasses.replace(
                Measurement.blank(count, 2),
                energy=numbers,
                outputs=np.stack([numbers, -numbers], axis=1),
                power={name: 10 * numbers for name in names},
            )
        )
    joined = Measurement.join(parts)
    np.testing.assert_array_equal(joined.energy, np.arange(5))
    np.testing.assert_array_equal(joined.outputs[:, 1], -np.arange(5))
    assert joined.power.keys() == {"b"}
    np.testing.assert_array_equal(joined.power["b"], 10 * np.arange(5))
    assert len(Measurement.join([])) == 0


def test_errors_of_complex_solutions_are_lengths():
    draw = np.random.default_rng(0).standard_normal((4, 2, 3))
    exact, found = draw[0] + 1j * draw[1], draw[2] + 1j * draw[3]
    expected = np.linalg.norm(found - exact, axis=1) / np.linalg.norm(exact, axis=1)
    np.testing.assert_allclose(relative_error(found, exact), expected, rtol=1e-12)
