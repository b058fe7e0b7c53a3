"""A table that is computed in parts, which lie in a folder beside it until all are there.

A part is a file of text: a line of JSON that says what is in it, and rows of the table as CSV. It is
written as a whole, by whichever process comes first, so that many computers can work on one table,
and a run that was killed goes on. The parts are joined one after another, so that a table of any
length needs little memory.
"""

import csv
import io
import json
import os
import re
import shutil
from contextlib import suppress
from hashlib import sha256
from importlib.util import find_spec
from itertools import compress
from pathlib import Path

import numpy as np
from astropy.table import Table
from astropy.table.meta import get_yaml_from_table

from specnb.core.writing import replacing
from specnb.surveys.files import HEAD

KINDS = (".ecsv", ".csv", ".parquet")
SETTINGS = "settings.json"  # beside the parts
MARK = re.compile(rb'\bversion"?: "?specnb ')  # in the metadata of tables that were made here
BLOCK = 2**24  # bytes of text that become a group of rows of a parquet file


class Parts:
    """The parts of a table.

    Parameters
    ----------
    output : path
        File of the table. The end of its name tells its kind, one of `KINDS`. Files .ecsv and
        .parquet hold units and settings. A file .csv has nothing but names and rows, and a file
        beside it, see `beside`, has the rest. Cells without text, as most of ``flags``, are empty,
        and Astropy masks those of .ecsv: ``table["flags"].filled("")``.
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
        path, text = self.folder / SETTINGS, json.dumps(self.settings, indent=1)
        found = json.loads(path.read_text("utf-8")) if path.is_file() else self.settings
        if other := [name for name in settings if found.get(name) != self.settings[name]]:
            raise ValueError(
                f"{self.folder} has parts of another run ({', '.join(other)} differ): give the settings of "
                "that run to finish it, delete that folder, or choose another output"
            )
        self._text, self._key = text, sha256(text.encode()).hexdigest()[:8]

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
        text = io.StringIO()
        if table is not None:
            about = about | {"head": ecsv_head(table).splitlines()}
            cells = (  # 7 digits are as many as float32 has
                (f"{value:.7g}" for value in column)
                if column.dtype.kind == "f"
                else column.tolist()
                for column in table.columns.values()
            )
            csv.writer(text, lineterminator="\n").writerows(zip(*cells))
        with replacing(self.folder / SETTINGS) as temporary:
            temporary.write_text(self._text, "utf-8")
        with replacing(self.path(number)) as temporary:
            temporary.write_text(f"{json.dumps(about)}\n{text.getvalue()}", "utf-8", newline="\n")

    def read(self, number: int) -> tuple[dict, list[str]]:
        """What `write` was told of a part, and its rows as lines.

        Raises
        ------
        OSError
            If another run with the same output has joined and deleted the parts meanwhile.
        """
        try:
            with self.path(number).open(encoding="utf-8", newline="\n") as lines:
                return json.loads(next(lines)), list(lines)
        except FileNotFoundError:
            raise OSError(
                f"another run has joined the parts in {self.folder} meanwhile: if {self.output} is "
                "there, delete that folder; else start again, which computes what is missing"
            ) from None

    def join(self, count: int) -> tuple[int, dict[str, list[str]], dict[str, list[str]]]:
        """Write the table from parts 0 to count, and delete them.

        Of stars that several files have, the spectra of the first file stay.

        Returns
        -------
        stars : int
            Rows of the table.
        twice : dict of str to list of str
            Why spectra were left out, by file.
        again : dict of str to list of str
            Stars that a file has in more than one row, once for each further row. All rows stay.
        """
        abouts = [self.read(part)[0] for part in range(count)]
        names, sizes = zip(*(each for about in abouts for each in about["rows"]))
        names, file = np.unique(names, return_inverse=True)
        file = np.repeat(file, sizes)
        # 8 bytes stand for each id: all ids may need too much memory
        ids = [np.fromiter(map(hash, ids_of(self.read(part)[1])), int) for part in range(count)]
        _, index, which = np.unique(np.concatenate(ids), return_index=True, return_inverse=True)
        first = file[index[which]]
        table = Table.read(
            next(each["head"] for each in abouts if "head" in each), format="ascii.ecsv"
        )
        about = {name: value for name, value in self.settings.items() if name != "inputs"}
        table.meta.update(about)
        head, twice, again, row = ecsv_head(table), {}, {}, 0
        parquet = self.output.suffix == ".parquet"
        if self.output.suffix == ".csv":
            head = head.splitlines(keepends=True)[-1]
            units = {name: str(column.unit or "") for name, column in table.columns.items()}
            with replacing(beside(self.output)) as temporary:
                temporary.write_text(json.dumps(about | {"units": units}, indent=1), "utf-8")
        with replacing(self.output) as temporary:
            with temporary.open("w", encoding="utf-8", newline="\n") as f:
                f.write("" if parquet else head)
                for part in range(count):
                    lines = self.read(part)[1]
                    here, there = (names[each[row : row + len(lines)]] for each in (file, first))
                    f.writelines(compress(lines, here == there))
                    # rows whose stars are in rows above, too
                    more = index[which[row : row + len(lines)]] < np.arange(row, row + len(lines))
                    stars = ids_of(compress(lines, more))
                    for star, name, other in zip(stars, here[more], there[more]):
                        text = f"star {star} is in both {other} and {name}: give only one of them"
                        if name == other:
                            again.setdefault(str(name), []).append(star)
                        else:
                            twice.setdefault(str(name), []).append(text)
                    row += len(lines)
            if parquet:
                to_parquet(temporary, table)
        shutil.rmtree(self.folder, ignore_errors=True)
        return int(np.sum(file == first)), twice, again


def beside(output: Path) -> Path:
    """The file beside a table .csv that has its settings and the units of its columns as JSON."""
    return output.with_name(f"{output.name}.meta.json")


def is_ours(path: Path) -> bool:
    """Whether a file is a table that was made here, or a part of one."""
    about = {".csv": beside(path), ".txt": path.with_name(SETTINGS)}.get(path.suffix, path)
    with suppress(OSError), about.open("rb") as f:  # what cannot be read is none
        begin = f.read(HEAD)
        f.seek(-min(HEAD, f.tell()), os.SEEK_END)  # parquet tells it at its end
        return MARK.search(begin + f.read()) is not None
    return False


def ids_of(lines) -> list[str]:
    """The first cells of rows of CSV."""
    return [row[0] for row in csv.reader(lines)]


def ecsv_head(table) -> str:
    """What stands above the rows of a table in an ECSV file."""
    head = io.StringIO()
    table[:0].write(head, format="ascii.ecsv", delimiter=",")
    return head.getvalue()


def to_parquet(path: Path, table):
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
