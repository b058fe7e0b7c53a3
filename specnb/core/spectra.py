"""Sets of spectra on one common grid, in memory, on disk (HDF5), or read batch by batch."""

from copy import copy
from dataclasses import dataclass
from numbers import Integral

import numpy as np
from astropy.table import Table

from specnb.core.catalogues import check_ids, joined
from specnb.core.specutils import from_specutils, to_specutils
from specnb.core.storage import ARRAYS, SLASH, SpectraWriter, opened, read_rows
from specnb.core.values import masked, names, numbers, placeholders
from specnb.core.wavelength import check_pixels, same_pixels


@dataclass(frozen=True, eq=False, repr=False)
class Spectra:
    """A set of n spectra on one common grid, which contains no NaN.

    Attributes
    ----------
    wavelength : ndarray, shape (n_pix,), float64
        Vacuum wavelength in Å, strictly increasing.
    flux : ndarray, shape (n, n_pix), float32
        Flux normalised to the continuum. It is 1 in masked pixels.
    flux_error : ndarray, shape (n, n_pix), float32
        One standard deviation, > 0. It is infinite in masked pixels.
    mask : ndarray, shape (n, n_pix), bool
        True where a pixel is bad or missing.
    ids : ndarray, shape (n,), str
        Names of the stars.
    labels : astropy.table.Table or None
        One row per star. The columns have the names of the labels, and units.
    correlation_length : float
        Correlation length of the noise, in pixels. The correlation of pixels k apart is max(0, 1 −
        k / length), as it is when the spectra of a detector with wider pixels are resampled. 1
        means independent pixels.
    at_rest : bool
        Whether the spectra are in the rest frame of their stars. If they are not, a fit also fits
        their radial velocities.

    Raises
    ------
    ValueError
        If shapes disagree, the wavelengths do not increase, an unmasked pixel has no finite flux or
        no finite positive error, the correlation length is below 1, a unit cannot be converted, an
        id is missing or a float, or the labels have a column of ids in another order.

    Notes
    -----
    All arrays and the labels are copied. Units of Quantities and columns are converted, and pixels
    that are masked in masked arrays are masked.
    """

    wavelength: np.ndarray
    flux: np.ndarray
    flux_error: np.ndarray
    mask: np.ndarray
    ids: np.ndarray
    labels: Table | None = None
    correlation_length: float = 1.0
    at_rest: bool = True

    def __post_init__(self):
        wavelength = numbers(self.wavelength, "Angstrom", "wavelength")
        flux = numbers(self.flux, "", "flux, which must be divided by the continuum,", np.float32)
        flux_error = numbers(self.flux_error, "", "flux_error", np.float32)
        mask = (
            np.array(self.mask)
            if isinstance(self.mask, np.ndarray) and self.mask.dtype.kind == "b"
            else numbers(self.mask, "", "mask") != 0
        )
        ids = names(self.ids)
        labels = self.labels if self.labels is None else Table(self.labels, copy=True)

        if (
            wavelength.ndim != 1
            or not wavelength.size
            or not np.all(np.isfinite(wavelength))
            or np.any(np.diff(wavelength) <= 0)
        ):
            raise ValueError(
                "wavelength must be one row of finite, strictly increasing values in Å: sort and clean it"
            )
        shape = (ids.size, wavelength.size)
        for name, array in (("flux", flux), ("flux_error", flux_error), ("mask", mask)):
            if array.shape != shape:
                raise ValueError(
                    f"{name} has shape {array.shape}, but {shape[0]} ids x {shape[1]} wavelengths: give {shape}"
                )
        mask |= masked(self.flux) | masked(self.flux_error) | masked(self.mask)
        if labels is not None:
            check_ids(labels, ids)
        length = numbers(self.correlation_length, "", "correlation_length")
        if length.ndim or not 1 <= length < np.inf:
            raise ValueError(
                f"correlation_length is {self.correlation_length} pixels: give 1 (independent pixels) or more"
            )
        if not isinstance(self.at_rest, (bool, np.bool_)):
            raise ValueError(f"at_rest is {self.at_rest!r}: it must be True or False")
        strange = ~(mask | (np.abs(flux) < 98))
        strange[strange] = ~np.isfinite(flux[strange]) | placeholders(flux[strange])
        unknown = ~(mask | ((flux_error > 0) & (flux_error < np.inf)))
        for name, array, bad in (("flux", flux, strange), ("flux_error", flux_error, unknown)):
            if bad.any():
                star, pixel = np.unravel_index(np.argmax(bad), bad.shape)
                raise ValueError(
                    f"star {ids[star]} has {name} {array[star, pixel]:g} at {wavelength[pixel]:.2f} Å: "
                    "mask that pixel (mask = True) or repair it"
                )
        flux[mask], flux_error[mask] = 1, np.inf
        self.__dict__.update(  # a frozen dataclass allows no assignment
            wavelength=wavelength,
            flux=flux,
            flux_error=flux_error,
            mask=mask,
            ids=ids,
            labels=labels,
            correlation_length=float(length),
            at_rest=bool(self.at_rest),
        )

    def __len__(self):
        return len(self.ids)

    def __repr__(self):
        low, high = self.wavelength[[0, -1]]
        return (
            f"<Spectra: {len(self)} stars, {len(self.wavelength)} pixels, {low:.2f}-{high:.2f} Å>"
        )

    def __getitem__(self, index):
        """Some of the stars, chosen by a slice, index array, bool mask or integer, as `Spectra`."""
        if masked(index).any():
            raise ValueError("the index has masked values: fill them, as with index.filled(False)")
        rows = np.ravel(np.arange(len(self))[index])
        some = copy(self)  # nothing needs to be checked again
        cut = ARRAYS if self.labels is None else (*ARRAYS, "labels")
        some.__dict__.update(
            {name: getattr(self, name)[rows] for name in cut}, wavelength=self.wavelength.copy()
        )
        return some

    @property
    def ivar(self):
        """Inverse variance, shape (n, n_pix), float32.

        It is 0 in masked pixels, and infinite if the error is below 5e-20.
        """
        with np.errstate(over="ignore", divide="ignore"):
            return 1 / self.flux_error**2

    @classmethod
    def join(cls, parts):
        """Join several sets on the same wavelengths, to rounding. Labels are kept if all have them.

        Raises
        ------
        ValueError
            If there are no parts, or their wavelengths, the correlation lengths of their noise or
            their frames of rest differ, or if their labels have other units or types.
        """
        parts = list(parts)
        kinds = {(part.correlation_length, part.at_rest) for part in parts}
        if len(kinds) != 1 or not all(
            same_pixels(part.wavelength, parts[0].wavelength) for part in parts
        ):
            raise ValueError(
                "join takes one or more sets on the same wavelengths, all at rest or none, "
                "whose noise correlates over as many pixels: rebin them first, or keep them apart"
            )
        arrays = (np.concatenate([getattr(part, name) for part in parts]) for name in ARRAYS)
        labels = [part.labels for part in parts]
        table = None if any(t is None for t in labels) else joined(labels)
        first = parts[0]
        return cls(first.wavelength, *arrays, table, first.correlation_length, first.at_rest)

    def write(self, path, group="spectra"):
        """Write the spectra to a new HDF5 file. Only a complete file replaces an older one.

        Label columns may hold numbers, booleans and text. Masked values stay masked.
        """
        with SpectraWriter(path) as writer:
            writer.append(self, group)

    @classmethod
    def read(cls, path, group="spectra", rows: slice | None = None):
        """Read the spectra of a group of an HDF5 file.

        Parameters
        ----------
        path : path
        group : str
        rows : slice, optional
            Read these stars only, and do not read the rest of the file to check it.

        Raises
        ------
        OSError
            If the file is absent, truncated or not HDF5.
        ValueError
            If the group or a dataset is missing, or the wavelengths are in air.
        """
        with opened(path, group, sealed=rows is None) as source:
            return _part(source, slice(None) if rows is None else rows)

    @classmethod
    def stream(cls, path, batch=1024, group="spectra"):
        """Read a group batch by batch: an iterator of `Spectra` of up to `batch` stars.

        It raises the same errors as `read`, and ValueError if `batch` is no positive integer.
        """
        if not isinstance(batch, Integral) or batch < 1:
            raise ValueError(f"batch is {batch!r}: give 1 or more, as an integer")
        with opened(path, group) as source:
            for start in range(0, len(source["ids"]), batch):
                yield _part(source, slice(start, start + batch))

    def to_specutils(self):
        """The spectra as one `specutils.Spectrum`, which jdaviz and others open.

        The spectral axis is in vacuum Å, the flux has no unit. In masked pixels, flux and
        uncertainty are NaN. ``meta`` holds the ids, the labels and the other fields. It needs the
        optional packages of ``specnb[specutils]``.

        Raises
        ------
        ImportError
            If specutils is missing.
        """
        return to_specutils(self)

    @classmethod
    def from_specutils(cls, spectrum):
        """Spectra from a `specutils.Spectrum` of one or two dimensions.

        Units and kinds of uncertainty are converted. Pixels that are masked or not finite are
        masked. ids come from ``meta["ids"]``, or OBJECT in ``meta["header"]``.

        Raises
        ------
        ValueError
            If the spectral axis is in air, or cannot be converted to Å; if the flux has a unit or
            there is no uncertainty; or for the reasons given in `Spectra`.
        """
        return cls(**from_specutils(spectrum))


def check_at_rest(spectra, wavelength):
    """Raise ValueError unless spectra are in their stars' rest frame and on these pixels (Å)."""
    if not spectra.at_rest:
        raise ValueError(
            "the spectra are not at rest: fit their velocities with specnb.fit_labels, and shift them with "
            "specnb.core.rebinning.to_rest"
        )
    check_pixels(spectra.wavelength, wavelength)


def _part(source, rows):
    """Some stars of an open group as `Spectra`."""
    about = (source.attrs.get("correlation_length", 1.0), source.attrs.get("at_rest", True))
    wavelength = read_rows(source["wavelength"], slice(None))
    arrays = [read_rows(source[name], rows) for name in ARRAYS]
    missing = source.get("missing", {})
    columns = {
        name.replace(SLASH, "/"): read_rows(data, rows, missing.get(name))
        for name, data in source.get("labels", {}).items()
    }
    try:
        return Spectra(wavelength, *arrays, columns or None, *about)
    except ValueError as error:
        raise ValueError(f"{source.file.filename}: {error}") from error
