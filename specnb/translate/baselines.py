"""Models of the observed domain with which a translator must be compared. None needs a network.

Three are fitted to the same unpaired data as a translator: labels of synthetic stars, and observed
spectra of other stars of the same population. The simplest one adds the difference of the mean
spectra. The next one multiplies the optical depth in each pixel by a factor, which is what a wrong
line strength does. The third one is the linear solution from which `Principal` networks start.

The last one, `perfect`, uses the truth of a mock survey. It shows what is left when the model has no
error that depends on labels: noise, and what differs between stars with the same labels.
"""

import numpy as np
import torch

from specnb.core.spectra import check_at_rest
from specnb.emulator.changes import DARK, PixelChange
from specnb.emulator.model import Emulator
from specnb.emulator.step import Step
from specnb.fitting.residuals import by_pixel
from specnb.translate.config import TranslateConfig
from specnb.translate.domains import true_labels
from specnb.translate.model import translated_emulator
from specnb.translate.train import TranslateTraining, checked_labels

MEAN, POWER, LINEAR = "mean spectrum", "one power a pixel", "linear start"
PERFECT = "perfect translator"
# Expected standard deviation of the powers about 1: strengths of lines are wrong by tens of per cent.
# Mean spectra also differ by more than their lines' strengths, such as by a continuum, and FLOOR, in
# units of the flux, keeps the powers from describing this. Both are choices, made on training stars.
POWERS, FLOOR = 0.3, 0.005
ITERATIONS = 20  # of Newton's method, which converges in about ten


class OwnOffset(Step):
    """Add an offset of its own to the spectrum of each star. Any other star gets their mean.

    Parameters
    ----------
    offset : array_like, shape (n, n_pix)
    """

    def __init__(self, offset):
        super().__init__()
        self.register_buffer("offset", torch.as_tensor(offset, dtype=torch.float32))

    def forward(self, flux, labels):
        return flux + self.offset

    def check_stars(self, n):
        if len(self.offset) != n:
            raise ValueError(f"{n} spectra, but {len(self.offset)} offsets: give these stars")

    def of(self, rows):
        one = self.offset.mean(dim=0, keepdim=True) if rows is None else self.offset[rows]
        return OwnOffset(one)


def perfect(emulator, truth, predictable) -> Emulator:
    """A model that makes, at the true labels, the spectra that a perfect translator would make.

    It is the floor for biases and scatters of labels. It is not a translator, but an offset that is
    computed from the true labels of each star. Its derivatives by the labels are therefore those of
    the physics, and not those of the true transformation. This hardly matters: with the RVS's gap
    itself as a step (`specnb.translate.rvs_gap`), χ² and biases of 600 stars are the same, and the
    scatter is 3% larger.

    Parameters
    ----------
    emulator : Emulator
    truth : Table
        True labels of the stars.
    predictable : ndarray, shape (n, n_pix)
        Result of `specnb.translate.domains.predictable_flux` for these stars.
    """
    offset = predictable - emulator(true_labels(truth, emulator))
    return emulator.then(OwnOffset(offset).to(emulator.network.low))


def baselines(emulator, labels, observed) -> dict:
    """The models of the observed domain without a network.

    Parameters
    ----------
    emulator : Emulator
    labels : Table, or array_like of shape (n, n_labels)
        Labels of synthetic stars, as for `specnb.translate.train`.
    observed : Spectra
        Spectra of other stars of the same population, on the emulator's pixels.

    Returns
    -------
    dict of str to Emulator
        "mean spectrum": an offset in each pixel makes the mean flux that of the observed stars.
        "one power a pixel": the mean flux to this power is that of the observed stars, as far as
        powers near 1 can do it (see `fitted_powers`), and an offset does the rest.
        "linear start": the translator of kind "principal" before any step of its training.

    Raises
    ------
    ValueError
        As `specnb.translate.train`.
    """
    check_at_rest(observed, emulator.wavelength)
    rows = torch.from_numpy(checked_labels(labels, emulator)).to(emulator.network.low)
    flux = torch.cat([emulator.network(part) for part in rows.split(1024)]).clamp(min=DARK)
    found = by_pixel(observed.wavelength, np.where(observed.mask, np.nan, observed.flux))
    error = found["std"] / np.sqrt(found["stars"])
    mean, error = (torch.from_numpy(np.array(values)).to(flux) for values in (found["mean"], error))
    seen = torch.isfinite(error)
    mean = torch.where(seen, mean, flux.mean(dim=0))  # no change where nothing was observed
    variance = torch.where(seen, error**2, 1.0) + flux.var(dim=0) / len(flux) + FLOOR**2
    power = fitted_powers(flux, mean, variance)
    config = TranslateConfig(kind="principal", shared=48, split=0, device=mean.device.type)
    start = TranslateTraining(emulator, labels, observed, config).finish()
    plain = torch.ones_like(power)
    return {
        MEAN: emulator.then(PixelChange(plain, mean - flux.mean(dim=0))),
        POWER: emulator.then(PixelChange(power, mean - (flux**power).mean(dim=0))),
        LINEAR: translated_emulator(emulator, start),
    }


def fitted_powers(flux, mean, variance):
    """The power p of each pixel for which the mean of flux^p over the stars is a given one.

    Powers are expected to be 1 ± `POWERS`: (⟨fᵖ⟩ − mean)² / variance + (p − 1)² / POWERS² is
    minimised with Newton's method. Without the second term, the powers of pixels without a line would
    be arbitrary.

    Parameters
    ----------
    flux : Tensor, shape (n, n_pix)
    mean, variance : Tensor, shape (n_pix,)
        Mean flux of observed stars, and the variance of its difference to that of synthetic stars.

    Returns
    -------
    Tensor, shape (n_pix,)
        From 0 to 4.
    """
    logarithm, power = flux.log(), torch.ones_like(mean)
    for _ in range(ITERATIONS):
        raised = (power * logarithm).exp()
        slope = (raised * logarithm).mean(dim=0)
        pull = slope * (mean - raised.mean(dim=0)) / variance - (power - 1) / POWERS**2
        power = (power + pull / (slope**2 / variance + POWERS**-2)).clamp(0.0, 4.0)
    return power
