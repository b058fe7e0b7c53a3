"""What a step of the translator's training takes, and hence all of a training.

Usage: python benchmarks/translate_speed.py [--threads 1 2] [--steps 10]

A step passes a batch of each domain: a spectrum is a pair here. Times are the median of some steps on stars without
meaning, after one to warm up; a whole training adds its hundred reports on watched spectra, as many as the stars of the
shipped translators give. The code of O'Briain et al. (2021) took 0.85-1.0 s a step of 8 at 7,167 pixels on two cores.
"""

import argparse
import os
import time

import numpy as np
import torch

import specnb
from specnb.fitting.pulls import interior_stars
from specnb.surveys import SURVEYS
from specnb.translate import PAPER, TranslateConfig
from specnb.translate.domains import STARS, true_labels
from specnb.translate.train import REPORTS, WATCHED, TranslateTraining

CASES = [(name, TranslateConfig.for_survey(survey)) for name, survey in SURVEYS.items()]
CASES += [(name, PAPER) for name in SURVEYS]
FEW = 64  # watched spectra of the report that is timed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, os.cpu_count()}))
    parser.add_argument(
        "--steps", type=int, default=10, help="timed; of perceptrons ten times as many"
    )
    args = parser.parse_args()
    print(
        "threads   networks   pixels   parameters   of critics   batch   s/step   ms/spectrum"
        "     steps   report / s   hours"
    )
    for threads in args.threads:
        torch.set_num_threads(threads)
        for band, config in CASES:
            trainer = untrained(band, config)
            step = median(trainer.step, args.steps * (10 if config.kind == "mlp" else 1))
            report = whole_report(trainer)
            hours = (config.iterations * step + REPORTS * report) / 3600
            everything, critics = map(
                size, (trainer.model.networks, trainer.model.networks.critics)
            )
            print(
                f"{threads:7d}   {config.kind:8}{len(trainer.model.wavelength):9d}{everything:13,d}{critics:13,d}"
                f"{config.batch:8d}{step:9.4f}{1e3 * step / config.batch:14.3f}{config.iterations:10,d}{report:13.2f}"
                f"{hours:8.2f}",
                flush=True,
            )


def untrained(band, config):
    """A training that has not begun, on few stars: a step takes as long as with many."""
    emulator = specnb.load_emulator(band)
    stars = interior_stars(emulator, max(32, 2 * config.batch), snr=100.0, seed=1)
    return TranslateTraining(emulator, true_labels(stars.labels, emulator), stars, config)


def median(function, n):
    """Median seconds of n calls after one."""
    times = []
    for _ in range(n + 1):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return float(np.median(times[1:]))


def whole_report(trainer):
    """Seconds of a report on as many watched spectra as a training of `STARS` has, from one on fewer."""
    for name in ("watched_synthetic", "watched_observed"):
        setattr(trainer, name, getattr(trainer, name).repeat(FEW)[:FEW])
    return median(trainer.report, 1) * min(WATCHED, STARS * trainer.config.validation) / FEW


def size(module):
    return sum(parameter.numel() for parameter in module.parameters())


if __name__ == "__main__":
    main()
