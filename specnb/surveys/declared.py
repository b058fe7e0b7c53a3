"""A survey of one's own, declared in a TOML file.

::

    name = "spex"
    title = "SpeX prism"
    resolving_power = 120
    continuum = "median"             # or the order of a Legendre series; without it, files are normalised
    error = "estimate"               # of files without errors, or a number such as 0.02

    [pixels]                         # or log_step (of log10) instead of step, or file = "pixels.txt"
    start = 0.9
    stop = 2.4
    step = 0.004
    unit = "um"                      # also of lines and windows; without it Å
    medium = "vacuum"                # or air, which counts for files that do not tell theirs, too

    [[labels]]
    name = "spt"
    low = 10
    high = 39
    symbol = "SpT"
    meaning = "spectral type, 10 = M0, 20 = L0, 30 = T0"

    [[lines]]
    species = "K I"
    wavelength = 1.2525

    [windows]
    "J band" = [1.1, 1.35]

``labels`` have the fields of `specnb.core.labels.Label`; a usual name such as teff has its usual
unit. Further keys are ``error_floor``, ``correlation_length`` (of the noise, in pixels of the
survey; without it an estimate of the errors of resampled spectra is too small) and ``at_rest``, as
in `Survey` and `specnb.Spectra`. ``specnb.read_spectra(files, survey="spex.toml")`` reads spectra.
"""

import re
from dataclasses import MISSING, fields
from functools import partial
from pathlib import Path

import numpy as np
from astropy.units import Unit, UnrecognizedUnit
from numpy.polynomial.legendre import legvander

from specnb.core.config import check_keys, read_toml
from specnb.core.labels import Label, Line, limits
from specnb.core.reading import whole_file
from specnb.core.values import SAME_UNIT, numbers
from specnb.core.wavelength import detectors, vacuum_from_air
from specnb.surveys.noise import missing_error
from specnb.surveys.survey import Survey

NEEDED = ("name", "pixels", "labels")
NUMBERS = {"resolving_power": np.inf, "error_floor": 0.0, "correlation_length": 1.0}
OPTIONAL = ("title", "continuum", "error", "at_rest", "lines", "windows", *NUMBERS)
LOWEST = {"resolving_power": 1, "error_floor": 0, "correlation_length": 1}
TYPES = {
    **dict.fromkeys(("name", "title", "file", "unit", "medium", "symbol", "meaning"), (str,)),
    **dict.fromkeys(("start", "stop", "step", "log_step", "low", "high", *LOWEST), (float,)),
    **dict.fromkeys(("at_rest", "logarithmic", "broadens"), (bool,)),
    **dict.fromkeys(("pixels", "windows"), (dict,)),
    **dict.fromkeys(("labels", "lines"), (tuple[dict, ...],)),
    "species": (str,),
    "wavelength": (float,),
    "error": (float, str),
    "continuum": (int, str),
}
LARGEST_ORDER, MOST_PIXELS = 20, 1_000_000


def declared(path) -> Survey:
    """The survey that a TOML file declares, see above.

    Raises
    ------
    ValueError
        If the file is missing or is no TOML, or a key is unknown, missing or has a wrong value.
    """
    about = read_toml(path, "declaration of a survey")
    check_keys(about, NEEDED, OPTIONAL, str(path), TYPES)
    try:
        return _survey(about, Path(path))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}".replace(f"{path}: {path}", f"{path}")) from error


def _survey(about, path):
    """The survey of the keys of a file, which have been checked."""
    if not re.fullmatch(r"\w[\w-]*", str(about["name"])):
        raise ValueError(f"name is {about['name']!r}: give letters, digits, _ and -")
    for key, lowest in LOWEST.items():
        if not lowest <= about.get(key, lowest) < np.inf:
            raise ValueError(f"{key} is {about[key]}: give a number from {lowest}")
    pixels, unit, air = _pixels(about["pixels"], path)
    error, order, rest = (about.get(key) for key in ("error", "continuum", "at_rest"))
    if error is not None:
        missing_error(np.ones(5), error)  # checks it
    whole = isinstance(order, int) and 0 <= order <= LARGEST_ORDER
    if order is not None and order != "median" and not whole:
        raise ValueError(
            f"continuum is {order!r}: give 'median', or an order from 0 to {LARGEST_ORDER}"
        )
    labels = tuple(_label(each, f"label {k}") for k, each in enumerate(about["labels"], 1))
    lines = []
    for k, line in enumerate(about.get("lines", ()), 1):
        check_keys(line, ("species", "wavelength"), (), f"line {k}", TYPES)
        lines.append(Line(line["species"], _vacuum(line["wavelength"], unit, air)))
    windows = about.get("windows", {})
    check_keys(windows, (), windows, "windows", dict.fromkeys(windows, (tuple[float, ...],)))
    if wrong := [name for name, ends in windows.items() if len(ends) != 2 or ends[0] >= ends[1]]:
        raise ValueError(f"windows has {wrong[0]} = {windows[wrong[0]]}: give its two ends")
    return Survey(
        name=about["name"],
        title=about.get("title", about["name"]),
        labels=labels,
        pixels=pixels,
        rebins=True,
        normalize=None if order is None else partial(continuum, pixels, order),
        lines=tuple(lines),
        windows={name: tuple(_vacuum(ends, unit, air)) for name, ends in windows.items()},
        complete=partial(_complete, tuple(each.name for each in labels), air, error, rest),
        **{key: float(about.get(key, value)) for key, value in NUMBERS.items()},
    )


def _pixels(about, path):
    """Pixels in vacuum Å, the unit that the file uses, and whether it uses air."""
    steps = [key for key in ("step", "log_step") if key in about]
    ends = () if "file" in about else ("start", "stop", *(steps or ["step"]))
    needed = ("file",) if "file" in about else ends
    check_keys(about, needed, ("unit", "medium"), "pixels", TYPES)
    unit, medium = about.get("unit", "Angstrom"), about.get("medium", "vacuum")
    _check_unit(unit, "pixels")
    if medium not in ("air", "vacuum"):
        raise ValueError(f"medium is {medium!r}: give air or vacuum")
    if "file" in about:
        file = path.parent / about["file"]
        with whole_file(file, "file of wavelengths", "give one wavelength a line", ValueError):
            pixels = np.loadtxt(file)
    else:
        start, stop, step = (float(numbers(about[key], "", key)) for key in ends)
        if steps == ["log_step"]:
            start, stop = np.log10([start, stop])
        if not (step > 0 and 1 <= (stop - start) / step <= MOST_PIXELS):
            raise ValueError(
                f"pixels from {about['start']} to {about['stop']} in steps of {step:g}: "
                f"give 2 to {MOST_PIXELS:,} increasing pixels"
            )
        pixels = np.arange(start, stop + step / 2, step)
        pixels = 10**pixels if steps == ["log_step"] else pixels
    return _vacuum(pixels, unit, medium == "air"), unit, medium == "air"


def _vacuum(wavelength, unit, air):
    """Wavelengths of the file in vacuum Å."""
    from astropy.units import Quantity

    angstrom = numbers(Quantity(wavelength, unit), "Angstrom", "wavelength")
    return vacuum_from_air(angstrom) if air else angstrom


def _label(about, where):
    """One label, whose symbol and meaning are its name if the file gives none."""
    names = [each.name for each in fields(Label) if each.default is MISSING]
    needed = [name for name in names if name not in ("unit", "symbol", "meaning")]
    check_keys(
        about,
        needed,
        [each.name for each in fields(Label) if each.name not in needed],
        where,
        TYPES,
    )
    name, usual = about["name"], limits(about["name"])
    own = {"unit": usual.unit or "", "symbol": name.replace("_", " "), "meaning": name}
    label = Label(**own | about)
    if usual.unit is not None and limits(label) != usual:
        raise ValueError(
            f"label {name} has the unit {label.unit!r}, but {name} is in {usual.unit} everywhere: "
            "give that, or another name"
        )
    _check_unit(label.unit, f"label {name}")
    return label


def _check_unit(unit, where):
    """Raise ValueError unless astropy knows a unit."""
    known = not isinstance(Unit(unit, parse_strict="silent"), UnrecognizedUnit)
    if unit not in SAME_UNIT and not known:
        raise ValueError(f"{where} has the unit {unit!r}, which is none: give one such as K or um")


def _complete(labels, air, error, at_rest, sheet):
    """Tell a sheet what the declaration says, see `specnb.surveys.columns.Sheet`."""
    sheet.labels = [name for name in labels if name in sheet.table.colnames]
    sheet.air, sheet.at_rest = air, at_rest is not False
    sheet.error = error if sheet.error is None else sheet.error


def continuum(wavelength, order, flux, ivar) -> np.ndarray:
    """Pseudo-continuum of spectra, shape (n, n_pix): a Legendre series or the median.

    Parameters
    ----------
    wavelength : ndarray, shape (n_pix,)
    order : int or "median"
        Order of the series, which is fitted to each detector with weights. The median is one number
        for all good pixels of a star.
    flux, ivar : ndarray, shape (n, n_pix)
        The inverse variance is 0 in masked pixels. A detector without good pixels gives NaN.
    """
    if order == "median":
        middle = np.ma.median(np.ma.array(flux, mask=ivar == 0), axis=1).filled(np.nan)
        return np.repeat(middle[:, None], len(wavelength), axis=1)
    result = np.full(flux.shape, np.nan)
    for part in detectors(wavelength):
        x = np.interp(wavelength[part], wavelength[part][[0, -1]], [-1.0, 1.0])
        basis = legvander(x, order)
        for star, weight in enumerate(np.sqrt(ivar[:, part])):
            if np.count_nonzero(weight) > order:
                design = basis * weight[:, None]
                series = np.linalg.lstsq(design, flux[star, part] * weight, rcond=None)[0]
                result[star, part] = basis @ series
    return result
