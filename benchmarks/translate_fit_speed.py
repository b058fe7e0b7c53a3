"""Stars a second that are fitted through emulator and translator, all labels: ours against LBFGS, a star at a time.

Usage: python benchmarks/translate_fit_speed.py [rvs|apogee] [--stars 16] [--sizes 1 256 1024] [--threads 1 2]

O'Briain et al. (2021) fit by LBFGS. Here it (torch's, by backward mode, with a strong Wolfe line search) has what
ours has: the chain with the typical z_split, no continuum, labels scaled to their box and kept in it (by a sine, as in
MINUIT; free, it ends outside), and for its start the nearest of our library, not on its clock, or the box's middle. It
ends when reduced χ² changes by a tolerance or less, or after 1000 evaluations: 1e-6 in single precision, or 1e-8 in
double precision, without which it does not come nearer to the minimum. "within 1": of the stars that LBFGS fits, those
whose χ² is less than 1 above the lowest of all fits; the median is theirs, too.
"""

import argparse
import multiprocessing
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy

import numpy as np
import torch

import specnb
from specnb.fitting.forward import ForwardModel
from specnb.translate import load_translator, translated_emulator
from specnb.translate.domains import unseen_stars

CONFIG = specnb.FitConfig(continuum_order=-1)
SIZES = {"rvs": (1, 256, 10_000), "apogee": (1, 256, 1024)}
END = {"max_iter": 1000, "max_eval": 1000, "tolerance_grad": 0.0}  # of LBFGS
VARIANTS = {"LBFGS": (torch.float32, 1e-6), "LBFGS, double": (torch.float64, 1e-8)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("band", nargs="?", choices=SIZES, default="rvs")
    parser.add_argument("--stars", type=int, default=16, help="that LBFGS fits")
    parser.add_argument("--sizes", type=int, nargs="+", help="stars that ours fits")
    parser.add_argument(
        "--threads", type=int, nargs="+", default=sorted({1, multiprocessing.cpu_count()})
    )
    args = parser.parse_args()
    sizes, emulator = args.sizes or SIZES[args.band], specnb.load_emulator(args.band)
    chain = translated_emulator(emulator, load_translator(f"{args.band}-mock"))
    stars, _ = unseen_stars(emulator, max(*sizes, args.stars))
    print(
        "threads   fit                                stars   stars/s   evaluations   median χ²_red   within 1"
    )
    for threads in args.threads:
        compare(stars, chain, sizes, args.stars, threads)
    with ProcessPoolExecutor(
        1, multiprocessing.get_context("spawn")
    ) as child:  # making the stars takes memory too
        before, most = child.submit(memory, args.band, stars).result()
    print(
        f"peak memory of ours with {len(stars)} stars {most:.2f} GB; before the fit {before:.2f} GB"
    )


def compare(stars, chain, sizes, n, threads):
    """Print the rows of one number of threads."""
    torch.set_num_threads(threads)
    fit = specnb.fit_labels(stars[:n], chain, CONFIG)  # warms up, too
    rates = [rate(size, specnb.fit_labels, stars[:size], chain, CONFIG)[0] for size in sizes]
    theirs = {}
    for variant, (dtype, tolerance) in VARIANTS.items():
        problem = Problem(stars[:n], chain, dtype)
        for start, labels in problem.starts.items():
            theirs[f"{variant} from the {start}"] = rate(n, problem.fit, labels, tolerance)
    labels = [
        problem.model.inner(np.column_stack([fit[name] for name in chain.labels])).numpy(),
        *(found for _, (found, _) in theirs.values()),
    ]
    minima = np.array([problem.chi2(each) for each in labels])
    median = np.nanmedian(minima / problem.n_free, axis=1)
    within = (minima < np.nanmin(minima, axis=0) + 1).mean(
        axis=1
    )  # a star without fit, NaN, is not
    for size, fitted in zip(sizes, rates):
        print(
            f"{threads:7d}   {'ours':32}{size:8d}{fitted:10.2f}{'':14}{median[0]:16.4f}{within[0]:11.2f}"
        )
    for k, (name, (fitted, (_, evaluations))) in enumerate(theirs.items(), start=1):
        print(
            f"{threads:7d}   {name:32}{n:8d}{fitted:10.3f}{evaluations:14.0f}{median[k]:16.4f}{within[k]:11.2f}"
        )
    for variant in VARIANTS:
        best = max(
            fitted for name, (fitted, _) in theirs.items() if name.startswith(f"{variant} from")
        )
        print(f"{threads:7d}   ours / {variant}, best of each: {max(rates) / best:.1f}", flush=True)


def rate(n, function, *args):
    """Stars a second of a call that fits n, and what it returns."""
    start, result = time.perf_counter(), function(*args)
    return n / (time.perf_counter() - start), result


class Problem:
    """χ² of each star as a function of its labels, and LBFGS on it."""

    def __init__(self, stars, chain, dtype):
        self.model = ForwardModel(deepcopy(chain).to(dtype=dtype), CONFIG)
        self.flux, self.ivar = (self.model.tensor(array) for array in (stars.flux, stars.ivar))
        low, high = self.model.low, self.model.high
        self.centre, self.half = map(self.model.tensor, ((high + low) / 2, (high - low) / 2))
        self.n_free = (self.ivar > 0).sum(dim=1).numpy() - len(chain.labels)
        library = self.model.library(CONFIG.start_spectra)
        nearest = self.model.tensor(self.model.begin(self.flux, self.ivar, library)["parameters"])
        self.starts = {"library": nearest, "middle": self.centre.expand_as(nearest)}

    @torch.no_grad()
    def chi2(self, labels):
        return (
            (self.ivar * (self.flux - self.model.flux(self.model.tensor(labels))).double() ** 2)
            .sum(dim=1)
            .numpy()
        )

    def fit(self, starts, tolerance):
        """Labels of the stars, fitted one at a time, and mean number of evaluations of χ² and its gradient."""
        labels, counts = zip(
            *(
                self._fit(*star, tolerance)
                for star in zip(self.flux, self.ivar, self.n_free, starts)
            )
        )
        return np.array(labels), np.mean(counts)

    def _fit(self, flux, ivar, n_free, start, tolerance):
        angle = torch.arcsin((start - self.centre) / self.half).requires_grad_(True)
        optimiser = torch.optim.LBFGS(
            [angle], line_search_fn="strong_wolfe", tolerance_change=tolerance, **END
        )

        def closure():
            optimiser.zero_grad()
            labels = self.centre + self.half * angle.sin()
            loss = (ivar * (flux - self.model.flux(labels[None])[0]) ** 2).sum() / n_free
            loss.backward()
            return loss

        optimiser.step(closure)
        return (self.centre + self.half * angle.sin()).detach().numpy(), optimiser.state[angle][
            "func_evals"
        ]


def memory(band, stars):
    """Peak memory in GB of a process before it fits any star (modules, spectra, library) and after."""
    chain, peaks = (
        translated_emulator(specnb.load_emulator(band), load_translator(f"{band}-mock")),
        [],
    )
    for some in (stars[:0], stars):
        specnb.fit_labels(some, chain, CONFIG)
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9)
    return peaks


if __name__ == "__main__":
    main()
