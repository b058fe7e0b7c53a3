r"""Where real spectra and the physics disagree in all stars alike: lines that are false, too
strong, too weak or missing.

In a pixel a star has the residual :math:`r` = observed − best fit, of variance :math:`\sigma^2 +
s^2`: the noise, and a model error s, which is what the scatter of r over all pixels (robust: from
the median absolute deviation) has more than the noise. The mean over the stars with these weights,
over its error, is the significance. Model errors are alike in all stars, and more stars do not
average them out: so significances are divided by their own robust scatter over the pixels, if above
1."""

from dataclasses import replace

import numpy as np
from astropy.table import Table
from scipy.ndimage import binary_closing, find_objects, label
from scipy.stats import median_abs_deviation

from specnb.emulator.model import Emulator
from specnb.fitting.fit import FitConfig, fit_labels, fitted_flux
from specnb.surveys import RVS
from specnb.surveys.rvs.lines import CA_II_TRIPLET, CA_II_WINDOWS, LINES
from specnb.simulator.responses import load_responses
from specnb.core.spectra import Spectra

STARS = ("sun", "giant")  # of the responses of the RVS
THRESHOLD = 4.0  # of the significance: noise alone passes it in one window of 800 pixels out of 20
# what must be left of it without any one of the stars, so that no star makes a row alone
WITHOUT_ONE = 2.0
AGREE = 2.0  # standard errors from which on a star speaks for itself
NARROWEST = 3  # pixels of a resolution element, 0.75 Å: runs no farther apart are one
# pixels at either end, 3 Å: there the survey masks samples, and its normalisation has least to go
# by
EDGE = 10
# Å about the centre of Ca II or hydrogen, as in `specnb.surveys.rvs.lines.UNTRUSTED_WINDOWS`
CORE = 3.0
REACH = 7  # pixels, 2 Å on either side of a line, from which its depth is measured
ROUNDS = 5  # most fits
VBROAD = 6.0  # km/s, of the stars whose responses name candidates
LEAST_SHARE = 0.05  # of the candidates that are named
# of a line, over the excess: one that is less deep has little to do with it (a choice)
LEAST_DEPTH = 0.5

CA_II = tuple(
    window
    for window in CA_II_WINDOWS
    if any(window[0] < line < window[1] for line in CA_II_TRIPLET)
)
# Ca II is not in LTE, whatever the line list: all that fits are told beforehand
CONFIG = FitConfig(windows_out=CA_II)
# of the simulator's line, by the sign of the excess
KINDS = ("false or too strong", "missing or too weak")
COLUMNS = ("wavelength", "first", "last", "excess", "error", "significance", "without_one", "agree", "stars", "kind",
           "model_depth", "candidates", "known", "edge")  # fmt: skip


def robust_fit(
    observed: Spectra, emulator: Emulator, config: FitConfig = CONFIG
) -> tuple[Table, np.ndarray]:
    """Fit stars, find where they all disagree with the model, fit again without those pixels, until
    they do not change.

    Parameters
    ----------
    observed : Spectra
        On the emulator's pixels.
    emulator : Emulator
    config : FitConfig

    Returns
    -------
    fits : Table, of `specnb.fit_labels`
    flux : ndarray, shape (n, n_pix)

    Raises
    ------
    ValueError
        As `coherence`, or if the pixels are not the emulator's.
    """
    out = np.zeros(len(observed.wavelength), dtype=bool)
    for _ in range(ROUNDS):
        fits = fit_labels(replace(observed, mask=observed.mask | out), emulator, config)
        flux = fitted_flux(fits, emulator, config)
        found = _significant(coherence(observed, flux), THRESHOLD).any(axis=0)
        if np.array_equal(found, out):
            break
        out = found
    return fits, flux


def coherence(observed: Spectra, flux) -> Table:
    """What the residuals of stars have in common, pixel by pixel.

    Parameters
    ----------
    observed : Spectra
    flux : array_like, shape (n, n_pix)
        Best fits of these stars; NaN for those without, which do not count.

    Returns
    -------
    Table
        A row a pixel: ``wavelength`` (Å); ``excess``, the mean of observed − model, and its
        ``error``; ``significance``, 0 without good stars; ``without_one``, what is left of it
        without the star that matters most, 0 if its sign turns; how many stars ``agree`` in sign by
        more than 2 standard errors, of how many ``stars``; ``model``, the mean of the fits.

    Raises
    ------
    ValueError
        If the shapes differ or fewer than two stars have a fit.
    """
    flux = np.asarray(flux, dtype=float)
    if flux.shape != observed.flux.shape:
        raise ValueError(
            f"fits have shape {flux.shape}, spectra {observed.flux.shape}: give the fits of these stars"
        )
    fitted = np.isfinite(flux).all(axis=1)
    if fitted.sum() < 2:
        raise ValueError(
            f"{fitted.sum()} of {len(observed)} stars have a fit: what is common takes two or more"
        )
    observed, flux = observed[fitted], flux[fitted]
    good, residual = ~observed.mask, np.where(observed.mask, 0.0, observed.flux - flux)
    variance = np.where(good, observed.flux_error, np.inf).astype(float) ** 2
    for own, noise, used in zip(residual, variance, good):
        noise += max(
            0.0, median_abs_deviation(own[used], scale="normal") ** 2 - np.median(noise[used])
        )
    weight = 1.0 / variance
    total, signal = weight.sum(axis=0), (weight * residual).sum(axis=0)
    # infinite: there is no other star
    rest = np.where(total - weight > 1e-9 * total, total - weight, np.inf)
    total = np.where(total > 0, total, np.inf)
    sign, significance = np.sign(signal), signal / np.sqrt(total)
    others = (sign * (signal - weight * residual) / np.sqrt(rest)).min(axis=0)
    unit = max(1.0, median_abs_deviation(significance[np.isfinite(total)], scale="normal"))
    agree = sign * residual > AGREE * np.sqrt(variance)
    error = np.where(np.isfinite(total), unit / np.sqrt(total), np.inf)
    columns = {"wavelength": observed.wavelength, "excess": signal / total, "error": error}
    columns |= {
        "significance": significance / unit,
        "without_one": sign * np.maximum(others, 0.0) / unit,
    }
    columns |= {"agree": agree.sum(axis=0), "stars": good.sum(axis=0), "model": flux.mean(axis=0)}
    return Table(columns, units={"wavelength": "Angstrom"})


def disagreements(observed: Spectra, flux, references=None, threshold: float = THRESHOLD) -> Table:
    """Wavelengths where stars in the RVS disagree with the physics coherently, and the elements
    that may be to blame.

    Parameters
    ----------
    observed : Spectra
        On the pixels of the RVS.
    flux : array_like, shape (n, n_pix)
        Best fits, as from `robust_fit`.
    references : sequence of Responses, optional
        Stars by whose mean responses candidates are named; the Sun and the K giant by default.
    threshold : float, of the significance

    Returns
    -------
    Table
        A row a run of pixels, the most significant first: ``wavelength`` of the most significant
        pixel, ``first`` and ``last`` (vacuum Å); ``excess``, ``error``, ``significance``,
        ``without_one``, ``agree`` and ``stars`` there, see `coherence`; ``kind``, one of `KINDS`;
        ``model_depth``, how far the mean fit lies there below the highest points within 2 Å on both
        sides, 0 without a line; ``candidates``, elements by their share of what all take from the
        simulator's flux in these pixels per dex, as "Si 0.80, Fe 0.20", or "none" if the simulator
        has no line there, or next to none; ``known``, Ca II and hydrogen; ``edge``, whether the run
        is near an end of the window.

    Raises
    ------
    ValueError
        As `coherence`, or if the references have other pixels.
    """
    pixels = coherence(observed, flux)
    references = [load_responses(RVS, star) for star in STARS] if references is None else references
    falls = {}
    for element in references[0].elements:
        slopes = [
            reference.derivative(reference.elements[element], VBROAD) for reference in references
        ]
        falls[element] = np.maximum(-np.mean(slopes, axis=0), 0.0)
    if len(falls[element]) != len(pixels):
        raise ValueError(
            f"responses have {len(falls[element])} pixels, spectra {len(pixels)}: rebin the spectra"
        )
    rows = []
    for kind, mask in zip(KINDS, _significant(pixels, threshold)):
        for (run,) in find_objects(label(mask)[0]):
            k = run.start + int(np.argmax(np.abs(pixels["significance"][run])))
            depth, edge = (
                _depth(pixels["model"], k),
                run.start < EDGE or run.stop > len(pixels) - EDGE,
            )
            named = (
                _shares(falls, run) if depth > LEAST_DEPTH * abs(pixels["excess"][k]) else "none"
            )
            at, first, last = pixels["wavelength"][[k, run.start, run.stop - 1]]
            numbers = (pixels[name][k] for name in COLUMNS[3:9])
            rows.append((at, first, last, *numbers, kind, depth, named, _known(at), edge))
    table = Table(
        rows=rows or None,
        names=COLUMNS,
        dtype=(float,) * 7 + (int, int, "U19", float, "U64", "U64", bool),
    )
    for name, form in zip(COLUMNS[:7], ("8.2f", "8.2f", "8.2f", "+.3f", ".3f", "+.1f", "+.1f")):
        table[name].format, table[name].unit = form, "Angstrom" if form == "8.2f" else None
    table["model_depth"].format = ".3f"
    return table[np.argsort(-np.abs(table["significance"]))]


def _significant(pixels, threshold):
    """Pixels in runs of each of `KINDS` beyond the threshold, bool of shape (2, n_pix)."""
    sign = np.array([[1], [-1]])
    masks = (sign * pixels["significance"] > threshold) & (
        sign * pixels["without_one"] > WITHOUT_ONE
    )
    # closing alone would erode at the ends
    return masks | binary_closing(masks, np.ones((1, NARROWEST)))


def _depth(model, k):
    """How far pixel k lies below the highest points near it, on both sides."""
    return min(model[max(k - REACH, 0) : k + 1].max(), model[k : k + REACH + 1].max()) - model[k]


def _shares(falls, run):
    """Elements by their share of the fall in some pixels, as text."""
    sums = {element: fall[run].sum() for element, fall in falls.items()}
    shares = {
        element: sums[element] / sum(sums.values())
        for element in sorted(sums, key=sums.get, reverse=True)
    }
    return ", ".join(
        f"{element} {share:.2f}" for element, share in shares.items() if share > LEAST_SHARE
    )


def _known(wavelength):
    """Lines of Ca II and hydrogen at a wavelength, as text."""
    found = []
    for centre, (low, high) in zip(CA_II_TRIPLET, CA_II):
        if low < wavelength < high:
            found.append(
                f"Ca II {centre:.0f}, {'core (NLTE)' if abs(centre - wavelength) < CORE else 'wing'}"
            )
    near = (line.species for line in LINES if abs(line.wavelength - wavelength) < CORE)
    return "; ".join(found + [f"{species} (H)" for species in near if species.startswith("P")])
