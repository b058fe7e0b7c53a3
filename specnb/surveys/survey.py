"""What a survey is: one object that answers everything that differs from survey to survey."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from astropy.table import Table

from specnb.core.labels import Label
from specnb.core.lines import Line
from specnb.core.paths import DATA


def everywhere(stars: Mapping) -> np.ndarray:
    """The hull of a survey without one: all stars lie inside."""
    return np.ones(np.shape(next(iter(stars.values()))), dtype=bool)


def at_the_pixels(wavelength, flux) -> np.ndarray:
    """The `Survey.observe` of a survey whose grid is already on its pixels: nothing is to be done."""
    return flux


@dataclass(frozen=True, eq=False, repr=False)
class Survey:
    """A survey of stellar spectra: its pixels and labels, and what its spectra need to be read.

    Only the first four fields are needed; what has a default may be left out, and with it what it
    is for. `specnb.surveys.rvs.survey` and `specnb.surveys.apogee.survey` declare the surveys that
    are shipped. A survey of your own is declared in the same way and passed to whatever takes a
    survey; entered in `specnb.surveys.SURVEYS`, its labels get their symbols in figures, too.

    Attributes
    ----------
    name : str
        Short name, of which shipped files are named.
    title : str
        Name in full.
    labels : tuple of Label
        In the order of all label arrays.
    pixels : ndarray, shape (n_pix,), float64
        Wavelengths (vacuum Å) of the emulator and of all that is fitted.
    resolving_power : float
        λ / FWHM of the line-spread function.
    native : ndarray, shape (n_native,)
        Wavelengths of spectra as they are read, vacuum Å; those of `pixels` by default.
    correlation_length : float
        Of the noise of spectra on the native pixels, see `specnb.Spectra`; 1 means independent
        pixels.
    observe : callable
        ``observe(wavelength, flux, **broadening)`` brings synthetic spectra (n, n_in) to `pixels`
        as the survey would see them: broadening labels, rebinning, normalisation.
    normalize : callable, optional
        ``normalize(flux, ivar)`` gives the pseudo-continuum by which observed spectra (n, n_pix)
        are divided; None if the survey's files are normalised.
    inside : callable
        Where synthetic spectra were computed: from a mapping of label values by name to bool.
    start : mapping of str to float
        Labels of the star that sliders start at; by default the middle of each label's range.
    lines : tuple of Line
        Lines to mark in figures, the most important first.
    windows : mapping of str to (float, float)
        Wavelength ranges (vacuum Å) that figures offer, by name.
    untrusted : tuple of (float, float)
        Wavelength ranges (vacuum Å) where the physics of the grid is known to fail.
    groups : mapping of str to tuple of str
        Labels by group, where they are too many for one row of sliders.
    elements : mapping of str to str
        Label by which the abundance of an element is raised, by its symbol.
    element_groups : mapping of str to tuple of str
        Elements by group, for colours.
    compensated : mapping of str to tuple of str
        Labels that must fall as a label rises so that nothing but its own element changes.
    everywhere : tuple of str
        Labels that change the spectrum at all wavelengths; all by default.
    ideal_above : mapping of str to float
        Lowest values of labels of ideal stars, below which spectra tell too little of them.
    edits : mapping of str to float
        Changes of labels by which edited spectra are judged.
    training : mapping of str to mapping
        Settings that the survey's "emulator" and "translator" need instead of the defaults.
    read : callable, optional
        ``read(paths)`` reads files of the survey into `Spectra`.
    recognizes : callable, optional
        ``recognizes(path)`` tells whether a file is one of the survey's.
    archive : Archive, optional
        Where real spectra of the survey come from.
    mock : type, optional
        Class of the configurations of mock surveys, a `specnb.surveys.mock.MockConfig`.
    card : mapping of str to str
        Texts for the model card of the emulator.
    """

    name: str
    title: str
    labels: tuple[Label, ...]
    pixels: np.ndarray
    resolving_power: float = np.inf
    native: np.ndarray | None = None
    correlation_length: float = 1.0
    observe: Callable = at_the_pixels
    normalize: Callable | None = None
    inside: Callable = everywhere
    start: Mapping[str, float] = field(default_factory=dict)
    lines: tuple[Line, ...] = ()
    windows: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    untrusted: tuple[tuple[float, float], ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    elements: Mapping[str, str] = field(default_factory=dict)
    element_groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    compensated: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    everywhere: tuple[str, ...] = ()
    ideal_above: Mapping[str, float] = field(default_factory=dict)
    edits: Mapping[str, float] = field(default_factory=dict)
    training: Mapping[str, Mapping] = field(default_factory=dict)
    read: Callable | None = None
    recognizes: Callable | None = None
    archive: object | None = None
    mock: type | None = None
    card: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self):
        pixels = np.asarray(self.pixels, dtype=float)
        if pixels.ndim != 1 or len(pixels) < 2 or not np.all(np.diff(pixels) > 0):
            raise ValueError(f"pixels of survey {self.name!r} must increase: sort them")
        if len(set(self.names)) < len(self.labels) or not self.labels:
            raise ValueError(f"labels of survey {self.name!r} are {self.names}: give each once")
        middle = {label.name: 0.5 * (label.low + label.high) for label in self.labels}
        if unknown := set(self.start) - set(middle):
            raise ValueError(f"start of survey {self.name!r} names {sorted(unknown)}, no labels")
        self.__dict__.update(  # frozen: not by assignment
            pixels=pixels,
            native=pixels if self.native is None else np.asarray(self.native, dtype=float),
            start=middle | dict(self.start),
            everywhere=tuple(self.everywhere or self.names),
        )

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
        """The shipped grid of synthetic spectra."""
        return DATA / f"{self.name}_grid.h5"

    @property
    def responses_path(self) -> Path:
        """The shipped responses of reference stars to each label or element."""
        return DATA / f"{self.name}_responses.h5"

    @property
    def emulator_path(self) -> Path:
        """The shipped emulator."""
        return DATA / "emulators" / f"{self.name}.safetensors"

    def label(self, name: str) -> Label:
        """The label of a name.

        Raises
        ------
        ValueError
            If the survey has no such label.
        """
        if name not in self.names:
            raise ValueError(f"{name}: no label of survey {self.name}: {', '.join(self.names)}")
        return self.labels[self.names.index(name)]

    def with_correlation(self, spectra):
        """Spectra whose noise correlates at least as the survey's does, if they are on its native
        pixels: those made by hand or read from older files do not tell. Others stay as they are.
        """
        if not np.array_equal(spectra.wavelength, self.native):
            return spectra
        length = max(spectra.correlation_length, self.correlation_length)
        return replace(spectra, correlation_length=length)

    def table(self, values) -> Table:
        """Label values (n, n_labels) as a table with names and units."""
        units = [label.unit or None for label in self.labels]
        return Table(np.asarray(values), names=self.names, units=units)

    def alone(self, by_label: Mapping, label: str):
        """What raising a label does to a spectrum if no other element changes with it.

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
        """The element of which a label is the abundance; None for other labels."""
        return next((element for element, own in self.elements.items() if own == label), None)

    def group_of(self, element: str) -> str | None:
        """The group of an element; None if it has none."""
        groups = self.element_groups.items()
        return next((group for group, members in groups if element in members), None)
