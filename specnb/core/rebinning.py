"""Flux-conserving rebinning of spectra to other pixels."""

from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array

from specnb.core.spectra import Spectra
from specnb.core.values import numbers
from specnb.core.wavelength import C_KM_S, pixel_edges, same_pixels

BATCH = 4096  # number of stars that are rebinned at a time, which limits the memory


def overlap_matrix(wavelength_in, wavelength_out):
    """Fraction of each output pixel that each input pixel covers.

    The product of this matrix and the input flux is the mean flux of each output pixel.

    Parameters
    ----------
    wavelength_in, wavelength_out : ndarray, shapes (n_in,) and (n_out,)
        Pixel centres in Å, increasing. The edges are those of `pixel_edges`.

    Returns
    -------
    scipy.sparse.csr_array, shape (n_out, n_in)
        A row sums to 1 if the input covers the whole output pixel.
    """
    edges_in, edges_out = pixel_edges(wavelength_in), pixel_edges(wavelength_out)
    # All edges together cut the wavelengths into pieces. Each piece lies in one input pixel and in
    # one output pixel.
    edges = np.union1d(edges_in, edges_out)
    edges = edges[
        (edges >= max(edges_in[0], edges_out[0])) & (edges <= min(edges_in[-1], edges_out[-1]))
    ]
    middle, width = 0.5 * (edges[1:] + edges[:-1]), np.diff(edges)
    rows, columns = np.searchsorted(edges_out, middle) - 1, np.searchsorted(edges_in, middle) - 1
    fraction = width / np.diff(edges_out)[rows]
    return csr_array((fraction, (rows, columns)), shape=(len(wavelength_out), len(wavelength_in)))


def rebin(spectra, wavelength):
    r"""Average spectra into new pixels, which conserves the mean flux density within each pixel.

    The flux of an output pixel is the mean of the good input pixels it overlaps, weighted by the
    overlap. An output pixel is masked if good input covers less than half of it.

    Parameters
    ----------
    spectra : Spectra
        Spectra on n_in pixels.
    wavelength : ndarray or Quantity, shape (n_out,)
        Centres of the new pixels, vacuum Å, increasing. Their edges are those of `pixel_edges`.

    Returns
    -------
    Spectra
        The spectra on the new pixels, with the same ids and labels. If the spectra are on these
        pixels already, to rounding, their flux stays as it is, so that rebinning twice does no harm.

    Raises
    ------
    ValueError
        If more than 5% of the new pixels lie outside the input, or if there are fewer than two
        increasing pixels.

    Notes
    -----
    If the noise of the input pixels correlates over :math:`L` pixels
    (``spectra.correlation_length``), the new errors are larger by a factor of up to
    :math:`\sqrt{L}`. The correlation length in new pixels is L times the ratio of the pixel steps,
    but at least 1. The correlation that remains between neighbouring new pixels of about the size
    of L is neglected: rebinning to intermediate pixels first makes the final errors about 10% too
    small. Spectra that were made by hand must tell the correlation of their noise;
    `Survey.with_correlation` gives native spectra that of their survey.
    """
    wavelength = numbers(wavelength, "Angstrom", "wavelength")
    if same_pixels(wavelength, spectra.wavelength):
        same = np.array_equal(wavelength, spectra.wavelength)
        return spectra if same else replace(spectra, wavelength=wavelength)
    edges = pixel_edges(spectra.wavelength)
    pixel_edges(wavelength)  # checks the new pixels
    outside = np.mean((wavelength < edges[0]) | (wavelength > edges[-1]))
    if outside > 0.05:
        raise ValueError(
            f"new pixels at {wavelength[0]:.2f}-{wavelength[-1]:.2f} Å, but the spectra cover "
            f"{edges[0]:.2f}-{edges[-1]:.2f} Å, a grid that does not cover the window: choose pixels within it"
        )
    weights = overlap_matrix(spectra.wavelength, wavelength)
    batches = [_rebin(spectra[i : i + BATCH], weights) for i in range(0, len(spectra) or 1, BATCH)]
    covered, flux, flux_error = (np.concatenate(arrays) for arrays in zip(*batches))
    ratio = np.median(np.diff(spectra.wavelength)) / np.median(np.diff(wavelength))
    length = max(1.0, round(spectra.correlation_length * ratio, 6))
    mask = covered < 0.5 - 1e-9
    return Spectra(
        wavelength, flux, flux_error, mask, spectra.ids, spectra.labels, length, spectra.at_rest
    )


def to_rest(spectra, velocity, wavelength):
    """Shift spectra to rest and average them into pixels, as `rebin` does.

    Parameters
    ----------
    spectra : Spectra
    velocity : array_like, shape (n,)
        Radial velocity of each star in km/s, positive for recession, such as the column ``rv`` of
        `specnb.fit_labels`.
    wavelength : ndarray, shape (n_out,)
        Centres of the new pixels, vacuum Å.

    Returns
    -------
    Spectra
        Pixels whose light would come from beyond the input are masked.

    Raises
    ------
    ValueError
        If a velocity is missing, or for the reasons given in `rebin`.
    """
    velocity = numbers(velocity, "km / s", "velocity")
    if velocity.shape != (len(spectra),) or not np.all(np.abs(velocity) < C_KM_S):
        raise ValueError(
            f"velocity has shape {velocity.shape} for {len(spectra)} stars, or one is missing: "
            "give one finite number of km/s per star"
        )
    shifted = (
        replace(spectra[i], wavelength=spectra.wavelength / (1 + v / C_KM_S), at_rest=True)
        for i, v in enumerate(velocity)
    )
    parts = [rebin(star, wavelength) for star in shifted]
    length = max(part.correlation_length for part in parts)  # the shifts change it by v/c
    return Spectra.join(replace(part, correlation_length=length) for part in parts)


def _rebin(spectra, weights):
    """Fraction covered by good pixels, mean flux and its error, each of shape (n, n_out)."""
    length = spectra.correlation_length
    good = np.where(spectra.mask, 0.0, 1.0)
    error = np.where(spectra.mask, 0.0, spectra.flux_error).astype(float)
    covered = (weights @ good.T).T
    total = (weights @ (good * spectra.flux).T).T
    variance = (weights**2 @ (error**2).T).T
    for k in range(1, int(np.ceil(length))):  # the covariance of pixels k apart counts twice
        pairs = weights[:, k:] * weights[:, :-k]
        variance += 2 * (1 - k / length) * (pairs @ (error[:, k:] * error[:, :-k]).T).T
    norm = np.where(covered > 0, covered, np.inf)
    return covered, (total / norm).astype(np.float32), (np.sqrt(variance) / norm).astype(np.float32)
