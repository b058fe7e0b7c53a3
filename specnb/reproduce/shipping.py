"""Make the models that the repository ships: train one, measure it, write weights and model card."""

import time
from pathlib import Path

import numpy as np

from specnb.emulator.accuracy import accuracy
from specnb.emulator.model import load_emulator
from specnb.core.paths import DATA
from specnb.simulator.grid import held_out, load_grid
from specnb.surveys import Survey
from specnb.reproduce.provenance import checksum
from specnb.emulator.train import EmulatorConfig, train_emulator
from specnb.translate import TranslateConfig, train
from specnb.translate.domains import STARS, mock_domains, true_labels, unseen_stars
from specnb.translate.model import SHIPPED

CARD = """\
# Emulator `{name}`

{what} Made by `specnb data emulator {name}`; opened by `specnb.load_emulator("{name}")`. Notebook `{notebook}` shows its
accuracy.

| label | unit | trusted range | trained range | meaning |
| --- | --- | --- | --- | --- |
{ranges}

Conventions (solar scale, abundances, what v_micro and v_broad mean) are in `specnb/surveys/{name}/survey.py`.

- **Network**: {network}, SiLU, linear output; labels scaled to ±1.
- **Training**: {train_spectra} spectra of `data/{grid_name}` (sha256 `{grid}`), {copies} draws of v_broad each; mean
  absolute error; seed {seed}; {epochs} epochs, {seconds:.0f} s on {device}.
- **Wavelength**: {wavelength}
- **Limits**: {limits} Outside the trained range it warns and extrapolates.
- **Licence**: CC-BY-4.0; cite the sources named in the attributes of `data/{grid_name}`.

Absolute flux error on {n_test} held-out simulated spectra ({spectra} of the grid, {draws} draws of v_broad each), which
neither training nor any choice has seen:

| statistic | error |
| --- | --- |
{errors}
"""
STATISTICS = {
    "mean": "mean over all pixels of all spectra",
    "median": "median over the same",
    "spectra_95": "95th percentile over spectra, of the mean over wavelength",
    "pixels_95": "95th percentile over wavelength, of the mean over spectra",
    "worst_spectrum": "worst spectrum, mean over wavelength",
    "worst_pixel": "worst pixel, mean over spectra",
}
TEST_DRAWS = 4


def ship_emulator(
    survey: Survey, config: EmulatorConfig | None = None, folder: Path = DATA / "emulators"
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
    """
    grid, config = load_grid(survey), config or EmulatorConfig.for_survey(survey)
    emulator = train_emulator(grid, config)
    labels, truth = held_out(grid, TEST_DRAWS)
    errors = {
        name: round(float(value), 6) for name, value in accuracy(emulator(labels), truth).items()
    }
    emulator.card |= {"held_out_error": errors, "grid_sha256": checksum(survey.grid_path)}
    emulator.save(folder / f"{survey.name}.safetensors")
    card = emulator.card
    trained = zip(emulator.network.low.tolist(), emulator.network.high.tolist())
    text = CARD.format(
        name=survey.name,
        **survey.card,
        ranges="\n".join(
            f"| `{label.name}` | {label.unit} | {label.low:g} to {label.high:g} | {low:.4g} to {high:.4g} | {label.meaning} |"
            for label, (low, high) in zip(survey.labels, trained)
        ),
        network=_network(config),
        grid_name=survey.grid_path.name,
        grid=card["grid_sha256"][:16],
        copies=config.copies,
        seed=config.seed,
        epochs=len(card["history"]),
        device=card["device"],
        train_spectra=card["train_spectra"],
        seconds=card["seconds"],
        n_test=len(truth),
        spectra=len(truth) // TEST_DRAWS,
        draws=TEST_DRAWS,
        errors="\n".join(f"| {STATISTICS[name]} | {value:.1e} |" for name, value in errors.items()),
    )
    (folder / f"{survey.name}.md").write_text(text, encoding="utf-8")
    return errors


def _network(config):
    """The networks of an emulator, in words."""
    if not config.branches:
        return f"multilayer perceptron, hidden layers {', '.join(map(str, config.hidden))}"
    shared = set.intersection(*(set(names) for names, _ in config.branches))
    parts = []
    for names, widths in config.branches:
        own = ", ".join(name for name in names if name not in shared)
        parts.append(f"  {own or 'nothing else'}: {', '.join(map(str, widths))}")
    return (
        f"sum of {len(parts)} perceptrons, each of {', '.join(n for n in config.branches[0][0] if n in shared)}, and of (with "
        "its hidden layers)\n" + ";\n".join(parts)
    )


TRANSLATOR_CARD = """\
# Translator `{name}-mock`

Synthetic spectra of the emulator `{name}` to spectra as the mock survey observes them, trained without pairs. Made by
`specnb data translator {name}` in {seconds:.0f} s on {device}; opened by `specnb.translate.load_translator("{name}-mock")`.
Notebooks `07_domain_adaptation` and `08_fit_residuals` show what it does.

- **Networks**: {kind}, hidden layers {hidden}; z_shared of {shared} numbers, z_split of {split}; the translation is
  x + D_obs(z) − D_synth(z), and a constant spectrum that gives translations the mean of the observed ones.
- **Training**: {stars:,} synthetic and {stars:,} observed stars of the mock survey, none in common; {iterations:,} steps of
  {batch} of either; seed {seed}. Emulator of sha256 `{emulator}`.
- **Limits**: knows what the *mock* survey gets wrong, not what real spectra do; to adapt to real spectra, train on them.
- **Licence**: CC-BY-4.0.

Root-mean-square error of {test:,} spectra of unseen stars from their true labels, against the noiseless truth:

| spectra | error |
| --- | --- |
| synthetic | {before:.1e} |
| translated, typical z_split | {after:.1e} |
| translated, z_split of the star's own spectrum | {own:.1e} |
"""
TEST_STARS = 1000


def ship_translator(
    name: str, config: TranslateConfig | None = None, folder: Path = SHIPPED
) -> dict[str, float]:
    """Train a translator for a mock survey and write its weights, NAME-mock.safetensors, and its model card.

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
        Root-mean-square errors of spectra of unseen stars: ``before``, ``after``, ``own``, see the card.
    """
    emulator, start = load_emulator(name), time.monotonic()
    config = config or TranslateConfig.for_survey(emulator.survey)
    domains = mock_domains(emulator, STARS, config.seed)
    folder.mkdir(parents=True, exist_ok=True)
    model = train(
        emulator, domains.labels, domains.observed, config, folder / f"{name}-mock.checkpoint"
    )
    seconds = time.monotonic() - start
    model.save(folder / f"{name}-mock.safetensors")
    observed, truth = unseen_stars(emulator, TEST_STARS)
    synthetic = emulator(true_labels(truth.labels, emulator))
    _, split = model.encode(observed)
    spectra = {
        "before": synthetic,
        "after": model.translate(synthetic),
        "own": model.translate(synthetic, split),
    }
    good = ~truth.mask
    errors = {
        key: float(np.sqrt(np.mean((flux - truth.flux)[good] ** 2)))
        for key, flux in spectra.items()
    }
    settings = {
        key: getattr(config, key)
        for key in ("kind", "shared", "split", "iterations", "batch", "seed")
    }
    text = TRANSLATOR_CARD.format(
        name=name, **settings, hidden=", ".join(map(str, config.hidden)), stars=STARS, test=TEST_STARS, seconds=seconds,
        device=model.device, emulator=checksum(emulator.survey.emulator_path)[:16], **errors,
    )  # fmt: skip
    (folder / f"{name}-mock.md").write_text(text, encoding="utf-8")
    return errors
