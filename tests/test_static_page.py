"""The explorers of the static page in a real browser, each as a user would try it."""

import re

import numpy as np
import pytest
from chromium import (
    DRAWN,
    NAMES,
    choose_star,
    described,
    drawings,
    exported,
    picture,
    redrawn,
    shown_value,
    watched,
)

from specnb.emulator.shipped import load_emulator
from specnb.translate.model import load_translator

pytestmark = pytest.mark.slow  # `make test` has a browser test in JupyterLab
HALF = 4e-3  # largest change of a spectrum if the weights have half precision
SIZES = [(1280, 900), (1600, 1000)]

# Ratio of contrast (WCAG 2) of every text with what is behind it.
CONTRASTS = """() => {
    const number = text => (text.match(/[\\d.]+/g) ?? []).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
        .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, k) => sum + c * [0.2126, 0.7152, 0.0722][k], 0);
    const behind = e => {
        for (; e; e = e.parentElement) {
            const color = number(getComputedStyle(e).backgroundColor);
            if (color.length === 3 || color[3] === 1) return color;
        }
        return [255, 255, 255];
    };
    const found = [];
    for (const e of document.querySelectorAll("body *")) {
        const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
        if (!own || !e.checkVisibility() || e.closest("script, style, option, :disabled")) continue;
        const [a, b] = [light(number(getComputedStyle(e).color)), light(behind(e))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        found.push([ratio, `${e.className || e.tagName}: ${e.textContent.slice(0, 40)}`]);
    }
    return found.sort((x, y) => x[0] - y[0]);
}"""
# Of the first panel's canvas: the colour of a corner of the axes, and how many pixels differ from it.
CANVAS = """() => {
    const canvas = document.querySelector(".specnb-panels canvas");
    const drawn = new OffscreenCanvas(canvas.width, canvas.height);
    const context = drawn.getContext("2d");
    context.fillStyle = getComputedStyle(document.querySelector(".specnb-explorer")).backgroundColor;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(canvas, 0, 0);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    const light = k => 0.2126 * data[k] + 0.7152 * data[k + 1] + 0.0722 * data[k + 2];
    const counts = new Array(256).fill(0);
    for (let k = 0; k < data.length; k += 4) counts[Math.round(light(k))] += 1;
    const paper = counts.indexOf(Math.max(...counts));
    const ink = counts.reduce((sum, n, at) => sum + (Math.abs(at - paper) > 80 ? n : 0), 0);
    return [paper, ink];
}"""
# Where a map has a grey dot, in CSS pixels: a star, and neither the frame, a number nor the cross.
DOT = """canvas => {
    const { width, height } = canvas;
    const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
    for (let y = 25; y < height - 25; y++) for (let x = 50; x < width - 25; x++) {
        const [r, g, b, a] = data.subarray(4 * (y * width + x));
        const scale = canvas.clientWidth / width;
        if (a > 200 && Math.abs(r - b) < 20 && Math.abs(r - g) < 20) return [x * scale, y * scale];
    }
    return [0, 0];
}"""


@pytest.mark.parametrize("name", NAMES)
def test_every_slider_is_one_tab_stop_that_keys_move(browser, address, site, name):
    page_of = described(site, name)["page"]
    steps = {label["meaning"]: label["step"] for label in page_of["labels"]}
    with watched(browser, f"{address}?explorer={name}") as page:
        drawings(page)
        sliders = page.locator(f"{DRAWN} input[type=range]:visible")
        count, visits = sliders.count(), []
        assert count >= 4
        for _ in range(200):  # through the whole page, and back to its begin
            page.keyboard.press("Tab")
            visits.append(
                page.evaluate(
                    """() => [...document.querySelectorAll("[data-drawn] input[type=range]")]
                        .filter(each => each.checkVisibility()).indexOf(document.activeElement)"""
                )
            )
            if page.evaluate("document.activeElement === document.body"):
                break
        assert [visit for visit in visits if visit >= 0] == list(range(count))
        slider = sliders.first
        slider.focus()
        start, before = shown_value(slider), picture(page)
        step = steps[slider.get_attribute("aria-label").split(",")[0]]
        with redrawn(page):
            page.keyboard.press("ArrowLeft")
        assert shown_value(slider) == pytest.approx(start - step)
        moved = picture(page)
        assert moved != before
        with redrawn(page):
            page.keyboard.press("Shift+ArrowRight")
        assert shown_value(slider) == pytest.approx(start - 0.9 * step)
        with redrawn(page):
            page.get_by_role("button", name="Undo").click()
        assert shown_value(slider) == start and picture(page) == before
        slider.focus()
        with redrawn(page):
            page.keyboard.press("PageDown")
        with redrawn(page):
            page.get_by_role("button", name="Reset").click()
        if page.locator(".specnb-rescale").is_visible():  # while sliders move, axes only grow
            page.locator(".specnb-rescale").click()
        assert shown_value(slider) == start and picture(page) == before


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_the_whole_explorer_is_on_the_screen(browser, address, name, size):
    with watched(browser, f"{address}?explorer={name}", *size) as page:
        drawings(page)
        box = page.locator(".specnb-explorer").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= size[0]
        assert box["y"] + box["height"] <= size[1] and box["height"] > 0.7 * size[1]
        for part in (".specnb-status", ".specnb-readout", ".specnb-toolbar"):
            inner = page.locator(part).first.bounding_box()
            assert inner["y"] + inner["height"] <= box["y"] + box["height"] + 1, part
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_a_phone_needs_no_scrolling_to_the_side(browser, address):
    with watched(browser, address, 390, 800) as page:
        drawings(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("name", ["rvs", "apogee"])
def test_a_star_is_fitted_by_hand(browser, address, site, name):
    stars = described(site, name)["stars"]
    with watched(browser, f"{address}?explorer={name}") as page:
        drawings(page)
        scores = page.locator(".specnb-scores")
        assert "χ²/ν" not in scores.inner_text()
        choose_star(page, stars["names"][3])
        fitted = scores.inner_text()
        assert re.match(r"χ²/ν [\d.]+ · rms [\d.]+ ?%", fitted)
        page.get_by_role("slider").first.focus()
        with redrawn(page):
            page.keyboard.press("PageUp")
        assert scores.inner_text() != fitted
        before = picture(page)
        page.get_by_role("slider", name="radial velocity").focus()
        with redrawn(page):
            page.keyboard.press("PageUp")
        assert picture(page) != before
        _, columns = exported(page)
        assert any("star" in column or stars["names"][3] in column for column in columns)


@pytest.mark.parametrize("name", ["rvs", "apogee"])
def test_numbers_are_those_of_the_emulator(browser, address, name):
    emulator = load_emulator(f"{name}-real")
    with watched(browser, f"{address}?explorer={name}#teff=4900&logg=2.8") as page:
        drawings(page)
        labels, columns = exported(page)
    assert labels["teff"] == 4900 and labels["logg"] == 2.8
    expected = emulator([[labels[label] for label in emulator.labels]])[0]
    np.testing.assert_allclose(columns["wavelength"], emulator.wavelength)
    np.testing.assert_allclose(columns["flux: model"], expected, atol=HALF)


def test_numbers_are_those_of_the_translator(browser, address):
    emulator, translator = load_emulator("rvs"), load_translator("rvs-mock")
    with watched(browser, f"{address}?explorer=translator-rvs-mock") as page:
        drawings(page)
        before = picture(page)
        labels, columns = exported(page)
        kinds = page.get_by_label("z_split, what the labels do not say about a spectrum")
        with redrawn(page):
            kinds.select_option("of a star")
        assert picture(page) != before
        with redrawn(page):
            kinds.select_option("by hand")
        page.get_by_role("slider", name="number 1 of z_split").focus()
        before = picture(page)
        with redrawn(page):
            page.keyboard.press("End")
        assert picture(page) != before
    synthetic = emulator([[labels[label] for label in emulator.labels]])
    np.testing.assert_allclose(columns["flux: synthetic"], synthetic[0], atol=HALF)
    expected = translator.translate(synthetic)[0]
    np.testing.assert_allclose(columns["flux: translated"], expected, atol=HALF)


def test_the_editor_edits_a_latent_and_follows_lambda(browser, address):
    with watched(browser, f"{address}?explorer=editor") as page:
        drawings(page)
        before = picture(page)
        latents = page.get_by_role("slider", name="latent vector")
        latents.focus()
        with redrawn(page):
            page.keyboard.press("PageUp")
        edited = picture(page)
        assert edited != before
        with redrawn(page):
            page.get_by_role("button", name="Undo").click()
        assert picture(page) == before
        page.get_by_role("tab", name="Probes").click()
        page.wait_for_selector(".specnb-probes[data-probed='1']")
        probes = page.locator(".specnb-probes-bars")
        at_zero = probes.get_attribute("aria-label")
        page.locator("[aria-label^=Disentangling] input[type=range]").first.focus()
        with redrawn(page):
            page.keyboard.press("End")
        assert picture(page) != before
        page.wait_for_selector(".specnb-probes[data-probed='2']")
        assert probes.get_attribute("aria-label") != at_zero


def test_the_window_zooms_and_returns(browser, address):
    with watched(browser, address) as page:
        drawings(page)
        plot, pad = page.locator(".specnb-plot"), page.locator(".specnb-pad")

        def width():
            low, high = map(float, plot.get_attribute("data-window").split())
            return high - low

        whole = width()
        pad.focus()
        with redrawn(page):
            page.keyboard.press("+")
        near = width()
        assert near < whole
        pad.hover()
        with redrawn(page):
            page.mouse.wheel(0, -200)
        assert width() < near
        with redrawn(page):
            page.keyboard.press("0")
        assert width() == whole


def test_a_click_on_a_line_names_it(browser, address, site):
    line = described(site, "rvs")["page"]["lines"][0]  # the most important one
    with watched(browser, address) as page:
        drawings(page)
        low, high = map(float, page.locator(".specnb-plot").get_attribute("data-window").split())
        box = page.locator(".specnb-pad").bounding_box()
        at = box["x"] + box["width"] * (line["wavelength"] - low) / (high - low)
        page.mouse.click(at, box["y"] + 0.6 * box["height"])
        assert line["species"] in page.locator(".specnb-card").inner_text()


def test_the_gradient_is_that_of_the_element_of_a_line(browser, address, site):
    about = described(site, "apogee")["page"]
    symbols = {label["name"]: label["plain"] for label in about["labels"]}
    with watched(browser, f"{address}?explorer=apogee") as page:
        drawings(page)
        page.locator(".specnb-pad").focus()
        page.keyboard.press("]")
        card = page.locator(".specnb-card")
        assert "raises it" in card.inner_text()
        with redrawn(page):
            page.keyboard.press("Enter")
        name = page.get_by_label("label of the gradient panel").input_value()
        assert symbols[name] in card.inner_text()


def test_a_click_on_the_map_chooses_the_nearest_star(browser, address):
    with watched(browser, address) as page:
        drawings(page)
        chosen = page.locator(".specnb-toolbar .specnb-picker button").first
        assert "none" in chosen.inner_text()
        stars = page.locator(".specnb-map canvas").first
        x, y = stars.evaluate(DOT)
        with redrawn(page):
            stars.click(position={"x": x, "y": y})
        first = chosen.inner_text()
        assert "mock" in first
        stars.focus()
        for _ in range(2):  # the dot may be the last one in one of the directions
            page.keyboard.press("ArrowRight")
            page.keyboard.press("ArrowDown")
        assert "mock" in chosen.inner_text() and chosen.inner_text() != first


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["rvs", "apogee", "translator-rvs-mock", "editor"])
def test_everything_can_be_read_in_both_themes(browser, address, name, theme):
    with watched(browser, f"{address}?explorer={name}", color_scheme=theme) as page:
        drawings(page)
        contrasts = page.evaluate(CONTRASTS)
        poor = [text for ratio, text in contrasts if ratio < 4.5]
        assert len(contrasts) > 20 and not poor, poor
        paper, ink = page.evaluate(CANVAS)
        assert (paper < 60 if theme == "dark" else paper > 230) and ink > 1000


def test_links_and_wrong_names(browser, address):
    with watched(browser, f"{address}?explorer=apogee&bare#teff=4200") as page:
        drawings(page)
        assert shown_value(page.get_by_role("slider").first) == 4200
        assert not page.locator("header").is_visible()
    with watched(browser, f"{address}?explorer=gaia") as page:
        page.get_by_text("There is no explorer named gaia: choose rvs, apogee").wait_for()


def test_a_link_in_the_same_tab_is_read_again(browser, address):
    with watched(browser, f"{address}#teff=4900&velocity=30") as page:
        drawings(page)
        slider = page.get_by_role("slider", name="effective temperature")
        velocity = page.get_by_role("slider", name="radial velocity")
        assert (shown_value(slider), shown_value(velocity)) == (4900, 30)
        with redrawn(page):  # what it does not name is as at first, and what is wrong is left out
            page.evaluate("""() => { location.hash = 'teff=5000&window=[1,2]&panels=["sky"]'; }""")
        assert (shown_value(slider), shown_value(velocity)) == (5000, 0)
        low, high = map(float, page.locator(".specnb-plot").get_attribute("data-window").split())
        assert low < 8470 < 8690 < high and page.locator(".specnb-panel canvas").count() == 3
        with redrawn(page):
            page.get_by_role("button", name="Undo").click()
        assert (shown_value(slider), shown_value(velocity)) == (4900, 30)


def test_one_panel_always_stays(browser, address):
    with watched(browser, address) as page:
        drawings(page)
        page.get_by_role("button", name="View").click()
        boxes = page.get_by_role("checkbox", name="panel:")
        for k in range(2):
            assert boxes.nth(2).is_enabled()
            with redrawn(page):
                boxes.nth(k).uncheck()
        assert boxes.nth(2).is_checked() and boxes.nth(2).is_disabled()
        with redrawn(page):
            boxes.nth(0).check()
        assert boxes.nth(2).is_enabled()


def test_a_file_says_that_a_server_is_needed(browser, site):
    page = browser.new_page()
    page.goto((site / "index.html").as_uri())
    page.get_by_text("This page needs a web server: run `python -m http.server`").wait_for()
    page.close()
