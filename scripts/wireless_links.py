"""Write the tables and the figure of docs/wireless.md and docs/published/mimo.md.

.venv/bin/python scripts/wireless_links.py            # all of them, some minutes
.venv/bin/python scripts/wireless_links.py losses     # one
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np

import amcspice as amc
from amcspice.view import save
from amcspice.view.bit_errors import bit_error_curves
from amcspice.workload.wireless import (
    MODULATIONS,
    BitErrorStudy,
    Kronecker,
    Link,
    Plan,
    Rayleigh,
    SolverOptions,
    closed_form,
    evm,
    gram_solver,
    link_costs,
    modulation,
    precoder,
    receiver,
    run_link,
    spread_powers,
)
from amcspice.workload.wireless.channel import gaussian

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = (DOCS / "wireless.md", DOCS / "published" / "mimo.md")
USERS, ANTENNAS = 16, 128
MASSIVE = Rayleigh(ANTENNAS, USERS)
EXPECTED = {"qpsk": 1.4, "16qam": 8.15, "64qam": 14.15, "256qam": 20.0}
"""Near where zero forcing has a bit-error rate of 1e-3 [dB]."""
RATE = 1e-3

FIXED, PROGRAMMED = Plan(), Plan(options=SolverOptions("programmed"))
GINV = Plan("ginv", options=SolverOptions(circuit={"circuit": "ginv-classic"}))
COMPACT = Plan("ginv")
CHAIN = Plan(products="analog")
CELLS = {
    "0.5 % noise": {"write_noise": 0.005},
    "1 % noise": {"write_noise": 0.01},
    "2 % noise": {"write_noise": 0.02},
    "16 levels": {"levels": 16},
    "64 levels, 0.5 %": {"levels": 64, "write_noise": 0.005},
}


def table(head, rows) -> str:
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows)])


def chip(**options):
    return amc.Chip(**{"gain": 1e4, "seed": 1, "cost_sample": 0, **options})


def mean_square(values) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


# -- what hardware adds --------------------------------------------------------------------------


def uplink_evm(plan, cells, channel=MASSIVE, channels=12, powers=1.0):
    """Return the EVM of each user without noise; None where a circuit is unstable."""
    device, errors = chip(**cells), 0.0
    for number in range(channels):
        H, x = channel.draw(number) * np.sqrt(powers), gaussian((USERS, 40), 5, "sent", number)
        try:
            made = receiver(device, H, 0.0, plan).detect(H @ x)
        except amc.errors.UnstableError:
            return None
        errors = errors + np.mean(abs(made - x) ** 2, axis=1) / channels
    return np.sqrt(errors)


def downlink_evm(plan, cells, channels=12):
    """Return the EVM of what users receive without noise, after a gain of their own."""
    device, errors = chip(**cells), []
    for number in range(channels):
        H, x = MASSIVE.draw(number), gaussian((USERS, 40), 5, "sent", number)
        made = precoder(device, H, 0.0, plan)
        gains = np.diag(H.conj().T @ made.send(np.eye(USERS, dtype=complex)))
        errors.append(evm(H.conj().T @ made.send(x) / gains[:, None], x))
    return errors


def percent(values) -> str:
    return "unstable" if values is None else f"{100 * mean_square(values):.2f} %"


def evm_table() -> str:
    rows = []
    for name, cells in CELLS.items():
        figures = [uplink_evm(plan, cells) for plan in (PROGRAMMED, FIXED, COMPACT)]
        # The classic circuit has nine times as many amplifiers: fewer channels.
        figures.append(uplink_evm(GINV, cells, channels=4))
        figures += [downlink_evm(plan, cells) for plan in (CHAIN, COMPACT)]
        rows.append((name, *map(percent, figures)))
    head = ("cells", "inv, diagonal in cells", "inv, in resistors", "ginv, compact",
            "ginv, classic", "downlink, inverse and beams", "downlink, ginv-right")  # fmt: skip
    return table(head, rows)


def spread_table() -> str:
    cells, rows = {"write_noise": 0.005}, []
    alike = mean_square(uplink_evm(FIXED, cells, channels=40))
    for spread in (0.0, 10.0, 20.0, 30.0):
        powers = spread_powers(USERS, spread)
        users = uplink_evm(FIXED, cells, channels=40, powers=powers)
        law = alike / np.sqrt(powers)
        scaled = uplink_evm(PROGRAMMED, cells, powers=powers)
        raw = uplink_evm(Plan(equalise=False, options=SolverOptions("programmed")), cells,
                         powers=powers)  # fmt: skip
        rows.append((
            f"{spread:g} dB", f"{100 * users[0]:.2f} %", f"{100 * law[0]:.2f} %",
            f"{100 * users[-1]:.3f} %", f"{100 * law[-1]:.3f} %", percent(users),
            f"{100 * scaled[0]:.1f} %", "unstable" if raw is None else f"{100 * raw[0]:.1f} %",
        ))  # fmt: skip
    head = ("spread", "weakest user", "law", "strongest user", "law", "all",
            "weakest, diagonal in cells", "and not scaled")  # fmt: skip
    return table(head, rows)


def methods_table() -> str:
    rows = []
    for rho in (0.0, 0.7):
        for name in ("inv", "cg", "chebyshev", "richardson", "jacobi"):
            rows.append((f"{rho:g}", name, *_ends(name, Kronecker(ANTENNAS, USERS, rho))))
    head = ("correlation", "solver", "error", "inverse of the same cells", "products")
    return table(head, rows)


def _ends(name, channel, channels=6):
    """Return the error of a solver, of the exact inverse of its cells, and products a system."""
    device, errors, exact, ended = chip(write_noise=0.01), [], [], ""
    for number in range(channels):
        H, x = channel.draw(number), gaussian((USERS, 20), 5, "sent", number)
        G = H.conj().T @ H
        d = 1 / np.sqrt(np.diag(G).real)
        A = d[:, None] * G * d
        A[np.diag_indices(USERS)] = 1.0
        solver = gram_solver(name, device, A)
        errors.append(evm(solver.solve(A @ x), x))
        if name == "inv":
            continue
        ended = solver.ended or ended
        held = solver.product.remainder.look(np.eye(2 * USERS)) + np.eye(2 * USERS)
        b = A @ x
        real, imaginary = np.split(np.linalg.solve(held, np.vstack([b.real, b.imag])), 2)
        exact.append(evm(real + 1j * imaginary, x))
    if name == "inv":
        return percent(errors), "", ""
    operations = sum(int(row["count"]) for held, row in device.ledger.sums("operation")
                     if held.kind == "mvm")  # fmt: skip
    each = operations / channels / 20
    return (ended or percent(errors)), percent(exact), "" if ended else f"{each:.1f}"


# -- bit-error rates -----------------------------------------------------------------------------


def loss(name, plan, cells, direction="uplink"):
    """Return the ratios of a rate of 1e-3 by the chip and by its twin [dB]."""
    around = EXPECTED[name]
    ratios = around + np.array([-0.6, 0.0, 0.6, 3.0])
    link = Link(MASSIVE, modulation(name), direction=direction)
    curve = run_link(link, chip(**cells), ratios, plan=plan, channels=100, bits=200_000)
    return curve.snr_at(RATE), curve.snr_at(RATE, digital=True)


def losses_table() -> str:
    ways = {
        "diagonal in resistors, 1 % noise": (FIXED, CELLS["1 % noise"]),
        "the same, 64 levels, 0.5 %": (FIXED, CELLS["64 levels, 0.5 %"]),
        "the same, 2 % noise": (FIXED, CELLS["2 % noise"]),
        "the same, 16 levels": (FIXED, CELLS["16 levels"]),
        "diagonal in cells, 1 % noise": (PROGRAMMED, CELLS["1 % noise"]),
        "ginv, compact, 1 % noise": (COMPACT, CELLS["1 % noise"]),
        "downlink, inverse and beams, 1 % noise": (CHAIN, CELLS["1 % noise"], "downlink"),
    }
    twins, rows = {}, []
    for way, asked in ways.items():
        cells_of_row = []
        for name in MODULATIONS:
            analog, digital = loss(name, *asked)
            twins.setdefault(name, digital)
            cells_of_row.append(
                f"{analog - digital:.2f} dB" if np.isfinite(analog) else "more than 3 dB"
            )
        rows.append((way, *cells_of_row))
    rows.insert(0, ("SNR without hardware", *(f"{twins[name]:.2f} dB" for name in MODULATIONS)))
    return table(("loss at BER 1e-3", *MODULATIONS), rows)


def closed_table() -> str:
    rows = []
    for name in MODULATIONS:
        link = Link(MASSIVE, modulation(name))
        ratios = [snr for snr in np.arange(-4.0, 16.0, 2.0) if closed_form(link, snr) > 1e-2]
        curve = run_link(link, chip(), ratios, plan=Plan("digital"), channels=200)
        off = [p.digital.rate / closed_form(link, p.snr_db) - 1 for p in curve.points]
        rows.append((name, len(off), f"{100 * min(off):+.1f} to {100 * max(off):+.1f} %"))
    return table(("modulation", "points above 1e-2", "counted over closed form"), rows)


def costs_table() -> str:
    rows = []
    for vectors in (14, 168, 1460):
        study = BitErrorStudy(channels=6, symbol_vectors=vectors, snr=16.0)
        device = amc.Chip(opamp="onchip-1g", write_noise=0.01, seed=1, cost_sample=4)
        curve = study.curve(device)
        cost = device.cost()
        costs, work = link_costs(curve, cost), cost.work.operated
        alone = sum(cost.time[part] for part in ("dac", "settle", "adc"))
        inverse = alone * cost.technology["macros"] / work.count
        bit, speed = costs["energy_per_bit_j"], costs["bits_per_second"]
        rows.append((
            vectors, f"{costs['time_s'] * 1e6:.0f} us", f"{costs['energy_j'] * 1e9:.0f} nJ",
            f"{inverse * 1e9:.0f} ns", f"{work.settling / work.count * 1e9:.1f} ns",
            f"{bit['counted'] * 1e12:.0f} pJ", f"{bit['ignored'] * 1e12:.0f} pJ",
            f"{speed['counted'] / 1e6:.2f} Mb/s", f"{speed['ignored'] / 1e6:.2f} Mb/s",
        ))  # fmt: skip
    head = ("vectors a writing", "one writing", "", "one inverse, converted", "settling",
            "a bit, writing counted", "ignored", "bits a second, counted", "ignored")  # fmt: skip
    return table(head, rows)


def refined_table() -> str:
    """Return rates of coarse inverses of 3 bits, refined, beside exact arithmetic."""
    rows = []
    for antennas, users, snr in ((16, 4, 19.0), (128, 8, 16.5), (128, 16, 20.0)):
        link = Link(Rayleigh(antennas, users), modulation("256qam"))
        for mapping in ("programmed", "fixed-diagonal"):
            shown, twin = [], None
            for iterations in (1, 2, 3, 4):
                options = SolverOptions(mapping, iterations=iterations, bits=24.0)
                curve = run_link(
                    link, chip(levels=8, write_noise=0.01), [snr], bits=200_000,
                    plan=Plan("refined", options=options), channels=60,
                )  # fmt: skip
                point = curve.points[0]
                twin = point.digital.rate
                shown.append("no answer" if point.failed else f"{point.analog.rate:.1e}")
            rows.append((f"{antennas} x {users}, {snr:g} dB", mapping, *shown, f"{twin:.1e}"))
    return table(("link", "mapping", "1", "2", "3", "4 iterations", "exact"), rows)


def figure() -> None:
    """Draw what `amcspice mimo ber` of the page draws."""
    curves = {}
    for name in MODULATIONS:
        study = BitErrorStudy(modulation=name)
        curves[name] = study.curve(chip(write_noise=0.01, seed=0), np.arange(0.0, 22.0, 3.0))
    save(bit_error_curves(curves), DOCS / "images" / "bit-errors.png")


SECTIONS = {
    "evm": evm_table, "losses": losses_table, "spread": spread_table, "methods": methods_table,
    "closed": closed_table, "costs": costs_table, "refined": refined_table,
}  # fmt: skip


def main() -> None:
    chosen = sys.argv[1:] or [*SECTIONS, "figure"]
    for name in chosen:
        if name == "figure":
            figure()
            continue
        made = SECTIONS[name]()
        print(f"{name}\n{made}", flush=True)
        for page in PAGES:
            text = page.read_text()
            marks = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
            pattern = re.escape(marks[0]) + ".*?" + re.escape(marks[1])
            filled = f"{marks[0]}\n{made}\n{marks[1]}"
            page.write_text(re.sub(pattern, lambda _, f=filled: f, text, flags=re.DOTALL))


if __name__ == "__main__":
    main()
