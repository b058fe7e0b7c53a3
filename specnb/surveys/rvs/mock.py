"""Mock surveys of Gaia's RVS: spectra that differ from an emulator's in known ways.

The differences are the kinds that real surveys show: wrong line strengths, a false line, missing
absorption, an imperfect continuum and a lower resolving power. On request line strengths are also
wrong by factors that follow the labels. All effects act in the star's rest
frame and, for simplicity, after rotational broadening. Bad pixels and noise are added last.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.polynomial.legendre import legvander
from scipy.ndimage import fourier_gaussian

from specnb.core.broadening import FWHM_PER_SIGMA
from specnb.core.config import within
from specnb.surveys.mock import MockConfig, emulated, strengthened
from specnb.surveys.population import stars_exist
from specnb.surveys.rvs import stars
from specnb.surveys.rvs.departures import departures
from specnb.surveys.rvs.pixels import RVS_RESOLVING_POWER

# Lines whose optical depth is wrong by a known factor: vacuum Å, half width of the window in Å,
# observed / emulated. The values for Ca II come from the RVS spectrum of Kepler-93, compared with
# the emulator at the star's labels in the literature.
WRONG_LINES = (
    (8470.7, 1.2, 0.85),  # Fe I
    (8500.4, 1.5, 0.88),  # core of Ca II, where LTE fails
    (8504.3, 1.2, 0.50),  # blend in the wing of Ca II 8500 that is too strong in the RVS grid
    (8516.4, 1.0, 0.75),  # Fe I
    (8544.4, 1.5, 0.93),  # core of Ca II
    (8559.1, 1.2, 0.70),  # Si I
    (8664.5, 1.5, 0.93),  # core of Ca II
    (8677.4, 1.5, 1.30),  # Fe I and Ti I
    (8691.0, 1.2, 1.20),  # Fe I
)
# Vacuum Å and half width in Å of a line that is in the RVS grid's line list but not in real
# spectra.
FALSE_LINE = (8634.0, 1.5)
# Vacuum Å and Gaussian sigma in Å of an added line, at a wavelength where real spectra of FGK stars
# have no line.
MISSING_LINE = (8605.0, 0.45)
# Vacuum Å (Zhao et al. 2024, A&A 683, A199) and Gaussian sigma in Å of the interstellar band.
INTERSTELLAR_BAND = (8623.14, 1.6)


@dataclass(frozen=True)
class RvsMockConfig(MockConfig):
    """Configuration of a mock survey: its stars, and how its spectra differ from the emulator's.

    Raises
    ------
    ValueError
        If a number is outside its limits or not of its type.
    TypeError
        If the population is not a `Population`, or a name is unknown.
    """

    # A third of the papers' 64,305 reference stars. They are enough to train on and are made in
    # seconds.
    n_stars: int = within(1, 10_000_000, default=20_000)
    # Factor on the errors in `WRONG_LINES`. The strengths in line lists are wrong by tens
    # of per cent.
    wrong_lines: float = within(0.0, 2.0, default=1.0, off=0.0)
    # Fraction of the optical depth at `FALSE_LINE` that real stars do not show.
    false_line: float = within(0.0, 1.0, default=1.0, off=0.0)
    # Strength of a stellar line that the emulator lacks. With 1 it is 14% deep at 5000 K and [M/H]
    # = 0.
    missing_line: float = within(0.0, 5.0, default=1.0, off=0.0)
    # Amplitude of errors of the optical depth that change with T_eff, log g and [M/H], as departures
    # from LTE do. With 0.4 they are about 22% (rms). They are not part of the shipped mock survey.
    nonlinear: float = within(0.0, 1.0, default=0.0, off=0.0)
    # Mean central optical depth of the interstellar band at 862 nm, which does not depend on the
    # labels.
    interstellar_band: float = within(0.0, 0.5, default=0.02, off=0.0)
    # Rms of the continuum residual that normalisation leaves: a cubic polynomial of 0.3-0.5%.
    continuum: float = within(0.0, 0.05, default=0.004, off=0.0)
    # Resolving power of the observed spectra. The emulator's 11,500 is the nominal value.
    resolving_power: float = within(
        5000.0, RVS_RESOLVING_POWER, default=11_000.0, off=RVS_RESOLVING_POWER
    )
    # fraction of single bad pixels, which are masked
    bad_pixels: float = within(0.0, 0.5, default=0.002, off=0.0)
    # Longest run of masked pixels at either end. Real spectra lack up to 18 pixels of 0.1 Å.
    bad_ends: int = within(0, 100, default=6, off=0)
    # Photon S/N per pixel of 0.3 Å at G = 14, where photons dominate the noise.
    snr_faint: float = within(1.0, 1e4, default=24.0)
    # Relative error that does not fall with brightness. It stands for the calibration.
    noise_floor: float = within(0.0, 0.1, default=0.002)

    PREFIX = "mock"
    STREAMS = ("stars", "catalogue", "band", "continuum", "noise", "mask")
    SINGLE = ("interstellar_band", "continuum")
    BATCH = 4096  # they need about 0.4 GB of memory
    FAINT = 25.0
    # The largest errors are the limits of the papers' selection.
    LABEL_ERRORS: ClassVar = {
        "teff": (25.0, 75.0, 200.0),
        "logg": (0.05, 0.12, 0.5),
        "m_h": (0.02, 0.06, 0.3),
        "alpha_fe": (0.02, 0.04, 0.2),
    }
    draw_labels = staticmethod(stars.draw_labels)
    draw_observation = staticmethod(stars.draw_observation)
    exist = staticmethod(stars_exist)

    def own_effects(self, streams):
        """Draw the interstellar band and the continuum residual of each star.

        ``band`` (n_stars,) is the relative depth of the interstellar band. ``continuum`` (n_stars,
        4) are the Legendre coefficients of the continuum residual, which has an rms of 1 over
        pixels and stars.
        """
        rms = np.sqrt((2 * np.arange(4) + 1) / 4)
        return {
            "band": streams["band"].exponential(size=self.n_stars),
            "continuum": streams["continuum"].normal(size=(self.n_stars, 4)) * rms,
        }

    def signal_to_noise(self, stars):
        """S/N per pixel in the continuum: 300 at G = 8 and 24 at G = 14 with the default values."""
        return 1.0 / self._noise(np.asarray(stars["g_mag"], dtype=float), 1.0)

    def line_strength(self, wavelength):
        """Factor on the optical depth of the emulator's lines in each pixel, shape (n_pix,).

        It is 1 where the emulator is right.
        """
        factor = np.ones(len(wavelength))
        for centre, half_width, strength in WRONG_LINES:
            factor += self.wrong_lines * (strength - 1.0) * _window(wavelength, centre, half_width)
        return factor - self.false_line * _window(wavelength, *FALSE_LINE)

    def true_flux(self, emulator, stars, own):
        """The flux (n, n_pix) that the emulator would have in the observed domain, without noise.

        Parameters
        ----------
        emulator : Emulator
            An emulator on evenly spaced pixels.
        stars : Table
            One row per star, with the emulator's labels.
        own : dict of ndarray
            The rows of `own_effects` for these stars.
        """
        wavelength = np.asarray(emulator.wavelength, dtype=float)
        flux = emulated(emulator, stars)
        if self.nonlinear:
            change = self.nonlinear * departures(wavelength, stars)
            flux = np.maximum(flux, 1e-3) ** np.exp(change)
        flux = strengthened(flux, self.line_strength(wavelength))
        teff, m_h = np.asarray(stars["teff"]), np.asarray(stars["m_h"])
        depth = self.missing_line * missing_line_depth(teff, m_h)
        flux *= np.exp(-depth[:, None] * gaussian(wavelength, *MISSING_LINE))
        depth = self.interstellar_band * own["band"]
        flux *= np.exp(-depth[:, None] * gaussian(wavelength, *INTERSTELLAR_BAND))
        if self.resolving_power < RVS_RESOLVING_POWER:
            flux = lowered(flux, wavelength, self.resolving_power)
        residual = own["continuum"] @ legvander(np.linspace(-1.0, 1.0, len(wavelength)), 3).T
        return flux * (1.0 + self.continuum * residual)

    def observe(self, emulator, stars, own, streams):
        """Observe some stars, see `MockConfig.observe`."""
        flux = self.true_flux(emulator, stars, own)
        error = self._noise(np.asarray(stars["g_mag"])[:, None], flux)
        noisy = flux + error * streams["noise"].normal(size=flux.shape)
        n, n_pix = flux.shape
        pixel = np.arange(n_pix)
        # The two additional columns give the lengths of the runs at the ends.
        draw = streams["mask"].random((n, n_pix + 2))
        first, last = np.floor(draw[:, :2] * (self.bad_ends + 1)).T[:, :, None]
        mask = (draw[:, 2:] < self.bad_pixels) | (pixel < first) | (pixel >= n_pix - last)
        return flux, error, noisy, mask

    def _noise(self, g_mag, flux):
        """Standard deviation of the flux.

        Photon noise grows as the square root of the flux, and a floor is added in quadrature.
        """
        photons = 10 ** (0.4 * (g_mag - 14.0)) / self.snr_faint**2
        return np.sqrt(photons * np.maximum(flux, 0.01) + self.noise_floor**2)


def missing_line_depth(teff, m_h):
    """Optical depth of `MISSING_LINE`. It follows [M/H] and T_eff like a line of a neutral metal."""
    return 0.15 * 10 ** (0.5 * m_h - (teff - 5000.0) / 3000.0)


def lowered(flux, wavelength, resolving_power):
    """Lower the emulator's resolving power with a Gaussian of fixed width.

    The resolving power is exact in the middle of the window.
    """
    sigma = blur(wavelength, resolving_power)
    mirrored = np.concatenate([flux, flux[:, ::-1]], axis=1)
    n = mirrored.shape[1]
    transform = fourier_gaussian(np.fft.rfft(mirrored, axis=1), (0.0, sigma), n=n, axis=1)
    return np.fft.irfft(transform, n=n, axis=1)[:, : n // 2]


def blur(wavelength, resolving_power):
    """Standard deviation, in pixels, of the Gaussian that lowers the emulator's resolving power."""
    # sigma over wavelength
    extra = np.sqrt(resolving_power**-2 - RVS_RESOLVING_POWER**-2) / FWHM_PER_SIGMA
    return extra * wavelength.mean() / (wavelength[1] - wavelength[0])


def _window(wavelength, centre, half_width):
    """A smooth window: cosine squared, 1 at the centre and 0 from the half width outwards."""
    x = np.clip((wavelength - centre) / half_width, -1.0, 1.0)
    return np.where(np.abs(x) < 1.0, np.cos(0.5 * np.pi * x) ** 2, 0.0)


def gaussian(wavelength, centre, sigma):
    """Gaussian of height 1."""
    return np.exp(-0.5 * ((wavelength - centre) / sigma) ** 2)
