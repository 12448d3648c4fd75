"""A generated deck explains itself and measures itself as the library does."""

from __future__ import annotations

import numpy as np
import pytest
from plain_ngspice import read_listing, run_plain

import amcspice as amc
from amcspice.simulation.standalone import standalone_deck


def problem(seed=0, rows=6, columns=3, count=2):
    draw = np.random.default_rng(seed)
    A = draw.random((rows, columns))
    return A, draw.random((rows, count))


def circuits(A):
    wire = amc.Wire(row=1.0, column=1.5)
    return {
        "compact": amc.CompactGINV(A, wire=wire),
        "compact, nnls": amc.CompactGINV(A, constraint=amc.NonNegative(), wire=wire, ridge=0.1),
        "compact, column scaling": amc.CompactGINV(A * [1.0, 0.2, 3.0], scaling="columns"),
        "classic, nnls": amc.ClassicGINV(A, constraint=amc.NonNegative(), lasso=0.05),
    }


@pytest.mark.ngspice
@pytest.mark.parametrize("fidelity", ["flat", "reduced"])
@pytest.mark.parametrize("name", list(circuits(np.ones((2, 3)))))
def test_plain_ngspice_measures_what_the_library_measures(tmp_path, name, fidelity):
    A, b = problem()
    circuit = circuits(A)[name]
    deck = standalone_deck(circuit, b, amc.Analysis(fidelity=fidelity))
    path = tmp_path / "deck.cir"
    path.write_text(deck.text)
    code, output = run_plain(path)
    assert code == 0, output
    results = read_listing(output)
    run = amc.simulate(circuit, b, fidelity=fidelity)
    assert len(results) == 2
    for k, measured in enumerate(results):
        # Different voltages for a unit, windows and steps: equal to the accuracy of a transient.
        np.testing.assert_allclose(measured["x"], run.x[:, k], atol=2e-5)
        scale = deck.volts_per_unit / circuit.mapping.column_scale
        np.testing.assert_allclose(measured["volt"], measured["x"] * scale, rtol=1e-9, atol=1e-12)
        assert measured["settling_time"] == pytest.approx(run.settling_time[k], rel=0.05)


@pytest.mark.ngspice
def test_supply_power_is_the_librarys(tmp_path):
    A, b = problem(count=1)
    circuit = amc.CompactGINV(A, opamp=amc.OpAmp.preset("ad823"))
    deck = standalone_deck(circuit, b)
    path = tmp_path / "deck.cir"
    path.write_text(deck.text)
    code, output = run_plain(path)
    assert code == 0, output
    run = amc.simulate(circuit, b, range=deck.volts_per_unit)
    assert read_listing(output)[0]["supply_power"] == pytest.approx(
        run.power["supply"][0], rel=1e-5
    )


@pytest.mark.ngspice
@pytest.mark.parametrize(("rows", "columns", "count"), [(1, 1, 1), (2, 1, 3), (48, 40, 1)])
def test_any_size(tmp_path, rows, columns, count):
    A, b = problem(5, rows, columns, count)
    A += 2 * np.eye(rows, columns)
    path = tmp_path / "deck.cir"
    analysis = amc.Analysis(fidelity="reduced")
    circuit = amc.CompactGINV(A)
    path.write_text(standalone_deck(circuit, b, analysis).text)
    code, output = run_plain(path)
    assert code == 0, output
    results = read_listing(output)
    assert len(results) == count
    expected = amc.simulate(circuit, b).x
    np.testing.assert_allclose(
        np.array([item["x"] for item in results]).T, expected, atol=1e-4 * np.abs(expected).max()
    )


@pytest.mark.ngspice
def test_a_window_that_is_too_short_is_not_settled(tmp_path):
    A, b = problem()
    path = tmp_path / "deck.cir"
    analysis = amc.Analysis(fidelity="flat", window=1e-8)
    path.write_text(standalone_deck(amc.CompactGINV(A), b, analysis).text)
    code, output = run_plain(path)
    assert code == 0, output
    assert [item["settling_time"] for item in read_listing(output)] == [None, None]


@pytest.mark.ngspice
def test_a_transient_that_stops_early_ends_with_exit_code_1(tmp_path):
    A, b = problem()
    path = tmp_path / "deck.cir"
    text = standalone_deck(amc.CompactGINV(A), b).text
    broken = "Bbad bad 0 I=v(bad)*1e30*sqrt(-1-time)\nCbad bad 0 1e-12\n.control\n"
    path.write_text(text.replace(".control\n", broken))
    code, output = run_plain(path)
    assert code == 1
    assert "did not reach its stop time" in output


def test_the_header_tells_how_to_read_the_solution():
    A, b = problem()
    circuit = amc.CompactGINV(A, constraint=amc.NonNegative(), lasso=0.25)
    deck = standalone_deck(circuit, b)
    header = deck.text[: deck.text.index(".subckt")]
    assert header.startswith("* amcspice ginv-compact 6x3, flat, 2 right-hand side(s)\n")
    assert f"x_j = v(xj) / {deck.volts_per_unit!r}" in header
    assert f"G = A * {circuit.mapping.scale!r} S" in header
    assert "|A x - b|^2 / 2 + 0.25 sum(x) subject to x >= 0" in header
    for value in A.ravel():
        assert f"{value:.6g}" in header
    assert all(line.startswith("*") for line in header.splitlines() if line)


def test_same_arguments_same_text():
    A, b = problem()
    first, second = (standalone_deck(amc.CompactGINV(A), b) for _ in range(2))
    assert first.text == second.text
    assert first.sha256 == second.sha256


def test_no_number_has_a_unit_suffix():
    """Suffixes mean different things to different versions."""
    A, b = problem()
    text = standalone_deck(amc.CompactGINV(A), b).text
    for line in text.splitlines():
        if line[:1] in "RIVX" and not line.startswith(("Rin", "Ry", "R2", "Rs", "Rp", "I")):
            for word in line.split()[3:]:
                value = word.partition("=")[2] or word
                if value[0].isdigit():
                    float(value)


def test_ideal_fidelity_has_no_deck():
    A, b = problem()
    with pytest.raises(amc.UnsupportedError, match="ideal has no deck; choose flat or reduced"):
        standalone_deck(amc.CompactGINV(A), b, amc.Analysis(fidelity="ideal"))
