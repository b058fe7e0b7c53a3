"""Lines at a wrong wavelength: no star shows them at their place, and all stars miss them at another one."""

import numpy as np
from scipy.signal import find_peaks

# A line may belong elsewhere within this distance (Å): where all stars miss a line as deep as it was, within a factor.
# It must have been so deep (in flux) that few others are: in the H band one line is expected to be moved by chance.
ELSEWHERE, AS_DEEP, DEEP = 1.6, 1.7, 0.08


def misplaced(axis, wavelength, atlases, before, models) -> dict[int, float]:
    """Places for lines that were weakened because no star shows them at their own place.

    Parameters
    ----------
    axis : ndarray, shape (n_pix,)
        Vacuum wavelength in Å.
    wavelength : ndarray, shape (n_lines,)
        Of the lines.
    atlases, before, models : dict of ndarray, each of shape (n_pix,)
        For each star the observed flux, the model with the published list, and the present one.

    Returns
    -------
    dict
        By number of the line its new wavelength. There is none with one star only, which is not enough to tell.
    """
    missing = np.min([models[star] - atlas for star, atlas in atlases.items()], axis=0)
    peaks = find_peaks(np.nan_to_num(missing), height=DEEP / AS_DEEP)[0]
    pairs = []
    for line, here in enumerate(wavelength):
        place = np.searchsorted(axis, here)
        false = np.array([atlas[place] - before[star][place] for star, atlas in atlases.items()])
        for peak in peaks[np.abs(axis[peaks] - here) < ELSEWHERE] if false.min() > DEEP else ():
            lacking = [models[star][peak] - atlas[peak] for star, atlas in atlases.items()]
            off = np.abs(np.log(lacking / false))
            if np.max(off) < np.log(AS_DEEP):
                pairs.append((np.sum(off**2), line, peak))
    found, taken = {}, set()
    for _, line, peak in sorted(pairs) if len(atlases) > 1 else ():
        if line not in found and peak not in taken:
            found[line] = axis[peak]
            taken.add(peak)
    return found
