"""Seconds an epoch of the autoencoder against the matrix products and the Adam steps that it cannot do without.

Usage: python benchmarks/disentangle_speed.py [--threads 1 2] [--quick]

The floor has the shapes of the default networks: for every layer of encoder, decoder and the four discriminators the
product forward and the two backward, into memory that is there already, then one fused Adam step of all parameters.
Both are timed in turn, several times, and the least counts, as other work on the machine only ever adds. An epoch
includes drawing the order of the spectra and the validation; the floor includes neither.
"""

import argparse
import os
import time
from itertools import pairwise

import numpy as np
import torch
from astropy.table import Table

from specnb.core.spectra import Spectra
from specnb.disentangle import DisentangleConfig
from specnb.disentangle.train import DisentangleTraining
from specnb.surveys.rvs.pixels import RVS_PIXELS

PAPER = 51_444  # its training spectra
PEER = 15_000  # those of a run of the authors' TensorFlow code: 8-12 s an epoch on two cores with a batch of 64
VALIDATION = 0.1


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, os.cpu_count()}))
    parser.add_argument("--quick", action="store_true", help="one size, one batch, for a look")
    args = parser.parse_args()
    cases = [(n, batch) for n in (PEER, PAPER) for batch in (64, 128, 256, 512, 1024)]
    if args.quick:
        cases = cases[:1]
    print("threads  spectra  batch   epoch / s   floor / s   ratio   floor in GFLOP/s")
    for threads in args.threads:
        torch.set_num_threads(threads)
        for n, batch in cases:
            epoch, floor, operations = measure(n, batch, repeats=3 if args.quick else 5)
            print(
                f"{threads:7d} {n:8d} {batch:6d} {epoch:11.2f} {floor:11.2f} {epoch / floor:7.2f} "
                f"{operations / floor / 1e9:18.0f}",
                flush=True,
            )


def measure(n, batch, repeats):
    """Least seconds of an epoch and of its floor for n training spectra, and the floor's operations in products."""
    lambdas = {"teff": -0.01, "logg": -0.01, "m_h": 0.01, "alpha_fe": 0.01}
    config = DisentangleConfig(lambdas=lambdas, batch=batch, validation=VALIDATION, device="cpu")
    trainer = DisentangleTraining(noise(round(n / (1 - VALIDATION))), config)
    floor = Floor(config, trainer.model.networks.parameters())
    steps = trainer.steps
    floor.epoch(2)  # warm up, so that memory is there
    trainer.advance()
    times = np.array(
        [(clock(trainer.advance), clock(lambda: floor.epoch(steps))) for _ in range(repeats)]
    )
    return *times.min(axis=0), floor.operations * steps


def clock(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def noise(n):
    """Spectra and labels without meaning: training takes as long on any numbers."""
    random = np.random.default_rng(1)
    shape = (n, len(RVS_PIXELS))
    labels = Table({name: random.uniform(size=n) for name in DisentangleConfig().labels})
    flux = random.standard_normal(shape, dtype=np.float32)
    return Spectra(
        RVS_PIXELS, flux, np.ones(shape, np.float32), np.zeros(shape, bool), np.arange(n), labels
    )


class Floor:
    """Products of one training step, each into its own memory, and the Adam step.

    Parameters
    ----------
    config : DisentangleConfig
        Of architecture 2, with λ, without a bottleneck.
    parameters : iterable of Tensor
        Those of the networks, to copy.
    """

    def __init__(self, config, parameters):
        copies = [torch.nn.Parameter(p.detach().clone()) for p in parameters]
        for each in copies:
            each.grad = torch.randn_like(each)
        self.adam = torch.optim.Adam(copies, lr=1e-5, fused=True)
        n_pix, n_labels = len(RVS_PIXELS), len(config.labels)
        chains = [
            (1, (n_pix, *config.hidden, config.latent)),
            (1, (config.latent + n_labels, *config.hidden[::-1], n_pix)),
            (n_labels, (config.latent, *config.discriminator, config.bins)),
        ]
        layers = [(k, *widths) for k, chain in chains for widths in pairwise(chain)]
        self.products = [pair for layer in layers for pair in products(config.batch, *layer)]
        self.products.pop(1)  # no gradient by the flux is needed
        self.operations = sum(2 * a.numel() * b.shape[-1] for a, b, _ in self.products)

    def epoch(self, steps):
        for _ in range(steps):
            for a, b, out in self.products:
                torch.matmul(a, b, out=out)
            self.adam.step()


def products(batch, k, n_in, n_out):
    """Operands and memory of a layer's three products: outputs, gradient by the inputs, gradient by the weights."""
    shape = (k,) if k > 1 else ()
    x, weight, y = (
        torch.randn(*shape, *size) for size in ((batch, n_in), (n_out, n_in), (batch, n_out))
    )
    return [
        (x, weight.mT, torch.empty_like(y)),
        (y, weight, torch.empty_like(x)),
        (y.mT, x, torch.empty_like(weight)),
    ]


if __name__ == "__main__":
    main()
