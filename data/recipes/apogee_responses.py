"""How the H-band spectrum of one K giant answers to each label, by the simulator: data/apogee_responses.h5.

Usage: see responses.py. The star is that of the second paper's missing-lines study.
"""

from apogee_grid import GRID, NAMES, simulate
from responses import DEX, Recipe

from specnb.surveys.apogee.pixels import APOGEE_NATIVE

REFERENCE = {"teff": 4750.0, "logg": 2.5, "vmicro": 1.5, "c12_c13": 7.5}  # all abundances solar
STEPS = {
    "teff": 25.0,
    "logg": 0.05,
    "vmicro": 0.05,
    "c12_c13": 0.5,
}  # of the other labels: abundances

RESPONSES = Recipe(
    name="apogee_responses",
    stars={"/": {name: REFERENCE.get(name, 0.0) for name in NAMES}},
    steps={name: STEPS.get(name, DEX) for name in [*NAMES, "fe_only"]},
    elements={"fe_only": "Fe"},
    labels=GRID.labels,
    wavelength=APOGEE_NATIVE,
    simulate=simulate,
)

if __name__ == "__main__":
    RESPONSES.main()
