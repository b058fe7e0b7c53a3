import numpy as np
import pytest

from specnb.surveys import APOGEE
from specnb.surveys.apogee.stars import (
    APOGEE_POPULATION,
    CARBON_PER_NITROGEN,
    SNR,
    SPEED,
    TRENDS,
    giant_branch,
    scaled_metallicity,
)
from specnb.surveys.apogee.survey import ELEMENTS, LARGEST_C_O
from specnb.surveys.population import (
    COMPONENTS,
    STAGES,
    Population,
    draw_stars,
    lowest_logg,
    microturbulence,
)

ALPHA = ("O", "Mg", "Si", "S", "Ca", "Ti")
N = 40_000


@pytest.fixture(scope="module")
def stars():
    return draw_stars(APOGEE, N, np.random.default_rng(3))


def median(stars, name, where):
    assert np.sum(where) > 50
    return np.median(stars[name][where])


def alpha_fe(stars):
    """[α/Fe] computed from [O/Fe], [Mg/Fe] and [Si/Fe]."""
    return np.mean([stars["o_fe"], stars["mg_fe"], stars["si_fe"]], axis=0) / 1.017


def test_columns_and_units(stars):
    assert len(stars) == N
    assert stars.colnames == [label.name for label in APOGEE.labels] + [
        "rv",
        "snr",
        "component",
        "stage",
    ]
    for label in APOGEE.labels:
        assert str(stars[label.name].unit or "") == label.unit
    assert str(stars["rv"].unit) == "km / s"


def test_every_star_is_where_the_emulator_is_trusted(stars):
    for label in APOGEE.labels:
        assert stars[label.name].min() >= label.low and stars[label.name].max() <= label.high
    assert np.all(APOGEE.inside(dict(stars)))
    assert np.all(stars["logg"] >= lowest_logg(stars["teff"]))
    assert np.max(stars["c_fe"] - stars["o_fe"]) <= LARGEST_C_O


def test_no_stars_pile_up_at_an_edge(stars):
    for label in APOGEE.labels:
        values, width = np.asarray(stars[label.name]), 0.01 * (label.high - label.low)
        for distance in (values - label.low, label.high - values):
            last, before = (
                np.sum(distance < width),
                np.sum((distance >= width) & (distance < 2 * width)),
            )
            assert last <= before + 4 * np.sqrt(before + 1)
            assert np.sum(distance == 0) <= 1


def test_every_label_varies(stars):
    for label in APOGEE.labels:
        assert np.std(stars[label.name]) > 0.02 * (label.high - label.low)


def test_fractions_are_those_asked_for(stars):
    for name, fraction in zip(COMPONENTS, APOGEE_POPULATION.components):
        assert abs(np.sum(stars["component"] == name) - N * fraction) < 4 * np.sqrt(N * fraction)
    disc = stars[stars["component"] != "halo"]
    for name, fraction in zip(STAGES, APOGEE_POPULATION.stages):
        assert abs(np.sum(disc["stage"] == name) - len(disc) * fraction) < 4 * np.sqrt(
            len(disc) * fraction
        )
    assert "red clump" not in stars["stage"][stars["component"] == "halo"]


def test_giants_are_distributed_as_those_of_dr17(stars):
    # percentiles 5, 50, 95 of the 152,090 giants of DR17 within the labels' ranges
    dr17 = {
        "teff": (4067, 4588, 4975),
        "logg": (1.228, 2.317, 3.233),
        "fe_h": (-0.85, -0.255, 0.209),
    }
    giants = stars[np.isin(stars["stage"], ["giant", "red clump"]) & (stars["logg"] < 3.35)]
    for (name, expected), tolerance in zip(dr17.items(), (60, 0.15, 0.06)):
        assert np.allclose(np.percentile(giants[name], (5, 50, 95)), expected, atol=tolerance)
    assert np.allclose(
        np.percentile(alpha_fe(giants), (5, 50, 95)), (0.005, 0.081, 0.290), atol=0.015
    )


def test_giants_lie_on_the_branch(stars):
    giants = stars[
        (stars["stage"] == "giant") & (stars["teff"] > 4150) & (stars["component"] == "thin disc")
    ]
    m_h = scaled_metallicity(np.asarray(giants["fe_h"]), alpha_fe(giants))
    residual = giants["teff"] - giant_branch(np.asarray(giants["logg"]), m_h)
    assert abs(np.mean(residual)) < 30
    assert np.std(residual) == pytest.approx(50, abs=8)
    assert giant_branch(1.5, 0.0) < giant_branch(2.5, 0.0) < giant_branch(2.5, -0.5)


def test_dwarfs_and_giants_are_apart(stars):
    dwarf, giant = (stars[stars["stage"] == name] for name in ("dwarf", "giant"))
    assert dwarf["logg"].min() > 3.8 and giant["logg"].max() < 3.6
    assert np.sum(giant["logg"] < 1) > 20 and giant["logg"].min() < 0.9


def test_two_alpha_sequences_at_the_same_metallicity(stars):
    alpha = alpha_fe(stars)[np.abs(stars["fe_h"] + 0.4) < 0.1]
    low, valley, high = (np.sum(np.abs(alpha - centre) < 0.02) for centre in (0.08, 0.17, 0.25))
    assert low > 5 * valley and high > 3 * valley > 0


def test_alpha_elements_rise_together_each_by_its_slope(stars):
    near = np.abs(stars["fe_h"] + 0.4) < 0.1
    thick, thin = (near & (stars["component"] == name) for name in ("thick disc", "thin disc"))
    contrast = {
        element: median(stars, f"{element.lower()}_fe", thick)
        - median(stars, f"{element.lower()}_fe", thin)
        for element in ELEMENTS
    }
    for element in ALPHA:
        assert contrast[element] == pytest.approx(TRENDS[element][0] * 0.165, abs=0.02)
    assert contrast["Mg"] > contrast["Ca"] > contrast["Ni"] > contrast["Mn"]
    assert abs(contrast["Cr"]) < 0.01
    assert np.corrcoef(stars["mg_fe"][near], stars["si_fe"][near])[0, 1] > 0.9


def test_manganese_and_copper_follow_metallicity(stars):
    thin = stars["component"] == "thin disc"
    for name in ("mn_fe", "cu_fe", "ni_fe"):
        rich, poor = (
            median(stars, name, thin & (np.abs(stars["fe_h"] - centre) < 0.1))
            for centre in (0.2, -0.5)
        )
        assert rich > poor + 0.01


def test_dredge_up_turns_carbon_into_nitrogen_one_by_one(stars):
    thin = (stars["component"] == "thin disc") & (np.abs(stars["fe_h"]) < 0.15)
    dwarf, giant = (
        thin & (stars["stage"] == "dwarf"),
        thin & (stars["stage"] == "giant") & (stars["logg"] < 3),
    )
    assert -0.18 < median(stars, "c_fe", giant) - median(stars, "c_fe", dwarf) < -0.06
    assert 0.15 < median(stars, "n_fe", giant) - median(stars, "n_fe", dwarf) < 0.4
    total = CARBON_PER_NITROGEN * 10 ** stars["c_fe"] + 10 ** stars["n_fe"]
    assert np.median(total[giant]) == pytest.approx(np.median(total[dwarf]), rel=0.02)
    assert median(stars, "o_fe", giant) == pytest.approx(median(stars, "o_fe", dwarf), abs=0.01)


def test_carbon_isotopes_tell_the_stage(stars):
    thin = stars["component"] == "thin disc"
    dwarfs = stars["c12_c13"][stars["stage"] == "dwarf"]
    assert dwarfs.min() >= 59 and dwarfs.max() <= 90
    below = median(
        stars, "c12_c13", thin & (stars["stage"] == "giant") & (np.abs(stars["logg"] - 2.8) < 0.2)
    )
    above = median(stars, "c12_c13", thin & (stars["stage"] == "giant") & (stars["logg"] < 1.6))
    assert 20 < below < 30 and 10 < above < 16
    assert median(stars, "c12_c13", stars["stage"] == "red clump") == pytest.approx(13, abs=1)


def test_dredge_up_grows_along_the_lower_giant_branch(stars):
    on_the_way = np.isin(stars["stage"], ["subgiant", "giant"]) & (
        stars["component"] == "thin disc"
    )
    carbon_over_nitrogen = [
        np.median(
            (stars["c_fe"] - stars["n_fe"])[on_the_way & (np.abs(stars["logg"] - logg) < 0.05)]
        )
        for logg in (3.75, 3.5, 3.3, 3.1)
    ]
    assert np.all(np.diff(carbon_over_nitrogen) < -0.05)


def test_broadening(stars):
    residual = stars["vmicro"] - microturbulence(stars["teff"], stars["logg"])
    assert np.std(residual) == pytest.approx(0.12, rel=0.05)
    giant = stars["stage"] == "giant"
    expected = 10 ** (0.741 - 0.0998 * stars["logg"] - 0.225 * stars["fe_h"])
    assert np.median((stars["vbroad"] / expected)[giant]) == pytest.approx(1, abs=0.01)


def test_velocities_and_signal_to_noise(stars):
    for name, speed in zip(COMPONENTS, (40, 65, 150)):
        assert np.std(stars["rv"][stars["component"] == name]) == pytest.approx(speed, rel=0.06)
    assert np.max(np.abs(stars["rv"])) <= SPEED
    assert SNR[0] <= stars["snr"].min() < 52 and 600 < stars["snr"].max() <= SNR[1]
    assert np.median(stars["snr"]) == pytest.approx(133, rel=0.03)


def test_a_population_of_one_kind():
    only = Population(thin_disc=0, thick_disc=1, halo=0, dwarf=0, subgiant=0, giant=0, red_clump=1)
    stars = draw_stars(APOGEE, 300, np.random.default_rng(0), only)
    assert set(stars["component"]) == {"thick disc"} and set(stars["stage"]) == {"red clump"}
    assert np.all(np.abs(stars["logg"] - 2.5) < 0.5)


def test_same_seed_same_stars():
    one, two, other = (draw_stars(APOGEE, 300, np.random.default_rng(seed)) for seed in (5, 5, 6))
    for name in one.colnames:
        assert np.array_equal(one[name], two[name])
    assert not np.any(one["teff"] == other["teff"])
