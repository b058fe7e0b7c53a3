"""Populations of stars: what a population is made of, what is common to all, and how stars are
drawn.

The formulas of a survey's own population are in `specnb.surveys.rvs.stars` and
`specnb.surveys.apogee.stars`.
"""

from dataclasses import dataclass

import numpy as np
from astropy.table import Table


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

    # "mostly near solar chemistry": most stars this bright are within 1-2 kpc of the plane
    thin_disc: float = 0.82
    thick_disc: float = 0.15  # the papers' "some α-enhanced"
    halo: float = 0.03  # the papers' "a few metal-poor stars (to -2.5)"
    dwarf: float = 0.24  # GALAH is mostly dwarfs, APOGEE mostly giants; together the giants prevail
    subgiant: float = 0.12  # turn-off to the foot of the giant branch: passed quickly
    # the luminous giants fill most of the volume of a sample limited in magnitude
    giant: float = 0.40
    red_clump: float = 0.24  # about a third of all giants burn helium in the clump
    bright: float = 8.0  # G magnitudes of the papers' selection
    faint: float = 14.0
    # dex per magnitude; 0.6 if space were filled evenly, less as the disc thins out
    count_slope: float = 0.25

    def __post_init__(self):
        for kind, fractions in (("components", self.components), ("stages", self.stages)):
            if not np.all(fractions >= 0) or not np.isclose(fractions.sum(), 1.0, atol=1e-6):
                given = ", ".join(f"{fraction:g}" for fraction in fractions)
                raise ValueError(
                    f"fractions of {kind} are {given}: they must be 0 or more and sum to 1"
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


def main_sequence(teff, m_h):
    """log g of unevolved dwarfs: falls with temperature, higher for metal-poor subdwarfs. Like the
    isochrones above.
    """
    t = (teff - 5000.0) / 1000.0
    return 4.59 - 0.105 * t - 0.02 * t**2 - 0.12 * m_h


def microturbulence(teff, logg):
    """Mean microturbulence in km/s.

    Dwarfs (log g ≥ 4): 1.01 + 4.56e-4 ΔT + 2.75e-7 ΔT² with ΔT = T_eff - 5700 K, the form of Bruntt
    et al. (2010), T_eff held at 4870 K, the minimum of the parabola, and at 7000 K, beyond which it
    overshoots. Giants (log g ≤ 3.5): 2.24 - 0.3 log g (linear, as in APOGEE DR12: Holtzman et al.
    2015). In between, linear in log g from one to the other."""
    dt = np.clip(teff, 4870.0, 7000.0) - 5700.0
    dwarf = 1.01 + 4.56e-4 * dt + 2.75e-7 * dt**2
    giant = 2.24 - 0.3 * logg
    return giant + np.clip((logg - 3.5) / 0.5, 0.0, 1.0) * (dwarf - giant)


def broadening_median(teff):
    """Median v_broad in km/s: 4 for cool stars and giants (v sin i with macroturbulence), rising
    above the Kraft break near 6250 K (Kraft 1967) to 30 km/s for early F stars."""
    return 4.0 + 26.0 / (1.0 + np.exp((6650.0 - teff) / 130.0))


def draw_stars(survey, n, rng, population=None):
    """Draw stars of a survey with their true labels.

    A star outside the trusted range of the labels, outside the survey's grid or where no stars
    exist is drawn again with the same component and stage, so that the fractions are those asked
    for and no stars pile up at the edges.

    Parameters
    ----------
    survey : Survey
        With a mock survey, whose formulas give the labels.
    n : int
        Number of stars, ≥ 1.
    rng : numpy.random.Generator
        Source of randomness; the same state gives the same stars.
    population : Population, optional
        That of the mock survey by default.

    Returns
    -------
    Table
        n rows: the survey's labels (float64, with units), what the mock survey observes of a star
        besides (such as its magnitude), ``component`` (one of `COMPONENTS`) and ``stage`` (one of
        `STAGES`).

    Raises
    ------
    ValueError
        If n is not a positive integer.
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise ValueError(f"cannot draw {n!r} stars: n must be a positive integer")
    population = population or survey.mock().population
    component = rng.choice(3, n, p=population.components)
    stage = rng.choice(4, n, p=population.stages)
    # old metal-poor stars burn helium on the horizontal branch
    stage[(component == 2) & (stage == 3)] = 2

    labels = {label.name: np.empty(n) for label in survey.labels}
    todo = np.arange(n)
    while len(todo):
        drawn = survey.mock.draw_labels(component[todo], stage[todo], rng)
        for name, values in labels.items():
            values[todo] = drawn[name]
        todo = todo[~_allowed(survey, drawn)]

    stars = Table(labels)
    for label in survey.labels:
        stars[label.name].unit = label.unit
    for column in survey.mock.draw_observation(component, population, rng):
        stars[column.name] = column
    stars["component"] = np.array(COMPONENTS)[component]
    stars["stage"] = np.array(STAGES)[stage]
    return stars


def _allowed(survey, stars):
    """Inside the trusted range of every label, inside the grid, and where stars exist; shape (n,)."""
    inside = survey.inside(stars) & survey.mock.exist(stars)
    for label in survey.labels:
        inside &= (stars[label.name] >= label.low) & (stars[label.name] <= label.high)
    return inside
