"""Small archives with the column layouts, types and oddities of the real ones, for a local server.

The stars are those of mock surveys: spectra and catalogue labels belong to each other, so that studies
of them mean something. Some rows are made bad in every way that the real catalogues have. `Tiny` keeps
its rows as plain dicts of Python, from which tests work out by themselves which stars remain.

Columns are some of those of the data models, in their order, names and types: allStar of APOGEE DR14
(l31c.2) and DR17 (synspec_rev1), main_allstar_v2 of GALAH DR3.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha1
from io import BytesIO

import numpy as np
from archive_server import DATALINK, TAP, datalink, rows_of, tap
from astropy.io import fits

from specnb.emulator.shipped import load_emulator
from specnb.surveys import APOGEE, RVS
from specnb.surveys.apogee.archive import spectrum_url
from specnb.surveys.apogee.pixels import APOGEE_CUT, APOGEE_NATIVE
from specnb.surveys.apogee.survey import ELEMENTS
from specnb.surveys.mock import make_mock
from specnb.surveys.public import datasets
from specnb.surveys.rvs.pixels import RVS_NATIVE

NAN = float("nan")
DWARF = 3.7  # stars with a larger log g are dwarfs
CSV = "source_id,solution_id,ra,dec,wavelength,flux,flux_error,combined_transits,combined_ccds,deblended_ccds"
PIXEL = np.abs(RVS_NATIVE[:, None] - RVS.pixels).argmin(axis=1)  # the nearest of each sample
ALLSTAR = {
    "dr14": "https://data.sdss.org/sas/dr14/apogee/spectro/redux/r8/stars/l31c/l31c.2/allStar-l31c.2.fits",
    "dr17": "https://data.sdss.org/sas/dr17/apogee/spectro/aspcap/dr17/synspec_rev1/allStar-dr17-synspec_rev1.fits",
}
GALAH = "https://cloud.datacentral.org.au/teamdata/GALAH/public/GALAH_DR3/GALAH_DR3_main_allstar_v2.fits"
GALAH_FORMATS = {
    "star_id": "16A", "sobject_id": "K", "dr2_source_id": "K", "dr3_source_id": "K", "survey_name": "11A",
    "field_id": "K", "flag_repeat": "K", "wg4_field": "27A", "wg4_pipeline": "16A", "flag_sp": "K",
    "teff": "D", "e_teff": "D", "irfm_teff": "E", "irfm_ebv": "E", "logg": "D", "e_logg": "D", "fe_h": "D",
    "e_fe_h": "D", "flag_fe_h": "K", "fe_h_atmo": "E", "vmic": "E", "vbroad": "E", "e_vbroad": "E",
    "chi2_sp": "E", "alpha_fe": "D", "e_alpha_fe": "D", "nr_alpha_fe": "K", "flag_alpha_fe": "K",
    "snr_c3_iraf": "E", "ra_dr2": "D", "dec_dr2": "D",
}  # fmt: skip


def allstar_formats(release):
    """Names and types of columns of allStar."""
    flag, n = ("K", 27) if release == "dr17" else ("J", 26)
    gaia = {
        "GAIAEDR3_SOURCE_ID": "K", "GAIAEDR3_PARALLAX": "E", "GAIAEDR3_PHOT_G_MEAN_MAG": "E",
    }  # fmt: skip
    elements = {
        f"{e.upper()}_FE{end}": kind
        for e in (*ELEMENTS, "Ce")
        for end, kind in (("", "E"), ("_ERR", "E"), ("_FLAG", "J"))
    }
    return {
        "FILE": "64A", "APOGEE_ID": "30A", "TARGET_ID": "47A", "TELESCOPE": "8A", "LOCATION_ID": "J",
        "FIELD": "20A", "RA": "D", "DEC": "D", "J": "E", "H": "E", "K": "E", "APOGEE_TARGET1": "J",
        "TARGFLAGS": "132A", "NVISITS": "J", "SNR": "E", "STARFLAG": flag, "STARFLAGS": "129A",
        "VHELIO_AVG": "E", "VSCATTER": "E", **(gaia if release == "dr17" else {}),
        "FPARAM": "9E", "FPARAM_COV": "81E", "PARAM": "9E", "PARAMFLAG": "9J", "ASPCAPFLAG": flag,
        "ASPCAPFLAGS": "114A", "X_H": f"{n}E", "ELEMFLAG": f"{n}J", "TEFF": "E", "TEFF_ERR": "E",
        "LOGG": "E", "LOGG_ERR": "E", "VMICRO": "E", "VMACRO": "E", "VSINI": "E", "M_H": "E", "M_H_ERR": "E",
        "ALPHA_M": "E", "ALPHA_M_ERR": "E", **elements, "FE_H": "E", "FE_H_ERR": "E", "FE_H_FLAG": "J",
        "EXTRATARG": "J",
    }  # fmt: skip


@dataclass(frozen=True, eq=False)
class Tiny:
    """Small archives.

    Attributes
    ----------
    rows : dict of str to list of dict
        Rows of the catalogues "dr14", "dr17" and "galah", with the columns that matter.
    sources : dict of int to (float, bool)
        G and has_rvs of Gaia's sources. Some that catalogues name are not there.
    rvs, h_band : dict of str to Spectra
        Spectra by Gaia's source_id and by APOGEE_ID. Some are not there, and some have no good pixel.
    """

    rows: dict
    sources: dict
    rvs: dict = field(repr=False)
    h_band: dict = field(repr=False)

    @cache  # noqa: B019 - there are few such objects
    def files(self) -> dict[str, bytes]:
        """Contents of all files that can be fetched by a URL of their own, by URL."""
        files = {
            url: fits_table(self.rows[name], allstar_formats(name)) for name, url in ALLSTAR.items()
        }
        files[GALAH] = fits_table(self.rows["galah"], GALAH_FORMATS)
        for release, telescopes in (("dr14", ("apo25m",)), ("dr17", ("apo25m", "lco25m"))):
            for row in self.rows[release]:
                star = row["APOGEE_ID"]
                if star in self.h_band and row["TELESCOPE"] in telescopes:
                    place = row["LOCATION_ID"] if release == "dr14" else row["FIELD"]
                    url = spectrum_url(star, place, row["TELESCOPE"], release)
                    files[url] = apstar(self.h_band[star], star, release)
        return files

    def rvs_csv(self, star) -> bytes:
        """The CSV file of a star as DataLink gives it, with the metadata in each row."""
        spectra, row = self.rvs[star], 0
        flux = np.interp(RVS_NATIVE, spectra.wavelength, spectra.flux[row])
        error = 1.13 * np.interp(
            RVS_NATIVE,
            spectra.wavelength,
            np.where(spectra.mask[row], 1.0, spectra.flux_error[row]),
        )
        missing = spectra.mask[row][PIXEL]
        lines = [CSV]
        for wave, value, sigma, bad in zip(RVS_NATIVE / 10, flux, error, missing):
            cells = "," if bad else f"{value:.7g},{sigma:.7g}"
            lines.append(f"{star},1636148068921376768,1.5,2.5,{wave:.2f},{cells},12,36,0")
        return "\n".join(lines).encode()


class _Csv(Mapping):
    """CSV files of the stars that archives have, which are written when they are asked for."""

    def __init__(self, archives):
        self.archives = archives

    def __getitem__(self, star):
        return self.archives.rvs_csv(star)

    def __contains__(self, star):
        return star in self.archives.rvs

    def __iter__(self):
        return iter(self.archives.rvs)

    def __len__(self):
        return len(self.archives.rvs)


def fits_table(rows, formats) -> bytes:
    """A FITS table with columns of some formats. What rows do not tell is 0 or empty."""
    columns = []
    for name, kind in formats.items():
        empty = "" if kind.endswith("A") else 0
        values = [row.get(name, empty) for row in rows]
        if kind[:-1].isdigit() and not kind.endswith("A"):
            none = np.zeros(int(kind[:-1]), {"E": ">f4", "J": ">i4"}[kind[-1]])
            values = np.array([row.get(name, none) for row in rows], none.dtype)
        columns.append(fits.Column(name, kind, array=values))
    file = BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(file)
    return file.getvalue()


def apstar(spectra, star, release) -> bytes:
    """An apStar file of one visit: one dimension in DR14, and two rows in DR17, of which one is zero."""
    outside = 0.0 if release == "dr14" else NAN
    scale = 800 + 0.02 * (spectra.wavelength - 16000)
    flux, error, bits = (
        np.full(len(APOGEE_NATIVE), value)
        for value in (outside, 1e10 if release == "dr14" else 1e14, 0)
    )
    bad = spectra.mask[0]
    flux[APOGEE_CUT] = np.where(bad, outside, spectra.flux[0]) * scale
    error[APOGEE_CUT] = np.where(
        bad, error[APOGEE_CUT], np.where(bad, 1, spectra.flux_error[0]) * scale
    )
    bits[APOGEE_CUT] = np.where(bad, 1 | 1 << 12, 1 << 9)  # bit 9 (persistence) is no bad pixel
    images = [flux.astype(np.float32), error.astype(np.float32), bits.astype(np.int16)]
    if release == "dr17":
        images = [np.stack([image, 0 * np.nan_to_num(image)]) for image in images]
    grid = {"CRVAL1": 4.179, "CDELT1": 6e-6, "CRPIX1": 1, "CTYPE1": "LOG-LINEAR"}
    header = fits.Header(grid | {"OBJID": star, "SNR": 100.0, "NVISITS": 1, "VHELIO": -9999.99})
    file = BytesIO()
    units = ("Flux (10^-17 erg/s/cm^2/Ang)", "Err (10^-17 erg/s/cm^2/Ang)", "Pixel bitmask")
    hdus = [fits.ImageHDU(a, fits.Header(grid | {"BUNIT": u})) for a, u in zip(images, units)]
    fits.HDUList([fits.PrimaryHDU(header=header), *hdus]).writeto(file)
    return file.getvalue()


@cache
def tiny(n_rvs=600, n_h_band=120, seed=7) -> Tiny:
    """Small archives, of which about two thirds of the stars pass all cuts.

    Parameters
    ----------
    n_rvs : int
        Stars with RVS spectra: two thirds are in APOGEE, a third in GALAH, and a tenth in both.
    n_h_band : int
        Stars with spectra of the H band, in DR14 and in DR17.
    seed : int
    """
    rng = np.random.default_rng(seed)
    rvs, bright = make_mock(load_emulator("rvs"), RVS.mock(n_stars=n_rvs, seed=seed))
    h_band, truth = make_mock(load_emulator("apogee"), APOGEE.mock(n_stars=n_h_band, seed=seed))
    ids = [int(number) for number in rng.choice(2**50, n_rvs, replace=False) + 2**55]
    sources, apogee, galah = {}, [], []
    for k, number in enumerate(ids):
        labels = {name: float(rvs.labels[name][k]) for name in rvs.labels.colnames}
        sources[number] = (
            float(bright.labels["g_mag"][k] - 0.1 + 0.4 * (k % 7 == 0)),
            rng.random() < 0.95,
        )
        if rng.random() < 0.01:
            del sources[number]
        if k % 3 or k % 10 == 0:
            apogee.append(_allstar_row(f"2M{k:08d}+0000001", number, labels, rng))
        if k % 3 == 0:
            galah.append(_galah_row(k, number, labels, rng))
    rows = {"dr17": _spoiled(apogee, "APOGEE", rng), "galah": _spoiled(galah, "GALAH", rng)}
    stars = []
    for k in range(n_h_band):
        labels = {name: float(h_band.labels[name][k]) for name in h_band.labels.colnames}
        labels |= {
            f"{e.lower()}_fe": float(truth.labels[f"{e.lower()}_fe"][k]) for e in ELEMENTS[:17]
        }
        labels |= {"m_h": labels["fe_h"], "alpha_fe": labels["mg_fe"], "vmicro": 1.5}
        labels |= {"m_h_error": 0.02, "alpha_fe_error": 0.02}
        stars.append(_allstar_row(f"2M{k:08d}-0000001", 0, labels, rng))
    rows["dr17"] += _spoiled([dict(row) for row in stars], "APOGEE", rng)
    rows["dr14"] = _spoiled([dict(row) for row in stars], "APOGEE", rng)
    for row in rows["dr14"]:  # DR14 has no NaN, and calibrates log g of giants only
        if row["LOGG"] > DWARF or row["FPARAM"][1] > DWARF:
            row |= {"LOGG": NAN, "LOGG_ERR": NAN}
        row |= {
            key: -9999.0
            for key, value in row.items()
            if isinstance(value, float) and value != value
        }
    # The archives lack some spectra, and some have no good pixel.
    spectra = {str(n): _bad(rvs[k], k % 53 == 8) for k, n in enumerate(ids) if k % 41 != 5}
    names = [row["APOGEE_ID"] for row in stars]
    files = {n: _bad(h_band[k], k % 53 == 8) for k, n in enumerate(names) if k % 37 != 4}
    return Tiny(rows, sources, spectra, files)


def _bad(spectra, bad):
    """A spectrum, without a good pixel if it is bad."""
    return replace(spectra, mask=spectra.mask | bad)


def _allstar_row(star, source, labels, rng):
    """A row of allStar without faults."""
    dwarf = labels["logg"] > DWARF
    calibration = np.array([0.0, 0.0] if dwarf else [-40.0, 0.15])
    found = [labels["teff"], labels["logg"]] + calibration
    row = {
        "APOGEE_ID": star, "TELESCOPE": "apo25m", "LOCATION_ID": 4100 + int(rng.integers(3)), "FIELD": "000+02",
        "SNR": float(rng.uniform(50, 300)), "NVISITS": 1, "GAIAEDR3_SOURCE_ID": source,
        "VMICRO": labels.get("vmicro", 1.0), "VSINI": float(rng.uniform(2, 9)) if dwarf else NAN,
        "VMACRO": NAN if dwarf else 4.0, "EXTRATARG": 0, "ASPCAPFLAG": 0, "FE_H_FLAG": 0,
        "FPARAM": [*found, 0.1, labels["m_h"], *[0.0] * 5],
        "FE_H": labels.get("fe_h", NAN), "FE_H_ERR": 0.02, "M_H": labels["m_h"], "M_H_ERR": labels["m_h_error"],
        "ALPHA_M": labels["alpha_fe"], "ALPHA_M_ERR": labels["alpha_fe_error"],
    }  # fmt: skip
    row |= {f"{e.upper()}_FE": labels.get(f"{e.lower()}_fe", NAN) for e in (*ELEMENTS, "Ce")}
    row |= {f"{e.upper()}_FE_ERR": 0.03 for e in (*ELEMENTS, "Ce")}
    for name in ("teff", "logg"):
        row |= {name.upper(): labels[name], f"{name.upper()}_ERR": labels[f"{name}_error"]}
    return row


def _galah_row(k, source, labels, rng):
    """A row of GALAH without faults."""
    return {
        "star_id": f"{k:08d}", "sobject_id": 131116000501000 + k, "dr2_source_id": source + 1,
        "dr3_source_id": source, "flag_repeat": 0, "flag_sp": 0, "flag_fe_h": 0,
        "flag_alpha_fe": int(rng.random() < 0.1), "snr_c3_iraf": float(rng.uniform(20, 200)),
        "teff": labels["teff"], "e_teff": labels["teff_error"], "logg": labels["logg"],
        "e_logg": labels["logg_error"], "fe_h": labels["m_h"], "e_fe_h": labels["m_h_error"],
        "alpha_fe": labels["alpha_fe"], "e_alpha_fe": labels["alpha_fe_error"],
    }  # fmt: skip


FAULTS = {
    "APOGEE": [
        {"ASPCAPFLAG": 1 << 23}, {"ASPCAPFLAG": 1 << 7}, {"ASPCAPFLAG": -9999}, {"FE_H_FLAG": 1 << 8},
        {"FE_H_FLAG": 2}, {"TEFF": NAN}, {"LOGG": -9999.0}, {"LOGG": -9999.0, "FPARAM": [5e3, *[-9999.0] * 8]},
        {"ALPHA_M": -9999.99}, {"M_H_ERR": NAN},
        {"TEFF_ERR": 200.0}, {"TEFF_ERR": 200.1}, {"LOGG_ERR": 0.6}, {"M_H_ERR": 0.3}, {"M_H_ERR": 0.31},
        {"ALPHA_M_ERR": 0.2}, {"ALPHA_M_ERR": 0.25}, {"GAIAEDR3_SOURCE_ID": 0}, {"MG_FE": NAN}, {"FE_H": NAN},
        {"EXTRATARG": 1 << 4}, {"EXTRATARG": 1 << 2}, {"SNR": NAN},
    ],
    "GALAH": [
        {"flag_sp": 1}, {"flag_sp": 1024}, {"flag_fe_h": 1}, {"flag_fe_h": 32}, {"teff": NAN}, {"alpha_fe": NAN},
        {"e_teff": 201.0}, {"e_logg": 0.51}, {"e_fe_h": 0.4}, {"e_alpha_fe": 0.21}, {"dr3_source_id": -9999},
        {"dr3_source_id": 0}, {"snr_c3_iraf": NAN}, {"dr3_source_id": 999999},
    ],
}  # fmt: skip


def _spoiled(rows, survey, rng):
    """Rows of which a fifth has one fault each; a tenth is there twice, some with EXTRATARG; mixed."""
    faults, result = FAULTS[survey], []
    snr = "SNR" if survey == "APOGEE" else "snr_c3_iraf"
    for k, row in enumerate(rows):
        result.append(row | (faults[k // 5 % len(faults)] if k % 5 == 0 else {}))
        if k % 10 == 3:
            again = row | {snr: float(rng.uniform(10, 300))}
            result.append(
                again | ({"EXTRATARG": 1 << 4} if k % 20 == 3 and survey == "APOGEE" else {})
            )
    return [result[k] for k in rng.permutation(len(result))]


def stand_in(server, archives, monkeypatch):
    """Let a server of `archive_server` answer like all archives, and publish what its files are like."""
    files = archives.files()
    server.pages |= {url.partition("://")[2]: body for url, body in files.items()}
    server.pages[TAP] = tap({str(star): told for star, told in archives.sources.items()})
    server.pages[DATALINK] = datalink(_Csv(archives))
    for name, data in datasets.datasets().items():
        known = [
            {"url": each["url"], "checksum": f"sha1:{sha1(files[each['url']]).hexdigest()}"}
            | ({"rows": rows_of(files[each["url"]])} if "rows" in each else {})
            for each in data.files
            if each["url"] in files
        ]
        if known:
            monkeypatch.setitem(datasets.datasets(), name, replace(data, files=tuple(known)))
