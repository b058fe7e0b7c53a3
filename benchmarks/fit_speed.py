"""Stars fitted a second, by the number of stars, with one thread and with all.

Usage: python benchmarks/fit_speed.py
"""

import os
import time

import torch

import specnb
from specnb.pulls import interior_stars


def main(sizes=(1, 256, 10_000)):
    emulator = specnb.load_emulator("rvs")
    stars = interior_stars(emulator, max(sizes), snr=100.0, seed=1)
    print("threads   stars    labels only   with radial velocity   (stars a second, best of 3)")
    for threads in sorted({1, os.cpu_count()}):
        torch.set_num_threads(threads)
        for size in sizes:
            rates = [rate(stars[:size], emulator, specnb.FitConfig(fit_rv=rv)) for rv in (False, True)]
            print(f"{threads:7d} {size:7d} {rates[0]:14.1f} {rates[1]:22.1f}", flush=True)


def rate(stars, emulator, config, repeats=3):
    """Stars a second, best of several runs."""
    best = 0.0
    for _ in range(repeats):
        start = time.perf_counter()
        specnb.fit_labels(stars, emulator, config)
        best = max(best, len(stars) / (time.perf_counter() - start))
    return best


if __name__ == "__main__":
    main()
