"""Compute the grid of synthetic RVS spectra that specnb ships as data/rvs_grid.h5.

Usage: python data/recipes/rvs_grid.py WORK [--n 2500] [--seed 1] [--processes 2] [--output data/rvs_grid.h5]

WORK is the folder made by build.sh. Each spectrum is kept in WORK/rvs_grid/ as soon as it is computed, so a
run that was stopped goes on where it was. The first n labels of a seed are the same whatever n is, so a grid
can be extended later.
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from pathlib import Path

import h5py
import numpy as np
from scipy.stats import qmc
from tqdm import tqdm
from turbospectrum import STEP, synthesize

from specnb.broadening import broaden
from specnb.labels import ALPHA_ELEMENTS, RVS_LABELS, sampled_in_kiel
from specnb.wavelength import RVS_RESOLVING_POWER

LABELS = RVS_LABELS[:5]  # vbroad is applied by convolution when the grid is read
# The window and 5 Å on either side, so that v_broad up to 50 km/s (1.4 Å) never sees an edge.
WAVELENGTH = np.linspace(8455.0, 8705.0, 2501)
# Margins beyond the trusted ranges: an emulator is worst at the edge of what it has seen. [α/Fe] cannot go
# below -0.2, where the atmospheres end.
MARGIN_LOW = np.array([100.0, 0.2, 0.1, 0.0, 0.1])
MARGIN_HIGH = np.array([100.0, 0.2, 0.1, 0.05, 0.1])
FLUX_QUANTUM = 2e-5  # 16-bit integers times this; rounding adds 6e-6 rms


def sampled_range():
    """Lowest and highest value of each label that is drawn."""
    low, high = np.array([(label.low, label.high) for label in LABELS]).T
    return low - MARGIN_LOW, high + MARGIN_HIGH


def sample_labels(n: int, seed: int) -> np.ndarray:
    """Draw labels where stars exist: a scrambled Sobol sequence, denser in cool and metal-rich stars,
    whose spectra hold most lines. Rounded as the simulator reads them.

    Returns
    -------
    ndarray, shape (n, 5)
    """
    low, high = sampled_range()
    u = qmc.Sobol(len(LABELS), seed=seed).random_base2(int(np.ceil(np.log2(4 * n))))
    u[:, 0] **= 1.25  # towards low teff
    u[:, 2] **= 0.7  # towards high m_h
    labels = np.round(low + (high - low) * u, 3)
    labels[:, 0] = np.round(labels[:, 0])
    return labels[sampled_in_kiel(labels[:, 0], labels[:, 1])][:n]


def compute(task):
    """Compute one spectrum and keep it on disk; returns its index and an error or None."""
    work, folder, index, labels = task
    path = folder / f"{index:05d}.npz"
    if path.exists():
        return index, None
    start = time.perf_counter()
    try:
        wavelength, flux = synthesize(work, *labels)
    except (RuntimeError, ValueError) as error:
        return index, str(error)
    flux = broaden(wavelength, flux, WAVELENGTH, resolving_power=RVS_RESOLVING_POWER)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with open(temporary, "wb") as f:
        np.savez(f, labels=labels, flux=flux.astype(np.float32), seconds=time.perf_counter() - start)
    temporary.rename(path)
    return index, None


def assemble(folder: Path, output: Path, labels: np.ndarray, seed: int) -> int:
    """Pack the computed spectra into one HDF5 file. Returns their number."""
    flux, kept, seconds = [], [], 0.0
    for index, expected in enumerate(labels):
        path = folder / f"{index:05d}.npz"
        if not path.exists():
            continue
        with np.load(path) as star:
            if not np.array_equal(star["labels"], expected):
                raise SystemExit(f"{path} holds other labels than seed {seed} gives: use an empty WORK folder")
            flux.append(np.round(star["flux"] / FLUX_QUANTUM).astype(np.uint16))
            seconds += float(star["seconds"])
        kept.append(index)
    temporary = output.with_suffix(".tmp")
    with h5py.File(temporary, "w") as f:
        table = f.create_dataset("labels", data=labels[kept])
        table.attrs["names"] = [label.name for label in LABELS]
        table.attrs["units"] = [label.unit for label in LABELS]
        table.attrs["low"], table.attrs["high"] = sampled_range()
        stored = f.create_dataset(
            "flux",
            data=np.array(flux),
            chunks=(min(16, len(kept)), len(WAVELENGTH)),
            compression="gzip",
            compression_opts=9,
            shuffle=True,
        )
        stored.attrs["scale"] = FLUX_QUANTUM
        stored.attrs["unit"] = "flux over continuum, dimensionless, after multiplication by scale"
        axis = f.create_dataset("wavelength", data=WAVELENGTH)
        axis.attrs["unit"] = "Angstrom"
        axis.attrs["medium"] = "vacuum"
        f.attrs.update(
            title="Synthetic stellar spectra in the window of the Gaia RVS",
            resolving_power=RVS_RESOLVING_POWER,
            line_spread_function="Gaussian",
            synthesis="Turbospectrum 2020, LTE, plane-parallel, 80 layers, no TiO",
            synthesis_step_angstrom=STEP,
            alpha_elements=list(ALPHA_ELEMENTS),
            seed=seed,
            process_seconds=round(seconds),
            recipe="data/recipes/rvs_grid.py",
            sources=(Path(__file__).parent / "sources.txt").read_text(),
            citations=json.dumps(
                {
                    "synthesis": "Turbospectrum 2020: Plez 2012 (ascl:1205.004); Gerber et al. 2023, A&A 669, A43",
                    "atomic lines": "Gaia-ESO line list: Heiter et al. 2021, A&A 645, A106",
                    "molecular lines": "linemake: Placco et al. 2021, RNAAS 5, 92 (CN, CH: Masseron/Brooke; FeH)",
                    "atmospheres": "ATLAS12: Kurucz; C3K: Cargile et al. 2020, ApJ 900, 28; networks: atmosnet 1.0.1",
                    "solar abundances": "Asplund et al. 2009, ARA&A 47, 481",
                }
            ),
            licence="CC-BY-4.0 for the spectra; the programs and line lists keep their own licences",
        )
    temporary.rename(output)
    return len(kept)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--n", type=int, default=2500, help="spectra to compute")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--output", type=Path, default=Path(__file__).parents[1] / "rvs_grid.h5")
    args = parser.parse_args()
    if not (args.work / "linelists/rvs_atoms").exists():
        sys.exit(f"no simulator in {args.work}: run `sh data/recipes/build.sh {args.work}` first")
    labels = sample_labels(args.n, args.seed)
    folder = args.work / "rvs_grid"
    folder.mkdir(exist_ok=True)
    tasks = [(args.work, folder, index, row) for index, row in enumerate(labels)]
    with multiprocessing.Pool(args.processes) as pool:
        for index, error in tqdm(pool.imap_unordered(compute, tasks), total=len(tasks), unit="spectrum"):
            if error:
                print(f"spectrum {index} left out ({labels[index]}): {error}", file=sys.stderr)
    print(f"{assemble(folder, args.output, labels, args.seed)} of {args.n} spectra in {args.output}")


if __name__ == "__main__":
    main()
