"""Real spectra of stars that judge a model of real stars: anchors, whose labels are known, and misfits.

Besides the spectra of `specnb.surveys.archive.real_spectra` they are in the folder named by
SPECNB_STARS. Labels of anchors are those of data/stars.ecsv, which also says which star took part in
which model.
"""

import warnings
from dataclasses import replace

import numpy as np

from specnb.core.paths import stars_folder
from specnb.core.spectra import Spectra
from specnb.surveys import APOGEE, LeftOutWarning, read_spectra
from specnb.surveys.apogee.pixels import APOGEE_CUT
from specnb.surveys.archive import real_spectra
from specnb.surveys.plain import over_continuum
from specnb.surveys.rvs.archive import literature

# Atlases of the Sun and Arcturus at the resolving power of APOGEE. They have no errors: this is a guess.
ATLASES, ATLAS_ERROR = "atlas_hband/hband_observed_on_apogee_grid_R22500.npz", 0.005
# Combined spectra of stars that no model of single stars between 4000 and 7000 K describes.
MISFITS = {
    "binaries": "apogee_binaries/kepler_eclipsing_binaries_apstar.npz",
    "cool dwarfs": "apogee_cool_dwarfs/dr13_cool_dwarfs_apstar.npz",
}


def anchors(survey):
    """Real stars whose labels are in the literature.

    Parameters
    ----------
    survey : Survey

    Returns
    -------
    spectra : Spectra or None
        On the pixels of the survey, or None if there is none. The labels are those of
        `specnb.surveys.rvs.archive.literature`, with the survey's names of [M/H] and [α/Fe].
    source : str
        A sentence that says where the spectra come from.
    """
    found, source = real_spectra(survey)
    parts = [found] if found else []
    folder = stars_folder() / survey.archive.folder
    if folder.is_dir():
        with warnings.catch_warnings(action="ignore", category=LeftOutWarning):
            parts.append(survey.on_pixels(read_spectra(folder, on_error="skip")))
    if survey is APOGEE and (stars_folder() / ATLASES).is_file():
        parts.append(_atlases(stars_folder() / ATLASES))
    if not parts:
        return None, source
    spectra = Spectra.join([replace(part, labels=None) for part in parts])
    known = literature(spectra.ids)
    if "fe_h" in survey.names:
        known.rename_columns(["m_h", "alpha_fe"], ["fe_h", "mg_fe"])
    rows = np.flatnonzero(~known["teff"].mask)
    text = f"{source} {len(rows)} real stars of {survey.title} have labels in the literature."
    return replace(spectra[rows], labels=known[rows]) if len(rows) else None, text


def _atlases(path):
    with np.load(path) as file:
        stars = [name for name in file.files if name != "wavelength_vac"]
        flux = np.stack([file[name] for name in stars])
    error, mask = np.full_like(flux, ATLAS_ERROR), ~np.isfinite(flux)
    return Spectra(APOGEE.pixels, *over_continuum(APOGEE, flux, error, mask), stars)


def misfits() -> dict[str, Spectra]:
    """Combined spectra of APOGEE of each kind of `MISFITS` whose file is there."""
    found = {}
    for kind, name in MISFITS.items():
        if (path := stars_folder() / name).is_file():
            with np.load(path) as file:
                rows = file["visit"] == 0
                flux, error, bits = (
                    file[key][rows][:, APOGEE_CUT] for key in ("flux", "err", "mask")
                )
                ids = [f"{star}-{k}" for k, star in enumerate(file["stars"]["apogee_id"])]
            mask = (bits & APOGEE.bad_bits) != 0
            found[kind] = Spectra(APOGEE.pixels, *over_continuum(APOGEE, flux, error, mask), ids)
    return found
