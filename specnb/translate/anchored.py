r"""Models of real spectra from stars whose labels are known, the anchors.

In each pixel the emulated flux is raised to a power and an offset is added, :math:`f^{a} + b`
(`PixelChange`): the power corrects strengths of lines, the offset lines that are missing. Both are
fitted to the anchors with expected values of 1 ± `POWERS` and 0 ± `OFFSETS`, so that one anchor is
enough, and thousands are used as well.

The errors of the model come from anchors that did not take part, in five parts one after the other,
if there are `MANY`. The strongest patterns of their residuals (principal components) that
noise alone cannot make are the correlated errors; the rest is the error of each pixel. With fewer
anchors most of it must be assumed: in each pixel the fraction `UNKNOWN` of the change that
the anchors made there (where the physics was wrong for them it is wrong in another way for other
stars), at least `FLOOR`, and the correlated errors that the caller gives.
"""

import numpy as np
from numpy.polynomial.legendre import legvander
from sklearn.model_selection import KFold

from specnb.core.spectra import check_at_rest
from specnb.emulator.calibration import Calibration
from specnb.emulator.model import Emulator
from specnb.translate.baselines import DARK, ITERATIONS, POWERS, PixelChange
from specnb.translate.domains import true_labels

# Strengths of lines that nobody has checked are wrong by factors of up to 2, and what is missing are
# weak lines. χ² of unlabelled RVS spectra changes by a few per cent with twice or half of these.
OFFSETS = 0.01
FLOOR = 0.004  # smallest error of the model in a pixel, in units of the flux
UNKNOWN = 0.7  # for which reduced χ² of two unlabelled RVS spectra is 1.0 and 1.2
MANY, PARTS, PATTERNS = 30, 5, 6
ORDER = 2  # of the continuum of each anchor, as in fits


def anchored(emulator, anchors, components=(), stars=None, untrusted=(), chi2_limit=2.0) -> Emulator:
    """An emulator of real spectra that knows its errors.

    Parameters
    ----------
    emulator : Emulator
        The physics.
    anchors : Spectra
        Real stars at rest on the emulator's pixels, with all its labels.
    components : array_like, shape (k, n_pix)
        Correlated errors, if there are fewer than `MANY` anchors.
    stars : array_like, shape (m, n_labels), optional
        Labels of stars that the model is for. The default is those of the anchors.
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
    if len(anchors) < MANY:
        change = np.sqrt(np.mean((model(labels) - emulator(labels)) ** 2, axis=0))
        error = np.hypot(FLOOR, UNKNOWN * change)
    else:
        error, components = learnt_errors(held_out_residuals(emulator, anchors), anchors.flux_error)
    for low, high in untrusted:
        error[(emulator.wavelength >= low) & (emulator.wavelength <= high)] = np.inf
    components = np.reshape(components, (-1, len(error)))
    stars = labels if stars is None else stars
    return model.calibrated(Calibration(error, components, stars, chi2_limit=chi2_limit))


def pixel_change(emulator, anchors) -> PixelChange:
    """The power and the offset of each pixel that bring the emulator to the anchors.

    Parameters are as for `anchored`. Σ (f − c (mᵃ + b))² / (σ² + FLOOR²) + (a − 1)² / POWERS² +
    b² / OFFSETS² is minimised by the method of Gauss and Newton, with the continuum c of each star.
    """
    flux = np.maximum(emulator(true_labels(anchors.labels, emulator)).astype(float), DARK)
    power, offset = np.ones(flux.shape[1]), np.zeros(flux.shape[1])
    for _ in range(ITERATIONS):
        raised = flux**power
        slope = raised * np.log(flux)
        residual, weight = _residuals(anchors, raised + offset)
        by_power = (weight * slope * residual).sum(axis=0) - (power - 1) / POWERS**2
        by_offset = (weight * residual).sum(axis=0) - offset / OFFSETS**2
        a = (weight * slope**2).sum(axis=0) + POWERS**-2
        b, c = (weight * slope).sum(axis=0), weight.sum(axis=0) + OFFSETS**-2
        power = np.clip(power + (c * by_power - b * by_offset) / (a * c - b**2), 0.0, 4.0)
        offset = offset + (a * by_offset - b * by_power) / (a * c - b**2)
    return PixelChange(power, offset)


def held_out_residuals(emulator, anchors):
    """Observed minus predicted flux (n, n_pix) of each anchor, by a model without it.

    It is 0 in masked pixels. All anchors are left out once, in up to `PARTS` parts.
    """
    found = np.empty(anchors.flux.shape)
    for rest, out in KFold(min(PARTS, len(anchors)), shuffle=True, random_state=0).split(found):
        model = emulator.then(pixel_change(emulator, anchors[rest]))
        flux = model(true_labels(anchors[out].labels, emulator))
        residual, weight = _residuals(anchors[out], flux)
        found[out] = np.where(weight > 0, residual, 0.0)
    return found


def learnt_errors(residual, flux_error):
    """Errors of a model from residuals of stars that took no part in it.

    Parameters
    ----------
    residual, flux_error : ndarray, shape (n, n_pix)
        Residuals, 0 in masked pixels, and errors of the spectra, infinite there.

    Returns
    -------
    error : ndarray, shape (n_pix,)
    components : ndarray, shape (k, n_pix)
        At most `PATTERNS`. Their variances are larger than noise alone makes: (1 + √(n_pix / n))²
        times that of a pixel (Marchenko & Pastur 1967).
    """
    seen = np.isfinite(flux_error)
    noise = np.where(seen, flux_error, 0.0) ** 2
    _, size, pattern = np.linalg.svd(residual / np.sqrt(len(residual)), full_matrices=False)
    limit = np.median(noise[seen]) * (1 + np.sqrt(residual.shape[1] / len(residual))) ** 2
    variance = np.maximum(size[:PATTERNS] ** 2 - limit, 0.0)
    components = (np.sqrt(variance)[:, None] * pattern[:PATTERNS])[variance > 0]
    left = (residual**2 - noise).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    return np.sqrt(np.maximum(left - (components**2).sum(axis=0), FLOOR**2)), components


def _residuals(spectra, flux):
    """Residuals of models (n, n_pix) after their continua were fitted, and the weights of pixels."""
    weight = np.where(spectra.mask, 0.0, 1.0 / (spectra.flux_error**2 + FLOOR**2))
    x = np.interp(spectra.wavelength, spectra.wavelength[[0, -1]], [-1.0, 1.0])
    basis = legvander(x, ORDER).T * flux[:, None]
    weighted = basis * weight[:, None]
    normal, seen = weighted @ basis.transpose(0, 2, 1), weighted @ spectra.flux[:, :, None]
    fitted = (np.linalg.solve(normal, seen).transpose(0, 2, 1) @ basis)[:, 0]
    # The continuum is applied to the star, whose lines the model has.
    return spectra.flux * flux / fitted - flux, weight
