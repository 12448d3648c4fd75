"""Draw the figures of docs/devices.md and fill its tables; takes some minutes.

Arguments name single parts: ``scripts/device_figures.py switching programming circuits drift``.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import amcspice as amc
from amcspice.engine import get_simulator
from amcspice.netlist.deck import Deck, model_library
from amcspice.pool import usable_cores
from amcspice.programming.pulse import Pulse
from amcspice.programming.pulsed import SelectedCells
from amcspice.view.programming import programming
from amcspice.view.style import COLOURS, legend, save, styled

ROOT = Path(__file__).resolve().parents[1]
PAGE, IMAGES = ROOT / "docs" / "devices.md", ROOT / "docs" / "images"
LEVELS = np.linspace(5e-6, 100e-6, 16)
HALF_LEVEL = (LEVELS[1] - LEVELS[0]) / 2
SEEDS = range(10)


def write_verify(read_noise, shape=(32, 32), seed=1):
    """Return an array of random levels after write-verify."""
    target = np.random.default_rng(0).choice(LEVELS, shape)
    schedule = amc.WriteVerify(read_noise=read_noise)
    return amc.write_verify(target, schedule=schedule, seed=seed, jobs=usable_cores())


@styled
def switching():
    """Loop of current over voltage, and conductance after rising pulses."""
    figure = Figure(figsize=(9.0, 3.6), layout="constrained")
    loop, trains = figure.subplots(1, 2)
    for index, period in enumerate((1e-6, 10e-6)):
        text = "\n".join([
            "* one cell under a triangle", model_library("memristor"),
            "X0 bl wl 0 x amc_1t1r x0=0.01", "Vwl wl 0 3",
            f"Vbl bl 0 PWL(0 0 {period / 4} 1.4 {3 * period / 4} -1.4 {period} 0)",
            ".options reltol=1e-5 method=trap", ".save v(bl) i(vbl) v(x)",
            f".tran {period / 1000} {period} 0 {period / 1000} uic", ".end",
        ])  # fmt: skip
        found = get_simulator().run(Deck(text + "\n", ("bl", "vbl#branch", "x"), period))
        loop.plot(
            found["bl"], -found["vbl#branch"] * 1e6, color=COLOURS[index],
            linestyle=("-", "--")[index], label=f"period {period * 1e6:g} µs",
        )  # fmt: skip
    loop.set_xlabel("bit line − source line (V)")
    loop.set_ylabel("current (µA)")
    cell, schedule = amc.SwitchingCell(), amc.WriteVerify()
    nominal = {"gon": cell.g_on, "vset": cell.set_threshold, "vreset": cell.reset_threshold,
               "kset": cell.set_rate, "kreset": cell.reset_rate}  # fmt: skip
    widths = (50e-9, 100e-9, 200e-9)
    for index, width in enumerate(widths):
        timed = dataclasses.replace(schedule, set_width=width, reset_width=width)
        state, conductance = np.array([cell.initial_state]), []
        train = np.arange(25)
        for amplitude in np.concatenate([timed.amplitude(s * np.ones(25), train) for s in (1, -1)]):
            drawn = {name: np.array([value]) for name, value in nominal.items()}
            pulse = Pulse(SelectedCells(cell), timed, np.array([amplitude]), state, drawn)
            after = pulse.evaluate(get_simulator().run(pulse.deck()))
            state = after.state
            conductance.append(after.conductance[0] * 1e6)
        trains.plot(np.arange(1, 51), conductance, ".-", color=COLOURS[index], markersize=4,
                    label=f"{width * 1e9:g} ns wide")  # fmt: skip
    trains.axvline(25.5, color="0.6")
    trains.set_title("SET, 0.9 V + 20 mV a pulse | RESET, the same", loc="left")
    trains.set_xlabel("pulse")
    trains.set_ylabel("conductance read (µS)")
    legend(figure, place="under each")
    save(figure, IMAGES / "switching-cell.png")


def program():
    """Write-verify of 32 x 32 cells, at three noises of the verify read."""
    rows = []
    for noise in (0.0, 0.01, 0.02):
        found = write_verify(noise)
        content = found.summary(HALF_LEVEL)
        pulses, energy = content["pulses"], content["energy_j"]
        rows.append((
            f"{100 * noise:g} %", f"{100 * content['converged_fraction']:.4g} %",
            f"{100 * content['within_half_level']:.4g} %", f"{content['error_rms_s'] * 1e6:.2f} µS",
            f"{pulses['mean']:.1f}", f"{pulses['p95']:.0f}", f"{pulses['max']:.0f}",
            f"{energy['mean'] * 1e12:.0f} pJ", f"{energy['p95'] * 1e12:.0f} pJ",
        ))  # fmt: skip
        if noise == 0.01:
            save(programming(found, half_level=HALF_LEVEL), IMAGES / "write-verify.png")
    head = ("noise of a verify read", "within tolerance", "within half a level", "rms error",
            "pulses, mean", "95 %", "most", "energy a cell, mean", "95 %")  # fmt: skip
    fill("programming", table(head, rows))


def problem(seed):
    draw = np.random.default_rng(seed)
    A = draw.random((32, 8))
    return A, A @ (draw.random(8) * (draw.random(8) > 0.4)) + 0.1 * draw.standard_normal(32)


def errors(device, seeds=SEEDS, **options):
    """Return the relative errors of regressions on a circuit with such cells."""
    found = []
    for seed in seeds:
        A, b = problem(seed)
        chosen = device(A) if callable(device) else dataclasses.replace(device, seed=seed)
        circuit = amc.ClassicGINV(A, constraint=amc.NonNegative(), device=chosen)
        found.append(amc.simulate(circuit, b, **options).relative_error)
    return np.array(found)


def circuits():
    """Regressions on what write-verify leaves: the very array, and its distribution."""
    found = write_verify(0.01)
    plain = amc.Memristor(levels=16, g_min=LEVELS[0], g_max=LEVELS[-1])

    def exact(A):
        target = plain.quantise(A / A.max() * plain.g_max)
        schedule = amc.WriteVerify(read_noise=0.01)
        cells = [
            amc.write_verify(target, schedule=schedule, seed=k, jobs=usable_cores()).conductance
            for k in (1, 2)
        ]
        return dataclasses.replace(plain, programmed=np.stack(cells))

    drawn = dataclasses.replace(plain, write_errors=found.write_errors())
    rms = float(np.sqrt((found.error**2).mean()))
    normal = dataclasses.replace(plain, write_noise=rms / plain.g_max)
    rows = [
        (name, f"{np.median(e):.2e}", f"{e.max():.2e}", f"{len(e)}")
        for name, e in (
            ("16 levels, written exactly", errors(plain)),
            ("both arrays through write-verify", errors(exact, range(3))),
            ("errors drawn from its distribution", errors(drawn)),
            (f"normal write noise of its deviation ({100 * rms / plain.g_max:.2g} % of g_max)",
             errors(normal)),
        )
    ]  # fmt: skip
    fill("circuits", table(("cells", "median error", "largest", "problems"), rows))


@styled
def drift():
    """Error of a regression over the time since programming."""
    times = np.geomspace(1, 1e6, 7)
    figure = Figure(figsize=(6.0, 3.8), layout="constrained")
    axis = figure.subplots()
    for index, spread in enumerate((0.0, 0.002, 0.005)):
        drifting = amc.Memristor(drift_exponent=0.01, drift_spread=spread)
        aged = [dataclasses.replace(drifting, drift_time=float(t)) for t in times]
        medians = [np.median(errors(device, fidelity="behavioural")) for device in aged]
        axis.semilogx(times, medians, "o-", color=COLOURS[index], label=f"0.01 ± {spread:g}")
    axis.set_xlabel("time since programming, t / t0")
    axis.set_ylabel("median relative error")
    axis.set_ylim(0)
    legend(figure, title="drift exponent")
    save(figure, IMAGES / "drift.png")


def table(head, rows):
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def fill(name, content):
    """Replace what stands between the markers of a table."""
    text, count = re.subn(
        rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)",
        lambda found: f"{found[1]}{content}\n{found[2]}",
        PAGE.read_text(),
        flags=re.DOTALL,
    )
    assert count == 1, f"{PAGE.name} has no place for the table {name!r}"
    PAGE.write_text(text)


PARTS = {"switching": switching, "programming": program, "circuits": circuits, "drift": drift}


def main(names):
    for name in names or PARTS:
        assert name in PARTS, f"there is no part {name!r}; choose from {', '.join(PARTS)}"
        PARTS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
