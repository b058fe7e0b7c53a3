"""What the grids have in common: labels are drawn, spectra computed in parallel, kept and packed.

Usage of a grid's own script:
python data/recipes/NAME.py WORK [--n N] [--seed 1] [--processes 2] [--output data/NAME.h5]

WORK is the folder made by build.sh. Each spectrum is kept in WORK/NAME/ as soon as it is computed, so a run that was
stopped goes on where it was, and --pack packs what there is. The first n labels of a seed are the same whatever n is,
so a grid can be extended later.
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from scipy.stats import qmc
from tqdm import tqdm

from specnb.core.checksums import add_to_list
from specnb.core.paths import DATA
from specnb.core.writing import replacing
from specnb.simulator.grid import computed
from specnb.surveys import Survey

FLUX_QUANTUM = 2e-5  # 16-bit integers times this; rounding adds 6e-6 rms
CITATIONS = {
    "synthesis": "Turbospectrum 2020: Plez 2012 (ascl:1205.004); Gerber et al. 2023, A&A 669, A43",
    "atmospheres": "ATLAS12: Kurucz; C3K: Cargile et al. 2020, ApJ 900, 28; networks: atmosnet 1.0.1",
    "solar abundances": "Asplund et al. 2009, ARA&A 47, 481",
}


@dataclass(frozen=True)
class Recipe:
    """One grid.

    Attributes
    ----------
    name : str
        Of its file.
    n : int
        Spectra by default.
    survey : Survey
        Its labels but for those that broaden are what the simulation takes, teff first; v_broad is
        applied by convolution when the grid is read.
    margins : dict
        How far labels are drawn below and above their trusted range: an emulator is worst at the
        edge of what it has seen.
    powers : dict
        Exponents of the uniform variates: below 1 towards high values, above 1 towards low ones.
    wavelength : ndarray, shape (n_pix,)
        Vacuum wavelength in Å.
    simulate : callable
        (work, labels of one star) -> flux over continuum, shape (n_pix,)
    attributes : dict
        What the file tells of itself; ``citations`` adds to `CITATIONS`.
    """

    name: str
    n: int
    survey: Survey
    margins: dict[str, tuple[float, float]]
    powers: dict[str, float]
    wavelength: np.ndarray
    simulate: Callable
    attributes: dict

    @property
    def labels(self):
        """The labels that the simulation takes."""
        return tuple(computed(self.survey))

    def drawn_range(self):
        """Lowest and highest value of each label that is drawn."""
        margins = [self.margins.get(label.name, (0.0, 0.0)) for label in self.labels]
        low = np.array([label.low - below for label, (below, _) in zip(self.labels, margins)])
        return low, np.array(
            [label.high + above for label, (_, above) in zip(self.labels, margins)]
        )

    def sample_labels(self, n: int, seed: int) -> np.ndarray:
        """Draw labels where the survey's grid is computed, by a scrambled Sobol sequence.

        They are rounded as the simulator reads them.

        Returns
        -------
        ndarray, shape (n, n_labels)
        """
        low, high = self.drawn_range()
        u = qmc.Sobol(len(low), seed=seed).random_base2(int(np.ceil(np.log2(4 * n))))
        columns = []
        for k, label in enumerate(self.labels):
            share = u[:, k] ** self.powers.get(label.name, 1.0)
            if label.logarithmic:
                columns.append(low[k] * (high[k] / low[k]) ** share)
            else:
                columns.append(low[k] + (high[k] - low[k]) * share)
        labels = np.round(np.column_stack(columns), 3)
        labels[:, 0] = np.round(labels[:, 0])
        inside = self.survey.inside(dict(zip([label.name for label in self.labels], labels.T)))
        return labels[inside][:n]

    def compute(self, task):
        """Compute one spectrum and keep it on disk; returns its index and an error or None."""
        work, index, labels = task
        path = work / self.name / f"{index:05d}.npz"
        if path.exists():
            return index, None
        start = time.perf_counter()
        try:
            flux = self.simulate(work, labels)
        except (RuntimeError, ValueError) as error:
            return index, str(error)
        with replacing(path) as temporary, temporary.open("wb") as f:
            np.savez(
                f, labels=labels, flux=flux.astype(np.float32), seconds=time.perf_counter() - start
            )
        return index, None

    def assemble(self, work: Path, output: Path, labels: np.ndarray, seed: int) -> int:
        """Pack the computed spectra into one HDF5 file. Returns their number."""
        flux, kept, seconds = [], [], 0.0
        for index, expected in enumerate(labels):
            path = work / self.name / f"{index:05d}.npz"
            if not path.exists():
                continue
            with np.load(path) as star:
                if not np.array_equal(star["labels"], expected):
                    raise SystemExit(
                        f"{path} holds other labels than seed {seed} gives: use an empty WORK folder"
                    )
                flux.append(np.round(star["flux"] / FLUX_QUANTUM).astype(np.uint16))
                seconds += float(star["seconds"])
            kept.append(index)
        # libver gives checksums to attributes, fletcher32 gives them to arrays.
        with replacing(output) as temporary, h5py.File(temporary, "w", libver="latest") as f:
            table = f.create_dataset("labels", data=labels[kept], fletcher32=True)
            table.attrs["names"] = [label.name for label in self.labels]
            table.attrs["units"] = [label.unit for label in self.labels]
            table.attrs["low"], table.attrs["high"] = self.drawn_range()
            chunks = (min(16, len(kept)), len(self.wavelength))
            stored = f.create_dataset(
                "flux",
                data=np.array(flux),
                chunks=chunks,
                compression="gzip",
                compression_opts=9,
                shuffle=True,
                fletcher32=True,
            )
            stored.attrs["scale"] = FLUX_QUANTUM
            stored.attrs["unit"] = (
                "flux over continuum, dimensionless, after multiplication by scale"
            )
            axis = f.create_dataset("wavelength", data=self.wavelength, fletcher32=True)
            axis.attrs["unit"] = "Angstrom"
            axis.attrs["medium"] = "vacuum"
            f.attrs.update(
                line_spread_function="Gaussian",
                seed=seed,
                process_seconds=round(seconds),
                recipe=f"data/recipes/{self.name}.py",
                sources=(Path(__file__).parent / "sources.txt").read_text(),
                licence="CC-BY-4.0 for the spectra; the programs and line lists keep their own licences",
            )
            own = dict(self.attributes)
            f.attrs["citations"] = json.dumps(CITATIONS | own.pop("citations"))
            f.attrs.update(own)
        add_to_list(output, DATA)
        return len(kept)

    def main(self):
        """What a grid's script does."""
        parser = argparse.ArgumentParser(
            description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        parser.add_argument("work", type=Path)
        parser.add_argument(
            "--n", type=int, default=self.n, help=f"spectra to compute (default: {self.n})"
        )
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--processes", type=int, default=os.cpu_count())
        parser.add_argument(
            "--pack", action="store_true", help="compute nothing: pack what there is"
        )
        parser.add_argument(
            "--output", type=Path, default=Path(__file__).parents[1] / f"{self.name}.h5"
        )
        args = parser.parse_args()
        if not (args.work / "linelists/h_molecules").exists():
            sys.exit(
                f"no simulator in {args.work}: run `sh data/recipes/build.sh {args.work}` first"
            )
        labels = self.sample_labels(args.n, args.seed)
        (args.work / self.name).mkdir(exist_ok=True)
        if not args.pack:
            tasks = [(args.work, index, row) for index, row in enumerate(labels)]
            with multiprocessing.Pool(args.processes) as pool:
                for index, error in tqdm(
                    pool.imap_unordered(self.compute, tasks), total=len(tasks), unit="spectrum"
                ):
                    if error:
                        print(
                            f"spectrum {index} left out ({labels[index]}): {error}", file=sys.stderr
                        )
        print(
            f"{self.assemble(args.work, args.output, labels, args.seed)} of {args.n} spectra in {args.output}"
        )
