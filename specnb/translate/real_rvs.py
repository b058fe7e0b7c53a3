"""The recommended model of real Gaia RVS spectra: physics that the Sun has anchored.

Only the Sun's labels took part. Two unlabelled RVS spectra told what the instrument does to lines,
see `specnb.surveys.rvs.sun`. Other stars differ in these respects, and in the cores and wings of Ca
II, whose cores form where LTE does not hold. These differences are correlated between pixels, so
that they are no windows which are in or out but errors with a shape.
"""

import numpy as np

from specnb.emulator.model import Emulator
from specnb.emulator.shipped import load_emulator
from specnb.surveys.population import draw_stars
from specnb.surveys.rvs.pixels import RVS_PIXELS
from specnb.surveys.rvs.sun import RESOLVING_POWER, SCATTERED, solar_spectrum
from specnb.surveys.rvs.survey import CA_II_TRIPLET, RVS
from specnb.translate.anchored import anchored
from specnb.translate.domains import true_labels

# How much stars differ (one standard deviation): the scattered light of three stars is 0.15 to 0.20,
# their resolving powers 12,900 to 13,500. Ca II: depth and width (Å) of cores and wings.
SCATTERED_ERROR, RESOLVING_ERROR = 0.05, 0.05
CA_II_ERRORS = ((0.06, 0.8), (0.02, 4.0))
UNTRUSTED = ((8632.5, 8635.5),)  # a false line of CH
STARS = 2000  # of the population that the model is for


def real_rvs(folder) -> Emulator:
    """The emulator of real RVS spectra.

    Parameters
    ----------
    folder : path
        Folder with the Sun's atlases, see `specnb.surveys.rvs.sun.solar_spectrum`.

    Raises
    ------
    OSError
        If an atlas is missing or damaged.
    """
    sun = solar_spectrum(folder)
    others = (
        solar_spectrum(folder, scattered=SCATTERED + SCATTERED_ERROR),
        solar_spectrum(folder, RESOLVING_POWER * (1 + RESOLVING_ERROR)),
    )
    distance = RVS_PIXELS - np.array(CA_II_TRIPLET)[:, None]
    components = [other.flux[0] - sun.flux[0] for other in others]
    for depth, width in CA_II_ERRORS:
        components.append(depth * np.exp(-0.5 * (distance / width) ** 2).sum(axis=0))
    emulator = load_emulator(RVS.name)
    stars = true_labels(draw_stars(RVS, STARS, np.random.default_rng(0)), emulator)
    return anchored(emulator, sun, components, stars, UNTRUSTED)
