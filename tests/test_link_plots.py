"""Plots of latencies, estimates and OFDM show what was found, and commands write them."""

from __future__ import annotations

import numpy as np
import pytest
from cli_helpers import refused, run
from matplotlib.figure import Figure

import amcspice as amc
from amcspice.view.links import estimation_errors, latencies, subcarrier_errors
from amcspice.workload.wireless import LatencyStudy, OfdmStudy
from amcspice.workload.wireless.sparse_channel import PEERS

SMALL = {
    "latency": ("mimo", "latency", "--users", "2", "--antennas", "8", "--channels", "2",
                "--vectors", "2"),
    "estimate": ("mimo", "estimate", "--beams", "8", "--pilots", "4", "--paths", "1",
                 "--estimates", "2", "--snr", "10,20"),
    "ofdm": ("ofdm", "evm", "--points", "8", "--write-noise", "0.01"),
}  # fmt: skip


def curves(figure: Figure) -> dict[str, np.ndarray]:
    """Return x and y of every curve by its name."""
    (axis,) = figure.axes
    return {str(line.get_label()): np.array(line.get_data(), float) for line in axis.get_lines()}


def test_latencies_are_shares_of_channels_over_time():
    study = LatencyStudy(users=2, antennas=8, channels=5, symbol_vectors=3)
    made = study.run_on(amc.Chip(opamp="onchip-1g", fidelity="behavioural"))
    found = curves(latencies(made))
    assert list(found) == ["first vector, from rest", "slowest of 3 vectors in a row"]
    for (time, share), settling in zip(
        found.values(), (made.from_rest, made.streamed), strict=True
    ):
        np.testing.assert_allclose(time[1:-1], 1e9 * np.sort(settling))
        np.testing.assert_allclose(share, [0, 20, 40, 60, 80, 100, 100])


def test_what_never_settles_is_missing_from_the_shares():
    study = LatencyStudy(users=2, antennas=8, channels=4, symbol_vectors=1)
    made = study.run_on(amc.Chip(opamp="onchip-1g", fidelity="behavioural"))
    made.settling[1, 0] = np.nan
    ((_, share),) = curves(latencies(made)).values()
    assert share[-1] == 75
    made.settling[:] = np.nan
    ((_, share),) = curves(latencies(made)).values()
    assert (share == 0).all()


def test_errors_of_estimates_are_those_of_the_study():
    names = ("nmse_db", "biased_nmse_db", *(f"{name}_nmse_db" for name in PEERS))
    figures = [{name: -10.0 * k - j for j, name in enumerate(names)} for k in (1, 2)]
    found = curves(estimation_errors([10.0, 20.0], figures))
    assert len(found) == len(names)
    for name, (ratio, error) in zip(names, found.values(), strict=True):
        np.testing.assert_array_equal(ratio, [10, 20])
        np.testing.assert_array_equal(error, [each[name] for each in figures])


def test_the_chip_is_seen_where_peers_have_the_same_error():
    names = ("nmse_db", "biased_nmse_db", *(f"{name}_nmse_db" for name in PEERS))
    (axis,) = estimation_errors([25.0], [dict.fromkeys(names, -33.0)]).axes
    lines = {line.get_label(): line for line in axis.get_lines()}
    above = {name: line.get_zorder() for name, line in lines.items() if name.startswith("chip")}
    for name, line in lines.items():
        if name not in above:
            assert line.get_markerfacecolor() == "none"
            assert line.get_zorder() < min(above.values())


def test_errors_of_subcarriers_are_in_percent_and_limits_stand_where_they_are():
    made = OfdmStudy(points=8).run_on(
        amc.Chip(device=amc.Memristor(write_noise=0.05), fidelity="dc")
    )
    found = curves(subcarrier_errors(made))
    np.testing.assert_allclose(found["subcarriers, equalised"][1], 100 * made.by_subcarrier)
    np.testing.assert_allclose(found["all"][1], 100 * made.evm)
    limits = {name: y[0] for name, (_, y) in found.items() if name.startswith("limit of ")}
    assert limits
    for name, limit in limits.items():
        assert limit == 100 * made.limits[name.removeprefix("limit of ")][0]


@pytest.mark.parametrize("command", SMALL)
def test_commands_draw(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run(*SMALL[command], "--plot", "p.svg")
    assert done.exit_code == 0, done.output
    assert "<svg" in (tmp_path / "p.svg").read_text()
    refused(run(*SMALL[command], "--plot", "p.txt"), "unknown type '.txt'")
