"""Real Gaia RVS spectra from the Gaia archive, and labels of their stars from the literature."""

import contextlib
import io
import socket
import tempfile
from pathlib import Path

import numpy as np
from astropy.table import Table

from specnb.core.paths import DATA
from specnb.core.reading import read_shipped_table
from specnb.surveys.archive import Archive
from specnb.surveys.columns import ids_of
from specnb.surveys.downloading import TIMEOUT, is_busy, patiently, status_of
from specnb.surveys.tables import table_of

STARS = DATA / "stars.ecsv"
HOST = "gea.esac.esa.int"
FILE = "GaiaDR3-{}.csv"  # only files of `ARCHIVE` are called so
# Some versions of astroquery don't know RVS or some of these words, and the archive knows one of
# the two names of the structure with one row per pixel.
CSV = {"data_structure": "INDIVIDUAL", "format": "csv"}
OPTIONS = (
    CSV,
    CSV | {"avoid_datatype_check": True},
    CSV | {"data_structure": "DATAMODEL_STANDARD"},
    {},
)


def literature(ids):
    """Labels of stars from the literature.

    Parameters
    ----------
    ids : sequence of str
        Gaia DR3 source_id of each star, or the id of another spectrum of data/stars.ecsv.

    Returns
    -------
    astropy.table.Table
        One row per id, in the order of the ids. Columns: id; name, which is the id if no other name
        is known; teff (K), logg, m_h, alpha_fe (dex), reference and part_of, which is the model in
        which the star took part, masked where unknown.
    """
    stars = Table(read_shipped_table(STARS), masked=True)
    row = {star: i for i, star in enumerate(stars["source_id"])}
    stars.add_row({})  # the last row, all masked, is that of unknown stars
    rows = np.array([row.get(str(star), -1) for star in ids], dtype=int)
    table = stars["name", "teff", "logg", "m_h", "alpha_fe", "reference", "part_of"][rows]
    table.add_column(np.array(ids, dtype=str), index=0, name="id")
    table["name"] = np.where(rows < 0, table["id"], table["name"])
    return table


def _names():
    """Names of the files of those stars of data/stars.ecsv that are in Gaia DR3."""
    stars = read_shipped_table(STARS)["source_id"]
    return [FILE.format(star) for star in stars if star.isdigit()]


def _fetch(folder, names):
    """Fetch stars from the Gaia archive, one CSV file per star. It may return fewer or others."""
    socket.create_connection((HOST, 443), TIMEOUT).close()  # importing astroquery offline is slow
    # astroquery unpacks files into the current folder, and prints the errors of the archive
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch,
        contextlib.chdir(scratch),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        answer = patiently(lambda: _ask([Path(name).stem.partition("-")[2] for name in names]))
    for table in _tables(answer):
        stars = ids_of(table, "unknown")
        for star in set(stars):
            rows = table[stars == star]
            rows["source_id"] = star
            if FILE.format(star) in names:
                rows.write(folder / FILE.format(star), format="ascii.csv", overwrite=True)


def _ask(stars):
    """The answer of the archive, whichever options this version of astroquery accepts."""
    # imported here, because the import is slow and connects to the archive
    from astroquery.gaia import GaiaClass

    client = GaiaClass(show_server_messages=False)
    for options in OPTIONS:
        try:
            return client.load_data(
                ids=stars, retrieval_type="RVS", data_release="Gaia DR3", **options
            )
        except (OSError, TypeError, ValueError) as error:
            if is_busy(error) and status_of(error) != 500:  # 500 may be said of an option
                raise
            refusal = error
    raise refusal


def _tables(answer) -> list:
    """All tables with rows in an answer of astroquery.

    It is a dictionary of lists of tables, but was and may be different in other versions.
    """
    if isinstance(answer, (dict, list, tuple)):
        parts = answer.values() if isinstance(answer, dict) else answer
        return [table for part in parts for table in _tables(part)]
    table = table_of(answer) if hasattr(answer, "to_table") else answer
    return [table] if isinstance(table, Table) and len(table) else []


ARCHIVE = Archive(
    folder="gaia_rvs",
    what="Gaia DR3 RVS mean spectra (ESA/Gaia/DPAC)",
    source="the Gaia archive",
    remedy=f"put RVS spectra there, such as DataLink CSV files of the stars in {STARS}",
    fetch=_fetch,
    names=_names,
    partial=True,
)
