"""Stellar labels: their order, units, ranges and conventions.

A *label* is a number that describes a star and that the physics simulator takes as input.
Every array of labels in specnb has its columns in the order of a tuple of `Label` objects.

Conventions of the RVS grid
---------------------------
- Solar abundances: Asplund, Grevesse, Sauval & Scott (2009), the mixture of the ATLAS12 atmospheres.
- ``m_h`` scales every element heavier than helium: [X/H] = [M/H] for all non-α elements.
- ``alpha_fe`` shifts the α elements O, Ne, Mg, Si, S, Ar, Ca and Ti together: [α/H] = [M/H] + [α/Fe].
  (In this grid [Fe/H] = [M/H].)
- ``vmicro`` is the depth-independent microturbulence of the line opacity (Gaussian, most probable speed).
- ``vbroad`` is the projected rotation speed v sin i of the rotational profile with linear limb
  darkening ε = 0.6 (Gray 2005, Eq. 18.14); macroturbulence is not separated from it. The spectrograph's
  resolving power is not part of it.

Conventions of the APOGEE grid
------------------------------
- The same solar mixture, ``vmicro`` and ``vbroad``; ``fe_h`` is [Fe/H], and of all elements without a label.
- ``c_fe``, ``n_fe``, ... are [X/Fe] = [X/H] − [Fe/H]. The paper's labels are [X/H]; with [X/Fe] the range is a box.
- ``c12_c13`` is the number ratio of the carbon isotopes.
"""

from dataclasses import dataclass

import numpy as np
from astropy.table import Table

LARGEST_C_O = 0.25  # dex relative to the Sun, whose C/O is 0.55: beyond 0.26 a star is a carbon star
ALPHA_ELEMENTS = ("O", "Ne", "Mg", "Si", "S", "Ar", "Ca", "Ti")


@dataclass(frozen=True)
class Label:
    """One stellar label.

    Attributes
    ----------
    name : str
        Name used in tables, sliders and arrays.
    unit : str
        Unit as astropy writes it.
    low, high : float
        Range within which the shipped emulator may be trusted.
    symbol : str
        LaTeX symbol for figures.
    meaning : str
        One line for tables and tooltips.
    """

    name: str
    unit: str
    low: float
    high: float
    symbol: str
    meaning: str

    @property
    def axis(self) -> str:
        """Axis title with the unit, for figures."""
        unit = self.unit.replace("km / s", r"km s$^{-1}$")
        return f"{self.symbol} ({unit})" if unit else self.symbol


RVS_LABELS = (
    Label("teff", "K", 4000.0, 7500.0, r"$T_\mathrm{eff}$", "effective temperature"),
    Label("logg", "dex", 0.0, 5.0, r"$\log g$", "surface gravity, log10 of cm s-2"),
    Label("m_h", "dex", -2.5, 0.5, "[M/H]", "metallicity relative to the Sun"),
    Label("alpha_fe", "dex", -0.2, 0.5, r"[$\alpha$/Fe]", "enhancement of the alpha elements"),
    Label("vmicro", "km / s", 0.5, 2.5, r"$v_\mathrm{micro}$", "microturbulence"),
    Label("vbroad", "km / s", 0.0, 50.0, r"$v_\mathrm{broad}$", "rotational broadening, v sin i"),
)


# The elements of the H band besides iron, in the order of the labels (O'Briain et al. 2020 with iron in its place).
APOGEE_ELEMENTS = (
    "C", "N", "O", "Na", "Mg", "Al", "Si", "P", "S", "K", "Ca", "Ti", "V", "Cr", "Mn", "Co", "Ni", "Cu", "Ge"
)  # fmt: skip


def _abundance(element):
    return Label(f"{element.lower()}_fe", "dex", -0.3, 0.4, f"[{element}/Fe]", f"{element} abundance relative to iron")


APOGEE_LABELS = (
    Label("teff", "K", 4000.0, 6500.0, r"$T_\mathrm{eff}$", "effective temperature"),
    Label("logg", "dex", 0.3, 5.0, r"$\log g$", "surface gravity, log10 of cm s-2"),
    Label("vmicro", "km / s", 0.5, 2.5, r"$v_\mathrm{micro}$", "microturbulence"),
    Label("vbroad", "km / s", 0.0, 30.0, r"$v_\mathrm{broad}$", "rotational broadening, v sin i"),
    *(_abundance(element) for element in APOGEE_ELEMENTS[:15]),
    Label("fe_h", "dex", -1.5, 0.5, "[Fe/H]", "iron abundance relative to the Sun"),
    *(_abundance(element) for element in APOGEE_ELEMENTS[15:]),
    Label("c12_c13", "", 5.0, 90.0, r"$^{12}$C/$^{13}$C", "ratio of the carbon isotopes"),
)

LOGARITHMIC = ("c12_c13",)  # labels that matter by their logarithm: ¹³C as a fraction of all carbon
LABEL_SETS = (RVS_LABELS, APOGEE_LABELS)


def lowest_logg(teff):
    """Lower edge of log g at which stars exist.

    Giants cooler than 4800 K reach log g = 0; hotter stars are excluded below the line
    log g = 2 + (T_eff - 4800) / 1200.

    Parameters
    ----------
    teff : array_like
        Effective temperature in K.

    Returns
    -------
    ndarray
        log g in dex, same shape.
    """
    teff = np.asarray(teff, dtype=float)
    return np.where(teff > 4800.0, 2.0 + (teff - 4800.0) / 1200.0, 0.0)


def sampled_in_kiel(teff, logg):
    """Where the grids are sampled in the Kiel diagram: the domain of `lowest_logg` with a margin of
    150 K and 0.3 dex, since an emulator is worst at the edge of what it has seen.

    Parameters
    ----------
    teff, logg : array_like
        Effective temperature in K and log g in dex.

    Returns
    -------
    ndarray of bool
    """
    return np.asarray(logg) >= lowest_logg(np.asarray(teff) - 150.0) - 0.3


def where_sampled(stars):
    """Where the grids are sampled: in the Kiel diagram as `sampled_in_kiel`, and if carbon and oxygen are labels, where
    oxygen outnumbers carbon, [C/O] ≤ 0.25. Beyond that CO leaves carbon instead of oxygen over: a carbon star, of
    another kind altogether.

    Parameters
    ----------
    stars : mapping of str to array_like
        Label values by name, at least teff and logg.

    Returns
    -------
    ndarray of bool
    """
    inside = sampled_in_kiel(stars["teff"], stars["logg"])
    if "c_fe" in stars and "o_fe" in stars:
        inside = inside & (np.asarray(stars["c_fe"]) - np.asarray(stars["o_fe"]) <= LARGEST_C_O)
    return inside


def label_array(table: Table, labels) -> np.ndarray:
    """The columns of a catalogue that a model uses, shape (n, n_labels), float64.

    Raises
    ------
    ValueError
        If there is no table, a column is missing, or a star lacks a value.
    """
    if table is None:
        raise ValueError(f"the spectra have no labels: this needs a catalogue with {', '.join(labels)}")
    if missing := [name for name in labels if name not in table.colnames]:
        raise ValueError(f"the catalogue has no column {', '.join(missing)}: it has {', '.join(table.colnames)}")
    columns = [np.ma.filled(np.ma.asarray(table[name]).astype(float), np.nan) for name in labels]
    values = np.column_stack(columns) if len(table) else np.empty((0, len(labels)))
    if (bad := ~np.isfinite(values)).any():
        star, label = np.argwhere(bad)[0]
        raise ValueError(f"star {star} of the catalogue has no {labels[label]}: leave out stars without labels")
    return values
