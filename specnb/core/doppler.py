"""Doppler shift of model spectra, differentiable in the velocity.

Light that leaves a star at λ is observed at λ (1 + v/c). Velocities v are in km/s, positive for
recession, and in the frame in which the observed wavelengths are given.
"""

from functools import lru_cache

import numpy as np
import torch

from specnb.core.wavelength import C_KM_S, detectors

# Lagrange interpolation through seven pixels about the nearest one. It is smooth where the shift is
# small. Row k has the coefficients of t^(6 - k) in the weights of the seven pixels, where t is the
# distance from the nearest pixel.
STENCIL = range(-3, 4)
COEFFICIENTS = np.linalg.inv(np.vander(STENCIL))
SLOPES = COEFFICIENTS[:-1] * np.arange(len(STENCIL) - 1, 0, -1)[:, None]  # of their derivatives
# Largest deviation of pixels from even spacing, in pixels. The error of the shift is of this order.
UNEVEN = 1e-2


def doppler_shift(flux, wavelength, velocity, derivative=False):
    """Shift rest-frame spectra to a radial velocity on the same pixels.

    Parameters
    ----------
    flux : Tensor, shape (..., n_pix)
    wavelength : ndarray or Tensor, shape (n_pix,)
        Wavelengths in Å. On each detector they are evenly spaced in λ or in log λ.
    velocity : Tensor, shape (...) or broadcast to it
        Radial velocity in km/s, positive for recession.
    derivative : bool
        Return the exact derivative by the velocity instead.

    Returns
    -------
    Tensor, shape (..., n_pix)
        Flux that is observed at `wavelength`. Beyond the ends of a detector its last pixel is
        repeated, see `known_pixels`.

    Raises
    ------
    ValueError
        If the pixels of a detector are not evenly spaced.
    """
    scales = (torch.as_tensor(a, device=flux.device) for a in _scales(tuple(wavelength.tolist())))
    linear, logarithmic, first, last = scales
    linear, logarithmic, beta = linear.to(flux), logarithmic.to(flux), velocity[..., None] / C_KM_S
    # In pixels. Light that is observed at λ left the star at λ / (1 + β).
    offset = -linear * beta / (1.0 + beta) - logarithmic * torch.log1p(beta)
    whole = torch.round(offset)
    index = torch.arange(flux.shape[-1], device=flux.device) + whole.long()
    weights = torch.zeros_like(offset).expand(len(STENCIL), *offset.shape)
    for coefficients in torch.as_tensor(SLOPES if derivative else COEFFICIENTS).to(flux):
        weights = weights * (offset - whole) + coefficients.reshape(-1, *[1] * offset.ndim)
    if derivative:
        weights = -weights * (linear / (1.0 + beta) + logarithmic) / (1.0 + beta) / C_KM_S
    shifted = torch.zeros_like(flux)
    for node, weight in zip(STENCIL, weights):
        source = (index + node).clamp(first, last).expand(flux.shape)
        shifted = torch.addcmul(shifted, weight, torch.gather(flux, -1, source))
    return shifted


def known_pixels(wavelength, low, high):
    """The pixels whose flux `doppler_shift` can tell at all velocities between two limits.

    The other pixels lie near the ends of a detector. There the star's light comes from beyond it.

    Parameters
    ----------
    wavelength : ndarray, shape (n_pix,)
    low, high : Tensor, shape (n,)
        Limits of the radial velocity of each star, km/s.

    Returns
    -------
    Tensor of bool, shape (n, n_pix)

    Raises
    ------
    ValueError
        If the pixels of a detector are not evenly spaced.
    """
    _, _, first, last = _scales(tuple(wavelength.tolist()))
    pixels = torch.as_tensor(wavelength, dtype=torch.float64, device=low.device)
    first, last = pixels[first + max(STENCIL)], pixels[last + min(STENCIL)]
    bluest, reddest = (pixels / (1.0 + v.double()[:, None] / C_KM_S) for v in (high, low))
    return (bluest >= first) & (reddest <= last)


@lru_cache(maxsize=8)
def _scales(wavelength):
    """What a shift needs to know of each pixel, four arrays (n_pix,).

    They are the shift in pixels per unit of β / (1 + β) if the detector is even in λ, else 0; that
    per unit of ln(1 + β) if it is even in log λ, else 0; and the first and the last pixel of the
    detector.
    """
    wavelength = np.array(wavelength)
    linear, logarithmic = np.zeros_like(wavelength), np.zeros_like(wavelength)
    first, last = (np.empty(len(wavelength), dtype=int) for _ in range(2))
    for part in detectors(wavelength):
        pixels = wavelength[part]
        first[part], last[part] = part.start, part.stop - 1
        if step := _step(pixels):
            linear[part] = pixels / step
        elif step := _step(np.log(pixels)):
            logarithmic[part] = 1.0 / step
        else:
            raise ValueError(
                f"the {len(pixels)} pixels at {pixels[0]:.2f}-{pixels[-1]:.2f} Å are fewer than "
                f"{len(STENCIL)} or not evenly spaced in λ or log λ, as a radial velocity needs: "
                "shift the spectra to rest, and set fit_rv=False"
            )
    return linear, logarithmic, first, last


def _step(scale):
    """The step of evenly spaced numbers, or 0 if they are too few or not evenly spaced."""
    even, step = np.linspace(scale[0], scale[-1], len(scale), retstep=True)
    uneven = np.abs(scale - even).max() > UNEVEN * step
    return 0.0 if uneven or len(scale) < len(STENCIL) else step
