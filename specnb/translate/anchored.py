r"""Models of real spectra from stars whose labels are known, the anchors.

In each pixel the emulated flux is raised to a power and an offset is added, :math:`m^{a} + b`
(`PixelChange`). The power corrects strengths of lines, the offset adds lines that are missing. Both
are fitted to the anchors with expected values of 1 ± `POWERS` and 0 ± `OFFSETS`, so that one anchor
is enough, and thousands can be used as well.

The errors of the model come from anchors that took no part: each is left out once. Factor analysis
divides the covariance of their residuals into patterns, which are the correlated errors, and a
variance of each pixel. With fewer than `MANY` anchors most must be assumed instead. The error of a
pixel is then the fraction `UNKNOWN` of the change that the anchors made there, and at least `FLOOR`:
where the physics is wrong for them, it is wrong in another way for other stars. The correlated
errors must be given.
"""

import numpy as np
from sklearn.decomposition import FactorAnalysis
from sklearn.model_selection import KFold

from specnb.core.spectra import check_at_rest
from specnb.emulator.calibration import Calibration
from specnb.emulator.changes import DARK, PixelChange
from specnb.emulator.model import Emulator
from specnb.fitting.continuum import legendre
from specnb.fitting.fit import FitConfig
from specnb.translate.baselines import ITERATIONS, POWERS
from specnb.translate.domains import true_labels
from specnb.translate.real import excess

# Expected offset, smallest error of the model, both in units of the flux, and the fraction of the change
# that is its error. The two unlabelled RVS spectra that we have are less probable with half or twice of
# any of these. (Half of `POWERS`, which is that of `baselines`, would be a little better.)
OFFSETS, FLOOR, UNKNOWN = 0.01, 0.004, 0.5
# Number of anchors that tell the errors, parts in which they are left out, and patterns of correlated
# errors.
MANY, PARTS, PATTERNS = 30, 5, 6


def anchored(
    emulator, anchors, components=(), stars=None, names=(), untrusted=(), chi2_limit=2.0
) -> Emulator:
    """An emulator of real spectra that knows its errors.

    Parameters
    ----------
    emulator : Emulator
        The physics.
    anchors : Spectra
        Real stars at rest on the emulator's pixels, with all its labels.
    components : array_like, shape (k, n_pix)
        Correlated errors. `MANY` anchors or more tell them themselves, and these are not used.
    stars : array_like, shape (m, n_labels), optional
        Labels of stars that the model is for. The default is those of the anchors.
    names : sequence of str
        Labels that decide whether a star is like these, see `Calibration`.
    untrusted : sequence of (float, float)
        Windows (vacuum Å) that must not count.
    chi2_limit : float
        Reduced χ² above which the model does not describe a star.

    Raises
    ------
    ValueError
        If the anchors are on other pixels, not at rest, or lack a label.
    """
    check_at_rest(anchors, emulator.wavelength)
    labels = true_labels(anchors.labels, emulator)
    model = emulator.then(pixel_change(emulator, anchors), anchors=len(anchors))
    change = model(labels) - emulator(labels)
    error = np.hypot(FLOOR, UNKNOWN * np.sqrt(np.mean(change**2, axis=0)))
    if len(anchors) >= MANY:
        error, components = learnt_errors(emulator, anchors)
    for low, high in untrusted:
        error[(emulator.wavelength >= low) & (emulator.wavelength <= high)] = np.inf
    calibration = Calibration(
        error,
        np.reshape(components, (-1, len(error))),  # also if there are none
        labels if stars is None else stars,
        names,
        chi2_limit,
    )
    return model.calibrated(calibration)


def pixel_change(emulator, anchors) -> PixelChange:
    """The power a and the offset b of each pixel that bring an emulator to its anchors.

    Σ (f / c − mᵃ − b)² / (σ² + FLOOR²) + (a − 1)² / POWERS² + b² / OFFSETS² is minimised by the method
    of Gauss and Newton, with the continuum c of each anchor.

    Parameters
    ----------
    emulator : Emulator
    anchors : Spectra
        As for `anchored`.
    """
    flux = np.maximum(emulator(true_labels(anchors.labels, emulator)).astype(float), DARK)
    expected, prior = np.array([1.0, 0.0]), np.array([POWERS, OFFSETS]) ** -2.0
    found = expected + np.zeros((flux.shape[1], 2))
    for _ in range(ITERATIONS):
        raised = flux ** found[:, 0]
        derivatives = np.stack([raised * np.log(flux), np.ones_like(flux)])
        residual, weight = residuals(anchors, raised + found[:, 1])
        matrix = np.einsum("ans,ns,bns->sab", derivatives, weight, derivatives) + np.diag(prior)
        pull = np.einsum("ans,ns->sa", derivatives, weight * residual) - prior * (found - expected)
        found = found + np.linalg.solve(matrix, pull[:, :, None])[:, :, 0]
    return PixelChange(*found.T)


def learnt_errors(emulator, anchors):
    """Errors of a model in anchors that took no part in it, when all have been left out once.

    Parameters
    ----------
    emulator : Emulator
    anchors : Spectra
        As for `anchored`.

    Returns
    -------
    error : ndarray, shape (n_pix,)
        At least `FLOOR`.
    components : ndarray, shape (`PATTERNS`, n_pix)
    """
    found = np.zeros(anchors.flux.shape)
    for rest, out in KFold(PARTS, shuffle=True, random_state=0).split(found):
        change = pixel_change(emulator, anchors[rest])
        flux = emulator.then(change)(true_labels(anchors[out].labels, emulator))
        found[out] = np.where(anchors[out].mask, 0.0, residuals(anchors[out], flux)[0])
    factors = FactorAnalysis(PATTERNS, random_state=0).fit(found)
    variance = excess(anchors, found) - np.sum(factors.components_**2, axis=0)
    return np.sqrt(np.maximum(variance, FLOOR**2)), factors.components_


def residuals(spectra, flux):
    """Residuals (n, n_pix) of models whose continua are fitted as in fits, and weights of pixels."""
    weight = np.where(spectra.mask, 0.0, 1.0 / (spectra.flux_error**2 + FLOOR**2))
    shapes = legendre(spectra.wavelength, FitConfig.continuum_order)
    basis = shapes * flux[:, None]
    weighted = basis * weight[:, None]
    # Coefficients of 0 ± 1 are expected, which matters only where a detector has no good pixel.
    matrix = weighted @ basis.transpose(0, 2, 1) + np.eye(len(shapes))
    found = np.linalg.solve(matrix, weighted @ (spectra.flux - flux)[:, :, None])
    return spectra.flux / (1.0 + found[:, :, 0] @ shapes) - flux, weight
