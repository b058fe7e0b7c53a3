"""The true spectra of mock surveys of the RVS as a program that the explorer in the browser runs."""

import numpy as np
from numpy.polynomial.legendre import legvander
from scipy.ndimage import fourier_gaussian

from specnb.surveys.rvs import mock as rvs_mock
from specnb.widgets.pages.program import Program
from specnb.widgets.pages.programs import emulated


def truth_program(emulator, mock, arrays) -> dict:
    """The true flux of stars of a mock survey of the RVS as a program, see `RvsMockConfig.true_flux`.

    It takes the emulator's labels, and the numbers of the star that `own_numbers` gives.

    Raises
    ------
    ValueError
        If the mock survey is not of the RVS, or its line strengths follow the labels.
    """
    _check_mock(mock)
    program = Program(arrays, "truth", "labels", "own")
    wavelength = np.asarray(emulator.wavelength, dtype=float)
    flux = emulated(program, emulator)
    strength = mock.line_strength(wavelength)
    flux = program.add("power", flux, power=strength, offset=np.zeros_like(strength))
    # The logarithm of `missing_line_depth` is linear in the labels
    at_zero, cooler, richer = (
        np.log(rvs_mock.missing_line_depth(*star)) for star in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0))
    )
    slope = np.zeros((1, len(emulator.labels)))
    slope[0, emulator.labels.index("teff")] = cooler - at_zero
    slope[0, emulator.labels.index("m_h")] = richer - at_zero
    line = program.add("linear", "labels", weight=slope, bias=np.array([at_zero]))
    depths = program.joined(program.add("exp", line), program.add("select", "own", columns=[0]))
    profiles = [
        -amount * rvs_mock.gaussian(wavelength, *place)
        for amount, place in (
            (mock.missing_line, rvs_mock.MISSING_LINE),
            (mock.interstellar_band, rvs_mock.INTERSTELLAR_BAND),
        )
    ]
    absorbed = program.add("linear", depths, weight=np.transpose(profiles), bias=None)
    flux = program.add("multiply", flux, program.add("exp", absorbed))
    if mock.resolving_power < rvs_mock.RVS_RESOLVING_POWER:
        flux = program.add("smooth", flux, taps=_taps(wavelength, mock.resolving_power))
    trend = mock.continuum * legvander(np.linspace(-1.0, 1.0, len(wavelength)), 3)
    residual = program.add("select", "own", columns=[1, 2, 3, 4])
    one = np.ones(len(wavelength))
    continuum = program.add("linear", residual, weight=trend, bias=one)
    return program.results(flux=program.add("multiply", flux, continuum))


def own_numbers(mock, ids) -> np.ndarray:
    """The numbers of single stars that `truth_program` takes, shape (n, 5).

    They are the depth of the interstellar band and the coefficients of the continuum residual.
    """
    _check_mock(mock)
    rows = [int(str(name).rpartition("-")[2]) for name in ids]
    own = mock.own_effects(mock.streams())
    return np.column_stack([own["band"], own["continuum"]])[rows]


def _check_mock(mock):
    if not isinstance(mock, rvs_mock.RvsMockConfig):
        raise ValueError(
            f"spectra of {type(mock).__name__} cannot be made again in the browser: "
            "only those of an RvsMockConfig can, leave the mock survey out"
        )
    if mock.nonlinear:
        raise ValueError(
            f"nonlinear is {mock.nonlinear:g}: the explorer makes true spectra of mock surveys without it, "
            "so leave the mock survey out or set it to 0"
        )


def _taps(wavelength, resolving_power):
    """The kernel of `lowered` at distances of 0 to n_pix pixels.

    At n_pix pixels the mirrored spectrum has the same pixel on both sides, which counts once.
    """
    n = len(wavelength)
    sigma = rvs_mock.blur(wavelength, resolving_power)
    taps = np.fft.irfft(fourier_gaussian(np.ones(n + 1), sigma, n=2 * n), n=2 * n)[: n + 1]
    taps[n] /= 2
    return taps
