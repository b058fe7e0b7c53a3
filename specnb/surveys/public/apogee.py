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
from specnb.surveys.files import LeftOutWarning
from specnb.surveys.public import datasets, stars
from specnb.surveys.public.build import Recipe, labels_of
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
OPTIONAL = [
    "VMICRO", "VSINI",
    *(f"{e.upper()}_{x}{end}" for e in ELEMENTS for x in ("FE", "H") for end in ("", "_ERR")),
]  # fmt: skip


def apogee_dr14(keep: bool = False) -> Recipe:
    """The recipe of the set ``apogee-dr14``. With ``keep``, files of spectra stay when they were read."""
    (path,) = datasets.fetch("apogee-dr14-allstar")
    labels = built_path("apogee-dr14", "-labels.fits")
    select = partial(_halves, path, labels)
    return _recipe("apogee-dr14", "dr14", path, select, keep, beside=[labels])


def apogee_real(keep: bool = False) -> Recipe:
    """The recipe of the set ``apogee-real``, all stars of DR17. ``keep`` is as in `apogee_dr14`."""
    (path,) = datasets.fetch("apogee-dr17-allstar")
    return _recipe("apogee-real", "dr17", path, partial(labelled_stars, path, "DR17"), keep)


def _recipe(name, release, path, select, keep, **more):
    return Recipe(name, [path], select, partial(h_band_spectra, release, keep), PART, **more)


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
        the catalogue has, with errors. Missing ones are NaN.
    counts : list of dict
    """
    cuts = Cuts(f"APOGEE {release}", read_columns(path, COLUMNS, OPTIONAL))
    cuts.keep("no duplicate (EXTRATARG)", cuts.stars["EXTRATARG"] & DUPLICATE == 0)
    cuts.keep("not STAR_BAD", cuts.stars["ASPCAPFLAG"] & STAR_BAD == 0)
    labels = _labels(cuts.stars)
    labels["catalogue"] = cuts.catalogue
    cuts.stars = labels
    cuts.keep(f"{', '.join(NEEDED)} known", np.isfinite(label_columns(labels, NEEDED)).all(axis=1))
    cuts.keep("one row a star", best_of_each(cuts.stars["id"], cuts.stars["snr"]))
    return cuts.stars, cuts.counts


def h_band_spectra(release: str, keep: bool, rows: Table) -> Spectra:
    """Spectra of stars with their labels, as far as the archive has them.

    A star is left out with a warning if the archive has no file of it, or one without a good spectrum.
    """
    none = np.zeros((0, len(APOGEE.pixels)))
    found = [Spectra(APOGEE.pixels, none, none, none, [])]
    for row in rows:
        try:
            found.append(_spectrum(row, release, keep))
        except (FileNotFoundError, ValueError) as error:
            warnings.warn(f"{row['id']} is left out: {error}", LeftOutWarning, stacklevel=2)
    spectra = Spectra.join(found)
    came = rows[np.isin(rows["id"], spectra.ids)]
    return replace(spectra, labels=labels_of(came, APOGEE))


def _spectrum(row, release, keep):
    """The spectrum of one star. What comes is read: if that fails, it is fetched once more.

    Raises
    ------
    FileNotFoundError, ValueError
        If the archive has no file of the star, or no good one.
    OSError
        If the archive cannot be asked now.
    """
    folder = datasets.folder(f"apogee-{release}-stars")
    for again in (True, False):
        try:
            path = stars.star_file(row, release, "apStar", folder)
            spectrum = replace(read_apogee(path), labels=None, ids=[row["id"]])
            if not keep:
                path.unlink()
            return spectrum
        except OSError as error:
            if not isinstance(error.__cause__, ValueError):
                raise
            if not again:
                raise ValueError(f"{error}") from error
    return None


def _labels(table):
    """Labels of a catalogue allStar with our names, as plain arrays."""
    labels = {"id": table["APOGEE_ID"], **{name: table[name] for name in FILE}, "snr": table["SNR"]}
    for name, column in {"teff": "TEFF", "logg": "LOGG", "fe_h": "FE_H"}.items():
        labels |= {name: table[column], f"{name}_error": table[f"{column}_ERR"]}
    for element in map(str.upper, ELEMENTS):
        name = f"{element.lower()}_fe"
        if f"{element}_FE" in table.colnames:
            value, error = (_column(table, f"{element}_FE{end}") for end in ("", "_ERR"))
        else:
            value = _column(table, f"{element}_H") - table["FE_H"]
            error = np.hypot(_column(table, f"{element}_H_ERR"), table["FE_H_ERR"])
        labels |= {name: value, f"{name}_error": error}
    vsini = _column(table, "VSINI")
    labels |= {"vmicro": _column(table, "VMICRO"), "vbroad": np.where(vsini > 0, vsini, np.nan)}
    for name in [name for name in labels if f"{name}_error" in labels]:
        if not np.isfinite(labels[name]).any():  # the catalogue has the column, but no values
            del labels[name], labels[f"{name}_error"]
    return Table({name: np.asarray(values) for name, values in labels.items()})


def _column(table, name):
    """A column as an array, NaN if there is none."""
    return np.asarray(table[name] if name in table.colnames else np.full(len(table), np.nan))


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
