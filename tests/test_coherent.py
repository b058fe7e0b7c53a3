"""Wavelengths at which all stars disagree with the physics: only the known ones are found."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
from astropy.table import Table

import specnb
from specnb.core.paths import data_folder
from specnb.core.spectra import Spectra
from specnb.core.wavelength import vacuum_from_air
from specnb.missing.coherent import KINDS, STARS, coherence, disagreements, robust_fit
from specnb.plots.coherent import disagreements_figure
from specnb.simulator.responses import IRON, load_responses
from specnb.surveys import APOGEE, RVS
from specnb.surveys.archive import real_spectra
from specnb.surveys.mock import make_mock
from specnb.surveys.rvs.mock import RvsMockConfig
from specnb.surveys.rvs.pixels import RVS_PIXELS
from specnb.surveys.rvs.survey import CA_II_TRIPLET

SILICON, TITANIUM = (float(vacuum_from_air(air)) for air in (8556.78, 8682.98))  # vacuum Å
MISSING = 8605.0  # vacuum Å; here spectra of FGK stars have no lines


def line(centre, height):
    """A line with the width of the spectrograph's resolution, on the pixels."""
    return height * np.exp(-0.5 * ((RVS_PIXELS - centre) / 0.35) ** 2)


@pytest.fixture(scope="module")
def emulator():
    return specnb.load_emulator()


@pytest.fixture(scope="module")
def clean(emulator):
    return make_mock(emulator, RvsMockConfig.clean(n_stars=30, seed=3))[0]


def changed(stars, change):
    return Spectra(stars.wavelength, stars.flux + change, stars.flux_error, stars.mask, stars.ids)


@pytest.fixture(scope="module")
def wrong(clean, emulator):
    stars = changed(clean, line(SILICON, 0.05) + line(MISSING, -0.06))
    return stars, *robust_fit(stars, emulator)


def flat(n, noise=0.01, seed=1):
    """Stars without lines, and a model that is right for them."""
    flux = 1 + noise * np.random.default_rng(seed).normal(size=(n, 800))
    return Spectra(
        RVS_PIXELS,
        flux,
        np.full((n, 800), noise),
        np.zeros((n, 800), bool),
        np.arange(n).astype(str),
    )


def test_a_right_model_disagrees_nowhere(clean, emulator):
    _, flux = robust_fit(clean, emulator)
    found = disagreements(clean, flux)
    assert len(found) == 0 and found.colnames[0] == "wavelength"
    assert coherence(clean, flux)["significance"].std() == pytest.approx(1.0, abs=0.1)


def test_a_line_too_strong_and_a_missing_one_are_found_and_nothing_else(wrong):
    stars, fits, flux = wrong
    found = disagreements(stars, flux)
    found.sort("wavelength")
    assert list(found["wavelength"]) == pytest.approx([SILICON, MISSING], abs=0.3)
    assert list(found["kind"]) == list(KINDS)
    assert list(found["excess"]) == pytest.approx([0.05, -0.06], abs=0.01)
    assert np.all(found["first"] <= found["wavelength"]) and np.all(
        found["wavelength"] <= found["last"]
    )
    assert np.all(found["last"] - found["first"] < 3.0)
    assert np.all(found["stars"] == 30) and np.all(found["agree"] > 15) and not found["edge"].any()
    assert found["model_depth"][0] > 0.05 and found["model_depth"][1] < 0.02
    assert found["candidates"][0].startswith("Si 0.") and found["candidates"][1] == "none"
    shares = [float(part.split()[1]) for part in found["candidates"][0].split(", ")]
    assert shares == sorted(shares, reverse=True) and 0.8 < sum(shares) <= 1.01
    assert fits["converged"].mean() > 0.8


def test_other_lines_name_their_elements(clean, emulator):
    _, flux = robust_fit(clean, emulator)
    found = disagreements(changed(clean, line(TITANIUM, 0.04) + line(CA_II_TRIPLET[1], 0.1)), flux)
    by_element = {row["candidates"].split()[0]: row for row in found}
    assert by_element["Ti"]["wavelength"] == pytest.approx(TITANIUM, abs=0.3)
    assert (
        by_element["Ca"]["known"].startswith("Ca II 8544, core") and by_element["Ti"]["known"] == ""
    )
    in_dwarfs = disagreements(
        changed(clean, line(TITANIUM, 0.04)), flux, [load_responses(RVS, "sun")]
    )
    both = float(by_element["Ti"]["candidates"].split(",")[0].split()[1])
    # There is no CN at these wavelengths
    assert len(in_dwarfs) == 1 and float(in_dwarfs["candidates"][0].split(",")[0].split()[1]) > both


def test_no_star_makes_a_row_alone_and_bad_pixels_do_not_count():
    stars = flat(4)
    flux, mask = stars.flux.copy(), stars.mask.copy()
    flux[0, 300] += 1.0  # a cosmic ray
    flux[:2, 500] += 0.1
    flux[:, 600], mask[:, 600] = 5.0, True
    mask[1:, 700], flux[0, 700] = True, 2.0
    stars = Spectra(RVS_PIXELS, flux, np.full(flux.shape, 0.01), mask, stars.ids)
    pixels = coherence(stars, np.ones((4, 800)))
    assert pixels["significance"][300] > 30 and pixels["without_one"][300] < 3
    assert list(pixels["stars"][[300, 600, 700]]) == [4, 0, 1] and pixels["significance"][600] == 0
    assert pixels["without_one"][700] == 0 and not np.isfinite(pixels["error"][600])
    found = disagreements(stars, np.ones((4, 800)))
    assert list(found["wavelength"]) == [RVS_PIXELS[500]] and found["agree"][0] == 2


def test_model_errors_that_stars_share_are_no_lines():
    shared = 0.03 * np.random.default_rng(5).normal(size=800)
    stars = changed(flat(50, noise=0.005), shared)
    pixels = coherence(stars, np.ones((50, 800)))
    # It would be 0.03 / 0.005 x sqrt(50) = 42 without the model's error
    assert np.abs(pixels["significance"]).max() < 4.5
    assert np.median(pixels["error"]) == pytest.approx(0.03, rel=0.1)
    assert (
        coherence(changed(stars, line(8600.0, 0.4)), np.ones((50, 800)))["significance"].max() > 10
    )


def test_rows_near_the_ends_are_flagged():
    found = disagreements(
        changed(flat(5), line(8461.0, 0.1) + line(8560.0, 0.1)), np.ones((5, 800))
    )
    assert sorted(zip(found["wavelength"].round(), found["edge"])) == [
        (8461.0, True),
        (8560.0, False),
    ]


def test_fits_with_a_velocity_know_the_stars_though_not_all_pixels(clean, emulator):
    flux = robust_fit(clean, emulator, specnb.FitConfig(fit_rv=True))[1]
    table = coherence(clean, flux)
    assert np.isnan(flux).any() and (table["stars"][[5, -6]] > 20).all()
    assert np.isfinite(table["significance"]).all() and np.isfinite(table["model"]).all()
    assert not len(disagreements(clean, flux))
    with pytest.raises(ValueError, match="the spectra are not at rest"):
        coherence(replace(clean, at_rest=False), flux)


def test_what_cannot_be_compared_is_said(clean, emulator):
    with pytest.raises(ValueError, match="1 of 1 stars have a fit"):
        robust_fit(clean[:1], emulator)
    with pytest.raises(ValueError, match="0 of 0 stars"):
        coherence(clean[:0], np.empty((0, 800)))
    with pytest.raises(ValueError, match="shape"):
        coherence(clean, np.ones((2, 800)))
    failed = np.ones(clean.flux.shape)
    failed[1:] = np.nan
    with pytest.raises(ValueError, match="1 of 30 stars"):
        disagreements(clean, failed)
    half = Spectra(
        RVS_PIXELS[:400],
        *(a[:, :400] for a in (clean.flux, clean.flux_error, clean.mask)),
        clean.ids,
    )
    with pytest.raises(ValueError, match="not on this model.s 800 pixels"):
        disagreements(half, np.ones((30, 400)))


def test_the_figure_marks_the_runs(wrong):
    stars, _, flux = wrong
    pixels, found = coherence(stars, flux), disagreements(stars, flux)
    arguments = [str(star) for star in stars.ids], (SILICON, MISSING), "Ca II core"
    figure = disagreements_figure(stars, flux, pixels, found, *arguments)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert len(figure.axes) == 3 and sorted(text.split()[-1] for text in texts) == ["Si", "none"]
    assert figure._repr_png_()[0].startswith(b"\x89PNG")
    figure = disagreements_figure(stars[:2], flux[:2], pixels, found[:0], "ab", (SILICON,), "core")
    assert len(figure.axes) == 2 and not figure.axes[0].texts


@pytest.mark.parametrize("star", STARS)
def test_responses_of_the_rvs_are_lines_of_their_elements(star):
    responses = load_responses(RVS, star)
    assert {"C", "N", "O", "Mg", "Si", "Ca", "Ti", "Cr", "Mn", "Fe", "Ni"} < set(responses.elements)
    known = {
        "Ca": CA_II_TRIPLET[1],
        "Si": SILICON,
        "Ti": TITANIUM,
        "Fe": float(vacuum_from_air(8688.62)),
    }
    for element, at in known.items():
        falls = {other: -responses.raised(name, 6.0) for other, name in responses.elements.items()}
        near = np.abs(RVS_PIXELS - at) < 0.5
        assert max(falls, key=lambda other: falls[other][near].max()) == element
        slope = responses.derivative(responses.elements[element], 6.0)
        assert -0.05 * slope == pytest.approx(falls[element], abs=0.1 * falls[element].max())
    assert list(responses.star) == ["teff", "logg", "m_h", "alpha_fe", "vmicro"]


def test_elements_that_change_neither_star_are_left_out():
    stars = [load_responses(RVS, star) for star in STARS]
    assert stars[0].elements == stars[1].elements
    for name in stars[0].steps:
        assert max(np.abs(star.steps[name][1] - star.reference).max() for star in stars) > 1e-4


def test_the_emulator_answers_as_the_responses(emulator):
    for star in STARS:
        responses = load_responses(RVS, star)
        own = emulator([[*responses.star.values(), 6.0]])[0]
        simulated = responses.survey.observe(
            responses.wavelength, responses.reference[None], np.full(1, 6.0)
        )[0]
        assert np.abs(own - simulated).mean() < 0.003


def test_responses_are_read_by_survey_or_path(tmp_path):
    apogee = load_responses(APOGEE)
    assert apogee.elements == APOGEE.elements | {"Fe": IRON} and apogee.survey is APOGEE
    assert load_responses(APOGEE, path=APOGEE.responses_path).steps.keys() == apogee.steps.keys()
    assert load_responses(RVS, "sun", RVS.responses_path).star["teff"] == 5772
    for star in (None, "procyon"):
        with pytest.raises(ValueError, match="'giant' or 'sun'"):
            load_responses(RVS, star)
    with pytest.raises(ValueError, match="give None"):
        load_responses(APOGEE, "sun")
    with pytest.raises(OSError, match="not a whole file"):
        load_responses(replace(APOGEE, name="galah"))
    with pytest.raises(ValueError, match="apogee has teff, logg, vmicro, c_fe"):
        load_responses(APOGEE, "sun", RVS.responses_path)
    with h5py.File(tmp_path / "empty.h5", "w"):
        pass
    with pytest.raises(OSError, match="not a whole file"):
        load_responses(APOGEE, path=tmp_path / "empty.h5")


@pytest.mark.skipif(
    not (data_folder() / "gaia_rvs").is_dir(), reason="no real spectra: set SPECNB_DATA"
)
def test_real_stars_show_the_false_line(emulator):
    stars, _ = real_spectra(RVS)
    _, flux = robust_fit(stars, emulator)
    found, pixels = disagreements(stars, flux), coherence(stars, flux)
    assert isinstance(found, Table)
    first = found[0]
    assert first["wavelength"] == pytest.approx(8634.0, abs=0.6) and first["excess"] > 0.08
    assert first["significance"] > 10 and first["kind"] == KINDS[0]
    # These are lines of CH
    assert first["agree"] == first["stars"] == 3 and first["candidates"].startswith("C 0.")
    assert sum("core" in known for known in found["known"]) >= 3  # Ca II, which is not in LTE
    blend = np.abs(pixels["wavelength"] - 8504.3) < 0.5
    assert pixels["significance"][blend].max() > 3.5
