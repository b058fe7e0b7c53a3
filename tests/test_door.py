"""What users give: masked arrays, units, ids, placeholders and settings that match nothing."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from astropy import units
from astropy.table import Column, MaskedColumn, QTable, Table
from astropy.utils.masked import Masked

from specnb import FitConfig, fit_labels, fitted_flux, load_emulator, rebin
from specnb.core.labels import label_array
from specnb.core.spectra import Spectra
from specnb.core.values import names, numbers
from specnb.core.wavelength import air_from_vacuum, same_pixels, vacuum_from_air
from specnb.disentangle import DisentangleConfig, train
from specnb.disentangle.counterfactual import shifted
from specnb.emulator.accuracy import accuracy_by_label
from specnb.evaluate.probes import probe
from specnb.evaluate.projection import project
from specnb.evaluate.two_sample import as_observed
from specnb.fitting.pulls import pull_statistics
from specnb.fitting.residuals import chi2_statistics, label_errors
from specnb.surveys import APOGEE, RVS
from specnb.surveys.apogee.pixels import APOGEE_PIXELS, continuum
from specnb.surveys.rvs.pixels import RVS_NATIVE, RVS_PIXELS
from specnb.translate import load_translator, translated_emulator

STAR = [5200.0, 3.4, -0.3, 0.1, 1.2, 6.0]
N = 8
BAD = np.zeros((2, N), dtype=bool)
BAD[0, 3] = True


def spectra(**changed):
    plain = {
        "wavelength": 8500.0 + np.arange(N),
        "flux": np.full((2, N), 0.9),
        "flux_error": np.full((2, N), 0.01),
        "mask": np.zeros((2, N), bool),
        "ids": ["a", "b"],
    }
    return Spectra(**plain | changed)


@pytest.fixture(scope="module")
def emulator():
    return load_emulator("rvs")


@pytest.fixture(scope="module")
def star(emulator):
    flux = emulator([STAR, STAR])
    return Spectra(
        emulator.wavelength, flux, np.full(flux.shape, 0.01), np.zeros(flux.shape), ["a", "b"]
    )


@pytest.fixture(scope="module")
def fit(star, emulator):
    return fit_labels(star, emulator)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("flux", np.ma.array(np.full((2, N), 0.9), mask=BAD)),
        ("flux", MaskedColumn(np.full((2, N), 0.9), mask=BAD)),
        ("flux", Masked(np.full((2, N), 90.0) * units.percent, mask=BAD)),
        ("flux", [np.ma.array(np.full(N, 0.9), mask=BAD[0]), np.full(N, 90) * units.percent]),
        ("flux_error", np.ma.array(np.full((2, N), 0.01), mask=BAD)),
        ("mask", np.ma.array(np.zeros((2, N), bool), mask=BAD)),
        ("mask", BAD.astype(np.uint64) << 40),
        ("mask", np.where(BAD, np.nan, 0.0)),
    ],
)
def test_masks_of_all_kinds_are_kept(name, value):
    made = spectra(**{name: value})
    np.testing.assert_array_equal(made.mask, BAD)
    np.testing.assert_allclose(made.flux, np.where(BAD, 1, 0.9), rtol=1e-6)


@pytest.mark.parametrize("unit", ["nm", "um", "m"])
def test_wavelengths_are_converted(unit):
    plain = spectra().wavelength
    made = spectra(wavelength=(plain * units.AA).to(unit))
    np.testing.assert_allclose(made.wavelength, plain, rtol=1e-14)
    np.testing.assert_allclose(
        vacuum_from_air(air_from_vacuum((plain * units.AA).to(unit))), plain, rtol=1e-13
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"wavelength": np.arange(1.0, N + 1) * units.GHz}, "wavelength has the unit 'GHz'"),
        ({"flux": np.ones((2, N)) * units.Jy}, "flux, which must be divided by the continuum"),
        ({"flux": np.ones((2, N)) + 1j}, "flux, .* must be numbers"),
        ({"flux": np.zeros((2, N), "M8[s]")}, "flux, .* must be numbers"),
        ({"mask": np.full((2, N), "False")}, "mask must be numbers"),
        ({"ids": np.array([2052747119115620352.0, 1.0])}, "ids are floating-point numbers"),
        ({"ids": ["a", None]}, "star 1 has none"),
        ({"ids": np.array(["a", np.nan], dtype=object)}, "star 1 has none"),
        ({"ids": np.ma.array([1, 2], mask=[True, False])}, "star 0 has none"),
        ({"ids": [" ", "b"]}, "star 0 has none"),
        ({"wavelength": np.ma.array(8500.0 + np.arange(N), mask=BAD[0])}, "wavelength must be"),
        ({"correlation_length": "long"}, "correlation_length must be numbers"),
        ({"labels": 5}, "not allowed to init Table"),
        ({"at_rest": "no"}, "at_rest is 'no': it must be True or False"),
        ({"flux": torch.ones(2, N, requires_grad=True)}, "flux, .* must be numbers"),
        ({"flux": [[10**400] * N] * 2}, "flux, .* must be numbers"),
    ],
)
def test_what_cannot_be_right_is_refused_in_one_sentence(changed, message):
    with pytest.raises(ValueError, match=message):
        spectra(**changed)


@pytest.mark.parametrize("value", [-9999, -9999.99, -999, 99.9, 99.99, 999999, 1e20])
def test_placeholders_in_the_flux_are_refused_unless_masked(value):
    flux = np.where(BAD, value, 0.9)
    with pytest.raises(ValueError, match=r"star a has flux .* at 8503.00 Å: mask that pixel"):
        spectra(flux=flux)
    assert spectra(flux=flux, mask=BAD).flux[0, 3] == 1


def test_nothing_is_shared_with_what_was_given():
    given = {
        "wavelength": 8500.0 + np.arange(N),
        "flux": np.full((2, N), 0.9, np.float32),
        "flux_error": np.full((2, N), 0.01, np.float32),
        "mask": np.zeros((2, N), bool),
        "ids": np.array(["a", "b"]),
        "labels": Table({"teff": [5000.0, 6000.0]}),
    }
    made = Spectra(**given)
    for name, value in given.items():
        if name != "labels":
            assert not np.shares_memory(value, getattr(made, name)), name
    given["labels"]["teff"][0] = 1.0
    given["labels"]["new"] = 1
    assert made.labels.colnames == ["teff"] and made.labels["teff"][0] == 5000


def test_ids_keep_all_digits():
    long = [2052747119115620353, 2**63 - 1]
    for given in (long, np.array(long), MaskedColumn(long), np.array(long, np.uint64)):
        assert list(names(given)) == [str(each) for each in long]
    assert list(names([b"a", "b "])) == ["a", "b "]
    assert (
        len(
            spectra(
                flux=np.empty((0, N)), flux_error=np.empty((0, N)), mask=np.empty((0, N)), ids=[]
            )
        )
        == 0
    )


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("id", ["b", "a"]),
        ("APOGEE_ID", [b"b ", b"a "]),
        ("gaiaedr3_source_id", ["b", "a"]),
        ("Name", ["b", "x"]),
        ("obj_id", np.ma.array(["b", "x"], mask=[False, True])),
    ],
)
def test_labels_of_other_rows_are_refused(name, values):
    table = Table({name: values, "teff": [5000.0, 6000.0]})
    with pytest.raises(ValueError, match=rf"row 0 of the labels is of star b \(column {name}\)"):
        spectra(labels=table)
    numbered = Table({"source_id": [20, 10]})
    with pytest.raises(ValueError, match="star 20"):
        spectra(ids=["10", "20"], labels=numbered)


def test_other_names_of_the_same_stars_are_fine():
    table = Table({"id": ["a", "b"], "gaia_source_id": [1, 2], "stage": ["b", "a"]})
    assert spectra(labels=table).labels.colnames == table.colnames


def test_labels_are_taken_by_name_and_unit(emulator):
    table = QTable({name: [value] for name, value in zip(emulator.labels, STAR)})
    table["teff"], table["vbroad"] = [5.2] * units.kK, [6000.0] * units.m / units.s
    table["logg"] = [3.4] * units.dex(units.cm / units.s**2)
    expected = emulator([STAR])
    by_name = dict(zip(reversed(emulator.labels), reversed(STAR)))
    with pytest.warns(UserWarning, match="teff is converted from kK to K"):
        np.testing.assert_allclose(emulator(table), expected, atol=1e-6)
    with pytest.warns(UserWarning, match="vbroad is converted from m / s to km / s"):
        np.testing.assert_allclose(emulator(Table(table)[0]), expected, atol=1e-6)
    with pytest.warns(UserWarning, match="converted"):
        assert emulator.in_hull(table).all() and emulator.jacobian(table).shape == (1, 6, 800)
    for given in (by_name, Table([by_name]), np.array(Table([by_name])), STAR):
        np.testing.assert_allclose(emulator(given), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([STAR] * units.K, "labels has the unit 'K'"),
        ([[5.2 * units.kK, *STAR[1:]]], "labels has the unit 'kK'"),
        (np.ma.array([STAR], mask=[[0, 1, 0, 0, 0, 0]]), "star 0 of the labels has logg = nan"),
        (
            [STAR, [5.2, *STAR[1:]]],
            "star 1 of the labels has teff = 5.2, not 500 to 200000 K: leave",
        ),
        ([[5200, -9999, *STAR[2:]]], "star 0 of the labels has logg = -9999"),
        ([[5200, 3, 99.9, *STAR[3:]]], "star 0 of the labels has m_h = 99.9"),
        ([[*STAR[:5], 999999]], "star 0 of the labels has vbroad = 999999"),
        ([[5200 + 1j, *STAR[1:]]], "labels must be numbers"),
    ],
)
def test_impossible_labels_are_refused(emulator, labels, message):
    for function in (emulator, emulator.jacobian):
        with pytest.raises(ValueError, match=message):
            function(labels)


def test_the_hull_says_no_to_impossible_labels(emulator):
    labels = np.ma.array([STAR, STAR, STAR], mask=False)
    labels[1, 0], labels[2, 1] = -9999, np.ma.masked
    assert emulator.in_hull(labels).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("name", "values", "refused"),
    [
        ("snr", [50, 99.9, 120], None),
        ("snr", [50, -9999, 120], 1),
        ("age", [5, 3, 999999], 2),
        ("teff", [9999, 8000, 7000], None),
        ("teff", [5000, 6000, 99999999.0], 2),
        ("rv", [10, -20, 9999], 2),
        ("teff_error", [50, 60, -1], 2),
        ("mass", [1.0, 0.9, 1e20], 2),
        ("one", [99.9], None),
    ],
)
def test_placeholders_among_labels(name, values, refused):
    table = Table({name: values})
    if refused is None:
        np.testing.assert_array_equal(label_array(table, [name])[:, 0], values)
        return
    with pytest.raises(ValueError, match=f"star {refused} of the catalogue has {name} = "):
        label_array(table, [name])


def test_missing_labels_are_never_numbers():
    for column in (
        MaskedColumn([5000.0, 6000.0], mask=[False, True]),
        np.array([5000, None], dtype=object),
        Masked([5000.0, 6000.0] * units.K, mask=[False, True]),
    ):
        with pytest.raises(ValueError, match="star 1 of the catalogue has teff = nan: leave out"):
            label_array(QTable({"teff": column}), ["teff"])
    with pytest.raises(ValueError, match=r"'deg_C', which cannot be converted to 'K'"):
        label_array(Table({"teff": Column([4000.0], unit="deg_C")}), ["teff"])


def catalogue(n=60):
    rng = np.random.default_rng(0)
    table = Table({"teff": rng.uniform(4000, 7000, n), "m_h": rng.uniform(-1, 0.4, n)})
    shape = (n, N)
    flux = rng.uniform(0.5, 1, shape)
    ids = [f"star {k}" for k in range(n)]
    return Spectra(8500.0 + np.arange(N), flux, 0.1 * flux, np.zeros(shape), ids, table)


TRAINING = DisentangleConfig(
    labels=("teff", "m_h"), lambdas={"teff": 0.0, "m_h": 0.01}, epochs=1, device="cpu"
)


def trained(change):
    stars = catalogue()
    change(stars.labels)
    return train(stars, TRAINING, progress=False)


@pytest.mark.parametrize("value", [-9999.0, 99.9, 1e20, np.nan])
def test_one_star_with_a_placeholder_is_named_before_the_training(value):
    def spoil(table):
        table["m_h"][7] = value

    with pytest.raises(ValueError, match="star 7 of the catalogue has m_h = .*: leave out"):
        trained(spoil)


def test_a_catalogue_in_kk_is_a_catalogue_in_k():
    def convert(table):
        table["teff"] = Column(table["teff"] / 1000, unit="kK")

    with pytest.warns(UserWarning, match="teff is converted from kK to K"):
        model = trained(convert)
    np.testing.assert_allclose(model.scales.label_low, trained(len).scales.label_low)
    table = Table({"teff": Column([5.0], unit="kK"), "m_h": [0.0]})
    z = np.zeros((1, TRAINING.latent))
    with pytest.warns(UserWarning, match="converted"):
        np.testing.assert_array_equal(model.decode(z, table), model.decode(z, [[5000.0, 0.0]]))
    with pytest.warns(UserWarning, match="converted"):
        assert shifted(table, "teff", 100.0)["teff"][0] == 5100
    with pytest.raises(ValueError, match="star 0 of the latents has z0 = nan"):
        model.decode(np.ma.array(z, mask=np.eye(1, TRAINING.latent)), [[5000.0, 0.0]])

    def strip(table):
        table["teff"] = np.array(table["teff"]) / 1000

    with pytest.raises(ValueError, match="star 0 of the catalogue has teff = .*, not 500 to"):
        trained(strip)


@pytest.mark.parametrize(
    ("windows", "message"),
    [
        ((8495, 8505), "windows_out is .*: give pairs"),
        (((8495, 8500, 8505),), "give pairs"),
        (None, "give pairs"),
        ((("8495", "x"),), "windows_out must be numbers"),
        (((8550, 8540),), r"windows_out has \(8550, 8540\)"),
        (((8550, np.nan),), "windows_out has"),
    ],
)
def test_windows_are_pairs(windows, message):
    with pytest.raises(ValueError, match=message):
        FitConfig(windows_out=windows)


def test_windows_without_a_pixel_speak(star, emulator):
    for window in ((849.5, 850.5), (9000.0, 9010.0), (8460.16, 8460.2)):
        with pytest.raises(ValueError, match="windows_out has .*, where there is no pixel"):
            fit_labels(star, emulator, FitConfig(windows_out=(window,)))
    in_nm = FitConfig(windows_out=((849.5, 850.5) * units.nm,))
    assert in_nm == FitConfig(windows_out=[[8495.0, 8505.0]])
    for batch in (2.5, "two", 0):
        with pytest.raises(ValueError, match="batch is"):
            FitConfig(batch=batch)


@pytest.mark.parametrize(
    ("kind", "tolerance"), [("ascii.csv", 1e-6), ("ascii.ecsv", 0), ("fits", 0)]
)
def test_a_table_of_labels_can_be_written_and_read(fit, emulator, tmp_path, kind, tolerance):
    with warnings.catch_warnings(action="ignore"):  # FITS has no unit dex
        fit.write(tmp_path / "labels", format=kind)
        read = Table.read(tmp_path / "labels", format=kind)
    expected = fitted_flux(fit, emulator)
    np.testing.assert_allclose(fitted_flux(read, emulator), expected, rtol=0, atol=tolerance)


def test_a_table_of_labels_in_other_units(fit, emulator):
    table = fit.copy()
    table["teff"] = Column(fit["teff"] / 1000, unit="kK")
    with pytest.warns(UserWarning, match="teff is converted"):
        np.testing.assert_array_equal(fitted_flux(table, emulator), fitted_flux(fit, emulator))
    table["teff"] = MaskedColumn(fit["teff"], mask=[True, False])
    assert np.isnan(fitted_flux(table, emulator)).all(axis=1).tolist() == [True, False]
    table["teff"] = [-9999, 5200.0]
    with pytest.raises(ValueError, match="star 0 of the fit has teff = -9999"):
        fitted_flux(table, emulator)


@pytest.mark.parametrize("pixels", [RVS_PIXELS, RVS_NATIVE, APOGEE_PIXELS])
def test_pixels_are_the_same_to_rounding(pixels):
    assert same_pixels(pixels, pixels.astype(np.float32))
    assert same_pixels(pixels / 10 * units.nm, pixels)
    assert not same_pixels(pixels, pixels + 0.1 * np.diff(pixels).min())
    assert not same_pixels(pixels[1:], pixels)


def test_pixels_to_rounding_are_taken_everywhere(star, emulator, fit):
    rounded = replace(star, wavelength=star.wavelength.astype(np.float32))
    assert fit_labels(rounded, emulator)["teff"][0] == fit["teff"][0]
    np.testing.assert_array_equal(rebin(rounded, RVS_PIXELS).wavelength, RVS_PIXELS)
    np.testing.assert_array_equal(rebin(rounded, RVS_PIXELS).flux, star.flux)
    np.testing.assert_array_equal(Spectra.join([star, rounded]).wavelength, RVS_PIXELS)
    assert rebin(star, RVS_PIXELS) is star
    with pytest.raises(ValueError, match="not on this model's 800 pixels"):
        fit_labels(replace(star, wavelength=star.wavelength + 0.03), emulator)


def test_a_survey_brings_its_spectra_to_its_pixels():
    native = Spectra(RVS_NATIVE, np.ones((1, 2401)), np.ones((1, 2401)), np.zeros((1, 2401)), ["a"])
    quarter = np.linspace(8460.0, 8700.0, 961)
    other = Spectra(quarter, np.ones((1, 961)), np.ones((1, 961)), np.zeros((1, 961)), ["a"])
    made = RVS.on_pixels(native)
    np.testing.assert_array_equal(made.wavelength, RVS_PIXELS)
    np.testing.assert_array_equal(
        made.flux_error, rebin(replace(native, correlation_length=3.0), RVS_PIXELS).flux_error
    )
    assert RVS.on_pixels(made) is made
    with_grid = replace(RVS, grids=(quarter,))
    np.testing.assert_array_equal(with_grid.on_pixels(other).wavelength, RVS_PIXELS)
    with pytest.raises(ValueError, match="not on this model's 7214 pixels"):
        APOGEE.on_pixels(made)


@pytest.mark.parametrize(
    "pixels", [[8500.0], [], RVS_PIXELS[::-1], [8500.0, np.nan, 8502.0], RVS_PIXELS[None]]
)
def test_pixels_to_rebin_to_must_increase(star, pixels):
    with pytest.raises(ValueError, match="pixels must be two or more increasing wavelengths"):
        rebin(star, pixels)


def test_rebinning_takes_units(star):
    pixels = 8500 + 0.5 * np.arange(300)
    made = rebin(star, pixels / 10 * units.nm)
    np.testing.assert_allclose(made.flux, rebin(star, pixels).flux, rtol=1e-6)


def test_joined_labels_have_one_unit_and_type():
    def labelled(column):
        return spectra(labels=Table({"x": column}))

    kelvin = labelled(Column([5200.0, 5300.0], unit="K"))
    for other in (Column([5.2, 5.3], unit="kK"), [5.2, 5.3]):
        with pytest.raises(ValueError, match="x is in different units"):
            Spectra.join([kelvin, labelled(other)])
    with pytest.raises(ValueError, match="x has long integers that would lose digits"):
        Spectra.join([labelled([2052747119115620353, 1]), labelled([0.5, 1.0])])
    assert list(Spectra.join([labelled([3, 1]), labelled([0.5, 1.0])]).labels["x"]) == [
        3,
        1,
        0.5,
        1,
    ]
    both = Spectra.join(
        [labelled([2052747119115620353, 1]), labelled(MaskedColumn([3, 4], mask=[1, 0]))]
    )
    assert both.labels["x"][0] == 2052747119115620353 and both.labels["x"].mask[2]


def test_masked_flux_has_no_weight_in_the_continuum():
    rng = np.random.default_rng(0)
    flux = rng.uniform(0.9, 1.1, (1, len(APOGEE_PIXELS)))
    bad = rng.random(flux.shape) < 0.1
    spoiled = np.ma.array(np.where(bad, 1e5, flux), mask=bad)
    np.testing.assert_array_equal(continuum(spoiled), continuum(flux, np.where(bad, 0.0, 1.0)))
    with pytest.raises(ValueError, match="flux has the unit 'Jy'"):
        continuum(flux * units.Jy)


def test_columns_of_pandas_are_read_by_their_values():
    class Series:
        """A column whose ``mask`` is a method, as in pandas."""

        def __init__(self, *values):
            self.values = np.array(values)

        def to_numpy(self):
            return self.values

        def mask(self, condition):
            raise AssertionError

        def __len__(self):
            return len(self.values)

    np.testing.assert_array_equal(numbers(Series(1.0, 2.0), "", "x"), [1.0, 2.0])
    assert list(names(Series("a", "b"))) == ["a", "b"]
    np.testing.assert_array_equal(
        label_array({"teff": Series(5000.0, 6000.0)}, ["teff"])[:, 0], [5000.0, 6000.0]
    )


def test_stars_are_chosen_by_what_is_known():
    made = spectra(labels=Table({"snr": MaskedColumn([50.0, 120.0], mask=[False, True])}))
    chosen = made.labels["snr"] > 40
    with pytest.raises(ValueError, match=r"the index has masked values: fill them"):
        made[chosen]
    some = made[chosen.filled(False)]
    assert list(some.ids) == ["a"] and some.labels["snr"][0] == 50
    some.flux[:], some.wavelength[:], some.labels["snr"] = 0, 0, -1.0
    assert made.flux.min() > 0 and made.wavelength[0] == 8500 and made.labels["snr"][0] == 50
    assert list(made[[1, 0]].ids) == ["b", "a"] and len(made[1]) == 1


@pytest.mark.parametrize("ids", [[2**64 - 1, 5], [2**63 + 5, -1], (2052747119115620353, "b")])
def test_lists_of_long_integers_keep_all_digits(ids):
    assert list(spectra(ids=ids).ids) == list(map(str, ids))


def test_odd_masks_and_rows():
    assert spectra(mask=BAD * 1e-300).mask[0, 3]
    with pytest.raises(ValueError, match="flux, .* must be numbers"):
        spectra(flux=[np.ma.ones(N), np.ma.ones(N - 1)])
    with pytest.raises(ValueError, match="ids are floating-point numbers"):
        spectra(ids=[1, 2] * units.one)
    assert list(names([b"\xe9", b"b"])) == ["\\xe9", "b"]
    for name in ("HIP", "tic_id", "MAIN_ID"):
        with pytest.raises(ValueError, match=f"row 0 of the labels is of star 22 .column {name}"):
            spectra(ids=["11", "22"], labels=Table({name: ["22", "11"]}))


@pytest.mark.parametrize(
    ("name", "unit"),
    [("logg", "log(cm.s**-2)"), ("logg", "[cm/s2]"), ("m_h", "dex(Sun)"), ("m_h", "[-]")],
)
def test_logarithms_of_vizier_and_gaia_have_no_other_unit(emulator, name, unit):
    table = Table({label: [value] for label, value in zip(emulator.labels, STAR)})
    table[name].unit = units.Unit(unit, parse_strict="silent")
    np.testing.assert_array_equal(emulator(table), emulator([STAR]))


def test_a_table_of_labels_in_another_order_or_container(fit, emulator):
    expected = fitted_flux(fit, emulator)
    for given in (fit[fit.colnames[::-1]], dict(fit), fit.as_array(), QTable(fit)):
        np.testing.assert_array_equal(fitted_flux(given, emulator), expected)


def test_statistics_of_a_table_that_was_read_again(fit, emulator, tmp_path):
    fit = fit.copy()
    fit["chi2_reduced"][0] = np.nan
    fit["converged"][0] = False
    truth = emulator.survey.table([STAR, STAR])
    fit.write(tmp_path / "labels.csv")
    in_kk = Table.read(tmp_path / "labels.csv")
    for name in ("teff", "teff_error"):
        in_kk[name] = Column(fit[name] / 1000, unit="kK")
    for given in (in_kk, Table(fit, masked=True)):
        table = chi2_statistics({"a": given})
        assert (table["stars"][0], table["not_fitted"][0], table["not_converged"][0]) == (1, 1, 0)
        with warnings.catch_warnings(action="ignore"):  # that teff is converted
            (row,) = label_errors({"a": given}, truth, ["teff"])
        assert row["unit"] == "K"
        assert row["median_error"] == pytest.approx(fit["teff_error"][1])


def test_truth_of_other_rows_is_refused(fit, emulator):
    truth = emulator.survey.table([STAR, STAR])
    truth["id"] = fit["id"][::-1]
    for compare in (
        lambda: pull_statistics(fit, truth, ["teff"]),
        lambda: label_errors({"a": fit}, truth, ["teff"]),
        lambda: chi2_statistics({"a": fit, "b": fit[::-1]}),
    ):
        with pytest.raises(ValueError, match="row 0 .* is of star b .column id"):
            compare()


def test_stars_of_two_unsigned_kinds_are_not_joined_as_floats():
    columns = np.array([1, 2], np.uint64), np.array([3, 4])
    with pytest.raises(ValueError, match="x has .*integers"):
        Spectra.join([spectra(labels=Table({"x": column})) for column in columns])


def test_masked_values_are_refused_where_latents_and_flux_are_taken(emulator):
    values = np.random.default_rng(0).normal(size=(60, 4))
    spoiled = np.ma.array(values, mask=np.eye(60, 4))
    observed = catalogue()
    for function in (
        lambda: project(spoiled, perplexity=5),
        lambda: probe(spoiled, values, values, values, list("abcd")),
    ):
        with pytest.raises(ValueError, match="star 0 of the .* has column 0 = nan"):
            function()
    for donors in (np.ma.array([0, 1], mask=[0, 1]), [0], [0, 99]):
        with pytest.raises(ValueError, match="donors are .*: give the index of an observed star"):
            as_observed(np.ones((2, N)), observed, donors=donors)
    translator = load_translator("rvs-mock")
    flux = np.ma.array(emulator([STAR]), mask=np.eye(1, 800))
    for function in (translator.translate, translator.encode_synthetic):
        with pytest.raises(ValueError, match="flux has shape .* or NaN: give .1, 800., all finite"):
            function(flux)
    with pytest.raises(ValueError, match="z_split has shape .1, 3. or NaN: give .1, 8."):
        translated_emulator(emulator, translator, np.zeros((1, 3)))
    labels = Column([5.0, 6.0], unit="kK")
    table = accuracy_by_label(values[:2], values[2:4], labels, "teff", [4000, 5500, 7000])
    assert table["spectra"].tolist() == [1, 1]
