"""Doppler shift of model spectra, differentiable in the velocity."""

import torch

from specnb.core.wavelength import C_KM_S

# Lagrange interpolation through seven pixels about the nearest one. It is smooth where the shift is
# small.
STENCIL = range(-3, 4)


def doppler_shift(flux, wavelength, velocity):
    """Shift rest-frame spectra to a radial velocity on the same, evenly spaced pixels.

    Parameters
    ----------
    flux : Tensor, shape (..., n_pix)
    wavelength : Tensor, shape (n_pix,)
        Evenly spaced wavelengths in Å.
    velocity : Tensor, shape (...) or broadcast to it
        Radial velocity in km/s, positive for recession.

    Returns
    -------
    Tensor, shape (..., n_pix)
        Flux that is observed at `wavelength`. Beyond the ends of the grid the last pixel is
        repeated.
    """
    n_pix = len(wavelength)
    step = (wavelength[-1] - wavelength[0]) / (n_pix - 1)
    beta = velocity[..., None] / C_KM_S
    # In pixels. Light that is observed at λ left the star at λ / (1 + β).
    offset = -wavelength / step * beta / (1.0 + beta)
    whole = torch.round(offset)
    t = offset - whole
    index = torch.arange(n_pix, device=flux.device) + whole.long()
    shifted = torch.zeros_like(flux)
    for node in STENCIL:
        weight = torch.ones_like(t)
        for other in STENCIL:
            if other != node:
                weight = weight * (t - other) / (node - other)
        source = (index + node).clamp(0, n_pix - 1).expand(flux.shape)
        shifted = shifted + weight * torch.gather(flux, -1, source)
    return shifted
