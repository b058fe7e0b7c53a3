"""Ideal stars of 25 labels; those of the RVS are fitted in test_fit.py."""

import numpy as np
import pytest
from h_band import linear_emulator

import specnb
from specnb.core.labels import Label
from specnb.fitting.fit import FitConfig, fit_labels, fitted_flux
from specnb.fitting.pulls import (
    MARGIN,
    constrained,
    interior_stars,
    label_pulls,
    pull_statistics,
)

EMULATOR = linear_emulator()


def test_25_labels_are_fitted_and_those_that_the_spectrum_does_not_constrain_are_told():
    stars = interior_stars(EMULATOR, 60, 100.0, seed=1)
    labels = np.column_stack([stars.labels[name] for name in EMULATOR.labels])
    margin = MARGIN * (EMULATOR.high - EMULATOR.low)
    assert np.all((labels >= EMULATOR.low + margin) & (labels <= EMULATOR.high - margin))
    assert EMULATOR.in_hull(labels).all()
    assert -0.7 <= stars.labels["fe_h"].min() < -0.5

    fit = fit_labels(stars, EMULATOR)
    assert fit["converged"].all()
    statistics = pull_statistics(fit, stars.labels, EMULATOR.labels)
    told = dict(zip(EMULATOR.labels, constrained(statistics, EMULATOR)))
    assert all(told[name] for name in ("teff", "logg", "fe_h", "c_fe", "mg_fe", "si_fe", "ni_fe"))
    # These elements have only weak lines, see test_features.py
    assert not any(told[name] for name in ("p_fe", "v_fe", "ge_fe"))
    chosen = [name for name in EMULATOR.labels if told[name]]
    pull = np.concatenate(
        [(fit[name] - stars.labels[name]) / fit[f"{name}_error"] for name in chosen]
    )
    assert len(pull) >= 60 * 15
    assert 0.9 < pull.std() < 1.1 and abs(pull.mean()) < 0.1
    assert statistics["at_limit"][EMULATOR.labels.index("ge_fe")] > 0
    assert sum(row["at_limit"] for row in statistics if told[row["label"]]) == 0


def test_isotopes_are_fitted_by_the_logarithm_of_their_ratio():
    """The errors of a ratio are far from normal, those of its logarithm are nearly so: the fit in
    the ratio itself had pulls with a standard deviation of 2.7 for such stars.
    """
    emulator = specnb.load_emulator("apogee")
    stars = interior_stars(emulator, 120, 300.0, seed=1)
    config = FitConfig(continuum_order=-1)
    fit = fit_labels(stars, emulator, config)
    free = ["c12_c13" not in flags for flags in fit["flags"]]
    pull = label_pulls(fit, stars.labels, "c12_c13")[free]
    assert len(pull) > 90 and 0.8 < pull.std() < 1.4
    # in the label's unit, the error is that of the logarithm times the label
    ratio, error = fit["c12_c13"], fit["c12_c13_error"]
    np.testing.assert_allclose(
        pull, (np.log(ratio / stars.labels["c12_c13"]) / (error / ratio))[free]
    )
    at_limit = np.array(["at_limit:c12_c13" in flags for flags in fit["flags"]])
    at_limit &= fit["c12_c13"] > 50
    np.testing.assert_allclose(fit["c12_c13"][at_limit], 90.0)
    residual = (stars.flux - fitted_flux(fit, emulator, config)) / stars.flux_error
    np.testing.assert_allclose(
        (residual**2).sum(axis=1) / (len(stars.wavelength) - 25), fit["chi2_reduced"], rtol=1e-3
    )


def test_a_logarithmic_label_must_be_positive():
    with pytest.raises(ValueError, match="ratio is logarithmic from 0: give low > 0"):
        Label("ratio", "", 0.0, 90.0, "r", "a ratio", logarithmic=True)
