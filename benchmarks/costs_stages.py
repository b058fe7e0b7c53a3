"""The stages of both studies: the terms of their times, and the sizes at which they are measured and checked.

The time of a stage is a sum of terms, such as n times pixels, which its algorithm states. Their factors are found from
the sizes here, and checked at another one, which was not used for that.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from costs_size import Size
from costs_work import (
    autoencoder,
    bottleneck,
    emulator,
    encode,
    fit,
    label,
    paper_translator,
    probe,
    read,
    regressor,
    translate,
    translated_fit,
    translator,
)


@dataclass(frozen=True)
class Stage:
    """A stage of a study.

    Attributes
    ----------
    study, what : str
        "A", "B" or "both", and what is done.
    terms : dict of str to callable
        For each term of the time its name and ``term(size)``.
    sizes : tuple of Size
        Where it is measured on a CPU. On a GPU there are ``larger`` times as many spectra.
    check : Size
        Where the formula is checked, which is not among ``sizes``.
    prepare : callable
        ``prepare(size, device)`` gives the work, a function. It may return a number by which its
        time is divided, such as passes or iterations.
    per : str
        What its time is divided by.
    devices : tuple of str
    larger : int
    by_job : bool
        Whether the numbers of spectra are those of one process of the command.
    alone : bool
        Whether it runs in one thread on a CPU, since many such pieces of work run at the same time.
    """

    study: str
    what: str
    terms: dict[str, Callable]
    sizes: tuple[Size, ...]
    check: Size
    prepare: Callable
    per: str = ""
    devices: tuple[str, ...] = ("cpu", "cuda")
    larger: int = 1
    by_job: bool = False
    alone: bool = False

    def on(self, device, threads=1):
        """The sizes for a device, the last of which is the check."""
        factor = threads if self.by_job else self.larger if device == "cuda" else 1
        jobs = threads if self.by_job else 1
        return [replace(each, n=each.n * factor, jobs=jobs) for each in (*self.sizes, self.check)]


def _size(*names):
    """A term: the product of some of the numbers of a size."""
    return lambda size: float(np.prod([getattr(size, name) for name in names]))


CONSTANT = {"1": lambda size: 1.0}
# A step of Adam touches all weights, whose number is proportional to the pixels; products grow with the spectra, too.
TRAINING = {
    "steps": _size("steps"),
    "steps·pixels": _size("steps", "pixels"),
    "n": _size("n"),
    "n·pixels": _size("n", "pixels"),
}
PER_SPECTRUM = CONSTANT | {"n": _size("n"), "n·pixels": _size("n", "pixels")}
STEP = CONSTANT | {
    "pixels": _size("pixels"),
    "batch·pixels": _size("batch", "pixels"),
}
# Of each Jacobian: the product with the last layer, the normal equations, and what touches each number of it once
# and the algebra of the parameters, which is small matrices of float64 on the CPU
FIT = PER_SPECTRUM | {
    "n·parameters²": _size("n", "parameters", "parameters"),
    "n·pixels·neurons": _size("n", "pixels", "neurons"),
    "n·pixels·parameters²": _size("n", "pixels", "parameters", "parameters"),
}
FITS = (
    Size(1000), Size(500, 800, 3), Size(500, 800, 12), Size(400, 2400, 6), Size(200, 2400, 12), Size(60, 2400, 25),
    Size(24, 7214, 25), Size(250),
)  # fmt: skip

STAGES = {
    "read": Stage(
        "both", "read spectra (HDF5)", PER_SPECTRUM,
        (Size(1000), Size(8000), Size(4000, 400), Size(2000, 2400), Size(1000, 7214), Size(8000, 2400)),
        Size(16_000, 961), read,
        devices=("cpu",),
    ),
    "autoencoder": Stage(
        "A", "autoencoder of the paper, an epoch", TRAINING,
        (
            Size(3200, labels=4), Size(6400, labels=4, batch=256), Size(3200, 2400, 4, 256), Size(3200, 2400, 4),
            Size(6400, 400, 4), Size(6400, 400, 4, 256), Size(6400, labels=8), Size(1600, 7214, 4),
        ),
        Size(25_600, 961, 4, 128), autoencoder,
    ),
    "bottleneck": Stage(
        "A", "autoencoder with a bottleneck for all λ, an epoch", TRAINING,
        (
            Size(3200, labels=4), Size(6400, labels=4, batch=256), Size(3200, 2400, 4, 256), Size(3200, 2400, 4),
            Size(6400, 400, 4, 256),
        ),
        Size(25_600, 961, 4, 128), bottleneck,
    ),
    "encode": Stage(
        "A", "encode", PER_SPECTRUM,
        (Size(4000), Size(16_000), Size(16_000, 400), Size(4000, 2400), Size(2000, 7214), Size(24_000)),
        Size(32_000, 961), encode, larger=8,
    ),
    "regressor": Stage(
        "A", "regressor, a pass over the stars", PER_SPECTRUM,
        (
            Size(4000, labels=4), Size(4000, 25, 4), Size(16_000, 25, 4), Size(4000, 400, 4), Size(2000, 2400, 4),
            Size(8000, labels=4),
        ),
        Size(32_000, 100, 4), regressor, "pass", ("cpu",), alone=True,
    ),
    "probe": Stage(
        "A", "probe of the latents (150 passes)", CONSTANT | {"n": _size("n"), "n·labels": _size("n", "labels")},
        (Size(500, 25, 4), Size(1000, 25, 4), Size(2000, 25, 4), Size(2000, 25, 8)), Size(6000, 25, 4), probe,
        devices=("cpu",), alone=True,
    ),
    "emulator": Stage(
        "B", "emulator, an epoch", TRAINING,
        (
            Size(2560, batch=128), Size(2560), Size(5120, 400, batch=128), Size(2560, 2400, batch=128),
            Size(2560, 2400), Size(2560, 800, 12, 128), Size(5120, 400),
        ),
        Size(10_240, 961, 8, 256), emulator,
    ),
    "emulator_branches": Stage(
        "B", "emulator of 25 labels in branches, an epoch", TRAINING,
        (
            Size(1024, 1600, 25), Size(1024, 1600, 25, 256), Size(1024, 4800, 25), Size(1024, 4800, 25, 256),
            Size(2048, 800, 25),
        ),
        Size(2048, 7214, 25, 128), emulator,
    ),
    "translator": Stage(
        "B", "translator of perceptrons (512, 128), a step", STEP | {"batch": _size("batch")},
        (Size(1, batch=32), Size(1, batch=128), Size(1, batch=512), Size(1, 2400, batch=32), Size(1, 2400, batch=128),
         Size(1, 400, batch=256)),
        Size(1, 961, batch=256), translator, "step",
    ),
    "translator_branches": Stage(
        "B", "translator of perceptrons (128, 64), 25 labels, a step", STEP | {"batch": _size("batch")},
        (Size(1, 1600, 25, 32), Size(1, 1600, 25, 128), Size(1, 4800, 25, 32), Size(1, 4800, 25, 128)),
        Size(1, 7214, 25, 64), translator, "step",
    ),
    "translator_paper": Stage(
        "B", "translator of the paper, a step", STEP | {"batch": _size("batch")},
        (Size(1, 3200, 6, 8), Size(1, 3200, 6, 4), Size(1, 4800, 6, 4), Size(1, 4800, 6, 8), Size(1, 3200, 6, 16)),
        Size(1, 7214, 6, 8), paper_translator, "step",
    ),
    "translate": Stage(
        "B", "translate", PER_SPECTRUM,
        (Size(2000), Size(8000), Size(8000, 400), Size(2000, 2400), Size(1000, 4800)),
        Size(16_000, 961), translate, larger=12,
    ),
    "fit": Stage(
        "both", "fit by physics, for each Jacobian", FIT, FITS, Size(2000, 961, 8), fit, "Jacobian",
        larger=40, alone=True,
    ),
    "translated_fit": Stage(
        "B", "fit by the translated emulator, for each Jacobian", FIT,
        (Size(400), Size(200, 800, 3), Size(200, 800, 12), Size(160, 2400, 6), Size(80, 2400, 12), Size(100)),
        Size(600, 961, 8), translated_fit, "Jacobian", larger=40, alone=True,
    ),
    "translated_fit_branches": Stage(
        "B", "fit by the translated emulator of 25 labels, for each Jacobian",
        CONSTANT | {"n·pixels": _size("n", "pixels")},
        (Size(16, 1600, 25), Size(48, 1600, 25), Size(16, 4800, 25), Size(24, 4800, 25)),
        Size(24, 7214, 25), translated_fit, "Jacobian",
        larger=40, alone=True,
    ),
    "label": Stage(
        "both", "label RVS spectra by the command", CONSTANT | {"stars in turn": _size("stars_in_turn")},
        (Size(8000), Size(16_000)), Size(24_000), label, by_job=True,
    ),
}  # fmt: skip
