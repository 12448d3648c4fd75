"""Write docs/images/explore.png: the explorer as it begins, photographed in Chromium.

``--moves`` times slider moves instead: until the frame in which all of the page follows.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from amcspice.explore import Explorer, Session

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "images" / "explore.png"
sys.path.insert(0, str(ROOT / "tests"))

MOVE = """
const [input, done] = [document.getElementById(arguments[0]), arguments[arguments.length - 1]];
const before = document.documentElement.dataset.drawn, from = performance.now();
input.value = Number(input.value) + arguments[1];
input.dispatchEvent(new Event("input", { bubbles: true }));
const look = () => document.documentElement.dataset.drawn === before
  ? requestAnimationFrame(look) : requestAnimationFrame(() => done(performance.now() - from));
look();
"""
"""Moves a slider, and returns how long it takes until the frame after all was drawn [ms]."""

SLIDERS = ("write_noise", "gbw", "wire_resistance", "gain")


def wait(driver, condition, seconds=120):
    until = time.monotonic() + seconds
    while not driver.execute_script(f"return Boolean({condition})"):
        if time.monotonic() > until:
            raise TimeoutError(condition)
        time.sleep(0.02)


def moves(driver, count=24):
    """Return the times of slider moves, there and back [ms]."""
    steps = [(SLIDERS[k % 4], 1 if k % 8 < 4 else -1) for k in range(count)]
    return [driver.execute_async_script(MOVE, f"control-{name}", step) for name, step in steps]


def main(arguments=None):
    import browser

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moves", action="store_true", help="time 24 slider moves")
    parser.add_argument("--out", type=Path, default=PICTURE)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, browser.chromium(f"{folder}/profile") as driver:
        explorer = Explorer(Session({}, Path(folder)))
        explorer.figures(explorer.session.start)
        threading.Thread(target=explorer.run, daemon=True).start()
        browser.size(driver, 1280, 900)
        driver.get(explorer.address)
        wait(driver, "document.documentElement.dataset.ready")
        if asked.moves:
            times = sorted(moves(driver))
            print(f"median {statistics.median(times):.0f} ms, p90 {times[21]:.0f} ms")
        else:
            wait(driver, "!document.documentElement.classList.contains('waiting')")
            time.sleep(0.5)
            driver.save_screenshot(str(asked.out))
        explorer.close()


if __name__ == "__main__":
    main()
