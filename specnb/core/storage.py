"""HDF5 files of spectra, which are written batch by batch and checked when they are opened.

A file has one or more *groups* (for example "spectra" and "truth"), each with the datasets
``wavelength`` (vacuum Å), ``flux``, ``flux_error``, ``mask``, ``ids`` and, if there are labels, a
subgroup ``labels`` with one dataset for each column.
"""

import io
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
from astropy.table import MaskedColumn

from specnb.core.writing import put_in_place, temporary_name

ARRAYS = ("flux", "flux_error", "mask", "ids")


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
        self._file = h5py.File(self._disk, "w")
        return self

    def append(self, spectra, group="spectra"):
        """Add spectra to the end of a group.

        All spectra of a group have the same wavelengths and label columns.

        Raises
        ------
        ValueError
            If the wavelengths, the correlation length or the label columns differ from those of the
            first batch.
        OSError
            If the disk is full.
        """
        labels = {} if spectra.labels is None else dict(spectra.labels.items())
        layout = {
            "wavelengths": spectra.wavelength,
            "correlation length": spectra.correlation_length,
            "frames of rest": spectra.at_rest,
            "label columns": list(labels),
        }
        first = self._layouts.setdefault(group, layout)
        for what, value in layout.items():
            if not np.array_equal(value, first[what]):
                raise ValueError(
                    f"{self.path}: {what} differ from the first batch of '{group}': "
                    "rebin all batches to one grid, and give them the same labels"
                )
        if group not in self._file:
            target = self._file.create_group(group)
            target.attrs.update(
                correlation_length=spectra.correlation_length, at_rest=spectra.at_rest
            )
            target["wavelength"] = spectra.wavelength
            target["wavelength"].attrs.update(unit="Angstrom", medium="vacuum")
            if labels:
                target.create_group("labels", track_order=True)  # keeps the order of the columns
        target = self._file[group]
        for name in ARRAYS:
            _append(target, name, getattr(spectra, name))
        for name, column in labels.items():
            _append(target["labels"], name, _plain(column)).attrs["unit"] = str(column.unit or "")
        if self._disk.error:
            raise self._disk.error  # __exit__ turns it into one sentence

    def __exit__(self, kind, error, traceback):
        try:
            self._file.close()
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


def _plain(column):
    """Values of a table column as a plain array. Masked values become NaN or empty strings."""
    if isinstance(column, MaskedColumn):
        text = column.dtype.kind in "US"
        column = column.filled("") if text else column.astype(float).filled(np.nan)
    return np.asarray(column)


def _append(target, name, values):
    """Append rows to a dataset, and return it. A new one has compressed chunks of about 256 kB."""
    text, row = values.dtype.kind in "US", values.shape[1:]
    if name not in target:
        target.create_dataset(
            name,
            shape=(0, *row),
            maxshape=(None, *row),
            chunks=(int(np.clip(2**16 // max(1, np.prod(row)), 1, 4096)), *row),
            dtype=h5py.string_dtype() if text else values.dtype,
            compression="lzf",
        )
    dataset = target[name]
    start = len(dataset)
    dataset.resize(start + len(values), axis=0)
    dataset[start:] = values.astype(object) if text else values
    return dataset


@contextmanager
def opened(path, group):
    """Open a group of an HDF5 file and check it. Errors of the file become one sentence."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file: check its name")
    try:
        with h5py.File(path, "r") as f:
            if group not in f:
                raise ValueError(
                    f"{path} has no group '{group}', it has {sorted(f)}: name one of them"
                )
            if missing := {"wavelength", *ARRAYS} - set(f[group]):
                raise ValueError(
                    f"{path} lacks {sorted(missing)} in group '{group}': write it with Spectra.write"
                )
            medium = f[group]["wavelength"].attrs.get("medium", "vacuum")
            if medium != "vacuum":
                raise ValueError(
                    f"{path} has its wavelengths in {medium}, specnb works in vacuum: "
                    "convert them with specnb.core.wavelength.vacuum_from_air and write the file again"
                )
            yield f[group]
    except OSError as error:
        raise OSError(
            f"{path} cannot be read as HDF5, it may be truncated: download or write it again"
        ) from error


def read_rows(dataset, rows):
    """Some rows of a dataset as an array."""
    text = h5py.check_string_dtype(dataset.dtype)
    return dataset.asstr()[rows].astype(str) if text else dataset[rows]
