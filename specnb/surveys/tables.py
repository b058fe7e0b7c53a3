"""The tables in files of all kinds: text, FITS, VOTable and parquet, alone or together in a ZIP."""

import re
import warnings
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

from astropy.io import fits, votable
from astropy.io.ascii import InconsistentTableError
from astropy.table import MaskedColumn, Table

from specnb.core.reading import DAMAGE
from specnb.surveys.columns import NAMES
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
    """One table, with a column for each part of a structure.

    The Multimodal Universe keeps flux, ivar and lambda in the structure `spectrum`.
    """
    from pyarrow import parquet, types

    file = parquet.ParquetFile(BytesIO(content))
    groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    columns = [group.column(i) for group in groups for i in range(group.num_columns)]
    # A column of equal values is tiny until it is read.
    size = sum(max(8 * each.num_values, each.total_uncompressed_size) for each in columns)
    if size > largest_size(len(content)):
        raise ValueError(f"it unpacks to {size / 1e6:.0f} MB, which spectra of its size do not")
    data, table = file.read().flatten(), Table()
    for name, column in zip(data.column_names, data.columns):
        # NumPy has no integers that are missing: they stay Python's, with None.
        plain = types.is_floating(column.type) or types.is_nested(column.type)
        values = column.to_numpy() if plain else column.to_pylist()
        table[name.removeprefix("spectrum.")] = values
    # astropy writes the mask of a column beside it
    for name in [name for name in table.colnames if f"{name}.mask" in table.colnames]:
        table[name] = MaskedColumn(table[name].tolist(), mask=table[f"{name}.mask"].tolist())
    return [table]


READERS = {
    "ecsv": _text, "csv": _text, "fits": _fits, "votable": _votable, "parquet": _parquet,
}  # fmt: skip
