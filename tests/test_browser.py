"""The first minute of a user: JupyterLab in a real browser, Run All, and a slider moved by keys."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "notebooks" / "01_simulator_and_emulator.ipynb"
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
# Settings of JupyterLab: no news pop-up, and all outputs are in the page even when out of view.
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}
PICTURE_HASH = """async img => {
    const bytes = await (await fetch(img.src)).arrayBuffer();
    return Array.from(new Uint8Array(await crypto.subtle.digest("SHA-1", bytes))).join(" ");
}"""
WATCH = """img => {
    window.delays = [];
    document.addEventListener("keydown", () => { window.pressed = performance.now(); }, true);
    img.addEventListener("load", () => window.delays.push(performance.now() - window.pressed));
}"""

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
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        "--ServerApp.ip=127.0.0.1",
    ]
    command += [
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={folder}",
    ]
    with (home / "server.log").open("w") as log:
        command += ["--IdentityProvider.token="]
        server = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while not _answers(f"http://127.0.0.1:{port}/api"):
            assert server.poll() is None, (home / "server.log").read_text()[-2000:]
            assert time.monotonic() < deadline, "JupyterLab did not start within a minute"
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


def move_a_slider(page, presses=12):
    """Press ArrowRight on the first slider. Returns readouts before and after, and milliseconds."""
    explorer = page.locator(".widget-vbox:has(.noUi-handle):has(img)").first
    image = explorer.locator("img")
    image.wait_for(state="visible", timeout=120_000)
    image.scroll_into_view_if_needed()
    readout = explorer.locator(".widget-readout").first
    before, seen = readout.inner_text(), {image.evaluate(PICTURE_HASH)}
    image.evaluate(WATCH)
    explorer.locator(".noUi-handle").first.focus()
    for i in range(presses):
        page.keyboard.press("ArrowRight")
        page.wait_for_function(f"window.delays.length > {i}", timeout=20_000)
    seen.add(image.evaluate(PICTURE_HASH))
    assert len(seen) == 2, "the picture did not change"
    return before, readout.inner_text(), page.evaluate("window.delays")


def failures(page, messages):
    """What went wrong on the page: failed cells, widgets without a model, errors of scripts."""
    page.wait_for_function(ALL_RAN, timeout=120_000)
    cells = page.locator(".jp-OutputArea-output").filter(
        has_text="Traceback (most recent call last)"
    )
    shown = [text[-500:] for text in cells.all_inner_texts()]
    text = page.locator(".jp-Notebook").inner_text()
    shown += [
        phrase
        for phrase in ("model not found", "Error displaying widget", "Error creating")
        if phrase in text
    ]
    return shown + [
        m
        for m in messages
        if "model" in m.lower() or "widget" in m.lower() or m.startswith("page:")
    ]


def test_a_slider_moves_the_spectrum_in_jupyterlab(tmp_path, capsys):
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install playwright"
    )
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt install chromium")
    folder, home = tmp_path / "work", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    shutil.copy(NOTEBOOK, folder)
    with jupyterlab(folder, home) as server, sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(60_000)
        messages = []
        page.on("pageerror", lambda error: messages.append(f"page: {error}"))
        page.on(
            "console",
            lambda message: messages.append(message.text) if message.type == "error" else None,
        )
        page.goto(f"{server}/lab/tree/{NOTEBOOK.name}?reset")
        run_all(page)
        try:
            before, after, delays = move_a_slider(page)
        finally:
            page.screenshot(path=tmp_path / "page.png")
            problems = failures(page, messages)
            assert not problems, problems
        browser.close()
    assert before != after
    with capsys.disabled():
        middle = sorted(delays)[len(delays) // 2]
        print(
            f"\nslider {before} -> {after}; key to new picture: median {middle:.0f} ms, largest {max(delays):.0f} ms"
        )
