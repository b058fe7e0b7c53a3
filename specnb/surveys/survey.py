"""The class `Survey`: one object that holds everything that differs between surveys."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from astropy.table import Table

from specnb.core.labels import Label, Line
from specnb.core.paths import DATA, KEPT
from specnb.core.rebinning import rebin
from specnb.core.values import numbers
from specnb.core.wavelength import check_pixels, same_pixels


def all_inside(stars: Mapping) -> np.ndarray:
    """The default of `Survey.inside`: all stars lie inside."""
    return np.ones(np.shape(next(iter(stars.values()))), dtype=bool)


def at_the_pixels(wavelength, flux) -> np.ndarray:
    """The default of `Survey.observe`, for grids that are already on the survey's pixels.

    It returns the flux unchanged.
    """
    return flux


@dataclass(frozen=True, eq=False, repr=False)
class Survey:
    """A survey of stellar spectra: its pixels, its labels, and how its spectra are read.

    Only the first four fields are needed. Fields with a default may be left out if the survey does
    not need what they are for. `specnb.surveys.rvs.survey` and `specnb.surveys.apogee.survey`
    declare the surveys that are shipped. You declare your own survey in the same way and pass it to
    the functions that take a survey. If you add it to `specnb.surveys.SURVEYS`, figures also show
    the symbols of its labels.

    Attributes
    ----------
    name : str
        Short name. The names of shipped files are made from it.
    title : str
        Full name.
    labels : tuple of Label
        The labels, in the order of the columns of all label arrays.
    pixels : ndarray, shape (n_pix,), float64
        Wavelengths (vacuum Å) of the emulator and of the spectra that are fitted.
    resolving_power : float
        λ / FWHM of the line-spread function.
    native : ndarray, shape (n_native,)
        Wavelengths of spectra as they are read, vacuum Å. The default is `pixels`.
    grids : tuple of ndarray
        Further wavelengths at which the survey's spectra are published, vacuum Å.
    rebins : bool
        Whether spectra on any wavelengths are rebinned to `pixels` when they are read.
    correlation_length : float
        Correlation length of the noise of spectra on the native pixels, see `specnb.Spectra`. 1
        means independent pixels.
    observe : callable
        ``observe(wavelength, flux, **broadening)`` brings synthetic spectra (n, n_in) to `pixels`
        as the survey would observe them. It applies the labels that broaden spectra, the rebinning
        and the normalisation.
    normalize : callable, optional
        ``normalize(flux, ivar)`` gives the pseudo-continuum by which observed spectra (n, n_pix)
        are divided. It is None if the spectra in the survey's files are already normalised.
    error_floor : float
        Smallest error of observed spectra, in units of the pseudo-continuum.
    bad_bits : int
        Bits of the flags of a pixel that make it bad. The default is all of them.
    inside : callable
        ``inside(stars)`` tells where synthetic spectra were computed: it takes labels by name and
        gives an array of bool. The explorer knows only that of a `specnb.surveys.region.Region`.
    start : mapping of str to float
        Labels of the star at which sliders start. The default is the middle of each label's range.
    lines : tuple of Line
        Lines that figures mark, the most important first.
    windows : mapping of str to (float, float)
        Wavelength ranges (vacuum Å) that figures offer, by name.
    untrusted : tuple of (float, float)
        Wavelength ranges (vacuum Å) where the physics of the grid is known to fail.
    groups : mapping of str to tuple of str
        Labels by group, for surveys with too many labels for one row of sliders.
    elements : mapping of str to str
        For the symbol of each element, the label that raises its abundance.
    element_groups : mapping of str to tuple of str
        Elements by group. Figures give each group a colour.
    compensated : mapping of str to tuple of str
        For a label, the other labels that must fall as it rises so that only its own element
        changes.
    x_h : mapping of str to tuple of str
        For the name of each abundance relative to hydrogen, the labels whose sum it is, such as
        ``"c_h": ("c_fe", "fe_h")``.
    everywhere : tuple of str
        Labels that change the spectrum at all wavelengths. The default is all labels.
    ideal_above : mapping of str to float
        Lowest values of the labels of ideal stars. Below them spectra contain too little
        information about the labels.
    edits : mapping of str to float
        Sizes of the changes of labels with which edited spectra are tested.
    training : mapping of str to mapping
        Settings that the survey's "emulator" and "translator" need instead of the defaults.
    read : callable, optional
        ``read(path)`` reads a file that the survey recognizes into `Spectra`. The default reads
        tables with spectra on the survey's pixels, see `specnb.surveys.columns`.
    recognizes : callable, optional
        ``recognizes(path, kind)`` tells whether a file belongs to the survey. Tables need none.
    complete : callable, optional
        ``complete(sheet)`` adds what the survey's tables do not say, see
        `specnb.surveys.columns.Sheet`.
    complete_labels : callable, optional
        ``complete_labels(catalogue, rng)`` fills in the labels of real stars of which a catalogue
        (Table) knows some. It gives an array for each label, a dict.
    spreads : mapping of str to float
        For labels that a catalogue usually lacks, how much they differ between stars whose other labels are
        the same; for a logarithmic label, how much its logarithm does.
    archive : Archive, optional
        The source of real spectra of the survey.
    mock : type, optional
        Class of the configurations of mock surveys, a subclass of `specnb.surveys.mock.MockConfig`.
    card : mapping of str to str
        Texts for the model card of the emulator.
    """

    name: str
    title: str
    labels: tuple[Label, ...]
    pixels: np.ndarray
    resolving_power: float = np.inf
    native: np.ndarray | None = None
    grids: tuple[np.ndarray, ...] = ()
    rebins: bool = False
    correlation_length: float = 1.0
    observe: Callable = at_the_pixels
    normalize: Callable | None = None
    error_floor: float = 0.0
    bad_bits: int = -1
    inside: Callable = all_inside
    start: Mapping[str, float] = field(default_factory=dict)
    lines: tuple[Line, ...] = ()
    windows: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    untrusted: tuple[tuple[float, float], ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    elements: Mapping[str, str] = field(default_factory=dict)
    element_groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    compensated: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    x_h: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    everywhere: tuple[str, ...] = ()
    ideal_above: Mapping[str, float] = field(default_factory=dict)
    edits: Mapping[str, float] = field(default_factory=dict)
    training: Mapping[str, Mapping] = field(default_factory=dict)
    read: Callable | None = None
    recognizes: Callable | None = None
    complete: Callable | None = None
    complete_labels: Callable | None = None
    spreads: Mapping[str, float] = field(default_factory=dict)
    archive: object | None = None
    mock: type | None = None
    card: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self):
        pixels = numbers(self.pixels, "Angstrom", f"pixels of survey {self.name!r}")
        if pixels.ndim != 1 or len(pixels) < 2 or not np.all(np.diff(pixels) > 0):
            raise ValueError(f"pixels of survey {self.name!r} must increase: sort them")
        if len(set(self.names)) < len(self.labels) or not self.labels:
            raise ValueError(f"labels of survey {self.name!r} are {self.names}: give each once")
        middle = {label.name: 0.5 * (label.low + label.high) for label in self.labels}
        for field_name in ("start", "ideal_above", "edits", "compensated"):
            if unknown := sorted(set(getattr(self, field_name)) - set(middle)):
                raise ValueError(
                    f"{field_name} of survey {self.name!r} names {', '.join(unknown)}, no labels"
                )
        for name, added in self.x_h.items():
            if name in middle or not set(added) <= set(middle):
                raise ValueError(
                    f"x_h of survey {self.name!r} has {name!r}: {added!r}: give a new name and a tuple of labels"
                )
        grouped = [name for group in self.groups.values() for name in group]
        if self.groups and sorted(grouped) != sorted(self.names):
            raise ValueError(f"groups of survey {self.name!r} must have each of its labels once")
        self.__dict__.update(  # a frozen dataclass allows no assignment
            pixels=pixels,
            native=pixels if self.native is None else numbers(self.native, "Angstrom", "native"),
            start=middle | dict(self.start),
            everywhere=tuple(self.everywhere or self.names),
        )

    @classmethod
    def from_toml(cls, path):
        """The survey that a TOML file declares, see `specnb.surveys.declared`."""
        from specnb.surveys.declared import declared

        return declared(path)

    def __repr__(self):
        low, high = self.pixels[[0, -1]]
        return (
            f"<Survey {self.name}: {len(self.labels)} labels, {len(self.pixels)} pixels, "
            f"{low:.2f}-{high:.2f} Å, R = {self.resolving_power:g}>"
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the labels, in order."""
        return tuple(label.name for label in self.labels)

    @property
    def grid_path(self) -> Path:
        """Path of the shipped grid of synthetic spectra. OSError if there is none, as in a wheel."""
        path = KEPT / f"{self.name}_grid.h5"
        if not path.is_file():
            raise FileNotFoundError(
                f"there is no grid {path}: a wheel has no grids, put data/{path.name} of the repository there"
            )
        return path

    @property
    def responses_path(self) -> Path:
        """Path of the shipped responses of reference stars to each label or element."""
        return DATA / f"{self.name}_responses.h5"

    @property
    def emulator_path(self) -> Path:
        """Path of the shipped emulator."""
        return DATA / "emulators" / f"{self.name}.safetensors"

    def label(self, name: str) -> Label:
        """The label of this name.

        Raises
        ------
        ValueError
            If the survey has no such label.
        """
        if name not in self.names:
            raise ValueError(f"{name}: no label of survey {self.name}: {', '.join(self.names)}")
        return self.labels[self.names.index(name)]

    def has(self, wavelength) -> bool:
        """Whether wavelengths (Å) are `pixels`, `native` or one of the `grids`."""
        grids = self.pixels, self.native, *self.grids
        return any(same_pixels(wavelength, grid) for grid in grids)

    def with_correlation(self, spectra):
        """Spectra whose noise correlates at least as the survey's does, if they are on its native
        pixels: those made by hand or read from older files do not tell. Others stay as they are.
        """
        known = spectra.correlation_length >= self.correlation_length
        if known or not same_pixels(spectra.wavelength, self.native):
            return spectra
        return replace(spectra, correlation_length=self.correlation_length)

    def on_pixels(self, spectra):
        """Spectra on the survey's `pixels`, rebinned if they are on `native`, `grids`, or any others
        if the survey `rebins`.

        Raises
        ------
        ValueError
            If the spectra are on other pixels.
        """
        if not (self.rebins or self.has(spectra.wavelength)):
            check_pixels(spectra.wavelength, self.pixels)
        return rebin(self.with_correlation(spectra), self.pixels)  # exactly these pixels

    def table(self, values) -> Table:
        """Label values (n, n_labels) as a table with names and units."""
        return Table(
            numbers(values, "", "labels"),
            names=self.names,
            units=[label.unit or None for label in self.labels],
        )

    def alone(self, by_label: Mapping, label: str):
        """The effect of raising a label on a spectrum if no other element changes with it.

        Parameters
        ----------
        by_label : mapping of str to ndarray
            Derivatives of the spectrum by label.
        label : str

        Returns
        -------
        ndarray
        """
        return by_label[label] - sum(by_label[other] for other in self.compensated.get(label, ()))

    def element_of(self, label: str) -> str | None:
        """The element whose abundance the label is, or None for other labels."""
        return next(
            (element for element, abundance in self.elements.items() if abundance == label), None
        )

    def group_of(self, element: str) -> str | None:
        """The group of an element, or None if it has none."""
        return next(
            (group for group, members in self.element_groups.items() if element in members), None
        )
