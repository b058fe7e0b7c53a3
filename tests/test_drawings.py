"""The hand-made drawings of the networks, notebooks/drawings/*.svg."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from specnb.core.paths import ROOT
from specnb.disentangle import DisentangleConfig
from specnb.disentangle.regress import FAITHFUL
from specnb.plots import style

DRAWINGS = sorted((ROOT / "notebooks" / "drawings").glob("*.svg"))
SVG = "{http://www.w3.org/2000/svg}"


def texts(path: Path) -> str:
    """All texts of a drawing."""
    return " ".join("".join(text.itertext()) for text in ElementTree.parse(path).iter(f"{SVG}text"))


def test_both_papers_have_their_schemes():
    """Figs. 1, 6 and 7 of the first paper, and Fig. 1 of the second."""
    assert [path.stem for path in DRAWINGS] == [
        "cyclestarnet",
        "gandalf_inference",
        "gandalf_observed",
        "gandalf_synthetic",
    ]


@pytest.mark.parametrize("path", DRAWINGS, ids=lambda path: path.stem)
def test_a_drawing_stands_alone(path):
    """It loads nothing, has a title for screen readers, and can be seen on a dark page."""
    root = ElementTree.parse(path).getroot()
    assert root.find(f"{SVG}title").text and root.find(f"{SVG}desc").text
    assert next(root.iter(f"{SVG}rect")).get("fill") == "white"
    ids = {f"#{each.get('id')}" for each in root.iter() if each.get("id")}
    assert {use.get("href") for use in root.iter(f"{SVG}use")} <= ids
    assert not list(root.iter(f"{SVG}image")) and not list(root.iter(f"{SVG}script"))


@pytest.mark.parametrize("path", DRAWINGS, ids=lambda path: path.stem)
def test_colours_are_those_of_the_figures(path):
    used = {
        each.get(kind) for each in ElementTree.parse(path).iter() for kind in ("fill", "stroke")
    }
    allowed = {style.BLACK, style.GREY, *style.PALETTE, "#444444", "white", "none", None}
    assert used <= allowed


def test_the_sizes_are_those_of_the_configuration():
    """The numbers below the networks are those with which notebooks 04 and 05 train."""
    config = DisentangleConfig()
    for name in ("gandalf_synthetic", "gandalf_observed"):
        drawn = texts(ROOT / "notebooks" / "drawings" / f"{name}.svg")
        assert ", ".join(map(str, config.hidden)) in drawn
        assert ", ".join(map(str, config.hidden[::-1])) in drawn
        assert ", ".join(map(str, config.discriminator)) in drawn
        assert f"({config.latent})" in drawn and f"in {config.bins} bins" in drawn
    inference = texts(ROOT / "notebooks" / "drawings" / "gandalf_inference.svg")
    assert ", ".join(map(str, FAITHFUL.hidden)) in inference
