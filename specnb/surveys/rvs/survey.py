"""Gaia's Radial Velocity Spectrometer: the survey of the first paper.

Conventions of the labels
-------------------------
- Solar abundances: Asplund, Grevesse, Sauval & Scott (2009), the mixture of the ATLAS12
  atmospheres.
- ``m_h`` scales every element heavier than helium: [X/H] = [M/H] for all of them but the α
  elements.
- ``alpha_fe`` shifts the α elements O, Ne, Mg, Si, S, Ar, Ca and Ti together:
  [α/H] = [M/H] + [α/Fe]. (In this grid [Fe/H] = [M/H].)
- ``vmicro`` is the microturbulence of the line opacity, which does not depend on depth. It is the
  most probable speed of a Gaussian distribution.
- ``vbroad`` is the projected rotation speed v sin i of the rotational profile with linear limb
  darkening ε = 0.6 (Gray 2005, Eq. 18.14). Macroturbulence is not separated from it. The
  spectrograph's resolving power is not part of it.
"""

from specnb.core.broadening import broaden
from specnb.core.labels import Label, Line
from specnb.core.rebinning import overlap_matrix
from specnb.core.wavelength import vacuum_from_air
from specnb.surveys.population import SAMPLED_IN_KIEL
from specnb.surveys.region import Region
from specnb.surveys.rvs.archive import ARCHIVE
from specnb.surveys.rvs.files import complete
from specnb.surveys.rvs.mock import RvsMockConfig
from specnb.surveys.rvs.pixels import (
    CORRELATION_LENGTH,
    RVS_DR4,
    RVS_NATIVE,
    RVS_PIXELS,
    RVS_RESOLVING_POWER,
)
from specnb.surveys.rvs.stars import complete_labels
from specnb.surveys.survey import Survey

LABELS = (
    Label("teff", "K", 4000.0, 7500.0, r"$T_\mathrm{eff}$", "effective temperature"),
    Label("logg", "dex", 0.0, 5.0, r"$\log g$", "surface gravity, log10 of cm s-2"),
    Label("m_h", "dex", -2.5, 0.5, "[M/H]", "metallicity relative to the Sun"),
    Label("alpha_fe", "dex", -0.2, 0.5, r"[$\alpha$/Fe]", "enhancement of the alpha elements"),
    Label("vmicro", "km / s", 0.5, 2.5, r"$v_\mathrm{micro}$", "microturbulence"),
    Label(
        "vbroad", "km / s", 0.0, 50.0, r"$v_\mathrm{broad}$", "rotational broadening, v sin i",
        broadens=True,
    ),
)  # fmt: skip

# Strongest lines of the RVS window, which figures mark. Wavelengths are in vacuum Å. Those of Ca II
# are given in vacuum (Recio-Blanco et al. 2023). The others are laboratory values in air (NIST),
# which are converted here. Figures label the lines in the order given here, from strong to weak in
# a cool dwarf.
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

_BINS = overlap_matrix(RVS_NATIVE, RVS_PIXELS)


def observe(wavelength, flux, vbroad):
    """Broaden spectra by rotation, and average Gaia's samples in the papers' bins."""
    return (_BINS @ broaden(wavelength, flux, RVS_NATIVE, vbroad=vbroad).T).T


RVS = Survey(
    name="rvs",
    title="Gaia RVS",
    labels=LABELS,
    pixels=RVS_PIXELS,
    native=RVS_NATIVE,
    grids=(RVS_DR4,),
    correlation_length=CORRELATION_LENGTH,
    resolving_power=RVS_RESOLVING_POWER,
    observe=observe,
    inside=Region((SAMPLED_IN_KIEL,)),
    start={  # near the Sun
        "teff": 5770.0, "logg": 4.45, "m_h": 0.0, "alpha_fe": 0.0, "vmicro": 1.0, "vbroad": 2.0,
    },
    lines=LINES,
    windows={
        "Ca II 8500": (8490.0, 8511.0),
        "Ca II 8544": (8530.0, 8559.0),
        "Ca II 8665": (8650.0, 8679.0),
        "Fe I, Ti I 8514–8522": (8508.0, 8526.0),
        "Fe I 8611–8627": (8609.0, 8629.0),
        "Fe I, Ti I 8675–8697": (8673.0, 8697.0),
    },
    untrusted=UNTRUSTED_WINDOWS,
    x_h={"alpha_h": ("alpha_fe", "m_h")},
    ideal_above={"m_h": -1.2},
    # These are several times the errors of catalogue labels, so that a decoder can notice them, and
    # less than the spread of the population, so that it has seen such stars. 0.15 is about the
    # difference of the thin and the thick disc in [α/Fe].
    edits={"teff": 300.0, "logg": 0.5, "m_h": 0.3, "alpha_fe": 0.15},
    training={"translator": {"iterations": 2500}},
    complete=complete,
    complete_labels=complete_labels,
    archive=ARCHIVE,
    mock=RvsMockConfig,
    card={
        "what": "Six stellar labels to the 800 pixels of the Gaia RVS window.",
        "notebook": "01_simulator_and_emulator",
        "wavelength": "vacuum, bins of 0.3 Å, 8460-8700 Å; R = 11,500; flux over continuum.",
        "limits": (
            "LTE, plane-parallel, no TiO; [Fe/H] = [M/H]; the cores of Ca II, a blend at 8504 Å and a line at 8634 Å\n"
            "  are known to be wrong (`specnb.surveys.RVS.untrusted`)."
        ),
    },
)  # fmt: skip
