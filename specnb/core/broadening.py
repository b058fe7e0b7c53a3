r"""Line broadening by convolution: the spectrograph's line-spread function and stellar rotation.

Both act on a grid that is uniform in :math:`\ln\lambda`, on which a velocity is a fixed shift. The
Fourier transform of the spectrum is multiplied by the analytic transforms of both kernels. Kernels
narrower than a pixel are therefore exact, too.
"""

import numpy as np
from scipy.interpolate import make_interp_spline
from scipy.special import j1

from specnb.core.values import numbers
from specnb.core.wavelength import C_KM_S

# linear limb-darkening coefficient of the rotational profile, as in Gray (2005)
LIMB_DARKENING = 0.6
FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))


def rotation_transform(u):
    r"""Fourier transform of the rotational profile (Gray 2005, Eq. 18.14).

    With :math:`u = 2\pi k\, v\sin i`,

    .. math:: \hat G(u) = \frac{2(1-\epsilon) J_1(u)/u + 2\epsilon(\sin u - u\cos u)/u^3}
                               {1-\epsilon/3} .

    Parameters
    ----------
    u : ndarray
        Dimensionless frequency.

    Returns
    -------
    ndarray
        The transform. It is 1 at u = 0.
    """
    u = np.maximum(np.abs(u), 1e-3)  # here the transform is 1 to within 1e-7, and 0 / 0 is avoided
    eps = LIMB_DARKENING
    return (2 * (1 - eps) * j1(u) / u + 2 * eps * (np.sin(u) - u * np.cos(u)) / u**3) / (
        1 - eps / 3
    )


def broaden(wavelength, flux, wavelength_out, vbroad=0.0, resolving_power=np.inf):
    """Convolve spectra with rotation and a Gaussian line-spread function, and resample them.

    Parameters
    ----------
    wavelength : ndarray, shape (n_in,)
        Vacuum wavelength in Å, increasing. It must sample the narrowest line well.
    flux : ndarray, shape (n_in,) or (n, n_in)
        Flux normalised to the continuum.
    wavelength_out : ndarray, shape (n_out,)
        Vacuum wavelength in Å at which to sample the result.
    vbroad : float or ndarray, shape (n,)
        Projected rotation speed in km/s, ≥ 0.
    resolving_power : float
        λ / FWHM of the Gaussian line-spread function. An infinite value means that there is none.

    Returns
    -------
    ndarray, shape (n_out,) or (n, n_out)

    Raises
    ------
    ValueError
        If the output wavelengths reach beyond the input wavelengths.
    """
    wavelength, wavelength_out = (
        numbers(each, "Angstrom", "wavelength") for each in (wavelength, wavelength_out)
    )
    flux, vbroad = numbers(flux, "", "flux"), numbers(vbroad, "km / s", "vbroad")
    if wavelength_out[0] < wavelength[0] or wavelength_out[-1] > wavelength[-1]:
        raise ValueError(
            f"cannot sample {wavelength_out[0]:.2f}-{wavelength_out[-1]:.2f} Å: "
            f"the input covers {wavelength[0]:.2f}-{wavelength[-1]:.2f} Å only"
        )
    log_in = np.log(wavelength)
    n = len(wavelength)
    log_grid = np.linspace(log_in[0], log_in[-1], n)
    uniform = make_interp_spline(log_in, flux, k=3, axis=-1)(log_grid)

    # The mirror image is appended, so that the spectrum is periodic without a jump.
    padded = np.concatenate([uniform, uniform[..., ::-1]], axis=-1)
    k = np.fft.rfftfreq(2 * n, d=(log_grid[1] - log_grid[0]) * C_KM_S)  # cycles per km/s
    transfer = rotation_transform(2 * np.pi * k * vbroad[..., None])
    sigma = C_KM_S / resolving_power / FWHM_PER_SIGMA  # 0 without a line-spread function
    transfer = transfer * np.exp(-2.0 * (np.pi * k * sigma) ** 2)
    smooth = np.fft.irfft(np.fft.rfft(padded, axis=-1) * transfer, n=2 * n, axis=-1)[..., :n]
    return make_interp_spline(log_grid, smooth, k=3, axis=-1)(np.log(wavelength_out))
