r"""Find wavelengths at which real spectra of all stars disagree with the physics in the same way.

The simulator's lines there are false, too strong, too weak or missing.

In each pixel a star has the residual :math:`r` = observed − best fit, with the variance
:math:`\sigma^2 + s^2`. Here σ is the noise, and s is a model error: :math:`s^2` is the amount by
which the variance of r over all pixels (a robust estimate from the median absolute deviation)
exceeds that of the noise. The significance is the mean of r over the stars, weighted by the inverse
variance, divided by the error of this mean. Model errors are similar in all stars, so that they do
not average out over more stars. Therefore the significances are divided by their own robust scatter
over the pixels if this is above 1.
"""

from dataclasses import replace

import numpy as np
from astropy.table import Table
from scipy.ndimage import binary_closing
from scipy.stats import median_abs_deviation

from specnb.core.spectra import check_at_rest
from specnb.core.values import numbers
from specnb.core.wavelength import check_pixels
from specnb.fitting.fit import FitConfig, fit_labels, fitted_flux
from specnb.fitting.residuals import formatted
from specnb.missing.scores import named_shares
from specnb.simulator.responses import load_responses, runs
from specnb.surveys import RVS
from specnb.surveys.rvs.survey import CA_II_TRIPLET, CA_II_WINDOWS, LINES

STARS = ("sun", "giant")  # reference stars of the RVS responses
# Limit of the significance. Noise alone exceeds it in one of 20 windows of 800 pixels.
THRESHOLD = 4.0
# Least significance that must remain if any one star is left out, so that no single star causes a
# row.
WITHOUT_ONE = 2.0
AGREE = 2.0  # standard errors by which the residual of a single star must differ from 0 to count
# Pixels in a resolution element of 0.75 Å. Runs that are not farther apart than this are joined.
NARROWEST = 3
# Number of pixels at either end (3 Å) that are marked. There the survey masks samples, and its
# normalisation is least certain.
EDGE = 10
# Half width in Å of the cores of Ca II and hydrogen lines, as in
# `specnb.surveys.rvs.survey.UNTRUSTED_WINDOWS`.
CORE = 3.0
REACH = 7  # pixels on either side of a line (2 Å) that are used to measure its depth
ROUNDS = 5  # largest number of fits
VBROAD = 6.0  # broadening in km/s of the reference stars whose responses give the candidates
# Least depth of a simulated line in units of the excess. A weaker line cannot explain the excess.
# This value is a choice.
LEAST_DEPTH = 0.5

CA_II = tuple(
    window
    for window in CA_II_WINDOWS
    if any(window[0] < line < window[1] for line in CA_II_TRIPLET)
)
# The lines of Ca II are not formed in LTE, whatever the line list is. Leaving them out is the only
# information that fits get beforehand.
CONFIG = FitConfig(windows_out=CA_II)
# kind of the error of the simulator's line, for a positive and for a negative excess
KINDS = ("false or too strong", "missing or too weak")
COLUMNS = ("wavelength", "first", "last", "excess", "error", "significance", "without_one", "agree", "stars", "kind",
           "model_depth", "candidates", "known", "edge")  # fmt: skip
FORMATS = dict.fromkeys(("wavelength", "first", "last"), "8.2f") | {
    "excess": "+.3f",
    "error": ".3f",
    "significance": "+.1f",
    "without_one": "+.1f",
    "model_depth": ".3f",
}


def robust_fit(observed, emulator, config: FitConfig = CONFIG) -> tuple[Table, np.ndarray]:
    """Fit stars, and leave out the pixels in which all stars disagree with the model.

    The stars are fitted again without these pixels, until the pixels do not change any more.

    Parameters
    ----------
    observed : Spectra
        Spectra on the emulator's pixels.
    emulator : Emulator
    config : FitConfig

    Returns
    -------
    fits : Table, of `specnb.fit_labels`
    flux : ndarray, shape (n, n_pix)

    Raises
    ------
    ValueError
        For the reasons given in `coherence`, or if the pixels are not the emulator's.
    """
    check_at_rest(observed, emulator.wavelength)
    out = np.zeros(len(observed.wavelength), dtype=bool)
    for _ in range(ROUNDS):
        fits = fit_labels(replace(observed, mask=observed.mask | out), emulator, config)
        flux = fitted_flux(fits, emulator, config)
        disagreeing = _significant(coherence(observed, flux), THRESHOLD).any(axis=0)
        if np.array_equal(disagreeing, out):
            break
        out = disagreeing
    return fits, flux


def coherence(observed, flux) -> Table:
    """Measure what the residuals of stars have in common, pixel by pixel.

    Parameters
    ----------
    observed : Spectra
    flux : array_like, shape (n, n_pix)
        Best fits of these stars. Stars without a fit have NaN and do not count.

    Returns
    -------
    Table
        One row per pixel: ``wavelength`` (Å); ``excess``, the mean of observed − model, and its
        ``error``; ``significance``, which is 0 without good stars; ``without_one``, the
        significance without the star that contributes most, or 0 if its sign changes; ``agree``,
        the number of stars whose residual has the same sign as the excess and exceeds 2 standard
        errors; ``stars``, the number of good stars; ``model``, the mean of the fits.

    Raises
    ------
    ValueError
        If the shapes differ, the spectra are not at rest, or fewer than two stars have a fit.
    """
    check_at_rest(observed, observed.wavelength)
    flux = numbers(flux, "", "flux")
    if flux.shape != observed.flux.shape:
        raise ValueError(
            f"fits have shape {flux.shape}, spectra {observed.flux.shape}: give the fits of these stars"
        )
    fitted = np.isfinite(flux).any(axis=1)
    if fitted.sum() < 2:
        raise ValueError(
            f"{fitted.sum()} of {len(observed)} stars have a fit: what is common takes two or more"
        )
    observed, flux = observed[fitted], flux[fitted]
    good = ~observed.mask & np.isfinite(flux)  # a fit with a velocity does not know all pixels
    residual = np.where(good, observed.flux - flux, 0.0)
    variance = np.where(good, observed.flux_error, np.inf).astype(float) ** 2
    for star_residual, noise, used in zip(residual, variance, good):
        noise += max(
            0.0,
            median_abs_deviation(star_residual[used], scale="normal") ** 2 - np.median(noise[used]),
        )
    weight = 1.0 / variance
    total, signal = weight.sum(axis=0), (weight * residual).sum(axis=0)
    # The weight of the other stars is infinite here if there are none.
    weight_of_others = np.where(total - weight > 1e-9 * total, total - weight, np.inf)
    total = np.where(total > 0, total, np.inf)
    sign, significance = np.sign(signal), signal / np.sqrt(total)
    others = (sign * (signal - weight * residual) / np.sqrt(weight_of_others)).min(axis=0)
    scatter = max(1.0, median_abs_deviation(significance[np.isfinite(total)], scale="normal"))
    pixels = {
        "wavelength": observed.wavelength,
        "excess": signal / total,
        "error": np.where(np.isfinite(total), scatter / np.sqrt(total), np.inf),
        "significance": significance / scatter,
        "without_one": sign * np.maximum(others, 0.0) / scatter,
        "agree": (sign * residual > AGREE * np.sqrt(variance)).sum(axis=0),
        "stars": good.sum(axis=0),
        "model": np.ma.masked_invalid(flux).mean(axis=0).filled(1.0),
    }
    return Table(pixels, units={"wavelength": "Angstrom"})


def disagreements(observed, flux, references=None, threshold: float = THRESHOLD) -> Table:
    """Wavelengths at which RVS spectra of all stars disagree with the physics in the same way.

    The elements that may be the cause are named.

    Parameters
    ----------
    observed : Spectra
        Spectra on the pixels of the RVS.
    flux : array_like, shape (n, n_pix)
        Best fits, as from `robust_fit`.
    references : sequence of Responses, optional
        Reference stars whose mean responses give the candidates. The default is the Sun and the K
        giant.
    threshold : float, limit of the significance

    Returns
    -------
    Table
        One row per run of pixels, the most significant first: ``wavelength`` of the most
        significant pixel, and ``first`` and ``last`` of the run (vacuum Å); ``excess``, ``error``,
        ``significance``, ``without_one``, ``agree`` and ``stars`` in the most significant pixel,
        see `coherence`; ``kind``, one of `KINDS`; ``model_depth``, the depth of the mean fit in
        that pixel below the highest points within 2 Å on both sides, which is 0 without a line;
        ``candidates``, a text such as "Si 0.80, Fe 0.20" with each element's share of the amount by
        which all elements lower the simulated flux in the run per dex, or "none" if the simulator
        has no line there or only a very weak one; ``known``, lines of Ca II and hydrogen there;
        ``edge``, whether the run is near an end of the window.

    Raises
    ------
    ValueError
        For the reasons given in `coherence`, or if the references have other pixels.
    """
    pixels = coherence(observed, flux)
    references = [load_responses(RVS, star) for star in STARS] if references is None else references
    names = list(references[0].elements)
    slopes = [
        [star.derivative(star.elements[name], VBROAD) for name in names] for star in references
    ]
    falls = np.maximum(-np.mean(slopes, axis=0), 0.0)
    check_pixels(observed.wavelength, references[0].survey.pixels)
    rows = []
    for kind, mask in zip(KINDS, _significant(pixels, threshold)):
        for first, end in runs(mask):
            k = first + int(np.argmax(np.abs(pixels["significance"][first:end])))
            depth = _depth(pixels["model"], k)
            seen = depth > LEAST_DEPTH * abs(pixels["excess"][k])
            named = named_shares(falls[:, first:end], names) if seen else "none"
            at, *ends = pixels["wavelength"][[k, first, end - 1]]
            edge = first < EDGE or end > len(pixels) - EDGE
            measured = pixels[COLUMNS[3:9]][k]
            rows.append((at, *ends, *measured, kind, depth, named, _known(at), edge))
    table = Table(
        rows=rows or None,
        names=COLUMNS,
        dtype=(float,) * 7 + (int, int, "U19", float, "U64", "U64", bool),
        units=dict.fromkeys(COLUMNS[:3], "Angstrom"),
    )
    return formatted(table[np.argsort(-np.abs(table["significance"]))], **FORMATS)


def _significant(pixels, threshold):
    """Pixels beyond the threshold for each of `KINDS`, as bool of shape (2, n_pix).

    Small gaps between such pixels are closed.
    """
    sign = np.array([[1], [-1]])
    masks = (sign * pixels["significance"] > threshold) & (
        sign * pixels["without_one"] > WITHOUT_ONE
    )
    # The union with the masks is needed, because the closing removes pixels at the ends of the
    # spectrum.
    return masks | binary_closing(masks, np.ones((1, NARROWEST)))


def _depth(model, k):
    """Depth of pixel k below the lower of the highest points near it on both sides."""
    return min(model[max(k - REACH, 0) : k + 1].max(), model[k : k + REACH + 1].max()) - model[k]


def _known(wavelength):
    """Names of lines of Ca II and hydrogen at a wavelength, as text."""
    calcium = [
        f"Ca II {centre:.0f}, {'core (NLTE)' if abs(centre - wavelength) < CORE else 'wing'}"
        for centre, (low, high) in zip(CA_II_TRIPLET, CA_II)
        if low < wavelength < high
    ]
    near = (line.species for line in LINES if abs(line.wavelength - wavelength) < CORE)
    return "; ".join(calcium + [f"{species} (H)" for species in near if species.startswith("P")])
