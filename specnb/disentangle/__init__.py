"""The adversarial autoencoder of GANDALF (Manteiga et al. 2025).

It disentangles stellar parameters from the latents, or entangles them.
"""

from specnb.disentangle.config import DisentangleConfig
from specnb.disentangle.model import Disentangler
from specnb.disentangle.train import train

__all__ = ["DisentangleConfig", "Disentangler", "train"]
