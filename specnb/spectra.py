"""Sets of spectra on one common grid: in memory, on disk (HDF5), and streamed batch by batch.

A file holds one or more *groups* (say "spectra" and "truth"), each with the datasets ``wavelength`` (vacuum Å),
``flux``, ``flux_error``, ``mask``, ``ids`` and, if there are labels, a subgroup ``labels`` with a dataset a column.
"""

import io
import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from astropy.table import Column, MaskedColumn, Table, vstack

ARRAYS = ("flux", "flux_error", "mask", "ids")


@dataclass(frozen=True, eq=False, repr=False)
class Spectra:
    """A set of n spectra on one common grid, with no NaN in it.

    Attributes
    ----------
    wavelength : ndarray, shape (n_pix,), float64
        Vacuum wavelength in Å, strictly increasing.
    flux : ndarray, shape (n, n_pix), float32
        Flux normalised to the continuum; 1 where masked.
    flux_error : ndarray, shape (n, n_pix), float32
        One standard deviation, > 0; infinite where masked.
    mask : ndarray, shape (n, n_pix), bool
        True where a pixel is bad or missing.
    ids : ndarray, shape (n,), str
        Names of the stars.
    labels : astropy.table.Table or None
        One row a star; columns named as the labels, with units.

    Raises
    ------
    ValueError
        If shapes disagree, the wavelengths do not increase, or an unmasked pixel has no finite flux or no finite
        positive error.
    """

    wavelength: np.ndarray
    flux: np.ndarray
    flux_error: np.ndarray
    mask: np.ndarray
    ids: np.ndarray
    labels: Table | None = None

    def __post_init__(self):
        wavelength = np.asarray(self.wavelength, dtype=float)
        with np.errstate(over="ignore"):  # too large for float32: becomes infinite and is refused below
            flux = np.asarray(self.flux, dtype=np.float32)
            flux_error = np.asarray(self.flux_error, dtype=np.float32)
        mask = np.asarray(self.mask, dtype=bool)
        ids = np.ravel(self.ids).astype(str)

        if wavelength.ndim != 1 or not np.all(np.isfinite(wavelength)) or np.any(np.diff(wavelength) <= 0):
            raise ValueError("wavelength must be one row of finite, strictly increasing values in Å: sort and clean it")
        shape = (ids.size, wavelength.size)
        for name, array in (("flux", flux), ("flux_error", flux_error), ("mask", mask)):
            if array.shape != shape:
                raise ValueError(
                    f"{name} has shape {array.shape}, but {shape[0]} ids x {shape[1]} wavelengths: give {shape}"
                )
        if self.labels is not None and len(self.labels) != len(ids):
            raise ValueError(f"labels has {len(self.labels)} rows for {len(ids)} stars: give one row a star")
        for name, array, above in (("flux", flux, -np.inf), ("flux_error", flux_error, 0)):
            bad = ~(mask | (np.isfinite(array) & (array > above)))
            if bad.any():
                star, pixel = np.unravel_index(np.argmax(bad), bad.shape)
                raise ValueError(
                    f"star {ids[star]} has {name} {array[star, pixel]:g} at {wavelength[pixel]:.2f} Å: "
                    "mask that pixel (mask = True) or repair it"
                )
        self.__dict__.update(  # frozen: not by assignment
            wavelength=wavelength,
            flux=np.where(mask, np.float32(1), flux),
            flux_error=np.where(mask, np.float32(np.inf), flux_error),
            mask=mask,
            ids=ids,
        )

    def __len__(self):
        return len(self.ids)

    def __repr__(self):
        low, high = self.wavelength[[0, -1]]
        return f"<Spectra: {len(self)} stars, {len(self.wavelength)} pixels, {low:.2f}-{high:.2f} Å>"

    def __getitem__(self, index):
        """Some of the stars, by slice, index array, bool mask or one integer; always a `Spectra`."""
        rows = np.atleast_1d(np.arange(len(self))[index])
        labels = None if self.labels is None else self.labels[rows]
        return Spectra(self.wavelength, *(getattr(self, name)[rows] for name in ARRAYS), labels)

    @property
    def ivar(self):
        """Inverse variance, shape (n, n_pix), float32; 0 where masked, infinite below an error of 5e-20."""
        with np.errstate(over="ignore", divide="ignore"):
            return 1 / self.flux_error**2

    @classmethod
    def join(cls, parts):
        """One set from several on the same wavelengths; labels are kept if every part has them."""
        parts = list(parts)
        arrays = (np.concatenate([getattr(part, name) for part in parts]) for name in ARRAYS)
        labels = [part.labels for part in parts]
        return cls(parts[0].wavelength, *arrays, None if any(t is None for t in labels) else vstack(labels))

    def write(self, path, group="spectra"):
        """Write the spectra to a new HDF5 file, which replaces an older one only when it is whole.

        Masked values in label columns are stored as NaN (numbers) or as empty strings.
        """
        with SpectraWriter(path) as writer:
            writer.append(self, group)

    @classmethod
    def read(cls, path, group="spectra"):
        """Read all spectra of a group of an HDF5 file.

        Raises
        ------
        OSError
            If the file is absent, truncated or not HDF5.
        ValueError
            If the group or a dataset is missing, or the wavelengths are in air.
        """
        with _opened(path, group) as source:
            return _rows(source, slice(None))

    @classmethod
    def stream(cls, path, batch=1024, group="spectra"):
        """Read a group batch by batch: an iterator of `Spectra` of up to `batch` stars. Raises as `read`."""
        with _opened(path, group) as source:
            for start in range(0, len(source["ids"]), batch):
                yield _rows(source, slice(start, start + batch))


class SpectraWriter:
    """Write spectra to an HDF5 file batch by batch, as a context manager.

    The file takes its name on a clean exit; after an exception nothing is left of it. Memory is that of one batch.

    >>> with SpectraWriter("survey.h5") as writer:  # doctest: +SKIP
    ...     writer.append(spectra)
    """

    def __init__(self, path):
        self.path = Path(path)
        self._temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.tmp")

    def __enter__(self):
        try:
            self._disk = _Disk(self._temporary, "w+")
        except OSError as error:
            raise self._failure(error) from error
        self._file = h5py.File(self._disk, "w")
        return self

    def append(self, spectra, group="spectra"):
        """Add spectra to the end of a group. All of a group share their wavelengths and label columns.

        Raises
        ------
        ValueError
            If the wavelengths or the label columns differ from those of the first batch.
        OSError
            If the disk is full.
        """
        labels = Table() if spectra.labels is None else spectra.labels
        if group not in self._file:
            target = self._file.create_group(group)
            axis = target.create_dataset("wavelength", data=spectra.wavelength)
            axis.attrs.update(unit="Angstrom", medium="vacuum")
            for name in ARRAYS:
                _create(target, name, getattr(spectra, name))
            if spectra.labels is not None:
                columns = target.create_group("labels", track_order=True)  # keeps the order of the columns
                for name in labels.colnames:
                    _create(columns, name, _plain(labels[name])).attrs["unit"] = str(labels[name].unit or "")
        target = self._file[group]
        columns = target.get("labels", {})
        if not np.array_equal(target["wavelength"], spectra.wavelength):
            raise ValueError(
                f"{self.path}: wavelengths differ from the first batch of '{group}': rebin to one grid first"
            )
        if list(columns) != labels.colnames:
            first = f"{list(columns)} in the first batch of '{group}'"
            raise ValueError(f"{self.path}: label columns {labels.colnames} differ from {first}: give all the same")
        for name in ARRAYS:
            _extend(target[name], getattr(spectra, name))
        for name in labels.colnames:
            _extend(columns[name], _plain(labels[name]))
        if self._disk.error:
            raise self._disk.error  # __exit__ makes it a sentence

    def __exit__(self, kind, error, traceback):
        try:
            self._file.close()
            self._disk.close()
            if kind is None and self._disk.error is None:
                os.replace(self._temporary, self.path)
        except OSError as failure:
            self._disk.error = failure
        finally:
            self._temporary.unlink(missing_ok=True)
        if self._disk.error:
            raise self._failure(self._disk.error) from None

    def _failure(self, error):
        folder = self.path.absolute().parent
        reason = error.strerror or error
        return OSError(
            f"cannot write {self.path.name} in {folder} ({reason}): free space there or choose another folder"
        )


class _Disk(io.FileIO):
    """The file HDF5 writes to. A failed write is remembered and further ones are dropped, because HDF5 itself cannot
    close a file on a full disk: it ends the whole process (segmentation fault, HDF5 1.14)."""

    error = None

    def write(self, data):
        rest = memoryview(data).cast("B")
        while self.error is None and len(rest):
            try:
                rest = rest[super().write(rest) :]
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
    """Values of a table column as a plain array; masked ones are NaN, or empty in text."""
    if not isinstance(column, MaskedColumn):
        return np.asarray(column)
    if column.dtype.kind in "US":
        return np.asarray(column.filled(""))
    return np.asarray(column.astype(float).filled(np.nan))


def _create(target, name, values):
    """An empty dataset for rows like `values`, in compressed chunks of about 256 kB."""
    row = values.shape[1:]
    return target.create_dataset(
        name,
        shape=(0, *row),
        maxshape=(None, *row),
        chunks=(int(np.clip(2**16 // max(1, np.prod(row)), 1, 4096)), *row),
        dtype=h5py.string_dtype() if values.dtype.kind in "US" else values.dtype,
        compression="lzf",
    )


def _extend(dataset, values):
    """Append rows to a dataset."""
    start = len(dataset)
    dataset.resize(start + len(values), axis=0)
    dataset[start:] = values.astype(object) if values.dtype.kind in "US" else values


@contextmanager
def _opened(path, group):
    """A group of an HDF5 file, checked; errors of the file become one sentence."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file: check its name")
    try:
        with h5py.File(path, "r") as f:
            if group not in f:
                raise ValueError(f"{path} has no group '{group}', it has {sorted(f)}: name one of them")
            missing = {"wavelength", *ARRAYS} - set(f[group])
            if missing:
                raise ValueError(f"{path} lacks {sorted(missing)} in group '{group}': write it with Spectra.write")
            medium = f[group]["wavelength"].attrs.get("medium", "vacuum")
            if medium != "vacuum":
                raise ValueError(
                    f"{path} has its wavelengths in {medium}, specnb works in vacuum: "
                    "convert them with specnb.wavelength.vacuum_from_air and write the file again"
                )
            yield f[group]
    except OSError as error:
        raise OSError(f"{path} cannot be read as HDF5, it may be truncated: download or write it again") from error


def _rows(source, rows):
    """Some rows of an open group as `Spectra`."""
    labels = None
    if "labels" in source:
        columns = source["labels"].items()
        labels = Table({name: Column(_values(data, rows), unit=data.attrs["unit"] or None) for name, data in columns})
    try:
        return Spectra(source["wavelength"][:], *(_values(source[name], rows) for name in ARRAYS), labels)
    except ValueError as error:
        raise ValueError(f"{source.file.filename}: {error}") from error


def _values(dataset, rows):
    """Some rows of a dataset as an array."""
    text = h5py.check_string_dtype(dataset.dtype)
    return dataset.asstr()[rows].astype(str) if text else dataset[rows]
