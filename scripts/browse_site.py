"""Drive a built site through headless Chromium, page by page, at 390 and at 1280 pixels,
without a network.

No page may be wider than the window, ask for anything that is not a file of the site, or write an
error to the console. ``--dark`` asks for dark colours; ``--pictures FOLDER`` keeps a picture of
each page that is named.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

ROOT = Path(__file__).resolve().parents[1]
WIDTHS = (390, 1280)
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip


def start(dark):
    """Return a browser that logs what it asks for."""
    options = Options()
    options.binary_location = shutil.which("chromium") or shutil.which("chrome") or ""
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    if dark:
        colours = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", colours)
    return browser


def asked_for(browser):
    """Yield the addresses that the browser has asked for since the last call."""
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            yield message["params"]["request"]["url"]


def complaints(browser, site, page, width):
    """Open a page and yield what is wrong with it."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get((site / page).as_uri())
    needed = browser.execute_script("return document.documentElement.scrollWidth")
    if needed > width:
        yield f"{page}: {needed} pixels wide in a window of {width}"
    for address in asked_for(browser):
        if not address.startswith((site.as_uri(), "data:")):
            yield f"{page}: asks for {address}"
    for entry in browser.get_log("browser"):
        if entry["level"] == "SEVERE":
            yield f"{page}: {entry['message']}"


def picture(browser, path):
    """Keep a picture of the whole page."""
    height = browser.execute_script("return document.documentElement.scrollHeight")
    width = browser.execute_script("return innerWidth")
    size = {"width": width, "height": min(height, 8000), "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.save_screenshot(str(path))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", help="such as guide.html; default: all")
    parser.add_argument("--site", type=Path, default=ROOT / "docs" / "_build" / "html")
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--pictures", type=Path)
    given = parser.parse_args(arguments)
    site = given.site.resolve()
    every = [path.relative_to(site).as_posix() for path in sorted(site.rglob("*.html"))]
    pages = given.pages or [page for page in every if not page.startswith("_")]
    found = []
    browser = start(given.dark)
    try:
        for width in WIDTHS:
            for page in pages:
                found += complaints(browser, site, page, width)
                if given.pictures:
                    name = page.replace("/", "-").removesuffix(".html")
                    given.pictures.mkdir(parents=True, exist_ok=True)
                    picture(browser, given.pictures / f"{name}-{width}.png")
    finally:
        browser.quit()
    print("\n".join(found))
    print(f"{len(pages)} pages at {WIDTHS} pixels: {len(found)} complaints")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
