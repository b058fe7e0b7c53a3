"""Stars like those of the papers' reference sample: FGK stars of the Galaxy with six labels each.

The imitated sample consists of the 54,422 stars of APOGEE DR17 (Abdurro'uf et al. 2022, ApJS 259,
35) and 9,883 of GALAH DR3 (Buder et al. 2021, MNRAS 506, 150) with 8 ≤ G ≤ 14 and a Gaia RVS
spectrum of Manteiga et al. (2025). This is a sketch: a few formulas that have the shapes of those
surveys' Kiel and [M/H]-[α/Fe] diagrams. They are not fitted to either catalogue. There are no ages,
distances or selection function, no hot main sequence and no separate AGB sequence, and there is
only one halo sequence. Evolutionary stage and apparent magnitude do not depend on the Galactic
component, except that the halo has no red clump.
"""

import numpy as np
from astropy.table import Column

from specnb.core.labels import label_array
from specnb.surveys.population import broadening_median, microturbulence, unevolved

GIANT = 3.7  # log g below which a star is a giant


def giant_branch(logg, m_h):
    """Temperature of the red giant branch in K, which is hotter for metal-poor stars.

    It follows isochrones of 1-1.2 M☉ (PARSEC: Bressan et al. 2012; MIST: Choi et al. 2016) to about
    100 K.
    """
    g = logg - 2.5
    return 4640.0 + 370.0 * g - 75.0 * g**2 - 340.0 * m_h - 55.0 * m_h**2


def _chemistry(component, rng):
    """Draw [M/H] and [α/Fe] of stars of given components (indices into `COMPONENTS`)."""
    mean = np.array([0.0, -0.5, -1.4])[component]
    m_h = rng.normal(mean, np.array([0.2, 0.25, 0.45])[component])
    low_alpha = 0.02 - 0.10 * m_h + 0.10 * m_h**2  # thin disc: a nearly flat sequence
    # thick disc: a plateau with a knee at [M/H] = -0.57
    high_alpha = np.minimum(0.29, 0.13 - 0.28 * m_h)
    sequence = np.choose(component, [low_alpha, high_alpha, np.full_like(m_h, 0.30)])
    return m_h, rng.normal(sequence, np.array([0.025, 0.03, 0.05])[component])


def _kiel(component, stage, m_h, rng):
    """Draw T_eff and log g for stars of given components, stages and metallicities."""
    n = len(m_h)
    # A star's turn-off temperature stands for its age. Thin-disc stars are younger and therefore
    # hotter, by amounts that differ from star to star.
    youth = np.where(component == 0, rng.gamma(2.0, 200.0, n), 0.0)
    turn_off = rng.normal(5900.0, 80.0, n) + youth - 250.0 * m_h

    dwarf, subgiant = unevolved(
        turn_off, m_h, rng, giant_branch, below=1.3, crowding=1.3, foot=3.45
    )

    giant_logg = 3.6 * rng.beta(3.2, 1.9, n)
    giant_teff = giant_branch(giant_logg, m_h) + rng.normal(0.0, 60.0, n)

    clump_logg = rng.normal(2.45, 0.08, n)
    # 150 K hotter than the giant branch at log g = 2.45 (compare Bovy et al. 2014)
    clump_teff = 4790.0 - 300.0 * m_h + rng.normal(0.0, 55.0, n)

    stages = zip(dwarf, subgiant, (giant_teff, giant_logg), (clump_teff, clump_logg))
    return [np.choose(stage, values) for values in stages]


def draw_labels(component, stage, rng):
    """Draw the six labels. Returns a dict of arrays by name.

    Parameters
    ----------
    component, stage : ndarray of int, shape (n,)
        Indices into `specnb.surveys.population.COMPONENTS` and ``STAGES``.
    rng : numpy.random.Generator
    """
    m_h, alpha_fe = _chemistry(component, rng)
    teff, logg = _kiel(component, stage, m_h, rng)
    median = np.where(stage <= 1, broadening_median(teff), 4.0)
    return {
        "teff": teff,
        "logg": logg,
        "m_h": m_h,
        "alpha_fe": alpha_fe,
        # The scatter about such relations is 0.1-0.15 km/s.
        "vmicro": rng.normal(microturbulence(teff, logg), 0.12),
        "vbroad": median * np.exp(rng.normal(0.0, 0.35, len(teff))),
    }


def draw_observation(component, population, rng):
    """Draw apparent G magnitudes. N(<G) grows as 10**(slope G) between the population's limits."""
    u = rng.random(len(component))  # the inverse of the cumulative distribution gives magnitudes
    span, rate = population.faint - population.bright, population.count_slope * np.log(10.0)
    g_mag = population.bright + (np.log1p(u * np.expm1(rate * span)) / rate if rate else u * span)
    return [Column(g_mag, "g_mag", unit="mag")]


def complete_labels(catalogue, rng) -> dict[str, np.ndarray]:
    """The six labels of real stars, of which a catalogue knows the first four.

    Parameters
    ----------
    catalogue : Table
        ``teff`` (K), ``logg``, ``m_h`` and ``alpha_fe`` (dex). ``vmicro`` and ``vbroad``, which
        surveys define in their own ways, are filled in as `draw_labels` draws them: ``vmicro``
        follows `microturbulence`, and ``vbroad`` is near 4 km/s in giants and follows
        `broadening_median` in dwarfs.
    rng : numpy.random.Generator
        Draws the scatter of ``vmicro`` and ``vbroad``.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    ValueError
        If the catalogue lacks one of the four labels, or a star lacks a value.
    """
    names = ("teff", "logg", "m_h", "alpha_fe")
    labels = dict(zip(names, label_array(catalogue, names).T))
    teff, logg = labels["teff"], labels["logg"]
    median = np.where(logg < GIANT, 4.0, broadening_median(teff))
    return labels | {
        "vmicro": rng.normal(microturbulence(teff, logg), 0.12),
        "vbroad": median * np.exp(rng.normal(0.0, 0.35, len(teff))),
    }
