"""The grid of synthetic spectra in the window of the Gaia RVS, data/rvs_grid.h5. Usage: see grid.py."""

import numpy as np
from grid import Recipe
from turbospectrum import RVS, Model, abundances, synthesize

from specnb import surveys
from specnb.core.broadening import broaden

ALPHA_ELEMENTS = ("O", "Ne", "Mg", "Si", "S", "Ar", "Ca", "Ti")
# The window and 5 Å on either side, so that v_broad up to 50 km/s (1.4 Å) never sees an edge.
WAVELENGTH = np.linspace(8455.0, 8705.0, 2501)


def simulate(work, labels, also=None):
    """Flux of one star at the resolving power of the RVS, shape (2501,).

    ``also`` gives [X/M] of elements without a label.
    """
    teff, logg, m_h, alpha_fe, vmicro = labels
    chemistry = abundances(m_h, dict.fromkeys(ALPHA_ELEMENTS, alpha_fe) | (also or {}))
    wavelength, flux = synthesize(work, RVS, Model(teff, logg, m_h, alpha_fe), chemistry, vmicro)
    return broaden(wavelength, flux, WAVELENGTH, resolving_power=surveys.RVS.resolving_power)


GRID = Recipe(
    name="rvs_grid",
    n=2500,
    survey=surveys.RVS,
    margins={  # [α/Fe] cannot go below -0.2, where the atmospheres end
        "teff": (100.0, 100.0),
        "logg": (0.2, 0.2),
        "m_h": (0.1, 0.1),
        "alpha_fe": (0.0, 0.05),
        "vmicro": (0.1, 0.1),
    },
    powers={
        "teff": 1.25,
        "m_h": 0.7,
    },  # denser in cool and metal-rich stars, whose spectra hold most lines
    wavelength=WAVELENGTH,
    simulate=simulate,
    attributes={
        "title": "Synthetic stellar spectra in the window of the Gaia RVS",
        "resolving_power": surveys.RVS.resolving_power,
        "synthesis": "Turbospectrum 2020, LTE, plane-parallel, 80 layers; TiO below 4900 K",
        "synthesis_step_angstrom": RVS.step,
        "alpha_elements": list(ALPHA_ELEMENTS),
        "citations": {
            "atomic lines": "Gaia-ESO line list: Heiter et al. 2021, A&A 645, A106",
            "molecular lines": "linemake: Placco et al. 2021, RNAAS 5, 92 (CN, CH: Masseron/Brooke; FeH)",
        },
    },
)

if __name__ == "__main__":
    GRID.main()
