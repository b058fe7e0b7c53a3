"""Simulated responses of the spectra of reference stars to each label or element.

They are the truth for derivatives. In the H band there is one K giant, with a response for each
label and for iron alone. In the RVS there are the Sun and a K giant, with a response for each
element alone.

Where the spectrum responds to an element, it has a *feature* of that element. It need not be a line
of its atom. Features of carbon, nitrogen and oxygen are mostly lines of CO, CN and OH. A line of CN
is a feature of carbon and of nitrogen. Because CO binds most of the carbon, more carbon leaves less
oxygen for OH.
"""

from dataclasses import dataclass, field
from functools import cache

import h5py
import numpy as np
from astropy.table import Table, vstack

from specnb.core.checksums import warn_unchecked
from specnb.core.labels import Line
from specnb.core.reading import whole_file
from specnb.core.wavelength import detectors
from specnb.simulator.grid import computed
from specnb.surveys.survey import Survey

IRON = "fe_only"  # iron alone; with fe_h all elements and the atmosphere change, too
# Limits for what counts as a feature, in flux for a step of 0.05 dex. They are choices of the order
# of the noise at S/N 1000 and 200.
LEAST = 0.001
PEAK = 0.005


@dataclass(frozen=True, eq=False)
class Responses:
    """Simulated spectra of one star, and of stars that differ from it in one label or element.

    Attributes
    ----------
    survey : Survey
    star : dict
        Labels of the star, in the order of the survey's labels. vbroad is not among them and can be
        chosen.
    wavelength : ndarray, shape (n_native,)
        Vacuum Å.
    reference : ndarray, shape (n_native,)
        Flux over continuum of the star, without rotation.
    steps : dict of (float, ndarray, ndarray)
        For each label, abundance of one element such as ``"si_fe"``, or `IRON`: the size of the
        step, the flux one step above and the flux one step below.
    """

    survey: Survey
    star: dict[str, float]
    wavelength: np.ndarray = field(repr=False)
    reference: np.ndarray = field(repr=False)
    steps: dict[str, tuple[float, np.ndarray, np.ndarray]] = field(repr=False)

    @property
    def elements(self) -> dict[str, str]:
        """For the symbol of each element, the name of the step that raises it alone.

        An example is ``{"Si": "si_fe", ..., "Fe": "fe_only"}``.
        """
        alone = {
            name.removesuffix("_fe").capitalize(): name
            for name in self.steps
            if name.endswith("_fe")
        }
        return alone | ({"Fe": IRON} if IRON in self.steps else {})

    def derivative(self, name: str, vbroad: float) -> np.ndarray:
        """Derivative of the flux with respect to a label, as a central difference.

        It is on the survey's pixels, shape (n_pix,), in flux per unit of the label.
        """
        step, above, below = self.steps[name]
        above, below = self.survey.observe(
            self.wavelength, np.stack([above, below]), np.full(2, vbroad)
        )
        return (above - below) / (2 * step)

    def raised(self, name: str, vbroad: float) -> np.ndarray:
        """Change of the flux for one step up, on the survey's pixels, shape (n_pix,)."""
        _, above, _ = self.steps[name]
        above, reference = self.survey.observe(
            self.wavelength, np.stack([above, self.reference]), np.full(2, vbroad)
        )
        return above - reference


def load_responses(survey: Survey, star: str | None = None, path=None) -> Responses:
    """Read the spectra made by ``data/recipes/apogee_responses.py`` or ``rvs_responses.py``.

    Parameters
    ----------
    survey : Survey
    star : str, optional
        Name of the star, if the file has several. Those of the RVS are "sun" and "giant".
    path : path, optional
        The default is the shipped responses of the survey.

    Raises
    ------
    OSError
        If the file is missing or damaged.
    ValueError
        If the file does not have that star, or belongs to another survey.
    """
    path = survey.responses_path if path is None else path
    with (
        whole_file(path, "file of responses", "restore it with git or compute it anew"),
        h5py.File(path, locking=False) as f,  # some network disks have no locks
    ):
        stars = [name for name, entry in f.items() if isinstance(entry, h5py.Group)] or [None]
        group = f[(star if star in stars else stars[0]) or "/"]
        flux, wavelength, step = group["flux"][:], group["wavelength"][:], group["step"][:]
        changed, names = group["changed"].asstr()[:], group["labels"].attrs["names"]
        labels = dict(zip(names, group["labels"][0]))
        if not group["flux"].fletcher32:  # as in the shipped responses, which a list covers
            warn_unchecked(path)
    if star not in stars:
        raise ValueError(f"{path} has no star {star!r}: give {' or '.join(map(repr, stars))}")
    if list(names) != (expected := [label.name for label in computed(survey)]):
        raise ValueError(
            f"{path} has the labels {', '.join(names)}: {survey.name} has {', '.join(expected)}"
        )
    pairs = {name: np.flatnonzero(changed == name) for name in dict.fromkeys(changed[1:])}
    steps = {name: (float(step[up]), flux[up], flux[down]) for name, (up, down) in pairs.items()}
    return Responses(survey, labels, wavelength, flux[0], steps)


def features(
    responses: Responses, vbroad: float = 6.0, least: float = LEAST, peak: float = PEAK
) -> Table:
    """Find the pixels that get darker when the abundance of one element rises by a step.

    A feature is a contiguous run of such pixels on one detector.

    Parameters
    ----------
    responses : Responses
    vbroad : float
        Broadening of the star in km/s.
    least, peak : float
        See `find`.

    Returns
    -------
    Table
        The result of `find`.
    """
    return find(taken(responses, vbroad), responses.survey.pixels, least, peak)


def taken(responses: Responses, vbroad: float = 6.0) -> dict[str, np.ndarray]:
    """For each element the fall of the flux (n_pix,) when its abundance rises by a step.

    The step is that of the responses.
    """
    return {
        element: -responses.raised(step, vbroad) for element, step in responses.elements.items()
    }


def find(falls, wavelength, least: float = LEAST, peak: float = PEAK) -> Table:
    """Find features in the amounts by which each element lowers the flux.

    Parameters
    ----------
    falls : dict of ndarray, each of shape (n_pix,)
        For each element, the fall of the flux when its abundance rises by a step, see `taken`.
    wavelength : ndarray, shape (n_pix,)
        Vacuum Å.
    least : float
        A feature ends where the fall of the flux is not larger than this.
    peak : float
        A run whose largest fall is not larger than this is not a feature.

    Returns
    -------
    Table
        One row per feature: ``element``; ``first`` and ``last``, the indices of its first and last
        pixel; ``wavelength`` of its deepest pixel, vacuum Å; ``depth``, the fall of the flux there;
        ``share``, the fraction that this fall is of the sum of the falls of all elements there (an
        element that brightens the pixel counts as zero).
    """
    total = sum(np.maximum(fall, 0.0) for fall in falls.values())
    rows = []
    for element, fall in falls.items():
        for detector in detectors(wavelength):
            for first, end in runs(fall[detector] > least) + detector.start:
                deepest = first + int(np.argmax(fall[first:end]))
                if fall[deepest] > peak:
                    depth, share = fall[deepest], fall[deepest] / total[deepest]
                    rows.append((element, first, end - 1, wavelength[deepest], depth, share))
    return Table(
        rows=rows or None,
        names=("element", "first", "last", "wavelength", "depth", "share"),
        dtype=("U2", int, int, float, float, float),
        units={"wavelength": "Angstrom"},
    )


def runs(mask):
    """First pixel of each run of True, and the pixel after its last one, shape (n, 2)."""
    return np.flatnonzero(np.diff(np.r_[False, mask, False])).reshape(-1, 2)


def strongest(table: Table, n: int) -> Table:
    """The n deepest features of each element, in the order in which figures label them.

    First comes the deepest feature of every element, then the second deepest of every element, and
    so on. Among features of the same rank the deeper ones come first.
    """
    table = table[np.argsort(table["depth"])[::-1]]
    rank = np.zeros(len(table), dtype=int)
    for element in set(table["element"]):
        rows = table["element"] == element
        rank[rows] = np.arange(rows.sum())
    table = table[np.argsort(rank, kind="stable")]
    return table[np.sort(rank) < n]


def elements_at(table: Table, pixels) -> list[str]:
    """For each pixel, the elements that have a feature there, as text such as ``"C N"``.

    The element with the largest share comes first.
    """
    table = table[np.argsort(table["share"])[::-1]]
    inside = [(table["first"] <= pixel) & (pixel <= table["last"]) for pixel in pixels]
    return [" ".join(dict.fromkeys(table["element"][rows])) for rows in inside]


def marked(responses: Responses, vbroad: float = 6.0) -> Table:
    """The features that figures mark.

    These are `features`. For elements that have none, the thresholds are lowered to a tenth.
    """
    clear = features(responses, vbroad)
    weak = features(responses, vbroad, LEAST / 10, PEAK / 10)
    return vstack([clear, weak[~np.isin(weak["element"], clear["element"])]])


@cache
def line_markers(survey, n: int = 30) -> tuple[Line, ...]:
    """The lines that figures mark.

    These are the lines that the survey declares. If it declares none, they are the n strongest
    features of each element in its shipped responses, see `marked`. Without responses there are
    none.
    """
    if survey.lines or not survey.responses_path.is_file():
        return survey.lines
    table = strongest(marked(load_responses(survey)), n)
    return tuple(Line(str(row["element"]), float(row["wavelength"])) for row in table)
