import asyncio
import json
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
import torch
from astropy.table import Table
from browser_numbers import shown_in_browser
from matplotlib.text import Text

from specnb.disentangle import DisentangleConfig, train
from specnb.disentangle.conditional import Conditional
from specnb.disentangle.experiment import BOTTLENECK
from specnb.disentangle.score import chance_levels
from specnb.disentangle.shipped import load_autoencoder
from specnb.emulator.shipped import load_emulator
from specnb.evaluate.probes import probe
from specnb.evaluate.quick_probes import linear_r2, nonlinear_r2
from specnb.plots.autoencoder import conditional_latents
from specnb.plots.training import disentangling_history
from specnb.reproduce.provenance import ROOT
from specnb.surveys import RVS
from specnb.surveys.mock import make_mock, remake
from specnb.widgets import edit_star, train_live

EMULATOR = load_emulator("rvs")  # the browser runs it, too
MOCK = RVS.mock(n_stars=200, seed=1)
SMALL = DisentangleConfig(hidden=(32,), latent=5, epochs=2, batch=50)
PNG = b"\x89PNG\r\n"


@pytest.fixture(scope="module")
def survey():
    return make_mock(EMULATOR, MOCK)


@pytest.fixture(scope="module")
def model(survey):
    return train(survey[0], SMALL, progress=False)


@pytest.fixture(scope="module")
def conditional(survey):
    config = DisentangleConfig(
        hidden=(32,), latent=5, epochs=2, batch=50, lambda_range=0.02, bottleneck=1e-3
    )
    return train(survey[0], config, progress=False)


@pytest.fixture
def editor(model, survey):
    return edit_star(model, survey[0], RVS, survey[1], EMULATOR, MOCK)


def pictures_of(widget):
    pictures = []
    widget.image.observe(lambda change: pictures.append(bytes(change["new"])), "value")
    return pictures


# --- train_live


def click(panel):
    """Press the Train button, and wait for the end of the training."""

    async def clicked():
        panel.button.click()
        await panel._task

    asyncio.run(clicked())


def test_the_panel_trains_what_train_does(survey):
    stars = survey[0]
    panel = train_live(stars[:150], stars[150:], SMALL)
    assert bytes(panel.image.value).startswith(PNG)
    pictures = pictures_of(panel)
    got = panel.train(teff=-0.004, m_h=0.01)  # -0.004 is between the stops of the slider
    config = DisentangleConfig(
        hidden=(32,), latent=5, epochs=2, batch=50, lambdas={"teff": -0.004, "m_h": 0.01}
    )
    assert (panel.model, panel.config) == (got, config)
    wanted = train(stars[:150], config, progress=False)
    assert got.history == wanted.history
    assert np.array_equal(got.encode(stars), wanted.encode(stars))
    assert panel.sliders["teff"].value == -0.004
    assert len(set(pictures)) >= 2
    assert (panel.progress.value, panel.progress.bar_style, panel.button.disabled) == (
        2,
        "success",
        False,
    )
    z, y = got.encode(stars), got.label_array(stars.labels)
    table = probe(z[:150], y[:150], got.encode(stars[150:]), y[150:], got.labels)
    assert list(panel.mlp.values()) == pytest.approx(table["mlp_r2"], abs=1e-3)
    assert set(panel.linear) == {1, 2}
    assert f"{panel.mlp['teff']:.2f}" in panel.readout.value


def test_sliders_and_button_are_what_is_trained(survey):
    panel = train_live(survey[0][:150], survey[0][150:], SMALL, epochs=1)
    stops = [value for _, value in panel.sliders["teff"].options]
    assert {0.001, 0.03, -0.001, -0.03, 0} <= set(stops) and stops == sorted(stops)
    panel.sliders["logg"].value = -0.01
    panel.objective.label = "bottleneck"
    click(panel)
    assert panel.model.config.lambdas == {"teff": 0, "logg": -0.01, "m_h": 0, "alpha_fe": 0}
    trained = panel.model.config
    assert (trained.bottleneck, trained.discriminator_steps) == (
        BOTTLENECK.bottleneck,
        BOTTLENECK.discriminator_steps,
    )
    assert trained.epochs == 1
    assert len(panel.figure().axes) == 3


def test_errors_are_one_sentence_in_the_panel(survey):
    panel = train_live(survey[0][:150], survey[0][150:], SMALL)
    with pytest.raises(ValueError, match="age"):
        panel.train(age=0.1)
    for value in (99999, float("nan"), "0.1"):
        with pytest.raises(ValueError, match="λ of teff is .*from -100 to 100"):
            panel.train(m_h=0.01, teff=value)
    assert panel.sliders["m_h"].value == 0
    panel.train_spectra = survey[0][:5]
    click(panel)
    assert "give at least 20" in panel.readout.value
    assert (panel.progress.bar_style, panel.button.disabled, panel.model) == ("danger", False, None)
    with pytest.raises(ValueError, match="at least 20"):
        panel.train()
    with pytest.raises(ValueError, match="edit_star"):
        train_live(*survey, DisentangleConfig(lambda_range=0.1))
    bare = replace(survey[0], labels=None)
    with pytest.raises(ValueError, match="no labels"):
        train_live(survey[0], bare, SMALL)


def test_a_divergence_is_told(survey):
    config = DisentangleConfig(
        hidden=(32,), latent=5, epochs=2, batch=50, bottleneck=1e-3, learning_rate=1.0
    )
    panel = train_live(survey[0][:150], survey[0][150:], config)
    click(panel)
    assert "diverged in epoch 1" in panel.readout.value
    assert (panel.progress.bar_style, panel.model) == ("danger", None)


def test_a_training_can_be_stopped_and_keeps_its_model(survey):
    panel = train_live(survey[0][:150], survey[0][150:], SMALL, epochs=500)

    async def clicks():
        panel.button.click()
        while panel.progress.value < 2:
            await asyncio.sleep(0)
        assert panel.running and panel.button.description == "Stop"
        panel.button.click()
        await panel._task

    asyncio.run(clicks())
    assert panel.button.description == "Train" and "stopped" in panel.readout.value
    assert 2 <= len(panel.model.history) < 500
    assert np.isfinite(panel.model.encode(survey[0][:3])).all()


def test_the_button_rests_while_code_trains(survey):
    panel = train_live(survey[0][:150], survey[0][150:], SMALL, epochs=1)
    rests = []
    panel.progress.observe(lambda _: rests.append(panel.button.disabled), "value")
    panel.train()
    assert rests and all(rests) and not panel.button.disabled


def test_chance_is_what_a_discriminator_without_latents_reaches(survey, conditional):
    levels = chance_levels(conditional, survey[0])
    index = torch.from_numpy(
        conditional.scales.targets(conditional.label_array(survey[0].labels), conditional.config)
    )
    for column, name in zip(index.T, conditional.labels):
        share = torch.bincount(column, minlength=10) / len(column)
        hits = torch.nn.functional.one_hot(column, 10).float()
        cross = torch.nn.functional.binary_cross_entropy(
            share.expand(len(column), 10), hits, reduction="none"
        )
        assert levels[name] == pytest.approx(float(cross.sum(1).mean()), rel=1e-5)


def test_history_of_a_plain_autoencoder_and_of_none():
    rows = [{"epoch": 1, "train": 0.01, "loss": 0.01, "reconstruction": 0.01}]
    assert len(disentangling_history(rows).axes) == len(disentangling_history([]).axes) == 3


# --- edit_star


@pytest.mark.parametrize("which", ["fixed", "conditional"])
def test_the_browser_shows_the_numbers_of_the_editor(which, model, conditional, survey, tmp_path):
    chosen = {"fixed": model, "conditional": conditional}[which]
    editor = edit_star(chosen, survey[0], RVS, survey[1], EMULATOR, MOCK, star=3)
    editor.set(m_h=-0.7, compare="truth")
    if which == "conditional":
        editor.set(lambdas={"teff": 0.01, "m_h": -0.02})
    editor.set_latent(1, 0.75)
    shown, flux = shown_in_browser(editor, tmp_path), editor.flux
    for curve, name in {"star": "original", **{k: k for k in list(flux)[1:]}}.items():
        np.testing.assert_allclose(shown["curves"][f"flux {curve}"], flux[name], atol=1e-5)
    for name in ("own", "edited"):
        found = shown["latents"][name]
        found = list(found.values()) if isinstance(found, dict) else found  # of a typed array
        np.testing.assert_allclose(found, getattr(editor, f"{name}_latents"), atol=1e-4)
    assert not np.allclose(flux["edited"], flux["reconstruction"], atol=1e-3)


def test_an_unedited_star_is_its_reconstruction(editor, model, survey):
    editor.choose("mock-0000003")
    table = editor.spectrum()
    assert table["edited"] == pytest.approx(model.reconstruct(survey[0][3:4])[0])
    assert np.array_equal(table["edited"], table["reconstruction"])
    assert np.array_equal(np.isnan(table["original"]), survey[0].mask[3])
    assert editor.labels["teff"] == survey[0].labels["teff"][3]  # not the nearest step


def test_labels_and_latents_are_edited_and_reset(editor, model):
    editor.choose(4)
    own = editor.own_latents
    editor.set(teff=editor.labels["teff"] + 300)
    editor.set_latent(3, 0.9)
    assert np.flatnonzero(editor.edited_latents != own).tolist() == [3]
    expected = model.decode(editor.edited_latents[None], [list(editor.labels.values())])[0]
    assert editor.flux["edited"] == pytest.approx(expected)
    assert editor.figure()._repr_png_()[0].startswith(PNG)
    editor.reset()
    assert editor.latents == [] and editor.labels["teff"] == editor.own_labels["teff"]
    editor.set_latent(3, 0.9)
    editor.set(star=5)
    assert editor.latents == []


def test_nearest_star_and_none_here(editor, survey):
    catalogue = survey[0].labels
    editor.choose(**{name: catalogue[name][7] for name in editor.labels})
    assert editor.star == "mock-0000007"
    editor.set(**{name: catalogue[name][9] for name in editor.labels}, compare="nearest")
    assert editor.nearest() == "mock-0000009" and "mock_0000009" in editor.spectrum().colnames
    low, high = editor._page["labels"][2]["low"], editor._page["labels"][0]["high"]
    editor.set(m_h=low, teff=high, alpha_fe=editor._page["labels"][3]["low"])
    assert editor.nearest() is None and "nearest" not in editor.flux


def test_the_true_spectrum_lies_over_the_edited_one(editor, survey):
    truth = survey[1]
    editor.set(star=5, compare="truth")
    assert editor.spectrum()["truth"] == pytest.approx(truth.flux[5], abs=1e-5)
    editor.set(teff=7500.0, alpha_fe=0.0)  # as in Fig. 2 of the paper
    labels = truth.labels[5:6].copy()
    labels["teff"], labels["alpha_fe"] = 7500.0, 0.0
    expected = remake(EMULATOR, MOCK, truth.ids[5:6], labels)[0]
    assert editor.spectrum()["truth"] == pytest.approx(expected)
    texts = [text.get_text() for text in editor.figure().findobj(Text)]
    assert any(text.startswith("mock-0000005") and "→ 7500 K" in text for text in texts)
    assert "outside the training range" in texts and "edited − truth" in texts


def test_names_of_stars_run_nothing(model, survey, tmp_path, monkeypatch):
    """Not in the figure's title and legend, nor in the name of a file."""
    monkeypatch.chdir(tmp_path)
    name = r"../<img src=x onerror=alert(1)>$\frac$"
    stars = replace(survey[0], ids=np.array([f"{name}{k}" for k in range(len(survey[0]))]))
    editor = edit_star(model, stars, RVS, compare="nearest")
    editor.set(**{label: stars.labels[label][9] for label in editor.labels})
    editor.figure().draw_without_rendering()
    path = editor.export()
    assert [file.name for file in tmp_path.iterdir()] == [path] and "/" not in path
    back = Table.read(path)
    assert back.meta["edited_labels"] == editor.labels
    assert back["edited"] == pytest.approx(editor.flux["edited"])


def test_wrong_edits_are_refused_and_nothing_moves(editor, model, survey):
    labels, star = dict(editor.labels), editor.star
    for wrong, match in (
        (lambda: editor.set(m_h=0, teff=50_000), "beyond the slider"),
        (lambda: editor.set(age=5), "age"),
        (lambda: editor.set_latent(5, 0.5), "no latent entry 5: choose 0 to 4"),
        (lambda: editor.set_latent(0, 1.5), "beyond the slider"),
        (lambda: editor.set(lambdas={"teff": 0.01}), "fixed λ"),
        (lambda: editor.choose("Vega"), "no star 'Vega'"),
        (lambda: editor.choose(200), "choose 0 to 199"),
        (lambda: editor.choose(age=5), "age"),
        (editor.choose, "choose a star"),
        (lambda: edit_star(model, survey[0], RVS, compare="truth"), "is not known"),
        (lambda: edit_star(model, survey[0], RVS, survey[1]), "all or none"),
        (lambda: edit_star(model, survey[0][:9], RVS, survey[1], EMULATOR, MOCK), "same rows"),
        (
            lambda: edit_star(
                model, survey[0], RVS, survey[1], EMULATOR, RVS.mock(n_stars=200, seed=2)
            ),
            "do not give",
        ),
    ):
        with pytest.raises(ValueError, match=match):
            wrong()
    assert (editor.labels, editor.star) == (labels, star)


# --- λ as an input


def test_at_another_lambda_a_star_has_other_latents(conditional, survey):
    editor = edit_star(conditional, survey[0], RVS, star=2)
    editor.set_latent(0, -2.5)
    assert editor.edited_latents[0] == -2.5
    editor.lambdas = {"teff": 0.02}
    assert editor.latents == []
    expected = conditional.encode(survey[0][2:3], {"teff": 0.02})[0]
    assert editor.own_latents == pytest.approx(expected)
    expected = conditional.reconstruct(survey[0][2:3], {"teff": 0.02})[0]
    assert editor.flux["edited"] == pytest.approx(expected)
    editor.reset()
    assert editor.lambdas == {}
    edited = [0.1, 0.2, 0.3, 0.4, 0.5]
    editor.set(latents=edited, lambdas={"teff": 0.01}, star=0)  # as in a call that was copied
    assert editor.latents == edited
    editor.set_state({"star": editor.stars.ids[1], "latents": edited[::-1]})  # the browser's Undo
    assert editor.latents == edited[::-1]
    editor.set_state({"star": editor.stars.ids[0]})
    assert editor.latents == []


PROBES = """
import { readFileSync } from "node:fs";
const [source, folder] = process.argv.slice(1);
const { Data } = await import(`${source}/data.js`);
const { ProbeScores } = await import(`${source}/probe_scores.js`);
const { page } = JSON.parse(readFileSync(`${folder}/about.json`));
const bytes = readFileSync(`${folder}/page.bin`);
const view = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
const scores = new ProbeScores(page, new Data(page.arrays, view));
const found = [];
for (const lambdas of [[0, 0, 0, 0], [0.02, 0, -0.01, 0]]) {
  const work = scores.at(lambdas);
  let step = work.next();
  while (!step.done) step = work.next();
  found.push({ ...step.value, points: Array.from(step.value.points) });
}
console.log(JSON.stringify(found));
"""


def test_the_browser_probes_latents_as_python_does(conditional, survey, tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    about, page, _ = edit_star(conditional, survey[0], RVS).packed(half=False)
    (tmp_path / "about.json").write_text(json.dumps(about), "utf-8")
    (tmp_path / "page.bin").write_bytes(page)
    command = [node, "--input-type=module", "-e", PROBES, f"{ROOT}/browser/src", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert not done.returncode, done.stderr
    study = Conditional(conditional, survey[0])
    for found, lambdas in zip(json.loads(done.stdout), ({}, {"teff": 0.02, "m_h": -0.01})):
        expected = study.at(**lambdas)
        # The browser's first layer is in half precision
        assert found["linear"] == pytest.approx(list(expected.linear.values()), abs=2e-3)
        assert found["nonlinear"] == pytest.approx(list(expected.nonlinear.values()), abs=2e-3)
        assert found["error"] == pytest.approx(expected.error, rel=1e-3)
        points = np.reshape(found["points"], (-1, 2))
        lengths = np.linalg.norm(expected.points, axis=1).astype(float)
        assert np.linalg.norm(points, axis=1) == pytest.approx(lengths, abs=0.02 * lengths.max())


def test_scores_at_a_lambda_are_the_models(conditional, survey):
    study, lambdas = Conditional(conditional, survey[0]), {"logg": -0.02}
    found, stars = study.at(**lambdas), study.spectra
    z, y = conditional.encode(stars, lambdas), conditional.label_array(stars.labels)
    halves = z[:100], y[:100], z[100:], y[100:]
    assert list(found.linear.values()) == pytest.approx(linear_r2(*halves))
    assert list(found.nonlinear.values()) == pytest.approx(nonlinear_r2(*halves))
    difference = (conditional.reconstruct(stars, lambdas) - stars.flux)[100:][~stars.mask[100:]]
    assert found.error == pytest.approx(np.sqrt(np.mean(difference**2)), rel=1e-4)
    figure = conditional_latents(found, study.start, study.shown.labels["m_h"], "m_h")
    texts = [text.get_text() for text in figure.findobj(Text)]
    assert len(figure.axes) == 3 and any(f"{found.error:.4f}" in text for text in texts)


def test_the_map_keeps_distances_and_does_not_flip(conditional, survey):
    study = Conditional(conditional, survey[0])
    start, z = study.start.points, conditional.encode(study.spectra)
    axes = np.linalg.svd(z[:100] - z[:100].mean(0), full_matrices=False)[2][:2]
    assert np.linalg.norm(start, axis=1) == pytest.approx(
        np.linalg.norm((z[100:] - z[:100].mean(0)) @ axes.T, axis=1)
    )
    for value in (-0.02, 0.01, 0.02):
        points = study.at(teff=value).points
        # The trace is the largest that a turn can give
        assert np.trace(points.T @ start) == pytest.approx(
            np.linalg.svd(points.T @ start, compute_uv=False).sum(), rel=1e-4
        )


def test_what_has_no_lambda_or_too_few_stars_is_refused(conditional, model, survey):
    stars = survey[0]
    for wrong, match in (
        (lambda: Conditional(conditional, stars).at(teff=0.03), "from -0.02 to 0.02"),
        (lambda: Conditional(conditional, stars).at(age=0.01), "age"),
        (lambda: Conditional(model, stars), "fixed λ"),
        (lambda: Conditional(conditional, stars[:10]), "at least 20"),
        (lambda: edit_star(conditional, stars, RVS, probed=stars[:10]), "at least 20"),
        (lambda: edit_star(conditional, stars, RVS).set(lambdas={"teff": 0.03}), "beyond"),
    ):
        with pytest.raises(ValueError, match=match):
            wrong()
    assert edit_star(conditional, stars[:10], RVS)._page["probes"] is None


def test_the_nonlinear_probe_reads_what_a_linear_one_cannot():
    rng = np.random.default_rng(0)
    # A linear R² of 0 scatters by 0.0015 with so many stars, and by 0.011 with a tenth of them
    z = rng.normal(size=(20_000, 5))
    y = np.column_stack([z[:, 0], z[:, 1] ** 2, rng.normal(size=20_000)])
    halves = z[:10_000], y[:10_000], z[10_000:], y[10_000:]
    assert linear_r2(*halves) == pytest.approx([1, 0, 0], abs=0.02)
    curved = nonlinear_r2(*halves)
    assert curved[0] > 0.98 and curved[1] > 0.9 and abs(curved[2]) < 0.02


def test_collapsed_latents_tell_nothing(model, survey):
    z = np.zeros((200, 5))
    y = model.label_array(survey[0].labels)
    for r2 in (linear_r2, nonlinear_r2):
        assert np.all(np.abs(r2(z[:100], y[:100], z[100:], y[100:])) < 0.1)


# --- the shipped autoencoder


def test_the_shipped_autoencoder_does_what_its_card_says():
    model = load_autoencoder("rvs-mock")
    observed, truth = make_mock(EMULATOR, RVS.mock(n_stars=2000, seed=7))
    error = np.sqrt(np.mean((model.reconstruct(observed) - truth.flux)[~observed.mask] ** 2))
    assert error == pytest.approx(6.7e-3, rel=0.15)
    study = Conditional(model, observed)
    r2, start = study.at(teff=2.5e-4).nonlinear, study.start.nonlinear
    assert start["teff"] > 0.7 and r2["teff"] < start["teff"] - 0.1
    assert r2["m_h"] == pytest.approx(start["m_h"], abs=0.06)
    with pytest.raises(ValueError, match="no autoencoder 'apogee': choose one of rvs-mock"):
        load_autoencoder("apogee")
