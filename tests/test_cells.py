"""Cell models: the protocol, bit-equal draws of memristors, laws of published cells."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import run, write
from scipy.integrate import quad
from scipy.stats import norm

import amcspice as amc
from amcspice.device import DEVICES, PUBLISHED, as_cell, nominal, spread
from amcspice.device.moments import cell_moments, drift_moments, mean_over_normal
from amcspice.device.plain import cell_from_plain, cell_to_plain

GOLDEN = json.loads((Path(__file__).parent / "golden" / "memristor-draws.json").read_text())
DAY = 86400.0
SIDE = 200

WRITE_ERRORS = {
    "pcm-joshi-2020": {0.1: 1.9, 0.25: 2.8, 0.5: 3.8, 0.75: 4.3, 1.0: 4.3},
    "pcm-hermes-2022": {0.1: 3.6, 0.25: 5.9, 0.5: 8.4, 0.75: 9.4, 1.0: 9.7},
    "rram-wan-2022": {0.1: 3.9, 0.25: 5.7, 0.5: 5.1, 0.75: 3.8, 1.0: 2.8},
    "rram-milo-2021": {0.25: 1.9, 0.5: 1.7, 0.75: 1.4, 1.0: 1.2},
    "cmo-falcone-2025": {0.11: 0.14, 0.5: 0.58, 1.0: 1.14},
    "sonos-agrawal-2022": {0.1: 0.74, 0.25: 1.11, 0.5: 1.23, 1.0: 1.24},
}
"""Deviations in percent of g_max, worked out from the published fits by hand."""


def flat(cells, part, side=SIDE):
    return np.full((side, side), part * cells.g_max)


# -- memristors are as they were -------------------------------------------------------------


@pytest.mark.parametrize("name", GOLDEN)
def test_draws_of_memristors_stay_bit_by_bit(name):
    """A seed of an earlier version meets the same cells."""
    case = GOLDEN[name]
    target = np.linspace(0, 1e-4, 60).reshape(3, 20)
    cells = amc.Memristor(**case["options"]).program(target, 1, 2)
    assert [value.hex() for value in cells.ravel().tolist()] == case["cells"]


# -- integrals behind moments ----------------------------------------------------------------


@pytest.mark.parametrize(("mean", "spread"), [(0.05, 0.02), (0.01, 0.05), (0.06, 0.0)])
def test_moments_of_drift_are_integrals_over_exponents(mean, spread):
    time = 1e5
    first, second = drift_moments(mean, spread, time)
    if not spread:
        assert (float(first), float(second)) == pytest.approx((time**-mean, time ** (-2 * mean)))
        return
    for power, found in ((1, first), (2, second)):
        exact = quad(
            lambda nu, power=power: (
                time ** (-power * max(nu, 0)) * norm.pdf(nu, mean, spread)
            ),
            mean - 9 * spread, mean + 9 * spread, points=[0.0, mean], epsabs=1e-12,
        )[0]  # fmt: skip
        assert float(found) == pytest.approx(exact, rel=1e-8)


@pytest.mark.parametrize(("mean", "spread"), [(1.0, 0.1), (0.2, 0.4), (0.0, 0.3)])
def test_means_over_a_normal_variable_are_integrals(mean, spread):
    """What is read is the root of the variable, so that its mean square is the mean of Tobin."""
    found = mean_over_normal(lambda g: (np.sqrt(g), g), np.array([mean]), spread)
    for value, power in zip(found, (0.5, 1.0), strict=True):
        exact = quad(lambda g, p=power: g**p * norm.pdf(g, mean, spread), 0, mean + 9 * spread)[0]
        assert value[0] == pytest.approx(exact, rel=2e-4)


# -- published cells -------------------------------------------------------------------------


@pytest.mark.parametrize("name", PUBLISHED)
def test_write_errors_are_those_of_the_publication(name):
    cells = amc.cell(name)
    for part, percent in WRITE_ERRORS[name].items():
        target = flat(cells, part)
        error = (cells.write(target) - target) / cells.g_max
        stated = cells.write_spread(target[:1, :1])[0, 0] / cells.g_max
        assert 100 * stated == pytest.approx(percent, abs=0.06)
        assert error.std() == pytest.approx(stated, rel=4 / np.sqrt(2 * target.size))


@pytest.mark.parametrize("time", [1.0, 1e4])
@pytest.mark.parametrize("name", PUBLISHED)
def test_moments_are_those_of_what_published_cells_draw(name, time):
    cells = amc.cell(name, drift_time=time, stuck_off=0.05, stuck_on=0.02, seed=3)
    for part in (0.0, 0.15, 0.4, 1.0):
        target = flat(cells, part)
        drawn = cells.program(target)
        mean, variance = (value[0, 0] for value in cell_moments(cells, target))
        assert drawn.mean() == pytest.approx(mean, abs=4 * drawn.std() / SIDE + 1e-12)
        spread = ((drawn - drawn.mean()) ** 2).std() / SIDE
        assert drawn.var() == pytest.approx(variance, abs=4 * spread + 1e-20)


@pytest.mark.parametrize("name", ["pcm-joshi-2020", "pcm-hermes-2022"])
def test_a_phase_change_cell_keeps_its_exponent(name):
    """Without the noise of reads, logarithms fall on a line through the time of writing."""

    class Quiet(DEVICES[name]):
        def read_spread(self, written):
            return 0.0

    early = Quiet(drift_time=100.0, seed=2)
    target = flat(early, 0.3)
    written = early.write(target)
    later = dataclasses.replace(early, drift_time=1e6).read(written, 0, 5)
    exponents = -np.log(early.read(written) / written) / np.log(100.0)
    np.testing.assert_allclose(-np.log(later / written) / np.log(1e6), exponents, atol=1e-12)
    mean, spread = early.drift_exponents(target[:1, :1])
    assert exponents.mean() == pytest.approx(mean[0, 0], rel=0.05)
    assert exponents.std() > 0.9 * spread[0, 0]


def test_exponents_fall_with_the_conductance():
    cells = amc.cell("pcm-joshi-2020")
    mean, spread = cells.drift_exponents(np.array([0.25e-6, 2.5e-6, 25e-6]))
    np.testing.assert_allclose(mean, [0.0244 + 0.0155 * np.log(100), 0.0244 + 0.0155 * np.log(10),
                                      0.049])  # fmt: skip
    np.testing.assert_allclose(spread, [0.045, 0.0125 * np.log(10) - 0.0059, 0.008])


@pytest.mark.parametrize(("time", "micro"), [(1.0, 2.023), (DAY, 3.909), (2 * DAY, 3.929)])
def test_relaxation_ends_at_the_deviation_of_that_time(time, micro):
    """The table's polynomials at half of the range, by hand [uS]."""
    cells = amc.cell("rram-wan-2022", drift_time=time)
    error = cells.program(flat(cells, 0.5)) - 20e-6
    assert error.std() == pytest.approx(micro * 1e-6, rel=0.02)
    halfway = amc.cell("rram-wan-2022", drift_time=np.sqrt(time))
    stated = 0.5 * (2.023 + micro) if time <= DAY else None
    if stated:
        middle = np.sqrt(cell_moments(halfway, flat(cells, 0.5, 1))[1])
        assert middle[0, 0] == pytest.approx(stated * 1e-6, rel=0.01)


@pytest.mark.parametrize(("days", "shift", "deviation"), [(1, -3.83, 25.24), (4.5, -14.53, 33.47)])
def test_charge_is_lost_as_the_tables_say(days, shift, deviation):
    """At 800 nA: powers of the current and the exponential, by hand [nA]; between days a line."""
    cells = amc.cell("sonos-agrawal-2022", drift_time=1 + days * DAY)
    drawn = (cells.program(flat(cells, 0.5)) - 8e-6) / 1e-8
    noise = 12.58037 * (1 - np.exp(-800 / 215.36557))
    assert drawn.mean() == pytest.approx(shift, abs=4 * deviation / SIDE)
    assert drawn.std() == pytest.approx(np.hypot(deviation, noise), rel=0.02)


def test_cells_of_metal_oxide_lose_by_the_logarithm_of_time():
    cells = amc.cell("cmo-falcone-2025", drift_time=1e6, acceptance="0.2 %")
    lost = cells.program(flat(cells, 0.5)) - 0.5 * cells.g_max
    log = np.log(1e6)
    g = 44.1
    read = 0.0277316483 * np.log10(g) * np.sqrt(np.log(1e12 / 2))
    spread = np.sqrt((0.04201137 * log + 0.41183342) ** 2 + read**2) * 1e-6
    assert lost.std() == pytest.approx(spread, rel=0.02)
    assert lost.mean() == pytest.approx(-0.089 * log * 1e-6, abs=4 * spread / SIDE)


@pytest.mark.ngspice
def test_the_curve_of_a_cell_is_in_the_deck():
    """Word lines at virtual ground, bit lines driven: currents of a product in closed form."""
    A = np.array([[0.3, 0.9], [0.5, 1.0]])
    device = amc.cell("rram-milo-2021", nonlinear=True, seed=4)
    good = amc.OpAmp(gain=1e7, gbw=1e8, output_resistance=1e-3)
    circuit = amc.MVM(A, device=device, opamp=good)
    volts, vectors = 0.3, np.array([[1.0, -0.5], [-1.0, 1.0]])
    found = amc.simulate(circuit, vectors, fidelity="flat", range=volts)
    cells = device.program(circuit.mapping.target)
    inputs = -volts * vectors * circuit.feedback * device.g_max / circuit.mapping.scale

    def outputs(current):
        """Return products of currents from word lines, at 0 V, to bit lines."""
        into = np.array([-current(cells, -u).sum(axis=1) for u in inputs.T]).T
        return -into / (circuit.feedback * device.g_max) / volts

    curved, straight = outputs(device.curve.current), outputs(lambda g, v: g * v)
    np.testing.assert_allclose(found.x, curved, atol=1e-5)
    assert np.abs(curved - straight).max() > 0.01


def test_a_curve_goes_on_as_its_tangent():
    curve = amc.cell("rram-milo-2021", nonlinear=True).curve
    g, v = np.array([55e-6, 100e-6, 200e-6])[:, None], np.array([-0.5, 0.5])
    a, b = np.moveaxis(curve.coefficients(g), -1, 0)
    np.testing.assert_allclose(curve.current(g, v), g * v + a * v**2 + b * v**3, rtol=1e-12)
    slope = (curve.current(g, 3 * v) - curve.current(g, 2 * v)) / v
    np.testing.assert_allclose(slope, g + 2 * a * v + 3 * b * v**2, rtol=1e-9)
    assert (slope > 0).all()
    assert (curve.current(np.zeros(1), v) == 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "pcm-joshi-2020", "g_max": "100 uS"}, "was measured from 250 nS to 25 µS"),
        ({"name": "rram-milo-2021", "g_min": 0.0}, "was measured from 50 µS to 225 µS"),
        ({"name": "pcm-joshi-2020", "write_noise": 0.02}, "no such parameter"),
        ({"name": "pcm-joshi-2021"}, "did you mean pcm-joshi-2020"),
    ],
)
def test_what_was_not_published_is_refused(options, message):
    with pytest.raises(amc.InputError, match=message):
        amc.cell(**options)


# -- everywhere ------------------------------------------------------------------------------


def test_what_is_assumed_stands_in_every_run(tmp_path):
    result = run("solve", "lstsq", *write(tmp_path), "--fidelity", "dc",
                 "--device", "pcm-joshi-2020", "--json", "-")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    content = json.loads(result.stdout)
    assert content["provenance"]["circuit"]["device"]["type"] == "PCMJoshi2020"
    assert "assumed: drift and read noise" in json.dumps(content["cautions"])
    for name, kind in PUBLISHED.items():
        said = " ".join(amc.cell(name).cautions)
        assert all(f"assumed: {what}" in said for what in kind.assumed)
        assert len(kind.source) > 30


@pytest.mark.parametrize("name", [*PUBLISHED, "hfo2-16"])
def test_cells_are_plain_values_in_files(name):
    cells = amc.cell(name, seed=3, drift_time=5.0)
    plain = json.loads(json.dumps(cell_to_plain(cells)))
    assert cell_from_plain(plain) == cells
    assert as_cell(name) == amc.cell(name)


def test_a_class_without_a_name_has_no_file():
    class Own(amc.Memristor):
        pass

    with pytest.raises(amc.UnsupportedError, match="the class has no name"):
        cell_to_plain(Own())
    with pytest.raises(amc.InputError, match="unknown device preset"):
        cell_from_plain({"cells": "gone"})


def test_a_chip_of_published_cells_ages_and_is_saved(tmp_path):
    A = np.random.default_rng(0).random((6, 3))
    chip = amc.Chip(amc.Hardware(device="pcm-hermes-2022"), fidelity="dc")
    programmed = chip.program(A, "lstsq")
    young = programmed.circuit().device
    chip.wait("1 day")
    assert programmed.circuit().device.drift_time == young.drift_time + DAY / 200.0
    chip.save(tmp_path / "chip.npz")
    again = amc.Chip.load(tmp_path / "chip.npz")
    assert again.hardware == chip.hardware
    b = A @ np.ones(3)
    np.testing.assert_array_equal(again.matrices[0].solve(b), programmed.solve(b))


def test_low_rank_plans_know_published_cells():
    plan = amc.LowRank(np.random.default_rng(1).random((12, 12)), device="rram-wan-2022").plan()
    assert plan.write_noise is None
    assert plan.break_even_write_noise is None
    assert "no break-even" in plan.verdict


def test_unstable_inverses_of_published_cells_say_why():
    A = 0.2 * np.eye(8) + np.random.default_rng(2).random((8, 8))
    circuit = amc.INV(A, device=amc.cell("pcm-hermes-2022"))
    from amcspice.engine.remedies import near_noise_limit, noise_share

    spread = circuit.device.write_spread(circuit.mapping.target) / circuit.device.g_max
    inverse = np.linalg.inv(circuit.mapping.target / circuit.device.g_max)
    radius = np.abs(np.linalg.eigvals(spread**2 @ inverse**2)).max()
    assert noise_share(circuit) == pytest.approx(np.sqrt(radius), rel=1e-9)
    assert "the write error of these cells" in near_noise_limit(circuit)


@pytest.mark.parametrize("name", ["pcm-joshi-2020", "cmo-falcone-2025"])
def test_the_spread_about_a_target_is_that_of_writing_and_reading(name):
    cells = amc.cell(name, levels=8)
    target = np.array([0.3, 0.8]) * cells.g_max
    step = (cells.g_max - cells.g_min) / 7
    read = cells.read_spread(target) * target
    squares = cells.write_spread(target) ** 2 + read**2 + step**2 / 12
    np.testing.assert_allclose(spread(cells, target), np.sqrt(squares), rtol=1e-12)
    assert nominal(cells).g_min == cells.g_min


def test_published_cells_are_corrected_for_wires():
    """The correction knows no draw: the mean error of wires goes, that of the cells stays."""
    A = 0.1 + np.random.default_rng(4).random((16, 16))
    errors = []
    for steps in (0, 3):
        wire = amc.Wire(row=20.0, column=20.0, predistort=steps)
        circuit = amc.MVM(A, device=amc.cell("cmo-falcone-2025"), wire=wire)
        errors.append(amc.simulate(circuit, np.ones(16), fidelity="dc").relative_error)
    assert errors[1] < 0.3 * errors[0]


def test_every_command_says_what_is_assumed_once(tmp_path):
    np.save(tmp_path / "V.npy", np.random.default_rng(5).random((6, 5)))
    for command in (
        ("solve", "lstsq", *write(tmp_path)),
        ("nmf", "matrix", tmp_path / "V.npy", "--rank", "2", "--iterations", "1",
         "--out", tmp_path / "out"),
    ):  # fmt: skip
        result = run(*command, "--fidelity", "dc", "--device", "rram-milo-2021",
                     "--json", tmp_path / "r.json")  # fmt: skip
        assert result.exit_code == 0, result.stderr
        assert result.stderr.count("assumed: nothing drifts") == 1
        said = json.loads((tmp_path / "r.json").read_text())["cautions"]
        assert len([each for each in said if "assumed: nothing drifts" in each]) == 1


def test_a_class_without_all_of_a_cell_is_refused():
    class Unwritten(amc.Cell):
        def read(self, written, array=0, cycle=0):
            return written

    with pytest.raises(amc.InputError, match="the class Unwritten lacks quantise, write"):
        DEVICES.add("unwritten", Unwritten)
    assert "unwritten" not in DEVICES
