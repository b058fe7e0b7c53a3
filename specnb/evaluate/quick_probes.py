"""Probes that are fitted in milliseconds, so that they can follow a training or a slider.

`specnb.evaluate.probes` has the probes whose numbers the tables show, which take seconds.
"""

import numpy as np
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.metrics import r2_score
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

FEATURES = 200  # number of random Fourier features of the nonlinear probe
WIDTH = 2.5  # width of its kernel, in units of the latents' scatter times the root of their number
# Penalties of its fit, per star; noisy latents need a large one
PENALTIES = np.logspace(-2.5, 1, 8)


def linear_r2(z_train, y_train, z_test, y_test) -> np.ndarray:
    """R² on test stars of a linear regression on latents, shape (n_labels,)."""
    return r2_score(
        y_test, LinearRegression().fit(z_train, y_train).predict(z_test), multioutput="raw_values"
    )


def nonlinear_r2(z_train, y_train, z_test, y_test) -> np.ndarray:
    """R² on test stars of an approximate kernel regression on latents, shape (n_labels,).

    It takes about 30 ms. This is a ridge regression on the latents and on random Fourier features
    of them (Rahimi & Recht 2007). Its penalty is chosen for each label by generalised
    cross-validation. Its R² agrees to a few hundredths with that of an MLP that is trained on the
    same number of stars.
    """
    features = FeatureUnion(
        [("latents", "passthrough"), ("kernel", kernel_sampler(z_train.shape[1]))]
    )
    ridge = RidgeCV(len(z_train) * PENALTIES, alpha_per_target=True)
    fit = make_pipeline(StandardScaler(), features, StandardScaler(), ridge).fit(z_train, y_train)
    return r2_score(y_test, fit.predict(z_test), multioutput="raw_values")


def kernel_sampler(n_latents: int) -> RBFSampler:
    """The random Fourier features of standardised latents, always the same ones."""
    gamma = 1 / (2 * WIDTH**2 * n_latents)
    return RBFSampler(gamma=gamma, n_components=FEATURES, random_state=0)
