"""The report of a sweep: what stands in the page, and what it does in a browser."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import browser
import numpy as np
import pytest
from sweep_frames import ERROR, PARAMETERS, UNITS, command, make_axes, make_frame

import amcspice as amc
from amcspice.view.choice import choose
from amcspice.view.points import Points
from amcspice.view.report import report
from amcspice.view.sweep_curves import curves

ROOT = Path(__file__).resolve().parents[1]

PROVENANCE = [
    {"amcspice": "0.1.0", "ngspice": "46", "points": 200},
    {"amcspice": "0.1.0", "ngspice": "39", "points": 25},
]


def make_points(axes=None, **how):
    axes = axes or make_axes()
    return Points(make_frame(axes, **how), axes, UNITS, PARAMETERS)


def make_page(points, **how):
    how = {"title": "Settling against size", "command": command, "provenance": PROVENANCE} | how
    return report(points, **how)


def embedded(page):
    """Return the data that the scripts of a page work on."""
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    return json.loads(match[1])


@pytest.fixture(scope="module")
def points():
    return make_points()


@pytest.fixture(scope="module")
def page(points):
    return make_page(points, spec='name = "settling"\n[axes]\ncolumns = [8, 16]\n', left=3)


def test_nothing_is_loaded_from_elsewhere(page):
    markup = re.sub(r'<script type="text/plain".*?</script>', "", page, flags=re.S)
    assert set(re.findall(r'<(?:link|script|img|iframe)[^>]*?(?:src|href)="([^"]*)"', markup)) == {
        "data:,"
    }
    assert "default-src 'none'" in page
    assert "@import" not in markup


def test_every_point_stands_in_the_page(points, page):
    data = embedded(page)
    assert data["keys"] == list(points.frame["key"])
    assert data["commands"] == [command(key) for key in points.frame["key"]]
    stored = points.numbers("settling_time_median_s")
    shown = np.array(data["values"]["settling_time_median_s"], dtype=float)
    np.testing.assert_allclose(shown, stored, rtol=1e-5)
    assert data["values"]["gbw"] == list(points.frame["gbw"])
    failed = points.frame["status"] == "failed"
    assert data["failed"] == list(np.flatnonzero(failed))
    assert set(data["errors"].values()) == {ERROR}


def test_summary_counts(points, page):
    figures = dict(
        (name, value) for name, value in re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd></div>", page)
    )
    assert figures["points"] == "225"
    assert figures["failed"] == str((points.frame.status == "failed").sum())
    assert figures["not settled"] == str((points.frame.settled == 0).sum())
    assert figures["not run yet"] == "3"
    assert figures["gain"] == "100000"  # held constant


def test_failures_are_grouped_by_reason(points):
    points = make_points()
    first = points.failed.index[0]
    points.frame.loc[first, "error"] = "this circuit is unstable"
    page = make_page(points)
    counts = re.findall(r'<span class="count">(\d+) ×</span> ([^<]*)<', page)
    assert counts == [
        (str(len(points.failed) - 1), "simulation failed: timestep too small; time = 1.2e-08"),
        ("1", "this circuit is unstable"),
    ]
    assert f'data-key="{points.frame.key[first]}"' in page


def test_a_long_sweep_is_thinned_and_says_so(points):
    page = make_page(points, most=50, export="amcspice sweep export runs.sqlite --out points.csv")
    text = " ".join(re.sub("<[^>]*>", "", page).split())
    assert "This page holds 50 of 225 points" in text
    assert "All of them: amcspice sweep export runs.sqlite --out points.csv" in text
    assert len(embedded(page)["keys"]) == 50
    assert ">225<" in page  # the summary is of all


def test_the_same_points_give_the_same_page(points, page, monkeypatch):
    again = make_page(make_points(), spec='name = "settling"\n[axes]\ncolumns = [8, 16]\n', left=3)
    written = r"Written [-0-9: ]* UTC"
    assert re.sub(written, "", again) == re.sub(written, "", page)


def test_nothing_to_report_is_refused(points):
    empty = Points(points.frame.iloc[:0], points.axes, UNITS, PARAMETERS)
    with pytest.raises(amc.InputError, match="no point has been run"):
        make_page(empty)


def test_a_sweep_that_only_failed_has_a_page():
    points = make_points(make_axes(seeds=1))
    points.frame["status"], points.frame["error"] = "failed", "no"
    for name in points.metrics:
        points.frame[name] = None
    points = Points(points.frame, points.axes, UNITS, PARAMETERS)
    data = embedded(make_page(points))
    assert data["plots"] == []
    assert len(data["failed"]) == len(points.frame)


@pytest.mark.parametrize("theme", [":root", "html.dark"])
def test_contrast_is_that_of_good_print(page, theme):
    block = page[page.index(f"{theme} {{") :].split("}")[0]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))

    def luminance(colour):
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for text in ("ink", "soft", "accent", "bad", "good"):
        for ground in ("page", "card"):
            low, high = sorted(luminance(colours[name]) for name in (text, ground))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (theme, text, ground)


def test_a_wheel_holds_the_page(tmp_path):
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-Cwheel.cmake=false"]
    subprocess.run([*command, "-o", tmp_path, ROOT], check=True, capture_output=True)
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    for name in ("report.html.j2", "report.css", "report.js"):
        assert f"amcspice/view/templates/{name}" in names


def test_without_a_browser_tests_are_skipped_or_fail(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv(browser.REQUIRED, raising=False)
    with pytest.raises(pytest.skip.Exception, match="not installed: chromium, chromedriver"):
        browser.require()
    monkeypatch.setenv(browser.REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match="not installed"):
        browser.require()


# In a browser


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    browser.require()
    with browser.chromium(tmp_path_factory.mktemp("profile")) as chromium:
        yield chromium


@pytest.fixture(scope="module")
def address(page, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page, encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def loaded(driver, address):
    """Return the driver with the page in a tab of its own, which the tests share."""
    open_page(driver, address)
    return driver, driver.current_window_handle


@pytest.fixture
def opened(loaded):
    driver, tab = loaded
    driver.switch_to.window(tab)
    yield driver
    browser.media(driver)
    browser.size(driver, 1280)
    driver.execute_script(
        "document.getElementById('close').click(); scrollTo(0, 0);"
        "const search = document.querySelector('.dt-search input');"
        "search.value = ''; search.dispatchEvent(new Event('input', {bubbles: true}));"
    )
    assert errors(driver) == []


@pytest.fixture
def other_tab(driver):
    before = driver.current_window_handle
    driver.switch_to.new_window("tab")
    yield driver
    driver.close()
    driver.switch_to.window(before)


def open_page(driver, address):
    browser.size(driver, 1280)
    browser.media(driver)
    driver.get(address)
    state = "document.documentElement.dataset.ready || !document.getElementById('trouble').hidden"
    wait(driver, state)


def wait(driver, condition, seconds=60):
    """Wait until a JavaScript expression holds."""
    until = time.monotonic() + seconds
    while not driver.execute_script(f"return Boolean({condition})"):
        assert time.monotonic() < until, f"never: {condition}"
        time.sleep(0.05)


def until_it_works(chain, condition, tries=20):
    """Do what a hand does until it has an effect."""
    for _ in range(tries):
        chain.perform()
        until = time.monotonic() + 2
        while time.monotonic() < until:
            if condition():
                return
            time.sleep(0.05)
    raise AssertionError("it has no effect")


def show(driver, selector):
    script = "document.querySelector(arguments[0]).scrollIntoView({block: 'center'})"
    driver.execute_script(script, selector)


def draw_all(driver):
    driver.execute_script("document.querySelectorAll('.plot').forEach((plot) => plot.draw())")


def column(driver, title):
    """Return the texts of a column of the table as shown."""
    return driver.execute_script(
        "const at = [...document.querySelectorAll('#table thead th')]"
        ".findIndex((cell) => cell.textContent.trim() === arguments[0]);"
        "return [...document.querySelectorAll('#table tbody tr')]"
        ".map((row) => row.cells[at].textContent);",
        title,
    )


def value(text):
    """Return the number that a cell shows."""
    number, _, unit = text.partition(" ")
    factor = {"n": 1e-9, "µ": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9}.get(unit[:1], 1.0)
    return float(number) * (factor if len(unit) > 1 else 1.0)


def by_text(driver, selector, text):
    from selenium.webdriver.common.by import By

    return next(
        element
        for element in driver.find_elements(By.CSS_SELECTOR, selector)
        if element.text.strip() == text
    )


def errors(driver):
    return [entry for entry in driver.get_log("browser") if entry["level"] != "INFO"]


def test_it_opens_without_errors_and_without_network(opened, address):
    draw_all(opened)
    assert opened.execute_script("return document.documentElement.dataset.ready") == "yes"
    asked = browser.requests(opened, address)
    assert asked[0] == address
    assert {url.split(":")[0] for url in asked} <= {"file", "blob", "data"}
    assert [url for url in asked if url.startswith("file:")] == [address]


def test_plots_show_the_medians_and_exponents_of_the_points(opened, points):
    draw_all(opened)
    drawn = opened.execute_script(
        "return [...document.querySelector('#figures figure').querySelectorAll('.plot')].map("
        "(plot) => plot.data.filter((trace) => trace.name).map("
        "(trace) => ({name: trace.name, y: [...trace.y]})))"
    )
    for panel, (_, members) in zip(drawn, curves(points, choose(points)), strict=True):
        for trace, curve in zip(panel, members, strict=True):
            np.testing.assert_allclose(trace["y"], curve.median, rtol=1e-5)
            growth = f"{curve.growth.exponent:.2f} ± {curve.growth.error:.2f}"
            assert trace["name"] == f"{curve.label}  ∝ columns<sup>{growth}</sup>"


def test_captions_and_alternative_texts_say_what_is_drawn(opened, points):
    caption = opened.execute_script("return document.querySelector('figcaption').textContent")
    failed = (points.frame.status == "failed").sum()
    unsettled = (points.frame.settled == 0).sum()
    assert f"{225 - failed - unsettled} of 225 points; {failed} failed" in caption
    assert f"{unsettled} without a value (not settled)" in caption
    assert "Median and quartiles over seed (5)" in caption
    texts = opened.execute_script(
        "return [...document.querySelectorAll('[role=img]')].map((one) => one.ariaLabel)"
    )
    assert len(texts) == 18
    assert all(text.startswith("Plot: ") for text in texts)
    assert "circuit ginv-classic" in texts[0]


def test_a_click_on_a_header_sorts(opened):
    show(opened, "#table")
    header = by_text(opened, "#table thead th", "settling time, median")
    for rising in (True, False):
        header.click()
        order = "ascending" if rising else "descending"
        wait(opened, f"document.querySelector('#table thead [aria-sort={order}]')")
        shown = [value(text) for text in column(opened, "settling time, median") if text != "none"]
        assert len(shown) > 10
        assert shown == sorted(shown, reverse=not rising)


def test_a_search_filters(opened, points):
    from selenium.webdriver.common.by import By

    show(opened, "#table")
    search = opened.find_element(By.CSS_SELECTOR, ".dt-search input")
    search.send_keys("failed")
    failed = (points.frame.status == "failed").sum()
    assert column(opened, "status") == ["failed"] * failed
    search.clear()
    search.send_keys("compact 100 MHz")
    wait(opened, "document.querySelector('.dt-info').textContent.includes('of 75 ') === false")
    assert set(column(opened, "circuit")) == {"ginv-compact"}
    assert set(column(opened, "GBW")) == {"100 MHz"}
    assert "1 to 25 of 25 points" in opened.find_element(By.CSS_SELECTOR, ".dt-info").text


def test_a_click_on_a_row_shows_its_command(opened, points):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    show(opened, "#table tbody tr")
    row = opened.find_elements(By.CSS_SELECTOR, "#table tbody tr")[3]
    row.find_elements(By.TAG_NAME, "td")[2].click()
    point = opened.find_element(By.ID, "point")
    assert point.is_displayed()
    key = row.find_element(By.TAG_NAME, "button").get_attribute("data-key")
    assert opened.find_element(By.ID, "command").text == command(key)
    index = list(points.frame.key).index(key)
    assert f"seed\n{points.frame.seed[index]}\n" in point.text
    assert "chosen" in row.get_attribute("class")
    opened.find_element(By.ID, "copy").click()
    wait(opened, "document.getElementById('copied').textContent === 'Copied.'")
    opened.find_element(By.TAG_NAME, "body").send_keys(Keys.ESCAPE)
    assert not point.is_displayed()


def test_a_failed_point_shows_its_error(opened, points):
    from selenium.webdriver.common.by import By

    key = points.failed["key"].iloc[0]
    show(opened, "#failures")
    opened.find_element(By.CSS_SELECTOR, f'.failure [data-key="{key}"]').click()
    assert opened.find_element(By.ID, "error").text == ERROR
    assert opened.find_element(By.ID, "command").text == command(key)


def ranges(driver):
    return driver.execute_script(
        "const plot = document.querySelector('#figures .plot');"
        "return [...plot.layout.xaxis.range, ...plot.layout.yaxis.range]"
    )


def test_dragging_zooms_and_a_button_shows_all_again(opened):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By

    show(opened, "#figures .plot")
    wait(opened, "document.querySelector('#figures .plot .nsewdrag')")
    before = ranges(opened)
    area = opened.find_element(By.CSS_SELECTOR, "#figures .plot .nsewdrag")
    chain = ActionChains(opened).move_to_element_with_offset(area, -40, -40).click_and_hold()
    chain.move_by_offset(60, 60).release().perform()
    wait(opened, f"document.querySelector('#figures .plot').layout.xaxis.range[0] > {before[0]}")
    zoomed = ranges(opened)
    assert before[0] < zoomed[0] < zoomed[1] < before[1]
    assert before[2] < zoomed[2] < zoomed[3] < before[3]
    button = opened.find_element(By.CSS_SELECTOR, "#figures .plot [data-val=reset]")
    opened.execute_script("arguments[0].dispatchEvent(new Event('click', {bubbles: true}))", button)
    wait(opened, f"document.querySelector('#figures .plot').layout.xaxis.range[0] < {zoomed[0]}")
    assert ranges(opened) == pytest.approx(before)


def test_a_click_on_a_point_shows_its_command(opened, points):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By

    show(opened, "#figures .plot")
    wait(opened, "document.querySelector('#figures .plot .point')")
    # The point of the first curve that is farthest from its median, so that nothing covers it.
    index, x, y = opened.execute_script(
        "const plot = document.querySelector('#figures .plot');"
        "const dots = plot.data.find((trace) => trace.customdata);"
        "const line = plot.data.find((trace) => trace.name);"
        "const far = (x, k) => Math.abs(Math.log(dots.y[k] / line.y[line.x.indexOf(x)]));"
        "const off = dots.x.map(far);"
        "const k = off.indexOf(Math.max(...off));"
        "const {xaxis, yaxis} = plot._fullLayout;"
        "const box = plot.getBoundingClientRect();"
        "return [dots.customdata[k], box.left + xaxis._offset + xaxis.d2p(dots.x[k]),"
        " box.top + yaxis._offset + yaxis.d2p(dots.y[k])];"
    )
    chain = ActionChains(opened)
    chain.w3c_actions.pointer_action.move_to_location(int(x - 6), int(y)).move_to_location(
        round(x), round(y)
    ).pause(0.3).click()
    until_it_works(chain, opened.find_element(By.ID, "point").is_displayed)
    assert opened.find_element(By.ID, "command").text == command(points.frame.key[index])
    hover = opened.execute_script("return document.querySelector('.hoverlayer').textContent")
    assert f"key {points.frame.key[index][:12]}" in hover
    assert "circuit: ginv-classic" in hover


def test_explorer_draws_what_is_asked_for(opened):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import Select

    show(opened, "#explorer")

    def set_to(**chosen):
        for name, text in chosen.items():
            Select(opened.find_element(By.NAME, name)).select_by_visible_text(text)

    def heading():
        return opened.find_element(By.CSS_SELECTOR, "#explored h3").text

    set_to(y="power total", x="GBW", by="circuit", panel="one panel", scale="linear")
    assert heading() == "Power total against GBW"
    wait(opened, "document.querySelector('#explored .plot .point')")
    plot = "document.querySelector('#explored .plot')"
    assert opened.execute_script(f"return {plot}.layout.yaxis.type") == "linear"
    names = opened.execute_script(f"return {plot}.data.map((t) => t.name).filter(Boolean)")
    assert names == ["ginv-classic", "ginv-compact", "inv"]
    set_to(kind="heat map", by="columns", panel="circuit")
    wait(opened, f"{plot}.data?.[0].type === 'heatmap'")
    set_to(by="nothing")
    assert "takes two parameters" in opened.find_element(By.ID, "explored").text
    set_to(by="columns", kind="distribution")
    assert heading() == "Distribution of power total by columns"
    wait(opened, f"{plot}.data?.[0].line?.shape === 'hv'")
    set_to(kind="lines", y="energy, median", x="settling time, median", by="circuit")
    wait(opened, f"{plot}.data?.[0].mode === 'markers'")
    assert opened.execute_script(f"return {plot}.data.map((trace) => trace.mode)") == ["markers"]


@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_any_width_in_both_themes(opened, width):
    browser.size(opened, width)
    browser.media(opened, "dark")
    wait(opened, "document.documentElement.classList.contains('dark')")
    draw_all(opened)
    fits = "Math.abs(plot._fullLayout.width - plot.clientWidth) <= 1"
    wait(opened, f"[...document.querySelectorAll('.plot')].every((plot) => {fits})")
    wide, inner = opened.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert wide <= inner
    shapes = opened.execute_script(
        "return [...document.querySelectorAll('.plot')].map((plot) => {"
        "  const plotted = plot.querySelector('.nsewdrag').getBoundingClientRect();"
        "  const legend = plot.querySelector('.legend')?.getBoundingClientRect();"
        "  const title = plot.querySelector('.xtitle').getBoundingClientRect();"
        "  return [plotted.width, plotted.height, legend ? legend.top - title.bottom : 0];"
        "})"
    )
    assert len(shapes) == 18
    for across, down, gap in shapes:
        assert across > 100
        assert down > 100
        assert gap > -3  # the legend stands below the axis


def test_theme_can_be_switched_and_plots_follow(opened):
    from selenium.webdriver.common.by import By

    show(opened, "#figures .plot")
    wait(opened, "document.querySelector('#figures .plot .point')")
    ink = "return document.querySelector('#figures .plot').layout.font.color"
    light = opened.execute_script(ink)
    opened.find_element(By.ID, "theme").click()
    assert opened.execute_script(ink) != light
    assert opened.execute_script("return document.documentElement.className") == "dark"


def test_print_leaves_out_what_cannot_be_used_on_paper(opened):
    browser.media(opened, medium="print")
    visible = opened.execute_script(
        "return ['nav', '#theme', '.dt-search', '#explore', '#provenance', '#table', '#figures']"
        ".map((name) => document.querySelector(name).checkVisibility())"
    )
    assert visible == [False, False, False, False, True, True, True]


def test_markup_in_names_and_errors_stays_text(other_tab, tmp_path):
    driver = other_tab
    hostile = "</script><script>document.title = 'broken'</script><img src=x onerror=alert(1)>"
    points = make_points(make_axes(columns=(8, 16), gbw=(1e8, 1e9), seeds=2))
    points.frame.loc[0, "status"], points.frame.loc[0, "error"] = "failed", hostile
    points.frame["circuit"] = points.frame["circuit"].replace("inv", hostile)
    hostile_points = Points(points.frame, {**points.axes, "circuit": [hostile]}, UNITS, PARAMETERS)
    path = tmp_path / "hostile.html"
    path.write_text(
        make_page(hostile_points, title=hostile, spec=hostile, command=lambda key: hostile)
    )
    open_page(driver, path.as_uri())
    driver.execute_script("document.querySelector('#table tbody td button').click()")
    assert errors(driver) == []
    assert driver.title == f"{hostile} - amcspice report"
    assert hostile in column(driver, "circuit")
    assert driver.execute_script("return document.getElementById('error').textContent") == hostile
    assert driver.execute_script("return document.querySelectorAll('img').length") == 0


@pytest.mark.slow
def test_five_thousand_points_stay_usable(other_tab, tmp_path, measured):
    from selenium.webdriver.common.by import By

    driver = other_tab
    axes = make_axes((8, 16, 32, 64, 128, 256, 512), (1e7, 1e8, 1e9, 1e10), 60)
    page = make_page(make_points(axes))
    assert len(page) < 8e6
    path = tmp_path / "large.html"
    path.write_text(page)
    open_page(driver, path.as_uri())
    assert "of 5,040 points" in driver.find_element(By.CSS_SELECTOR, ".dt-info").text
    show(driver, "#figures .plot")
    wait(driver, "document.querySelector('#figures .plot .point')")
    dots = driver.execute_script(
        "return document.querySelector('#figures .plot').data"
        ".filter((trace) => trace.customdata).reduce((sum, trace) => sum + trace.x.length, 0)"
    )
    assert 400 < dots <= 700
    assert "medians are of all" in driver.find_element(By.TAG_NAME, "figcaption").text
    show(driver, "#table")
    driver.find_element(By.CSS_SELECTOR, ".dt-search input").send_keys("failed")
    wait(driver, "document.querySelector('.dt-info').textContent.includes('(of 5,040)')")
    assert errors(driver) == []
    measured("page_mb", len(page) / 1e6)
