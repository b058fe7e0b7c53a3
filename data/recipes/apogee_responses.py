"""How the H-band spectrum of one K giant answers to each label, by the simulator: data/apogee_responses.h5.

Usage: python data/recipes/apogee_responses.py WORK [--processes 2] [--output data/apogee_responses.h5]

The star is that of the second paper's missing-lines study. Spectra are without rotation, as those of the grid. Two for
each label, a step above and a step below; abundances change by 0.05 dex. ``fe_only`` raises iron alone: ``fe_h`` carries
all elements and the atmosphere along.
"""

import argparse
import multiprocessing
import os
from functools import partial
from pathlib import Path

import h5py
import numpy as np
from apogee_grid import LABELS, NAMES, simulate
from tqdm import tqdm

from specnb.wavelength import APOGEE_NATIVE

REFERENCE = {"teff": 4750.0, "logg": 2.5, "vmicro": 1.5, "c12_c13": 7.5}  # all abundances solar
STEPS = {"teff": 25.0, "logg": 0.05, "vmicro": 0.05, "c12_c13": 0.5}  # of the other labels: 0.05 dex
IRON = "fe_only"


def tasks():
    """Name of what is changed, its change and the labels of all spectra: the reference star first."""
    star = {name: REFERENCE.get(name, 0.0) for name in NAMES}
    yield "reference", 0.0, star
    for name in [*NAMES, IRON]:
        for sign in (1.0, -1.0):
            step = sign * STEPS.get(name, 0.05)
            yield name, step, star if name == IRON else star | {name: star[name] + step}


def compute(work, task):
    """Flux of one task, shape (8575,)."""
    name, step, star = task
    return simulate(work, list(star.values()), {"Fe": step} if name == IRON else {})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--output", type=Path, default=Path(__file__).parents[1] / "apogee_responses.h5")
    args = parser.parse_args()
    todo = list(tasks())
    with multiprocessing.Pool(args.processes) as pool:
        flux = list(tqdm(pool.imap(partial(compute, args.work), todo), total=len(todo), unit="spectrum"))
    temporary = args.output.with_suffix(".tmp")
    with h5py.File(temporary, "w") as f:
        f.create_dataset("flux", data=np.array(flux, dtype=np.float32), compression="gzip", shuffle=True)
        f["changed"], f["step"] = [name for name, *_ in todo], [step for _, step, _ in todo]
        f["labels"] = [list(star.values()) for *_, star in todo]
        f["labels"].attrs["names"], f["labels"].attrs["units"] = NAMES, [label.unit for label in LABELS]
        f["wavelength"] = APOGEE_NATIVE
        f["wavelength"].attrs.update(unit="Angstrom", medium="vacuum")
        f.attrs["recipe"] = "data/recipes/apogee_responses.py"
    temporary.rename(args.output)


if __name__ == "__main__":
    main()
