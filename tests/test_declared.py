"""Surveys that TOML files declare, and reading spectra into them."""

import numpy as np
import pytest
from astropy.table import Table

import specnb
from specnb.core.labels import Label
from specnb.core.wavelength import air_from_vacuum, vacuum_from_air
from specnb.surveys import LeftOutWarning, Survey, survey_of
from specnb.surveys.catalogue import with_labels
from specnb.surveys.declared import continuum
from specnb.surveys.noise import missing_error

SURVEY = """
name = "mine"
title = "My instrument"
resolving_power = 500

[pixels]
start = 0.50
stop = 0.51
step = 0.0001
unit = "um"

[[labels]]
name = "age"
unit = "Gyr"
low = 0.1
high = 14
meaning = "age of the star"

[[labels]]
name = "mass"
low = 0.5
high = 2
logarithmic = true

[[lines]]
species = "Fe I"
wavelength = 0.505

[windows]
"the line" = [0.504, 0.506]
"""
FINE = np.linspace(4990.0, 5110.0, 1201)


def line(wavelength, depth=0.5):
    return 1 - depth * np.exp(-0.5 * ((wavelength - 5050.0) / 3) ** 2)


@pytest.fixture
def declare(tmp_path):
    def write(text=SURVEY, old="", new=""):
        assert old in text
        (tmp_path / "mine.toml").write_text(text.replace(old, new, 1) if old else new + text)
        return tmp_path / "mine.toml"

    return write


def write(path, wavelength, flux, error=0.01, **columns):
    table = Table({"wavelength": wavelength, "flux": flux, **columns})
    if error is not None:
        table["flux_error"] = np.broadcast_to(error, np.shape(flux))
    table.write(path, overwrite=True)
    return path


def test_all_that_a_file_declares(declare):
    survey = Survey.from_toml(declare())
    assert (survey.name, survey.title, survey.resolving_power) == ("mine", "My instrument", 500)
    np.testing.assert_allclose(survey.pixels, np.arange(5000, 5101))
    age, mass = survey.labels
    assert (age.unit, age.low, age.meaning, age.symbol) == ("Gyr", 0.1, "age of the star", "age")
    assert mass.logarithmic and not age.logarithmic
    assert survey.lines[0].wavelength == pytest.approx(5050)
    assert survey.windows == {"the line": pytest.approx((5040, 5060))}
    assert survey_of(str(declare())).names == ("age", "mass")


def test_pixels_may_be_logarithmic_in_a_file_and_in_air(declare, tmp_path):
    step = declare(old="step = 0.0001", new="log_step = 1e-5")
    pixels = Survey.from_toml(step).pixels
    np.testing.assert_allclose(np.diff(np.log10(pixels)), 1e-5)
    np.savetxt(tmp_path / "pixels.txt", [5000.0, 5001.0, 5003.0])
    ends = 'start = 0.50\nstop = 0.51\nstep = 0.0001\nunit = "um"'
    listed = declare(old=ends, new='file = "pixels.txt"\nmedium = "air"')
    survey = Survey.from_toml(listed)
    np.testing.assert_allclose(survey.pixels, vacuum_from_air([5000.0, 5001.0, 5003.0]))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("", "colour = 3\n", "has the key colour, which means nothing: it may have name, pixels"),
        ("step = 0.0001", "steps = 0.0001", "pixels has the key steps"),
        ("low = 0.1\n", "", "label 1 lacks low: add it"),
        ("low = 0.1", "low = 20", "label age has the range 20 to 14"),
        ("low = 0.1", 'low = "old"', "mine.toml: "),
        ("step = 0.0001", "step = -1", "increasing pixels"),
        ("step = 0.0001", 'step = "small"', "pixels has step = 'small': give a number"),
        ('unit = "um"', 'unit = "kg"', "'kg', which cannot be converted"),
        ('unit = "um"', 'unit = "um"\nmedium = "water"', "medium is 'water': give air or vacuum"),
        ("", 'error = "guess"\n', "error is 'guess': give 'estimate'"),
        ("", "error = -0.1\n", "error is -0.1"),
        ("", 'continuum = "spline"\n', "continuum is 'spline': give 'median'"),
        ('name = "mine"', 'name = "../mine"', "name is '../mine'"),
        (
            "resolving_power = 500",
            "resolving_power = -3",
            "resolving_power is -3: give a number from 1",
        ),
        ("resolving_power = 500", "resolving_power = [5]", "resolving_power = .5.: give a number"),
        ("start = 0.50", "start = [0.5]", "pixels has start = .0.5.: give a number"),
        ('unit = "Gyr"', 'unit = "Gyears"', "label age has the unit 'Gyears', which is none"),
        ('name = "mass"', 'name = "teff"\nunit = "kK"', "unit 'kK', but teff is in K everywhere"),
        ("", 'at_rest = "no"\n', "has at_rest = 'no': give true or false"),
        ("", "continuum = true\n", "has continuum = True: give a number or text"),
        ("", "correlation_length = 0.5\n", "correlation_length is 0.5: give a number from 1"),
        ('name = "mine"', "name = 3", "has name = 3: give text"),
        ("[0.504, 0.506]", "[1]", "windows has the line = .1.: give its two ends"),
        ("[0.504, 0.506]", "1", "windows has the line = 1: give a list of numbers"),
        (
            "wavelength = 0.505",
            'wavelength = "red"',
            "line 1 has wavelength = 'red': give a number",
        ),
        ("title =", "title", "is not a whole declaration of a survey"),
    ],
)
def test_mistakes_are_named_in_one_sentence(declare, old, new, message):
    path = declare(old=old, new=new)
    with pytest.raises(ValueError, match=message) as caught:
        Survey.from_toml(path)
    assert "mine.toml" in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_file_or_name_is_named(declare):
    with pytest.raises(ValueError, match="mine.toml: name is 'rvs', a survey that is shipped"):
        survey_of(declare(old='name = "mine"', new='name = "rvs"'))
    with pytest.raises(ValueError, match="nowhere.toml"):
        survey_of("nowhere.toml")
    with pytest.raises(ValueError, match="no survey is named rsv: give rvs, apogee"):
        survey_of("rsv")


def test_every_file_is_rebinned_from_its_own_wavelengths(declare, tmp_path):
    survey = Survey.from_toml(declare())
    write(tmp_path / "a.csv", FINE, line(FINE))
    write(tmp_path / "b.csv", FINE[::3] / 10, line(FINE[::3]))
    spectra = specnb.read_spectra([tmp_path / "a.csv", tmp_path / "b.csv"], survey=survey)
    np.testing.assert_array_equal(spectra.wavelength, survey.pixels)
    np.testing.assert_allclose(spectra.flux, [line(survey.pixels)] * 2, atol=4e-3)
    # The mean of n independent samples has an error smaller by the root of n.
    np.testing.assert_allclose(np.median(spectra.flux_error[0]), 0.01 / np.sqrt(10), rtol=0.05)
    again = specnb.read_spectra(tmp_path / "a.csv", survey=declare())
    np.testing.assert_array_equal(again.flux[0], spectra.flux[0])
    spectra.write(tmp_path / "c.h5")
    np.testing.assert_array_equal(
        specnb.read_spectra(tmp_path / "c.h5", survey=survey).flux, spectra.flux
    )


def test_python_surveys_take_their_own_pixels_only(tmp_path):
    survey = Survey("mine", "Mine", specnb.surveys.RVS.labels, FINE)
    write(tmp_path / "a.csv", FINE[::3], line(FINE[::3]))
    with pytest.raises(ValueError, match="not the pixels of a survey"):
        specnb.read_spectra(tmp_path / "a.csv", survey=survey)


def test_labels_of_a_table_are_kept(declare, tmp_path):
    columns = {"id": np.repeat(["x", "y"], 1201), "age": np.repeat([1.0, 2.0], 1201)}
    write(tmp_path / "a.csv", np.tile(FINE, 2), np.tile(line(FINE), 2), **columns)
    spectra = specnb.read_spectra(tmp_path / "a.csv", survey=declare())
    assert list(spectra.ids) == ["x", "y"] and list(spectra.labels["age"]) == [1, 2]


def test_spectra_that_do_not_cover_the_pixels_are_left_out(declare, tmp_path):
    wavelength = np.r_[FINE, FINE[:300]]
    ids = np.r_[["x"] * 1201, ["y"] * 300]
    path = write(tmp_path / "a.csv", wavelength, line(wavelength), id=ids)
    with pytest.warns(LeftOutWarning, match="1 of 2 stars are left out, y .*does not cover"):
        assert list(specnb.read_spectra(path, survey=declare()).ids) == ["x"]
    path = write(tmp_path / "b.csv", FINE[:300], line(FINE[:300]))
    with pytest.raises(ValueError, match="b.csv: star b: .*does not cover"):
        specnb.read_spectra(path, survey=declare())


def test_missing_errors_are_refused_set_or_estimated(declare, tmp_path):
    noise = np.random.default_rng(1).normal(0, 0.02, FINE.size)
    path = write(tmp_path / "a.csv", FINE, line(FINE) + noise, error=None)
    with pytest.raises(ValueError, match="lacks flux_error"):
        specnb.read_spectra(path, survey=declare())
    half = 0.02 / np.sqrt(10)
    for error in ("estimate", 0.02):
        found = specnb.read_spectra(path, survey=declare(), error=error).flux_error
        np.testing.assert_allclose(np.median(found), half, rtol=0.1)
    found = specnb.read_spectra(path, survey=declare(new="error = 0.02\n")).flux_error
    np.testing.assert_allclose(np.median(found), half, rtol=0.1)
    with pytest.raises(ValueError, match="error is 'guess'"):
        specnb.read_spectra(path, survey=declare(), error="guess")


def test_the_estimate_is_der_snr():
    flux = np.random.default_rng(2).normal(100, 3, 20_000)
    assert missing_error(flux, "estimate")[0] == pytest.approx(3, rel=0.03)
    flux[::7] = np.nan
    assert missing_error(flux, "estimate")[0] == pytest.approx(3, rel=0.03)
    assert missing_error(flux, 0.02)[0] == pytest.approx(2, rel=0.01)
    slope = np.linspace(1, 2, 100)
    for length in (2, 3, 5):  # a running mean has the triangular correlation
        mean = np.convolve(np.random.default_rng(3).normal(0, 1, 50_000), np.ones(length) / length)
        found = missing_error(mean, "estimate", length)[0]
        assert found == pytest.approx(length**-0.5, rel=0.03)
    np.testing.assert_allclose(missing_error(slope, "estimate"), 0, atol=1e-12)


def test_files_in_air_are_shifted_unless_they_say_vacuum(declare, tmp_path):
    survey = Survey.from_toml(declare(old='unit = "um"', new='unit = "um"\nmedium = "air"'))
    vacuum = vacuum_from_air(FINE)
    write(tmp_path / "a.csv", FINE, line(vacuum))
    table = Table({"wavelength": vacuum, "flux": line(vacuum), "flux_error": 0 * FINE + 0.01})
    table["wavelength"].description = "vacuum wavelength"
    table.write(tmp_path / "b.ecsv", delimiter=",")
    spectra = specnb.read_spectra([tmp_path / "a.csv", tmp_path / "b.ecsv"], survey=survey)
    np.testing.assert_allclose(spectra.flux[0], spectra.flux[1], atol=1e-3)
    assert np.argmin(spectra.flux[0]) == np.abs(survey.pixels - 5050).argmin()
    np.testing.assert_allclose(air_from_vacuum(survey.pixels), np.arange(5000, 5101), atol=1e-6)


def test_the_estimate_knows_the_correlation_of_the_survey(declare, tmp_path):
    pixels = np.arange(4990.0, 5111.0, 0.05)
    noise = np.random.default_rng(4).normal(0, 0.03, (8, pixels.size + 60))
    noise = np.array([np.convolve(row, np.ones(60) / 60, "valid")[: pixels.size] for row in noise])
    ids = np.repeat([*"abcdefgh"], pixels.size)
    path = write(tmp_path / "a.csv", np.tile(pixels, 8), 1 + noise.ravel(), error=None, id=ids)
    for length, factor in ((3, 1), (1, 10)):  # pixels of the survey are 1 Å
        survey = declare(new=f'error = "estimate"\ncorrelation_length = {length}\n')
        found = specnb.read_spectra(path, survey=survey)
        assert np.median(found.flux_error) * factor < 1.3 * found.flux.std()
        assert length == 1 or np.median(found.flux_error) > 0.7 * found.flux.std()


@pytest.mark.parametrize("order", ["median", 2])
def test_the_continuum_is_divided_out_in_any_unit(declare, tmp_path, order):
    shape = 1 + (0.3 if order == 2 else 0) * (FINE - 5050) / 60
    path = write(tmp_path / "a.csv", FINE, 3e-15 * shape, error=3e-17)
    new = f"continuum = {order!r}\n".replace("'", '"')
    spectra = specnb.read_spectra(path, survey=declare(new=new))
    np.testing.assert_allclose(spectra.flux, 1, rtol=2e-4)
    np.testing.assert_allclose(spectra.flux_error, 0.01 / np.sqrt(10), rtol=0.5)


def test_a_series_is_fitted_on_each_detector_and_ignores_masked_pixels():
    pixels = np.r_[np.arange(100.0), np.arange(300.0, 400.0)]
    flux = np.where(pixels < 200, 1 + pixels / 100, 5 - pixels / 200)[None]
    spoiled, ivar = flux.copy(), np.ones_like(flux)
    spoiled[0, 10], ivar[0, 10] = 1e4, 0
    np.testing.assert_allclose(continuum(pixels, 1, spoiled, ivar), flux)
    ivar[0, :100] = 0
    assert np.isnan(continuum(pixels, 1, flux, ivar)[0, :100]).all()


def test_a_placeholder_in_the_flux_is_masked_before_the_rebinning(declare, tmp_path):
    flux = line(FINE)
    flux[500:530] = -9999
    path = write(tmp_path / "a.csv", FINE, flux)
    spectra = specnb.read_spectra(path, survey=declare())
    assert spectra.mask.sum() == 3
    expected = line(spectra.wavelength)[~spectra.mask[0]]
    np.testing.assert_allclose(spectra.flux[~spectra.mask], expected, atol=8e-3)


def some(ids):
    wavelength = np.arange(5000.0, 5010.0)
    shape = len(ids), 10
    return specnb.Spectra(wavelength, np.ones(shape), np.full(shape, 0.1), np.zeros(shape), ids)


def test_labels_of_a_catalogue_are_matched_by_id(tmp_path):
    catalogue = Table({"star": ["d", "c", "b", "a"], "age": [4.0, 3.0, 2.0, 1.0]})
    catalogue.write(tmp_path / "labels.csv")
    for source in (catalogue, tmp_path / "labels.csv"):
        assert list(with_labels(some(["b", "a", "d"]), source, ["age"]).labels["age"]) == [2, 1, 4]
    catalogue["age"][3] = np.nan
    with pytest.warns(LeftOutWarning, match="2 of 3 .* no row for 1 and lacks a label of 1"):
        found = with_labels(some(["a", "b", "z"]), catalogue, ["age"])
    assert list(found.ids) == ["b"] and list(found.labels["age"]) == [2]


def test_a_catalogue_gets_the_units_of_labels():
    catalogue = Table({"id": ["a", "b"], "age": [1.0, 2.0], "mass": [1.0, 2.0]})
    age = Label("age", "Gyr", 0.0, 14.0, "age", "age")
    found = with_labels(some(["b", "a"]), catalogue, [age, "mass"]).labels
    assert (str(found["age"].unit), found["mass"].unit) == ("Gyr", None)
    assert list(found["age"]) == [2, 1] and catalogue["age"].unit is None
    catalogue["age"].unit = "Myr"
    with pytest.warns(UserWarning, match="age is converted from Myr to Gyr"):
        found = with_labels(some(["b"]), catalogue, [age]).labels
    assert found["age"][0] == 2e-3 and catalogue["age"][1] == 2


def test_a_catalogue_that_does_not_match_is_refused(tmp_path):
    catalogue = Table({"id": ["a", "b", "b"], "age": [1.0, 2.0, 3.0]})
    with pytest.raises(ValueError, match="star b has more than one row"):
        with_labels(some(["a"]), catalogue, ["age"])
    with pytest.raises(ValueError, match="none of the 2 stars.* its ids are such as a.* such as x"):
        with_labels(some(["x", "y"]), catalogue[:2], ["age"])
    with pytest.raises(ValueError, match="no column mass: it has id, age"):
        with_labels(some(["a"]), catalogue[:2], ["mass"])
