"""LEACE, the autoencoder made of it, and the comparison of one and several discriminators."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import PolynomialFeatures

from specnb.core.spectra import Spectra
from specnb.disentangle import DisentangleConfig, train
from specnb.disentangle.closed_form import ClosedForm, leace
from specnb.disentangle.joint import discriminator_cost, validation_scores
from specnb.disentangle.model import OutsideBinsWarning
from specnb.disentangle.train import DisentangleTraining, training_rows
from specnb.evaluate.probes import probe, reconstruction

LABELS = ("teff", "logg")
SMALL = DisentangleConfig(
    labels=LABELS, hidden=(16,), latent=4, discriminator=(8, 6), bins=5, epochs=2, device="cpu"
)


def toy(n=1500, seed=0):
    """Spectra of 30 pixels: five lines of labels and their square, and three of other origin."""
    rng = np.random.default_rng(seed)
    u, other = rng.normal(size=(n, 2)), rng.normal(size=(n, 3))
    features = np.column_stack([u, u[:, 0] ** 2 - 1, other])
    flux = 1 + 0.02 * features @ rng.normal(size=(6, 30)) + 0.002 * rng.normal(size=(n, 30))
    labels = Table([5000 + 500 * u[:, 0], 3 + 0.5 * u[:, 1]], names=LABELS)
    return Spectra(
        np.linspace(8460, 8700, 30),
        flux,
        np.full((n, 30), 0.002),
        rng.uniform(size=(n, 30)) < 0.001,
        np.arange(n),
        labels,
    ), other


@pytest.fixture(scope="module")
def stars():
    return toy()


def r2(x, y):
    return LinearRegression().fit(x, y).score(x, y)


def test_leace_removes_what_is_linear_with_the_least_change():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 6)) @ rng.normal(size=(6, 6))
    y = x[:, :2] + 0.5 * rng.normal(size=(400, 2))
    mean, matrix = x.mean(axis=0), leace(x, y)
    assert r2(x, y) > 0.7
    assert r2(x - (x - mean) @ matrix, y) == pytest.approx(0, abs=1e-12)
    # The equation of the paper, with another way to take the root: no basis of principal axes
    values, vectors = np.linalg.eigh(np.cov(x.T))
    white = vectors @ np.diag(values**-0.5) @ vectors.T
    cross = white @ (x - mean).T @ (y - y.mean(axis=0))
    projection = cross @ np.linalg.pinv(cross)
    assert matrix.T == pytest.approx(np.linalg.inv(white) @ projection @ white)
    # It changes x less than the orthogonal projection, which removes as much
    axes, _ = np.linalg.qr((x - mean).T @ (y - y.mean(axis=0)))
    assert r2(x - (x - mean) @ axes @ axes.T, y) == pytest.approx(0, abs=1e-12)
    assert np.sum(((x - mean) @ matrix) ** 2) < np.sum(((x - mean) @ axes) ** 2)


def test_leace_leaves_directions_alone_in_which_nothing_varies():
    x = np.random.default_rng(2).normal(size=(200, 3)) @ np.eye(3, 5)
    matrix = leace(x, x[:, :1])
    assert np.isfinite(matrix).all() and matrix[3:] == pytest.approx(0)


def test_the_closed_form_removes_labels_and_keeps_the_rest(stars):
    spectra, other = stars
    model = ClosedForm(spectra, LABELS, LABELS, latent=3)
    z, values = model.encode(spectra), model.label_array(spectra.labels)
    assert z.shape == (1500, 3) and z.dtype == np.float32
    polynomials = PolynomialFeatures(2).fit_transform((values - values.mean(0)) / values.std(0))
    assert r2(z, polynomials[:, 1:]) == pytest.approx(0, abs=1e-4)
    # Products of labels that are not in the spectra take chance directions with them
    assert r2(z, other) > 0.9
    new, _ = toy(seed=0)
    errors = reconstruction(model.reconstruct(new), new)
    assert errors["mean_squared_error"] < 0.05 * np.var(new.flux, axis=0).mean()
    swapped = reconstruction(model.decode(z[::-1], new.labels), new)
    assert swapped["mean_squared_error"] > 5 * errors["mean_squared_error"]


def test_labels_that_are_not_removed_stay(stars):
    spectra, _ = stars
    z = ClosedForm(spectra, ("teff",), LABELS, latent=5).encode(spectra)
    teff, logg = (np.asarray(spectra.labels[name]) for name in LABELS)
    assert r2(z, teff) == pytest.approx(0, abs=1e-4)
    assert r2(z, logg) > 0.95


def test_the_decoder_follows_an_edited_label(stars):
    spectra, _ = stars
    model = ClosedForm(spectra, LABELS, LABELS, latent=3)
    z, values = model.encode(spectra), model.label_array(spectra.labels)
    near = np.abs(values[:, 1] - 3) < 0.4
    change = model.decode(z[near], values[near] + [0, 0.5]) - model.decode(z[near], values[near])
    # The spectra are linear in log g: the change is the same for all stars, except for noise
    assert np.abs(change.mean(axis=0)).max() > 0.02
    assert change.std(axis=0).max() < 0.2 * np.abs(change.mean(axis=0)).max()
    assert model.inside(values).all()
    with pytest.warns(OutsideBinsWarning, match="1 of 1500 stars have labels outside"):
        model.decode(z, np.where(np.arange(1500)[:, None] == 3, [9e3, 3.0], values))


def test_latents_of_a_network_are_erased(stars):
    spectra, _ = stars
    network = train(spectra, SMALL, progress=False)
    model = ClosedForm(spectra, ("logg",), LABELS, latent=9, start=network)
    z = model.encode(spectra)
    # Of 4 latents, log g and its square leave 2. What is left of the others is rounding.
    assert z.shape == (1500, 2) and model.latent == 2
    assert r2(z, np.asarray(spectra.labels["logg"])) == pytest.approx(0, abs=1e-4)
    assert model.decode(z, spectra.labels).shape == (1500, 30)


def test_the_code_has_no_noise_and_no_history(stars):
    spectra, _ = stars
    model = ClosedForm(spectra, LABELS, LABELS)
    np.testing.assert_array_equal(model.encode(spectra, seed=1), model.encode(spectra))
    assert not model.noise and len(model.history) == 0
    assert repr(model) == "<ClosedForm of teff, logg: 30 pixels, 4 latents>"


def test_the_closed_form_names_the_remedy(stars):
    spectra, _ = stars
    with pytest.raises(ValueError, match="the catalogue has no column m_h"):
        ClosedForm(spectra)
    with pytest.raises(ValueError, match="the catalogue has no column age"):
        ClosedForm(spectra, ("age",), LABELS)
    model = ClosedForm(spectra, LABELS, LABELS)
    with pytest.raises(ValueError, match="not on this model's 30 pixels"):
        model.encode(replace(spectra, wavelength=spectra.wavelength + 0.1))
    with pytest.raises(ValueError, match="2 rows of latents and 3 of labels"):
        model.decode(np.zeros((2, 4)), spectra.labels[:3])


# --- one discriminator or several


@pytest.mark.parametrize(
    ("joint", "bins", "parameters"),
    [
        # weights and biases of layers 4-8-6-bins
        (False, 5, 2 * (4 * 8 + 8 + 8 * 6 + 6 + 6 * 5 + 5)),
        (True, 25, 4 * 8 + 8 + 8 * 6 + 6 + 6 * 25 + 25),
    ],
)
def test_what_discriminators_cost(stars, joint, bins, parameters):
    spectra, _ = stars
    config = replace(SMALL, lambdas=dict.fromkeys(LABELS, 0.01), joint=joint)
    cost = discriminator_cost(spectra[:200], config)
    assert (cost["bins"], cost["parameters"]) == (bins, parameters)
    assert cost["seconds"] > 0
    rows, _ = training_rows(200, config)
    values = np.column_stack([spectra.labels[name][:200] for name in LABELS])
    edges = [np.linspace(*column[rows][[np.argmin(column[rows]), np.argmax(column[rows])]], 6)
             for column in values.T]  # fmt: skip
    counts, *_ = np.histogram2d(
        *np.clip(values.T, *np.array(edges)[:, [0, -1], None].transpose(1, 0, 2)), edges
    )
    filled = (
        (counts > 0).mean()
        if joint
        else np.mean([(counts.sum(axis) > 0).mean() for axis in (0, 1)])
    )
    assert cost["filled"] == pytest.approx(filled)


def test_lambda_is_chosen_with_the_validation_stars(stars):
    spectra, _ = stars
    config = replace(SMALL, seed=3)
    rows, held_out = training_rows(len(spectra), config)
    assert sorted([*rows, *held_out]) == list(range(1500)) and len(held_out) == 150
    np.testing.assert_array_equal(held_out, DisentangleTraining(spectra, config).validation)
    model = train(spectra, config, progress=False)
    z, values = model.encode(spectra), model.label_array(spectra.labels)
    found = validation_scores(model, spectra)
    expected = probe(z[rows], values[rows], z[held_out], values[held_out], LABELS, seed=3)
    assert found["r2"] == pytest.approx(np.mean(expected["mlp_r2"]), abs=0.01)
    test = spectra[held_out]
    own = reconstruction(model.reconstruct(test), test)["mean_squared_error"]
    assert found["error"] == pytest.approx(own, rel=1e-5)
    other = reconstruction(model.decode(np.roll(z[held_out], 1, axis=0), test.labels), test)
    assert found["other_z"] == pytest.approx(other["mean_squared_error"], rel=1e-5)
