"""Real Gaia RVS spectra from the Gaia archive, and labels of their stars from the literature."""

import contextlib
import io
import socket
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from astropy.table import Table

from specnb.core.paths import DATA
from specnb.core.reading import read_shipped_table
from specnb.surveys.archive import Archive
from specnb.surveys.columns import ids_of
from specnb.surveys.downloading import LIMIT, TIMEOUT, is_busy, patiently, status_of
from specnb.surveys.tables import table_of
from specnb.surveys.transfer import mirrored

STARS = DATA / "stars.ecsv"
HOST = "gea.esac.esa.int"
FILE = "GaiaDR3-{}.csv"  # only files of `ARCHIVE` are called so
# What each release calls itself and its mean spectra, and the structure with one row per pixel: DR3
# knows the old word, and DR4 the new one, in the draft of its data model of June 2026.
RELEASES = {
    "dr3": ("Gaia DR3", "RVS", ("INDIVIDUAL", "DATAMODEL_STANDARD")),
    "dr4": ("Gaia DR4", "MEAN_SPECTRUM_RVS", ("DATAMODEL_STANDARD", "INDIVIDUAL")),
}


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
    for star, rows in archived([Path(name).stem.partition("-")[2] for name in names]):
        if FILE.format(star) in names:
            rows.write(folder / FILE.format(star), format="ascii.csv", overwrite=True)


def archived(stars, release="dr3", limit=LIMIT):
    """Yield the id and the table of each mean spectrum that the Gaia archive gives of some stars.

    It may give fewer, or others.

    Parameters
    ----------
    stars : sequence of str
        Values of source_id, at most 5,000.
    release : {"dr3", "dr4"}
    limit : float
        Seconds in which the answer must be complete, see `patiently`.

    Raises
    ------
    Exception
        Whatever astroquery raises.
    """
    server = urlsplit(mirrored(f"https://{HOST}/"))
    port = server.port or {"https": 443}.get(server.scheme, 80)
    # importing astroquery offline is slow
    socket.create_connection((server.hostname, port), TIMEOUT).close()
    # astroquery unpacks files into the current folder, and prints the errors of the archive
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch,
        contextlib.chdir(scratch),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        answer = patiently(lambda: _ask(server, stars, release), limit)
    for table in _tables(answer):
        ids = ids_of(table, "unknown")
        order = np.argsort(ids, kind="stable")
        found, first = np.unique(ids[order], return_index=True)
        for star, rows in zip(found, np.split(order, first[1:])):
            part = table[np.sort(rows)]
            part["source_id"] = star
            yield str(star), part


def _ask(server, stars, release):
    """The answer of the archive, whichever options this version of astroquery accepts."""
    # imported here, because the import is slow and connects to the archive
    from astroquery.gaia import GaiaClass

    client = GaiaClass(
        gaia_data_server=f"{server.scheme}://{server.netloc}",
        data_server_context=f"{server.path}data-server",
        show_server_messages=False,
    )
    data_release, kind, (structure, other) = RELEASES[release]
    csv = {"data_structure": structure, "format": "csv"}
    # Some versions of astroquery don't know the kind or some of these words.
    for options in (
        csv,
        csv | {"avoid_datatype_check": True},
        csv | {"data_structure": other, "avoid_datatype_check": True},
        csv | {"data_structure": other},
        {},
    ):
        try:
            return client.load_data(
                ids=stars, retrieval_type=kind, data_release=data_release, **options
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
