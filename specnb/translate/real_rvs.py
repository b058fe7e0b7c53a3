"""The recommended model of real Gaia RVS spectra: physics that the Sun has anchored.

The Sun is known from two atlases. One is of the whole disc, as a star is seen, but lines of water in
our atmosphere are in it, and its continuum near Ca II at 8544 Å is too high by 2%. The other one is of
the centre of the disc. Its water lines are 2.4 times weaker and its continuum is good, but its lines
are not those of the whole disc. The anchor has the lines of the whole disc and the broad shape of the
centre, and the difference of both is its error.

What the instrument does to lines was measured with this anchor in the two unlabelled RVS spectra that
we have (HD 176650; Gaia DR3 1535964555128078720). In brackets is the labelled one, Kepler-93, in which
the scattered light was noticed. Its labels are not those of an anchor, and no number was chosen with
them.

- *Resolving power*: 13,100 ± 200 and 13,100 ± 400 (13,700 ± 300), and not 11,500.
- *Scattered light*: all lines are too shallow, as if a fraction of the light came from the 30 Å
  around. The fraction is 0.16 and 0.22 (0.21). Widths of 20 and 30 Å are equally probable; 10 Å, 45 Å
  and light from everywhere are less so (the logarithms of the likelihood differ by 20, 6 and 17).
  Synthetic spectra have no such light, and since Ca II then says something else than weak lines, a
  model without it finds 100 K and 0.5 dex too much in T_eff and log g of Kepler-93.

Stars differ in these respects, in Ca II, whose cores form where LTE does not hold, and in continua,
which are no polynomials of low order. These differences are correlated between pixels. They are
therefore errors with a shape, and no windows which are in or out. Their sizes were chosen by the
likelihood of the two unlabelled spectra. Errors of continua raise its logarithm by 160.
"""

import numpy as np
from scipy.ndimage import gaussian_filter1d, median_filter

from specnb.core.broadening import broaden
from specnb.core.reading import whole_file
from specnb.core.rebinning import overlap_matrix
from specnb.core.spectra import Spectra
from specnb.core.wavelength import vacuum_from_air
from specnb.emulator.shipped import load_emulator
from specnb.fitting.continuum import legendre
from specnb.surveys.population import draw_stars
from specnb.surveys.rvs.pixels import RVS_NATIVE
from specnb.surveys.rvs.survey import CA_II_TRIPLET, RVS
from specnb.translate.anchored import anchored
from specnb.translate.domains import true_labels

# T_eff, log g, [M/H], [α/Fe], v_micro and v_broad. The first two are nominal values of the IAU. The last
# one contains the rotation of 1.9 km/s and the macroturbulence of about 3.5 km/s.
SUN = (5772.0, 4.438, 0.0, 0.0, 1.0, 4.5)
# The spectrum has the shape of the centre above 31 pixels, which is 9 Å and far above the width of a
# weak line. Light is scattered over 100 pixels, which is 30 Å.
SHAPE, SCATTERING = 31, 100
RESOLVING_POWER, SCATTERED = 13_000.0, 0.17
# How much stars differ (one standard deviation): resolving power, scattered light, and the polynomials
# of order 3 to 20 of the continuum. Lower orders are free in fits.
SPREAD = 650.0, 0.05, 0.003
CA_II = ((0.06, 0.8), (0.02, 4.0))  # the same of Ca II: depth and width (Å) of cores and wings
UNTRUSTED = ((8632.5, 8635.5),)  # a line of CH in the line list that no star shows


def solar_spectrum(folder, resolving_power=RESOLVING_POWER, scattered=SCATTERED) -> Spectra:
    """The Sun as Gaia's RVS would observe it.

    Parameters
    ----------
    folder : path
        Folder with the atlases ``sun_8450_8750.npz`` and ``sun_diskcentre_fts_8440_8760.npz``.
    resolving_power : float
        λ / FWHM of a Gaussian line-spread function.
    scattered : float
        Fraction of the light that is scattered over 30 Å (the standard deviation of a Gaussian).

    Returns
    -------
    Spectra
        One spectrum with its labels. Its error says where the atlases disagree.

    Raises
    ------
    OSError
        If an atlas is missing or damaged.
    """
    disc = _atlas(f"{folder}/sun_8450_8750.npz", "sun", resolving_power)
    centre = _atlas(f"{folder}/sun_diskcentre_fts_8440_8760.npz", "sun_diskcentre", resolving_power)
    ratio = median_filter(centre / disc, SHAPE, mode="nearest")
    flux = disc * gaussian_filter1d(ratio, SHAPE / 8, mode="nearest")
    error = np.hypot(0.003, flux - centre)  # the first is a guess for the error of the continua
    flux += scattered * (gaussian_filter1d(flux, SCATTERING, mode="nearest") - flux)
    return Spectra(RVS.pixels, flux[None], error[None], 0 * flux[None], ["Sun"], RVS.table([SUN]))


def real_rvs(folder):
    """The emulator of real RVS spectra, which knows its errors.

    Parameters
    ----------
    folder : path
        Folder with the atlases, see `solar_spectrum`.

    Returns
    -------
    Emulator

    Raises
    ------
    OSError
        If an atlas is missing or damaged.
    """
    emulator, sun = load_emulator(RVS.name), solar_spectrum(folder)
    distance = np.subtract.outer(CA_II_TRIPLET, RVS.pixels)
    components = [
        *(SPREAD[2] * sun.flux * legendre(RVS.pixels, 20)[3:]),
        (solar_spectrum(folder, RESOLVING_POWER + SPREAD[0]).flux - sun.flux)[0],
        (solar_spectrum(folder, scattered=SCATTERED + SPREAD[1]).flux - sun.flux)[0],
        *(depth * np.exp(-0.5 * (distance / width) ** 2).sum(axis=0) for depth, width in CA_II),
    ]
    # stars like those that the model is for
    stars = true_labels(draw_stars(RVS, 2000, np.random.default_rng(0)), emulator)
    return anchored(emulator, sun, components, stars, ("teff", "logg", "m_h"), UNTRUSTED)


def _atlas(path, name, resolving_power):
    """An atlas at a resolving power, on the RVS pixels."""
    with whole_file(path, "atlas of the Sun", "name the folder of the atlases"), np.load(path) as f:
        air, flux = f[f"{name}_wave_air"], f[f"{name}_flux"]
    return overlap_matrix(RVS_NATIVE, RVS.pixels) @ broaden(
        vacuum_from_air(air), flux, RVS_NATIVE, resolving_power=resolving_power
    )
