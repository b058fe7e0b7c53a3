import asyncio
from dataclasses import replace

import numpy as np
import pytest
import torch
from astropy.table import Table
from matplotlib.text import Text
from stand_in import StandIn

from specnb.disentangle import DisentangleConfig, train
from specnb.disentangle.experiment import BOTTLENECK
from specnb.disentangle.score import chance_levels
from specnb.evaluate.probes import probe
from specnb.plots.training import disentangling_history
from specnb.surveys import RVS
from specnb.surveys.mock import make_mock, remake
from specnb.widgets import edit_star, slide_lambdas, train_live
from specnb.widgets.lambdas import nonlinear_r2
from specnb.widgets.training import linear_r2

EMULATOR = StandIn()
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
    with pytest.raises(ValueError, match="slide_lambdas"):
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


def test_a_small_lambda_can_be_read(conditional, survey):
    slider = slide_lambdas(conditional, survey[0]).sliders["teff"]
    assert float(f"{slider.step:{slider.readout_format}}") == pytest.approx(slider.step)
    assert f"{0.0005 / 20:{slider.readout_format}}" == "+2.5e-05"  # a browser writes +0.0000250


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


def test_an_unedited_star_is_its_reconstruction(editor, model, survey):
    editor.choose("mock-0000003")
    assert (editor.row, editor.star.value) == (3, 3)
    table = editor.spectrum()
    assert table["edited"] == pytest.approx(model.reconstruct(survey[0][3:4])[0])
    assert np.array_equal(table["edited"], table["reconstruction"])
    assert np.array_equal(np.isnan(table["original"]), survey[0].mask[3])
    # It is the star's own value, not the slider's step
    assert editor.labels["teff"] == survey[0].labels["teff"][3]
    assert editor.sliders["teff"].value % 10 == 0


def test_no_control_is_too_narrow_for_its_name(editor):
    wide = [each for each in editor.controls.values() if len(each.description) > 11]
    assert wide and all(each.style.description_width for each in wide)


def test_a_slider_and_set_do_the_same(editor, model):
    editor.choose(4)
    pictures = pictures_of(editor)
    teff = editor.sliders["teff"].value + 300
    editor.sliders["teff"].value = teff
    by_slider, labels = editor.flux["edited"], dict(editor.labels)
    # Drawing for print must not change the next redraw
    assert editor.figure()._repr_png_()[0].startswith(PNG)
    editor.reset()
    editor.set(teff=teff)
    assert len(pictures) == 3 and pictures[0] == pictures[2] != pictures[1]
    assert editor.labels == labels and np.array_equal(editor.flux["edited"], by_slider)
    assert editor.flux["edited"] == pytest.approx(
        model.decode(editor.latents[None], [list(labels.values())])[0]
    )
    editor.set(teff=teff + 3)  # between two steps: the slider, and so the browser, shows the lower
    assert (editor.sliders["teff"].value, editor.labels["teff"]) == (teff, teff + 3)
    editor.sliders["teff"].value = teff + 1e-12  # as the browser sends it back
    assert editor.labels["teff"] == teff + 3


def test_latents_are_edited_and_reset(editor, model):
    first = editor.latents.copy()
    pictures = pictures_of(editor)
    editor.set_latent(3, 0.9)
    assert (editor.entry.value, editor.latent.value, len(pictures)) == (3, 0.9, 1)
    by_method = editor.flux["edited"]
    assert not np.allclose(by_method, editor.spectrum()["reconstruction"], atol=1e-6)
    editor.reset()
    assert np.array_equal(editor.latents, first)
    editor.latent.value = 0.9
    assert np.array_equal(editor.flux["edited"], by_method)
    assert np.flatnonzero(editor.latents != first).tolist() == [3]


def test_nearest_star_and_none_here(editor, survey):
    catalogue = survey[0].labels
    editor.choose(**{name: catalogue[name][7] for name in editor.labels})
    assert editor.row == 7 and "this one" in editor.readout.value
    editor.set(**{name: catalogue[name][9] for name in editor.labels})
    assert editor.nearest() == 9
    assert "mock-0000009" in editor.readout.value
    pictures = pictures_of(editor)
    editor.compare.value = "nearest star"
    assert len(pictures) == 1 and "mock_0000009" in editor.spectrum().colnames
    low, high = editor.sliders["m_h"].min, editor.sliders["teff"].max
    editor.set(m_h=low, teff=high, alpha_fe=editor.sliders["alpha_fe"].min)
    assert editor.nearest() is None and "none here" in editor.readout.value


def test_names_of_stars_run_nothing(model, survey, tmp_path, monkeypatch):
    """Not in the readout, the title, the legend, and the name of a file."""
    monkeypatch.chdir(tmp_path)
    name = r"../<img src=x onerror=alert(1)>$\frac$"
    stars = replace(survey[0], ids=np.array([f"{name}{k}" for k in range(len(survey[0]))]))
    editor = edit_star(model, stars, RVS)
    catalogue = stars.labels
    editor.set(**{label: catalogue[label][9] for label in editor.labels})
    assert "&lt;img" in editor.readout.value and "<img" not in editor.readout.value
    editor.compare.value = "nearest star"
    editor.figure().draw_without_rendering()
    path = editor.export()
    assert [file.name for file in tmp_path.iterdir()] == [path] and "/" not in path


def test_it_warns_outside_the_training_range_only(editor, model):
    catalogue = model.label_array(editor.spectra.labels)
    editor.choose(int(np.argmax(model.inside(catalogue))))
    assert "outside" not in editor.readout.value
    editor.set(teff=editor.sliders["teff"].max)
    assert editor.labels["teff"] > model.scales.label_high[0]
    assert "outside the training range" in editor.readout.value


def test_the_simulator_lies_over_the_edited_spectrum(editor, survey):
    truth = survey[1]
    editor.choose(5)
    editor.compare.value = "simulator"
    assert editor.spectrum()["simulator"] == pytest.approx(truth.flux[5], abs=1e-5)
    editor.set(m_h=-0.5)
    labels = truth.labels[5:6].copy()
    labels["m_h"] = -0.5
    assert editor.spectrum()["simulator"] == pytest.approx(
        remake(EMULATOR, MOCK, truth.ids[5:6], labels)[0]
    )


def test_the_edit_of_the_paper_is_possible_whatever_the_training_stars(editor):
    editor.choose(5)
    editor.compare.value = "simulator"
    editor.set(teff=7500.0, alpha_fe=0.0)
    texts = [text.get_text() for text in editor.figure().findobj(Text)]
    assert any(text.startswith("mock-0000005") and "→ 7500 K" in text for text in texts)
    assert "outside the training range" in texts and "edited − simulator" in texts


def test_export_comes_back(editor, tmp_path):
    editor.set(alpha_fe=0.1)
    back = Table.read(editor.export(tmp_path / "star.ecsv"))
    assert back.meta["edited_labels"] == editor.labels
    assert back["edited"] == pytest.approx(editor.flux["edited"])
    assert back["wavelength"].unit == "Angstrom"


def test_wrong_edits_are_refused_and_nothing_moves(editor, model, survey):
    labels, row = dict(editor.labels), editor.row
    for wrong, match in (
        (lambda: editor.set(m_h=0, teff=50_000), "beyond the slider"),
        (lambda: editor.set(age=5), "age"),
        (lambda: editor.set_latent(5, 0.5), "no latent entry 5: choose 0 to 4"),
        (lambda: editor.set_latent(0, 1.5), "beyond the slider"),
        (lambda: editor.choose("Vega"), "no star 'Vega'"),
        (lambda: editor.choose(200), "choose 0 to 199"),
        (lambda: editor.choose(age=5), "age"),
        (editor.choose, "choose a star"),
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
    assert (editor.labels, editor.row) == (labels, row)


def test_gaussian_latents_have_wider_sliders(conditional, survey):
    editor = edit_star(conditional, survey[0], RVS)
    editor.set_latent(0, -2.5)
    assert editor.latents[0] == -2.5
    assert "simulator" not in editor.compare.options


# --- slide_lambdas


def test_a_lambda_slider_and_set_do_the_same(conditional, survey):
    slider = slide_lambdas(conditional, survey[0])
    assert bytes(slider.image.value).startswith(PNG)
    pictures = pictures_of(slider)
    slider.sliders["teff"].value = 0.01
    points, linear = slider.points, dict(slider.linear)
    slider.reset()
    slider.set(teff=0.01)
    assert len(pictures) == 3 and pictures[0] == pictures[2] != pictures[1]
    assert np.array_equal(slider.points, points) and slider.linear == linear
    assert slider.lambdas == {"teff": 0.01, "logg": 0, "m_h": 0, "alpha_fe": 0}
    slider.set(teff=0.02, m_h=-0.02)
    assert len(pictures) == 4


def test_numbers_are_the_models(conditional, survey):
    slider = slide_lambdas(conditional, survey[0])
    slider.set(logg=-0.02)
    stars, lambdas = slider.spectra, {"logg": -0.02}
    z, y = conditional.encode(stars, lambdas), conditional.label_array(stars.labels)
    halves = z[:100], y[:100], z[100:], y[100:]
    assert list(slider.linear.values()) == pytest.approx(linear_r2(*halves))
    assert list(slider.nonlinear.values()) == pytest.approx(nonlinear_r2(*halves))
    difference = (conditional.reconstruct(stars, lambdas) - stars.flux)[100:][~stars.mask[100:]]
    assert slider.error == pytest.approx(np.sqrt(np.mean(difference**2)), rel=1e-4)


def test_the_projection_keeps_distances_and_does_not_flip(conditional, survey):
    slider = slide_lambdas(conditional, survey[0])
    start = slider.points
    z = slider._z_start
    axes = np.linalg.svd(z[:100] - z[:100].mean(0), full_matrices=False)[2][:2]
    assert np.linalg.norm(start, axis=1) == pytest.approx(
        np.linalg.norm((z[100:] - z[:100].mean(0)) @ axes.T, axis=1)
    )
    for value in np.linspace(-0.02, 0.02, 5):
        slider.set(teff=value)
        assert np.sum(slider.points * start) > 0
        assert np.trace(slider.points.T @ start) == pytest.approx(
            np.linalg.svd(slider.points.T @ start, compute_uv=False).sum(), rel=1e-4
        )


def test_colour_and_projection_change_the_picture(conditional, survey):
    slider = slide_lambdas(conditional, survey[0], projection="lda", colour="m_h")
    pictures = pictures_of(slider)
    slider.colour.value = "logg"
    slider.projection.value = "pca"
    assert len(set(pictures)) == 2
    assert len(slider.figure().axes) == 3


def test_what_cannot_slide_is_refused(conditional, model, survey):
    stars = survey[0]
    slider = slide_lambdas(conditional, stars)
    before = slider.lambdas
    for wrong, match in (
        (lambda: slider.set(m_h=0.01, teff=0.03), "beyond the slider"),
        (lambda: slider.set(age=0.01), "age"),
        (lambda: slide_lambdas(model, stars), "fixed λ"),
        (lambda: slide_lambdas(conditional, stars, "umap"), "pca or lda"),
        (lambda: slide_lambdas(conditional, stars, colour="age"), "age"),
        (lambda: slide_lambdas(conditional, stars[:10]), "at least 20"),
    ):
        with pytest.raises(ValueError, match=match):
            wrong()
    assert slider.lambdas == before


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
