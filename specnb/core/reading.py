"""The sentence that all readers say of a file that is missing, damaged or of another kind."""

from contextlib import contextmanager
from csv import Error as CsvError
from pickle import UnpicklingError
from xml.parsers.expat import ExpatError
from zipfile import BadZipFile
from zlib import error as ZlibError

from astropy.io.fits import VerifyError
from astropy.table import Table
from safetensors import SafetensorError

from specnb.core.checksums import check_listed

# What libraries raise when they read a missing, damaged or unsuitable file: Python, h5py and torch;
# astropy, whose warnings about truncated files the readers make errors; pickle, csv, gzip, ZIP, XML,
# safetensors.
DAMAGE = (
    OSError, EOFError, ValueError, LookupError, TypeError, RuntimeError,
    VerifyError, Warning, UnpicklingError, CsvError, ZlibError, BadZipFile, ExpatError,
    SafetensorError,
)  # fmt: skip


@contextmanager
def whole_file(path, kind: str, advice: str, error_class=OSError):
    """Turn the errors of a missing, damaged or unsuitable file into one sentence.

    A file in a list of checksums, as those that the repository ships, is compared with it first.
    The block should hold little but the library's call, because `DAMAGE` is general.

    Parameters
    ----------
    path : path
    kind : str
        What the file should be.
    advice : str
        What the user can do about it.
    error_class : class
        The error to raise; the message is that sentence.
    """
    check_listed(path, error_class)
    try:
        yield
    except PermissionError as error:
        raise error_class(f"{path} may not be read: change its permissions") from error
    except DAMAGE as error:
        reason = (str(error).splitlines() or [repr(error)])[0]  # torch lists tensors on more lines
        raise error_class(f"{path} is not a whole {kind} ({reason}): {advice}") from error


def read_shipped_table(path) -> Table:
    """Read a table that the repository ships. Raises OSError if it is missing or damaged."""
    with whole_file(path, "table", "restore it with git"):
        return Table.read(path)
