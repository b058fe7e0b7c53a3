"""Pixels and resolving power of APOGEE's spectrographs, vacuum Å."""

import numpy as np

APOGEE_RESOLVING_POWER = 22_500.0
# APOGEE's 8,575 pixels: they are uniform in log10 λ, and each is 4.14 km/s wide.
APOGEE_NATIVE = 10 ** (4.179 + 6e-6 * np.arange(8575))
# The 7,214 of these pixels that the papers use: three detectors without their ends.
APOGEE_CUT = np.r_[322:3242, 3648:6048, 6412:8306]
APOGEE_PIXELS = APOGEE_NATIVE[APOGEE_CUT]
