"""Write the tables of docs/published/precoding.md and docs/ofdm.md.

``python scripts/wireless_chain.py [settling capacitance updates ofdm]``: the tables named, or all.
Seeds are fixed; 16 users and 128 antennas unless said.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from update_readme import fill, table

import amcspice as amc
from amcspice.workload.wireless import LatencyStudy, OfdmStudy, updates

ROOT = Path(__file__).resolve().parents[1]
PRECODING, OFDM = ROOT / "docs" / "published" / "precoding.md", ROOT / "docs" / "ofdm.md"
USERS, ANTENNAS = 16, 128


def latency(circuit=None, *, channels=40, vectors=1, rho=None, chain="precoder", **hardware):
    study = LatencyStudy(channels=channels, symbol_vectors=vectors, rho=rho, chain=chain)
    return study.run_on(amc.Chip(fidelity="behavioural", **hardware), circuit=circuit)


def ns(values):
    return f"{1e9 * np.median(values):.2f} | {1e9 * np.max(values):.2f}"


def settling():
    rows = []
    for chain, rho, channels in (
        ("precoder", None, 40), ("precoder", 0.7, 20), ("precoder", 0.9, 20),
        ("detector", None, 10), ("projector", None, 10),
    ):  # fmt: skip
        made = latency(channels=channels, rho=rho, chain=chain, gbw=1e9)
        needed = made.from_rest.max() / 20e-9 * 1e9
        again = latency(channels=channels, rho=rho, chain=chain, gbw=needed)
        rows.append([
            chain, "none" if rho is None else str(rho), str(channels), ns(made.from_rest),
            f"{1e-9 * needed:.2f} GHz", f"{1e9 * again.from_rest.max():.1f}",
        ])  # fmt: skip
    made = latency(channels=40, vectors=8, gbw=1e9)
    rows.append(["precoder, slowest of 8 in a row", "none", "40", ns(made.streamed), "-", "-"])
    made = latency(channels=20, opamp="onchip-1g")
    rows.append(["precoder, onchip-1g", "none", "20", ns(made.from_rest), "-", "-"])
    head = ["chain", "correlation", "channels", "median [ns]", "largest [ns]", "GBW for 20 ns",
            "largest there [ns]"]  # fmt: skip
    return PRECODING, table(head, rows)


def capacitance():
    rows = []
    for diagonal in ("fixed", "programmed"):
        for gbw in (1e9, 1e10):
            times = [
                latency({"diagonal": diagonal}, channels=2, gbw=gbw, input_capacitance=farad)
                .from_rest.max()
                for farad in (0.0, 2e-14, 1e-13, 2e-13)
            ]  # fmt: skip
            lumped = {"row_capacitance": 2e-15, "line_capacitance": "lumped"}
            line = latency({"diagonal": diagonal}, channels=2, gbw=gbw, **lumped)
            times.append(line.from_rest.max())
            rows.append([diagonal, f"{gbw / 1e9:g} GHz", *(f"{1e9 * each:.2f}" for each in times)])
    head = ["diagonal", "GBW", "no capacitance [ns]", "20 fF", "100 fF", "200 fF",
            "lines, 2 fF a cell"]  # fmt: skip
    return PRECODING, table(head, rows)


def moving():
    rows = []
    for technology, rows_at_once in (("typical", None), ("typical", 8), ("best", 8)):
        made = latency(channels=2, vectors=2, opamp="onchip-1g")
        changes = {} if rows_at_once is None else {"rows_at_once": rows_at_once}
        cost = made.chip.cost(technology, **changes)
        bits = made.bits
        burst = bits / np.median(made.from_rest)
        for update in updates(
            cost, [each / 3.6 for each in (3, 30, 120)], users=USERS, antennas=ANTENNAS, bits=bits
        ):
            rate = f"{update.throughput / 1e6:.0f} Mb/s" if update.fits else "does not fit"
            rows.append([
                technology + (f", {rows_at_once} rows at once" if rows_at_once else ""),
                f"{update.speed * 3.6:.0f} km/h", f"{1e3 * update.coherence:.2f} ms",
                f"{1e3 * update.interval:.3f} ms", f"{1e3 * cost.writing.time:.3g} ms",
                f"{update.pulses_per_second:.2g}", f"{update.life:.3g} s", rate,
                f"{burst / 1e9:.0f} Gb/s", f"{1e12 * update.energy_per_bit:.0f} pJ",
                f"{1e12 * cost.operation.energy / bits:.0f} pJ",
            ])  # fmt: skip
    head = ["technology", "speed", "coherence", "write every", "a writing takes", "pulses/s a cell",
            "mean cell lasts", "never idle", "settling alone", "a bit, writing counted",
            "ignored"]  # fmt: skip
    return PRECODING, table(head, rows)


def ofdm():
    rows = []
    for points, radix in ((64, "64"), (256, "256"), (1024, "1024"), (1024, "32x32"),
                          (4096, "64x64")):  # fmt: skip
        row = [str(points), radix.replace("x", " x ")]
        study = OfdmStudy(points=points, radix=radix, ofdm_symbols=8, pilots=8)
        for hardware in (
            {"write_noise": 0.01}, {"levels": 16}, {"levels": 64, "write_noise": 0.005},
            {"row_resistance": 0.1, "column_resistance": 0.1},
        ):  # fmt: skip
            if points == 1024 and radix == "1024" and "row_resistance" in hardware:
                row.append("-")
                continue
            made = study.run_on(amc.Chip(seed=1, opamp=amc.OpAmp(gain=1e6), **hardware))
            met = [name for name, (_, yes) in made.limits.items() if yes]
            row.append(f"{made.evm:.2%} / {made.evm_equalised:.2%}, {met[-1] if met else 'none'}")
        rows.append(row)
    head = ["points", "arrays", "1 % noise", "16 levels", "64 levels, 0.5 % noise",
            "wires of 0.1 ohm"]  # fmt: skip
    return OFDM, table(head, rows)


TABLES = {"settling": settling, "capacitance": capacitance, "updates": moving, "ofdm": ofdm}


def main(names):
    for name in names or TABLES:
        page, text = TABLES[name]()
        fill(page, name, text)
        print(name, text, sep="\n", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
