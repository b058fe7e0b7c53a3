"""Sets of real APOGEE stars: the second paper's unpaired domains, and stars with labels of DR17.

The second paper (O'Briain et al. 2020, Sect. 3.1) takes spectra of DR14 at rest, with their visits added,
over the pseudo-continuum, of one half of the stars. Of the other half it takes the labels alone.

What is done here where we cannot do the same, or the paper leaves it open
-------------------------------------------------------------------------
- Its 25 labels are those of Ting et al. (2019), which are in no archive. Here they are ASPCAP's, as far
  as the catalogue has them. `Survey.complete_labels` fills in the others, such as C12/C13.
- Stars are kept if they are no duplicates (bit 4 of EXTRATARG) and not STAR_BAD, and if `NEEDED` are
  known. Of further rows of one star the one with the highest S/N is kept.
- A star is in the half with spectra if the last bit of the SHA-256 of its APOGEE_ID is 0.
- ASPCAP calibrated log g of DR14 for giants alone, and T_eff and log g within some ranges. Elsewhere, and
  so for all dwarfs, the catalogue has −9999. There `UNCALIBRATED` are taken, which are what ASPCAP found
  in the spectrum, as the paper has dwarfs, too. ``teff_calibrated`` and ``logg_calibrated`` tell which
  is which, and the errors of uncalibrated ones are missing. Such log g of cool dwarfs is off by some
  tenths of a dex. The catalogue has abundances of dwarfs, but [C/Fe] and [N/Fe] are a known issue there
  (Holtzman et al. 2018, AJ 156, 125).
- Labels are [X/Fe]. Where a catalogue has a column X_H and none X_FE, [X/Fe] = [X/H] − [Fe/H], with the
  errors of both added in quadrature.
- ``vmicro`` is VMICRO. ``vbroad`` is VSINI where that is above 0, which are dwarfs. Giants have a
  macroturbulence VMACRO instead. It is a Gaussian and no rotation, and is left out.
- Spectra are from apStar files, see `specnb.surveys.apogee.files.read_apogee`.
"""

import warnings
from dataclasses import replace
from functools import partial

import numpy as np
from astropy.table import Table

from specnb.core.labels import label_columns
from specnb.core.spectra import Spectra
from specnb.core.writing import replacing
from specnb.surveys.apogee.files import STAR_BAD, read_apogee
from specnb.surveys.apogee.survey import APOGEE, ELEMENTS
from specnb.surveys.downloading import BadFileError
from specnb.surveys.files import LeftOutWarning
from specnb.surveys.public import datasets, stars
from specnb.surveys.public.build import Recipe, counted, labels_of, no_spectra
from specnb.surveys.public.built import built_path
from specnb.surveys.public.catalogues import read_columns
from specnb.surveys.public.cuts import Cuts, best_of_each, digest, shuffled
from specnb.surveys.public.reference import DUPLICATE

PART = 500  # stars
NEEDED = ("teff", "logg", "fe_h", "mg_fe")  # of `complete_labels`
FILE = {
    "APOGEE_ID": "text", "TELESCOPE": "text", "FIELD": "text", "LOCATION_ID": "id",
}  # fmt: skip
COLUMNS = FILE | {
    "SNR": "number", "EXTRATARG": "flag", "ASPCAPFLAG": "flag", "TEFF": "number", "TEFF_ERR": "number",
    "LOGG": "number", "LOGG_ERR": "number", "FE_H": "number", "FE_H_ERR": "number",
}  # fmt: skip
# What stands for missing values in DR14: places in the vector FPARAM, which also has log10 of the
# microturbulence, [M/H], [C/M], [N/M] and [α/M].
UNCALIBRATED = {"TEFF": 0, "LOGG": 1}
OPTIONAL = [
    "VMICRO", "VSINI",
    *(f"{e.upper()}_{x}{end}" for e in ELEMENTS for x in ("FE", "H") for end in ("", "_ERR")),
]  # fmt: skip


def apogee_dr14(keep: bool = False) -> Recipe:
    """The recipe of the set ``apogee-dr14``. With ``keep``, files of spectra stay when they were read."""
    (path,) = datasets.fetch("apogee-dr14-allstar", progress=True)
    labels = built_path("apogee-dr14", "-labels.fits")
    select = partial(_halves, path, labels)
    return _recipe("apogee-dr14", "dr14", path, select, keep, beside=[labels])


def apogee_real(keep: bool = False) -> Recipe:
    """The recipe of the set ``apogee-real``, all stars of DR17. ``keep`` is as in `apogee_dr14`."""
    (path,) = datasets.fetch("apogee-dr17-allstar", progress=True)
    return _recipe("apogee-real", "dr17", path, partial(labelled_stars, path, "DR17"), keep)


def _recipe(name, release, path, select, keep, **more):
    spectra_of = partial(h_band_spectra, release, keep)
    return Recipe(name, [path], select, spectra_of, PART, pixels=len(APOGEE.pixels), **more)


def labelled_stars(path, release: str) -> tuple[Table, list]:
    """The stars of a catalogue allStar with good labels, and the counts of the cuts.

    Parameters
    ----------
    path : path
    release : str
        Such as "DR17".

    Returns
    -------
    stars : Table
        ``id`` (APOGEE_ID), the columns `FILE`, ``catalogue``, ``snr``, and those labels of `APOGEE` that
        the catalogue has, with errors. Missing ones are NaN. In DR14 also ``teff_calibrated`` and
        ``logg_calibrated`` (bool).
    counts : list of dict
    """
    needed = COLUMNS | ({"FPARAM": "vector"} if release == "DR14" else {})
    cuts = Cuts(f"APOGEE {release}", read_columns(path, needed, OPTIONAL))
    cuts.keep("no duplicate (EXTRATARG)", cuts.stars["EXTRATARG"] & DUPLICATE == 0)
    cuts.keep("not STAR_BAD", cuts.stars["ASPCAPFLAG"] & STAR_BAD == 0)
    cuts.stars = _labels(cuts.stars)
    cuts.stars["catalogue"] = cuts.catalogue
    known = np.isfinite(label_columns(cuts.stars, NEEDED)).all(axis=1)
    cuts.keep(f"{', '.join(NEEDED)} known", known)
    cuts.keep("one row a star", best_of_each(cuts.stars["id"], cuts.stars["snr"]))
    for name in UNCALIBRATED if "logg_calibrated" in cuts.stars.colnames else ():
        some = cuts.stars[~cuts.stars[f"{name.lower()}_calibrated"]]
        cuts.counts += counted(f"of these, {name} uncalibrated (FPARAM)", some)
    return cuts.stars, cuts.counts


def h_band_spectra(release: str, keep: bool, rows: Table) -> Spectra:
    """Spectra of stars with their labels, as far as the archive has them.

    A star is left out with a warning if the archive has no file of it, or one without a good spectrum.
    """
    found = [no_spectra(APOGEE)]
    for row in rows:
        try:
            found.append(_spectrum(row, release, keep))
        except (FileNotFoundError, BadFileError, ValueError) as error:
            warnings.warn(f"{row['id']} is left out: {error}", LeftOutWarning, stacklevel=2)
    spectra = Spectra.join(found)
    came = rows[np.isin(rows["id"], spectra.ids)]
    return replace(spectra, labels=labels_of(came, APOGEE))


def _spectrum(row, release, keep):
    """The spectrum of one star. A bad file is fetched once more, as it may have been cut on its way."""
    folder = datasets.folder(f"apogee-{release}-stars")
    try:
        path = stars.star_file(row, release, "apStar", folder)
    except BadFileError:
        path = stars.star_file(row, release, "apStar", folder)
    spectrum = replace(read_apogee(path), labels=None, ids=[row["id"]])
    if not keep:
        path.unlink()
    return spectrum


def _labels(table):
    """Labels of a catalogue allStar with our names. Those without any value are left out."""
    values = {name: np.asarray(table[name]) for name in table.colnames}
    for element in {name[:-2] for name in values if name.endswith("_H")} - {"FE"}:
        error = np.hypot(values.get(f"{element}_H_ERR", np.nan), values["FE_H_ERR"])
        values.setdefault(f"{element}_FE", values[f"{element}_H"] - values["FE_H"])
        values.setdefault(f"{element}_FE_ERR", error)
    vsini = values.get("VSINI", np.nan)
    values["VBROAD"] = np.where(vsini > 0, vsini, np.nan)
    labels = {"id": values["APOGEE_ID"], "snr": values["SNR"]} | {
        name: values[name] for name in FILE
    }
    for name, place in UNCALIBRATED.items() if "FPARAM" in values else ():
        calibrated = labels[f"{name.lower()}_calibrated"] = np.isfinite(values[name])
        values[name] = np.where(calibrated, values[name], values["FPARAM"][:, place])
        values[f"{name}_ERR"] = np.where(calibrated, values[f"{name}_ERR"], np.nan)
    for name in APOGEE.names:
        if np.isfinite(values.get(name.upper(), np.nan)).any():
            labels[name] = values[name.upper()]
            labels[f"{name}_error"] = values.get(f"{name.upper()}_ERR")
    return Table({name: column for name, column in labels.items() if column is not None})


def _halves(path, output):
    """The stars of one half. The labels of the other half are written to a file."""
    table, counts = labelled_stars(path, "DR14")
    odd = np.array([digest(star)[-1] & 1 for star in table["id"]], dtype=bool)
    others = shuffled(table[odd])
    others.remove_columns(list(FILE))
    with replacing(output) as temporary:
        others.write(temporary, format="fits")
    for what, half in (("the half with labels alone", odd), ("the half with spectra", ~odd)):
        counts.append({"catalogue": "APOGEE DR14", "cut": what, "stars": int(half.sum())})
    return table[~odd], counts
