"""Line strengths that are wrong by factors which follow the labels, as departures from LTE do.

A line list that is wrong by one factor per line makes a gap that is almost linear in the spectra.
Departures from LTE and the temperatures of real atmospheres are different: by how much a line is
too strong changes from star to star with T_eff, log g and [M/H], and differently from line to line.
The functions here are no physics. They are smooth functions of a plausible size, drawn once.
"""

import numpy as np

# Å between the wavelengths at which the departures are drawn. It is about the width of two lines as
# the RVS resolves them, so that a line has nearly one departure.
SPACING = 2.0
TERMS = 8  # number of functions of the labels
SEED = 14  # of all coefficients; all surveys have the same departures
# Centre and width with which labels are scaled, about those of the reference stars.
SCALES = {"teff": (5100.0, 700.0), "logg": (3.0, 1.2), "m_h": (-0.2, 0.4)}


def coefficients(wavelength):
    """The fixed numbers of the departures, which are normal numbers.

    Parameters
    ----------
    wavelength : ndarray, shape (n_pix,)
        Vacuum Å.

    Returns
    -------
    patterns : ndarray, shape (TERMS, n_pix)
        Divided by the square root of `TERMS`, and interpolated linearly between wavelengths that are
        `SPACING` apart.
    slopes, offsets : ndarray, shapes (3, TERMS) and (TERMS,)
    """
    random, knots = np.random.default_rng(SEED), np.arange(8450.0, 8710.1, SPACING)
    patterns = random.normal(size=(TERMS, len(knots))) / np.sqrt(TERMS)
    patterns = np.stack([np.interp(wavelength, knots, each) for each in patterns])
    return patterns, random.normal(size=(len(SCALES), TERMS)), random.normal(size=TERMS)


def departures(wavelength, stars):
    """Logarithm of the factor on the optical depth, for an amplitude of 1.

    It is Σ_k p_k(λ) tanh(a_k · u + b_k) with scaled labels u, patterns p, slopes a and offsets b.

    Parameters
    ----------
    wavelength : ndarray, shape (n_pix,)
        Vacuum Å.
    stars : mapping of str to array_like, shape (n,)
        Labels by name, among them teff (K), logg and m_h (dex).

    Returns
    -------
    ndarray, shape (n, n_pix)
        For the stars of the mock survey its rms is about 0.55.
    """
    patterns, slopes, offsets = coefficients(wavelength)
    scaled = [
        (np.asarray(stars[name]) - centre) / width for name, (centre, width) in SCALES.items()
    ]
    return np.tanh(np.stack(scaled, axis=-1) @ slopes + offsets) @ patterns
