"""The models that the repository ships: train one, measure it, write weights and model card."""

import time
from pathlib import Path

import numpy as np
import torch

from specnb.core.checksums import add_to_list
from specnb.core.paths import DATA, KEPT, stars_folder
from specnb.disentangle import DisentangleConfig
from specnb.disentangle import train as train_disentangler
from specnb.disentangle.experiment import ENTANGLED, reference_stars
from specnb.disentangle.shipped import CONDITIONAL
from specnb.disentangle.shipped import STARS as REFERENCE_STARS
from specnb.emulator.accuracy import STATISTICS, accuracy
from specnb.emulator.shipped import load_emulator
from specnb.emulator.train import EmulatorConfig, train_emulator
from specnb.evaluate.quick_probes import linear_r2, nonlinear_r2
from specnb.reproduce.cards import about
from specnb.reproduce.provenance import checksum
from specnb.reproduce.rendering import render
from specnb.simulator.grid import held_out, load_grid
from specnb.surveys import Survey
from specnb.translate import TranslateConfig, train
from specnb.translate.domains import STARS, mock_domains, true_labels, unseen_stars
from specnb.translate.real_apogee import real_apogee, real_translator, surrogate_sets
from specnb.translate.real_rvs import real_rvs

CARD_TEXTS = {"what", "notebook", "wavelength", "limits"}  # what a survey says in the card
TEST_DRAWS, TEST_STARS = 4, 1000  # draws of v_broad for an emulator, stars for a translator


def ship_emulator(
    survey: Survey, config: EmulatorConfig | None = None, folder: Path = KEPT / "emulators"
) -> dict[str, float]:
    """Train an emulator and write its weights, NAME.safetensors, and its model card, NAME.md.

    Parameters
    ----------
    survey : Survey
    config : EmulatorConfig, optional
        Default: that of the survey.
    folder : Path

    Returns
    -------
    dict
        Accuracy on the held-out spectra, see `specnb.emulator.accuracy.accuracy`.

    Raises
    ------
    ValueError
        If the survey has no texts for the card.
    """
    if missing := sorted(CARD_TEXTS - set(survey.card)):
        raise ValueError(
            f"the card of survey {survey.name!r} lacks {', '.join(missing)}: add texts"
        )
    grid, config = load_grid(survey), config or EmulatorConfig.for_survey(survey)
    emulator = train_emulator(grid, config)
    labels, truth = held_out(grid, TEST_DRAWS)
    errors = {
        name: round(float(value), 6) for name, value in accuracy(emulator(labels), truth).items()
    }
    emulator.card.update(held_out_error=errors, grid_sha256=checksum(survey.grid_path))
    emulator.save(folder / f"{survey.name}.safetensors")
    add_to_list(folder / f"{survey.name}.safetensors", DATA)
    render(
        "emulator.md",
        folder / f"{survey.name}.md",
        model=about(folder / f"{survey.name}.safetensors", survey),
        survey=survey,
        config=config,
        card=emulator.card,
        low=emulator.network.low.tolist(),
        high=emulator.network.high.tolist(),
        spectra=len(truth) // TEST_DRAWS,
        draws=TEST_DRAWS,
        errors=errors,
        statistics=STATISTICS,
    )
    return errors


def ship_real(name: str, folder: Path = KEPT) -> Path:
    """Make an emulator of real spectra and write NAME-real.safetensors and its model card.

    The file has what was added to the shipped emulator. For APOGEE the translator to the same real
    domain is trained and written, too. After an interruption the same call goes on.

    Parameters
    ----------
    name : str
        Of the survey. RVS needs the atlases of the Sun in the folder ``rvs_highres`` of SPECNB_STARS,
        and APOGEE the data-driven models, see `specnb.surveys.apogee.data_driven`.
    folder : Path
        Where the folders ``emulators`` and ``translators`` are.

    Returns
    -------
    Path
        The emulator's file.

    Raises
    ------
    OSError, ValueError
        If real data are missing or damaged.
    """
    emulator = load_emulator(name)
    config = TranslateConfig.for_survey(emulator.survey)
    path = folder / "emulators" / f"{name}-real.safetensors"
    if name == "rvs":
        real = real_rvs(stars_folder() / "rvs_highres")
    else:
        _, learn, domain = surrogate_sets()
        real = real_apogee(emulator, learn, domain)
        weights = folder / "translators" / path.name
        weights.parent.mkdir(parents=True, exist_ok=True)
        checkpoint = weights.with_suffix(".checkpoint")
        model = real_translator(emulator, domain, config, checkpoint=checkpoint)
        model.half().save(weights)  # half precision makes it as large as the emulator
        add_to_list(weights, DATA)
        render(
            "translator-real.md",
            weights.with_suffix(".md"),
            model=about(weights, emulator.survey, {}),
            name=name,
            config=config,
        )
    real.save(path, base=name)
    add_to_list(path, DATA)
    calibration = real.calibration
    error = float(calibration.error[torch.isfinite(calibration.error)].median())
    render(
        f"{name}-real.md",
        path.with_suffix(".md"),
        model=about(path, emulator.survey),
        error=error,
        calibration=calibration,
    )
    return path


def ship_translator(
    name: str, config: TranslateConfig | None = None, folder: Path = KEPT / "translators"
) -> dict[str, float]:
    """Train a translator for a mock survey and write NAME-mock.safetensors and its model card.

    After an interruption the same call goes on from the checkpoint beside the weights.

    Parameters
    ----------
    name : str
        Of the survey.
    config : TranslateConfig, optional
        Default: that of the survey.
    folder : Path

    Returns
    -------
    dict
        Root-mean-square errors of spectra of unseen stars: ``before``, ``after``, ``own``, see the
        card.
    """
    emulator, start = load_emulator(name), time.monotonic()
    config = config or TranslateConfig.for_survey(emulator.survey)
    domains, checkpoint = mock_domains(emulator, STARS, config.seed), f"{name}-mock.checkpoint"
    folder.mkdir(parents=True, exist_ok=True)
    model = train(emulator, domains.labels, domains.observed, config, folder / checkpoint)
    seconds = time.monotonic() - start
    model.half().save(folder / f"{name}-mock.safetensors")
    model.float()  # the errors below are those of the weights in the file
    add_to_list(folder / f"{name}-mock.safetensors", DATA)
    observed, truth = unseen_stars(emulator, TEST_STARS)
    synthetic = emulator(true_labels(truth.labels, emulator))
    spectra = {
        "before": synthetic,
        "after": model.translate(synthetic),
        "own": model.translate(synthetic, model.encode(observed)[1]),
    }
    errors = {
        key: float(np.sqrt(np.mean((flux - truth.flux)[~truth.mask] ** 2)))
        for key, flux in spectra.items()
    }
    render(
        "translator.md",
        folder / f"{name}-mock.md",
        model=about(folder / f"{name}-mock.safetensors", emulator.survey, {}),
        name=name,
        config=config,
        device=model.device,
        stars=STARS,
        test=TEST_STARS,
        seconds=seconds,
        emulator_sha256=checksum(emulator.survey.emulator_path),
        errors=errors,
    )
    return errors


def ship_autoencoder(
    name: str,
    config: DisentangleConfig = CONDITIONAL,
    folder: Path = KEPT / "autoencoders",
    n_stars: int = REFERENCE_STARS,
) -> dict[str, float]:
    """Train a λ-conditional autoencoder of a mock survey; write NAME-mock.safetensors and its card.

    After an interruption the same call goes on from the checkpoint beside the weights.

    Parameters
    ----------
    name : str
        Of the survey, which must be "rvs": the studies of autoencoders have no other mock survey.
    config : DisentangleConfig
        With ``lambda_range`` > 0.
    folder : Path
    n_stars : int
        Stars of the mock survey, a fifth of which are left out.

    Returns
    -------
    dict
        Root-mean-square errors of spectra of unseen stars, by λ, see the card.
    """
    survey, start = load_emulator(name).survey, time.monotonic()
    if name != "rvs" or not config.lambda_range:
        raise ValueError(
            f"survey {name} with lambda_range {config.lambda_range:g}: give rvs and a lambda_range > 0"
        )
    stars = reference_stars(survey.mock(n_stars=n_stars, seed=config.seed))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-mock.safetensors"
    model = train_disentangler(stars.train, config, path.with_suffix(".checkpoint"))
    seconds = time.monotonic() - start
    model.networks.half()
    model.save(path)
    model.networks.float()  # the scores below are those of the weights in the file
    add_to_list(path, DATA)
    reach, scales = config.lambda_range, model.scales
    settings = {"0 / 0 / 0 / 0": {}} | {
        f"{value:g} / 0 / 0 / 0": {"teff": value} for value in (reach / 2, reach)
    }
    for entangled in ENTANGLED.values():
        lambdas = {each: -reach if each in entangled else reach for each in config.labels}
        settings[" / ".join(f"{value:g}" for value in lambdas.values())] = lambdas
    rows = [
        {"name": setting} | _autoencoder_scores(model, stars, lambdas)
        for setting, lambdas in settings.items()
    ]
    render(
        "autoencoder.md",
        path.with_suffix(".md"),
        model=about(
            path, survey, dict(zip(model.labels, zip(scales.label_low, scales.label_high)))
        ),
        name=name,
        config=config,
        device=model.device,
        stars=len(stars.train),
        seed=config.seed,
        best=min(model.history, key=lambda row: row["loss"])["epoch"],
        test=len(stars.test),
        seconds=seconds,
        emulator_sha256=checksum(survey.emulator_path),
        rows=rows,
    )
    return {row["name"]: row["error"] for row in rows}


def _autoencoder_scores(model, stars, lambdas):
    """Probes and errors of a λ-conditional model at some λ, as in its card."""
    test, truth, half = stars.test, stars.truth_test, len(stars.test) // 2
    y = model.label_array(test.labels)

    def probed(r2, z):
        found = r2(z[:half], y[:half], z[half:], y[half:])
        return " / ".join(f"{value:z.2f}" for value in found)

    def error(z):
        flux = model.decode(z, y, lambdas)
        return float(np.sqrt(np.mean((flux - truth.flux)[~test.mask] ** 2)))

    z, drawn = model.encode(test, lambdas), model.encode(test, lambdas, seed=0)
    other = np.random.default_rng(0).permutation(len(z))
    return {
        "linear": probed(linear_r2, z),
        "nonlinear": probed(nonlinear_r2, z),
        "drawn": probed(nonlinear_r2, drawn),
        "error": error(z),
        "other": error(z[other]),
    }
