"""An imperfect list of spectral lines in the H band: lines of wrong strength, and missing lines.

The values that are fixed in this module are choices.
"""

from functools import lru_cache

import numpy as np

from specnb.core.broadening import broaden
from specnb.core.wavelength import C_KM_S
from specnb.surveys.apogee.pixels import APOGEE_PIXELS, APOGEE_RESOLVING_POWER

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
