"""What fits leave behind: residuals in standard errors, reduced χ², and the errors of fitted labels.

Every function takes several fits by name, such as "physics only" and "translated", and compares them over the stars that
all of them could fit. Stars that could not be fitted, did not converge or ended at a limit are counted.
"""

import numpy as np
from astropy.table import Table

from specnb.figures.style import column

# Mean reduced χ² and mean residual (in standard errors) of APOGEE stars, O'Briain et al. (2021, ApJ 906, 130), abstract.
PUBLISHED_CHI2 = {"physics only": 1.97, "translated": 1.22}
PUBLISHED_MEAN = {"physics only": 0.16, "translated": -0.01}
REACH = 5.0  # histograms of residuals end here
