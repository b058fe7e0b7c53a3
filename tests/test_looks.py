"""How the explorers of the static page look: nothing is cut off, and everything can be told apart."""

import json

import pytest
from chromium import NAMES, described, drawings, redrawn, watched

pytestmark = pytest.mark.slow


def boxes(page, selector):
    return [each.bounding_box() for each in page.locator(selector).all() if each.is_visible()]


@pytest.mark.parametrize("width", [1280, 860])
def test_five_stars_over_a_spectrum_have_names_and_leave_room(browser, address, site, width):
    stars = described(site, "apogee")["stars"]
    hash = f"star={stars['ids'][6]}&overlay={json.dumps(stars['ids'][:5])}"
    with watched(browser, f"{address}?explorer=apogee&bare#{hash}", width, 835) as page:
        drawings(page)
        assert page.locator(".specnb-chip").count() == 5
        legend = page.locator(".specnb-plot-figure > .specnb-legend")
        names = legend.locator("span > span")
        assert len(set(names.all_inner_texts())) == names.count() >= 7
        for name in names.all():
            assert name.evaluate("e => e.scrollWidth <= e.clientWidth")
        (box,) = boxes(page, ".specnb-plot-figure > .specnb-legend")
        (pad,), (flux, *_) = boxes(page, ".specnb-pad"), boxes(page, ".specnb-panel")
        assert box["y"] + box["height"] <= pad["y"] + 1 and pad["y"] == flux["y"]
        for item in boxes(page, ".specnb-plot-figure > .specnb-legend > span"):
            assert item["y"] + item["height"] <= box["y"] + box["height"]
            assert item["x"] + item["width"] <= box["x"] + box["width"]


def test_an_editor_in_jupyterlab_has_room_for_the_spectrum(browser, address):
    """JupyterLab leaves 848 × 710 pixels of a screen with 1280 × 900."""
    with watched(browser, f"{address}?explorer=editor&bare", 848, 710) as page:
        drawings(page)
        with redrawn(page):
            page.get_by_label("what the edited spectrum is compared with").select_option("truth")
        for name in ("Latents", "Probes"):
            page.get_by_role("tab", name=name).click()
            page.get_by_role("tabpanel", name=name).wait_for()
            assert page.get_by_role("tabpanel").count() == 1
            page.wait_for_function(
                "document.querySelector('[data-panel=flux]').clientHeight >= 200"
            )
        for item in boxes(page, "[data-panel=difference] .specnb-legend-item"):
            assert item["width"] >= 28 + 8 * 6  # the swatch and eight letters
        items = page.locator("[data-panel=difference] .specnb-legend-item")
        assert items.count() == 3
        assert len({item["y"] for item in boxes(page, "[data-panel=difference] svg")}) == 1
        ends = boxes(page, ".specnb-ends span")
        assert len({end["y"] for end in ends}) == 1 and max(end["height"] for end in ends) < 20


def test_the_track_of_lambda_is_filled_from_zero(browser, address):
    with watched(browser, f"{address}?explorer=editor") as page:
        drawings(page)
        slider = page.locator("[aria-label^=Disentangling] input[type=range]").first
        ends = [float(slider.get_attribute(end)) for end in ("min", "max")]
        slider.focus()
        for key, at in {"PageDown": None, "End": 1, "Home": 0, "Delete": 0.5}.items():
            with redrawn(page):
                page.keyboard.press(key)
            if at is None:
                at = (float(slider.input_value()) - ends[0]) / (ends[1] - ends[0])
            assert float(slider.evaluate("e => e.style.getPropertyValue('--at')")) == at


@pytest.mark.parametrize("name", NAMES)
def test_axes_are_to_be_rescaled_only_after_something_moved(browser, address, name):
    with watched(browser, f"{address}?explorer={name}") as page:
        drawings(page)
        rescale = page.locator(".specnb-rescale")
        assert not rescale.is_visible()
        page.set_viewport_size({"width": 1100, "height": 700})
        page.wait_for_function("document.querySelector('.specnb-explorer').clientHeight < 650")
        page.wait_for_timeout(200)
        assert not rescale.is_visible()
        page.get_by_role("slider").first.focus()
        seen = []
        for key in ("End", "Home", "Delete"):
            with redrawn(page):
                page.keyboard.press(key)
            seen.append(rescale.is_visible())
        assert any(seen)  # axes that grew at the ends are too large for what is between


def test_a_message_has_a_line_of_its_own(browser, address):
    with watched(browser, address, 860, 800) as page:
        drawings(page)
        outer = "document.querySelector('.specnb-explorer').clientHeight"
        before, height = boxes(page, ".specnb-panels"), page.evaluate(outer)
        page.get_by_role("button", name="Copy link").click()
        told = page.locator(".specnb-told")
        told.get_by_text("http").wait_for()
        page.wait_for_function(
            f"document.querySelector('.specnb-panels').clientHeight < {before[0]['height']}"
        )
        assert page.evaluate(outer) == height
        (box,), (undo,) = (
            boxes(page, ".specnb-told"),
            [page.get_by_role("button", name="Undo").bounding_box()],
        )
        assert box["y"] >= undo["y"] + undo["height"]
        assert told.get_attribute("title") == told.inner_text()


def test_what_is_above_an_emulator_fits_in_one_row(browser, address):
    with watched(browser, f"{address}?explorer=apogee&bare", 848, 710) as page:
        drawings(page)
        (box,) = boxes(page, ".specnb-toolbar")
        assert box["height"] < 30


@pytest.mark.parametrize("name", NAMES)
def test_parts_of_an_explorer_are_groups_with_labels(browser, address, name):
    with watched(browser, f"{address}?explorer={name}") as page:
        drawings(page)
        assert page.locator(".specnb-explorer").get_by_role("heading").count() == 0
        assert page.get_by_role("group", name="Labels", exact=True).count() == 1
