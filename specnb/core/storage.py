"""HDF5 files of spectra, which are written batch by batch and checked when they are opened.

A file has one or more *groups* (for example "spectra" and "truth"), each with the datasets
``wavelength`` (vacuum Å), ``flux``, ``flux_error``, ``mask``, ``ids`` and, if there are labels, a
subgroup ``labels`` with one dataset for each column and a subgroup ``missing`` with their masks.
When a file is read, HDF5 checks its own structure and the numbers (fletcher32). The SHA-256 of the
whole file follows its end, and is checked first.
"""

import hashlib
import io
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
from astropy.table import Column, MaskedColumn

from specnb.core.values import masked
from specnb.core.wavelength import same_pixels
from specnb.core.writing import put_in_place, temporary_name

ARRAYS = ("flux", "flux_error", "mask", "ids")
SEAL = 32  # bytes of a SHA-256
BLOCK = 2**24  # bytes of a file that are read at a time for it
SLASH = (
    "%2F"  # stands for / in names of label columns, such as [Fe/H], which HDF5 would divide there
)


class SpectraWriter:
    """Write spectra to an HDF5 file batch by batch, as a context manager.

    The file gets its name when the context ends without an exception. After an exception nothing is
    left of it. Only one batch is held in memory.

    >>> with SpectraWriter("survey.h5") as writer:  # doctest: +SKIP
    ...     writer.append(spectra)
    """

    def __init__(self, path):
        self.path = Path(path)
        self._layouts = {}  # what all batches of a group have in common

    def __repr__(self):
        return f"<SpectraWriter of {self.path}>"

    def __enter__(self):
        self._temporary = temporary_name(self.path)
        try:
            self._disk = _Disk(self._temporary, "w+")
        except OSError as error:
            raise self._failure(error) from error
        # From version 1.10 on the structure of HDF5 files has checksums.
        self._file = h5py.File(self._disk, "w", libver=("v110", "v110"))
        return self

    def append(self, spectra, group="spectra"):
        """Add spectra to the end of a group.

        All spectra of a group have the same wavelengths and label columns. Nothing of a batch is
        written if it is refused.

        Raises
        ------
        ValueError
            If the wavelengths, the correlation length or the label columns differ from those of the
            first batch, also in their units, types or shapes, or if a column holds objects.
        OSError
            If the disk is full.
        """
        columns = {
            name.replace("/", SLASH): _plain(name, column)
            for name, column in ({} if spectra.labels is None else spectra.labels).items()
        }
        self._compare(spectra, columns, group)
        if group not in self._file:
            target = self._file.create_group(group)
            target.attrs.update(
                correlation_length=spectra.correlation_length, at_rest=spectra.at_rest
            )
            target.create_dataset("wavelength", data=spectra.wavelength, fletcher32=True)
            target["wavelength"].attrs.update(unit="Angstrom", medium="vacuum")
            if columns:
                target.create_group("labels", track_order=True)  # keeps the order of the columns
                target.create_group("missing")
        target = self._file[group]
        for name in ARRAYS:
            _append(target, name, getattr(spectra, name))
        for name, (values, missing, unit) in columns.items():
            _append(target["labels"], name, values).attrs["unit"] = unit
            _append(target["missing"], name, missing)
        if self._disk.error:
            raise self._disk.error  # __exit__ turns it into one sentence

    def _compare(self, spectra, columns, group):
        """Raise ValueError if a batch does not fit the first one of its group."""
        parts = {
            "wavelengths": True,
            "correlation length": spectra.correlation_length,
            "frames of rest": spectra.at_rest,
            "label columns": list(columns),
            "units of labels": [unit for _, _, unit in columns.values()],
            "types of labels": [
                (values.dtype.kind, values.dtype.kind == "U" or values.itemsize, values.shape[1:])
                for values, _, _ in columns.values()
            ],
        }
        pixels, first = self._layouts.setdefault(group, (spectra.wavelength, parts))
        parts["wavelengths"] = same_pixels(spectra.wavelength, pixels)
        if differing := [what for what in parts if parts[what] != first[what]]:
            raise ValueError(
                f"{self.path}: {', '.join(differing)} differ from the first batch of '{group}': "
                "rebin all batches to one grid, and give them the same labels, units and types"
            )

    def __exit__(self, kind, error, traceback):
        try:
            self._file.close()
            if kind is None:
                self._disk.seek(0)
                self._disk.write(hashlib.file_digest(self._disk, "sha256").digest())
            self._disk.close()
            if kind is None and self._disk.error is None:
                put_in_place(self._temporary, self.path)
        except OSError as failure:
            self._disk.error = failure
        finally:
            self._temporary.unlink(missing_ok=True)
        if self._disk.error:
            raise self._failure(self._disk.error) from None

    def _failure(self, error):
        return OSError(
            f"cannot write {self.path.name} in {self.path.absolute().parent} "
            f"({error.strerror or error}): free space there or choose another folder"
        )


class _Disk(io.FileIO):
    """The file that HDF5 writes to.

    After a failed write the error is kept and all further writes are dropped. HDF5 itself cannot
    close a file on a full disk: it ends the whole process (segmentation fault, HDF5 1.14).
    """

    error = None

    def write(self, data):
        remaining = memoryview(data).cast("B")
        while self.error is None and len(remaining):
            try:
                remaining = remaining[super().write(remaining) :]
            except OSError as error:
                self.error = error
        return len(data)

    def truncate(self, size=None):
        try:
            return super().truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size


def _plain(name, column):
    """Values of a table column as a plain array of numbers, bool or text, their mask and unit.

    Masked values become NaN, 0, False or empty. Text is in unicode.
    """
    missing = np.zeros(np.shape(column), bool) | masked(column)
    values = np.array(np.ma.getdata(getattr(column, "unmasked", column)))
    if values.dtype.kind == "O":
        missing |= np.equal(values, None).astype(bool)
        if all(isinstance(each, str) for each in values[~missing]):
            values = np.where(missing, "", values).astype(str)
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", "backslashreplace")
    if values.dtype.kind not in "biufcU" or not values.ndim:
        raise ValueError(
            f"label column {name} is of type {values.dtype}, which a file of spectra cannot hold: "
            "make it numbers or text, or leave it out"
        )
    if missing.any():
        values[missing] = np.nan if values.dtype.kind in "fc" else np.zeros(1, values.dtype)[0]
    return values, missing, str(getattr(column, "unit", None) or "")


def _append(target, name, values):
    """Append rows to a dataset, and return it. A new one has compressed chunks of about 256 kB."""
    text, row = values.dtype.kind == "U", values.shape[1:]
    if name not in target:
        target.create_dataset(
            name,
            shape=(0, *row),
            maxshape=(None, *row),
            chunks=(int(np.clip(2**16 // max(1, np.prod(row)), 1, 4096)), *row),
            dtype=h5py.string_dtype() if text else values.dtype,
            compression="lzf",
            fletcher32=not text,  # HDF5 has none for text
        )
    dataset = target[name]
    start = len(dataset)
    dataset.resize(start + len(values), axis=0)
    dataset[start:] = values.astype(object) if text else values
    return dataset


def _check_seal(path):
    """Raise OSError if the SHA-256 that follows the end of our HDF5 files is not that of the file.

    Files of others have none. HDF5 itself takes it away if it changes a file. A large file is read
    block by block, so that it does not fill the memory.
    """
    size = path.stat().st_size
    with path.open("rb") as f:
        head = f.read(36)
        end = int.from_bytes(head[28:], "little")  # as version 2 and 3 of HDF5 tell it
        if size <= len(head) or head[8] not in (2, 3) or end >= size:
            return
        if size < end + SEAL:
            raise OSError("truncated file: its last bytes are missing")
        digest = hashlib.sha256(head)
        for start in range(len(head), end, BLOCK):
            digest.update(f.read(min(BLOCK, end - start)))
        if digest.digest() != f.read():
            raise OSError("its content is not what was written")


def _check(group):
    """Raise ValueError if a group lacks a dataset, or OSError if its content is not whole."""
    path, datasets = group.file.filename, {}
    group.visititems(
        lambda name, item: datasets.update({name: item}) if isinstance(item, h5py.Dataset) else None
    )
    if missing := {"wavelength", *ARRAYS} - set(datasets):
        raise ValueError(
            f"{path} lacks {sorted(missing)} in group '{group.name[1:]}': write it with Spectra.write"
        )
    for name, dataset in datasets.items():
        held, needed = (
            dataset.id.get_storage_size(),
            dataset.size * dataset.id.get_type().get_size(),
        )
        if dataset.chunks:
            needed = np.prod([-(-n // k) for n, k in zip(dataset.shape, dataset.chunks)])
            held = dataset.id.get_num_chunks()
        if held < needed:
            raise OSError(f"{name} declares {dataset.shape} values, but most are not in the file")
    rows = {name: data.shape[:1] for name, data in datasets.items() if name != "wavelength"}
    if len(set(rows.values())) > 1:
        raise OSError(f"its datasets have different numbers of rows: {rows}")
    medium = group["wavelength"].attrs.get("medium", "vacuum")
    if str(medium).lower() != "vacuum":
        raise ValueError(
            f"{path} has its wavelengths in {medium}, specnb works in vacuum: "
            "convert them with specnb.core.wavelength.vacuum_from_air and write the file again"
        )


@contextmanager
def opened(path, group, sealed=True):
    """Open a group of an HDF5 file and check it. Errors of the file become one sentence.

    Its seal is left out if ``sealed`` is False, as for a file that was opened before.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file: check its name")
    try:
        # No lock is needed, because files of spectra get their names when they are complete. Some
        # network disks have none.
        if sealed:
            _check_seal(path)
        with h5py.File(path, "r", locking=False) as f:
            if group not in f:
                raise ValueError(
                    f"{path} has no group '{group}', it has {sorted(f)}: name one of them"
                )
            _check(f[group])
            yield f[group]
    except (OSError, LookupError, TypeError, AttributeError, RuntimeError, UnicodeError) as error:
        advice = "it may be damaged: download or write it again"
        if "truncated file" in str(error) or not path.stat().st_size:
            advice = "it may be truncated: download or write it again"
        elif "unable to lock" in str(error):
            advice = "its disk has no file locks: set HDF5_USE_FILE_LOCKING=FALSE"
        raise OSError(f"{path} cannot be read as HDF5, {advice} ({error})") from error


def read_rows(dataset, rows, missing=None):
    """Some rows of a dataset as a column with its unit, masked where ``missing`` is true."""
    text = h5py.check_string_dtype(dataset.dtype)
    values = dataset.asstr()[rows].astype(str) if text else dataset[rows]
    unit = dataset.attrs.get("unit") or None
    mask = None if missing is None else missing[rows]
    if mask is not None and mask.any():
        return MaskedColumn(values, mask=mask, unit=unit)
    return values if unit is None else Column(values, unit=unit)
