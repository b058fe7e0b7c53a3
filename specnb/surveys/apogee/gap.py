"""Differences between observed and synthetic spectra of the same stars, and their known causes.

The causes are known only for mock surveys.
"""

from dataclasses import dataclass

import numpy as np

from specnb.surveys.apogee.lines import SKY_SNR, line_list, pattern, seen_at_rest, sky_light
from specnb.surveys.apogee.mock import ApogeeMockConfig

# A cause is marked in a pixel if it changes the flux by more than this. The values are choices. For
# stellar lines the change is that of the mean spectrum of the stars. For the Earth's lines, whose
# residuals have both signs and whose places depend on the velocity, it is a root mean square over
# the stars.
LEAST = {"wrong line strength": 0.01, "missing line": 0.01, "Earth's lines": 0.004}
STARS = 200  # number of stars whose velocities are used to find the places of the Earth's lines


@dataclass(frozen=True, eq=False, repr=False)
class Gap:
    """Difference observed − synthetic over many stars, pixel by pixel.

    Attributes
    ----------
    mean, spread : ndarray, shape (n_pix,)
        Mean and standard deviation over the stars whose pixel is good. NaN if fewer than two are
        good.
    stars : ndarray of int, shape (n_pix,)
        Number of these stars.
    """

    mean: np.ndarray
    spread: np.ndarray
    stars: np.ndarray

    def __repr__(self):
        return f"<Gap: {len(self.mean)} pixels, up to {self.stars.max()} stars>"


def domain_gap(observed, synthetic) -> Gap:
    """Compare observed spectra with the emulator's for the same stars.

    Parameters
    ----------
    observed : Spectra
    synthetic : ndarray, shape (n, n_pix)
        The emulator's spectra on the same pixels, normalised in the same way.

    Returns
    -------
    Gap
    """
    difference = np.ma.masked_where(observed.mask, observed.flux - synthetic)
    stars = difference.count(axis=0)
    difference[:, stars < 2] = np.ma.masked
    mean, spread = difference.mean(axis=0), difference.std(axis=0, ddof=1)
    return Gap(mean.filled(np.nan), spread.filled(np.nan), stars)


def known_causes(config: ApogeeMockConfig, synthetic, stars) -> dict[str, np.ndarray]:
    """The pixels in which a mock survey was made to differ from the emulator, for each cause.

    Parameters
    ----------
    config : ApogeeMockConfig
        Configuration of the survey.
    synthetic : ndarray, shape (n, 7214)
        The emulator's flux for the stars of the survey.
    stars : Table
        True labels of these stars, with rv and snr. The places of the Earth's lines depend on rv,
        and their importance on snr.

    Returns
    -------
    dict of ndarray of bool, shape (7214,)
        For each cause of `LEAST`, True where it changes the flux by more than the limit. Missing
        lines are those of a star at 4500 K and [Fe/H] = 0. The Earth's lines are the residuals of
        telluric absorption and of the airglow outside the masks.
    """
    _, missing = line_list(config.line_list)
    flux = np.maximum(np.asarray(synthetic, dtype=float).mean(axis=0), 1e-3)
    stars = stars[:STARS]
    sky = sky_light(stars, np.ones(len(stars)))
    masked = sky * (np.asarray(stars["snr"])[:, None] / SKY_SNR) ** 2 > config.sky_limit
    earth = (config.sky * np.where(masked, 0.0, sky)) ** 2
    for name in ("water", "dry"):
        earth += (config.telluric * seen_at_rest(pattern(name), stars["rv"])) ** 2
    change = {
        "wrong line strength": flux ** config.line_strength() - flux,
        "missing line": flux * (1.0 - np.exp(-config.missing_lines * missing[0].sum(axis=0))),
        "Earth's lines": np.sqrt(earth.mean(axis=0)),
    }
    return {name: np.abs(size) > LEAST[name] for name, size in change.items()}
