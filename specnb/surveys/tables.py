"""The tables in files of all kinds: text, FITS, VOTable and parquet, alone or together in a ZIP."""

import warnings
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

from astropy.io import fits, votable
from astropy.table import Table
from astropy.utils.data import get_readable_fileobj

from specnb.core.reading import DAMAGE, whole_file
from specnb.surveys.files import (
    BESIDE,
    HEAD,
    LARGEST_SIZE,
    REMEDY,
    LeftOutWarning,
    columns_of,
    fields,
    kind_of_content,
    largest_size,
)

# Cells of text with these words are missing values, and so are NaN and masked cells. Others, such
# as the error "#N/A" of a spreadsheet, are refused.
MISSING = ("", "null", "NULL", "None", "none", "N/A", "n/a", "NA", "--")


def tables_of(path, kind):
    """The tables of a file.

    Parameters
    ----------
    path : path
    kind : str
        See `specnb.surveys.files.kind_of`.

    Returns
    -------
    list of astropy.table.Table
        What the file says about a table is in the metadata of the table.

    Raises
    ------
    ValueError
        If the file is damaged, or pyarrow is missing.
    """
    with (
        whole_file(path, f"{kind} file", REMEDY, ValueError),
        get_readable_fileobj(path, encoding="binary") as f,
    ):
        content = f.read()
        contents = _members(content) if kind == "zip" else {"": content}
    tables = []
    for name, content in contents.items():
        inner = kind_of_content(content[:HEAD])
        if inner in READERS:
            tables += _tables(f"{path}/{name}" if name else path, inner, content)
        elif not BESIDE.match(Path(name).name):
            warnings.warn(f"{path}/{name} was left out, it holds no tables", LeftOutWarning, 2)
    return tables


def _members(content):
    """The contents of the files in a ZIP, such as DataLink's, by their names."""
    with ZipFile(BytesIO(content)) as file:
        if sum(each.file_size for each in file.infolist()) > largest_size(len(content)):
            raise ValueError("it grows too much when it is unpacked")
        return {name: file.read(name) for name in file.namelist() if not name.endswith("/")}


def _tables(path, kind, content):
    """The tables of the content of a file that is no ZIP."""
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


def _fits(content):
    tables = []
    with warnings.catch_warnings(action="ignore"):
        warnings.filterwarnings("error", "File may have been truncated")
        hdus = fits.open(BytesIO(content))
        for hdu in hdus:
            for card in list(hdu.header.cards):
                try:
                    _ = card.value
                except (fits.VerifyError, ValueError):
                    hdu.header.remove(card.keyword)  # such as an NaN without quotes
            if hdu.header.get("ZTABLE"):
                raise ValueError("its tables are compressed by fpack, which funpack undoes")
            if isinstance(hdu, (fits.BinTableHDU, fits.TableHDU)):
                table = Table.read(hdu)
                table.meta = {**hdus[0].header, **table.meta}
                tables.append(table)
    return tables


def _votable(content):
    elements = list(votable.parse(BytesIO(content)).iter_tables())
    tables = [element.to_table(use_names_over_ids=True) for element in elements]
    for table, element in zip(tables, elements):
        table.meta.update({param.name: param.value for param in element.params})
    return tables


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
