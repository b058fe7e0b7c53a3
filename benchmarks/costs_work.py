"""The work of each stage of both studies at a size that can be chosen, for `costs_stages`.

Speed does not depend on what the numbers mean, so spectra are noise, and networks are untrained. So any number of
pixels and labels can be measured, not only those of the two surveys. Each function prepares the work and gives it as a
function, which may return a number by which its time is divided, such as passes or iterations.
"""

import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from astropy.table import Table
from costs_size import HIDDEN
from sklearn.neural_network import MLPRegressor

import specnb
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
FIRST_ID = 2 * 10**18  # as long as Gaia's


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


def fit(size, device, translated=False):
    """Fits of stars for which the model is right."""
    physics = emulator_like(size)
    if translated:
        physics = translated_emulator(physics, untrained_translator(size, "cpu"))
    return counted_fit(interior_stars(physics, size.n, snr=100.0, seed=1), physics.to(device))


def counted_fit(stars, model):
    """Fits of stars, whose time is divided by the number of Jacobians of a star."""
    count, original = [], ForwardModel.normal_equations

    def counted(self, p, *arguments):
        count.append(len(p))
        return original(self, p, *arguments)

    def work():
        count.clear()
        with mock.patch.object(ForwardModel, "normal_equations", counted):
            specnb.fit_labels(stars, model)
        return sum(count) / len(stars)

    return work


def translated_fit(size, device):
    return fit(size, device, translated=True)


def label(size, device):
    """The command that labels the mock stars of a file, with one process for each thread."""
    folder = Path(tempfile.mkdtemp(prefix="costs"))
    path = Path(tempfile.gettempdir()) / f"costs-{size.n}.h5"
    if not path.is_file():
        write_stars(path, size.n)
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
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"exit code {done.returncode}: {done.stderr[-1500:]}")

    return work


def label_command(path, table, jobs, device, model="rvs"):
    """The command that labels a file, as a list of words."""
    words = [sys.executable, "-m", "specnb", "label", path, "-o", table, "--model", model]
    return [*words, "--jobs", str(jobs), "--device", device, "--quiet"]


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
