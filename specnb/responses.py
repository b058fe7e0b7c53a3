"""How the H-band spectrum of one K giant answers to each label, by the simulator itself: the truth for derivatives."""

from dataclasses import dataclass

import h5py
import numpy as np

from specnb.grid import APOGEE, DATA

RESPONSES = DATA / "apogee_responses.h5"
IRON = "fe_only"  # iron alone; fe_h carries all elements and the atmosphere along


@dataclass(frozen=True, eq=False)
class Responses:
    """Simulated spectra of one star, and of stars that differ from it in one label.

    Attributes
    ----------
    star : dict
        Labels of the star, in the order of the band's labels; vbroad is free.
    wavelength : ndarray, shape (n_native,)
        Vacuum Å.
    reference : ndarray, shape (n_native,)
        Its flux over continuum, without rotation.
    steps : dict of (float, ndarray, ndarray)
        By label, or `IRON`: the step, the flux a step above and a step below.
    """

    star: dict[str, float]
    wavelength: np.ndarray
    reference: np.ndarray
    steps: dict[str, tuple[float, np.ndarray, np.ndarray]]

    def derivative(self, name: str, vbroad: float) -> np.ndarray:
        """Central difference of the flux by a label, on the band's pixels, shape (n_pix,), in flux per unit of the label."""
        step, above, below = self.steps[name]
        above, below = APOGEE.observe(self.wavelength, np.stack([above, below]), np.full(2, vbroad))
        return (above - below) / (2 * step)

    def raised(self, name: str, vbroad: float) -> np.ndarray:
        """Change of the flux by one step up, on the band's pixels, shape (n_pix,)."""
        _, above, _ = self.steps[name]
        above, reference = APOGEE.observe(self.wavelength, np.stack([above, self.reference]), np.full(2, vbroad))
        return above - reference


def load_responses(path=RESPONSES) -> Responses:
    """Read the spectra made by ``data/recipes/apogee_responses.py``.

    Raises
    ------
    OSError
        If the file is missing or truncated.
    """
    try:
        with h5py.File(path) as f:
            flux, wavelength, step = f["flux"][:], f["wavelength"][:], f["step"][:]
            changed = f["changed"].asstr()[:]
            star = dict(zip(f["labels"].attrs["names"], f["labels"][0]))
    except (OSError, KeyError) as error:
        raise OSError(f"{path} is not a whole file of responses ({error}): restore it with git") from error
    pairs = {name: np.flatnonzero(changed == name) for name in dict.fromkeys(changed[1:])}
    steps = {name: (float(step[up]), flux[up], flux[down]) for name, (up, down) in pairs.items()}
    return Responses(star, wavelength, flux[0], steps)
