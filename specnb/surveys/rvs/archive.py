"""Real Gaia RVS spectra from the Gaia archive, and labels of their stars from the literature."""

import contextlib
import socket
import tempfile

import numpy as np
from astropy.table import Table

from specnb.core.paths import DATA
from specnb.core.reading import read_shipped_table
from specnb.surveys.archive import Archive

STARS = DATA / "stars.ecsv"
HOST = "gea.esac.esa.int"
TIMEOUT = 10.0  # seconds without an answer from the archive


def literature(ids):
    """Labels of stars from the literature.

    Parameters
    ----------
    ids : sequence of str
        Gaia DR3 source_id of each star.

    Returns
    -------
    astropy.table.Table
        One row per id, in the order of the ids. Columns: id; name, which is the id if no other name
        is known; teff (K), logg (dex), m_h (dex) and reference, masked where unknown.
    """
    stars = Table(read_shipped_table(STARS), masked=True)
    row = {star: i for i, star in enumerate(stars["source_id"])}
    stars.add_row({})  # the last row, all masked, is that of unknown stars
    rows = np.array([row.get(str(star), -1) for star in ids], dtype=int)
    table = stars["name", "teff", "logg", "m_h", "reference"][rows]
    table.add_column(np.array(ids, dtype=str), index=0, name="id")
    table["name"] = np.where(rows < 0, table["id"], table["name"])
    return table


def _fetch(folder):
    """Fetch the stars of data/stars.ecsv from the Gaia archive, one CSV file per star."""
    socket.create_connection((HOST, 443), TIMEOUT).close()  # importing astroquery offline is slow
    wanted = list(read_shipped_table(STARS)["source_id"])
    timeout = socket.getdefaulttimeout()
    # astroquery unpacks files into the current folder
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        socket.setdefaulttimeout(TIMEOUT)
        try:
            # imported here, because the import is slow and connects to the archive
            from astroquery.gaia import GaiaClass

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
    for star in tables.keys() & set(wanted):  # the archive may return fewer than asked for
        tables[star].write(folder / f"GaiaDR3-{star}.csv", format="ascii.csv")


ARCHIVE = Archive(
    folder="gaia_rvs",
    endings=(".csv", ".csv.gz", ".ecsv", ".fits", ".xml", ".vot"),
    what="Gaia DR3 RVS mean spectra (ESA/Gaia/DPAC)",
    source="the Gaia archive",
    remedy=f"put RVS spectra there, such as DataLink CSV files of the stars in {STARS}",
    fetch=_fetch,
)
