"""The first paper's reference stars: Gaia RVS spectra with labels of APOGEE DR17 and GALAH DR3.

The paper (Manteiga et al. 2025, Sect. 3.1) has 64,305 stars, 54,422 of APOGEE and 9,883 of GALAH: with
8 ≤ G ≤ 14; without STAR_BAD and FE_H_FLAG in APOGEE; with flag_sp = 0 and flag_fe_h = 0 in GALAH; and
with errors of up to 200 K, 0.5, 0.3 and 0.2 dex.

What it leaves open, and what is done here
------------------------------------------
- The labels of APOGEE are TEFF, LOGG, M_H and ALPHA_M, those of GALAH teff, logg, fe_h and alpha_fe:
  GALAH has no [M/H], and [α/M] stands for [α/Fe].
- It removes stars of GALAH "with flag_sp or flag_fe_h with values set to 0". As 0 means that nothing is
  wrong, these are taken to be the stars that it keeps. flag_alpha_fe is not asked.
- FE_H_FLAG is taken to be bad if it is not 0.
- Errors are those of the catalogues, and the cuts keep stars at the limit.
- APOGEE's rows that it calls duplicates (bit 4 of EXTRATARG) are left out. Of several rows of one Gaia
  source the one with the highest S/N is kept (GALAH: snr_c3_iraf). A star in both catalogues counts
  for APOGEE.
- Stars are matched by the ids of Gaia EDR3 in both catalogues, which are those of DR3. G is
  phot_g_mean_mag of Gaia DR3, without a correction.
"""

from dataclasses import replace
from functools import partial

import numpy as np
from astropy.table import Table, vstack

from specnb.core.labels import label_columns
from specnb.core.spectra import Spectra
from specnb.core.storage import opened, read_rows
from specnb.surveys.apogee.files import STAR_BAD
from specnb.surveys.columns import NO_ID
from specnb.surveys.public import datasets, gaia
from specnb.surveys.public.build import Recipe, labels_of, no_spectra
from specnb.surveys.public.built import built_path
from specnb.surveys.public.catalogues import read_columns
from specnb.surveys.public.cuts import Cuts, best_of_each
from specnb.surveys.rvs.survey import RVS

PUBLISHED = {"APOGEE DR17": 54_422, "GALAH DR3": 9_883}
LARGEST_ERROR = {"teff": 200.0, "logg": 0.5, "m_h": 0.3, "alpha_fe": 0.2}
BRIGHTEST, FAINTEST = 8.0, 14.0
DUPLICATE = 1 << 4  # bit of EXTRATARG
SOURCE = ("source_id", "phot_g_mean_mag", "has_rvs")  # what Gaia tells of a star
PART = 1000  # stars that are asked at a time

# Columns of the catalogues by our names, and what is asked of their flags.
APOGEE = {
    "id": ("GAIAEDR3_SOURCE_ID", "id"), "snr": ("SNR", "number"), "extratarg": ("EXTRATARG", "flag"),
    "aspcapflag": ("ASPCAPFLAG", "flag"), "fe_h_flag": ("FE_H_FLAG", "flag"),
    "teff": ("TEFF", "number"), "teff_error": ("TEFF_ERR", "number"),
    "logg": ("LOGG", "number"), "logg_error": ("LOGG_ERR", "number"),
    "m_h": ("M_H", "number"), "m_h_error": ("M_H_ERR", "number"),
    "alpha_fe": ("ALPHA_M", "number"), "alpha_fe_error": ("ALPHA_M_ERR", "number"),
}  # fmt: skip
APOGEE_FLAGS = {
    "no duplicate (EXTRATARG)": lambda stars: stars["extratarg"] & DUPLICATE == 0,
    "not STAR_BAD": lambda stars: stars["aspcapflag"] & STAR_BAD == 0,
    "FE_H_FLAG = 0": lambda stars: stars["fe_h_flag"] == 0,
}
GALAH = {
    "id": ("dr3_source_id", "id"), "snr": ("snr_c3_iraf", "number"),
    "flag_sp": ("flag_sp", "flag"), "flag_fe_h": ("flag_fe_h", "flag"),
    "teff": ("teff", "number"), "teff_error": ("e_teff", "number"),
    "logg": ("logg", "number"), "logg_error": ("e_logg", "number"),
    "m_h": ("fe_h", "number"), "m_h_error": ("e_fe_h", "number"),
    "alpha_fe": ("alpha_fe", "number"), "alpha_fe_error": ("e_alpha_fe", "number"),
}  # fmt: skip
GALAH_FLAGS = {
    "flag_sp = 0": lambda stars: stars["flag_sp"] == 0,
    "flag_fe_h = 0": lambda stars: stars["flag_fe_h"] == 0,
}
LABELS = [f"{name}{end}" for name in LARGEST_ERROR for end in ("", "_error")]


def rvs_reference(keep: bool = False) -> Recipe:
    """The recipe of the set ``rvs-reference``, whose catalogues are fetched if they are missing.

    ``keep`` changes nothing, because the archive of Gaia gives spectra without files.
    """
    (apogee,) = datasets.fetch("apogee-dr17-allstar", progress=True)
    (galah,) = datasets.fetch("galah-dr3", progress=True)
    return Recipe(
        "rvs-reference",
        [apogee, galah],
        partial(reference_stars, apogee, galah),
        rvs_spectra,
        PART,
        published=PUBLISHED,
        pixels=len(RVS.pixels),
    )


def rvs_real(keep: bool = False) -> Recipe:
    """The recipe of ``rvs-real``: the stars of ``rvs-reference``, which must be there, with APOGEE's labels."""
    path = built_path("rvs-reference")
    if not path.is_file():
        raise FileNotFoundError(
            f"rvs-real is made from {path}, which is not there: run `specnb data build rvs-reference` first"
        )
    return Recipe(
        "rvs-real", [path], partial(_stars_of_apogee, path), partial(_spectra_at, path), PART,
        pixels=len(RVS.pixels),
    )  # fmt: skip


def reference_stars(apogee, galah) -> tuple[Table, list]:
    """The reference stars of two catalogues that have RVS spectra, and the counts of the cuts.

    Parameters
    ----------
    apogee, galah : path
        The catalogues allStar of APOGEE DR17 and main_allstar of GALAH DR3.

    Returns
    -------
    stars : Table
        ``id`` (Gaia DR3 source_id, text), ``catalogue``, ``snr``, ``g_mag``, and the labels with their
        errors.
    counts : list of dict
        See `Cuts`.
    """
    first = _good_stars("APOGEE DR17", apogee, APOGEE, APOGEE_FLAGS)
    second = _good_stars("GALAH DR3", galah, GALAH, GALAH_FLAGS)
    second.keep("not in APOGEE", ~np.isin(second.stars["id"], first.stars["id"]))
    ids = [str(star) for each in (first, second) for star in each.stars["id"]]
    known = {star: told for star, *told in gaia.sources(ids).iterrows(*SOURCE)}
    for cuts in (first, second):
        cuts.stars["id"] = cuts.stars["id"].astype(str)
        told = np.reshape([known.get(star, (np.nan, False)) for star in cuts.stars["id"]], (-1, 2))
        cuts.stars["g_mag"], has_rvs = told.T.astype(float)
        bright = (cuts.stars["g_mag"] >= BRIGHTEST) & (cuts.stars["g_mag"] <= FAINTEST)
        cuts.keep(f"{BRIGHTEST:g} ≤ G ≤ {FAINTEST:g}", bright)
        cuts.keep("Gaia has an RVS spectrum", has_rvs[bright] == 1)
        cuts.stars["catalogue"] = cuts.catalogue
    stars = vstack(
        [cuts.stars["id", "catalogue", "snr", "g_mag", *LABELS] for cuts in (first, second)]
    )
    return stars, first.counts + second.counts


def rvs_spectra(stars: Table) -> Spectra:
    """RVS spectra of stars on the papers' pixels, as far as Gaia gives them, in the order of the stars."""
    try:
        spectra = RVS.on_pixels(gaia.spectra(stars["id"].tolist()))
    except FileNotFoundError:
        spectra = no_spectra(RVS)
    came = stars[np.isin(stars["id"], spectra.ids)]
    return replace(spectra, labels=labels_of(came, RVS))


def _good_stars(catalogue, path, columns, flags):
    """The stars of a catalogue that pass the paper's cuts, as `Cuts`."""
    table = read_columns(path, dict(columns.values()))
    table.rename_columns([name for name, _ in columns.values()], list(columns))
    cuts = Cuts(catalogue, table)
    for cut, good in flags.items():
        cuts.keep(cut, good(cuts.stars))
    cuts.keep("has a Gaia source", cuts.stars["id"] > NO_ID)
    known = np.isfinite(label_columns(cuts.stars, LABELS)).all(axis=1)
    cuts.keep("four labels with errors", known)
    for name, largest in LARGEST_ERROR.items():
        cuts.keep(f"error of {name} ≤ {largest:g}", cuts.stars[f"{name}_error"] <= largest)
    cuts.keep("one row a Gaia source", best_of_each(cuts.stars["id"], cuts.stars["snr"]))
    return cuts


def _stars_of_apogee(path):
    """Rows of the set ``rvs-reference`` whose labels are APOGEE's."""
    with opened(path, "spectra") as source:
        stars = Table(
            {name: read_rows(data, slice(None)) for name, data in source["labels"].items()}
        )
        stars["id"] = read_rows(source["ids"], slice(None))
    stars["row"] = np.arange(len(stars))
    cuts = Cuts("APOGEE DR17", stars)
    cuts.counts[0]["cut"] = "stars of rvs-reference"
    cuts.keep("labels of APOGEE DR17", stars["catalogue"] == "APOGEE DR17")
    return cuts.stars, cuts.counts


def _spectra_at(path, stars):
    """Spectra of a set at some rows, which are in order."""
    low, high = int(stars["row"][0]), int(stars["row"][-1]) + 1
    return Spectra.read(path, rows=slice(low, high))[np.asarray(stars["row"]) - low]
