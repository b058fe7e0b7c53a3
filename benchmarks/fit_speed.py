"""Stars fitted a second, by the number of stars, with one thread and with all; and the memory that takes.

Usage: python benchmarks/fit_speed.py [rvs|apogee]
"""

import os
import resource
import sys
import time

import torch

import specnb
from specnb.fitting.pulls import interior_stars


def main(band="rvs", sizes=(1, 256, 10_000)):
    emulator = specnb.load_emulator(band)
    stars = interior_stars(emulator, max(sizes), snr=100.0, seed=1)
    modes = {False: "   labels only", True: "   with velocity"}
    print("threads   stars" + "".join(modes.values()) + "   (stars a second)")
    for threads in sorted({1, os.cpu_count()}):
        torch.set_num_threads(threads)
        for size in sizes:
            repeats = 3 if size * len(emulator.wavelength) < 1e7 else 1
            print(f"{threads:7d} {size:7d}", end="")
            for rv in modes:
                config = specnb.FitConfig(fit_rv=rv)
                print(f"{rate(stars[:size], emulator, config, repeats):14.1f}", end="", flush=True)
            print()
    spectra = sum(array.nbytes for array in (stars.flux, stars.flux_error, stars.mask))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"peak memory {peak / 1e9:.2f} GB, of which the spectra are {spectra / 1e9:.2f} GB")


def rate(stars, emulator, config, repeats):
    """Stars a second, best of several runs."""
    best = 0.0
    for _ in range(repeats):
        start = time.perf_counter()
        specnb.fit_labels(stars, emulator, config)
        best = max(best, len(stars) / (time.perf_counter() - start))
    return best


if __name__ == "__main__":
    main(*sys.argv[1:])
