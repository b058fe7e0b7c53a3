"""What the explorer's JavaScript computes for a widget, by node instead of a browser."""

import json
import shutil
import subprocess

import numpy as np
import pytest

from specnb.reproduce.provenance import ROOT

SCRIPT = """
import { readFileSync } from "node:fs";
const [source, folder] = process.argv.slice(1);
const { Data } = await import(`${source}/data.js`);
const { Scene } = await import(`${source}/scene.js`);
const { page, stars, state } = JSON.parse(readFileSync(`${folder}/about.json`));
const part = (description, name) => {
  const bytes = readFileSync(`${folder}/${name}`);
  return new Data(description.arrays, bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
};
const scene = new Scene(page, part(page, "page.bin"));
scene.setStars(stars, part(stars, "stars.bin"));
const shown = scene.compute(state);
const curves = shown.panels.flatMap((panel) =>
  panel.curves.map(({ key, values }) => [`${panel.key} ${key}`, Array.from(values)]));
console.log(JSON.stringify({ ...shown, panels: null, wavelength: null, curves: Object.fromEntries(curves) }));
"""

LINK = """
import { readFileSync } from "node:fs";
const from = (name) => import(`${process.argv[1]}/${name}.js`);
const [{ callOf, hashOf, stateOf }, { Catalogue }, { firstState }] = await Promise.all(
  ["link", "catalogue", "store"].map(from));
const { page, stars, state } = JSON.parse(readFileSync(0));
const [opened, known] = [firstState(page), new Catalogue({ ...stars, arrays: {} }, null)];
const link = stateOf(page, known, hashOf(page, state, opened), opened);
console.log(JSON.stringify({ call: callOf(page, state), link: { ...link, theme: state.theme } }));
"""


def copied(widget) -> dict:
    """What the browser copies: the "call", and the state that a "link" brings back."""
    if (node := shutil.which("node")) is None:
        pytest.skip("node is not installed")
    command = [node, "--input-type=module", "-e", LINK, f"{ROOT}/browser/src"]
    about = json.dumps(widget.packed()[0])
    return json.loads(
        subprocess.run(command, input=about, stdout=subprocess.PIPE, check=True, text=True).stdout
    )


def shown_in_browser(widget, folder) -> dict:
    """What `Scene.compute` shows for a widget's state. ``curves`` has arrays, named after panel and
    curve, such as "flux model". The test is skipped without node.
    """
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    about, page, stars = widget.packed(half=False)
    (folder / "about.json").write_text(json.dumps(about), "utf-8")
    (folder / "page.bin").write_bytes(page)
    (folder / "stars.bin").write_bytes(stars)
    command = [node, "--input-type=module", "-e", SCRIPT, f"{ROOT}/browser/src", str(folder)]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert not done.returncode, done.stderr
    shown = json.loads(done.stdout)
    shown["curves"] = {
        name: np.array(values, dtype=float) for name, values in shown["curves"].items()
    }  # null is NaN
    return shown
