"""What the cost model takes from use: Jacobians that the fit of a star needs, memory, and bytes on disk.

Usage: python benchmarks/costs_typical.py OUTPUT.jsonl

Jacobians are counted for stars of the mock surveys, for which the models are wrong as they are for real ones. None of
these numbers depends on what else the machine does.
"""

import argparse
import json
import tempfile
import warnings
from itertools import chain
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from costs_size import Size
from costs_work import (
    autoencoder,
    counted_fit,
    label_command,
    mock_stars,
    noise,
    translator,
    write_stars,
)
from label_speed import watched

import specnb
from specnb.emulator.shipped import load_emulator
from specnb.translate import translated_emulator
from specnb.translate.model import load_translator

# Stars of which Jacobians are counted, and translators between, by model
MODELS = {
    "rvs": (1000, None),
    "rvs-real": (1000, None),
    "rvs translated": (200, "rvs-mock"),
    "apogee": (64, None),
    "apogee-real": (64, None),
    "apogee translated": (32, "apogee-mock"),
}
MEMORY = {  # work whose memory is measured
    "autoencoder": (autoencoder, (Size(16_000, 800, 4), Size(48_000, 800, 4))),
    "translator": (translator, (Size(1, 7214, 25, 64),)),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("output", type=Path)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    for row in chain(jacobians(), memory(), disk()):
        print(row, flush=True)
        with args.output.open("a") as file:
            file.write(json.dumps(row) + "\n")


def jacobians():
    """Jacobians a star, in the mean."""
    for name, (n, between) in MODELS.items():
        short = name.partition(" ")[0]
        model, stars = load_emulator(short), mock_stars(short, n)
        if between:
            model = translated_emulator(model, load_translator(between))
        yield {
            "typical": "jacobians",
            "model": name,
            "stars": n,
            "value": counted_fit(stars, model)(),
        }


def memory():
    """Largest memory of a process that does some work, above that of one that has only imported the package."""
    fresh = get_context("spawn")
    with fresh.Pool(1) as pool:
        nothing = pool.apply(peak, (None, None))
    for name, (_, sizes) in MEMORY.items():
        for size in sizes:
            with fresh.Pool(1) as pool:
                value = pool.apply(peak, (name, size)) - nothing
            yield {
                "typical": "memory",
                "work": name,
                "n": size.n,
                "pixels": size.pixels,
                "value": value,
                "imports": nothing,
            }
    for jobs in (1, 2):
        folder = Path(tempfile.mkdtemp(prefix="costs"))
        path = write_stars(folder / "stars.h5", 16_000)
        value = watched(label_command(path, folder / "labels.csv", jobs, "cpu")[4:])[0]
        yield {"typical": "memory", "work": "label", "n": 16_000, "jobs": jobs, "value": value}


def peak(name, size):
    """Bytes that this process had at most."""
    if name:
        work = MEMORY[name][0](size, "cpu")
        if callable(work):
            work()
    status = (
        Path("/proc/self/status").read_text().splitlines()
    )  # rusage would begin with that of the parent
    return 1024 * int(next(line.split()[1] for line in status if line.startswith("VmHWM")))


def disk():
    """Bytes of a star in a file of spectra and in tables of labels."""
    folder = Path(tempfile.mkdtemp(prefix="costs"))
    for pixels in (800, 961, 7214):
        path = folder / "spectra.h5"
        noise(Size(1000, pixels)).write(path)
        yield {
            "typical": "disk",
            "file": "spectra",
            "pixels": pixels,
            "value": path.stat().st_size / 1000,
        }
    for name, n in (("rvs", 1000), ("apogee", 64)):
        stars = mock_stars(name, n)
        table = specnb.fit_labels(stars, load_emulator(name))
        text = sum(
            len(f"{value:.7g}") + 1
            for row in table
            for value in row
            if isinstance(value, float | np.floating)
        )
        yield {
            "typical": "disk",
            "file": f"labels, {name}",
            "value": text / n + len(table["id"][0]) + 30,
        }


if __name__ == "__main__":
    main()
