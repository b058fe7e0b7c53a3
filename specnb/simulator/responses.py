"""Simulated responses of the spectra of reference stars to each label or element.

They are the truth for derivatives.

In the H band there is one K giant, with a response for each label and for iron alone. In the RVS
there are the Sun and a K giant, with a response for each element alone.
"""

from dataclasses import dataclass, field

import h5py
import numpy as np

from specnb.simulator.grid import computed
from specnb.surveys.survey import Survey

IRON = "fe_only"  # iron alone; with fe_h all elements and the atmosphere change, too


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
        If the file is missing or truncated.
    ValueError
        If the file does not have that star, or belongs to another survey.
    """
    path = survey.responses_path if path is None else path
    try:
        with h5py.File(path) as f:
            stars = [name for name, entry in f.items() if isinstance(entry, h5py.Group)]
            if star not in (stars or [None]):
                raise ValueError(
                    f"{path} has no star {star!r}: give {' or '.join(map(repr, stars or [None]))}"
                )
            group = f[star or "/"]
            flux, wavelength, step = group["flux"][:], group["wavelength"][:], group["step"][:]
            changed, names = group["changed"].asstr()[:], group["labels"].attrs["names"]
            star = dict(zip(names, group["labels"][0]))
    except (OSError, KeyError) as error:
        raise OSError(
            f"{path} is not a whole file of responses ({error}): restore it with git"
        ) from error
    if list(names) != (expected := [label.name for label in computed(survey)]):
        raise ValueError(
            f"{path} has the labels {', '.join(names)}: {survey.name} has {', '.join(expected)}"
        )
    pairs = {name: np.flatnonzero(changed == name) for name in dict.fromkeys(changed[1:])}
    steps = {name: (float(step[up]), flux[up], flux[down]) for name, (up, down) in pairs.items()}
    return Responses(survey, star, wavelength, flux[0], steps)
