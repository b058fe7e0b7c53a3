"""Lines that an emulator of APOGEE lacks or has wrong: those of the Earth, and stellar ones.

Telluric absorption and airglow have fixed wavelengths in the frame of the spectrograph. In the rest
frame of the stars their wavelengths therefore differ from star to star. Positions and strengths
were measured in the sky and telluric spectra of the three visits in the DR17 file
apStar-dr17-2M17335483-2753043.fits (medians; the star has an S/N of 67-106 per visit, and of 154 in
total). Those of CO2 are computed.

An imperfect list of stellar lines has lines of wrong strength, and others are missing. The values
that describe it are choices.
"""

from functools import cache, lru_cache

import numpy as np

from specnb.core.broadening import FWHM_PER_SIGMA, broaden
from specnb.core.wavelength import C_KM_S
from specnb.surveys.apogee.pixels import (
    APOGEE_CUT,
    APOGEE_NATIVE,
    APOGEE_PIXELS,
    APOGEE_RESOLVING_POWER,
)

# Airglow, mostly of OH: vacuum Å, and height of the peak in units of that star's continuum.
SKY_LINES = (
    (15187.2, 9.8), (15241.0, 35.0), (15287.8, 13.0), (15332.4, 28.8), (15395.3, 10.3), (15431.8, 13.6),
    (15432.5, 13.5), (15500.9, 2.3), (15509.8, 4.7), (15517.9, 1.5), (15539.7, 6.0), (15541.0, 6.0),
    (15546.2, 6.4), (15570.2, 3.6), (15597.6, 14.1), (15631.5, 7.8), (15655.0, 18.7), (15657.8, 2.1),
    (15702.5, 5.6), (15868.4, 3.0), (15870.2, 3.0), (15972.6, 10.4), (16030.8, 34.7), (16079.8, 14.1),
    (16128.6, 28.7), (16194.6, 11.3), (16235.0, 14.5), (16235.8, 14.8), (16317.1, 5.3), (16341.8, 2.3),
    (16350.7, 7.1), (16352.0, 6.9), (16360.4, 1.5), (16388.5, 6.5), (16414.7, 3.7), (16475.6, 2.7),
    (16477.3, 2.6), (16479.0, 6.3), (16502.3, 17.2), (16553.8, 6.5), (16689.3, 3.5), (16692.4, 48.5),
    (16709.2, 10.6), (16731.6, 3.1), (16733.4, 3.2), (16840.6, 6.9), (16903.7, 31.5),
)  # fmt: skip
SKY_SNR = 154.0  # of that star

# Telluric lines: vacuum Å and peak optical depth. Lines below 15,320 Å are assumed to be those of
# water, and the others those of methane.
WATER_LINES = (
    (15142.3, 0.13), (15148.4, 0.29), (15162.9, 0.47), (15168.2, 0.40), (15172.5, 0.13), (15176.1, 0.48),
    (15183.8, 0.21), (15189.1, 0.21), (15190.3, 0.10), (15191.8, 0.29), (15194.7, 0.10), (15204.4, 0.20),
    (15218.7, 0.18), (15234.5, 0.09), (15245.6, 0.16), (15258.1, 0.15), (15267.8, 0.18), (15273.9, 0.17),
    (15287.6, 0.13), (15313.6, 0.14),
)  # fmt: skip
METHANE_LINES = (
    (16354.3, 0.21), (16376.9, 0.16), (16403.6, 0.24), (16429.2, 0.38), (16482.3, 0.37), (16509.6, 0.44),
    (16520.3, 0.09), (16537.2, 0.37), (16565.5, 0.18), (16594.2, 0.09), (16623.3, 0.11), (16654.6, 0.32),
    (16655.9, 0.36), (16657.6, 0.30), (16659.6, 0.38), (16662.0, 0.29), (16664.7, 0.21), (16668.0, 0.17),
    (16671.4, 0.10), (16744.5, 0.21), (16776.0, 0.26), (16807.9, 0.20), (16840.3, 0.38), (16873.2, 0.20),
    (16905.9, 0.23), (16909.8, 0.10), (16915.5, 0.13), (16939.8, 0.09),
)  # fmt: skip
# Bands of CO2: origin and B' - B" in 1/cm (rounded). The computed wavelengths of 57 lines agree
# with those in the star's telluric spectrum to 0.12 Å rms.
CARBON_DIOXIDE_BANDS = ((6347.85, -0.0039), (6227.92, -0.0035))

_PER_PIXEL = 4  # samples of a pattern per pixel of APOGEE
_STEP = 6e-6  # width of a pixel in log10 of wavelength

# number of windows with a wrong line strength, which cover a third of the spectrum
WRONG_LINES = 600
WINDOW = 0.35  # Å, Gaussian sigma of a window, about that of a line as APOGEE resolves it
MISSING_LINES = 150
# Mean optical depth of a missing line at 4500 K and [Fe/H] = 0, before it is smoothed by the
# spectrograph.
MISSING_DEPTH = 0.07
# Dependence of missing lines on [Fe/H] (per dex) and T_eff (K per dex) in log10 of optical depth,
# for neutral metals, molecules and lines of high excitation.
MISSING_KINDS = ((0.5, -3000.0), (0.8, -1500.0), (0.5, 4000.0))
# km/s: missing lines are interpolated between these values
_VBROAD_KNOTS = np.array([0.0, 2.0, 4.0, 7.0, 11.0, 16.0, 22.0, 30.0])


def carbon_dioxide_lines():
    """Vacuum Å and peak optical depth of the telluric lines of CO2 in APOGEE.

    CO2 is a linear molecule whose levels of odd J do not exist. The populations of the levels are
    those at 265 K.
    """
    j = np.arange(0, 60, 2)
    lower, m = np.concatenate([j, j[1:]]), np.concatenate([j + 1, -j[1:]])  # R and P branches
    strength = np.abs(m) * np.exp(-1.4388 * 0.3902 * lower * (lower + 1) / 265.0)
    wavelength = [
        1e8 / (origin + (0.7804 + change) * m + change * m**2)
        for origin, change in CARBON_DIOXIDE_BANDS
    ]
    return np.column_stack(
        [np.concatenate(wavelength), np.tile(0.37 * strength / strength.max(), 2)]
    )


@cache
def pattern(name):
    """Spectrum of the atmosphere at the resolving power of APOGEE, in fine steps.

    Parameters
    ----------
    name : {"sky", "water", "dry"}
        "sky" is the airglow in units of the reference star's continuum, "water" the optical depth
        of water, and "dry" that of CO2 and methane.

    Returns
    -------
    ndarray, shape (34297,)
        The input of `seen_at_rest`.
    """
    lines = {
        "sky": np.array(SKY_LINES),
        "water": np.array(WATER_LINES),
        "dry": np.concatenate([METHANE_LINES, carbon_dioxide_lines()]),
    }[name]
    n = (len(APOGEE_NATIVE) - 1) * _PER_PIXEL + 1
    wavelength = 10 ** (np.log10(APOGEE_NATIVE[0]) + np.arange(n) * _STEP / _PER_PIXEL)
    total = np.zeros(n)
    for centre, peak in lines:
        sigma = centre / APOGEE_RESOLVING_POWER / FWHM_PER_SIGMA
        total += peak * np.exp(-0.5 * ((wavelength - centre) / sigma) ** 2)
    total.flags.writeable = False
    return total


def seen_at_rest(spectrum, rv):
    """A pattern at fixed observed wavelengths, on the rest-frame pixels `APOGEE_PIXELS`.

    Parameters
    ----------
    spectrum : ndarray, shape (34297,)
        A result of `pattern`. It is interpolated linearly.
    rv : ndarray, shape (n,)
        Radial velocities in km/s, up to ±500.

    Returns
    -------
    ndarray, shape (n, 7214)
    """
    # Light at the rest wavelength λ was recorded at λ (1 + v/c).
    shift = np.log10(1.0 + np.asarray(rv) / C_KM_S) / _STEP * _PER_PIXEL
    whole = np.floor(shift).astype(int)
    index = APOGEE_CUT * _PER_PIXEL + whole[:, None]
    fraction = (shift - whole)[:, None]
    return (1.0 - fraction) * spectrum[index] + fraction * spectrum[index + 1]


def sky_light(stars, brightness):
    """Light of the night sky in units of each star's continuum.

    It is larger for fainter stars, which have a lower S/N.

    Parameters
    ----------
    stars : Table
        A table with ``rv`` and ``snr``.
    brightness : ndarray, shape (n,)
        Brightness of the airglow, in units of `SKY_LINES`.

    Returns
    -------
    ndarray, shape (n, 7214)
    """
    # The number of a star's photons is proportional to its S/N squared.
    ratio = brightness * (SKY_SNR / np.asarray(stars["snr"])) ** 2
    return ratio[:, None] * seen_at_rest(pattern("sky"), stars["rv"])


@lru_cache(maxsize=4)
def line_list(seed):
    """Draw the errors of a line list, in each pixel.

    Parameters
    ----------
    seed : int
        Each seed is one line list, which all stars share.

    Returns
    -------
    log_strength : ndarray, shape (7214,)
        ln of (observed / emulated optical depth), for errors of the line strengths with an rms of 1
        in ln. It is 0 in most pixels.
    missing : ndarray, shape (8, 3, 7214)
        Optical depth of missing lines at 4500 K and [Fe/H] = 0, for each v_broad of `_VBROAD_KNOTS`
        and each of `MISSING_KINDS`.
    """
    rng = np.random.default_rng(seed)
    ends = APOGEE_PIXELS[[0, -1]]
    centres, errors = rng.uniform(*ends, WRONG_LINES), rng.normal(size=WRONG_LINES)
    log_strength = np.zeros(len(APOGEE_PIXELS))
    for centre, error in zip(centres, errors):
        log_strength += error * np.exp(-0.5 * ((APOGEE_PIXELS - centre) / WINDOW) ** 2)
    log_strength[np.abs(log_strength) < 1e-3] = 0.0

    fine = np.geomspace(ends[0] - 10.0, ends[1] + 10.0, 40_000)  # steps of 0.9 km/s
    lines = np.zeros((len(MISSING_KINDS), len(fine)))
    for centre, depth in zip(
        rng.uniform(*ends, MISSING_LINES), rng.exponential(MISSING_DEPTH, MISSING_LINES)
    ):
        sigma = centre * 4.0 / C_KM_S  # 4 km/s for thermal motion and microturbulence
        lines[rng.integers(len(lines))] += depth * np.exp(-0.5 * ((fine - centre) / sigma) ** 2)
    missing = [
        broaden(fine, lines, APOGEE_PIXELS, vbroad, APOGEE_RESOLVING_POWER)
        for vbroad in _VBROAD_KNOTS
    ]
    return log_strength, np.array(missing)


def missing_depth(stars, missing):
    """Optical depth (n, 7214) in stars of the missing lines of a `line_list`."""
    teff, fe_h = np.asarray(stars["teff"]), np.asarray(stars["fe_h"])
    strength = np.stack([10 ** (a * fe_h + (teff - 4500.0) / b) for a, b in MISSING_KINDS], axis=1)
    knots = [np.interp(stars["vbroad"], _VBROAD_KNOTS, unit) for unit in np.eye(len(_VBROAD_KNOTS))]
    weight = np.stack(knots, axis=1)[:, :, None] * strength[:, None, :]
    return weight.reshape(len(stars), -1) @ missing.reshape(-1, missing.shape[-1])
