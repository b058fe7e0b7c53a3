"""Make the models that the repository ships: train one, measure it, write weights and model card."""

import time
from pathlib import Path

import numpy as np

from specnb.emulator.accuracy import accuracy
from specnb.emulator.model import WEIGHTS, load_emulator
from specnb.simulator.grid import RVS, Band, load_grid
from specnb.reproduce.provenance import checksum
from specnb.emulator.train import CONFIGS, EmulatorConfig, held_out, train_emulator
from specnb.translate import CONFIGS as TRANSLATE_CONFIGS
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

Conventions (solar scale, abundances, what v_micro and v_broad mean) are in `specnb/labels.py`.

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
TEXTS = {
    "rvs": {
        "what": "Six stellar labels to the 800 pixels of the Gaia RVS window.",
        "notebook": "01_simulator_and_emulator",
        "wavelength": "vacuum, bins of 0.3 Å, 8460-8700 Å; R = 11,500; flux over continuum.",
        "limits": "LTE, plane-parallel, no TiO; [Fe/H] = [M/H]; the cores of Ca II, a blend at 8504 Å and a line at 8634 Å\n"
        "  are known to be wrong (`specnb.surveys.rvs.lines.UNTRUSTED_WINDOWS`).",
    },
    "apogee": {
        "what": "25 stellar labels to 7,214 pixels of APOGEE.",
        "notebook": "06_apogee_world",
        "wavelength": "vacuum, APOGEE's pixels (6e-6 in log10 λ) on three detectors, 15,168-16,937 Å; R = 22,500;\n"
        "  flux over the papers' pseudo-continuum (`specnb.surveys.apogee.continuum`).",
        "limits": "LTE, plane-parallel, no TiO, no H2O; [C/O] ≤ 0.25; atmospheres follow [Fe/H] and [α/Fe] only; the\n"
        "  strengths of many lines are untuned.",
    },
}
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
    band: Band = RVS, config: EmulatorConfig | None = None, folder: Path = WEIGHTS
) -> dict[str, float]:
    """Train an emulator and write its weights, BAND.safetensors, and its model card, BAND.md.

    Parameters
    ----------
    band : Band
    config : EmulatorConfig, optional
        Default: that of `specnb.emulator.train.CONFIGS`.
    folder : Path

    Returns
    -------
    dict
        Accuracy on the held-out spectra, see `specnb.emulator.accuracy.accuracy`.
    """
    grid, config = load_grid(band), config or CONFIGS[band.name]
    emulator = train_emulator(grid, config)
    labels, truth = held_out(grid, TEST_DRAWS)
    errors = {
        name: round(float(value), 6) for name, value in accuracy(emulator(labels), truth).items()
    }
    emulator.card |= {"held_out_error": errors, "grid_sha256": checksum(band.path)}
    emulator.save(folder / f"{band.name}.safetensors")
    card = emulator.card
    trained = zip(emulator.network.low.tolist(), emulator.network.high.tolist())
    text = CARD.format(
        name=band.name,
        **TEXTS[band.name],
        ranges="\n".join(
            f"| `{label.name}` | {label.unit} | {label.low:g} to {label.high:g} | {low:.4g} to {high:.4g} | {label.meaning} |"
            for label, (low, high) in zip(emulator.label_set, trained)
        ),
        network=_network(config),
        grid_name=band.path.name,
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
    (folder / f"{band.name}.md").write_text(text, encoding="utf-8")
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
# Translator `{name}`

Synthetic spectra of the emulator `{name}` to spectra as the mock survey observes them, trained without pairs. Made by
`specnb data translator {name}` in {seconds:.0f} s on {device}; opened by `specnb.translate.load_translator("{name}")`.
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
    """Train a translator for a mock survey and write its weights, NAME.safetensors, and its model card, NAME.md.

    After an interruption the same call goes on from the checkpoint beside the weights.

    Parameters
    ----------
    name : "rvs" or "apogee"
    config : TranslateConfig, optional
        Default: that of `specnb.translate.CONFIGS`.
    folder : Path

    Returns
    -------
    dict
        Root-mean-square errors of spectra of unseen stars: ``before``, ``after``, ``own``, see the card.
    """
    emulator, config, start = (
        load_emulator(name),
        config or TRANSLATE_CONFIGS[name],
        time.monotonic(),
    )
    domains = mock_domains(emulator, name, STARS, config.seed)
    folder.mkdir(parents=True, exist_ok=True)
    model = train(emulator, domains.labels, domains.observed, config, folder / f"{name}.checkpoint")
    seconds = time.monotonic() - start
    model.save(folder / f"{name}.safetensors")
    observed, truth = unseen_stars(emulator, name, TEST_STARS)
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
        device=model.device, emulator=checksum(WEIGHTS / f"{name}.safetensors")[:16], **errors,
    )  # fmt: skip
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return errors
