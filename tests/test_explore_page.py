"""The explorer in a browser: speed, keyboard, width, and what its copies give."""

from __future__ import annotations

import statistics
import subprocess
import sys
import threading
from pathlib import Path

import browser
import pytest

from amcspice.explore import Explorer, Session

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
from explore_picture import MOVE, moves, wait

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def explorer(tmp_path_factory):
    browser.require()
    made = Explorer(Session({}, tmp_path_factory.mktemp("explorer")))
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    yield made
    made.close()
    thread.join(timeout=10)


@pytest.fixture(scope="module")
def driver(tmp_path_factory, explorer):
    with browser.chromium(tmp_path_factory.mktemp("profile")) as chromium:
        browser.size(chromium, 1280)
        chromium.get(explorer.address)
        wait(chromium, "document.documentElement.dataset.ready")
        yield chromium


@pytest.fixture
def opened(driver, explorer):
    """The page as it begins, without complaints at the end and with no request elsewhere."""
    browser.size(driver, 1280)
    browser.media(driver)
    browser.requests(driver, explorer.address)
    driver.get(explorer.address)
    wait(driver, "document.documentElement.dataset.ready")
    yield driver
    asked = browser.requests(driver, explorer.address)
    assert len(asked) > 6
    assert [url for url in asked if not url.startswith((explorer.address, "data:", "blob:"))] == []
    assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []


def rest(driver):
    """Wait until the error budget of what is shown is there."""
    wait(driver, "!document.documentElement.classList.contains('waiting')")


def text(driver, name):
    return driver.execute_script("return document.getElementById(arguments[0]).textContent", name)


def figures(driver):
    """Return the figures of the page by name."""
    return driver.execute_script(
        "return Object.fromEntries([...document.querySelectorAll('#figures > div')].map("
        "(each) => [each.querySelector('dt').textContent, each.querySelector('dd').textContent]))"
    )


def test_a_slider_is_followed(opened):
    seconds = moves(opened)
    print(f"median {statistics.median(seconds):.0f} ms, p90 {sorted(seconds)[21]:.0f} ms")
    assert len(seconds) == 24
    assert statistics.median(seconds) < 2000  # of a machine with much else to do
    assert opened.execute_script("return document.documentElement.dataset.drawn") == "25"


def test_a_circuit_without_drawing_shows_none(opened):
    """As one of another package; what the browser says of a picture that is missing is read."""
    for name, hidden in (("nothing", "true"), ("inv", "false")):
        opened.execute_script(f"document.getElementById('drawing').src = 'circuit/{name}.svg'")
        wait(opened, f"document.getElementById('drawn').hidden === {hidden}")
    assert ["nothing.svg" in entry["message"] for entry in opened.get_log("browser")] == [True]


def test_figures_follow_a_slider_and_its_copy_gives_them(opened):
    before = figures(opened)
    opened.execute_async_script(MOVE, "control-write_noise", 5)
    rest(opened)
    after = figures(opened)
    assert before["relative error"] != after["relative error"]
    assert "write noise" in text(opened, "budget")
    copied = text(opened, "text")
    assert "write_noise" in copied
    done = subprocess.run(
        [sys.executable, "-c", copied], capture_output=True, text=True, check=True
    )
    printed = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines() if "[[" not in line)
    shown = {
        "relative error": f"{100 * float(printed['relative error']):.3g} %",
        "settling": f"{1e9 * float(printed['settling time [s]']):.4g} ns",
        "power": f"{1e3 * float(printed['power [W]']):.4g} mW",
        "energy": f"{1e12 * float(printed['energy [J]']):.4g} pJ",
    }
    assert {name: after[name] for name in shown} == shown


def test_with_the_keyboard_alone(opened):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    def press(*keys):
        for key in keys:
            ActionChains(opened).send_keys(key).perform()

    def focused():
        return opened.execute_script("return document.activeElement.id")

    press(Keys.TAB)
    reached = []
    while "control-gbw" not in reached and len(reached) < 60:
        press(Keys.TAB)
        reached.append(focused())
    for name in ("problem", "matrix", "columns", "circuit", "device", "wire_resistance", "opamp"):
        assert f"control-{name}" in reached
    before = figures(opened)["settling"]
    press(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    rest(opened)
    assert focused() == "control-gbw"
    assert figures(opened)["settling"] != before
    # The button that puts it back stands before its slider.
    ActionChains(opened).key_down(Keys.SHIFT).send_keys(Keys.TAB).key_up(Keys.SHIFT).perform()
    assert opened.execute_script("return document.activeElement.title").startswith("as preset")
    press(Keys.ENTER)
    rest(opened)
    assert figures(opened)["settling"] == before


def test_on_a_phone_nothing_is_too_wide(opened):
    browser.size(opened, 390, 844)
    opened.refresh()
    wait(opened, "document.documentElement.dataset.ready")
    rest(opened)
    width = "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    whole, seen = opened.execute_script(width)
    assert whole <= seen <= 390
    assert opened.execute_script(
        "return [...document.querySelectorAll('main figure')].every("
        "(each) => each.getBoundingClientRect().right <= innerWidth)"
    )


def test_what_never_rests_is_said_and_shown(opened):
    opened.execute_script(
        "for (const [name, value] of [['problem', 'lasso'], ['circuit', 'lca'],"
        " ['opamp', 'ad8606']]) {"
        "const control = document.getElementById(`control-${name}`);"
        "control.value = value; control.dispatchEvent(new Event('change')); }"
    )
    wait(opened, "document.getElementById('title').textContent === 'lasso on lca'")
    rest(opened)
    assert figures(opened)["settling"].startswith("> ")
    assert "It did not come to rest within the " in text(opened, "caption")
    assert "most_steps=" in text(opened, "text")
    widths = "return [...document.querySelectorAll('#figures dd')].map("
    widths += "(each) => each.scrollWidth <= each.clientWidth)"
    for width in (1280, 390):
        browser.size(opened, width)
        assert all(opened.execute_script(widths)), width
    opened.get_log("browser")  # it has no error budget, and the browser tells of an answer of 422


def test_an_own_matrix_and_what_is_refused(opened):
    opened.execute_script(
        "document.getElementById('numbers').value = '1 0.2\\n0.3 0.8\\n0.5 0.5';"
        "document.getElementById('take').click();"
    )
    wait(opened, "document.getElementById('what').textContent.startsWith('3 x 2 matrix.csv')")
    rest(opened)
    assert "np.array([[1. , 0.2]," in text(opened, "text")
    opened.execute_script(
        "const problem = document.getElementById('control-problem');"
        "problem.value = 'inv'; problem.dispatchEvent(new Event('change'));"
    )
    wait(opened, "!document.getElementById('trouble').hidden")
    assert "square" in text(opened, "trouble")
    opened.get_log("browser")  # an answer of 422 is told by the browser
