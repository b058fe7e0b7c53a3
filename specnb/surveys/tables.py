"""The tables in files of all kinds: text, FITS, VOTable and parquet, alone or together in a ZIP."""

import warnings
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

from astropy.io import fits, votable
from astropy.table import Table

from specnb.core.reading import DAMAGE, whole_file
from specnb.surveys.files import (
    BESIDE,
    KINDS,
    LARGEST_SIZE,
    REMEDY,
    LeftOutWarning,
    columns_of,
    content_of,
    fields,
    kind_of,
    largest_size,
)

# Cells of text with these words are missing values, and so are NaN and masked cells. Others, such
# as the error "#N/A" of a spreadsheet, are refused.
MISSING = ("", "null", "NULL", "None", "none", "N/A", "n/a", "NA", "--")


def tables_of(path):
    """The tables of a file.

    Returns
    -------
    list of astropy.table.Table
        What the file says about a table is in the metadata of the table.

    Raises
    ------
    ValueError
        If the file is damaged, or pyarrow is missing.

    Warns
    -----
    LeftOutWarning
        If files in a ZIP hold no tables.
    """
    content = content_of(path)
    kind = kind_of(content)
    if kind == "hdf5":
        raise ValueError(f"{path} is compressed HDF5, which is read as a file only: unpack it")
    if kind is None:
        names = ", ".join(name for name, _ in KINDS.values())
        raise ValueError(f"{path} is of unknown kind: give CSV (with names of columns), {names}")
    if kind != "zip":
        return _tables(path, content)
    with whole_file(path, "ZIP file", REMEDY, ValueError), ZipFile(BytesIO(content)) as file:
        size = sum(each.file_size for each in file.infolist())
        names = [name for name in file.namelist() if not BESIDE.match(Path(name).name or ".")]
        fits_in = size <= largest_size(len(content))
        members = {name: file.read(name) for name in names if fits_in}
    if not fits_in:
        raise ValueError(f"{path} holds files of {size / 1e6:.0f} MB, it grows too much: unpack it")
    return [table for name in members for table in _tables(f"{path}/{name}", members[name])]


def _tables(path, content):
    """The tables of the content of a file that is no ZIP."""
    kind = kind_of(content)
    if kind not in READERS:
        warnings.warn(f"{path} was left out, it holds no tables", LeftOutWarning, stacklevel=2)
        return []
    if kind == "parquet" and find_spec("pyarrow") is None:
        raise ValueError(f"{path}: parquet is read by pyarrow, pip install specnb[parquet]")
    try:
        return READERS[kind](content)
    except DAMAGE as error:
        reason = " ".join((str(error) or repr(error)).split())[:200]
        # The end of a whole file shows that nothing is cut off.
        end = {"votable": b"VOTABLE>", "parquet": b"PAR1"}.get(kind, b"")
        cut = not content.rstrip().endswith(end) or (kind == "fits" and len(content) % 2880)
        if cut or isinstance(error, EOFError) or "truncated" in reason:
            raise ValueError(f"{path} is not a whole {kind} file ({reason}): {REMEDY}") from error
        raise ValueError(
            f"{path} cannot be read as {kind} ({reason}): repair it, or write it as CSV"
        ) from error


def _text(content):
    lines = [line for line in content.decode("utf-8-sig", "replace").splitlines() if line.strip()]
    found = columns_of(lines)
    if found is None:
        raise EOFError("it has a header only")
    names, delimiter, rows = found
    # astropy's reader would accept a last row that is cut off
    if len(fields(rows[-1], delimiter)) < len(names) or rows[-1].count('"') % 2:
        raise EOFError("the last row is cut")
    missing = [(word, "0") for word in MISSING]
    if lines[0].startswith("# %ECSV"):
        return [Table.read(lines, format="ascii.ecsv", fill_values=missing)]
    kind = "basic" if delimiter == " " else "csv"
    options = {"delimiter": delimiter, "guess": False, "fill_values": missing}
    return [Table.read(rows, format=f"ascii.{kind}", **options)]


def open_fits(content):
    """The HDUs of the content of a file, with their data, and without cards that are no FITS."""
    with warnings.catch_warnings(action="ignore"):
        for sign in ("File may have been truncated", "Error validating header"):
            warnings.filterwarnings("error", sign)
        hdus = fits.open(BytesIO(content))
        for hdu in hdus:
            for card in list(hdu.header.cards):
                try:
                    _ = card.value
                except (fits.VerifyError, ValueError):
                    hdu.header.remove(card.keyword)  # such as an NaN without quotes
            _ = hdu.data
    return hdus


def _fits(content):
    hdus, tables = open_fits(content), []
    for hdu in hdus:
        if isinstance(hdu, (fits.BinTableHDU, fits.TableHDU)):
            with warnings.catch_warnings(action="ignore"):
                tables.append(Table.read(hdu))
            tables[-1].meta = {**hdus[0].header, **tables[-1].meta}
    return tables


def _votable(content):
    return [table_of(element) for element in votable.parse(BytesIO(content)).iter_tables()]


def table_of(element):
    """A table of a VOTable, with the values of its PARAMs as metadata."""
    table = element.to_table(use_names_over_ids=True)
    table.meta.update({param.name: param.value for param in element.params})
    return table


def _parquet(content):
    """One table, with a column for each part of a structure.

    The Multimodal Universe keeps flux, ivar and lambda in the structure `spectrum`.
    """
    from pyarrow import parquet, types

    file = parquet.ParquetFile(BytesIO(content))
    groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    if sum(group.total_byte_size for group in groups) > LARGEST_SIZE:
        raise ValueError(f"it unpacks to more than {LARGEST_SIZE / 1e9:.0f} GB")
    data, table = file.read().flatten(), Table()
    for name, column in zip(data.column_names, data.columns):
        # NumPy has no integers that are missing: they stay Python's, with None.
        plain = types.is_floating(column.type) or types.is_nested(column.type)
        values = column.to_numpy() if plain else column.to_pylist()
        table[name.removeprefix("spectrum.")] = values
    return [table]


READERS = {
    "ecsv": _text, "csv": _text, "fits": _fits, "votable": _votable, "parquet": _parquet,
}  # fmt: skip
