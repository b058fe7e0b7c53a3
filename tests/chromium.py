"""Explorers in a real browser: pages that are watched, and what is done on them."""

import json
import re
import shutil
from contextlib import contextmanager
from threading import Thread

import numpy as np
import pytest

from specnb.widgets.static import server_of

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-sync",
    "--disable-background-networking",
    "--no-first-run",
]
NAMES = [  # of the explorers of the static page
    "rvs",
    "apogee",
    "translator-rvs-mock",
    "translator-apogee-mock",
    "translator-apogee-real",
    "editor",
]
DRAWN = "[data-drawn]"  # the element of an explorer; the attribute counts how often it was drawn


@contextmanager
def chromium():
    """Chromium without a window. The test is skipped where there is none."""
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install playwright"
    )
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def served(folder):
    """The address of a folder on a web server."""
    with server_of(folder) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def watched(browser, address, width=1280, height=900, **options):
    """A page at an address. At the end it must have had no error, and asked no other server."""
    page = browser.new_page(viewport={"width": width, "height": height}, **options)
    page.set_default_timeout(60_000)
    errors, asked = [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.on("request", lambda request: asked.append(request.url))
    try:
        page.goto(address)
        yield page
        foreign = [url for url in asked if not url.startswith((origin(address), "data:", "blob:"))]
        assert not errors and not foreign, (errors, foreign)
    finally:
        page.close()


def origin(address):
    return re.match(r"\w+://[^/]*/", address)[0]


def drawings(page) -> int:
    """How often the explorer of a page was drawn; waits for the first time."""
    return int(page.locator(DRAWN).first.get_attribute("data-drawn"))


@contextmanager
def redrawn(page):
    """Wait until what is done inside has been drawn."""
    before = drawings(page)
    yield
    page.wait_for_function(
        "n => Number(document.querySelector('[data-drawn]').dataset.drawn) > n", arg=before
    )


def picture(page) -> str:
    """All that the canvases of the panels show, as one text."""
    return page.evaluate(
        """() => [...document.querySelectorAll(".specnb-panels canvas")]
            .map(canvas => canvas.toDataURL()).join(" ")"""
    )


def shown_value(slider) -> float:
    """The value that a slider tells screen readers."""
    text = slider.get_attribute("aria-valuetext").replace("minus ", "-")
    return float(re.match(r"-?[\d.]+", text)[0])


def exported(page):
    """What the explorer writes as a table: a dict of its labels, and one of its columns."""
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as waiting:
        page.get_by_text("CSV").click()
    lines = waiting.value.path().read_text("utf-8").splitlines()
    heads = [line.split() for line in lines if line.startswith("# ")]
    labels = {head[1]: float(head[3]) for head in heads if head[2:3] == ["="] and head[1] != "star"}
    rows = [line for line in lines if not line.startswith("#")]
    names = [name.strip('"') for name in rows[0].split(",")]
    columns = zip(*(row.split(",") for row in rows[1:]))
    return labels, {
        name: np.array([float(value or "nan") for value in column])
        for name, column in zip(names, columns)
    }


def choose_star(page, name):
    """Choose a star in the list at the top left."""
    page.locator(".specnb-toolbar .specnb-picker button").first.click()
    page.keyboard.type(name)
    with redrawn(page):
        page.keyboard.press("Enter")


def described(site, name):
    """What the static page in a folder says of one of its explorers."""
    return json.loads((site / "data" / f"{name}.json").read_text("utf-8"))
