"""What the explorer computes in the browser, by its own JavaScript in Node, equals what PyTorch computes."""

import json
import shutil
import subprocess
from dataclasses import replace
from functools import cache
from itertools import chain, product
from pathlib import Path

import numpy as np
import pytest
import torch
from astropy.table import Table
from third_survey import THIRD

import specnb
from specnb.core.doppler import doppler_shift
from specnb.core.spectra import Spectra
from specnb.core.wavelength import detectors
from specnb.disentangle.config import DisentangleConfig
from specnb.disentangle.model import Disentangler
from specnb.disentangle.networks import Networks
from specnb.disentangle.scales import Scales
from specnb.emulator.changes import LabelCorrection, PixelChange
from specnb.emulator.model import Emulator
from specnb.emulator.network import Network
from specnb.emulator.step import Step
from specnb.fitting.continuum import legendre
from specnb.surveys import APOGEE, RVS
from specnb.surveys.mock import make_mock, remake
from specnb.translate.config import TranslateConfig
from specnb.translate.model import Translation, Translator, load_translator
from specnb.widgets.pages import page, programs, truth
from specnb.widgets.pages.arrays import Arrays
from specnb.widgets.pages.symbols import html_symbol, plain_symbol

HERE = Path(__file__).parent
SOURCE = HERE.parent / "browser" / "src"
SHIPPED = ("rvs", "apogee", "rvs-real", "apogee-real")
TRANSLATORS = ("rvs-mock", "apogee-mock", "apogee-real")
MOCK = RVS.mock(n_stars=30)
STATE = {
    "labels": {}, "star": "", "overlay": [], "gradient": "", "moved": "", "velocity": 0, "continuum": -1,
    "reference": "start", "residual": "sigma", "split": "typical", "split_values": [],
    "lambdas": {}, "latents": [], "compare": "nothing", "panels": [],
}  # fmt: skip

emulator = cache(specnb.load_emulator)
translator = cache(load_translator)


@cache
def small_emulator():
    """An emulator with random weights, a logarithmic label and all steps that change spectra."""
    torch.manual_seed(1)
    low, high = np.array([(label.low, label.high) for label in THIRD.labels]).T
    low[0] = 1.0
    rng, n = np.random.default_rng(1), len(THIRD.pixels)
    made = Emulator(Network(low, high, [([0, 1, 2], [9, 7]), ([0, 2], [])], n, [0]), THIRD)
    power = PixelChange(rng.uniform(0.5, 1.5, n), rng.normal(size=n))
    correction = LabelCorrection([0, 2], [5.0, 1.0], [2.0, 0.5], 0.1 * rng.normal(size=(10, n)))
    return made.then(power).then(correction)


@cache
def small_translator(kind, split, residual):
    torch.manual_seed(2)
    config = TranslateConfig(kind=kind, split=split, residual=residual, shared=5, hidden=(11, 6))
    n = len(THIRD.pixels)
    made = Translator(config, THIRD.pixels, np.linspace(0.8, 1.2, n), 0.05)
    with torch.no_grad():
        for tensor in (*made.parameters(), made.offset, made.mean_split):
            tensor += 0.1 * torch.randn(tensor.shape)
        if kind == "principal":
            made.networks.components.normal_(std=0.04)
            made.networks.scale.uniform_(0.5, 2.0)
    return made.eval().requires_grad_(False)


KINDS = list(product(("mlp", "principal"), (0, 3), (True, False)))


@cache
def mock():
    return make_mock(emulator("rvs"), MOCK)


@cache
def autoencoder(bottleneck, lambda_range, labels_in_encoder):
    torch.manual_seed(3)
    config = DisentangleConfig(
        bottleneck=bottleneck, lambda_range=lambda_range, labels_in_encoder=labels_in_encoder,
        hidden=(12, 9), latent=4, discriminator=(5,),
    )  # fmt: skip
    observed = mock()[0]
    values = np.column_stack([observed.labels[name] for name in config.labels])
    scales = Scales.of(observed, values, config.labels)
    networks = Networks(config, len(RVS.pixels)).requires_grad_(False)
    return Disentangler(config, RVS.pixels, scales, networks)


OPTIONS = list(product((0.0, 0.1), (0.0, 0.01), (False, True)))
LAMBDAS = {"teff": 0.004, "m_h": -0.01}


def some_labels(survey, n=3):
    """Labels in the survey's range, and a last star that is far outside."""
    low, high = np.array([(label.low, label.high) for label in survey.labels]).T
    labels = np.random.default_rng(5).uniform(low, high, (n, len(low)))
    labels[-1] = high + 0.2 * (high - low)
    return labels.astype(np.float32).astype(float)


def some_splits(model, n=3):
    return np.random.default_rng(6).uniform(-0.5, 0.5, (n, len(model.mean_split)))


def moved(survey):
    """Some labels that move, each by its step."""
    names = survey.names if len(survey.names) < 10 else ("teff", "fe_h", "mg_fe", "c12_c13")
    return {name: survey.label(name).steps.change for name in names}


def tangent(survey, name):
    return [moved(survey)[name] * (each == name) for each in survey.names]


def derivative_calls(survey):
    return [
        {"inputs": {"labels": list(row)}, "tangents": {"labels": tangent(survey, name)}}
        for row in some_labels(survey)
        for name in moved(survey)
    ]


MIXED = (
    (0, ""),
    (0, "age"),
    (1, ""),
    (1, "dust"),
    (1, "age"),
    (1, ""),
    (0, ""),
    (0, "age"),
    (0, "age"),
)


def mixed_calls():
    """Calls with and without derivatives, of stars and labels that change, or do not."""
    labels = some_labels(THIRD)
    for row, name in MIXED:
        moving = {"labels": tangent(THIRD, name)} if name else None
        yield {"inputs": {"labels": labels[row].tolist()}, "tangents": moving}


def rounded(module):
    """A copy whose tensors of two and more dimensions are in half precision."""
    state = {
        key: value.half().float() if value.ndim > 1 else value
        for key, value in module.state_dict().items()
    }
    module.load_state_dict(state)
    return module


def translator_calls(survey, model):
    labels, splits = some_labels(survey), some_splits(model)
    return [{"inputs": {"labels": list(a), "split": list(b)}} for a, b in zip(labels, splits)]


def autoencoder_calls(model):
    observed, latents = mock()[0], np.random.default_rng(7).uniform(size=(30, 4))
    flux = np.where(observed.mask, None, observed.flux.astype(float))
    values, lambdas = model.label_array(observed.labels), []
    if model.config.lambda_range:
        lambdas = [LAMBDAS.get(name, 0.0) for name in model.labels]
    for row in range(3):
        common = {"labels": values[row].tolist(), "lambdas": lambdas}
        yield common | {"flux": flux[row].tolist()}, common | {"latents": latents[row].tolist()}


def stars_for_truth():
    """Three stars of the mock survey with edited labels."""
    stars = mock()[1].labels[:3].copy()
    stars["teff"] += 200.0
    stars["m_h"] -= 0.3
    return stars


class Jobs(list):
    """What Node is to compute, and the blocks of bytes that it needs."""

    def __init__(self):
        self.blocks = {}

    def add(self, name, data=b"", arrays=None, **job):
        self.append({"name": name, "arrays": arrays or {}, **job})
        self.blocks[name] = data

    def add_program(self, name, make, calls, half=False):
        arrays = Arrays(half)
        program = make(arrays)
        self.add(name, arrays.data(), arrays.index(), program=program, calls=list(calls))

    def add_scene(self, name, pages, stars, states):
        (about, data), (known, stars_data) = pages, stars
        states = [STATE | state for state in states]
        self.add(name, data, about["arrays"], page=about, stars=known, states=states)
        self.blocks[f"{name}.stars"] = stars_data


def add_programs(jobs):
    for name in SHIPPED:
        model = emulator(name)
        calls = derivative_calls(model.survey)
        jobs.add_program(name, lambda arrays, m=model: programs.emulator_program(m, arrays), calls)
    small = small_emulator()
    jobs.add_program(
        "small", lambda arrays: programs.emulator_program(small, arrays), derivative_calls(THIRD)
    )
    jobs.add_program(
        "half", lambda arrays: programs.emulator_program(emulator("apogee-real"), arrays),
        derivative_calls(APOGEE)[:1], half=True,
    )  # fmt: skip
    translations = {
        f"translator {name}": (emulator(name.split("-")[0]), translator(name))
        for name in TRANSLATORS
    }
    translations |= {f"small {kind}": (small, small_translator(*kind)) for kind in KINDS}
    for name, (model, carrier) in translations.items():
        jobs.add_program(
            name, lambda arrays, m=model, t=carrier: programs.translator_program(m, t, arrays),
            translator_calls(model.survey, carrier),
        )  # fmt: skip
    step = small.then(Translation(small_translator("mlp", 3, True)))
    jobs.add_program(
        "step", lambda arrays: programs.emulator_program(step, arrays), derivative_calls(THIRD)
    )
    jobs.add_program(
        "mixed", lambda arrays: programs.emulator_program(small, arrays), mixed_calls()
    )
    for options in OPTIONS:
        model = autoencoder(*options)
        encoded, decoded = zip(*autoencoder_calls(model))
        for name, make, inputs in (
            ("encoder", programs.encoder_program, encoded),
            ("decoder", programs.decoder_program, decoded),
        ):
            jobs.add_program(
                f"{name} {options}", lambda arrays, m=model, f=make: f(m, arrays),
                [{"inputs": each} for each in inputs],
            )  # fmt: skip
    stars = stars_for_truth()
    own = truth.own_numbers(MOCK, mock()[1].ids[:3])
    jobs.add_program(
        "truth", lambda arrays: truth.truth_program(emulator("rvs"), MOCK, arrays),
        [
            {"inputs": {"labels": [star[name] for name in RVS.names], "own": list(mine)}}
            for star, mine in zip(stars, own)
        ],
    )  # fmt: skip


VELOCITIES = (3.7, -0.02, 251.0, -412.5)


def wide_labels(survey, n=400):
    """Labels within and around the survey's range."""
    low, high = np.array([(label.low, label.high) for label in survey.labels]).T
    margin = 0.1 * (high - low) * (np.arange(len(low)) < 2)
    labels = np.random.default_rng(8).uniform(low - margin, high + margin, (n, len(low)))
    if survey is APOGEE:  # half of them near the stars of the domain
        known = emulator("apogee-real").calibration.stars.double().numpy()[: n // 2]
        labels[: n // 2] = np.where(np.isnan(known), labels[: n // 2], known)
    return labels


def bumpy():
    """A spectrum with structure in every pixel."""
    return np.random.default_rng(9).normal(1.0, 0.1, len(APOGEE.pixels))


def add_places(jobs):
    parts = [[part.start, part.stop] for part in detectors(APOGEE.pixels)]
    jobs.add(
        "shift", wavelength=APOGEE.pixels.tolist(), detectors=parts, flux=bumpy().tolist(),
        velocities=VELOCITIES,
    )  # fmt: skip
    for name in SHIPPED:
        model = emulator(name)
        about, data = page.emulator_page(model)
        stars = [dict(zip(model.labels, row.tolist())) for row in wide_labels(model.survey)]
        jobs.add(f"outside {name}", data, about["arrays"], page=about, stars=stars)


def mapped():
    """Labels of stars, some of which are not known, and many places of a map of T_eff and log g."""
    rng, axes = np.random.default_rng(10), RVS.labels[:2]
    low, high = np.array([(label.low, label.high) for label in axes]).T
    stars, places = rng.uniform(low, high, (150, 2)), rng.uniform(low, high, (2000, 2))
    stars[::10, 1] = np.nan
    return stars, places, axes


def add_map(jobs):
    stars, places, axes = mapped()
    arrays = Arrays()
    arrays.add("labels", stars, np.float64)
    known = {"ids": list(map(str, range(len(stars)))), "labels": ["teff", "logg"]}
    known["arrays"] = arrays.index()
    about = [
        {"name": label.name, "low": label.low, "high": label.high, "near": label.steps.near}
        for label in axes
    ]
    jobs.add("map", arrays.data(), arrays.index(), known=known, places=places.tolist(), axes=about)


FITTED = {"teff": 5100.0, "logg": 3.0}
EDITED = {"teff": 5300.0, "logg": 3.4, "m_h": -0.2, "alpha_fe": 0.1}


def add_scenes(jobs):
    observed, true = mock()
    ids = list(map(str, observed.ids))
    model = emulator("rvs-real")
    jobs.add_scene(
        "emulator", page.emulator_page(model, physics=emulator("rvs")),
        page.stars_part(observed[:3], RVS.names),
        [
            {"labels": FITTED},
            {"labels": FITTED, "star": ids[1], "velocity": 40.0, "continuum": 2, "overlay": ids[:1]},
            {"labels": FITTED | {"logg": 3.1}, "star": ids[1], "residual": "flux", "moved": "logg"},
            {"labels": FITTED, "panels": ["gradient"], "gradient": "m_h", "reference": ids[2]},
        ],
    )  # fmt: skip
    carrier = translator("rvs-mock")
    jobs.add_scene(
        "translator", page.translator_page(emulator("rvs"), carrier),
        page.stars_part(observed[:3], RVS.names, splits=carrier.encode(observed[:3])[1]),
        [
            {"labels": FITTED, "split": ids[1]},
            {"labels": FITTED, "split": "by hand", "split_values": some_splits(carrier)[0].tolist()},
        ],
    )  # fmt: skip
    coder = autoencoder(0.0, 0.01, False)
    jobs.add_scene(
        "editor", page.editor_page(coder, RVS, emulator("rvs"), MOCK),
        page.stars_part(observed, coder.labels, truth=true, mock=MOCK),
        [
            {"star": ids[2], "labels": EDITED, "compare": "truth", "lambdas": LAMBDAS},
            {"star": ids[2], "labels": near(observed, coder), "compare": "nearest", "latents": [0.1, 0.9, 0.5, 0.4]},
            {"star": ids[2], "labels": EDITED | {"m_h": -2.4}, "compare": "nearest"},
        ],
    )  # fmt: skip


def near(observed, model):
    """Labels close to those of the fifth star."""
    return dict(
        zip(model.labels, (model.label_array(observed.labels)[4] + [30, 0.05, 0.01, 0]).tolist())
    )


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """What Node has computed for each job, in one process."""
    if not (node := shutil.which("node")):
        pytest.skip("there is no node, which runs the explorer's JavaScript outside a browser")
    jobs = Jobs()
    add_programs(jobs)
    add_places(jobs)
    add_map(jobs)
    add_scenes(jobs)
    folder = tmp_path_factory.mktemp("programs")
    (folder / "jobs").write_text(json.dumps(jobs, allow_nan=False), "utf-8")
    for name, data in jobs.blocks.items():
        (folder / f"jobs.{name}").write_bytes(data)
    command = [node, HERE / "programs.mjs", SOURCE, folder / "jobs", folder / "results"]
    subprocess.run(list(map(str, command)), check=True)
    return json.loads((folder / "results").read_text("utf-8"))


def array(values):
    return np.array(values, dtype=float)


def same(found, expected):
    np.testing.assert_allclose(array(found), expected, rtol=0, atol=1e-5)


def check_derivatives(results, model):
    """Flux and derivatives, of each label times its step, are those of PyTorch."""
    survey, labels = model.survey, some_labels(model.survey)
    labels = torch.from_numpy(labels).to(model.network.low)
    flux, jacobian = (each.numpy() for each in model.flux_and_jacobian(labels))
    calls = iter(results)
    for row in range(len(labels)):
        for name, change in moved(survey).items():
            found = next(calls)
            same(found["values"]["flux"], flux[row])
            expected = change * jacobian[row, survey.names.index(name)]
            assert np.abs(expected).max() > 1e-5
            same(found["tangents"]["flux"], expected)
    assert not list(calls)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_emulators_and_their_derivatives(ran, name):
    check_derivatives(ran[name], emulator(name))


def test_logarithmic_labels_and_all_steps(ran):
    check_derivatives(ran["small"], small_emulator())


def test_only_what_changed_is_computed_but_all_of_that(ran):
    labels = torch.from_numpy(some_labels(THIRD)).float()
    flux, jacobian = (each.numpy() for each in small_emulator().flux_and_jacobian(labels))
    for found, (row, name) in zip(ran["mixed"], MIXED, strict=True):
        same(found["values"]["flux"] if name else found["flux"], flux[row])
        if name:
            expected = moved(THIRD)[name] * jacobian[row, THIRD.names.index(name)]
            same(found["tangents"]["flux"], expected)


def test_a_translation_is_a_step(ran):
    """With its derivatives: of the layer norm, too."""
    check_derivatives(
        ran["step"], small_emulator().then(Translation(small_translator("mlp", 3, True)))
    )


def test_half_precision(ran):
    model = emulator("apogee-real").to()
    rounded(model.network)
    flux = model(torch.from_numpy(some_labels(APOGEE)).to(model.network.low)[:1])[0].numpy()
    same(ran["half"][0]["values"]["flux"], flux)
    exact = emulator("apogee-real")(torch.from_numpy(some_labels(APOGEE)).float()[:1])[0].numpy()
    assert 1e-5 < np.abs(flux - exact).max() < 2e-3  # it is another network, but nearly the same


def check_translator(results, model, carrier):
    labels = torch.from_numpy(some_labels(model.survey)).float()
    synthetic = model(labels)
    split = torch.from_numpy(some_splits(carrier)).float()
    translated = carrier(synthetic, split).numpy()
    for found, x, y in zip(results, synthetic.numpy(), translated):
        same(found["synthetic"], x)
        same(found["translated"], y)


@pytest.mark.parametrize("name", TRANSLATORS)
def test_shipped_translators(ran, name):
    check_translator(ran[f"translator {name}"], emulator(name.split("-")[0]), translator(name))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_translators_of_all_options(ran, kind):
    check_translator(ran[f"small {kind}"], small_emulator(), small_translator(*kind))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_autoencoders_of_all_options(ran, options):
    model, few = autoencoder(*options), mock()[0][:3]
    lambdas = LAMBDAS if model.config.lambda_range else None
    latents = model.encode(few, lambdas)
    assert np.ptp(latents, axis=0).min() > 1e-3
    for found, expected in zip(ran[f"encoder {options}"], latents):
        same(found["latents"], expected)
    z = np.random.default_rng(7).uniform(size=(30, 4))[:3]
    flux = model.decode(z, model.label_array(few.labels), lambdas)
    for found, expected in zip(ran[f"decoder {options}"], flux):
        same(found["flux"], expected)


def test_true_spectra_of_mock_stars(ran):
    ids = mock()[1].ids[:3]
    edited = remake(emulator("rvs"), MOCK, ids, stars_for_truth())
    assert np.abs(edited - mock()[1].flux[:3]).max() > 0.01
    for found, expected in zip(ran["truth"], edited):
        same(found["flux"], expected)


def test_doppler_shifts(ran):
    flux = torch.from_numpy(bumpy())
    for found, velocity in zip(ran["shift"], VELOCITIES):
        expected = doppler_shift(flux, APOGEE.pixels, torch.tensor(velocity, dtype=torch.float64))
        same(found, expected.numpy())


def test_a_place_of_a_map_finds_the_nearest_star(ran):
    stars, places, axes = mapped()
    rows, *labels = np.array(ran["map"]).T
    np.testing.assert_allclose(np.transpose(labels), places)
    near = [label.steps.near for label in axes]
    distances = np.abs((stars - places[:, None]) / near).max(axis=2)
    expected = np.where(np.nanmin(distances, axis=1) <= 1, np.nanargmin(distances, axis=1), -1)
    np.testing.assert_array_equal(rows, expected)
    assert 100 < np.sum(rows < 0) < 1900


@pytest.mark.parametrize("name", SHIPPED)
def test_the_region_of_trust(ran, name):
    model = emulator(name)
    labels, texts = wide_labels(model.survey), ran[f"outside {name}"]
    hull = [not any("training hull" in text for text in each) for each in texts]
    np.testing.assert_array_equal(hull, model.in_hull(labels))
    assert 0.1 < np.mean(hull) < 0.9
    if calibration := model.calibration:
        domain = [any("domain" in text for text in each) for each in texts]
        np.testing.assert_array_equal(domain, calibration.outside(labels, model.survey))
        assert 0.1 < np.mean(domain) < 0.95


def flux_of(model, labels):
    full = model.survey.start | labels
    return model(np.array([list(full.values())]))[0].astype(float)


def test_panels_of_an_emulator(ran):
    model = emulator("rvs-real")
    alone, with_star, in_flux, gradient = ran["emulator"]
    assert list(alone["panels"]) == ["flux", "residual", "gradient"] and alone["scores"] is None
    same(alone["panels"]["flux"]["model"][1], flux_of(model, FITTED))
    same(alone["panels"]["flux"]["physics"][1], flux_of(emulator("rvs"), FITTED))
    same(alone["panels"]["flux"]["reference"][1], flux_of(model, {}))
    same(alone["panels"]["residual"]["model"][1], flux_of(model, FITTED) - flux_of(model, {}))
    physics = flux_of(emulator("rvs"), FITTED) - flux_of(model, {})
    same(alone["panels"]["residual"]["physics"][1], physics)
    assert with_star["panels"]["flux"]["star"][0] == "mock-0000001"
    assert with_star["panels"]["flux"]["overlay"][0] == "mock-0000000"
    assert in_flux["gradient"] == "logg"  # the label moved last
    assert list(gradient["panels"]) == ["gradient"] and gradient["gradient"] == "m_h"
    row = np.array([list((RVS.start | FITTED).values())])
    same(gradient["panels"]["gradient"]["gradient"][1], 0.1 * model.jacobian(row)[0, 2])


def test_scores_and_the_continuum(ran):
    """Velocity, continuum and χ² by other means: PyTorch's shift, and NumPy's full covariance."""
    model, star = emulator("rvs-real"), mock()[0][1]
    flux = doppler_shift(
        torch.from_numpy(flux_of(model, FITTED)), RVS.pixels, torch.tensor(40.0).double()
    ).numpy()
    # The model's errors move with it by whole pixels, and pixels near the ends do not count
    place = RVS.pixels / (1 + 40 / 299792.458)
    pixel = np.abs(RVS.pixels[:, None] - place).argmin(axis=0)
    error = model.calibration.error.double().numpy()[pixel]
    components = model.calibration.components.double().numpy()[:, pixel]
    sigma = np.hypot(star.flux_error[0], error)
    ends = RVS.pixels[[3, -4]] * (1 + np.array([90, -10]) / 299792.458)
    good = ~star.mask[0] & np.isfinite(sigma) & (RVS.pixels > ends[0]) & (RVS.pixels < ends[1])
    assert good.sum() < np.sum(~star.mask[0]) - 10  # pixels that are not trusted do not count
    covariance = np.diag(sigma[good] ** 2) + components[:, good].T @ components[:, good]
    basis = (legendre(RVS.pixels, 2) * flux).T
    weighted = np.linalg.solve(covariance, basis[good])
    series = np.linalg.solve(weighted.T @ basis[good], weighted.T @ star.flux[0, good])
    fitted, found = basis @ series, ran["emulator"][1]
    same(found["panels"]["flux"]["model"][1], fitted)
    difference = star.flux[0] - fitted
    residual = np.where(good, difference / np.where(good, sigma, 1), np.nan)
    np.testing.assert_allclose(array(found["panels"]["residual"]["model"][1]), residual, atol=1e-2)
    scores = found["scores"]
    chi2 = difference[good] @ np.linalg.solve(covariance, difference[good])
    assert scores["chi2"] == pytest.approx(chi2, rel=1e-4)
    assert scores["chi2"] < 0.99 * np.nansum(residual**2)  # correlated errors explain some of it
    grey = np.any(
        [(low <= RVS.pixels) & (RVS.pixels <= high) for low, high in RVS.untrusted], axis=0
    )
    assert (scores["pixels"], scores["grey"]) == (good.sum(), (good & grey).sum())
    assert scores["nu"] == good.sum() - 6 - 3 - 1  # labels, continuum and velocity
    assert scores["rms"] == pytest.approx(np.std(difference[good], mean=0), rel=1e-4)
    in_flux = ran["emulator"][2]["panels"]["residual"]["model"][1]
    plain = star.flux[0] - flux_of(model, FITTED | {"logg": 3.1})
    at_rest = ~star.mask[0] & np.isfinite(model.calibration.error.numpy())
    same(in_flux, np.where(at_rest, plain, np.nan))


def check_strongest(found, survey, slopes):
    """The three labels that matter most at pixel 400, from derivatives (n_labels, n_pix)."""
    steps = np.array([label.steps.change for label in survey.labels])
    values = steps * slopes[:, 400]
    order = np.argsort(-np.abs(values))[:3]
    assert [name for name, _ in found["why"]] == [survey.names[k] for k in order]
    same([value for _, value in found["why"]], values[order])


def test_which_labels_make_a_line(ran):
    model, (alone, with_star, *_) = emulator("rvs-real"), ran["emulator"]
    row = torch.tensor([list((RVS.start | FITTED).values())], dtype=torch.float32)
    flux, jacobian = model.flux_and_jacobian(row)
    check_strongest(alone, RVS, jacobian[0].numpy())
    velocity = torch.tensor(40.0).double()
    flux, slopes = (
        doppler_shift(each[0].double(), RVS.pixels, velocity) for each in (flux, jacobian)
    )
    continuum = array(with_star["panels"]["flux"]["model"][1]) / flux.numpy()
    check_strongest(with_star, RVS, slopes.numpy() * continuum)
    carrier = translator("rvs-mock")
    split = torch.from_numpy(carrier.encode(mock()[0][:3])[1][1:2])
    step = emulator("rvs").then(Translation(carrier, split))
    check_strongest(ran["translator"][0], RVS, step.flux_and_jacobian(row)[1][0].numpy())
    assert len(ran["editor"][0]["why"]) == 3


def test_panels_of_a_translator(ran):
    carrier, few = translator("rvs-mock"), mock()[0][:3]
    synthetic = flux_of(emulator("rvs"), FITTED)[None]
    typical = carrier.translate(synthetic)[0]
    splits = carrier.encode(few)[1][1], some_splits(carrier)[0]
    for found, split in zip(ran["translator"], splits, strict=True):
        own = carrier.translate(synthetic, split[None])[0]
        assert list(found["panels"]) == ["flux", "difference", "split"]
        same(found["panels"]["flux"]["synthetic"][1], synthetic[0])
        same(found["panels"]["flux"]["translated"][1], own)
        same(found["panels"]["difference"]["residual"][1], own - synthetic[0])
        same(found["panels"]["split"]["split"][1], own - typical)
        assert np.abs(own - typical).max() > 1e-3


def test_panels_of_an_editor(ran):
    model, (observed, true) = autoencoder(0.0, 0.01, False), mock()
    of_truth, of_nearest, far = ran["editor"]
    assert far["note"] == "nearest star: none within 100 K, 0.2 dex"
    star, values = observed[2], model.label_array(observed.labels)
    z = model.encode(star, LAMBDAS)
    same(of_truth["latents"]["own"], z[0])
    same(of_truth["panels"]["flux"]["reconstruction"][1], model.decode(z, values[2:3], LAMBDAS)[0])
    edited = model.decode(z, [[EDITED[name] for name in model.labels]], LAMBDAS)[0]
    same(of_truth["panels"]["flux"]["edited"][1], edited)
    labels = true.labels[2:3].copy()
    for name, value in EDITED.items():
        labels[name] = value
    expected = remake(emulator("rvs"), MOCK, true.ids[2:3], labels)[0]
    same(of_truth["panels"]["flux"]["truth"][1], expected)
    same(of_truth["panels"]["difference"]["truth"][1], edited - expected)
    own = near(observed, model)
    moved_latents = model.decode([[0.1, 0.9, 0.5, 0.4]], [[own[name] for name in model.labels]])[0]
    same(of_nearest["panels"]["flux"]["edited"][1], moved_latents)
    name, flux = of_nearest["panels"]["flux"]["overlay"]
    assert name == "mock-0000004" and "mock-0000004" in of_nearest["note"]
    np.testing.assert_array_equal(np.isnan(array(flux)), observed.mask[4])


class Unknown(Step):
    def forward(self, flux, labels):
        return flux


def test_what_a_browser_cannot_run_is_refused():
    small, arrays = small_emulator(), Arrays()
    with pytest.raises(ValueError, match="the step Unknown cannot run in the browser: give"):
        programs.emulator_program(small.then(Unknown()), arrays)
    conv = Translator(
        TranslateConfig(kind="conv", shared=2, split=1), RVS.pixels, np.ones(800), 1.0
    )
    with pytest.raises(ValueError, match="kind 'conv' cannot run in the browser: give one of kind"):
        programs.translator_program(emulator("rvs"), conv, arrays)
    with pytest.raises(ValueError, match="nonlinear is 0.4: .*set it to 0"):
        truth.truth_program(emulator("rvs"), RVS.mock(n_stars=3, nonlinear=0.4), arrays)
    with pytest.raises(ValueError, match="ApogeeMockConfig cannot be made again"):
        truth.own_numbers(APOGEE.mock(n_stars=3), [])


def test_arrays_that_are_equal_are_written_once():
    arrays = Arrays(half=True)
    weights = np.random.default_rng(0).normal(size=(30, 20)).astype(np.float32)
    assert arrays.add("a", weights) == "a" == arrays.add("b", torch.from_numpy(weights))
    assert arrays.add("c", [0.5, 1.0]) == "c" and arrays.add("d", [0.1, 1.0]) == "d"
    kinds = {name: entry["dtype"] for name, entry in arrays.index().items()}
    assert kinds == {"a": "float16", "b": "float16", "c": "float16", "d": "float32"}
    assert arrays.index()["a"] == arrays.index()["b"] and len(arrays.data()) == 1200 + 8 + 8
    assert all(entry["offset"] % 8 == 0 for entry in arrays.index().values())
    with pytest.raises(ValueError, match="there is another array 'a' already"):
        arrays.add("a", weights + 1)


def test_what_a_page_says_of_a_survey():
    about, _ = page.emulator_page(
        emulator("apogee-real"), {"teff": 5000}, physics=emulator("apogee")
    )
    json.dumps(about, allow_nan=False)
    assert about["start"]["teff"] == 5000 and about["start"]["logg"] == 2.5
    assert sorted(chain(*about["groups"].values())) == sorted(APOGEE.names)
    assert about["elements"]["Mg"] == "mg_fe" and about["colors"]["Mg"].startswith("#")
    assert {"Mg", "Fe"} <= {line["element"] for line in about["lines"]}
    assert len(about["detectors"]) == 3 and about["error"] == "error"
    assert [limit["text"] for limit in about["region"]["limits"]][
        1
    ] == "[C/O] > 0.25, a carbon star"
    lines, _ = page.emulator_page(emulator("rvs"))
    assert {line["species"]: line["element"] for line in lines["lines"]}["P14"] is None
    own, _ = page.emulator_page(small_emulator())  # the survey has its own labels, and no limits
    assert own["region"]["limits"] == [] and own["groups"] == {"": ["age", "mass", "dust"]}


def test_what_is_known_of_stars():
    observed = mock()[0][:2]
    real = Spectra(observed.wavelength, observed.flux, observed.flux_error, observed.mask,
                   ["2052747119115620352", "1"])  # fmt: skip
    about, data = page.stars_part(real, RVS.names)
    assert about["names"] == ["Kepler-93", "1"] and about["kind"] == "real"
    entry = about["arrays"]["labels"]
    labels = np.frombuffer(data, entry["dtype"], 12, entry["offset"]).reshape(2, 6)
    np.testing.assert_array_equal(labels[0], [5669, 4.47, -0.18, np.nan, np.nan, np.nan])
    assert np.isnan(labels[1]).all()
    table = Table({"logg": [4.4, np.nan], "teff": [np.nan, 5000.0], "vbroad": [2.0, 3.0]})
    about, data = page.stars_part(replace(real, labels=table), RVS.names, moving=["1"])
    entry = about["arrays"]["labels"]
    labels = np.frombuffer(data, entry["dtype"], 12, entry["offset"]).reshape(2, 6)
    np.testing.assert_array_equal(labels[0], [5669, 4.4, -0.18, np.nan, np.nan, 2])
    np.testing.assert_array_equal(labels[1], [5000, *[np.nan] * 4, 3])
    assert about["moving"] == ["1"]
    assert page.stars_part(observed, RVS.names)[0]["kind"] == "mock"
    assert page.stars_part(None, RVS.names)[0]["ids"] == []


@pytest.mark.parametrize(
    ("symbol", "html", "plain"),
    [
        (r"$T_\mathrm{eff}$", "T<sub>eff</sub>", "T_eff"),
        (r"$\log g$", "log g", "log g"),
        (r"[$\alpha$/Fe]", "[α/Fe]", "[α/Fe]"),
        (r"$^{12}$C/$^{13}$C", "<sup>12</sup>C/<sup>13</sup>C", "¹²C/¹³C"),
        ("$A_V$", "A<sub>V</sub>", "A_V"),
        ("a < b", "a &lt; b", "a < b"),
    ],
)
def test_symbols(symbol, html, plain):
    assert (html_symbol(symbol), plain_symbol(symbol)) == (html, plain)
