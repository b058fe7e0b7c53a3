"""The first minute of a user: JupyterLab in a real browser, Run All, and a slider moved by keys."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from chromium import DRAWN, chromium, drawings, exported, picture, redrawn, shown_value, watched

ROOT = Path(__file__).parents[1]
# Settings of JupyterLab: no news pop-up, and all outputs are in the page even when out of view.
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}
# Beside the explorer stands what Python heard of it: a label, and the flux of a pixel.
CELLS = (
    "import ipywidgets\nimport specnb\nfrom specnb.widgets import explore_emulator",
    """\
explorer, heard = explore_emulator(specnb.load_emulator("rvs")), ipywidgets.Label()
def hear(_):
    heard.value = f"heard: {explorer.labels['teff']} K, {explorer.spectrum()['flux'][400]}"
explorer.observe(hear, "labels")
display(explorer, heard)""",
)
# Two views of one explorer with a star, whose fit waits for a file.
FIT = """\
import time, pathlib, numpy, specnb, specnb.widgets.emulator as emulator
fit_labels, model = emulator.fit_labels, specnb.load_emulator("rvs")
def wait(*args):
    while not pathlib.Path("go").exists():
        time.sleep(0.05)
    return fit_labels(*args)
emulator.fit_labels = wait
flux, n = model([[5000, 4.4, 0, 0, 1, 2]]), len(model.wavelength)
mask, error = numpy.zeros((1, n), bool), numpy.full((1, n), 0.01)
star = specnb.Spectra(model.wavelength, flux, error, mask, ["star"])
explorer = emulator.explore_emulator(model, stars=star, star=0)
display(explorer, explorer)"""
ALL_RAN = """() => ![...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")].some(
    e => e.innerText.includes("*")
)"""


@contextmanager
def jupyterlab(folder, home):
    """Start JupyterLab on a free port, without the settings of the user; yields its address."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    for name, values in SETTINGS.items():
        path = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    places = {"CONFIG_DIR": "config", "DATA_DIR": "data", "RUNTIME_DIR": "runtime"}
    env = os.environ | {f"JUPYTER_{name}": str(home / place) for name, place in places.items()}
    env |= {
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
    }
    env |= {"IPYTHONDIR": str(home / "ipython"), "OMP_NUM_THREADS": "1"}
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"]
    command += ["--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}"]
    command += ["--IdentityProvider.token="]
    with (home / "server.log").open("w") as log:
        server = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while not _answers(f"http://127.0.0.1:{port}/api"):
            assert server.poll() is None, (home / "server.log").read_text()[-2000:]
            assert time.monotonic() < deadline, "JupyterLab did not start within two minutes"
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _answers(url):
    try:
        return urllib.request.urlopen(url, timeout=2).status == 200
    except OSError:
        return False


def run_all(page):
    """Choose Run All Cells until a prompt appears; it is lost before the kernel's socket is open."""
    page.get_by_text("(ipykernel) | Idle").wait_for()
    for _ in range(10):
        page.locator('.lm-MenuBar-itemLabel:text-is("Run")').click()
        page.locator('.lm-Menu-itemLabel:text-is("Run All Cells")').click()
        for _ in range(30):
            prompts = page.locator(".jp-CodeCell .jp-InputPrompt").all_inner_texts()
            if any(prompt.strip() not in ("", "[ ]:") for prompt in prompts):
                return
            page.wait_for_timeout(100)
    raise AssertionError("the notebook did not start to run")


@contextmanager
def notebook(tmp_path, width=1280, height=900, cells=CELLS):
    """A page of JupyterLab in which all cells of a small notebook run."""
    folder, home = tmp_path / "work", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    made = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(made, folder / "explorer.ipynb")
    with (
        chromium() as browser,
        jupyterlab(folder, home) as server,
        watched(browser, f"{server}/lab/tree/explorer.ipynb?reset", width, height) as page,
    ):
        run_all(page)
        try:
            yield page
        finally:
            page.screenshot(path=tmp_path / "page.png")
            page.wait_for_function(ALL_RAN)
            text = page.locator(".jp-Notebook").inner_text()
            for sign in ("Traceback", "model not found", "Error displaying", "Error creating"):
                assert sign not in text, text[-2000:]


def test_a_slider_moves_the_spectrum_in_jupyterlab(tmp_path):
    """What the browser computes and what Python computes for the same labels are the same."""
    with notebook(tmp_path) as page:
        drawings(page)
        slider = page.get_by_role("slider", name="effective temperature")
        start, before = shown_value(slider), picture(page)
        slider.focus()
        for _ in range(5):
            with redrawn(page):
                page.keyboard.press("ArrowRight")
        teff = shown_value(slider)
        assert teff > start and picture(page) != before
        heard = page.get_by_text(f"heard: {teff} K").inner_text()
        labels, columns = exported(page)
        assert labels["teff"] == teff
        assert columns["flux: model"][400] == pytest.approx(float(heard.split()[-1]), abs=1e-5)


@pytest.mark.slow
def test_a_fit_wins_over_sliders_and_views_share_their_state(tmp_path):
    with notebook(tmp_path, cells=[FIT]) as page:
        page.locator(DRAWN).nth(1).wait_for()
        first, second = page.locator(".specnb-explorer").all()
        slider = first.get_by_role("slider", name="effective temperature")
        fit, busy = first.get_by_role("button", name="Fit"), first.locator(".specnb-busy")
        fit.click()
        busy.get_by_text("fitting…").wait_for()
        assert fit.is_disabled() and second.get_by_role("button", name="Fit").is_disabled()
        slider.focus()
        with redrawn(page):
            page.keyboard.press("End")
        moved = shown_value(slider)
        assert moved > 6000
        (tmp_path / "work" / "go").touch()
        busy.wait_for(state="hidden")
        assert shown_value(slider) == pytest.approx(5000, abs=2)
        there = second.get_by_role("slider", name="effective temperature")
        assert shown_value(there) == shown_value(slider) and fit.is_enabled()
        for each in first, second:
            assert "T_eff 5000" in each.locator(".specnb-told").inner_text()
        with redrawn(page):
            second.get_by_role("button", name="Undo").click()
        assert shown_value(there) == shown_value(slider) == moved


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1280, 900), (1600, 1000)], ids=str)
def test_the_whole_explorer_is_on_the_screen_beside_the_sidebar(tmp_path, size):
    with notebook(tmp_path, *size) as page:
        drawings(page)
        assert page.locator("#jp-left-stack").is_visible()  # the list of files
        explorer = page.locator(".specnb-explorer")
        explorer.scroll_into_view_if_needed()
        page.mouse.move(size[0] - 100, size[1] / 2)
        box, panel = (
            explorer.bounding_box(),
            page.locator(".jp-NotebookPanel-notebook").bounding_box(),
        )
        assert box["height"] <= panel["height"] and box["height"] > 0.6 * panel["height"]
        assert box["x"] >= panel["x"]
        assert box["x"] + box["width"] <= panel["x"] + panel["width"]
        status = page.locator(".specnb-status").bounding_box()
        assert status["y"] + status["height"] <= box["y"] + box["height"] + 1
