"""A line list in Turbospectrum's format: read it, change strengths and damping, write it.

Lines of one species that leave from the same level within 0.25 Å of each other are taken as one: they are components of
hyperfine or isotopic structure, whose relative strengths are well known, or cannot be told apart.
"""

from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from astropy.table import Table
from elements import ATOMIC_NUMBER, SOLAR

from specnb.core.wavelength import C_KM_S

APART, SAME_LEVEL = 0.25, 0.003  # Å and eV within which lines of a species count as one


@dataclass(frozen=True, eq=False)
class LineList:
    """Lines in the order of the file.

    Attributes
    ----------
    heads : list of (str, str, int)
        For each block of the file: code and ionisation stage, name of the species, number of lines.
    wavelength : ndarray, shape (n,)
        Å, air.
    energy : ndarray, shape (n,)
        Excitation of the lower level, eV.
    log_gf : ndarray, shape (n,)
    damping : ndarray, shape (n,)
        Van der Waals damping: the logarithm of the width at 10,000 K if negative, a factor of Unsöld's approximation
        below 20, otherwise σ.α of Anstee, Barklem and O'Mara.
    rest : list of str
        What follows in the rows.
    """

    heads: list
    wavelength: np.ndarray
    energy: np.ndarray
    log_gf: np.ndarray
    damping: np.ndarray
    rest: list

    @property
    def species(self) -> np.ndarray:
        """Name of each line's species, such as "Fe I"."""
        names = [
            name.strip("' ").removesuffix("NLTE").removesuffix("LTE").strip()
            for _, name, _ in self.heads
        ]
        return np.repeat(names, [count for *_, count in self.heads])

    @property
    def strength(self) -> np.ndarray:
        """Logarithm of what makes a line strong in a warm star: its log gf, the Sun's abundance, and the excitation.

        A line of Fe I with 1.7 is 0.35 deep in the Sun. Ionisation is not regarded.
        """
        abundance = [SOLAR.get(ATOMIC_NUMBER[name.split()[0]], -20.0) for name in self.species]
        return self.log_gf + abundance - 5040.0 / 6000.0 * self.energy

    @property
    def groups(self) -> np.ndarray:
        """Number of the group of each line, shape (n,): lines of a group change together."""
        species = np.unique(self.species, return_inverse=True)[1]
        return neighbours(neighbours(species, self.energy, SAME_LEVEL), self.wavelength, APART)

    def changed(self, log_gf, damping, velocity) -> "LineList":
        """The same lines, stronger and more damped by these logarithms (dex), and moved by a velocity (km/s)."""
        factor = 10.0**damping
        sigma, alpha = np.floor(self.damping), self.damping % 1
        widths = np.where(
            self.damping < 0,
            self.damping + damping,
            np.where(self.damping < 20, self.damping * factor, np.round(sigma * factor) + alpha),
        )
        wavelength = self.wavelength * (1.0 + velocity / C_KM_S)
        return replace(self, wavelength=wavelength, log_gf=self.log_gf + log_gf, damping=widths)

    def with_changes(self, table: Table) -> "LineList":
        """The lines with new log gf, damping and wavelengths from a table of changes, see calibrate.py.

        Raises
        ------
        ValueError
            If the table has a line that the list has not.
        """
        rows = defaultdict(list)
        for k, key in enumerate(self.keys()):
            rows[key].append(k)
        new = {name: getattr(self, name).copy() for name in ("wavelength", "log_gf", "damping")}
        for change in table:
            key = tuple(change["species", "wavelength", "energy", "log_gf"])
            if key not in rows:
                line = "{} at {} Å (air; lower level {} eV, log gf {})".format(*key)
                raise ValueError(
                    f"the list has no line of {line}, which the table of changes names: make the table anew with "
                    "calibrate.py"
                )
            for name, values in new.items():
                values[rows[key]] = change[f"new_{name}"]
        return replace(self, **new)

    def keys(self):
        """What names a line: species, wavelength, excitation and log gf."""
        return zip(
            self.species, self.wavelength.tolist(), self.energy.tolist(), self.log_gf.tolist()
        )

    def write(self, path: Path):
        """Write the lines in Turbospectrum's format."""
        with Path(path).open("w") as f:
            row = 0
            for code, name, count in self.heads:
                f.write(f"{code}{count:10d}\n{name}\n")
                f.writelines(
                    f"{self.wavelength[k]:10.3f} {self.energy[k]:6.3f} {self.log_gf[k]:7.3f} {self.damping[k]:8.3f}"
                    f"{self.rest[k]}\n"
                    for k in range(row, row + count)
                )
                row += count


def neighbours(kind, value, gap) -> np.ndarray:
    """Number of the run of each value, shape (n,): values of a kind that follow each other within a gap."""
    order = np.lexsort((value, kind))
    new = (np.diff(kind[order]) != 0) | (np.diff(value[order]) > gap)
    runs = np.empty(len(order), dtype=int)
    runs[order] = np.cumsum(np.r_[0, new])
    return runs


def read_line_list(path: Path) -> LineList:
    """Read a list in Turbospectrum's format."""
    lines = iter(Path(path).read_text().splitlines())
    heads, rows = [], []
    for head in lines:
        quote = (
            head.rindex("'") + 1
        )  # "'  26.000            '    1      1234": species, stage, number of lines
        stage, count = map(int, head[quote:].split()[:2])
        heads.append((f"{head[:quote]}{stage:5d}", next(lines), count))
        rows += [next(lines).split(maxsplit=4) for _ in range(count)]
    numbers = np.array([row[:4] for row in rows], dtype=float).T
    return LineList(heads, *numbers, [f"  {row[4]}" for row in rows])
