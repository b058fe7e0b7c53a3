"""Data-driven emulation of real APOGEE spectra: two published models. They are not spectra.

Each model was trained on real spectra, so that its flux at some labels is about the mean of the real
spectra of such stars. With their scatter, and with errors and masks of real spectra, the two stand in
for the thousands of real stars that a translator needs as its observed domain.

- ``giants`` is The Cannon (Ness et al. 2015, ApJ 808, 16) as trained by J. Bovy on 1,801 giants of
  DR10 (github.com/jobovy/apogee, BSD-3): a quadratic function of T_eff, log g, [Fe/H] and [α/Fe] in
  each pixel. It holds from 4000 to 5100 K for [Fe/H] > −1.
- ``dwarfs`` is the network of El-Badry et al. (2018, MNRAS 476, 528; github.com/tingyuansen/The_Payne,
  MIT): a small network in each pixel of T_eff, log g, [Fe/H], [Mg/Fe] and v_macro. It holds from 4200
  to 7000 K for log g from 4 to 5.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.table import Table
from pooch import file_hash

from specnb.core.paths import data_folder, stars_folder
from specnb.core.spectra import Spectra
from specnb.surveys.plain import over_continuum
from specnb.surveys.population import Population, draw_stars
from specnb.surveys.transfer import fetch_url

FOLDER = "apogee_data_driven"
_BOVY = (
    "https://raw.githubusercontent.com/jobovy/apogee/ff61a9c5d427066cebf53f857ee26e941747303f/"
    "apogee/spec/cannon/"
)
_PAYNE = (
    "https://raw.githubusercontent.com/tingyuansen/The_Payne/7d565bf1f088b021f880c46866d4c0ad96855a04/"
    "neural_nets/"
)
# Files of the models: where they are published, and their SHA-256.
FILES = {
    "trained_apokasc_gc_ind_feh_fix.txt": (
        _BOVY + "trained/",
        "09f2d45c6df6083015d33b3ead44ecca3d383dbb6d9943f2dc084ce7db74859b",
    ),
    "trained_apokasc_gc_ind_feh_fix_scatter.txt": (
        _BOVY + "trained/",
        "135d7f2ca484bffbde49bf513834ef19f6cb0faf7b81b7e9af446b4163c3900d",
    ),
    "trained_apokasc_gc_ind_feh_fix_baseline_labels.txt": (
        _BOVY + "trained/",
        "91fa48749526fa5b4a2c5f9f8a4395d6d20f6e267a95c8adb98bc73a81930e36",
    ),
    "training_apokasc_gc_ind_feh_fix.txt": (
        _BOVY + "training/",
        "644870a826bd722a995c27c4dcc4d4d65029a9f7755aa87ac913e73e154b7678",
    ),
    "NN_normalized_spectra.npz": (
        _PAYNE,
        "8055b0bff0b96b83449efe568191020c9339421d6ccce9e44f6b63cfeef75e39",
    ),
}
# [Fe/H] of the giants' labels is that of ASPCAP in DR12, star by star. DR12's [M/H], which was calibrated
# with clusters, is 1.20 [Fe/H] + 0.021 for the 528 of these giants that the table of DR12's labels in
# github.com/annayqho/TheCannon has (a robust line, rms 0.02 dex). The labels are converted to this scale.
FE_H_SLOPE, FE_H_OFFSET = 1.20, 0.021
# The dwarfs' network has no published scatter. This is a guess, somewhat less than that of the giants.
DWARF_SCATTER = 0.004
# The dwarfs' own stars are not published either. These are drawn instead, with v_broad in km/s.
UNEVOLVED = Population(
    thin_disc=0.70, thick_disc=0.25, halo=0.05, dwarf=0.85, subgiant=0.15, giant=0.0, red_clump=0.0
)
DRAWN, BROADENING = 20_000, (1.0, 15.0)
# Median of the S/N per pixel, width of its logarithm, and limits. APOGEE exposes until S/N = 100.
SNR, WIDTH, LOWEST, HIGHEST = 130.0, 0.45, 40.0, 400.0
SHIFT = 15  # pixels by which bad pixels move in the stars' frames, which is 60 km/s


@dataclass(frozen=True, eq=False)
class DataDriven:
    """Data-driven emulation of real spectra.

    Attributes
    ----------
    name : str
    labels : tuple of str
        Names of the model's labels: ``teff`` (K), ``logg``, ``fe_h``, ``mg_fe`` (dex), which is the
        giants' [α/Fe], and, for dwarfs, ``vbroad`` (km/s), which is their v_macro.
    flux : callable
        ``flux(labels)`` gives the flux (n, 7214) on `APOGEE_PIXELS` (vacuum Å, at rest), over a
        pseudo-continuum, from labels (n, n_labels).
    scatter : ndarray, shape (7214,)
        Standard deviation of real spectra about the model. It is 0 in pixels that are not modelled.
    low, high : ndarray, shape (n_labels,)
        Range of the labels in which the model holds.
    stars : ndarray or None
        Labels of the real training stars, shape (m, n_labels), if they are published.
    """

    name: str
    labels: tuple[str, ...]
    flux: Callable
    scatter: np.ndarray
    low: np.ndarray
    high: np.ndarray
    stars: np.ndarray | None = None


def load_data_driven(name: str) -> DataDriven:
    """Open one of the two models. Its files are downloaded if they are not there.

    They are looked for in the folders named by SPECNB_STARS and SPECNB_DATA.

    Parameters
    ----------
    name : {"giants", "dwarfs"}

    Raises
    ------
    ValueError
        If there is no model of this name.
    OSError
        If a file is neither there nor can be downloaded, or is damaged.
    """
    if name not in MODELS:
        raise ValueError(f"there is no data-driven model {name!r}: give one of {', '.join(MODELS)}")
    return MODELS[name]()


def _giants():
    stem = "apokasc_gc_ind_feh_fix"
    names = [f"trained_{stem}{part}.txt" for part in ("", "_scatter", "_baseline_labels")]
    *trained, training = model_files([*names, f"training_{stem}.txt"])
    coefficients, scatter, middle = map(np.loadtxt, trained)
    # Some stars are there twice, with two values of log g.
    first = np.unique(np.loadtxt(training, str, usecols=0), return_index=True)[1]
    stars = np.loadtxt(training, usecols=(1, 2, 3, 4))[first]

    def flux(labels):
        d = np.asarray(labels, float) - middle
        d[:, 2] = (labels[:, 2] - FE_H_OFFSET) / FE_H_SLOPE - middle[2]
        i, j = np.triu_indices(4)
        return np.hstack([np.ones((len(d), 1)), d, d[:, i] * d[:, j]]) @ coefficients

    stars[:, 2] = FE_H_SLOPE * stars[:, 2] + FE_H_OFFSET
    low, high = np.array([[4000.0, 0.5, -1.2, -0.1], [5300.0, 3.7, 0.5, 0.4]])
    names = ("teff", "logg", "fe_h", "mg_fe")
    return DataDriven("giants", names, flux, scatter, low, high, stars)


def _dwarfs():
    (path,) = model_files(["NN_normalized_spectra.npz"])
    with np.load(path) as saved:
        net = {key: saved[key] for key in saved.files}
    low, high = net["x_min"], net["x_max"]

    def flux(labels):
        x = (np.asarray(labels, float) - low) / (high - low) - 0.5
        hidden = np.einsum("pij,nj->npi", net["w_array_0"], x) + net["b_array_0"]
        return (
            np.einsum("pi,npi->np", net["w_array_1"], 1 / (1 + np.exp(-hidden))) + net["b_array_1"]
        )

    names = ("teff", "logg", "fe_h", "mg_fe", "vbroad")
    scatter = np.full(len(net["b_array_1"]), DWARF_SCATTER)
    return DataDriven("dwarfs", names, flux, scatter, low, high)


MODELS = {"giants": _giants, "dwarfs": _dwarfs}


def stars_of(model: DataDriven, survey, n: int, seed: int = 0) -> Table:
    """Labels of stars: those of the model's real training stars, else realistic ones.

    Parameters
    ----------
    model : DataDriven
    survey : Survey
        That of APOGEE, from whose population dwarfs are drawn.
    n : int
        Number of stars. No two are the same star.
    seed : int
        With the same seed, the first stars stay the same when n grows.

    Returns
    -------
    Table
        n rows with the model's labels.

    Raises
    ------
    ValueError
        If the model has fewer stars.
    """
    rng = np.random.default_rng(seed)
    if model.stars is None:
        drawn = draw_stars(survey, DRAWN, rng, UNEVOLVED)
        drawn["vbroad"] = np.exp(rng.uniform(*np.log(BROADENING), DRAWN))
        stars = np.column_stack([drawn[name] for name in model.labels])
    else:
        stars = model.stars[rng.permutation(len(model.stars))]
    stars = stars[((stars >= model.low) & (stars <= model.high)).all(axis=1)]
    if len(stars) < n:
        raise ValueError(f"{model.name} has {len(stars)} stars in its range: ask for no more")
    return Table(stars[:n], names=model.labels, units=[survey.label(k).unit for k in model.labels])


def surrogates(
    model: DataDriven, stars: Table, patterns: Spectra, survey, seed: int = 1
) -> Spectra:
    """Data-driven emulation of real spectra of some stars, with scatter, and real errors and masks.

    Parameters
    ----------
    model : DataDriven
    stars : Table
        Labels, as from `stars_of`.
    patterns : Spectra
        Real spectra of APOGEE on its pixels. Each star gets the relative errors and the mask of one of
        them, at an S/N that is drawn. They are moved by some pixels, since they belong to the
        detectors and the sky and not to the star.
    survey : Survey
        That of APOGEE.
    seed : int

    Returns
    -------
    Spectra
        Over the pseudo-continuum of real spectra. The labels are ``stars``.
    """
    rng, n = np.random.default_rng(seed), len(stars)
    flux = model.flux(np.column_stack([stars[name] for name in model.labels]))
    chosen, shift = rng.integers(len(patterns), size=n), rng.integers(-SHIFT, SHIFT + 1, n)
    pairs = [*zip(chosen, shift)]
    mask = np.stack([np.roll(patterns.mask[k], by) for k, by in pairs]) | (model.scatter <= 0)
    error = np.stack([np.roll(patterns.flux_error[k], by) for k, by in pairs]).astype(float)
    snr = np.clip(SNR * np.exp(WIDTH * rng.normal(size=n)), LOWEST, HIGHEST)
    error[mask] = np.nan
    error /= np.nanmedian(error, axis=1, keepdims=True) * snr[:, None]
    error[mask] = 0.0
    flux += rng.normal(size=flux.shape) * model.scatter + rng.normal(size=flux.shape) * error
    observed = over_continuum(survey, flux, error, mask)
    ids = [f"{model.name}-{seed}-{k:05d}" for k in range(n)]
    return Spectra(survey.pixels, *observed, ids, stars)


def model_files(names) -> list[Path]:
    """Paths of some of `FILES`, with the right checksums. Missing ones are downloaded.

    Raises
    ------
    OSError
        If a file is neither there nor can be downloaded, or is damaged.
    """
    places = [folder / part for folder in (stars_folder(), data_folder())
              for part in (FOLDER, "payne_grid")]  # fmt: skip
    found = {name: place / name for place in places for name in names if (place / name).is_file()}
    target = data_folder() / FOLDER
    for name in [name for name in names if name not in found]:
        place, checksum = FILES[name]
        found[name] = target / name
        try:
            fetch_url(place + name, found[name], checksum=f"sha256:{checksum}")
        except OSError as error:
            raise OSError(
                f"{name} of the data-driven models is not there ({error}): download it to {target}"
            ) from error
    for path in found.values():
        _check(path)
    return [found[name] for name in names]


def _check(path):
    if file_hash(path) != FILES[path.name][1]:
        raise OSError(
            f"{path} is not the published file, its checksum differs: delete it, and it is fetched again"
        )
