"""How to build and train an adversarial autoencoder."""

import difflib
import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass, field

from specnb.core.limits import check_limits

LABELS = ("teff", "logg", "m_h", "alpha_fe")  # what both the catalogues and the RVS spectra determine

# Lowest and highest value of each number.
_LIMITS = {
    "latent": (1, 10_000),
    "bins": (2, 1000),
    "bottleneck": (0.0, 10.0),
    "lambda_range": (0.0, 100.0),
    "discriminator_steps": (1, 100),
    "error_floor": (0.0, 1.0),
    "batch": (2, 1_000_000),
    "learning_rate": (1e-7, 1.0),
    "epochs": (1, 100_000),
    "patience": (1, 100_000),
    "validation": (0.01, 0.5),
    "seed": (0, 2**32 - 1),
}


@dataclass(frozen=True)
class DisentangleConfig:
    """Networks, weights λ and training of one autoencoder. Unknown keys are refused by the constructor.

    Raises
    ------
    ValueError
        If a λ names a parameter that is not among ``labels``, or a value is outside its limits.
    """

    labels: tuple[str, ...] = LABELS
    lambdas: Mapping[str, float] = field(default_factory=dict)  # > 0 disentangles, < 0 entangles; absent: 0
    labels_in_encoder: bool = False  # architecture 1 of the paper; the default, 2, also encodes stars without labels
    hidden: tuple[int, ...] = (512, 256)  # of the encoder; the decoder has them in reverse (paper)
    latent: int = 25  # paper
    discriminator: tuple[int, ...] = (64, 32)  # hidden layers of one discriminator (paper)
    bins: int = 10  # of equal width over a parameter's range (paper)
    joint: bool = False  # one discriminator over the product of all bins, which the paper replaces
    bottleneck: float = 0.0  # weight of the KL term; above 0, noise on z limits what it can carry. Not in the paper
    lambda_range: float = 0.0  # above 0: λ is an input, drawn for each spectrum from -range to +range
    discriminator_steps: int = 1  # for each step of the autoencoder; the paper's code has 1
    error_floor: float = 0.0  # flux error added in quadrature when pixels are weighted; 0: all pixels weigh the same
    batch: int = 64  # the paper's code
    learning_rate: float = 1e-3  # of Adam for all networks (the paper's code): here the peak of a one-cycle schedule
    epochs: int = 100  # most passes over the training set; the schedule ends there
    patience: int = 50  # epochs without a better validation loss: half the schedule, as its rate is high till then
    validation: float = 0.1  # fraction of the spectra that choose the epoch and train nothing
    seed: int = 1
    device: str = "auto"  # auto, cpu, cuda or mps

    def __post_init__(self):
        if not self.labels or len(set(self.labels)) < len(self.labels):
            raise ValueError(f"labels are {self.labels}: name at least one, each once")
        for name, value in self.lambdas.items():
            if name not in self.labels:
                nearest = difflib.get_close_matches(name, self.labels, n=1)
                hint = f"; did you mean {nearest[0]}?" if nearest else "."
                raise ValueError(f"there is a λ for {name!r}, which is no label of this model{hint} It has: "
                                 f"{', '.join(self.labels)}")  # fmt: skip
            if not isinstance(value, numbers.Real) or not math.isfinite(value):
                raise ValueError(f"λ of {name} is {value!r}: it must be a finite number")
        check_limits(self, _LIMITS)
        if any(not isinstance(width, int) or width < 1 for width in (*self.hidden, *self.discriminator)):
            raise ValueError(f"layers of {(*self.hidden, *self.discriminator)} neurons: each needs at least 1")
        if self.lambda_range and any(self.lambdas.values()):
            raise ValueError("lambdas and lambda_range exclude each other: with a range, λ is an input of the model")
        if self.joint and self.lambda_range:
            raise ValueError("a joint discriminator has one λ for all labels: use joint=False with lambda_range")
        if self.joint and len(set(self.weights)) > 1:
            raise ValueError(f"a joint discriminator has one λ for all labels, not {self.weights}: make them equal")
        object.__setattr__(self, "lambdas", dict(zip(self.labels, self.weights)))
        for name in ("labels", "hidden", "discriminator"):  # lists, as JSON has them
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def weights(self) -> tuple[float, ...]:
        """λ of each label, in the order of ``labels``."""
        return tuple(float(self.lambdas.get(name, 0.0)) for name in self.labels)

    @property
    def adversarial(self) -> bool:
        """Whether any discriminator takes part; otherwise this is a plain autoencoder."""
        return bool(self.lambda_range) or any(self.weights)

    @property
    def discriminators(self) -> tuple[str, ...]:
        """Names of the discriminators, in order: those of the labels, or ``joint``."""
        return ("joint",) if self.joint else self.labels
