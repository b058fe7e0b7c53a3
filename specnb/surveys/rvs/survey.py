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
from specnb.core.labels import Label
from specnb.core.rebinning import overlap_matrix
from specnb.surveys.kiel import sampled_in_kiel
from specnb.surveys.rvs.archive import ARCHIVE
from specnb.surveys.rvs.files import is_gaia, read_gaia
from specnb.surveys.rvs.lines import LINES, UNTRUSTED_WINDOWS
from specnb.surveys.rvs.mock import RvsMockConfig
from specnb.surveys.rvs.pixels import (
    CORRELATION_LENGTH,
    RVS_NATIVE,
    RVS_PIXELS,
    RVS_RESOLVING_POWER,
)
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
    correlation_length=CORRELATION_LENGTH,
    resolving_power=RVS_RESOLVING_POWER,
    observe=observe,
    inside=sampled_in_kiel,
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
    ideal_above={"m_h": -1.2},
    # These are several times the errors of catalogue labels, so that a decoder can notice them, and
    # less than the spread of the population, so that it has seen such stars. 0.15 is about the
    # difference of the thin and the thick disc in [α/Fe].
    edits={"teff": 300.0, "logg": 0.5, "m_h": 0.3, "alpha_fe": 0.15},
    training={"translator": {"iterations": 2500}},
    read=read_gaia,
    recognizes=is_gaia,
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
