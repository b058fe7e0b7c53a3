"""How spectra of reference stars answer to each label or element, by the simulator itself: the
truth for derivatives.

H band: one K giant, by label and for iron alone. RVS: the Sun and a K giant, by element, each
alone."""

from dataclasses import dataclass

import h5py
import numpy as np

from specnb.simulator.grid import computed
from specnb.surveys.survey import Survey

IRON = "fe_only"  # iron alone; fe_h carries all elements and the atmosphere along


@dataclass(frozen=True, eq=False)
class Responses:
    """Simulated spectra of one star, and of stars that differ from it in one label or element.

    Attributes
    ----------
    survey : Survey
    star : dict
        Labels of the star, in the order of the survey's labels; vbroad is free.
    wavelength : ndarray, shape (n_native,)
        Vacuum Å.
    reference : ndarray, shape (n_native,)
        Its flux over continuum, without rotation.
    steps : dict of (float, ndarray, ndarray)
        By label, abundance of one element alone such as ``"si_fe"``, or `IRON`: the step, the flux
        a step above and a step below.
    """

    survey: Survey
    star: dict[str, float]
    wavelength: np.ndarray
    reference: np.ndarray
    steps: dict[str, tuple[float, np.ndarray, np.ndarray]]

    @property
    def elements(self) -> dict[str, str]:
        """What raises each element alone: name of the step by symbol, ``{"Si": "si_fe", ..., "Fe":
        "fe_only"}``.
        """
        alone = {
            name.removesuffix("_fe").capitalize(): name
            for name in self.steps
            if name.endswith("_fe")
        }
        return alone | ({"Fe": IRON} if IRON in self.steps else {})

    def derivative(self, name: str, vbroad: float) -> np.ndarray:
        """Central difference of the flux by a label, on the survey's pixels, shape (n_pix,), in
        flux per unit of the label.
        """
        step, above, below = self.steps[name]
        above, below = self.survey.observe(
            self.wavelength, np.stack([above, below]), np.full(2, vbroad)
        )
        return (above - below) / (2 * step)

    def raised(self, name: str, vbroad: float) -> np.ndarray:
        """Change of the flux by one step up, on the survey's pixels, shape (n_pix,)."""
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
        Which star, if the file has several: those of the RVS are "sun" and "giant".
    path : path, optional
        Default: the shipped responses of the survey.

    Raises
    ------
    OSError
        If the file is missing or truncated.
    ValueError
        If it does not have that star, or is of another survey.
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
