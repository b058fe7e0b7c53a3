"""Kinds of files with spectra, and reading many files, some of which may be bad."""

import csv
import re
import sys
from collections import Counter
from io import BytesIO
from pathlib import Path

import numpy as np
from astropy.utils.data import get_readable_fileobj

from specnb.core.reading import DAMAGE, whole_file
from specnb.core.spectra import Spectra

REMEDY = "it may be truncated, download it again"
# The kinds of files: what users call them, and what their content starts with (`re.match`). Tables
# of text that do not start with "# %ECSV" are "csv", see `columns_of`.
KINDS = {
    "ecsv": ("ECSV", rb"# %ECSV"),
    "fits": ("FITS", rb"SIMPLE  ="),
    "votable": ("VOTable", rb"\s*<([^\0]*<)?(\w+:)?VOTABLE"),
    "parquet": ("parquet", rb"PAR1"),
    "hdf5": ("HDF5 of specnb", rb"\x89HDF"),
    # .npz files of NumPy are ZIPs, too
    "zip": ("ZIP of such tables", rb"PK\x03\x04(?!(?s:.{26})[^\0]{0,99}\.npy)"),
}
NAMES = 10  # so many files of the same fault are named
HEAD = 2**16  # bytes that tell the kind
# Cells of text with these words are missing values, and so are NaN and masked cells. Others, such
# as the error "#N/A" of a spreadsheet, are refused.
MISSING = ("", "null", "NULL", "None", "none", "N/A", "n/a", "NA", "--")
NUMBER = re.compile(r"([-+]?[.\d]+([eE][-+]?\d+)?|[-+]?inf|nan)?", re.IGNORECASE)
# Cells that hold a spectrum are longer than Python's limit, which counts for astropy's readers, too.
csv.field_size_limit(2**31 - 1)
# Compressed files of spectra shrink to a third or so. A file that grows more than this is no file
# of spectra, and would fill the memory.
LARGEST_GROWTH, LEAST_LIMIT, LARGEST_SIZE = 50, 2**24, 2**31
# Names of files that lie beside spectra and are none.
BESIDE = re.compile(
    r"\.|readme|licen[cs]e|.*(md5|sha\d+|checksum|wavelengths?\.|\.meta\.json)", re.IGNORECASE
)
# A line of text that is none of a table. A row may start with an error of a spreadsheet, as "#N/A".
COMMENT = re.compile(r"#(?!N/A|VALUE!|REF!|DIV/0!|NAME\?|NUM!|NULL!)")


class LeftOutWarning(UserWarning):
    """Some files, or some of their spectra, were left out. The text gives the reasons."""


def content_of(path, size=sys.maxsize, packed=None):
    """The content of a file, which may be compressed by gzip, bzip2 or xz.

    Parameters
    ----------
    path : path
    size : int, optional
        Give no more than its first bytes.
    packed : bytes, optional
        What the file holds, if it is none on disk but one in a ZIP.

    Raises
    ------
    ValueError
        If the file is damaged, or grows too much when it is unpacked.
    """
    path = Path(path)
    with (
        whole_file(path, "file of spectra", REMEDY, ValueError),
        get_readable_fileobj(path if packed is None else BytesIO(packed), encoding="binary") as f,
    ):
        limit = largest_size(path.stat().st_size if packed is None else len(packed))
        content = f.read(min(size, limit + 1))
    if len(content) > limit:
        raise ValueError(
            f"{path} grows to more than {limit / 1e6:.0f} MB when it is unpacked, which spectra do not: "
            "unpack it yourself if that is right"
        )
    return content


def largest_size(packed):
    """How large, in bytes, files of spectra may become that are this large when they are packed."""
    return max(packed, min(max(LARGEST_GROWTH * packed, LEAST_LIMIT), LARGEST_SIZE))


def kind_of(content):
    """The kind of a file by its content: one of `KINDS`, "csv" for other tables of text, or None."""
    head = content[:HEAD].removeprefix(b"\xef\xbb\xbf")  # the mark of UTF-8 that Windows writes
    lines = head.decode("utf-8", "replace").splitlines()
    text = "csv" if b"\0" not in head and columns_of(lines) else None
    return next((kind for kind, (_, start) in KINDS.items() if re.match(start, head)), text)


def columns_of(lines):
    """Names of the columns of a table of text, their delimiter, and its rows; or None.

    The names are in the first line that is neither empty nor starts with "#". If that one holds
    a number, they are in the last "#" line before it that has as many words. Without such a
    line, that one stands for the names.
    """
    lines = [line.strip(" ") for line in lines if line.strip(' \r,;\t|"')]  # of empty cells only
    rows = [line for line in lines if not COMMENT.match(line)]
    if not rows:
        return None
    delimiter = next((each for each in ",;\t|" if each in rows[0]), " ")
    names, first = fields(rows[0], delimiter), lines.index(rows[0])
    if any(name and NUMBER.fullmatch(name) for name in names):
        heads = [line.lstrip("# ") for line in lines[:first]]
        rows = [line for line in heads if len(fields(line, delimiter)) == len(names)][-1:] + rows
        names = fields(rows[0], delimiter)
    # Prose has words and commas, too, but no numbers in its next lines, or other numbers of words;
    # other formats have brackets.
    prose = re.search("[<>{}]", rows[0]) or (rows[1:] and not re.search(r"\d", str(rows[1:4])))
    if delimiter == " ":
        prose = prose or len(rows) == 1 or len(fields(rows[1], " ")) != len(names)
    return None if prose or len(names) < 2 else (names, delimiter, rows)


def fields(line, delimiter):
    """The cells of a line of text, which may be quoted."""
    return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))


def spectra_files(folder):
    """Files of a folder, and of the folders in it, that may hold spectra, sorted by name.

    Hidden files and those that only explain others are none, see `BESIDE`.
    """
    paths = [path for path in sorted(Path(folder).rglob("*")) if path.is_file()]
    hidden = [any(part[0] == "." for part in path.relative_to(folder).parts) for path in paths]
    return [path for path, hid in zip(paths, hidden) if not hid and not BESIDE.match(path.name)]


def is_known(path):
    """Whether a file is of a kind with spectra, or so damaged that this cannot be told."""
    try:
        return kind_of(content_of(path, HEAD)) is not None
    except (OSError, ValueError):
        return True


def left_out_text(reasons):
    """How many files were left out, and on one line for each reason which."""
    names = {}
    for path, reason in reasons.items():
        names.setdefault(reason, []).append(path.name)
    more = {reason: f" and {len(files) - NAMES} more" for reason, files in names.items()}
    lines = [
        f"  {', '.join(files[:NAMES])}{more[reason] * (len(files) > NAMES)}: {reason}"
        for reason, files in names.items()
    ]
    return "\n".join([f"Left out ({len(reasons)} files):", *lines])


def reason_of(path, error):
    """Why a file is left out: the message of an error in one line, without the path."""
    reason = " ".join(f"{error}".split()).replace(str(path), path.name)
    return reason.removeprefix(path.name).lstrip(": ")


def read_files(paths, read, on_error=None):
    """Read files one by one and join their spectra to one set.

    Parameters
    ----------
    paths : str, Path, or sequence of them
        Files, or folders of files.
    read : callable
        ``read(path)`` returns the `Spectra` of one file.
    on_error : {"raise", "skip"}, optional
        Whether a file that cannot be read is an error or is left out. The default is "raise" for
        files that are named here, and "skip" for those of a folder.

    Returns
    -------
    spectra : Spectra
    left_out : dict of Path to str
        A reason for each file that was left out.

    Raises
    ------
    OSError
        If a path is neither a file nor a folder.
    ValueError
        If there is nothing to read, or for the reasons given in `specnb.read_spectra`.
    """
    files, left_out = named_files(paths, on_error), {}

    def leave_out(path, error):
        if not files[path]:
            advice = "" if len(files) == 1 else "; on_error='skip' reads the others"
            known = type(error) if isinstance(error, OSError) else ValueError
            raise known(f"{error}{advice}") from error
        left_out[path] = reason_of(path, error)

    found = {}
    for path in files:
        try:
            if not path.is_file():
                raise FileNotFoundError(f"{path} is not a file: give the names of spectra files")
            found[path] = read(path)
        except DAMAGE as error:
            leave_out(path, error)
    # the spectra with which the others must agree are the first on the pixels of most files
    most = Counter(map(_pixels, found.values())).most_common(1)
    first = next((path for path in found if _pixels(found[path]) == most[0][0]), None)
    parts, seen = [], {}
    for path, part in found.items():
        try:
            parts.append(_new(path, part, first, found[first], seen, files[path] and left_out))
        except DAMAGE as error:
            leave_out(path, error)
        else:
            seen |= dict.fromkeys(parts[-1].ids, path)
    if not parts:
        raise ValueError(f"no file holds good spectra. {left_out_text(left_out)}")
    return Spectra.join(parts), left_out


def named_files(paths, on_error):
    """The files of some paths, and for each whether it may be left out."""
    if on_error not in (None, "raise", "skip"):
        raise ValueError(f"on_error is {on_error!r}: give 'raise' or 'skip'")
    paths = [Path(p) for p in ([paths] if isinstance(paths, (str, Path)) else paths)]
    files = {}
    for path in paths:
        found = spectra_files(path) if path.is_dir() else [path]
        skip = on_error == "skip" or (path.is_dir() and on_error is None)
        files |= {each: skip and files.get(each, True) for each in found}
    if not files:
        where = "".join(f" in {path}" for path in paths[:1])
        raise ValueError(f"no files of spectra{where}: give at least one path")
    return files


def _pixels(spectra):
    """What spectra that can be joined have in common, but for the last digits of the pixels."""
    ends = np.round(spectra.wavelength[[0, -1]], 1)
    return len(spectra.wavelength), *ends, spectra.correlation_length, spectra.at_rest


def check_alike(path, part, first_path, first):
    """Raise ValueError unless the spectra of a file can be joined to those of the first one."""
    try:
        Spectra.join([first[:1], part[:1]])
    except ValueError as error:
        what = f"other labels or correlations of noise than {first_path} ({error})"
        if part.at_rest != first.at_rest:
            what = f"spectra{' not' * (not part.at_rest)} at rest, unlike {first_path}"
        if _pixels(part)[:3] != _pixels(first)[:3]:
            n, (low, high) = len(part.wavelength), part.wavelength[[0, -1]]
            frame = "" if part.at_rest else ", not at rest"
            what = f"different wavelengths than {first_path}, {n} pixels at {low:.2f}-{high:.2f} Å{frame}"
        raise ValueError(f"{path} has {what}: read them apart") from error


def _new(path, part, first_path, first, seen, left_out):
    """The spectra of a file whose stars are not in `seen`, if they can be joined to the first.

    ``left_out`` gets the reason why stars of the file are left out. If it is False, this is an
    error.
    """
    check_alike(path, part, first_path, first)
    twice = np.array([star in seen for star in part.ids])
    if twice.any():
        star = part.ids[twice.argmax()]
        text = f"star {star} is in both {seen[star]} and {path}: give only one of them"
        if left_out is False or twice.all():
            raise ValueError(text)
        left_out[path] = f"{twice.sum()} of its {len(part)} spectra, {text}"
        part = part[~twice]
    return part
