"""The autoencoder that the repository ships, and how it is trained."""

from dataclasses import replace

from specnb.core.files import shipped_file
from specnb.core.paths import DATA
from specnb.disentangle.config import DisentangleConfig
from specnb.disentangle.experiment import BOTTLENECK
from specnb.disentangle.model import Disentangler

SHIPPED = DATA / "autoencoders"
STARS = 30_000  # mock stars of the shipped autoencoder: a fifth of them are test stars
# λ is an input: one model for all λ, as in the notebook 04_disentangle, but trained for longer
CONDITIONAL = replace(
    BOTTLENECK.config(DisentangleConfig(epochs=40, patience=40, batch=32)),
    lambdas={},
    lambda_range=BOTTLENECK.entangle,
    bottleneck=2e-4,
)


def load_autoencoder(name: str) -> Disentangler:
    """Open a shipped autoencoder: ``"rvs-mock"``.

    It encodes spectra of the mock survey of the RVS, and takes λ as an input.

    Raises
    ------
    ValueError
        If there is no autoencoder of this name.
    OSError
        If the file is damaged.
    """
    return Disentangler.load(shipped_file(SHIPPED, "autoencoder", name))
