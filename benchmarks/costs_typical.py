"""What the cost model takes from use: Jacobians that the fit of a star needs, memory, and bytes on disk.

Usage: python benchmarks/costs_typical.py OUTPUT.jsonl

Jacobians are counted for stars of the mock surveys, for which the models are wrong as they are for real ones. None of
these numbers depends on what else the machine does.
"""

import argparse
import json
import tempfile
import time
import warnings
from itertools import chain
from multiprocessing import get_context
from pathlib import Path

import torch
from costs_size import Size
from costs_work import (
    autoencoder,
    counted_fit,
    emulator_like,
    label_command,
    mock_stars,
    translator,
    write_stars,
)
from label_speed import watched

import specnb
from specnb.emulator.shipped import load_emulator
from specnb.fitting.pulls import interior_stars
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
    torch.set_num_threads(1)
    for row in chain(jacobians(), memory(), disk(), trained()):
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
    for name, n in (("rvs", 1000), ("apogee", 64)):
        stars = mock_stars(name, n)
        stars.write(folder / "spectra.h5")
        size = (folder / "spectra.h5").stat().st_size / n
        yield {"typical": "disk", "file": "spectra", "pixels": len(stars.wavelength), "value": size}
        specnb.fit_labels(stars, load_emulator(name)).write(
            folder / f"{name}.csv", format="ascii.csv"
        )
        size = (folder / f"{name}.csv").stat().st_size / n
        yield {"typical": "disk", "file": f"labels, {name}", "value": size}


def trained():
    """Milliseconds of CPU time of a Jacobian with the shipped emulator and with an untrained one of its size."""
    for name, n, size in (("rvs", 500, Size(500)), ("apogee", 48, Size(48, 7214, 25))):
        row = {"typical": "trained", "model": name}
        models = {"shipped": load_emulator(name), "untrained": emulator_like(size)}
        for key, model in models.items():
            work = counted_fit(interior_stars(model, n, snr=100.0, seed=1), model)
            work()
            start = time.process_time()
            count = work() * n
            row[key] = 1e3 * (time.process_time() - start) / count
        yield row


if __name__ == "__main__":
    main()
