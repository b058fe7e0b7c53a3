"""Make the models that the repository ships: train one, measure it, write weights and model card."""

import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from specnb.core.paths import DATA
from specnb.emulator.accuracy import accuracy
from specnb.emulator.model import load_emulator
from specnb.emulator.train import EmulatorConfig, train_emulator
from specnb.reproduce.provenance import checksum
from specnb.simulator.grid import held_out, load_grid
from specnb.surveys import Survey
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
    measured = accuracy(emulator(labels), truth)
    errors = {name: round(float(value), 6) for name, value in measured.items()}
    card = emulator.card
    card |= {"held_out_error": errors, "grid_sha256": checksum(survey.grid_path)}
    emulator.save(folder / f"{survey.name}.safetensors")
    network = emulator.network
    text = CARD.format(
        name=survey.name,
        **survey.card,
        ranges="\n".join(
            f"| `{label.name}` | {label.unit} | {label.low:g} to {label.high:g} | {low:.4g} to {high:.4g} | {label.meaning} |"
            for label, low, high in zip(survey.labels, network.low.tolist(), network.high.tolist())
        ),
        network=_network(config),
        grid_name=survey.grid_path.name,
        grid=card["grid_sha256"][:16],
        copies=config.copies,
        seed=config.seed,
        epochs=len(card["history"]),
        **{key: card[key] for key in ("device", "train_spectra", "seconds")},
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
        return f"multilayer perceptron, hidden layers {_listed(config.hidden)}"
    first, *others = (names for names, _ in config.branches)
    shared = [name for name in first if all(name in names for names in others)]
    own = [[name for name in names if name not in shared] for names, _ in config.branches]
    return (
        f"sum of {len(own)} perceptrons, each of {_listed(shared)}, and of (with its hidden layers)\n"
        + ";\n".join(
            f"  {_listed(names) or 'nothing else'}: {_listed(widths)}"
            for names, (_, widths) in zip(own, config.branches)
        )
    )


def _listed(values):
    return ", ".join(map(str, values))


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
    domains, checkpoint = mock_domains(emulator, STARS, config.seed), f"{name}-mock.checkpoint"
    folder.mkdir(parents=True, exist_ok=True)
    model = train(emulator, domains.labels, domains.observed, config, folder / checkpoint)
    seconds = time.monotonic() - start
    model.save(folder / f"{name}-mock.safetensors")
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
    text = TRANSLATOR_CARD.format(
        name=name,
        **asdict(config) | {"hidden": _listed(config.hidden), "device": model.device},
        stars=STARS,
        test=TEST_STARS,
        seconds=seconds,
        emulator=checksum(emulator.survey.emulator_path)[:16],
        **errors,
    )
    (folder / f"{name}-mock.md").write_text(text, encoding="utf-8")
    return errors
