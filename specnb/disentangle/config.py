"""The configuration of an adversarial autoencoder: its networks and its training."""

import numbers
from collections.abc import Mapping
from dataclasses import dataclass, field

from specnb.core.config import check_fields, within

# The labels that both the catalogues and the RVS spectra determine.
LABELS = ("teff", "logg", "m_h", "alpha_fe")


def check_lambdas(lambdas, labels, largest: float = 1e9):
    """Raise ValueError unless λ are numbers from -largest to +largest that belong to labels.

    Parameters
    ----------
    lambdas : mapping of str to float
    labels : sequence of str
    largest : float
    """
    for name, value in lambdas.items():
        if name not in labels:
            raise ValueError(
                f"there is a λ for {name!r}, which is no label of this model: it has {', '.join(labels)}"
            )
        if not isinstance(value, numbers.Real) or not abs(value) <= largest:
            raise ValueError(
                f"λ of {name} is {value!r}: it must be a number from {-largest:g} to {largest:g}"
            )


@dataclass(frozen=True)
class DisentangleConfig:
    """Networks, weights λ and training of one autoencoder.

    Unknown keys are refused by the constructor.

    Raises
    ------
    ValueError
        If labels are repeated, a λ names a parameter that is not among ``labels``, or a value is
        outside its limits.
    """

    labels: tuple[str, ...] = LABELS  # any columns of the training stars' catalogue
    # λ of each label. Positive values disentangle it and negative ones entangle it. Labels that are
    # absent get 0.
    lambdas: Mapping[str, float] = field(default_factory=dict)
    # True is architecture 1 of the paper. False is its architecture 2, whose encoder also works for
    # stars without labels.
    labels_in_encoder: bool = False
    # layers of the encoder; the decoder has them in reverse order (paper)
    hidden: tuple[int, ...] = (512, 256)
    latent: int = within(1, 10_000, default=25)  # paper
    discriminator: tuple[int, ...] = (64, 32)  # hidden layers of one discriminator (paper)
    bins: int = within(2, 1000, default=10)  # all of the same width (paper)
    # one discriminator for the product of all bins; the paper uses several instead
    joint: bool = False
    # Weight of the KL term. If it is above 0, the latents have noise, which limits the information
    # that they can contain. It is not part of the paper.
    bottleneck: float = within(0.0, 10.0, default=0.0)
    # If it is above 0, λ is an input of the networks and is drawn for each spectrum between
    # -lambda_range and +lambda_range.
    lambda_range: float = within(0.0, 100.0, default=0.0)
    # steps of the discriminators for each step of the autoencoder (the paper's code: 1)
    discriminator_steps: int = within(1, 100, default=1)
    batch: int = within(2, 1_000_000, default=64)  # spectra in a step (the paper's code: 64)
    # learning rate of Adam for all networks, which is the peak of a one-cycle schedule (the paper's
    # code: 1e-3)
    learning_rate: float = within(1e-7, 1.0, default=1e-3)
    # largest number of passes over the training set; the schedule ends there
    epochs: int = within(1, 100_000, default=100)
    # Number of epochs without a better validation loss after which the training ends. The default
    # is half of the schedule, because the learning rate is high until then.
    patience: int = within(1, 100_000, default=50)
    # Fraction of the spectra that are not trained on. They are used to choose the best epoch.
    validation: float = within(0.01, 0.5, default=0.1)
    seed: int = within(0, 2**32 - 1, default=1)
    device: str = "auto"  # auto, cpu, cuda or mps

    def __post_init__(self):
        if (
            isinstance(self.labels, str)
            or not self.labels
            or len(set(self.labels)) < len(self.labels)
        ):
            raise ValueError(
                f"labels are {self.labels!r}: name columns of the catalogue, each once"
            )
        check_lambdas(self.lambdas, self.labels)
        check_fields(self)
        lambdas = {name: float(self.lambdas.get(name, 0.0)) for name in self.labels}
        object.__setattr__(self, "lambdas", lambdas)
        if any(
            not isinstance(width, int) or width < 1 for width in (*self.hidden, *self.discriminator)
        ):
            raise ValueError(
                f"layers of {(*self.hidden, *self.discriminator)} neurons: each needs at least 1"
            )
        if self.lambda_range and any(lambdas.values()):
            raise ValueError(
                "lambdas and lambda_range exclude each other: with a range, λ is an input of the model"
            )
        if self.joint and (self.lambda_range or len(set(lambdas.values())) > 1):
            raise ValueError(
                "a joint discriminator has one λ for all labels: give all the same one, and no lambda_range"
            )

    @property
    def adversarial(self) -> bool:
        """Whether any discriminator takes part; otherwise this is a plain autoencoder."""
        return bool(self.lambda_range) or any(self.lambdas.values())

    @property
    def discriminators(self) -> tuple[str, ...]:
        """Names of the discriminators, in order: those of the labels, or ``joint``."""
        return ("joint",) if self.joint else self.labels
