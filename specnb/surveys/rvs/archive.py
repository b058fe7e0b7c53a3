"""Real Gaia RVS spectra: where they lie on disk, and how they get there from the Gaia archive."""

import contextlib
import os
import socket
import tempfile
from http.client import HTTPException
from zipfile import BadZipFile

import numpy as np
from astropy.table import MaskedColumn, Table

from specnb.surveys.rvs.files import read_spectra
from specnb.core.paths import DATA, data_folder
from specnb.core.rebinning import rebin
from specnb.core.wavelength import RVS_PIXELS

KINDS = (".csv", ".csv.gz", ".ecsv", ".fits", ".xml", ".vot")
ARCHIVE = "gea.esac.esa.int"
# No network, archive down, answer unreadable, folder read-only, no astroquery: the remedy is the same.
FAILURES = (OSError, HTTPException, ValueError, KeyError, BadZipFile, ImportError)
TIMEOUT = 10.0  # seconds without an answer from the archive
# Correlation length of the noise in RVS mean spectra, in their samples of 0.1 Å, for `rebin`. Measured: the power of
# three spectra at 1.5-3 cycles/Å, where R = 11,500 leaves no lines, fits a triangular correlation of 2.7, 3.2 and
# 3.3 samples; the detector's pixels are 2.45 samples wide. Errors in 0.3 Å pixels become 1.53 times those of
# independent samples.
CORRELATION_LENGTH = 3.0


def real_stars():
    """Real RVS spectra, from `data_folder()`/gaia_rvs or, if that holds none, from the Gaia archive.

    What is downloaded (the stars of data/stars.ecsv) is kept in that folder. With the environment variable
    SPECNB_OFFLINE=1 nothing is downloaded.

    Returns
    -------
    spectra : Spectra or None
        On `RVS_PIXELS`, with errors that allow for correlated samples (`CORRELATION_LENGTH`); None if there are none.
    source : str
        A sentence that says where they come from, or why there are none and what to do.

    Raises
    ------
    ValueError
        If a file in the folder is not a good RVS spectrum; see `read_spectra`.
    """
    folder = data_folder() / "gaia_rvs"
    files, origin = real_files(), f"read from {folder}"
    if not files:
        try:
            _download(folder)
        except FAILURES as error:
            return None, (
                f"No real spectra: {folder} holds none and the Gaia archive gave none (offline? {error}). Connect and "
                f"run again, or put RVS spectra there, such as DataLink CSV files of the stars in {DATA / 'stars.ecsv'}."
            )
        files, origin = real_files(), f"downloaded from the Gaia archive to {folder}"
    spectra = rebin(read_spectra(files), RVS_PIXELS, CORRELATION_LENGTH)
    return spectra, f"{len(spectra)} Gaia DR3 RVS mean spectra (ESA/Gaia/DPAC) {origin}."


def literature(ids):
    """Labels of stars in the literature.

    Parameters
    ----------
    ids : sequence of str
        Gaia DR3 source_id of each star.

    Returns
    -------
    astropy.table.Table
        One row an id, in order: id; name, which is the id where no other is known; teff (K), logg (dex),
        m_h (dex) and reference, masked where unknown.
    """
    stars = Table.read(DATA / "stars.ecsv")
    row = {star: i for i, star in enumerate(stars["source_id"])}
    rows = np.array([row.get(str(star), -1) for star in ids], dtype=int)
    table = Table({"id": np.array(ids, dtype=str)})
    for name in ("name", "teff", "logg", "m_h", "reference"):
        column = MaskedColumn(stars[name])[rows]
        column.mask |= rows < 0
        table[name] = column
    table["name"] = [star if unknown else name for name, star, unknown in zip(table["name"], table["id"], rows < 0)]
    return table


def real_files():
    """Files of real spectra in `data_folder()`/gaia_rvs; the archive's file of wavelengths alone is none."""
    folder = data_folder() / "gaia_rvs"
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [f for f in found if f.name.endswith(KINDS) and not f.name.startswith(".") and "wavelength" not in f.name]


def _download(folder):
    """Fetch the stars of data/stars.ecsv from the Gaia archive, one CSV file a star."""
    if os.environ.get("SPECNB_OFFLINE") == "1":
        raise OSError("SPECNB_OFFLINE=1 is set")
    socket.create_connection((ARCHIVE, 443), TIMEOUT).close()  # importing astroquery offline is slow
    wanted = list(Table.read(DATA / "stars.ecsv")["source_id"])
    timeout = socket.getdefaulttimeout()
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):  # astroquery unpacks where it is run
        socket.setdefaulttimeout(TIMEOUT)
        try:
            from astroquery.gaia import GaiaClass  # here, because importing it is slow and talks to the archive

            products = GaiaClass(show_server_messages=False).load_data(
                ids=wanted,
                retrieval_type="RVS",
                data_release="Gaia DR3",
                data_structure="INDIVIDUAL",
                format="csv",
            )
        finally:
            socket.setdefaulttimeout(timeout)
    tables = {str(table["source_id"][0]): table for tables in products.values() for table in tables}
    if not tables:
        raise OSError("the archive returned no spectra")
    folder.mkdir(parents=True, exist_ok=True)
    for star in tables.keys() & set(wanted):  # the archive may return fewer than asked for
        temporary = folder / f".GaiaDR3-{star}.{os.getpid()}.tmp"
        try:
            tables[star].write(temporary, format="ascii.csv")
            temporary.replace(folder / f"GaiaDR3-{star}.csv")
        finally:
            temporary.unlink(missing_ok=True)
