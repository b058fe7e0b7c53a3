"""The two emulators of the controlled experiment that need no network.

One is a simulator with known gaps: in the pixels of removed features the flux of every star is 1,
the continuum, and everything else that absorbs there is removed, too. The other is a baseline, with
which translators are compared: a ridge regression of observed − synthetic flux on fitted labels.
"""

import numpy as np
import torch
from sklearn.linear_model import RidgeCV

from specnb.core.spectra import check_at_rest
from specnb.core.values import numbers
from specnb.emulator.step import Step
from specnb.fitting.fit import FitConfig, fit_labels
from specnb.translate.domains import true_labels

# Cross-validation chooses one of these penalties for each pixel. In most pixels there is no
# difference to learn.
PENALTIES = 10.0 ** np.arange(-1, 6)


class LinearChange(Step):
    """A change of the flux that is linear in the flux and in the labels.

    The changed flux is factor · flux + intercept + labels · slope.

    Parameters
    ----------
    factor, intercept : array_like, shape (n_pix,)
    slope : array_like, shape (n_labels, n_pix)
    """

    def __init__(self, factor, intercept, slope):
        super().__init__()
        for name, values in {"factor": factor, "intercept": intercept, "slope": slope}.items():
            self.register_buffer(name, torch.from_numpy(np.array(values, dtype=np.float32)))

    def forward(self, flux, labels):
        return self.factor * flux + self.intercept + labels @ self.slope

    @classmethod
    def build(cls, settings, survey):
        zero = np.zeros(len(survey.pixels))
        return cls(zero, zero, np.zeros((len(survey.labels), len(zero))))


def masked_emulator(emulator, masked):
    """An emulator of a simulator without lines in some pixels.

    Parameters
    ----------
    emulator : Emulator
    masked : array_like of bool, shape (n_pix,)

    Raises
    ------
    ValueError
        If there is not one value per pixel.
    """
    if np.shape(masked) != emulator.wavelength.shape:
        raise ValueError(
            f"masked has shape {np.shape(masked)}: give one value for each of {len(emulator.wavelength)} pixels"
        )
    masked = numbers(masked, "", "masked") != 0
    step = LinearChange(~masked, masked, np.zeros((len(emulator.labels), len(masked))))
    return emulator.then(step.to(emulator.network.low))


def corrected_emulator(emulator, observed, config: FitConfig = FitConfig()):
    """Fit labels of observed stars with physics alone, and learn a correction from the residuals.

    Stars whose fit failed or did not converge are left out. Stars with a label at a limit are kept,
    since with 25 labels most stars have one.

    Parameters
    ----------
    emulator : Emulator
    observed : Spectra
        Spectra on the emulator's pixels.
    config : FitConfig

    Raises
    ------
    ValueError
        If fewer than 100 stars could be fitted, or the spectra are on other pixels or not at rest.
    """
    check_at_rest(observed, emulator.wavelength)
    fits = fit_labels(observed, emulator, config)
    good = np.asarray(fits["converged"])
    if good.sum() < 100:
        raise ValueError(
            f"only {good.sum()} of {len(observed)} stars could be fitted: give 100 or more"
        )
    labels, stars = true_labels(fits[good], emulator), observed[good]
    # The network is called directly, because fits may end outside the hull, and the emulator would
    # warn about it.
    flux = emulator(torch.as_tensor(labels).to(emulator.network.low)).cpu().numpy()
    residual = np.where(stars.mask, 0.0, stars.flux - flux)
    mean, scale = labels.mean(axis=0), labels.std(axis=0) + 1e-9
    ridge = RidgeCV(PENALTIES, alpha_per_target=True).fit((labels - mean) / scale, residual)
    slope = ridge.coef_.T / scale[:, None]
    step = LinearChange(np.ones(len(flux[0])), ridge.intercept_ - mean @ slope, slope)
    return emulator.then(step.to(emulator.network.low), stars=len(labels))
