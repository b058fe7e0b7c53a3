"""The tables in files of all kinds: text, FITS, VOTable and parquet, alone or together in a ZIP."""

import re
import warnings
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from astropy.io import fits, votable
from astropy.io.ascii import InconsistentTableError
from astropy.table import MaskedColumn, Table

from specnb.core.reading import DAMAGE
from specnb.surveys.columns import NAMES, find
from specnb.surveys.files import (
    BESIDE,
    COMMENT,
    KINDS,
    MISSING,
    NUMBER,
    REMEDY,
    LeftOutWarning,
    columns_of,
    content_of,
    fields,
    kind_of,
    largest_size,
)

# Rows of a parquet file that are decoded at a time, and bytes that are read at a time for them.
PARQUET_BATCH, PARQUET_BUFFER = 256, 2**20
_READING = {}  # where the last call of `parquet_rows` ended, by file and group


def tables_of(path):
    """The tables of a file.

    Returns
    -------
    list of astropy.table.Table
        What the file says about a table is in the metadata of the table.

    Raises
    ------
    ValueError
        If the file is damaged or empty, is a ZIP without spectra in tables, or pyarrow is missing.

    Warns
    -----
    LeftOutWarning
        If files in a ZIP hold no tables.
    """
    content = content_of(path)
    if not content.strip():
        raise ValueError(f"{path} is empty: download it again, or leave it out")
    kind = kind_of(content)
    if kind == "hdf5":
        raise ValueError(f"{path} is compressed HDF5, which is read as a file only: unpack it")
    if kind is None:
        names = ", ".join(name for name, _ in KINDS.values())
        raise ValueError(f"{path} is of unknown kind: give CSV (with names of columns), {names}")
    if kind != "zip":
        return _tables(path, content)
    tables = []
    for member, packed in _members(path, content).items():
        found = _tables(member, content_of(member, packed=packed))
        if not found:
            warnings.warn(
                f"{member} was left out, it holds no tables", LeftOutWarning, stacklevel=2
            )
        tables += found
    if not {name.lower() for table in tables for name in table.colnames} & set(NAMES["flux"]):
        raise ValueError(
            f"{path} holds no table with a column flux. Other spectra in a ZIP, such as images in "
            "FITS, HDF5 or another ZIP, are not read: unpack it and give its files"
        )
    return tables


def _members(path, content):
    """The content of each file in a ZIP by its path, which may be compressed once more."""
    limit = largest_size(len(content))
    try:
        with ZipFile(BytesIO(content)) as file:
            size = sum(each.file_size for each in file.infolist())
            names = [name for name in file.namelist() if not BESIDE.match(Path(name).name or ".")]
            members = {f"{path}/{name}": file.read(name) for name in names if size <= limit}
    except RuntimeError as error:  # a password, or a method of compression that Python lacks
        raise ValueError(f"{path} cannot be unpacked here ({error}): unpack it") from error
    except DAMAGE as error:
        raise ValueError(f"{path} is not a whole ZIP file ({error}): {REMEDY}") from error
    if size > limit:
        raise ValueError(f"{path} holds files of {size / 1e6:.0f} MB, it grows too much: unpack it")
    return members


def _tables(path, content):
    """The tables of the content of a file that is no ZIP. There are none in other kinds."""
    kind = kind_of(content)
    if kind not in READERS:
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
        if cut or isinstance(error, EOFError) or re.search("truncated|END card", reason):
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
    if all(NUMBER.fullmatch(name) for name in names):
        raise ValueError(
            "it lacks the names of its columns, add a first line such as "
            f"'{delimiter.join(('wavelength', 'flux', 'flux_error'))}'"
        )
    options = {"format": "ascii.basic", "delimiter": delimiter, "comment": None}
    if delimiter == "\t":  # only this reader keeps empty cells between tabs, but spaces, too
        rows = [re.sub(" *\t *", "\t", row) for row in rows]
        options = {"format": "ascii.tab", "comment": None}
    if set("".join(rows[1:2])) == {"-", " "}:  # the names are underlined, some cells may be empty
        rows = [line for line in lines if not COMMENT.match(line)]
        options = {"format": "ascii.fixed_width_two_line"}
    elif len(fields(rows[-1], delimiter)) < len(names) or rows[-1].count('"') % 2:
        raise EOFError(f"the last row is cut, {rows[-1][-40:]!r}")
    if lines[0].startswith("# %ECSV"):
        rows, options = lines, {"format": "ascii.ecsv"}
    missing = [(word, "0") for word in MISSING]
    try:
        return [Table.read(rows, guess=False, fill_values=missing, **options)]
    except InconsistentTableError as error:
        row = re.search(r"data line (\d+)", str(error))
        reason = f"row {int(row[1]) + 1} has not {len(names)} cells" if row else f"{error}"
        raise ValueError(f"{reason}, as many as there are names of columns") from error


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
    if len(hdus) == 1 and hdus[0].data is None:
        raise EOFError("it has a header only")
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
    from pyarrow import parquet

    file = parquet.ParquetFile(BytesIO(content))
    groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    columns = [group.column(i) for group in groups for i in range(group.num_columns)]
    # A column of equal values is tiny until it is read.
    size = sum(max(8 * each.num_values, each.total_uncompressed_size) for each in columns)
    if size > largest_size(len(content)):
        raise ValueError(f"it unpacks to {size / 1e6:.0f} MB, which spectra of its size do not")
    return [_astropy_table(file.read())]


def parquet_layout(path):
    """How spectra lie in a file of parquet: samples in a row, and the rows of each of its groups.

    There is 1 sample if a row is a pixel, if the file is of another kind, or without pyarrow.
    """
    with path.open("rb") as f:
        if f.read(4) != b"PAR1" or find_spec("pyarrow") is None:
            return 1, []
    from pyarrow import Table as Rows

    file, ends = _opened(path)
    flux = find(_astropy_table(Rows.from_batches([next(file.iter_batches(1))])), "flux")
    return (1 if flux is None else flux[0].size), np.diff(ends, prepend=0).tolist()


def parquet_rows(path, start, stop):
    """Rows of one group of a parquet file as a table, without reading the whole group.

    Parameters
    ----------
    path : Path
    start, stop : int
        Both are multiples of `PARQUET_BATCH` from the start of the group, or ``stop`` is its end.
        A call that goes on where the last one ended need not skip rows.
    """
    from pyarrow import Table as Rows

    file, ends = _opened(path)
    group = int(np.searchsorted(ends, start, side="right"))
    key = path, path.stat().st_mtime_ns, group
    at, batches = _READING.get(key, (stop, None))
    if at > start:
        at = ends[group] - file.metadata.row_group(group).num_rows
        batches = file.iter_batches(PARQUET_BATCH, [group])
    rows = []
    while at < stop:
        batch = next(batches)
        rows += [batch] if at >= start else []
        at += len(batch)
    _READING.clear()
    _READING[key] = at, batches
    return _astropy_table(Rows.from_batches(rows))


def _opened(path):
    """A parquet file and the ends of its groups of rows."""
    from pyarrow.parquet import ParquetFile

    file = ParquetFile(path, buffer_size=PARQUET_BUFFER, pre_buffer=False)
    groups = range(file.metadata.num_row_groups)
    return file, np.cumsum([file.metadata.row_group(group).num_rows for group in groups])


def _astropy_table(data):
    """Rows of pyarrow as a table of astropy, with a column for each part of a structure.

    The Multimodal Universe keeps flux, ivar and lambda in the structure `spectrum`.
    """
    data, table = data.flatten(), Table()
    for name, column in zip(data.column_names, data.columns):
        table[name.removeprefix("spectrum.")] = _values(column)
    # astropy writes the mask of a column beside it
    for name in [name for name in table.colnames if f"{name}.mask" in table.colnames]:
        table[name] = MaskedColumn(table[name].tolist(), mask=table[f"{name}.mask"].tolist())
    return table


def _values(column):
    """The values of a column of pyarrow. Lists of as many numbers in each row are one array."""
    from pyarrow import compute, types

    if types.is_list(column.type) or types.is_large_list(column.type):
        sizes, kind = compute.list_value_length(column).to_numpy(), column.type.value_type
        plain = types.is_floating(kind) or types.is_integer(kind) or types.is_boolean(kind)
        if plain and not column.null_count and len(set(sizes)) == 1:
            return compute.list_flatten(column).to_numpy().reshape(len(column), -1)
    # NumPy has no integers that are missing: they stay Python's, with None.
    plain = types.is_floating(column.type) or types.is_nested(column.type)
    return column.to_numpy() if plain else column.to_pylist()


READERS = {
    "ecsv": _text, "csv": _text, "fits": _fits, "votable": _votable, "parquet": _parquet,
}  # fmt: skip
