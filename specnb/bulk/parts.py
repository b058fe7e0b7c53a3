"""A table that is computed in parts, which lie in a folder beside it until all are there.

A part is a file of text: a line of JSON that says what is in it, and rows of the table as CSV. It is
written as a whole, by whichever process comes first, so that many computers can work on one table,
and a run that was killed goes on. The parts are joined one after another, so that a table of any
length needs little memory.
"""

import io
import json
import re
import shutil
from hashlib import sha256
from importlib.util import find_spec
from itertools import compress
from pathlib import Path

import numpy as np
from astropy.table import Table
from astropy.table.meta import get_yaml_from_table

from specnb.core.writing import replacing

KINDS = (".ecsv", ".csv", ".parquet")
BLOCK = 2**24  # bytes of text that become a group of rows of a parquet file


class Parts:
    """The parts of a table.

    Parameters
    ----------
    output : path
        File of the table. The end of its name tells its kind, one of `KINDS`.
    settings : dict
        What the table depends on, which becomes its metadata. It is written beside the parts.

    Raises
    ------
    ValueError
        If the table would be of an unknown kind, or the folder has parts of other settings.
    """

    def __init__(self, output, settings: dict):
        self.output, self.settings = Path(output).absolute(), json.loads(json.dumps(settings))
        if self.output.suffix not in KINDS:
            raise ValueError(f"output is {output}: give a name that ends with {', '.join(KINDS)}")
        if self.output.suffix == ".parquet" and find_spec("pyarrow") is None:
            raise ValueError(f"{output} is written by pyarrow: pip install specnb[parquet]")
        self.folder = self.output.with_name(f"{self.output.name}.parts")
        path, text = self.folder / "settings.json", json.dumps(self.settings, indent=1)
        found = json.loads(path.read_text("utf-8")) if path.is_file() else self.settings
        if found != self.settings:
            other = [name for name in settings if found.get(name) != self.settings[name]]
            raise ValueError(
                f"{self.folder} has parts of another run ({', '.join(other)} differ): give the settings of "
                "that run to finish it, delete that folder, or choose another output"
            )
        with replacing(path) as temporary:
            temporary.write_text(text, "utf-8")
        self._key = sha256(text.encode()).hexdigest()[:8]

    def path(self, number: int) -> Path:
        """The file of a part. Its name depends on the settings, too."""
        return self.folder / f"{number:06d}-{self._key}.txt"

    def write(self, number: int, table, about: dict):
        """Write a part.

        Parameters
        ----------
        number : int
        table : Table or None
            Its rows. All parts have the same columns, of which the first has the ids.
        about : dict
            ``rows``, the names of the files with their numbers of rows, in order, and further
            entries.
        """
        rows = "" if table is None else csv_rows(table)
        head = {} if table is None else {"head": ecsv_head(table)}
        with replacing(self.path(number)) as temporary:
            temporary.write_text(json.dumps(about | head) + "\n" + rows, "utf-8", newline="\n")

    def read(self, number: int) -> tuple[dict, str]:
        """What `write` was told of a part, and its rows as text."""
        about, _, rows = self.path(number).read_text("utf-8").partition("\n")
        return json.loads(about), rows

    def join(self, count: int) -> tuple[int, dict[str, list[str]]]:
        """Write the table from parts 0 to count, and delete them.

        Of stars that several files have, the spectra of the first file stay.

        Returns
        -------
        stars : int
            Rows of the table.
        twice : dict of str to list of str
            Why spectra were left out, by file.
        """
        parts = range(count)
        abouts = [self.read(number)[0] for number in parts]
        names, sizes = zip(*(each for about in abouts for each in about["rows"]))
        names, file = np.unique(names, return_inverse=True)
        file = np.repeat(file, sizes)
        first, twice = file, {}
        if len(names) > 1:  # 8 bytes of each id, because all ids may need too much memory
            ids = (np.fromiter(map(hash, map(id_of, self._lines(part))), int) for part in parts)
            _, index, star = np.unique(
                np.concatenate(list(ids)), return_index=True, return_inverse=True
            )
            first = file[index[star]]
        head = next(about["head"] for about in abouts if "head" in about)
        table = Table.read(head.splitlines(), format="ascii.ecsv")
        table.meta.update(self.settings)
        kept, start = first == file, 0
        with replacing(self.output) as temporary:
            with temporary.open("w", encoding="utf-8", newline="\n") as f:
                f.write(head_of(table, self.output.suffix))
                for part in parts:
                    lines = self._lines(part)
                    f.writelines(compress(lines, kept[start:]))
                    for row in np.flatnonzero(~kept[start : start + len(lines)]):
                        here, there = names[file[start + row]], names[first[start + row]]
                        text = f"star {id_of(lines[row])} is in both {there} and {here}: give only one of them"
                        twice.setdefault(here, []).append(text)
                    start += len(lines)
            if self.output.suffix == ".parquet":
                write_parquet(temporary, table)
        shutil.rmtree(self.folder, ignore_errors=True)
        return int(kept.sum()), twice

    def _lines(self, number):
        return self.read(number)[1].splitlines(keepends=True)


def csv_rows(table) -> str:
    """The rows of a table as CSV. Numbers have 7 digits, as float32 has."""
    columns = list(table.columns.values())
    row = ",".join("%.7g" if each.dtype.kind == "f" else "%s" for each in columns) + "\n"
    cells = [
        map(quoted, each.tolist()) if each.dtype.kind == "U" else each.tolist() for each in columns
    ]
    return "".join(row % values for values in zip(*cells))


def quoted(text: str) -> str:
    """A cell of CSV. Lines of a row would be taken for rows, and "#" at its start for a comment."""
    text = " ".join(text.splitlines())
    return '"' + text.replace('"', '""') + '"' if re.search('^[ #]|[",]| $', text) else text


def id_of(row: str) -> str:
    """The first cell of a row of CSV, with its quotes."""
    return re.match(r'("[^"]*")+|[^,]*', row)[0]


def ecsv_head(table) -> str:
    """What stands above the rows of a table in an ECSV file."""
    head = io.StringIO()
    table[:0].write(head, format="ascii.ecsv", delimiter=",")
    return head.getvalue()


def head_of(table, suffix: str) -> str:
    """What stands above the rows of a table in a file of one of `KINDS`."""
    if suffix == ".ecsv":
        return ecsv_head(table)
    lines = [f"# {name}: {value}" for name, value in table.meta.items()]
    lines.append(",".join(table.colnames))
    return "".join(f"{line}\n" for line in lines if suffix == ".csv")


def write_parquet(path: Path, table):
    """Replace rows of CSV in a file by a parquet file with the columns and metadata of a table."""
    import pyarrow
    from pyarrow import csv, parquet

    schema = pyarrow.table({name: np.asarray(table[name]) for name in table.colnames}).schema
    schema = schema.with_metadata({"table_meta_yaml": "\n".join(get_yaml_from_table(table))})
    reading = csv.ReadOptions(column_names=schema.names, block_size=BLOCK, use_threads=False)
    types = csv.ConvertOptions(column_types=schema, null_values=[])
    with (
        replacing(path) as temporary,
        csv.open_csv(path, reading, convert_options=types) as batches,
        parquet.ParquetWriter(temporary, schema) as writer,
    ):
        for batch in batches:
            writer.write_batch(batch)
