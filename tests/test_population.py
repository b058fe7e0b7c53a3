import numpy as np
import pytest

from specnb.surveys import RVS
from specnb.surveys.population import (
    COMPONENTS,
    STAGES,
    Population,
    draw_stars,
    lowest_logg,
    microturbulence,
)

N = 60_000


@pytest.fixture(scope="module")
def stars():
    return draw_stars(RVS, N, np.random.default_rng(3))


def giants_near(stars, m_h, logg):
    near = (np.abs(stars["m_h"] - m_h) < 0.1) & (np.abs(stars["logg"] - logg) < 0.15)
    return stars[near & (stars["stage"] == "giant")]


def test_columns_and_units(stars):
    assert len(stars) == N
    assert stars.colnames == [label.name for label in RVS.labels] + ["g_mag", "component", "stage"]
    for label in RVS.labels:
        assert str(stars[label.name].unit) == label.unit
    assert str(stars["g_mag"].unit) == "mag"


def test_every_star_is_inside_the_trusted_range(stars):
    for label in RVS.labels:
        assert stars[label.name].min() >= label.low and stars[label.name].max() <= label.high
    assert np.all(stars["logg"] >= lowest_logg(stars["teff"]))
    assert stars["g_mag"].min() >= 8 and stars["g_mag"].max() <= 14


def test_no_star_sits_on_an_edge_and_none_pile_up(stars):
    for label in RVS.labels:
        values, width = np.asarray(stars[label.name]), 0.01 * (label.high - label.low)
        for distance in (values - label.low, label.high - values):
            last, before = (
                np.sum(distance < width),
                np.sum((distance >= width) & (distance < 2 * width)),
            )
            assert last <= before + 4 * np.sqrt(before + 1)
            assert np.sum(distance == 0) <= 1
    assert np.sum(stars["teff"] < 4100) > 100  # the coolest giants are cut at 4000 K, not removed


def test_fractions_are_those_asked_for(stars):
    population = Population()
    for name, fraction in zip(COMPONENTS, population.components):
        assert abs(np.sum(stars["component"] == name) - N * fraction) < 4 * np.sqrt(N * fraction)
    disc = stars[stars["component"] != "halo"]
    for name, fraction in zip(STAGES, population.stages):
        assert abs(np.sum(disc["stage"] == name) - len(disc) * fraction) < 4 * np.sqrt(
            len(disc) * fraction
        )
    assert "red clump" not in stars["stage"][stars["component"] == "halo"]


def test_a_population_of_one_kind():
    only = Population(thin_disc=0, thick_disc=1, halo=0, dwarf=0, subgiant=0, giant=0, red_clump=1)
    stars = draw_stars(RVS, 500, np.random.default_rng(0), only)
    assert set(stars["component"]) == {"thick disc"} and set(stars["stage"]) == {"red clump"}
    assert np.all(np.abs(stars["logg"] - 2.45) < 0.5)


def test_giants_are_cooler_at_higher_metallicity(stars):
    for logg in (2.0, 2.8):
        poor, rich = giants_near(stars, -0.6, logg), giants_near(stars, 0.2, logg)
        assert len(poor) > 30 and len(rich) > 30
        assert 150 < np.median(poor["teff"]) - np.median(rich["teff"]) < 450


def test_giants_cool_towards_low_gravity(stars):
    temperatures = [
        np.median(giants_near(stars, 0.0, logg)["teff"]) for logg in (1.5, 2.0, 2.5, 3.0, 3.4)
    ]
    assert np.all(np.diff(temperatures) > 80)


def test_solar_dwarfs_have_solar_gravity(stars):
    sun = (
        (stars["stage"] == "dwarf")
        & (np.abs(stars["teff"] - 5772) < 60)
        & (np.abs(stars["m_h"]) < 0.1)
    )
    assert np.sum(sun) > 50
    assert np.median(stars["logg"][sun]) == pytest.approx(4.44, abs=0.06)
    assert np.median(stars["vmicro"][sun]) == pytest.approx(1.05, abs=0.1)


def test_halo_turn_off_is_hotter_than_the_thick_discs(stars):
    turn_off = {}
    for name in ("thick disc", "halo"):
        turn_off[name] = np.percentile(
            stars["teff"][(stars["component"] == name) & (stars["stage"] == "dwarf")], 95
        )
    assert turn_off["halo"] > turn_off["thick disc"] + 100
    assert turn_off["halo"] < 6800


def test_two_alpha_sequences_at_the_same_metallicity(stars):
    slice_ = stars[np.abs(stars["m_h"] + 0.4) < 0.05]
    low, valley, high = (
        np.sum(np.abs(slice_["alpha_fe"] - centre) < 0.02) for centre in (0.08, 0.16, 0.24)
    )
    assert min(low, high) > 100
    assert valley < 0.35 * min(low, high)


def test_metallicities(stars):
    assert np.std(stars["m_h"][stars["component"] == "thin disc"]) == pytest.approx(0.2, rel=0.05)
    thick = stars[stars["component"] == "thick disc"]
    assert np.mean(thick["m_h"]) == pytest.approx(-0.5, abs=0.02)
    assert 0.2 < np.median(thick["alpha_fe"]) < 0.3
    poor = stars[stars["m_h"] < -2]
    assert len(poor) > 30
    assert np.mean(poor["alpha_fe"]) == pytest.approx(0.3, abs=0.04)


def test_red_clump_is_an_overdensity_in_gravity(stars):
    clump, below, above = (
        np.sum(np.abs(stars["logg"] - centre) < 0.1) for centre in (2.45, 2.05, 2.85)
    )
    assert clump > 3 * max(below, above)
    metal_poor = stars[(stars["stage"] == "red clump") & (stars["m_h"] < -0.4)]
    metal_rich = stars[(stars["stage"] == "red clump") & (stars["m_h"] > 0.1)]
    assert 4650 < np.median(metal_rich["teff"]) < np.median(metal_poor["teff"]) < 5050


def test_rotation_sets_in_at_the_kraft_break(stars):
    dwarfs = stars[stars["stage"] == "dwarf"]
    cool, hot = dwarfs[dwarfs["teff"] < 6000], dwarfs[dwarfs["teff"] > 6700]
    assert len(hot) > 50
    assert np.median(cool["vbroad"]) == pytest.approx(4, abs=0.3)
    assert np.median(hot["vbroad"]) > 12
    assert np.percentile(stars["vbroad"][stars["logg"] < 3], 99) < 12


def test_microturbulence_follows_its_relation(stars):
    residual = stars["vmicro"] - microturbulence(stars["teff"], stars["logg"])
    assert abs(np.mean(residual)) < 0.01
    assert np.std(residual) == pytest.approx(0.12, rel=0.05)
    assert microturbulence(4700.0, 2.45) == pytest.approx(1.505)
    assert microturbulence(5700.0, 4.4) == pytest.approx(1.01)


def test_counts_rise_to_faint_magnitudes(stars):
    counts, edges = np.histogram(stars["g_mag"], bins=np.arange(8, 15))
    slope = np.polyfit(edges[:-1], np.log10(counts), 1, w=np.sqrt(counts))[0]
    assert slope == pytest.approx(0.25, abs=0.01)
    flat = draw_stars(RVS, 20_000, np.random.default_rng(0), Population(count_slope=0.0))["g_mag"]
    assert np.mean(flat) == pytest.approx(11, abs=0.05)


def test_same_seed_same_stars():
    one, two, other = (draw_stars(RVS, 300, np.random.default_rng(seed)) for seed in (5, 5, 6))
    for name in one.colnames:
        assert np.array_equal(one[name], two[name])
    assert not np.any(one["teff"] == other["teff"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"halo": 0.2}, "components.*sum to 1"),
        ({"thin_disc": 1.02, "thick_disc": -0.05}, "components.*sum to 1"),
        ({"dwarf": 0.9}, "stages.*sum to 1"),
        ({"giant": float("nan")}, "stages.*sum to 1"),
        ({"bright": 15.0}, "bright below faint"),
        ({"count_slope": float("inf")}, "finite"),
    ],
)
def test_refuses_a_population_that_cannot_be(change, words):
    with pytest.raises(ValueError, match=words):
        Population(**change)


def test_refuses_an_unknown_fraction():
    with pytest.raises(TypeError, match="bulge"):
        Population(bulge=0.1)
