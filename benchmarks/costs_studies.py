"""What both studies, and the labelling of a survey, are made of: which stages, at which sizes, and how often."""

from dataclasses import dataclass, replace

from costs_size import Size

# Numbers of the shipped configurations and of the profile `paper` of notebooks 04 and 05
TRAINED, VALIDATED = (
    0.8,
    0.1,
)  # fractions: of the stars that are trained on, and of these that validate
SETTINGS, SEEDS, EPOCHS = 4, 3, 12  # plain, First, Second, all entangled
CODES = 6  # representations: spectra, principal components, and the latents of each setting
PASSES = {
    "spectra": 135,
    "latents": 159,
}  # of the regressors, in paper_figures_full/05_parameterize
PAPER_EPOCHS, PAPER_STEPS = 200, 500_000  # of the codes of both papers
RVS, BAND = Size(1), Size(1, 7214, 25)
DR4 = 961  # pixels that the draft of Gaia DR4 suggests


@dataclass(frozen=True)
class Part:
    """A stage at a size, done some times; ``share`` of these can run at the same time, in one thread each.

    Fits of stars are done as often as a star needs Jacobians, and are cut in pieces by the machine.
    """

    stage: str
    size: Size
    times: float
    share: int = 1


def study_a(n, pixels=800):
    """The first paper: autoencoders of four settings, regressors on six representations, and probes."""
    train = round(n * TRAINED)
    stars = Size(round(train * (1 - VALIDATED)), pixels, 4, 256)
    latents = Size(train, 25, 4)
    trainings = SETTINGS * SEEDS
    return [
        Part("read", Size(n, pixels), 1),
        Part("autoencoder", stars, trainings * EPOCHS),
        Part("bottleneck", stars, SEEDS * EPOCHS),
        Part("encode", Size(n, pixels), trainings + SEEDS),
        Part(
            "regressor", replace(latents, pixels=pixels), SEEDS * PASSES["spectra"], CODES * SEEDS
        ),
        Part("regressor", latents, (CODES - 1) * SEEDS * PASSES["latents"], CODES * SEEDS),
        Part("probe", replace(latents, n=n), trainings + SEEDS, trainings + SEEDS),
    ]


def paper_autoencoders(n, pixels=800):
    """Three settings as the paper's code trains them: 200 epochs in steps of 64."""
    return [Part("autoencoder", Size(round(n * TRAINED), pixels, 4, 64), 3 * PAPER_EPOCHS)]


def study_b(n, jacobians, band=False):
    """The second paper: emulator, translator, translation, and fits by physics and by the translated emulator."""
    if band:
        parts = [
            Part("emulator_branches", replace(BAND, n=7976, batch=64), 300),
            Part("translator_branches", replace(BAND, batch=64), 3000),
        ]
    else:
        parts = [
            Part("emulator", replace(RVS, n=15_856, batch=128), 300),
            Part("translator", replace(RVS, batch=128), 2500),
        ]
    where, name = (BAND, "apogee") if band else (RVS, "rvs")
    translated = "translated_fit_branches" if band else "translated_fit"
    return [
        *parts,
        Part("read", replace(where, n=n), 1),
        Part("translate", replace(where, n=n), 1),
        Part("fit", replace(where, n=n), jacobians[name]),
        Part(translated, replace(where, n=n), jacobians[f"{name} translated"]),
    ]


def paper_translator(n=None):
    """500,000 steps of 8 spectra of each domain, whatever the number of stars."""
    return [Part("translator_paper", Size(1, 7214, 6, 8), PAPER_STEPS)]
