"""docs/published/precoding.md and docs/ofdm.md: what they claim follows from their tables."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import amcspice as amc
from amcspice.algorithm.dft import law_of_errors
from amcspice.workload.wireless import LatencyStudy, doppler, update_interval

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = {"precoding": DOCS / "published" / "precoding.md", "ofdm": DOCS / "ofdm.md"}


def rows(page, name):
    text = PAGES[page].read_text()
    found = re.search(rf"<!-- {name}:begin -->\n(.*?)\n<!-- {name}:end -->", text, flags=re.S)[1]
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in found.splitlines()[2:]]


def test_settling_of_the_published_size():
    table = {(row[0], row[1]): row for row in rows("precoding", "settling")}
    median, largest = (float(each) for each in table["precoder", "none"][3:5])
    assert median <= 3.0
    assert largest <= 3.8
    for row in table.values():
        if row[5] != "-":  # the GBW that is stated reaches 20 ns
            assert float(row[5].split()[0]) == pytest.approx(float(row[4]) / 20, abs=0.006)
            assert float(row[6]) == pytest.approx(20, abs=0.15)


def test_first_channels_of_the_table_are_below_its_largest():
    made = LatencyStudy(channels=2, symbol_vectors=1).run_on(
        amc.Chip(fidelity="behavioural", gbw=1e9)
    )
    largest = float(rows("precoding", "settling")[0][4])
    assert 0.7 * largest < 1e9 * made.from_rest.max() < 1.01 * largest


def test_capacitance_ends_what_bandwidth_gives():
    table = {(row[0], row[1]): [float(each) for each in row[2:]] for row in
             rows("precoding", "capacitance")}  # fmt: skip
    plain = {diagonal: table[diagonal, "1 GHz"][0] for diagonal in ("fixed", "programmed")}
    assert table["programmed", "10 GHz"][2] > plain["programmed"]
    assert table["fixed", "10 GHz"][2] < plain["fixed"] < table["fixed", "10 GHz"][3]


def test_updates_follow_from_the_speed():
    for row in rows("precoding", "updates"):
        speed = float(row[1].split()[0]) / 3.6
        interval = update_interval(doppler(speed, 3.5e9), 0.0335, 16, 128)
        assert float(row[3].split()[0]) == pytest.approx(1e3 * interval, abs=1e-3)
        fits = float(row[4].split()[0]) < 1e3 * interval
        assert (row[7] == "does not fit") is not fits
        assert int(row[9].split()[0]) >= int(row[10].split()[0])
    assert [row[7] for row in rows("precoding", "updates")[:3]] == 3 * ["does not fit"]


def test_transforms_have_the_evm_that_is_known():
    for row in rows("ofdm", "ofdm"):
        radices = [int(each) for each in row[1].split(" x ")]
        for cell, device in ((row[2], {"write_noise": 0.01}), (row[3], {"levels": 16})):
            law = law_of_errors(radices, amc.Hardware(device=amc.Memristor(**device)))
            expected = np.hypot(law["noise"] or 0.0, law["levels"] or 0.0)
            assert float(cell.split("%")[0]) == pytest.approx(100 * expected, rel=0.25)
    split = next(row for row in rows("ofdm", "ofdm") if row[1] == "32 x 32")
    assert float(split[2].split("%")[0]) <= 2.0
