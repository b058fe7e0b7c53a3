"""The Sun as Gaia's RVS would observe it, from two atlases: the anchor of models of real spectra.

One atlas is of the whole disc, as a star is seen, but lines of water in our atmosphere are in it, and
its continuum near Ca II at 8544 Å is too high by 2%. The other one is of the centre of the disc.
Its water lines are 2.4 times weaker and its continuum is good, but its lines are not exactly those
of the whole disc. The spectrum is that of the whole disc with the broad shape of the centre, and the
difference of both is its error.

What the instrument does to lines was measured with this Sun as the anchor in the two unlabelled RVS
spectra that we have (HD 176650; Gaia DR3 1535964555128078720). In brackets is the labelled one,
Kepler-93, which agrees but did not take part.

- *Resolving power*: 12,900 ± 200 and 13,400 ± 400 (13,500 ± 300), and not 11,500.
- *Scattered light*: all lines are too shallow, as if a fraction of the light came from the 30 Å
  around. The fraction is 0.15 and 0.18 (0.20). χ² of the unlabelled stars prefers 30 Å to widths of
  2-20 Å, to 45 Å and more, and to light from everywhere. Nothing of this is in the synthetic
  spectra. A model without it finds dwarfs 0.4 dex too high in log g and 0.15 dex too poor in metals:
  their Ca II lines say something else than their weak lines.
"""

from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d, median_filter

from specnb.core.broadening import broaden
from specnb.core.rebinning import overlap_matrix
from specnb.core.spectra import Spectra
from specnb.core.wavelength import vacuum_from_air
from specnb.surveys.rvs.pixels import RVS_NATIVE, RVS_PIXELS
from specnb.surveys.rvs.survey import RVS

# T_eff and log g are those of the IAU. v_broad contains the Sun's rotation of 1.9 km/s and its
# macroturbulence of about 3.5 km/s.
SUN = {"teff": 5772.0, "logg": 4.438, "m_h": 0.0, "alpha_fe": 0.0, "vmicro": 1.0, "vbroad": 4.5}
RESOLVING_POWER, SCATTERED, SCATTERING_WIDTH = 13_000.0, 0.17, 30.0  # the last one in Å
RECTIFIED = 9.0  # Å: the shape of the centre is taken from scales above this, far above that of a line
LEAST_ERROR = 0.003  # of the atlases' continua, a choice
STEP = RVS_PIXELS[1] - RVS_PIXELS[0]


def solar_spectrum(
    folder, resolving_power: float = RESOLVING_POWER, scattered: float = SCATTERED
) -> Spectra:
    """The spectrum of the Sun on the RVS pixels.

    Parameters
    ----------
    folder : path
        Folder with the atlases ``sun_8450_8750.npz`` and ``sun_diskcentre_fts_8440_8760.npz``.
    resolving_power : float
        λ / FWHM of a Gaussian line-spread function.
    scattered : float
        Fraction of the light that is scattered over `SCATTERING_WIDTH`.

    Returns
    -------
    Spectra
        One spectrum with its labels. Its error says where the atlases disagree.

    Raises
    ------
    OSError
        If an atlas is missing or damaged.
    """
    disc = _atlas(Path(folder, "sun_8450_8750.npz"), "sun", resolving_power)
    centre = _atlas(
        Path(folder, "sun_diskcentre_fts_8440_8760.npz"), "sun_diskcentre", resolving_power
    )
    ratio = median_filter(centre / disc, 2 * round(RECTIFIED / STEP / 2) + 1, mode="nearest")
    flux = disc * gaussian_filter1d(ratio, RECTIFIED / STEP / 8, mode="nearest")
    error = np.hypot(LEAST_ERROR, flux - centre)
    around = gaussian_filter1d(flux, SCATTERING_WIDTH / STEP, mode="nearest")
    flux = (1 - scattered) * flux + scattered * around
    labels = RVS.table([[SUN[name] for name in RVS.names]])
    none = np.zeros((1, len(flux)), dtype=bool)
    return Spectra(RVS_PIXELS, flux[None], error[None], none, ["Sun"], labels)


def _atlas(path, name, resolving_power):
    """An atlas at a resolving power, on the RVS pixels."""
    with np.load(path) as file:
        air, flux = file[f"{name}_wave_air"].astype(float), file[f"{name}_flux"].astype(float)
    native = broaden(vacuum_from_air(air), flux, RVS_NATIVE, resolving_power=resolving_power)
    return overlap_matrix(RVS_NATIVE, RVS_PIXELS) @ native
