"""The explorer's state in the browser: undo, what Python sets, stars, links and names."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SOURCE = HERE.parent / "browser" / "src"


@pytest.fixture(scope="module")
def results():
    """What tests/controls.mjs has done, in one process of Node."""
    if not (node := shutil.which("node")):
        pytest.skip("there is no node, which runs the explorer's JavaScript outside a browser")
    command = [node, str(HERE / "controls.mjs"), str(SOURCE)]
    run = subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8")
    return json.loads(run.stdout)


def test_undo_takes_back_runs_of_presses_but_not_the_window(results):
    assert results["undo"]["seen"] == [[5800, 4], [5800, 4.4], [5770, 4.4]]
    assert results["undo"]["window"] == [8500, 8550]


def test_an_echo_of_jupyter_does_not_undo_a_newer_move(results):
    assert results["echo"]["echoed"] == [5790, 5790]
    assert results["echo"]["sent"] == 2


def test_what_python_sets_is_taken_over_and_can_be_undone(results):
    assert results["echo"]["later"] == 5000
    assert results["echo"]["undone"] == 5790


def test_a_star_brings_its_known_labels_at_rest(results):
    star = results["star"]
    assert (star["teff"], star["logg"], star["velocity"]) == (7500, 4.4, 0)
    assert star["before"] == ["", 5770, 20]
    assert star["stays"] == 5770


def test_links_bring_the_state_back_and_leave_out_what_is_wrong(results):
    link = results["link"]
    expected = {"star": "1", "window": [8500, 8550.5], "velocity": -12}
    assert link["hash"] == expected | {"labels": {"teff": 5000, "logg": 4.4}}
    assert link["wrong"] == {"labels": {"teff": 7500, "logg": 4.4}}
    assert link["foreign"] == {}


def test_copied_call_is_python(results):
    call = 'explorer.set(teff=5000.0, star="1", window=[8500.0, 8550.5], velocity=-12.0)'
    assert results["link"]["call"] == call


def test_stars_are_found_by_name_and_id(results):
    assert results["names"]["found"] == ["2052747119115620352"]
    assert results["names"]["shown"] == ["Kepler-93", "7"]
    assert results["names"]["unnamed"] == "…620352"
