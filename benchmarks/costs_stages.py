"""The stages of both studies as pieces of work whose size can be chosen, to measure what each costs.

A stage says which terms its time should have by its algorithm, at which sizes it is measured, and at which one the
formula is checked that is found from these. Speed does not depend on what the numbers mean, so spectra are noise,
and networks are untrained. So any number of pixels and labels can be measured, not only those of the two surveys.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from astropy.table import Table
from sklearn.neural_network import MLPRegressor

import specnb
from specnb.bulk.pieces import PIXELS
from specnb.core.labels import Label
from specnb.core.spectra import Spectra
from specnb.core.storage import SpectraWriter
from specnb.disentangle import DisentangleConfig
from specnb.disentangle.regress import RegressorConfig, fit_regressor
from specnb.disentangle.train import DisentangleTraining
from specnb.emulator.model import Emulator
from specnb.emulator.network import Network
from specnb.emulator.train import EmulatorConfig, EmulatorTraining
from specnb.evaluate import probes
from specnb.fitting.forward import ForwardModel
from specnb.fitting.pulls import interior_stars
from specnb.simulator.grid import SyntheticGrid
from specnb.surveys import Survey
from specnb.surveys.apogee.survey import BRANCHES
from specnb.surveys.apogee.survey import LABELS as APOGEE_LABELS
from specnb.surveys.mock import make_mock
from specnb.translate import PAPER, TranslateConfig, Translator, translated_emulator
from specnb.translate.train import TranslateTraining

RVS_HIDDEN, APOGEE_HIDDEN = (512, 128), (128, 64)  # of the shipped translators
HIDDEN = 256  # neurons of the last layer of both shipped emulators
FIRST_ID = 2 * 10**18  # as long as Gaia's


@dataclass(frozen=True)
class Size:
    """The size of a piece of work: spectra, pixels, labels, spectra in a step, and processes of the command."""

    n: int
    pixels: int = 800
    labels: int = 6
    batch: int = 64
    jobs: int = 1

    @property
    def steps(self):
        return -(-self.n // self.batch)

    @property
    def stars_in_turn(self):
        """Stars that one process of the command fits, since it takes whole pieces."""
        pieces = self.n * self.pixels // PIXELS + 1
        return -(-pieces // self.jobs) * self.n / pieces

    @property
    def parameters(self):
        """Numbers that the fit of a star finds: labels, and a parabola for the continuum of each detector."""
        return self.labels + (9 if self.labels == len(APOGEE_LABELS) else 3)

    @property
    def neurons(self):
        """Neurons of the emulator's last layer that depend on a label, summed over labels."""
        if self.labels != len(APOGEE_LABELS):
            return HIDDEN * self.labels
        return sum(len(names) * widths[-1] for names, widths in BRANCHES)


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


def survey_like(size) -> Survey:
    """A survey with other numbers of pixels and labels. With 25 labels it has three detectors, as APOGEE."""
    labels, pixels = APOGEE_LABELS, 8460.0 + 0.3 * np.arange(size.pixels)
    if size.labels != len(labels):
        labels = tuple(
            Label(f"y{k}", "dex", -1.0, 1.0, f"$y_{k}$", "any") for k in range(size.labels)
        )
    else:
        pixels = pixels + 60.0 * (np.arange(size.pixels) * 3 // size.pixels)
    return Survey(
        "costs",
        "survey of the cost model",
        labels,
        pixels,
        everywhere=tuple(each.name for each in labels[:5]),
    )


def emulator_like(size, seed=1) -> Emulator:
    """An untrained emulator whose spectra depend on all labels, with the layers of a shipped one."""
    survey = survey_like(size)
    names = list(survey.names)
    branches = [(range(len(names)), (HIDDEN,) * 4)]
    if size.labels == len(APOGEE_LABELS):
        branches = [([names.index(each) for each in inputs], widths) for inputs, widths in BRANCHES]
    low, high = np.array([(label.low, label.high) for label in survey.labels]).T
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        network = Network(low, high, branches, size.pixels)
        for name, weight in network.named_parameters():
            if name.endswith("weight"):
                weight.mul_(1.0 if name.startswith("output") else 2.5)
        flux = network(
            torch.from_numpy(
                np.random.default_rng(seed).uniform(low, high, (256, len(low)))
            ).float()
        )
        network.output.weight.mul_(0.1 / flux.std(0).mean())
        network.output.bias.copy_(torch.full((size.pixels,), 0.8))
    return Emulator(network, survey)


def noise(size, names=None) -> Spectra:
    """Spectra and labels without meaning."""
    random = np.random.default_rng(1)
    shape = (size.n, size.pixels)
    flux = 1.0 + 0.1 * random.standard_normal(shape, dtype=np.float32)
    names = names or [f"y{k}" for k in range(size.labels)]
    labels = Table({name: random.uniform(-1.0, 1.0, size.n) for name in names})
    pixels = survey_like(size).pixels
    ids = np.arange(size.n).astype(str)
    return Spectra(
        pixels, flux, np.full(shape, 0.02, np.float32), np.zeros(shape, bool), ids, labels
    )


def read(size, device):
    path = Path(tempfile.mkdtemp(prefix="costs")) / "spectra.h5"
    noise(size).write(path)
    return lambda: Spectra.read(path) and None


def autoencoder(size, device, **settings):
    """One epoch, with its validation."""
    names = tuple(f"y{k}" for k in range(size.labels))
    if not settings:
        settings = {"lambdas": dict.fromkeys(names, 1e-5)}  # so small that nothing diverges
    config = DisentangleConfig(names, batch=size.batch, device=device, **settings)
    training = DisentangleTraining(noise(size), config)
    return lambda: training.advance() and None


def bottleneck(size, device):
    """One epoch of the autoencoder that is shipped: with a bottleneck, and for all λ."""
    return autoencoder(size, device, bottleneck=1e-4, lambda_range=0.01)


def encode(size, device):
    small = replace(size, n=64)
    names = tuple(f"y{k}" for k in range(size.labels))
    model = DisentangleTraining(noise(small), DisentangleConfig(names, device=device)).model
    spectra = noise(size)
    return lambda: model.encode(spectra) is None


def regressor(size, device, passes=3):
    """Three passes of the network of Table 1. Here pixels are the inputs: those of a spectrum, or 25 latents."""
    random = np.random.default_rng(1)
    x = random.standard_normal((size.n, size.pixels), dtype=np.float32)
    names = [f"y{k}" for k in range(size.labels)]
    y = random.uniform(-1.0, 1.0, (size.n, size.labels))

    def work():
        fit_regressor(x, y, names, RegressorConfig(max_iter=passes))
        return passes

    return work


def probe(size, device):
    """A probe of latents (here pixels) that takes as many passes as it may: 150."""
    random = np.random.default_rng(1)
    z = random.standard_normal((size.n, size.pixels))
    y = z[:, : size.labels] + random.standard_normal((size.n, size.labels))
    names = [f"y{k}" for k in range(size.labels)]
    half = size.n * 4 // 5

    def longest(**settings):
        return MLPRegressor(**settings | {"n_iter_no_change": 1000})

    def work():
        with mock.patch.object(probes, "MLPRegressor", longest):
            probes.probe(z[:half], y[:half], z[half:], y[half:], names)

    return work


def emulator(size, device):
    """One epoch of an emulator. n is the number of spectra that it is trained on."""
    survey = survey_like(size)
    low, high = np.array([(label.low, label.high) for label in survey.labels]).T
    total = round(size.n / 0.8)
    if size.labels == len(APOGEE_LABELS):  # one label broadens, so that there are four copies
        total //= 4
        survey = replace(survey, observe=lambda wavelength, flux, **broadening: flux)
    random = np.random.default_rng(1)
    flux = 1.0 + 0.1 * random.standard_normal((total, size.pixels), dtype=np.float32)
    kept = [not label.broadens for label in survey.labels]
    low, high = low[kept], high[kept]
    grid = SyntheticGrid(
        survey, random.uniform(low, high, (total, len(low))), flux, survey.pixels, low, high, {}
    )
    settings = {"branches": BRANCHES, "copies": 4} if size.labels == len(APOGEE_LABELS) else {}
    training = EmulatorTraining(grid, EmulatorConfig(batch=size.batch, device=device, **settings))
    return lambda: training.advance() and None


def translator(size, device, config=None, steps=5):
    """Some steps with a batch of each domain. Only the number of spectra in a step matters, not that of stars."""
    if config is None:
        hidden = APOGEE_HIDDEN if size.labels == len(APOGEE_LABELS) else RVS_HIDDEN
        config = TranslateConfig(hidden=hidden)
    config = replace(config, batch=size.batch, device=device, iterations=10_000)
    model = emulator_like(size)
    stars = interior_stars(model, max(32, 2 * size.batch), snr=100.0, seed=1)
    labels = np.array([stars.labels[name] for name in model.labels], np.float32).T
    training = TranslateTraining(model, labels, stars, config)

    def work():
        for _ in range(steps):
            training.step()
        return steps

    return work


def paper_translator(size, device):
    return translator(size, device, PAPER, steps=2)


def untrained_translator(size, device):
    hidden = APOGEE_HIDDEN if size.labels == len(APOGEE_LABELS) else RVS_HIDDEN
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = Translator(
            TranslateConfig(hidden=hidden), survey_like(size).pixels, np.full(size.pixels, 0.8), 0.1
        )
    return model.eval().requires_grad_(False).to(device)


def translate(size, device):
    model, flux = untrained_translator(size, device), noise(size).flux
    return lambda: model.translate(flux) is None


def fit(size, device, translated=False, model=None):
    """Fits of stars for which the model is right. The time is divided by the number of Jacobians of a star."""
    physics = model or emulator_like(size)
    if translated:
        physics = translated_emulator(physics, untrained_translator(size, "cpu"))
    stars = interior_stars(physics, size.n, snr=100.0, seed=1)
    model, count = physics.to(device), []
    original = ForwardModel.normal_equations

    def counted(self, p, *arguments):
        count.append(len(p))
        return original(self, p, *arguments)

    def work():
        count.clear()
        with mock.patch.object(ForwardModel, "normal_equations", counted):
            specnb.fit_labels(stars, model)
        return sum(count) / size.n

    return work


def translated_fit(size, device):
    return fit(size, device, translated=True)


def label(size, device):
    """The command that labels the mock stars of a file, with one process for each thread."""
    folder = Path(tempfile.mkdtemp(prefix="costs"))
    path = write_stars(folder / "stars.h5", size.n)
    command = [
        sys.executable,
        "-m",
        "specnb",
        "label",
        path,
        "-o",
        folder / "labels.csv",
        "--model",
        "rvs",
    ]
    command += ["--jobs", str(size.jobs), "--device", device, "--quiet"]

    def work():
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"exit code {done.returncode}: {done.stderr[-1500:]}")

    return work


def mock_stars(name, n, seed=1):
    """Stars of the mock survey of a shipped model."""
    physics = specnb.load_emulator(name.partition("-")[0])
    return make_mock(physics, physics.survey.mock(n_stars=n, seed=seed))[0]


def write_stars(path, n, name="rvs"):
    """Write a file of n mock stars. Those after the first 8,192 repeat their spectra."""
    stars = mock_stars(name, min(n, 8192))
    with SpectraWriter(path) as writer:
        for start in range(0, n, len(stars)):
            ids = np.arange(FIRST_ID + start, FIRST_ID + min(n, start + len(stars)))
            writer.append(replace(stars[: len(ids)], ids=ids.astype(str)))
    return path


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
FIT = PER_SPECTRUM | {
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
        (Size(1000), Size(8000), Size(4000, 400), Size(2000, 2400), Size(1000, 7214)), Size(16_000, 961), read,
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
        (Size(4000), Size(16_000), Size(16_000, 400), Size(4000, 2400), Size(2000, 7214)), Size(32_000, 961), encode, larger=4,
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
        "B", "translator of the paper, a step", STEP,
        (Size(1, 1600, 6, 8), Size(1, 3200, 6, 8), Size(1, 3200, 6, 4), Size(1, 4800, 6, 4), Size(1, 1600, 6, 16)),
        Size(1, 7214, 6, 8), paper_translator, "step",
    ),
    "translate": Stage(
        "B", "translate", PER_SPECTRUM,
        (Size(2000), Size(8000), Size(8000, 400), Size(2000, 2400), Size(1000, 4800)), Size(16_000, 961), translate, larger=4,
    ),
    "fit": Stage(
        "both", "fit by physics, for each Jacobian", FIT, FITS, Size(2000, 961, 8), fit, "Jacobian", larger=16, alone=True,
    ),
    "translated_fit": Stage(
        "B", "fit by the translated emulator, for each Jacobian", FIT,
        (Size(400), Size(200, 800, 3), Size(200, 800, 12), Size(160, 2400, 6), Size(80, 2400, 12), Size(100)),
        Size(600, 961, 8), translated_fit, "Jacobian", larger=16, alone=True,
    ),
    "translated_fit_branches": Stage(
        "B", "fit by the translated emulator of 25 labels, for each Jacobian", CONSTANT | {"n·pixels": _size("n", "pixels")},
        (Size(16, 1600, 25), Size(32, 1600, 25), Size(16, 3200, 25)), Size(12, 7214, 25), translated_fit, "Jacobian",
        larger=16, alone=True,
    ),
    "label": Stage(
        "both", "label RVS spectra by the command", CONSTANT | {"stars in turn": _size("stars_in_turn")},
        (Size(4000), Size(8000)), Size(16_000), label, by_job=True,
    ),
}  # fmt: skip
