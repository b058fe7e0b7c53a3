"""What the files of responses have in common: change one thing at a time of a star, compute in parallel, write HDF5.

Usage of a file's own script: python data/recipes/NAME.py WORK [--processes 2] [--output data/NAME.h5]

WORK is the folder made by build.sh. Spectra are without rotation, as those of the grids. There are two for each change,
a step above and a step below. ``fe_only`` raises iron alone: ``fe_h`` and ``m_h`` carry all elements and the atmosphere
along.
"""

import argparse
import multiprocessing
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import h5py
import numpy as np
from tqdm import tqdm

from specnb.core.checksums import add_to_list
from specnb.core.labels import Label
from specnb.core.paths import DATA
from specnb.core.writing import replacing

DEX = 0.05  # by which abundances change


@dataclass(frozen=True)
class Recipe:
    """One file of responses.

    Attributes
    ----------
    name : str
        Of the file.
    stars : dict of dict
        By group of the file, "/" for its root: all labels of a star.
    steps : dict of float
        What changes, and by how much: labels, or keys of `elements`.
    elements : dict of str
        Elements that change alone though they have no label, by the name of the change: ``{"fe_only": "Fe"}``.
    labels : tuple of Label
        What the simulation takes.
    wavelength : ndarray, shape (n_pix,)
        Vacuum wavelength in Å.
    simulate : callable
        (work, labels of one star, [X/M] of elements without a label) -> flux over continuum, shape (n_pix,)
    """

    name: str
    stars: dict[str, dict[str, float]]
    steps: dict[str, float]
    elements: dict[str, str]
    labels: tuple[Label, ...]
    wavelength: np.ndarray
    simulate: Callable

    def tasks(self, star):
        """Name of what is changed, its change and the labels of all spectra of one star: the star itself first."""
        yield "reference", 0.0, star
        for name, size in self.steps.items():
            for step in (size, -size):
                changed = {} if name in self.elements else {name: star[name] + step}
                yield name, step, star | changed

    def compute(self, work, task):
        """Flux of one task, shape (n_pix,)."""
        name, step, star = task
        also = {self.elements[name]: step} if name in self.elements else {}
        return self.simulate(work, [star[label.name] for label in self.labels], also)

    def write(self, group, todo, flux):
        """Fill one star's group of the file."""
        group.create_dataset(
            "flux",
            data=np.array(flux, dtype=np.float32),
            compression="gzip",
            shuffle=True,
            fletcher32=True,
        )
        names = [label.name for label in self.labels]
        for name, values in {
            "changed": np.array([name.encode() for name, *_ in todo]),
            "step": [step for _, step, _ in todo],
            "labels": [[star[name] for name in names] for *_, star in todo],
            "wavelength": self.wavelength,
        }.items():
            group.create_dataset(name, data=values, fletcher32=True)
        units = [label.unit for label in self.labels]
        group["labels"].attrs.update(names=names, units=units)
        group["wavelength"].attrs.update(unit="Angstrom", medium="vacuum")

    def main(self):
        """What a file's script does."""
        parser = argparse.ArgumentParser(
            description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        parser.add_argument("work", type=Path)
        parser.add_argument("--processes", type=int, default=os.cpu_count())
        parser.add_argument(
            "--output", type=Path, default=Path(__file__).parents[1] / f"{self.name}.h5"
        )
        args = parser.parse_args()
        # libver gives checksums to attributes, fletcher32 gives them to arrays.
        with (
            multiprocessing.Pool(args.processes) as pool,
            replacing(args.output) as temporary,
            h5py.File(temporary, "w", libver="latest") as f,
        ):
            for where, star in self.stars.items():
                todo = list(self.tasks(star))
                spectra = pool.imap(partial(self.compute, args.work), todo)
                flux = tqdm(spectra, total=len(todo), unit="spectrum")
                self.write(f.require_group(where), todo, list(flux))
            f.attrs["recipe"] = f"data/recipes/{self.name}.py"
        add_to_list(args.output, DATA)
