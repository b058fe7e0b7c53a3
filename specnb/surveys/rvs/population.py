"""A Galactic population of FGK stars like the papers' reference sample.

The sample it imitates is the 54,422 APOGEE DR17 (Abdurro'uf et al. 2022, ApJS 259, 35) and 9,883 GALAH DR3
(Buder et al. 2021, MNRAS 506, 150) stars with 8 ≤ G ≤ 14 and a Gaia RVS spectrum of Manteiga et al. (2025).
It is a sketch: a few formulas with the shapes of those surveys' Kiel and [M/H]-[α/Fe] diagrams, and no fit to
either catalogue. It has no ages, distances or selection function, no hot main sequence, no AGB as a sequence of its
own and a single halo sequence; evolutionary stage and apparent magnitude do not depend on the Galactic component,
except that the halo has no red clump.
"""

from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from specnb.core.labels import RVS_LABELS, lowest_logg

COMPONENTS = ("thin disc", "thick disc", "halo")
STAGES = ("dwarf", "subgiant", "giant", "red clump")


@dataclass(frozen=True)
class Population:
    """What a population is made of. The three components sum to 1, and so do the four stages.

    Raises
    ------
    ValueError
        If a fraction is negative, a sum is not 1, or the magnitudes are not in order.
    """

    thin_disc: float = 0.82  # "mostly near solar chemistry": most stars this bright are within 1-2 kpc of the plane
    thick_disc: float = 0.15  # the papers' "some α-enhanced"
    halo: float = 0.03  # the papers' "a few metal-poor stars (to -2.5)"
    dwarf: float = 0.24  # GALAH is mostly dwarfs, APOGEE mostly giants; together the giants prevail
    subgiant: float = 0.12  # turn-off to the foot of the giant branch: passed quickly
    giant: float = 0.40  # the luminous giants fill most of the volume of a sample limited in magnitude
    red_clump: float = 0.24  # about a third of all giants burn helium in the clump
    bright: float = 8.0  # G magnitudes of the papers' selection
    faint: float = 14.0
    count_slope: float = 0.25  # dex per magnitude; 0.6 if space were filled evenly, less as the disc thins out

    def __post_init__(self):
        for kind, fractions in (("components", self.components), ("stages", self.stages)):
            if not np.all(fractions >= 0) or not np.isclose(fractions.sum(), 1.0, atol=1e-6):
                given = ", ".join(f"{fraction:g}" for fraction in fractions)
                raise ValueError(f"fractions of {kind} are {given}: they must be 0 or more and sum to 1")
        if not (np.isfinite([self.bright, self.faint, self.count_slope]).all() and self.bright < self.faint):
            raise ValueError(
                f"G from {self.bright} to {self.faint} with slope {self.count_slope}: "
                "give finite numbers with bright below faint"
            )

    @property
    def components(self):
        """Fractions in the order of `COMPONENTS`."""
        return np.array([self.thin_disc, self.thick_disc, self.halo])

    @property
    def stages(self):
        """Fractions of the disc stars in the order of `STAGES`."""
        return np.array([self.dwarf, self.subgiant, self.giant, self.red_clump])


def giant_branch(logg, m_h):
    """Temperature of the red giant branch in K: hotter for metal-poor stars.

    Shaped like isochrones of 1-1.2 M☉ (PARSEC: Bressan et al. 2012; MIST: Choi et al. 2016), to about 100 K.
    """
    g = logg - 2.5
    return 4640.0 + 370.0 * g - 75.0 * g**2 - 340.0 * m_h - 55.0 * m_h**2


def red_clump(m_h):
    """Temperature of the red clump in K: 150 K hotter than the branch at log g = 2.45 (compare Bovy et al. 2014)."""
    return 4790.0 - 300.0 * m_h


def main_sequence(teff, m_h):
    """log g of unevolved dwarfs: falls with temperature, higher for metal-poor subdwarfs. Like the isochrones above."""
    t = (teff - 5000.0) / 1000.0
    return 4.59 - 0.105 * t - 0.02 * t**2 - 0.12 * m_h


def microturbulence(teff, logg):
    """Mean microturbulence in km/s.

    Dwarfs (log g ≥ 4): 1.01 + 4.56e-4 ΔT + 2.75e-7 ΔT² with ΔT = T_eff - 5700 K, the form of Bruntt et al. (2010),
    T_eff held at 4870 K, the minimum of the parabola, and at 7000 K, beyond which it overshoots.
    Giants (log g ≤ 3.5): 2.24 - 0.3 log g (linear, as in APOGEE DR12: Holtzman et al. 2015).
    In between, linear in log g from one to the other.
    """
    dt = np.clip(teff, 4870.0, 7000.0) - 5700.0
    dwarf = 1.01 + 4.56e-4 * dt + 2.75e-7 * dt**2
    giant = 2.24 - 0.3 * logg
    return giant + np.clip((logg - 3.5) / 0.5, 0.0, 1.0) * (dwarf - giant)


def broadening_median(teff):
    """Median v_broad in km/s: 4 for cool stars and giants (v sin i with macroturbulence), rising above the Kraft
    break near 6250 K (Kraft 1967) to 30 km/s for early F stars."""
    return 4.0 + 26.0 / (1.0 + np.exp((6650.0 - teff) / 130.0))


def _chemistry(component, rng):
    """[M/H] and [α/Fe] of stars of given components (indices into `COMPONENTS`)."""
    mean = np.array([0.0, -0.5, -1.4])[component]
    m_h = rng.normal(mean, np.array([0.2, 0.25, 0.45])[component])
    low_alpha = 0.02 - 0.10 * m_h + 0.10 * m_h**2  # thin disc: nearly flat
    high_alpha = np.minimum(0.29, 0.13 - 0.28 * m_h)  # thick disc: plateau and knee at [M/H] = -0.57
    sequence = np.choose(component, [low_alpha, high_alpha, np.full_like(m_h, 0.30)])
    alpha_fe = rng.normal(sequence, np.array([0.025, 0.03, 0.05])[component])
    return m_h, alpha_fe


def _kiel(component, stage, m_h, rng):
    """T_eff and log g for stars of given components, stages and metallicities."""
    n = len(m_h)
    # A star's turn-off temperature stands for its age: thin-disc stars are young, hence hot, by various amounts.
    youth = np.where(component == 0, rng.gamma(2.0, 200.0, n), 0.0)
    turn_off = rng.normal(5900.0, 80.0, n) + youth - 250.0 * m_h

    # dwarfs lie below their turn-off, and have left the unevolved sequence the more the closer they are to it
    below = rng.gamma(1.3, 500.0, n)
    dwarf_teff = turn_off - below
    dwarf_logg = main_sequence(dwarf_teff, m_h) - 0.25 * np.exp(-below / 250.0) + rng.normal(0.0, 0.03, n)

    # subgiants cross from the turn-off to the foot of the giant branch, flat in the middle
    s = rng.random(n) ** 1.3
    foot = 3.45
    top = main_sequence(turn_off, m_h) - 0.25
    sub_logg = top - (top - foot) * (0.5 * s + 0.25 + 2.0 * (s - 0.5) ** 3) + rng.normal(0.0, 0.06, n)
    sub_teff = turn_off + s * (giant_branch(foot, m_h) - turn_off) + rng.normal(0.0, 40.0, n)

    giant_logg = 3.6 * rng.beta(3.2, 1.9, n)
    giant_teff = giant_branch(giant_logg, m_h) + rng.normal(0.0, 60.0, n)

    clump_logg = rng.normal(2.45, 0.08, n)
    clump_teff = red_clump(m_h) + rng.normal(0.0, 55.0, n)

    teff = np.choose(stage, [dwarf_teff, sub_teff, giant_teff, clump_teff])
    logg = np.choose(stage, [dwarf_logg, sub_logg, giant_logg, clump_logg])
    return teff, logg


def _labels(component, stage, rng):
    """One draw of the six labels, in the order of `RVS_LABELS`, shape (n, 6)."""
    m_h, alpha_fe = _chemistry(component, rng)
    teff, logg = _kiel(component, stage, m_h, rng)
    vmicro = rng.normal(microturbulence(teff, logg), 0.12)  # scatter about such relations: 0.1-0.15 km/s
    median = np.where(stage <= 1, broadening_median(teff), 4.0)
    vbroad = median * np.exp(rng.normal(0.0, 0.35, len(teff)))
    return np.column_stack([teff, logg, m_h, alpha_fe, vmicro, vbroad])


def _allowed(labels):
    """Inside the trusted range of every label and above the edge of the Kiel diagram; shape (n,)."""
    low = np.array([label.low for label in RVS_LABELS])
    high = np.array([label.high for label in RVS_LABELS])
    return np.all((labels >= low) & (labels <= high), axis=1) & (labels[:, 1] >= lowest_logg(labels[:, 0]))


def draw_stars(n, rng, population=None):
    """Draw stars with their true labels.

    A star outside the trusted range of `RVS_LABELS` or below `lowest_logg` is drawn again with the same component
    and stage, so that the fractions are those asked for and no stars pile up at the edges.

    Parameters
    ----------
    n : int
        Number of stars, ≥ 1.
    rng : numpy.random.Generator
        Source of randomness; the same state gives the same stars.
    population : Population, optional
        Fractions and magnitudes; ``Population()`` by default.

    Returns
    -------
    Table
        n rows: the six labels of `RVS_LABELS` (float64, with units), ``g_mag`` (apparent G, mag), ``component``
        (one of `COMPONENTS`) and ``stage`` (one of `STAGES`).

    Raises
    ------
    ValueError
        If n is not a positive integer.
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise ValueError(f"cannot draw {n!r} stars: n must be a positive integer")
    population = population or Population()
    component = rng.choice(3, n, p=population.components)
    stage = rng.choice(4, n, p=population.stages)
    stage[(component == 2) & (stage == 3)] = 2  # old metal-poor stars burn helium on the horizontal branch

    labels = np.empty((n, len(RVS_LABELS)))
    todo = np.arange(n)
    while len(todo):
        labels[todo] = _labels(component[todo], stage[todo], rng)
        todo = todo[~_allowed(labels[todo])]

    # N(<G) grows as 10**(slope G), cut at both ends: inverse of the cumulative distribution
    u = rng.random(n)
    span, rate = population.faint - population.bright, population.count_slope * np.log(10.0)
    g_mag = population.bright + (np.log1p(u * np.expm1(rate * span)) / rate if rate else u * span)

    stars = Table({label.name: labels[:, i] for i, label in enumerate(RVS_LABELS)})
    for label in RVS_LABELS:
        stars[label.name].unit = label.unit
    stars["g_mag"] = g_mag
    stars["g_mag"].unit = "mag"
    stars["component"] = np.array(COMPONENTS)[component]
    stars["stage"] = np.array(STAGES)[stage]
    return stars
