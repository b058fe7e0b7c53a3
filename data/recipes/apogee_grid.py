"""The grid of synthetic spectra in the H band of APOGEE, data/apogee_grid.h5. Usage: see grid.py."""

import numpy as np
from grid import Recipe
from turbospectrum import H_BAND, Model, abundances, synthesize

from specnb.core.broadening import broaden
from specnb.simulator.grid import computed
from specnb.surveys import APOGEE
from specnb.surveys.apogee.pixels import APOGEE_NATIVE
from specnb.surveys.apogee.survey import ELEMENTS

NAMES = [label.name for label in computed(APOGEE)]
# What the atmosphere's [α/M] is made of: oxygen for the molecules, the others for the electrons.
ATMOSPHERE_ALPHA = ("o_fe", "mg_fe", "si_fe", "ca_fe")
ALPHA_RANGE = (-0.2, 0.6)  # of the atmospheres


def simulate(work, labels, also=None):
    """Flux of one star at the resolving power of APOGEE, shape (8575,).

    ``also`` gives [X/Fe] of elements without a label.
    """
    star = dict(zip(NAMES, labels))
    alpha = float(np.clip(np.mean([star[name] for name in ATMOSPHERE_ALPHA]), *ALPHA_RANGE))
    own = {element: star[f"{element.lower()}_fe"] for element in ELEMENTS}
    chemistry = abundances(star["fe_h"], own | {"Ne": alpha, "Ar": alpha} | (also or {}))
    model = Model(star["teff"], star["logg"], star["fe_h"], alpha)
    wavelength, flux = synthesize(work, H_BAND, model, chemistry, star["vmicro"], star["c12_c13"])
    return broaden(wavelength, flux, APOGEE_NATIVE, resolving_power=APOGEE.resolving_power)


GRID = Recipe(
    name="apogee_grid",
    n=2500,
    survey=APOGEE,
    margins={
        "teff": (100.0, 100.0),
        "logg": (0.1, 0.2),
        "fe_h": (0.1, 0.1),
        "vmicro": (0.1, 0.1),
        "c12_c13": (1.0, 10.0),
    }
    | {f"{element.lower()}_fe": (0.1, 0.1) for element in ELEMENTS},
    powers={
        "teff": 1.25,
        "fe_h": 0.7,
    },  # denser in cool and metal-rich stars, whose spectra hold most lines
    wavelength=APOGEE_NATIVE,
    simulate=simulate,
    attributes={
        "title": "Synthetic stellar spectra in the H band of APOGEE",
        "resolving_power": APOGEE.resolving_power,
        "synthesis": "Turbospectrum 2020, LTE, plane-parallel, 57 layers, no TiO, no H2O",
        "synthesis_step_angstrom": H_BAND.step,
        "citations": {
            "lines": "linemake: Placco et al. 2021, RNAAS 5, 92; Kurucz (van der Waals damping)"
        },
    },
)

if __name__ == "__main__":
    GRID.main()
