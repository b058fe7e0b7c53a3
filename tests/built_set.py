"""A small set of stars as `specnb data build apogee-dr14` makes it, of mock stars of APOGEE."""

from dataclasses import replace

import numpy as np
from astropy.table import MaskedColumn, Table

import specnb
from specnb.surveys.public.built import built_path
from specnb.translate.domains import unseen_stars

KNOWN = ("teff", "logg", "fe_h", "mg_fe", "c_fe")  # labels of the catalogue


def write_built(n: int, outside: int = 0):
    """Write a set of n stars with spectra, and the labels of n others, to the folder SPECNB_DATA.

    The last `outside` rows of the labels are of stars that the emulator does not know.
    """
    emulator = specnb.load_emulator("apogee")
    spectra, truth = unseen_stars(emulator, 2 * n)
    labels = catalogue(truth.labels, spectra.ids)
    spectra = replace(spectra, labels=labels)[:n]
    for ending in (".h5", "-labels.fits"):
        built_path("apogee-dr14", ending).parent.mkdir(parents=True, exist_ok=True)
    spectra.write(built_path("apogee-dr14"))
    others = labels[n:]
    others["teff"][n - outside :] = 30_000.0
    others.write(built_path("apogee-dr14", "-labels.fits"))
    return spectra, others


def catalogue(true, ids) -> Table:
    """Labels as a catalogue has them: with errors of its own, and [C/Fe] of some stars missing."""
    rng, table = np.random.default_rng(3), Table({"id": list(map(str, ids))})
    for name in KNOWN:
        error = 60.0 if name == "teff" else 0.05
        values = np.asarray(true[name]) + rng.normal(0.0, error, len(true))
        missing = (np.arange(len(true)) % 4 == 0) & (name == "c_fe")
        table[name] = MaskedColumn(np.where(missing, np.nan, values), mask=missing)
        table[f"{name}_error"] = np.full(len(true), error)
    table["snr"], table["catalogue"] = 100.0, "APOGEE DR14"
    return table
