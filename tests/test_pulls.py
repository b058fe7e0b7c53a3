"""Ideal stars of 25 labels; those of the RVS are fitted in test_fit.py."""

import numpy as np
from h_band import linear_emulator

from specnb.fitting.fit import fit_labels
from specnb.fitting.pulls import MARGIN, constrained, interior_stars, pull_statistics

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
