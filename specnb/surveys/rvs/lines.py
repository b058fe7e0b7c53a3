"""Strongest lines of the RVS window, which figures mark. Wavelengths are in vacuum Å.

The wavelengths of Ca II are given in vacuum (Recio-Blanco et al. 2023). The others are laboratory
values in air (NIST), which are converted when the module is imported. Figures label the lines in
the order given here, from strong to weak in a cool dwarf.
"""

from specnb.core.labels import Line
from specnb.core.wavelength import vacuum_from_air

CA_II_TRIPLET = (8500.35, 8544.44, 8664.52)

# Windows (Å, vacuum) where the physics of the RVS grid is known to fail: a blend that is too strong
# in it, a line that no star shows, and the cores of Ca II, which form where LTE does not hold.
UNTRUSTED_WINDOWS = ((8497.5, 8505.5), (8541.5, 8547.5), (8632.5, 8635.5), (8661.5, 8667.5))
# The same windows, but with the whole Ca II lines including their wings.
CA_II_WINDOWS = ((8490.0, 8512.0), (8530.0, 8560.0), (8632.5, 8635.5), (8650.0, 8680.0))

_AIR = {
    "Fe I": (
        8688.62,
        8661.90,
        8468.41,
        8514.07,
        8674.75,
        8611.80,
        8515.11,
        8582.26,
        8621.60,
        8526.67,
        8616.28,
    ),
    "Ti I": (8675.37, 8682.98, 8518.35, 8548.09, 8692.33),
    "Si I": (8556.78, 8648.46, 8536.16),
    # the other Paschen lines blend with strong metal lines, three of them with Ca II
    "P14": (8598.39,),
    "P17": (8467.26,),
    "P13": (8665.02,),
    "P15": (8545.38,),
    "P16": (8502.48,),
}

LINES = tuple(Line("Ca II", wavelength) for wavelength in CA_II_TRIPLET) + tuple(
    Line(species, round(float(vacuum_from_air(air)), 2))
    for species, wavelengths in _AIR.items()
    for air in wavelengths
)
