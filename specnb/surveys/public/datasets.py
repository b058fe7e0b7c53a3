"""The public data that can be fetched: what there is, where it lies, and whether it is whole."""

import hashlib
import os
import re
import tomllib
import warnings
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache, partial
from pathlib import Path

from astropy.table import Column, Table
from tqdm import tqdm

from specnb.core.checksums import add_to_list
from specnb.core.paths import DATA, data_folder
from specnb.core.storage import opened
from specnb.surveys.apogee.data_driven import FILES
from specnb.surveys.columns import find, whole_numbers
from specnb.surveys.files import LeftOutWarning
from specnb.surveys.public import gaia
from specnb.surveys.public.heads import AGAIN, check_head, check_whole
from specnb.surveys.public.stars import star_file
from specnb.surveys.tables import tables_of
from specnb.surveys.transfer import BadFileError, fetch_url

CATALOGUE = DATA / "datasets.toml"
FACTS = "size", "checksum", "rows"  # that may be published of a file
GALAH_ROWS = (
    588_571  # as published, unlike a checksum or size; not in data/, which results depend on
)
BATCH = 1_000  # stars of Gaia in a request: astroquery keeps 0.2 MB of each in memory


@dataclass(frozen=True)
class Dataset:
    """Public data of one kind, as in data/datasets.toml, which explains the entries.

    Attributes
    ----------
    name, title, use, source, credit, amount, licence : str
        Texts for the user. The last two may be empty.
    files : tuple of dict
        ``url`` and, where published, ``checksum``, ``size`` (bytes) and ``rows`` of each file.
    md5sums : str
        Address of a list of checksums, whose files lie beside it.
    by, release : str
        "source_id" or "star", and the release, if single stars are fetched.
    columns : tuple of str
        Columns that each table has, or datasets of each HDF5 file.
    folder : str
        Folder in `data_folder()`.
    """

    name: str
    title: str
    use: str
    source: str
    credit: str
    amount: str = ""
    licence: str = ""
    files: tuple = ()
    md5sums: str = ""
    by: str = ""
    release: str = ""
    columns: tuple = ()
    folder: str = ""

    @property
    def path(self) -> Path:
        return data_folder() / (self.folder or f"archives/{self.name}")

    def there(self) -> list[Path]:
        """The whole files that are there, sorted by name."""
        found = sorted(path for path in self.path.rglob("*") if path.is_file())
        return [path for path in found if not re.search(r"\.part\b|^\.|SUMS?(\.txt)?$", path.name)]


@cache
def datasets() -> dict[str, Dataset]:
    """All data that can be fetched, by their names."""
    found = tomllib.loads(CATALOGUE.read_text("utf-8"))
    found["galah-dr3"]["files"][0]["rows"] = GALAH_ROWS
    found["data-driven"]["files"] = [
        {"url": place + name, "checksum": f"sha256:{checksum}"}
        for name, (place, checksum) in FILES.items()
    ]
    return {
        name: Dataset(name, **{k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()})
        for name, entry in found.items()
    }


def dataset(name: str) -> Dataset:
    """One of `datasets`. Raises ValueError if there is none of that name."""
    if name not in datasets():
        raise ValueError(f"there is no dataset {name!r}: give one of {', '.join(datasets())}")
    return datasets()[name]


def folder(name: str) -> Path:
    """Folder in which the files of a dataset lie, whether or not it is there."""
    return dataset(name).path


def fetch(
    name: str, *, ids=None, stars=None, kind: str = "apStar", files: str = "*", progress=False
) -> list[Path]:
    """Download a dataset to its `folder`. Files that are there are checked and kept.

    If it is interrupted, the same call goes on where it stopped.

    Parameters
    ----------
    name : str
        One of `datasets`.
    ids : path or sequence, optional
        source_id of stars, or a file with them: a text with one a line, or a table with that column.
    stars : path or Table, optional
        Rows of a catalogue: APOGEE_ID, FIELD or LOCATION_ID, and TELESCOPE, or sdss_id.
    kind : {"apStar", "aspcapStar"}
        Kind of the files of APOGEE's stars.
    files : str
        Pattern of the names of files, such as "RvsMeanSpectrum_0000*".
    progress : bool
        Whether to show bars on a terminal.

    Returns
    -------
    list of Path
        The files that were asked for and are there. A file of Gaia's spectra by source_id has up to
        1,000 stars and is written by specnb, and it may have other stars, too.

    Raises
    ------
    ValueError
        If there is no such dataset, or the list of stars is missing or wrong.
    OSError
        If a file cannot be downloaded, unless the archive has none, or one that is there is damaged.

    Warns
    -----
    LeftOutWarning
        If the archive does not have all, or some are bad.
    """
    data = dataset(name)
    if data.by:
        given, option = (ids, "--ids") if data.by == "source_id" else (stars, "--stars")
        if given is None:
            raise ValueError(
                f"{name} is fetched star by star: give a list of stars ({option} FILE)"
            )
        by = _by_source_id if data.by == "source_id" else _by_star
        return by(data, given, kind, progress)
    asked = [each for each in _files(data) if fnmatch(_name(each), files)]
    if not asked:
        raise ValueError(f"{name} has no files {files!r}: give another pattern")
    return _each(asked, lambda each: _fetch_file(data, each, progress), progress)


def _name(file):
    return file["url"].rsplit("/", 1)[1]


def _files(data):
    """Each file of a dataset that is not fetched by stars. A list of checksums is fetched first."""
    if not data.md5sums:
        return data.files
    base, path = data.md5sums.rpartition("/")[0], data.path / Path(data.md5sums).name
    if not path.is_file():
        _check_writable(data.path)
        fetch_url(data.md5sums, path, read=_md5sums)
    return [{"url": f"{base}/{each}", "checksum": f"md5:{md5}"} for md5, each in _md5sums(path)]


def _md5sums(path):
    """MD5 and name of each file in a published list."""
    lines = path.read_text("utf-8", "replace")
    sums = re.findall(r"^([0-9a-f]{32})\s+\*?(?:\./)?(\S+)$", lines, re.MULTILINE)
    if not sums:
        raise ValueError("it is no list of MD5 checksums")
    return sums


def _fetch_file(data, file, progress):
    """Fetch one file. If its checksum is not published, its head is read, and its own one kept."""
    path, size, checksum, rows = data.path / _name(file), *map(file.get, FACTS)
    if path.is_file():
        return _whole(data, path, file)
    _check_writable(data.path)
    read = None if checksum else lambda new: check_head(new, data.columns, rows)
    fetch_url(file["url"], path, size=size, checksum=checksum, read=read, progress=progress)
    if read:
        add_to_list(path, data.path)
    return path


def _check_writable(folder):
    """Raise OSError if the folder, or the one in which it would be made, cannot be written to."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if not os.access(there, os.W_OK | os.X_OK):  # a file is not executable
        raise OSError(f"cannot write to {there}: allow it, or name another folder in SPECNB_DATA")


def _whole(data, path, file):
    """The path of a file that is there. Raises BadFileError if it is not as published."""
    try:
        state = path.stat().st_size, path.stat().st_mtime_ns
        check_whole(path, state, data.columns, *map(file.get, FACTS))
    except (OSError, ValueError) as error:
        advice = "(fetch|get) it again|open the address.*"
        told = re.sub(advice, f"delete it and {AGAIN}", f"{error}".replace(f"{path} ", "it "))
        raise BadFileError(f"{path}: {told}") from error
    return path


def _each(todo, get, progress, kept=()):
    """What is there, and what ``get(item)`` gives of each item. What is bad or lacks is left out."""
    done, lost = [*kept], []
    for item in tqdm(todo, unit="file", disable=None if progress and len(todo) > 9 else True):
        try:
            done.append(get(item))
        except (FileNotFoundError, BadFileError) as error:
            lost.append(error)
        except OSError as error:
            count = f"; {len(done)} files are there: run it again to go on" if done else ""
            raise OSError(f"{error}{count}") from error
    if lost and not done:
        raise lost[0]
    if lost:
        text = f"{len(lost)} of {len(todo)} were left out, the first because: {lost[0]}"
        warnings.warn(text, LeftOutWarning, stacklevel=3)
    return done


def _by_source_id(data, ids, kind, progress):
    """Fetch those of Gaia's stars that no file has yet, a file for each `BATCH` of them."""
    wanted, kept = dict.fromkeys(_ids(ids)), {}
    for path in data.there():
        with suppress(OSError, ValueError), opened(path, "spectra") as group:  # else it is damaged
            kept[path] = wanted.keys() & {*group["ids"].asstr()[:]}
    there = set().union(*kept.values())
    lost = [star for star in wanted if star not in there]

    def get(batch):
        _check_writable(data.path)
        path = data.path / f"{hashlib.sha256(','.join(batch).encode()).hexdigest()[:16]}.h5"
        spectra = gaia.spectra(batch, data.release)
        data.path.mkdir(parents=True, exist_ok=True)
        spectra.write(path)
        add_to_list(path, data.path)
        return path

    batches = [lost[k : k + BATCH] for k in range(0, len(lost), BATCH)]
    return _each(batches, get, progress, [path for path in kept if kept[path]])


def _by_star(data, stars, kind, progress):
    """Fetch the file of each row of a catalogue."""
    rows = stars if isinstance(stars, Table) else tables_of(Path(stars))[0]
    get = partial(star_file, release=data.release, kind=kind, folder=data.path)
    return _each(rows, lambda row: _whole(data, get(row), {}), progress)


def _ids(given):
    """source_id of stars, from a sequence or a file."""
    if not isinstance(given, (str, Path)):
        return [str(star) for star in given]
    words = Path(given).read_bytes().removeprefix(b"source_id").split()
    if words and all(re.fullmatch(rb"[-+.eE\d]+", word) for word in words):
        return list(whole_numbers(Column([word.decode() for word in words], name="source_id")))
    table = tables_of(Path(given))[0]
    column = find(table, "source_id")
    if column is None:
        raise ValueError(f"{given} has no column source_id: it has {', '.join(table.colnames)}")
    return list(whole_numbers(column))


def check(name: str) -> dict[Path, str]:
    """Read the files of a dataset that are there, and say what is wrong with each.

    They are compared with what was published, or is known since the download. Their heads are read.
    """
    data = dataset(name)
    wanted = {data.path / _name(each): each for each in data.files}
    problems = {path: "it is missing: fetch it" for path in wanted if not path.exists()}
    for path in data.path.rglob("*.part"):
        problems.pop(path.with_suffix(""), None)
        problems[path] = "it is not whole: fetch it again, which goes on"
    there = data.there()
    if data.md5sums and there:
        wanted = {data.path / _name(each): each for each in _files(data)}
    for path in there:
        try:
            _whole(data, path, wanted.get(path, {}))
        except BadFileError as error:
            problems[path] = f"{error}".removeprefix(f"{path}: ")
    return problems
