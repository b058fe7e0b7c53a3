"""The models that the repository ships: train one, measure it, write weights and model card."""

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

CARDS = Path(__file__).with_name("cards")  # templates of the model cards
STATISTICS = {
    "mean": "mean over all pixels of all spectra",
    "median": "median over the same",
    "spectra_95": "95th percentile over spectra, of the mean over wavelength",
    "pixels_95": "95th percentile over wavelength, of the mean over spectra",
    "worst_spectrum": "worst spectrum, mean over wavelength",
    "worst_pixel": "worst pixel, mean over spectra",
}
CARD_TEXTS = {"what", "notebook", "wavelength", "limits"}  # what a survey says in the card
TEST_DRAWS, TEST_STARS = 4, 1000  # draws of v_broad for an emulator, stars for a translator


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
        Accuracy on the held-out spectra, see `specnb.emulator.accuracy.accuracy`. It is printed,
        too.

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
    measured = accuracy(emulator(labels), truth)
    errors = {name: round(float(value), 6) for name, value in measured.items()}
    card = emulator.card
    card |= {"held_out_error": errors, "grid_sha256": checksum(survey.grid_path)}
    emulator.save(folder / f"{survey.name}.safetensors")
    network = emulator.network
    _write_card(
        folder / f"{survey.name}.md",
        "emulator.md",
        errors,
        name=survey.name,
        **survey.card,
        ranges="\n".join(
            f"| `{label.name}` | {label.unit} | {label.low:g} to {label.high:g} "
            f"| {low:.4g} to {high:.4g} | {label.meaning} |"
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
        table="\n".join(f"| {STATISTICS[name]} | {value:.1e} |" for name, value in errors.items()),
    )
    return errors


def _write_card(path, template, errors, **texts):
    """Write a model card from a template in the folder of templates, and print the errors."""
    card = (CARDS / template).read_text("utf-8").format(**texts, **errors)
    path.write_text(card, encoding="utf-8")
    for name, value in errors.items():
        print(f"{value:.1e}  {STATISTICS.get(name, name)}")


def _network(config):
    """The networks of an emulator, in words."""
    if not config.branches:
        return f"multilayer perceptron, hidden layers {_listed(config.hidden)}"
    first, *others = (names for names, _ in config.branches)
    shared = [name for name in first if all(name in names for names in others)]
    own = [[name for name in names if name not in shared] for names, _ in config.branches]
    return (
        f"sum of {len(own)} perceptrons, each of {_listed(shared)}, "
        "and of (with its hidden layers)\n"
        + ";\n".join(
            f"  {_listed(names) or 'nothing else'}: {_listed(widths)}"
            for names, (_, widths) in zip(own, config.branches)
        )
    )


def _listed(values):
    return ", ".join(map(str, values))


def ship_translator(
    name: str, config: TranslateConfig | None = None, folder: Path = SHIPPED
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
        card. They are printed, too.
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
    _write_card(
        folder / f"{name}-mock.md",
        "translator.md",
        errors,
        name=name,
        **asdict(config) | {"hidden": _listed(config.hidden), "device": model.device},
        stars=STARS,
        test=TEST_STARS,
        seconds=seconds,
        emulator=checksum(emulator.survey.emulator_path)[:16],
    )
    return errors
