"""How the simulator's RVS spectra of the Sun and of a K giant answer to each element alone.

Writes data/rvs_responses.h5. Usage: see responses.py. Atmospheres stay as they are, and all other abundances solar.
"""

from responses import DEX, Recipe
from rvs_grid import GRID, WAVELENGTH, simulate

# Of the 58 elements of the line lists those of which 0.05 dex more changes the flux of either star by more than 1e-4
# somewhere. So P, Cl, Sc, Cu, Sr, Y, La and Eu, among others, are left out; Hf, K, Ba, V and Sm are barely in.
ELEMENTS = "C N O Na Mg Al Si S K Ca Ti V Cr Mn Fe Co Ni Zr Ba Ce Nd Sm Hf".split()
CHANGES = {
    "fe_only" if element == "Fe" else f"{element.lower()}_fe": element for element in ELEMENTS
}

RESPONSES = Recipe(
    name="rvs_responses",
    stars={
        "sun": {"teff": 5772.0, "logg": 4.44, "m_h": 0.0, "alpha_fe": 0.0, "vmicro": 1.0},
        "giant": {"teff": 4750.0, "logg": 2.5, "m_h": 0.0, "alpha_fe": 0.0, "vmicro": 1.5},
    },
    steps=dict.fromkeys(CHANGES, DEX),
    elements=CHANGES,
    labels=GRID.labels,
    wavelength=WAVELENGTH,
    simulate=simulate,
)

if __name__ == "__main__":
    RESPONSES.main()
