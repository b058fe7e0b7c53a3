"""Populations of stars: where stars exist, their fractions and formulas, and how they are drawn.

The formulas for the population of each survey are in `specnb.surveys.rvs.stars` and
`specnb.surveys.apogee.stars`.
"""

from dataclasses import dataclass

import numpy as np

from specnb.surveys.region import Limit

COMPONENTS = ("thin disc", "thick disc", "halo")
STAGES = ("dwarf", "subgiant", "giant", "red clump")


@dataclass(frozen=True)
class Population:
    """Fractions of a population. The three components sum to 1, and so do the four stages.

    Raises
    ------
    ValueError
        If a fraction is negative, a sum is not 1, or the magnitudes are not in order.
    """

    # The papers have "mostly near solar chemistry": most stars this bright are within 1-2 kpc of
    # the plane.
    thin_disc: float = 0.82
    thick_disc: float = 0.15  # the papers' "some α-enhanced"
    halo: float = 0.03  # the papers' "a few metal-poor stars (to -2.5)"
    # GALAH observes mostly dwarfs and APOGEE mostly giants. Together most stars are giants.
    dwarf: float = 0.24
    # from the turn-off to the foot of the giant branch, a stage that stars pass quickly
    subgiant: float = 0.12
    # In a sample limited in magnitude, the luminous giants come from a larger volume.
    giant: float = 0.40
    red_clump: float = 0.24  # about a third of all giants burn helium in the clump
    bright: float = 8.0  # limits in G magnitude of the papers' selection
    faint: float = 14.0
    # dex per magnitude; it would be 0.6 if stars filled space evenly, and is less because the disc
    # thins out
    count_slope: float = 0.25

    def __post_init__(self):
        for kind, fractions in (("components", self.components), ("stages", self.stages)):
            if not np.all(fractions >= 0) or not np.isclose(fractions.sum(), 1.0, atol=1e-6):
                raise ValueError(
                    f"fractions of {kind} are {', '.join(map(str, fractions))}: they must be 0 or more and sum to 1"
                )
        if not (
            np.isfinite([self.bright, self.faint, self.count_slope]).all()
            and self.bright < self.faint
        ):
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


def lowest_logg(teff):
    """Lowest log g at which stars of a given temperature exist.

    Giants cooler than 4800 K reach log g = 0. Hotter stars do not exist below the line log g = 2 +
    (T_eff - 4800) / 1200.

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


def stars_exist(stars):
    """Whether stars exist at labels, as bool. Uses teff and logg of labels given by name."""
    return np.asarray(stars["logg"]) >= lowest_logg(stars["teff"])


def _widened():
    """The limit of the shipped grids: `lowest_logg`, widened by a margin of 150 K and 0.3 dex.

    There is a margin because an emulator is worst at the edge of its training set.
    """
    step = 4800.0 + 150.0  # where `lowest_logg` jumps
    teff = np.array([step, np.nextafter(step, np.inf), 1e5])
    logg = lowest_logg(teff - 150.0) - 0.3
    text = "no star of this temperature has such a low log g"
    return Limit({"logg": 1.0}, tuple(logg.tolist()), "teff", tuple(teff.tolist()), text)


SAMPLED_IN_KIEL = _widened()  # where in teff and logg the shipped grids were computed


def main_sequence(teff, m_h):
    """log g of unevolved dwarfs.

    It falls with temperature and is higher for metal-poor subdwarfs, as in the isochrones cited in
    `specnb.surveys.rvs.stars.giant_branch`.
    """
    t = (teff - 5000.0) / 1000.0
    return 4.59 - 0.105 * t - 0.02 * t**2 - 0.12 * m_h


def unevolved(turn_off, m_h, rng, giant_branch, below, crowding=1.0, foot=3.5):
    """Draw T_eff and log g of dwarfs and of subgiants.

    Dwarfs are cooler than their turn-off. The closer they are to it, the further they have left the
    unevolved sequence. Subgiants move from the turn-off to the foot of the giant branch. Their path
    is flat in the middle.

    Parameters
    ----------
    turn_off, m_h : ndarray, shape (n,)
        Temperature of the turn-off in K, and metallicity.
    rng : numpy.random.Generator
    giant_branch : callable
        ``giant_branch(logg, m_h)`` is the temperature of giants in K.
    below : float
        Shape of the distribution of the temperatures of dwarfs below the turn-off.
    crowding : float
        Subgiants crowd at the turn-off if this is above 1.
    foot : float
        log g of the foot of the giant branch.

    Returns
    -------
    dwarfs, subgiants : (ndarray, ndarray)
        T_eff and log g of each, shape (n,).
    """
    n = len(m_h)
    below = rng.gamma(below, 500.0, n)
    dwarf_teff = turn_off - below
    dwarf_logg = (
        main_sequence(dwarf_teff, m_h) - 0.25 * np.exp(-below / 250.0) + rng.normal(0.0, 0.03, n)
    )
    s = rng.random(n) ** crowding
    top = main_sequence(turn_off, m_h) - 0.25
    sub_logg = (
        top - (top - foot) * (0.5 * s + 0.25 + 2.0 * (s - 0.5) ** 3) + rng.normal(0.0, 0.06, n)
    )
    sub_teff = turn_off + s * (giant_branch(foot, m_h) - turn_off) + rng.normal(0.0, 40.0, n)
    return (dwarf_teff, dwarf_logg), (sub_teff, sub_logg)


def microturbulence(teff, logg):
    """Mean microturbulence in km/s.

    Dwarfs (log g ≥ 4): 1.01 + 4.56e-4 ΔT + 2.75e-7 ΔT² with ΔT = T_eff - 5700 K, the form of Bruntt
    et al. (2010), where T_eff is limited to 4870-7000 K: the parabola has its minimum at 4870 K and
    is too high beyond 7000 K. Giants (log g ≤ 3.5): 2.24 - 0.3 log g (linear, as in APOGEE DR12:
    Holtzman et al. 2015). In between, it is interpolated linearly in log g.
    """
    dt = np.clip(teff, 4870.0, 7000.0) - 5700.0
    dwarf = 1.01 + 4.56e-4 * dt + 2.75e-7 * dt**2
    giant = 2.24 - 0.3 * logg
    return giant + np.clip((logg - 3.5) / 0.5, 0.0, 1.0) * (dwarf - giant)


def broadening_median(teff):
    """Median v_broad in km/s.

    It is 4 km/s for cool stars and giants (v sin i with macroturbulence), and rises above the Kraft
    break near 6250 K (Kraft 1967) to 30 km/s for early F stars.
    """
    return 4.0 + 26.0 / (1.0 + np.exp((6650.0 - teff) / 130.0))


def draw_stars(survey, n, rng, population=None):
    """Draw stars of a survey with their true labels.

    A star is drawn again with the same component and stage if it is outside the trusted range of
    the labels, outside the survey's grid, or where no stars exist. The fractions are therefore
    those of the population, and no stars pile up at the edges.

    Parameters
    ----------
    survey : Survey
        A survey that has a mock survey, whose formulas give the labels.
    n : int
        Number of stars, ≥ 1.
    rng : numpy.random.Generator
        Source of randomness; the same state gives the same stars.
    population : Population, optional
        The default is that of the mock survey.

    Returns
    -------
    Table
        n rows with the survey's labels (float64, with units), what else the mock survey observes of
        a star (such as its magnitude), ``component`` (one of `COMPONENTS`) and ``stage`` (one of
        `STAGES`).
    """
    population = population or survey.mock().population
    component = rng.choice(3, n, p=population.components)
    stage = rng.choice(4, n, p=population.stages)
    # Old metal-poor stars burn helium on the horizontal branch, so that the halo has no red clump.
    stage[(component == 2) & (stage == 3)] = 2

    values = np.empty((n, len(survey.labels)))
    low, high = np.array([(label.low, label.high) for label in survey.labels]).T
    todo = np.arange(n)
    while len(todo):
        drawn = survey.mock.draw_labels(component[todo], stage[todo], rng)
        values[todo] = np.column_stack([drawn[name] for name in survey.names])
        trusted = ((values[todo] >= low) & (values[todo] <= high)).all(axis=1)
        todo = todo[~(trusted & survey.inside(drawn) & survey.mock.exist(drawn))]

    stars = survey.table(values)
    stars.add_columns(survey.mock.draw_observation(component, population, rng))
    stars["component"] = np.array(COMPONENTS)[component]
    stars["stage"] = np.array(STAGES)[stage]
    return stars
