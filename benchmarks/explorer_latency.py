"""Time from a key press on a slider to the end of the drawing, of every explorer, in Chromium.

Usage: python benchmarks/explorer_latency.py [PRESSES] [SITE]

SITE is a folder of `specnb explore --static`; by default one is made. Also told are the time from
the opening of the page to the first picture, which includes loading over a local web server, and
the size of the bundle.
"""

import gzip
import shutil
import sys
import tempfile
from pathlib import Path
from threading import Thread

import numpy as np
from playwright.sync_api import sync_playwright

from specnb.widgets.explorer import BUNDLE
from specnb.widgets.shipped import entries
from specnb.widgets.static import server_of, write_site

# The sliders that are moved, by explorer
CASES = {
    "RVS": ("rvs", "[aria-label=Labels] input[type=range]"),
    "H band": ("apogee", "[aria-label=Labels] input[type=range]"),
    "translator, RVS": ("translator-rvs-mock", "[aria-label=Labels] input[type=range]"),
    "translator, H band": ("translator-apogee-mock", "[aria-label=Labels] input[type=range]"),
    "editor, labels": ("editor", "[aria-label=Labels] input[type=range]"),
    "editor, λ": ("editor", "[aria-label^=Disentangling] input[type=range]"),
}
REPEAT = 30  # ms between two presses: as fast as a key that is held down
WATCH = """
window.delays = [];
addEventListener("keydown", (event) => (window.pressed = event.timeStamp), true);
addEventListener("specnb:drawn", () => {
  window.first ??= performance.now();
  if (window.pressed === undefined) return;
  window.delays.push(performance.now() - window.pressed);
  window.pressed = undefined;
}, true);
"""


def presses(page, sliders, n, seed=0):
    """Milliseconds of n presses. Each moves a slider that is drawn at random by one step."""
    rng = np.random.default_rng(seed)
    for count in range(1, n + 1):
        slider = sliders.nth(int(rng.integers(sliders.count())))
        low, value, high = slider.evaluate("each => [each.min, each.value, each.max].map(Number)")
        slider.focus()
        page.keyboard.press("ArrowRight" if value < (low + high) / 2 else "ArrowLeft")
        page.wait_for_function("n => window.delays.length >= n", arg=count)
        page.wait_for_timeout(REPEAT)
    return np.array(page.evaluate("window.delays"))


def measure(browser, address, n):
    print(f"{'':20s} first picture   median   95th percentile   largest   (ms, {n} presses)")
    for title, (name, selector) in CASES.items():
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.add_init_script(WATCH)
        page.goto(f"{address}?explorer={name}")
        page.wait_for_function("() => window.first !== undefined")
        delays = presses(page, page.locator(selector).locator("visible=true"), n)
        print(
            f"{title:20s} {page.evaluate('window.first'):13.0f} {np.median(delays):8.1f} "
            f"{np.percentile(delays, 95):17.1f} {delays.max():9.1f}"
        )
        page.close()


def main(n=200, site=None):
    for name in ("explorer.js", "explorer.css"):
        content = (BUNDLE / name).read_bytes()
        print(
            f"{name}: {len(content) / 1e3:.0f} kB, {len(gzip.compress(content)) / 1e3:.0f} kB in gzip"
        )
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        if site is None:
            site = Path(folder) / "site"
            write_site(site, entries())
        program = shutil.which("chromium") or shutil.which("google-chrome")
        arguments = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        with server_of(site) as server:
            Thread(target=server.serve_forever, daemon=True).start()
            measure(browser, f"http://127.0.0.1:{server.server_port}/", n)
            server.shutdown()
        browser.close()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *map(Path, sys.argv[2:3]))
