"""Measured conductances in the place of drawn ones: files, units, reads, failed cells."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
import pickle

import numpy as np
import pytest
from cli_helpers import run

import amcspice as amc
from amcspice.device.plain import cell_from_plain, cell_to_plain

DRAW = np.random.default_rng(7)
MICRO = DRAW.uniform(2, 25, (6, 3))
READS = MICRO[:, :, None] * (1 + 0.02 * DRAW.standard_normal((6, 3, 9)))
GOOD = amc.OpAmp(gain=1e9, gbw=1e8)
VECTOR = np.array([0.3, 1.0, -0.4, 0.2, 0.6, -0.1])


def held(device, array=0, shape=(6, 3), cycle=0):
    """Return what cells hold, whatever was wanted."""
    return device.program(np.full(shape, 1e-6), array, cycle)


def test_the_file_is_what_cells_hold(tmp_path):
    np.save(tmp_path / "cells_uS.npy", MICRO)
    device = amc.Memristor(measured=tmp_path / "cells_uS.npy", write_noise=0.1, stuck_on=0.5)
    np.testing.assert_allclose(held(device), MICRO * 1e-6, rtol=1e-15)
    np.testing.assert_array_equal(held(device), held(device, cycle=3))
    assert not np.allclose(held(device, array=1), MICRO * 1e-6)


@pytest.mark.parametrize(
    ("name", "unit", "factor"),
    [
        ("a_uS.npy", None, 1.0), ("a.uS.npy", None, 1.0), ("uS.npy", "uS", 1.0),
        ("a_µS.npy", None, 1.0), ("a_nS.npy", None, 1e3), ("a_mS.npy", None, 1e-3),
        ("a.npy", "uS", 1.0), ("a.npy", None, 1e-6), ("plus.npy", None, 1e-6),
    ],
)  # fmt: skip
def test_the_unit_stands_in_the_name_or_is_stated(tmp_path, name, unit, factor):
    np.save(tmp_path / name, MICRO * factor)
    device = amc.Memristor(measured_unit=unit, measured=str(tmp_path / name))
    np.testing.assert_allclose(held(device), MICRO * 1e-6, rtol=1e-12)


@pytest.mark.parametrize("mark", [",", ";", "\t", " "])
def test_a_table_is_what_an_array_is(tmp_path, mark):
    reads = (mark.join(f"{value:.17g}" for value in row) for row in READS[:, :, :2].T.swapaxes(1, 2)
             .reshape(-1, 3))  # fmt: skip
    rows = list(reads)
    text = "\n".join(["# chip 7", *rows[:6], "", *rows[6:], ""])
    (tmp_path / "cells_uS.csv").write_text(text)
    found = amc.MeasuredArray(tmp_path / "cells_uS.csv")
    assert found == amc.MeasuredArray(str(tmp_path / "cells_uS.csv"))
    assert found.shapes == ((6, 3, 2),)
    np.testing.assert_allclose(found.mean(0), READS[:, :, :2].mean(axis=2) * 1e-6, rtol=1e-12)


def test_repeated_reads_are_the_read_noise():
    """Every read is one that was measured; their moments are those of the sample."""
    device = amc.Memristor(measured=amc.MeasuredArray(READS, unit="uS"), read_noise=0.5)
    np.testing.assert_allclose(device.write(np.ones((6, 3))), READS.mean(axis=2) * 1e-6)
    reads = np.array([held(device, cycle=cycle) for cycle in range(1500)]) * 1e6
    nearest = np.abs(reads[:20, :, :, None] - READS).min(axis=3)
    assert nearest.max() < 1e-9
    spread = READS.std(axis=2)
    np.testing.assert_array_less(np.abs(reads.mean(axis=0) - READS.mean(axis=2)),
                                 4 * spread / np.sqrt(1500))  # fmt: skip
    np.testing.assert_allclose(reads.std(axis=0), spread, rtol=0.1)
    assert device.drawn
    assert not amc.Memristor(measured=amc.MeasuredArray(MICRO, unit="uS")).drawn


def test_failed_cells_are_open_and_said():
    reads = READS.copy()
    reads[1, 2], reads[0, 0, 3:] = np.nan, np.nan
    failed = np.zeros((6, 3), bool)
    failed[4, 1] = True
    cells = amc.MeasuredArray(reads, unit="uS", failed=failed)
    device = amc.Memristor(g_max=25e-6, measured=cells)
    found = held(device)
    assert (found == 0).sum() == 2
    assert found[1, 2] == found[4, 1] == 0
    assert found[0, 0] * 1e6 in [pytest.approx(value) for value in READS[0, 0, :3]]
    assert cells.failures == 2
    (said,) = device.cautions
    assert said == "measured cells: cells that have failed are open: 2"
    masked = np.ma.masked_array(MICRO, mask=failed)
    assert held(amc.Memristor(measured=amc.MeasuredArray(masked, unit="uS")))[4, 1] == 0


def test_time_and_temperature_go_on_from_the_measurement():
    cells = amc.MeasuredArray(MICRO, unit="uS")
    device = amc.Memristor(measured=cells, drift_exponent=0.1, drift_time=100.0,
                           temperature=350.0, temperature_coefficient=1e-3)  # fmt: skip
    np.testing.assert_allclose(held(device), MICRO * 1e-6 * 100**-0.1 * 1.05)


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (MICRO, {}, r"would be 24.* S, which no array has .* state the unit"),
        (MICRO * 1e-6, {"unit": "uS"}, "which no array has"),
        (-MICRO, {"unit": "uS"}, r"conductance \(0, 0\) is negative"),
        (MICRO * np.inf, {"unit": "uS"}, "infinite; a failed cell is nan"),
        (MICRO * np.nan, {"unit": "uS"}, "every cell has failed"),
        (MICRO[0], {"unit": "uS"}, r"shape \(3,\) must be"),
        (MICRO * 1j, {"unit": "uS"}, "must be real numbers"),
        (MICRO, {"unit": "uS", "failed": np.zeros((3, 6), bool)}, "failed: must be booleans"),
    ],
)
def test_what_no_array_is_is_refused(values, options, message):
    with pytest.raises(amc.InputError, match=message):
        amc.MeasuredArray(values, **options)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a_uS.csv", "g1,g2\n1,2\n", "line 1: not numbers: g1,g2"),
        ("a_uS.csv", "1,2\n3\n", "different lengths"),
        ("a_uS.csv", "", "neither a NumPy array"),
        ("a_uS.npy", "\x00\x01", "neither a NumPy array"),
    ],
)
def test_what_no_table_is_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(amc.InputError, match=message):
        amc.Memristor(measured=str(tmp_path / name))


def test_units_that_do_not_agree_are_refused(tmp_path):
    np.save(tmp_path / "a_nS.npy", MICRO)
    with pytest.raises(amc.InputError, match="the name says nS, but the unit that is stated is uS"):
        amc.Memristor(measured_unit="uS", measured=str(tmp_path / "a_nS.npy"))
    with pytest.raises(amc.InputError, match="either programmed or measured"):
        amc.Memristor(measured=amc.MeasuredArray(MICRO, unit="uS"), programmed=MICRO[None] * 1e-6)


# -- in circuits -----------------------------------------------------------------------------


def circuit(device, kind=amc.ClassicGINV, matrix=MICRO, **options):
    return kind(matrix, device=device, opamp=GOOD, **options)


BOTH = amc.MeasuredArray(np.stack([READS[:, :, :1], READS[:, :, 1:2]]), unit="uS")
"""Two arrays of the classic circuit, each measured once."""


@pytest.mark.ngspice
@pytest.mark.parametrize("fidelity", ["dc", "behavioural", "reduced", "flat"])
def test_every_fidelity_solves_what_was_measured(fidelity):
    """Both arrays: G2' (G1 x - b) = 0, by algebra, with the scale of the nominal matrix."""
    device = amc.Memristor(g_max=MICRO.max() * 1e-6, measured=BOTH)
    found = amc.simulate(circuit(device), VECTOR, fidelity=fidelity)
    first, second = READS[:, :, 0], READS[:, :, 1]
    expected = np.linalg.solve(second.T @ first, second.T @ VECTOR)
    np.testing.assert_allclose(found.x, expected, atol=2e-5 * np.abs(expected).max())
    assert found.relative_error > 1e-3


def test_differential_arrays_are_measured_each(tmp_path):
    A = np.array([[0.5, -1.0], [0.8, 0.3], [-0.2, 0.6]])
    parts = [np.maximum(A, 0) * 1.02, np.maximum(-A, 0) * 0.97]
    for name, part in zip(("plus", "minus"), parts, strict=True):
        np.save(tmp_path / f"{name}_uS.npy", part * 25)
    files = f"{tmp_path / 'plus_uS.npy'},{tmp_path / 'minus_uS.npy'}"
    device = amc.Memristor(g_max=25e-6, measured=files)
    x = np.array([1.0, -2.0])
    found = amc.simulate(circuit(device, amc.MVM, A), x, fidelity="dc")
    # Compensation makes nominal totals equal; those of the cells are a little apart.
    above, below = np.maximum(A, 0).sum(axis=1) + 1, np.maximum(-A, 0).sum(axis=1)
    plus = parts[0].sum(axis=1) + 1 + np.maximum(below - above, 0)
    minus = parts[1].sum(axis=1) + np.maximum(above - below, 0)
    np.testing.assert_allclose(found.x, parts[0] @ x - plus / minus * (parts[1] @ x), atol=1e-6)


def test_as_cells_of_circuits_and_hardware():
    cells = amc.MeasuredArray(MICRO, unit="uS")
    device = amc.Memristor(measured=cells)
    assert circuit(cells).device == amc.Hardware(device=cells).device == device
    assert amc.Hardware(device=cells).changed(g_max="25 uS").device.g_max == 25e-6
    # Published cells draw the other arrays and drift from the measurement on.
    published = amc.cell("pcm-joshi-2020", measured=cells)
    np.testing.assert_allclose(held(published), MICRO * 1e-6 / 1.0, rtol=0.3)
    assert pickle.loads(pickle.dumps(published)) == published
    assert hash(published) == hash(dataclasses.replace(published))


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (MICRO.T, r"array 0 of the circuit has shape \(6, 3\), the measured one \(3, 6\); is it"),
        (MICRO[:5], r"the measured one \(5, 3\)$"),
    ],
)
def test_another_shape_is_refused(cells, message):
    with pytest.raises(amc.InputError, match=message):
        amc.simulate(circuit(amc.MeasuredArray(cells, unit="uS")), VECTOR, fidelity="dc")


# -- files, sweeps, command line --------------------------------------------------------------


@pytest.fixture
def problem(tmp_path):
    np.save(tmp_path / "A.npy", MICRO)
    np.save(tmp_path / "b.npy", VECTOR)
    np.save(tmp_path / "cells_uS.npy", READS)
    return tmp_path


def test_provenance_says_which_file_it_was(problem):
    path = problem / "cells_uS.npy"
    result = run("solve", "lstsq", "--matrix", problem / "A.npy", "--rhs", problem / "b.npy",
                 "--fidelity", "dc", "--measured", path, "--json", "-")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    content = json.loads(result.stdout)
    said = content["provenance"]["circuit"]["device"]["measured"]
    digest = hashlib.sha256(hashlib.sha256(path.read_bytes()).digest()).hexdigest()
    assert said == {"files": [str(path)], "unit": "uS", "sha256": digest,
                    "shapes": [[6, 3, 9]], "failures": 0}  # fmt: skip
    assert "the largest conductance is" in json.dumps(content["cautions"])
    refused = run("solve", "lstsq", "--matrix", problem / "A.npy", "--rhs", problem / "b.npy",
                  "--fidelity", "dc", "--measured", problem / "none.npy")  # fmt: skip
    assert refused.exit_code == 2
    (line,) = refused.stderr.strip().splitlines()
    assert "none.npy: no such file" in line


def test_cells_that_were_measured_are_read_again(problem):
    path = problem / "cells_uS.npy"
    device = amc.Memristor(measured=str(path), seed=2)
    plain = json.loads(json.dumps(cell_to_plain(device)))
    assert cell_from_plain(plain) == device
    np.save(path, READS * 1.01)
    with pytest.raises(amc.InputError, match="changed since the cells were written down"):
        cell_from_plain(plain)
    with pytest.raises(amc.UnsupportedError, match="save them first"):
        cell_to_plain(amc.Memristor(measured=amc.MeasuredArray(MICRO, unit="uS")))


def test_a_sweep_computes_anew_what_was_measured_anew(problem, monkeypatch):
    monkeypatch.chdir(problem)
    (problem / "spec.toml").write_text(
        '[base]\nproblem = "lstsq"\nmatrix = "A.npy"\nrhs = "b.npy"\nfidelity = "dc"\n'
        'measured = "cells_uS.npy"\n[axes]\ng_max = ["25 uS"]\n'
    )
    arguments = ("sweep", "run", "spec.toml", "--store", "s.sqlite", "--jobs", "1")
    counts = []
    for factor in (1.0, 1.05):
        np.save("cells_uS.npy", READS * factor)
        made = run(*arguments)
        assert made.exit_code == 0, made.output + made.stderr
        out = run("sweep", "export", "s.sqlite", "--out", "s.csv")
        assert out.exit_code == 0, out.output
        with (problem / "s.csv").open() as stream:
            counts.append(len(list(csv.DictReader(stream))))
    assert counts == [1, 2]
