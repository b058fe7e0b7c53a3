"""Calibrate a line list to the observed Sun and Arcturus, see calibration.py, and write what changed.

Usage: python data/recipes/calibrate.py WORK BAND [--stars sun arcturus] [--rounds 3] [--processes 2] [--output FILE]

WORK is the folder made by build.sh, with the lists as published (`linelists.py WORK --published`). BAND is rvs
or h.
"""

import argparse
import os
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from astropy.table import Table
from atlases import BANDS, STARS, observed
from calibration import Calibration

from specnb.core.writing import replacing


def changes(fit: Calibration) -> Table:
    """The lines that changed, one row per line of the list."""
    groups, old = fit.lines.groups, fit.lines
    new = old.changed(**{kind: change[groups] for kind, change in fit.changes.items()})
    rows = np.any([change[groups] != 0 for change in fit.changes.values()], axis=0)
    total = np.maximum(sum(fit.information.values()), 1e-9)
    table = Table(
        {
            "species": old.species,
            "wavelength": old.wavelength,
            "energy": old.energy,
            "log_gf": old.log_gf,
            "new_log_gf": np.round(new.log_gf, 3),
            "error": np.round(fit.error[groups], 3),
            "new_damping": np.round(new.damping, 3),
            "new_wavelength": np.round(new.wavelength, 3),
            **{star: np.round((each / total)[groups], 2) for star, each in fit.information.items()},
        },
        units={
            "wavelength": "Angstrom",
            "new_wavelength": "Angstrom",
            "energy": "eV",
            "log_gf": "dex",
            "new_log_gf": "dex",
            "error": "dex",
        },
    )[rows]
    table.meta = {
        "title": "Lines whose strength, damping or place was changed so that the model agrees with observed stars",
        "wavelengths": "air",
        "error": "of the new log gf, given the errors of the list and of the model that calibrate.py assumes",
        "stars": "share of what is known of the line that comes from each star",
        "fitted": {
            star: {name: round(float(value), 3) for name, value in (state.own | state.x_m).items()}
            for star, state in fit.states.items()
        },
        "damping": "log of the width at 10,000 K if negative, else a factor of Unsöld's formula, or sigma.alpha",
    }
    return table


def main():
    """Calibrate, and write the table of changes and the spectra before and after."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path)
    parser.add_argument("band", choices=BANDS)
    parser.add_argument(
        "--stars", nargs="+", choices=STARS, help="default: all with an atlas of the band"
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=3,
        help="0: only tell how well the list does, and write nothing",
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument(
        "--output", type=Path, help="default: line_changes_BAND.ecsv beside this file"
    )
    args = parser.parse_args()
    stars = args.stars or [name for name, star in STARS.items() if args.band in star.atlases]
    output = args.output or Path(__file__).with_name(f"line_changes_{args.band}.ecsv")
    with Pool(args.processes) as pool:
        fit = Calibration(args.work, args.band, stars, pool)
        before, after = fit.run(args.rounds)
    if args.rounds == 0:
        return
    table = changes(fit)
    with replacing(output) as temporary:
        table.write(temporary, format="ascii.ecsv")
    spectra = {"wavelength": fit.axis}
    for star in stars:
        spectra |= {f"{star}_before": before[star], f"{star}_after": after[star]}
        spectra[f"{star}_observed"] = observed(star, args.band)
    with replacing(args.work / f"{output.stem}.npz") as temporary, temporary.open("wb") as f:
        np.savez(f, **spectra)
    print(f"{len(table)} changed lines in {output}; spectra in {args.work / output.stem}.npz")


if __name__ == "__main__":
    main()
