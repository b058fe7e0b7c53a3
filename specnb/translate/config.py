"""The configuration of a translator between two domains: its networks, losses and training."""

from dataclasses import dataclass

from specnb.core.config import check_fields, within

KINDS = ("mlp", "principal", "conv")
# Fields that are pairs of numbers, what the numbers are, and a test of each number.
PAIRS = (
    (
        "hidden",
        "widths, a domain's own and the shared one",
        lambda width: type(width) is int and width > 0,
    ),
    (
        "betas",
        "numbers from 0 to below 1",
        lambda beta: isinstance(beta, float | int) and 0 <= beta < 1,
    ),
)


@dataclass(frozen=True)
class TranslateConfig:
    """Networks, losses and training of one translator. Unknown keys are refused by the constructor.

    The defaults are the cheaper configuration; `PAPER` is the published one. Ablations:
    ``split=0``, ``critic_latents=False``, ``cycle=0``, ``adversarial=0``, ``residual=False``,
    ``match_means=False``.

    Raises
    ------
    ValueError
        If a value is outside its limits or of a wrong type.
    """

    # "mlp" are perceptrons, whose training takes minutes on two cores. "conv" are the paper's
    # networks, whose training takes days. "principal" are networks that start from principal
    # components, whose training takes seconds. They are for domains that differ in single lines.
    kind: str = "mlp"
    # Length of z_shared. For "conv" it is the number of its channels (paper: 25, of 24 numbers
    # each).
    shared: int = within(2, 10_000, default=32)
    # Length of z_split, which only observed spectra have. For "conv" it is the number of its
    # channels (paper: 4). With 0 there is no z_split.
    split: int = within(0, 10_000, default=8)
    # For "mlp", widths of the layer of each domain and of the layer that both share. Decoders
    # mirror encoders.
    hidden: tuple[int, ...] = (512, 128)
    # If True, translate(x) = x + D_obs(z) − D_synth(z), which keeps details that the autoencoders
    # do not reproduce. This is not part of the paper.
    residual: bool = True
    critic_latents: bool = True  # critics see the latents besides the spectra (paper)
    # If True, translations are shifted to the mean of the observed spectra at the end of the
    # training. This helps if both domains have the same population, and does harm if they do not.
    # It is not part of the paper.
    match_means: bool = True
    # weight of the cycle losses relative to that of the reconstructions (paper: 1)
    cycle: float = within(0.0, 1e3, default=1.0)
    # weight of the adversarial loss relative to that of the reconstructions (paper: 1/3 and 1/9)
    adversarial: float = within(0.0, 1e3, default=0.05)
    # flux error of synthetic spectra in their losses, since they have no noise
    synthetic_error: float = within(1e-6, 1.0, default=0.005)
    # smallest flux error of observed spectra in the losses (paper)
    error_floor: float = within(0.0, 1.0, default=0.005)
    # pixels with larger errors are masked (paper)
    largest_error: float = within(1e-6, 1e6, default=0.05)
    # spectra of each domain in a step (paper: 8)
    batch: int = within(2, 1_000_000, default=128)
    iterations: int = within(1, 100_000_000, default=5000)  # steps (paper: 500,000)
    # learning rate of Adam for the generator, which is the peak of a one-cycle schedule (paper:
    # 1e-4, lowered in steps)
    learning_rate: float = within(1e-7, 1.0, default=1e-3)
    critic_rate: float = within(1e-7, 1.0, default=1e-3)  # constant rate of Adam for the critics
    # parameters of Adam for generator and critics (paper)
    betas: tuple[float, float] = (0.5, 0.999)
    # fraction of each domain that is not trained on; the reported losses are those of these spectra
    validation: float = within(0.01, 0.5, default=0.1)
    seed: int = within(0, 2**32 - 1, default=1)
    device: str = "auto"  # auto, cpu, cuda or mps

    @classmethod
    def for_survey(cls, survey, **changes):
        """The configuration of a survey's shipped translator, with some changes."""
        return cls(**dict(survey.training.get("translator", {})) | changes)

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"kind is {self.kind!r}: give one of {', '.join(KINDS)}")
        check_fields(self)
        for name, what, suits in PAIRS:
            pair = getattr(self, name)
            if not isinstance(pair, tuple) or len(pair) != 2 or not all(map(suits, pair)):
                raise ValueError(f"{name} is {pair!r}: give two {what}")


# O'Briain et al. (2021), Sects. 2-3 and their code: they weight reconstructions and cycles by 3
# (synthetic) and 9 (observed), and the critics by 1. Here the weights are 1 and 1/6, because the
# mean of 3 and 9 is 6.
PAPER = TranslateConfig(
    kind="conv",
    shared=25,
    split=4,
    residual=False,
    match_means=False,
    adversarial=1 / 6,
    batch=8,
    iterations=500_000,
    learning_rate=1e-4,
    critic_rate=1e-4,
)
