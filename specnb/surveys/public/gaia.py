"""Mean spectra of Gaia's RVS, and what the Gaia archive knows of their stars, by lists of stars."""

import tempfile
import warnings
from pathlib import Path

import numpy as np
from astropy.table import Table, vstack

from specnb.core.reading import whole_file
from specnb.core.spectra import Spectra
from specnb.surveys.columns import Sheet
from specnb.surveys.downloading import check_online, explained
from specnb.surveys.files import LeftOutWarning
from specnb.surveys.plain import spectra_of
from specnb.surveys.rvs.archive import HOST, RELEASES, archived
from specnb.surveys.rvs.survey import RVS
from specnb.surveys.transfer import fetch_url

LARGEST = 5_000  # stars that one request for spectra may name
ROWS = 2_000  # rows that the archive gives at most in answer to a synchronous query
LIMIT = 1_800.0  # seconds for one request for spectra, which the archive puts together first
TAP = f"https://{HOST}/tap-server/tap/sync"
COLUMNS = ["source_id", "phot_g_mean_mag", "has_rvs"]
QUERY = f"SELECT {', '.join(COLUMNS)} FROM gaiadr3.gaia_source WHERE source_id IN ({{}})"


def spectra(ids, release: str = "dr3", limit: float = LIMIT) -> Spectra:
    """The mean spectra of some stars, from the Gaia archive (DataLink).

    Parameters
    ----------
    ids : sequence of str or int
        source_id of at most 5,000 stars, in the release.
    release : {"dr3", "dr4"}
        Gaia DR4 is asked for as in the draft of its data model (June 2026).
    limit : float
        Seconds in which the answer must be complete.

    Returns
    -------
    Spectra
        On the native pixels of the release, in the order of the ids, without the stars that did not
        come. Its ids are source_id.

    Raises
    ------
    ValueError
        If there are more stars, a number is none of Gaia's, or there is no such release.
    FileNotFoundError
        If the archive gives no good spectrum of any star.
    OSError
        If it cannot be reached.

    Warns
    -----
    LeftOutWarning
        If some stars did not come, with their numbers and the first reason.
    """
    ids = list(dict.fromkeys(str(star) for star in ids))
    wrong = [star for star in ids if not star.isdecimal()]
    if wrong or not 0 < len(ids) <= LARGEST or release not in RELEASES:
        what = f"source_id is {wrong[0]}" if wrong else f"{len(ids)} stars of release {release}"
        raise ValueError(f"{what}: give 1 to {LARGEST} whole numbers of {' or '.join(RELEASES)}")
    found, reasons = {}, []
    try:
        check_online()
        for star, table in archived(ids, release, limit):
            try:
                found[star] = spectra_of(Sheet(table, Path(f"star {star}")), [RVS])
            except ValueError as error:
                reasons.append(f"{error}")
    except Exception as error:
        raise OSError(
            f"the Gaia archive gave no spectra ({explained(error, Path.cwd())})"
        ) from error
    lost = [star for star in ids if star not in found]
    why = f" ({reasons[0]})" if reasons else ", which may have none"
    text = f"the Gaia archive gave no good spectrum of {len(lost)} of {len(ids)} stars{why}: {', '.join(lost[:9])}"
    if len(lost) == len(ids):
        raise FileNotFoundError(text)
    if lost:
        warnings.warn(text, LeftOutWarning, stacklevel=2)
    return Spectra.join([found[star] for star in ids if star in found])


def sources(ids) -> Table:
    """What Gaia DR3 knows of some stars, by TAP in batches.

    Parameters
    ----------
    ids : sequence of str or int
        source_id of any number of stars.

    Returns
    -------
    Table
        One row for each star that is in Gaia DR3, in the order of the ids: ``source_id`` (str),
        ``phot_g_mean_mag`` (mag, NaN if unknown), ``has_rvs`` (bool).

    Raises
    ------
    OSError
        If the archive cannot be reached, or its answer is no such table.
    """
    ids = list(dict.fromkeys(str(int(star)) for star in ids))
    found = [Table(names=COLUMNS, dtype=(str, float, bool))]
    for k in range(0, len(ids), ROWS):
        query = QUERY.format(",".join(ids[k : k + ROWS]))
        form = {"REQUEST": "doQuery", "LANG": "ADQL", "FORMAT": "csv", "QUERY": query}
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "sources.csv"
            fetch_url(TAP, path, data=form, read=_sources_in)
            found.append(_sources_in(path))
    table = vstack(found)
    row = {star: k for k, star in enumerate(table["source_id"])}
    return table[[row[star] for star in ids if star in row]]


def _sources_in(path):
    """The rows of an answer."""
    text = dict.fromkeys(COLUMNS, str)  # an empty column has no type
    with whole_file(path, "table of Gaia's stars", "try again later"):
        table = Table.read(path, format="ascii.csv", converters=text)
        star, magnitude, has = table[COLUMNS].columns.values()
    magnitude = [float(each) if each else np.nan for each in np.ma.filled(magnitude, "")]
    has = [each.lower() in ("true", "t", "1") for each in has]
    return Table([star, magnitude, has], names=COLUMNS, dtype=(str, float, bool))
