import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import FancyArrowPatch
from matplotlib.text import Text

from specnb.plots.architecture import architecture
from specnb.plots.style import BLACK, BLUE, GREY, PAGE, PALETTE, VERMILLION


@pytest.fixture(scope="module")
def figure():
    figure = architecture()
    figure.draw_without_rendering()
    return figure


def texts(figure):
    return [t for t in figure.findobj(Text) if t.get_text() and t.get_visible()]


def test_page_wide_and_legible(figure):
    assert figure.get_size_inches()[0] == PAGE
    assert figure.get_size_inches()[1] < 6
    assert min(t.get_fontsize() for t in texts(figure)) >= 7


def test_every_part_of_the_method_is_there(figure):
    said = " ".join(t.get_text() for t in texts(figure))
    for part in ("E", "D"):
        for network in ("synth", "obs", "shared", "split"):
            assert rf"${part}_\mathrm{{{network}}}$" in said
    for symbol in (
        "z_\\mathrm{shared}",
        "z_\\mathrm{split}",
        "C_\\mathrm{synth}",
        "C_\\mathrm{obs}",
        "$G$",
        "$T$",
    ):
        assert symbol in said
    for path in (("synth",), ("obs",), ("synth", "obs"), ("obs", "synth"), ("synth", "synth"), ("obs", "obs"),
                 ("synth", "obs", "synth"), ("obs", "synth", "obs")):  # fmt: skip
        assert r"$x_\mathrm{" + r"\rightarrow ".join(path) + "}$" in said
    for word in (
        "labels",
        "emulator",
        "translator",
        "critics",
        "synthetic domain",
        "observed domain",
        "must agree",
    ):
        assert word in said


def test_no_text_meets_another_or_leaves_the_page(figure):
    boxes = [t.get_window_extent() for t in texts(figure)]
    assert len(boxes) > 40
    page = figure.bbox
    for i, box in enumerate(boxes):
        assert page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1
        for j, other in enumerate(boxes[:i]):
            assert not box.overlaps(other), (
                texts(figure)[i].get_text(),
                texts(figure)[j].get_text(),
            )


def test_thick_arrows_lead_from_labels_to_a_translated_spectrum(figure):
    arrows = [a for a in figure.findobj(FancyArrowPatch) if a.get_linewidth() > 2]
    # In the order of the chain: first the networks, then the fit
    ends = np.array([a._posA_posB for a in arrows])
    assert len(arrows) == 8 + 4
    for way in (ends[:8], ends[8:]):
        assert (way[:, 1, 0] > way[:, 0, 0]).all()  # always to the right
        # Each begins to the right of the end of the one before
        assert (way[1:, 0, 0] > way[:-1, 1, 0]).all()


def test_all_colours_are_of_the_colour_blind_safe_palette(figure):
    axes = figure.axes[0]
    used = {to_hex(line.get_color()) for line in axes.get_lines()} | {
        to_hex(patch.get_edgecolor()) for patch in axes.patches if patch.get_edgecolor()[3]
    }
    assert (
        {to_hex(BLUE), to_hex(VERMILLION)}
        < used
        <= {to_hex(color) for color in (*PALETTE, BLACK, GREY)}
    )


def test_drawn_the_same_each_time(figure):
    again = architecture()
    for line, other in zip(figure.axes[0].get_lines(), again.axes[0].get_lines(), strict=True):
        assert np.array_equal(line.get_xydata(), other.get_xydata())
