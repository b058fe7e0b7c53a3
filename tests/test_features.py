import numpy as np
import pytest
from h_band import GIANT, VBROAD, linear_emulator

from specnb.core.wavelength import detectors
from specnb.emulator.accuracy import derivative_pairs
from specnb.simulator.responses import (
    IRON,
    LEAST,
    PEAK,
    Responses,
    elements_at,
    features,
    line_markers,
    load_responses,
    marked,
    strongest,
)
from specnb.surveys import APOGEE, RVS
from specnb.surveys.apogee.pixels import APOGEE_NATIVE, APOGEE_PIXELS

STEPS = APOGEE.elements | {"Fe": IRON}  # what raises each element alone


def made_up(lines):
    """Responses of a star without lines: for each element its changes as (Å, depth, sigma)."""
    steps = {}
    for element, label in STEPS.items():
        above = np.ones(len(APOGEE_NATIVE))
        for centre, depth, sigma in lines.get(element, ()):
            above -= depth * np.exp(-0.5 * ((APOGEE_NATIVE - centre) / sigma) ** 2)
        steps[label] = (0.05, above, 2.0 - above)
    return Responses(APOGEE, {}, APOGEE_NATIVE, np.ones(len(APOGEE_NATIVE)), steps)


@pytest.fixture(scope="module")
def shipped():
    return features(load_responses(APOGEE))


def test_a_feature_is_a_run_that_is_dark_and_deep_enough():
    # 15,704-15,710 Å has no continuum pixel, so the pseudo-continuum stays at 1
    lines = {
        "Mg": [(15706.0, 0.02, 0.4), (16253.0, 0.0045, 0.4)],
        "Fe": [(15706.0, 0.01, 0.4), (15708.5, -0.02, 0.3)],
    }
    found = features(made_up(lines), vbroad=0.0)
    # The second line of Mg is too weak, and brighter pixels are no feature
    assert list(found["element"]) == [
        "Mg",
        "Fe",
    ]
    for row, depth in zip(found, (0.02, 0.01)):
        assert row["wavelength"] == pytest.approx(15706.0, abs=0.12)
        assert row["depth"] == pytest.approx(depth, rel=0.05)
        # Distance at which the Gaussian is as small as the threshold
        half = 0.4 * np.sqrt(2 * np.log(depth / LEAST))
        assert APOGEE_PIXELS[row["first"]] == pytest.approx(15706.0 - half, abs=0.25)
        assert APOGEE_PIXELS[row["last"]] == pytest.approx(15706.0 + half, abs=0.25)
    assert found["share"] == pytest.approx([2 / 3, 1 / 3], rel=0.02)
    assert len(features(made_up(lines), vbroad=0.0, peak=0.004)) == 3
    assert len(features(made_up({}))) == 0


def test_no_feature_bridges_detectors():
    blue, green = detectors(APOGEE_PIXELS)[:2]
    # These pixels are neighbours, but 90 Å apart
    ends = (
        APOGEE_PIXELS[blue][-1],
        APOGEE_PIXELS[green][0],
    )
    found = features(made_up({"Si": [(end, 0.05, 0.5) for end in ends]}), vbroad=0.0)
    assert sorted(found["wavelength"]) == pytest.approx(ends)
    assert found["last"][0] == blue.stop - 1 and found["first"][1] == green.start


def test_known_lines_are_features_of_their_elements(shipped):
    known = {  # vacuum Å, from levels and laboratory wavelengths (NIST)
        "Mg": (15745.02, 15753.29, 15770.15),
        "Al": (16723.52, 16755.14, 16767.94),
        "K": (15172.52,),
        "Ca": (16161.78, 16155.18),
        "Na": (16393.34,),
    }
    for element, lines in known.items():
        own = shipped[shipped["element"] == element]
        for line in lines:
            inside = (APOGEE_PIXELS[own["first"]] - 0.2 < line) & (
                line < APOGEE_PIXELS[own["last"]] + 0.2
            )
            assert inside.sum() == 1, (element, line)
    counts = {element: np.sum(shipped["element"] == element) for element in STEPS}
    # Nearly everywhere there is a line of iron or of a molecule
    assert counts["Fe"] > 50 and counts["C"] > 50


def test_thresholds_and_shares_hold(shipped):
    responses = load_responses(APOGEE)
    assert responses.elements == STEPS
    for element, label in responses.elements.items():
        fall = -responses.raised(label, VBROAD)
        for row in shipped[shipped["element"] == element]:
            run = fall[row["first"] : row["last"] + 1]
            assert run.min() > LEAST and run.max() > PEAK
            assert run.max() == pytest.approx(row["depth"])
    assert np.all((shipped["share"] > 0) & (shipped["share"] <= 1))
    for pixel in set(shipped["first"]):
        at = shipped[(shipped["first"] <= pixel) & (pixel <= shipped["last"])]
        assert set(elements_at(shipped, [pixel])[0].split()) == set(at["element"])


def test_every_element_is_marked_and_the_deepest_come_first(shipped):
    table = strongest(marked(load_responses(APOGEE)), 3)
    names = [str(name) for name in table["element"]]
    assert set(names) == set(STEPS)
    first = table[: len(STEPS)]
    assert len(set(first["element"])) == len(STEPS)
    assert np.all(np.diff(first["depth"]) <= 0)
    for element in ("C", "Fe", "Mg"):
        own = table[table["element"] == element]
        assert (
            len(own) == 3
            and list(own["depth"])
            == sorted(shipped[shipped["element"] == element]["depth"])[:-4:-1]
        )
    assert [line.species for line in line_markers(APOGEE, 3)] == names
    assert line_markers(RVS) is RVS.lines


def test_groups_hold_every_label_once():
    grouped = [label for labels in APOGEE.groups.values() for label in labels]
    assert sorted(grouped) == sorted(label.name for label in APOGEE.labels)
    assert [APOGEE.group_of(element) for element in ("C", "Mg", "K", "Fe", "Ni")] == [
        "CNO",
        "α",
        "odd-Z",
    ] + ["iron peak"] * 2
    assert APOGEE.group_of("Ca II") is None
    assert [APOGEE.element_of(label) for label in ("mg_fe", "fe_h")] == ["Mg", "Fe"]
    assert [APOGEE.element_of(label) for label in ("teff", "alpha_fe", "m_h", "c12_c13")] == [
        None
    ] * 4


def test_derivatives_of_a_perfect_emulator_are_the_simulators():
    emulator = linear_emulator()
    pairs = derivative_pairs(emulator, load_responses(APOGEE), VBROAD)
    assert set(pairs) == {label.name for label in APOGEE.labels if label.name != "vbroad"} | {IRON}
    for name, (simulator, own) in pairs.items():
        if name != IRON:
            assert own == pytest.approx(simulator, abs=2e-3 * np.abs(simulator).max()), name
    alone = pairs["fe_h"][0] - sum(pairs[label][0] for label in pairs if label.endswith("_fe"))
    assert pairs[IRON][1] == pytest.approx(alone, abs=5e-3 * np.abs(alone).max())
    assert emulator([list(GIANT.values())])[0].min() < 0.7
