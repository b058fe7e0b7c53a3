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
    assert results["undo"]["window"] == [8500, 8550] and results["undo"]["moved"] == "teff"


def test_undo_takes_back_runs_of_one_latent_or_lambda_and_each_choice_of_a_star(results):
    edited, own = [{"teff": 0.002}, []], {}
    assert results["runs"] == [
        ["2", *edited], ["1", *edited], ["", *edited],
        ["", own, [0.2, 0.1]], ["", own, [0.2, 0]], ["", own, []],
    ]  # fmt: skip


def test_a_fit_wins_over_what_is_moved_meanwhile(results):
    fit, fitted = results["fit"], {"teff": 5100, "logg": 4.6}
    moved, sent = {"teff": 7000, "logg": 1}, {"teff": 5000, "logg": 4.4}
    assert fit["asked"] == ["waiting for the kernel…", {"type": "fit"}, 5000]
    assert fit["meanwhile"] == [moved, sent, "fit"] and fit["window"] == [8500, 8550]
    assert fit["fitting"] == ["fitting…", 7000]
    assert fit["answer"] == [fitted, 12, 2] and fit["kept"] == fitted
    assert (fit["drawings"], fit["busy"], fit["told"]) == (1, "", "χ²/ν 1.0")
    assert fit["undone"] == [moved, 0, -1] and fit["silent"] == ""
    assert fit["before"] == sent


def test_without_an_answer_what_is_moved_meanwhile_stays(results):
    told = "no star is chosen"
    assert results["failed"] == {"teff": 7000, "sent": 7000, "told": told, "busy": ""}


def test_a_message_stays_until_the_next_edit(results):
    assert results["told"] == ["fitted", "", "copied", "", "fitted", "", "", "copied"]


def test_views_share_a_state_and_know_the_label_that_was_moved_last(results):
    assert results["views"] == [True, True, "logg"]


def test_an_echo_of_jupyter_does_not_undo_a_newer_move(results):
    assert results["echo"]["echoed"] == [5790, 5790]
    assert results["echo"]["sent"] == 2


def test_what_python_sets_is_taken_over_and_can_be_undone(results):
    assert results["echo"]["later"] == 5000
    assert results["echo"]["undone"] == 5790


def test_a_star_brings_its_known_labels_at_rest_and_else_the_first_ones(results):
    star = results["star"]
    assert (star["teff"], star["logg"], star["velocity"]) == (7500, 4.4, 0)
    assert star["before"] == ["", 5770, 20]
    assert star["stays"] == 5770


def test_links_bring_the_state_back_and_leave_out_what_is_wrong(results):
    link = results["link"]
    first = link["empty"]
    assert first["labels"] == {"teff": 5770, "logg": 4.4} and (first["star"], first["panels"]) == (
        "",
        [],
    )
    expected = {"star": "1", "window": [8500, 8550.5], "velocity": -12, "moved": "teff"}
    assert link["hash"] == first | expected | {"labels": {"teff": 5000, "logg": 4.4}}
    assert link["wrong"] == first | {"labels": {"teff": 7500, "logg": 4.4}, "moved": "logg"}
    assert link["beyond"] == [] and link["foreign"] == {} and link["none"] == first


def test_a_link_leads_away_from_what_a_page_opens_with(results):
    assert results["opened"]["back"] == results["opened"]["first"]
    assert results["opened"]["none"] == "1"  # without a hash the page is as it opens


def test_copied_call_is_python(results):
    link, labels = results["link"], "teff=5000.0, logg=4.4"
    rest = 'star="1", window=[8500.0, 8550.5]'
    last = 'moved="teff"'
    assert link["call"] == f"explorer.set({labels}, {rest}, velocity=-12.0, continuum=-1, {last})"
    at_start = f"explorer.set(teff=5770.0, logg=4.4, {rest}, velocity=0.0, continuum=-1, {last})"
    assert link["callAtStart"] == at_start  # the star has other labels
    assert link["callWithoutStar"] == link["call"].replace('star="1"', 'star=""')


def test_numbers_have_a_true_minus_sign_but_for_zero(results):
    assert results["numbers"] == ["0.000", "−0.500", "0.000", "12.000"]


def test_stars_are_found_by_name_and_id(results):
    assert results["names"]["found"] == ["2052747119115620352"]
    assert results["names"]["shown"] == ["Kepler-93", "7"]
    assert results["names"]["unnamed"] == "…620352"
