"""How fast a piece of stars is fitted, how fast it could be at most, and whether the minima stay the same.

Usage: python benchmarks/fit_floor.py [MODEL ...] [--stars FRACTION] [--reference FILE.npz]

The stars are mock stars of each model with a signal-to-noise ratio from 20 to 300. Bulk labelling fits
pieces of this size, each in a process with one thread. The floor is the time that the matrix products
of the fit need, one after the other, with the sizes that they really had, and nothing else. With
--reference, χ² at the minima is written to a file that does not exist, or compared with that of
a file, which an earlier version of the package may have written.
"""

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import specnb
from specnb.core.spectra import Spectra
from specnb.fitting.forward import ForwardModel
from specnb.fitting.pulls import interior_stars
from specnb.translate.domains import unseen_stars

PIECES = {"rvs": 8192, "rvs-real": 8192, "apogee": 1024, "apogee-real": 1024}
SNR = np.geomspace(20.0, 300.0, 8)
STILL = specnb.FitConfig(fit_rv=False)
MOVING = specnb.FitConfig(fit_rv=True)
BAR = 0.01  # largest Δχ²


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=list(PIECES))
    parser.add_argument("--stars", type=float, default=1.0, help="fraction of the pieces")
    parser.add_argument("--reference", type=Path, help="file with χ² of an earlier version")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.reference is not None:
        compare(options.models, options.stars, options.reference)
        return
    print(
        "                          1 process            2 processes      velocity   floor\n"
        "stars a second   stars     wall      CPU       wall      CPU        CPU      CPU"
    )
    for name in options.models:
        emulator = specnb.load_emulator(name)
        stars = piece(emulator, round(options.stars * PIECES[name]))
        wall, cpu = rates(emulator, stars, STILL)
        moving = rates(emulator, stars[: len(stars) // 4], MOVING)[1]
        with ProcessPoolExecutor(2, get_context("spawn")) as pool:
            both = np.sum(list(pool.map(worker, [name] * 2, [len(stars)] * 2)), axis=0)
        most = floor(emulator, stars)
        print(
            f"{name:14}{len(stars):8d}{wall:9.1f}{cpu:9.1f}{both[0]:11.1f}{both[1]:9.1f}"
            f"{moving:11.1f}{most:9.1f}   ({cpu / most:.0%} of the floor)",
            flush=True,
        )


def piece(emulator, n, seed=1):
    """Mock stars of a model, with all signal-to-noise ratios in turn."""
    each = -(-n // len(SNR))
    parts = [interior_stars(emulator.of(None), each, snr, seed) for snr in SNR]
    order = np.arange(each * len(SNR)).reshape(len(SNR), each).T.ravel()[:n]
    return replace(Spectra.join(parts)[order], ids=[f"star-{k:05d}" for k in range(n)])


def rates(emulator, stars, config):
    """Stars a second by wall time and by CPU time, after a first fit of few."""
    specnb.fit_labels(stars[:32], emulator, config)
    wall, cpu = time.perf_counter(), time.process_time()
    specnb.fit_labels(stars, emulator, config)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return len(stars) / wall, len(stars) / cpu


def worker(name, n):
    """Stars a second, as `rates`, in a process of its own."""
    torch.set_num_threads(1)
    emulator = specnb.load_emulator(name)
    return rates(emulator, piece(emulator, n), STILL)


class Products(TorchDispatchMode):
    """Keeps the shapes of all matrix products."""

    names = ("mm", "addmm", "bmm")

    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function.overloadpacket.__name__ in self.names:
            self.calls.append([(each.shape, each.stride()) for each in args[-2:]])
        return function(*args, **(kwargs or {}))


def floor(emulator, stars):
    """Stars a second of the matrix products of a fit alone, by CPU time."""
    with Products() as products:
        specnb.fit_labels(stars, emulator, STILL)
    storage, seconds = {}, 0.0
    for shapes in products.calls:
        factors = []
        for k, (shape, stride) in enumerate(shapes):
            size = 1 + sum((n - 1) * step for n, step in zip(shape, stride))
            if storage.get(k, torch.empty(0)).numel() < size:
                storage[k] = torch.rand(size)
            factors.append(storage[k].as_strided(shape, stride))
        product = torch.empty(*factors[0].shape[:-1], factors[1].shape[-1])
        start = time.process_time()
        torch.matmul(*factors, out=product)
        seconds += time.process_time() - start
    return len(stars) / seconds


def minima(emulator, stars):
    """χ² of each star at its minimum, with what is usual for labels, and whether it has converged."""
    fit = specnb.fit_labels(stars, emulator, STILL)
    model = ForwardModel(emulator, STILL)
    if emulator.calibration is None:
        flux = specnb.fitted_flux(fit, emulator.to(dtype=torch.float64), STILL)
        chi2 = (stars.ivar.astype(float) * (stars.flux - flux) ** 2).sum(axis=1)
    else:  # in the precision of the fit
        n_free = (stars.ivar > 0).sum(axis=1) - len(model.low)
        labels = model.inner(np.column_stack([fit[name] for name in emulator.labels]))
        departure = model.departure(labels).square().sum(dim=1).numpy()
        chi2 = np.asarray(fit["chi2_reduced"]) * n_free + departure
    return chi2, np.asarray(fit["converged"])


def compare(models, fraction, path):
    """Write χ² at the minima, or compare it with that of another version."""
    before, now = dict(np.load(path)) if path.exists() else None, {}
    for name in models:
        emulator = specnb.load_emulator(name)
        n = round(fraction * PIECES[name])
        kinds = {"ideal": piece(emulator, n)}
        if emulator.calibration is None:  # others were not made for the mock survey
            kinds["mock survey"] = unseen_stars(emulator, n)[0]
        for kind, stars in kinds.items():
            chi2, converged = minima(emulator, stars)
            now[f"{name}, {kind}"] = chi2
            if before is None:
                continue
            change = chi2 - before[f"{name}, {kind}"]
            print(
                f"{name}, {kind}: {n} stars, {converged.mean():.2%} converged, Δχ² at most {BAR:+g} for "
                f"{np.mean(change <= BAR):.2%}, below {-BAR:g} for {np.mean(change < -BAR):.2%}, "
                f"from {change.min():.2g} to {change.max():.2g}",
                flush=True,
            )
    if before is None:
        np.savez(path, **now)


if __name__ == "__main__":
    main()
