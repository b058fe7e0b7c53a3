"""Disentangling and entangling stellar parameters (Manteiga et al. 2025; GANDALF): the adversarial
autoencoder.
"""

from specnb.disentangle.config import DisentangleConfig
from specnb.disentangle.model import Disentangler
from specnb.disentangle.train import train

__all__ = ["DisentangleConfig", "Disentangler", "train"]
