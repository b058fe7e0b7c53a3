"""APOGEE in the H band: the survey of the second paper.

Conventions of the labels
-------------------------
- The solar mixture, ``vmicro`` and ``vbroad`` are defined as in `specnb.surveys.rvs.survey`.
  ``fe_h`` is [Fe/H], and also [X/H] of all elements without a label.
- ``c_fe``, ``n_fe``, ... are [X/Fe] = [X/H] − [Fe/H]. The paper's labels are [X/H]. With [X/Fe] the
  range of the labels is a box.
- ``c12_c13`` is the number ratio of the carbon isotopes.
"""

from specnb.core.broadening import broaden
from specnb.core.labels import Label
from specnb.surveys.apogee.archive import ARCHIVE
from specnb.surveys.apogee.files import BAD_BITS, ERROR_FLOOR, is_apogee, read_apogee
from specnb.surveys.apogee.mock import ApogeeMockConfig
from specnb.surveys.apogee.pixels import (
    APOGEE_CUT,
    APOGEE_PIXELS,
    APOGEE_RESOLVING_POWER,
    continuum,
)
from specnb.surveys.apogee.stars import SPREADS, complete_labels
from specnb.surveys.population import SAMPLED_IN_KIEL
from specnb.surveys.region import Limit, Region
from specnb.surveys.survey import Survey

# The elements with lines in the H band, without iron, in the order of the labels. This is the order
# of O'Briain et al. (2020), in which iron stands among them.
ELEMENTS = (
    "C", "N", "O", "Na", "Mg", "Al", "Si", "P", "S", "K", "Ca", "Ti", "V", "Cr", "Mn",
    "Co", "Ni", "Cu", "Ge",
)  # fmt: skip
# dex relative to the Sun, whose C/O is 0.55. A star with a value beyond 0.26 is a carbon star.
LARGEST_C_O = 0.25


def _abundance(element):
    name, meaning = f"{element.lower()}_fe", f"{element} abundance relative to iron"
    return Label(name, "dex", -0.3, 0.4, f"[{element}/Fe]", meaning)


LABELS = (
    Label("teff", "K", 4000.0, 6500.0, r"$T_\mathrm{eff}$", "effective temperature"),
    Label("logg", "dex", 0.3, 5.0, r"$\log g$", "surface gravity, log10 of cm s-2"),
    Label("vmicro", "km / s", 0.5, 2.5, r"$v_\mathrm{micro}$", "microturbulence"),
    Label(
        "vbroad", "km / s", 0.0, 30.0, r"$v_\mathrm{broad}$", "rotational broadening, v sin i",
        broadens=True,
    ),
    *(_abundance(element) for element in ELEMENTS[:15]),
    Label("fe_h", "dex", -1.5, 0.5, "[Fe/H]", "iron abundance relative to the Sun"),
    *(_abundance(element) for element in ELEMENTS[15:]),
    Label(  # the logarithm is used, because spectra depend on the fraction of ¹³C in all carbon
        "c12_c13", "", 5.0, 90.0, r"$^{12}$C/$^{13}$C", "ratio of the carbon isotopes",
        logarithmic=True,
    ),
)  # fmt: skip
ABUNDANCES = tuple(f"{element.lower()}_fe" for element in ELEMENTS)

ATMOSPHERE = ("teff", "logg", "vmicro", "vbroad", "fe_h")
CNO = ("c_fe", "n_fe", "o_fe", "c12_c13")
# Labels that act together, each group with the widths of the layers of a perceptron. The groups are
# the atmosphere; the elements of CO, CN and OH; the elements whose mean determines the model
# atmosphere; and each other element together with the atmosphere.
BRANCHES = (
    (ATMOSPHERE, (128, 128, 128, 64)),
    ((*ATMOSPHERE, *CNO), (64, 64, 64, 32)),
    ((*ATMOSPHERE, "o_fe", "mg_fe", "si_fe", "ca_fe"), (64, 64, 32)),
    *(((*ATMOSPHERE, name), (32, 32, 8)) for name in ABUNDANCES if name not in CNO),
)


def observe(wavelength, flux, vbroad):
    """Broaden spectra by rotation, and divide them by the pseudo-continuum of observed spectra."""
    flux = broaden(wavelength, flux, wavelength, vbroad=vbroad)[:, APOGEE_CUT]
    return flux / continuum(flux)


# Up to this limit there is more oxygen than carbon. Beyond it, carbon instead of oxygen is left when
# CO has formed, and the star is a carbon star, whose spectrum is entirely different.
NO_CARBON_STAR = Limit(
    {"o_fe": 1.0, "c_fe": -1.0}, (-LARGEST_C_O,), text=f"[C/O] > {LARGEST_C_O:g}, a carbon star"
)

APOGEE = Survey(
    name="apogee",
    title="APOGEE",
    labels=LABELS,
    pixels=APOGEE_PIXELS,
    resolving_power=APOGEE_RESOLVING_POWER,
    observe=observe,
    normalize=continuum,
    error_floor=ERROR_FLOOR,
    bad_bits=BAD_BITS,
    inside=Region((SAMPLED_IN_KIEL, NO_CARBON_STAR)),
    # Most stars are giants. This is the star of the second paper's study of missing lines, with all
    # [X/Fe] zero.
    start=dict.fromkeys(ABUNDANCES, 0.0)
    | {"teff": 4750.0, "logg": 2.5, "fe_h": 0.0, "vmicro": 1.5, "vbroad": 6.0, "c12_c13": 7.5},
    windows={
        "blue detector": (15167.0, 15794.0),
        "green detector": (15879.0, 16418.0),
        "red detector": (16499.0, 16939.0),
        "K I 15173": (15168.0, 15188.0),
        "OH 15283": (15270.0, 15300.0),
        "CO 3–0 head 15582": (15570.0, 15610.0),
        "Mg I 15745–15770": (15735.0, 15780.0),
        "Ca I 16141–16162": (16130.0, 16170.0),
        "CO 6–3 head 16189": (16180.0, 16220.0),
        "Na I 16378, 16393": (16370.0, 16400.0),
        "Al I 16724–16768": (16715.0, 16775.0),
    },
    groups={
        "atmosphere": ATMOSPHERE,
        "CNO": CNO,
        "α": ("mg_fe", "si_fe", "s_fe", "ca_fe", "ti_fe"),
        "odd-Z": ("na_fe", "al_fe", "p_fe", "k_fe"),
        "iron peak": ("v_fe", "cr_fe", "mn_fe", "co_fe", "ni_fe", "cu_fe", "ge_fe"),
    },
    elements=dict(zip(ELEMENTS, ABUNDANCES)) | {"Fe": "fe_h"},
    element_groups={
        "CNO": ("C", "N", "O"),
        "α": ("Mg", "Si", "S", "Ca", "Ti"),
        "odd-Z": ("Na", "Al", "P", "K"),
        "iron peak": ("V", "Cr", "Mn", "Co", "Ni", "Cu", "Ge", "Fe"),
    },
    compensated={"fe_h": ABUNDANCES},
    x_h={f"{element.lower()}_h": (name, "fe_h") for element, name in zip(ELEMENTS, ABUNDANCES)},
    everywhere=ATMOSPHERE,
    ideal_above={"fe_h": -0.7},
    training={
        "emulator": {"branches": BRANCHES, "copies": 4, "batch": 64},
        # The layers are smaller than in the RVS, so that the weights of 7,214 pixels need only
        # about 15 MB.
        "translator": {"hidden": (128, 64), "split": 16, "batch": 64, "iterations": 3000},
    },
    read=read_apogee,
    recognizes=is_apogee,
    complete_labels=complete_labels,
    spreads=SPREADS,
    archive=ARCHIVE,
    mock=ApogeeMockConfig,
    card={
        "what": "25 stellar labels to 7,214 pixels of APOGEE.",
        "notebook": "06_apogee_world",
        "wavelength": (
            "vacuum, APOGEE's pixels (6e-6 in log10 λ) on three detectors, 15,168-16,937 Å; R = 22,500;\n"
            "  flux over the papers' pseudo-continuum (`specnb.surveys.apogee.pixels.continuum`)."
        ),
        "limits": (
            "LTE, plane-parallel, no TiO, no H2O; [C/O] ≤ 0.25; atmospheres follow [Fe/H] and [α/Fe] only; the\n"
            "  strengths of many lines are untuned. Least accurate for T_eff < 4500 K with [Fe/H] > 0, for\n"
            "  [C/O] > 0.15, and in the lines of Al I at 16723, 16755 and 16768 Å; derivatives by C, N, O and C12/C13\n"
            "  are too small."
        ),
    },
)
