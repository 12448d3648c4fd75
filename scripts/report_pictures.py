"""Write the pictures of docs/sweep-report.md: run a small sweep, plot it, photograph its report."""

from __future__ import annotations

import argparse
import base64
import sys
import tempfile
import time
from pathlib import Path

from amcspice.cli.sweep_points import chosen_sweep, read_points
from amcspice.files import replacing
from amcspice.pool import usable_cores
from amcspice.sweep.execute.run import run_sweep
from amcspice.sweep.point import units
from amcspice.sweep.spec.plan import make_grid, make_plan
from amcspice.sweep.spec.specification import parse_spec
from amcspice.sweep.store.store import Store
from amcspice.view.live import live_view
from amcspice.view.report import report
from amcspice.view.style import save
from amcspice.view.sweep_plots import choose, sweep_plot

ROOT = Path(__file__).resolve().parents[1]

SPEC = """\
name = "Settling against size"
repeats = 5

[base]
problem = "nnls"
fidelity = "behavioural"

[axes]
circuit = ["ginv-classic", "ginv-compact"]
columns = [4, 6, 8, 12, 16]
gbw = ["10 MHz", "100 MHz", "1 GHz"]
"""


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    folder = parser.parse_args(arguments).out
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "runs.sqlite"
        run(path)
        with Store.open(path, read_only=True) as store:
            sweep = chosen_sweep(store, None)
            points = read_points(store, sweep, {})
            page = report(
                points, title=sweep.name, command=store.command, provenance=store.provenance,
                spec=sweep.spec,
            )  # fmt: skip
        save(sweep_plot(points, choose(points)), folder / "sweep-lines.svg")
        heat = choose(points, kind="heat", y="energy_median_j")
        save(sweep_plot(points, heat), folder / "sweep-heat.svg")
        source = Path(temporary) / "report.html"
        source.write_text(page, encoding="utf-8")
        photograph(source, Path(temporary) / "profile", folder / "sweep-report.png")
    return 0


def run(path):
    """Run the sweep into a store."""
    plan = make_plan(make_grid(parse_spec(SPEC)))
    with (
        Store.open(path, create=True, own=True) as store,
        live_view(axes=list(plan.grid.named()), units=units()) as view,
    ):
        store.add_sweep(plan.name, SPEC, plan.grid.named(), keys=plan.keys, units=units())
        run_sweep(plan, store, jobs=usable_cores(), observer=view)


def photograph(page, profile, picture):
    """Write what a browser shows of the beginning of a page."""
    sys.path.insert(0, str(ROOT / "tests"))
    from browser import chromium, media, size

    with chromium(profile) as driver:
        size(driver, 1180, 1250)
        media(driver)
        driver.get(page.as_uri())
        until = time.monotonic() + 60
        drawn = "return document.querySelectorAll('#figures .plot .point').length > 0"
        while not driver.execute_script(drawn) and time.monotonic() < until:
            time.sleep(0.2)
        time.sleep(1)
        taken = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    with replacing(picture) as temporary:
        temporary.write_bytes(base64.b64decode(taken["data"]))


if __name__ == "__main__":
    sys.exit(main())
