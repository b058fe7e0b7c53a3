"""How to build and train a translator between two domains."""

from dataclasses import dataclass

from specnb.core.limits import check_limits

KINDS = ("mlp", "principal", "conv")

# Lowest and highest value of each number.
_LIMITS = {
    "shared": (2, 10_000),
    "split": (0, 10_000),
    "cycle": (0.0, 1e3),
    "adversarial": (0.0, 1e3),
    "synthetic_error": (1e-6, 1.0),
    "error_floor": (0.0, 1.0),
    "largest_error": (1e-6, 1e6),
    "batch": (2, 1_000_000),
    "iterations": (1, 100_000_000),
    "learning_rate": (1e-7, 1.0),
    "critic_rate": (1e-7, 1.0),
    "validation": (0.01, 0.5),
    "seed": (0, 2**32 - 1),
}


@dataclass(frozen=True)
class TranslateConfig:
    """Networks, losses and training of one translator. Unknown keys are refused by the constructor.

    The defaults are the cheaper configuration; `PAPER` is the published one. Ablations: ``split=0``,
    ``critic_latents=False``, ``cycle=0``, ``adversarial=0``, ``residual=False``, ``match_means=False``.

    Raises
    ------
    ValueError
        If a value is outside its limits or of a wrong type.
    """

    # "mlp": perceptrons, minutes on two cores; "conv": the paper's networks, days; "principal": principal components first,
    # seconds, where the gap is in single lines
    kind: str = "mlp"
    shared: int = 32  # numbers in z_shared; for "conv" its channels (paper: 25, of 24 numbers each)
    split: int = 8  # numbers in z_split, which observed spectra alone have; for "conv" channels (paper: 4); 0: none
    hidden: tuple[int, ...] = (512, 128)  # "mlp": widths, a domain's own and the shared one; decoders mirror encoders
    residual: bool = True  # translate(x) = x + D_obs − D_synth: what no autoencoder resolves stays. Not in the paper
    critic_latents: bool = True  # critics see latents beside spectra (paper)
    # at the end translations are shifted to the mean of the observed spectra (not in the paper): better where both domains
    # have the same population, worse than without where they have not
    match_means: bool = True
    cycle: float = 1.0  # weight of cycle consistency, by that of the reconstructions (paper: 1)
    adversarial: float = 0.05  # the same of the critics' verdict; the paper's are 1/3 and 1/9
    synthetic_error: float = 0.005  # error of synthetic spectra in their losses: they have no noise of their own
    error_floor: float = 0.005  # errors of observed spectra are no smaller in the losses (paper)
    largest_error: float = 0.05  # pixels with larger errors are masked (paper)
    batch: int = 128  # spectra of each domain in a step; the paper has 8
    iterations: int = 5000  # steps; the paper has 500,000 of 8
    learning_rate: float = 1e-3  # of Adam for the generator: the peak of a one-cycle schedule (paper: 1e-4 in steps)
    critic_rate: float = 1e-3  # of Adam for the critics, constant
    betas: tuple[float, float] = (0.5, 0.999)  # of both (paper)
    validation: float = 0.1  # fraction of either domain that is watched and trains nothing
    seed: int = 1
    device: str = "auto"  # auto, cpu, cuda or mps

    @classmethod
    def for_survey(cls, survey, **changes):
        """The configuration of a survey's shipped translator, with some changes."""
        return cls(**dict(survey.training.get("translator", {})) | changes)

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"kind is {self.kind!r}: give one of {', '.join(KINDS)}")
        check_limits(self, _LIMITS)
        for name in ("residual", "critic_latents", "match_means"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} is {getattr(self, name)!r}: it must be True or False")
        for name in ("hidden", "betas"):  # lists, as JSON has them
            if not isinstance(getattr(self, name), tuple | list) or len(getattr(self, name)) != 2:
                raise ValueError(f"{name} is {getattr(self, name)!r}: give two numbers")
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if any(isinstance(width, bool) or not isinstance(width, int) or width < 1 for width in self.hidden):
            raise ValueError(f"hidden is {self.hidden}: give two widths, a domain's own and the shared one")
        if not all(isinstance(beta, float | int) and 0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas are {self.betas}: give two numbers from 0 to below 1")


# O'Briain et al. (2021), Sects. 2-3 and their code: weights 3 and 9 of synthetic and observed reconstructions and cycles
# against 1 of the critics are here 1 against 1/6, their mean.
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
