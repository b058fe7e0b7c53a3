"""A survey unlike the shipped ones: 512 pixels on one detector, and three labels of its own.

The package does not know it; it is declared only here. Its "simulator" is a formula, `simulate`.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from astropy.table import Column

from specnb.core.labels import Label
from specnb.simulator.grid import SyntheticGrid
from specnb.surveys import Survey
from specnb.surveys.mock import MockConfig, emulated

PIXELS = np.linspace(5000.0, 5255.5, 512)
CENTRES = np.linspace(5010.0, 5245.0, 24)


@dataclass(frozen=True)
class DustyMock(MockConfig):
    """Mock spectra of the third survey: lines of the simulator are too weak, and there is noise."""

    n_stars: int = 300
    strength: float = 1.2  # factor on the depth of all lines

    PREFIX = "dusty"
    STREAMS = ("stars", "catalogue", "noise")
    BATCH = 200
    FAINT = 50.0
    LABEL_ERRORS: ClassVar = {"age": (0.2, 0.2, 1.0), "mass": (0.01, 0.01, 0.1)}
    OBSERVED = ("brightness",)

    @staticmethod
    def exist(stars):
        return stars["mass"] < 1.2

    @staticmethod
    def draw_labels(component, stage, rng):
        n = len(component)
        age, mass = rng.uniform(0.5, 13.0, n), rng.normal(0.9, 0.1, n)
        return {"age": age, "mass": mass, "dust": rng.exponential(0.3, n)}

    @staticmethod
    def draw_observation(component, population, rng):
        return [Column(rng.uniform(60.0, 120.0, len(component)), "brightness", unit="mJy")]

    def own_effects(self, streams):
        return {}

    def signal_to_noise(self, stars):
        return stars["brightness"]

    def true_flux(self, emulator, stars, own):
        return 1.0 - self.strength * (1.0 - emulated(emulator, stars))

    def observe(self, emulator, stars, own, streams):
        flux = self.true_flux(emulator, stars, own)
        error = np.broadcast_to(1.0 / np.asarray(stars["brightness"])[:, None], flux.shape)
        noisy = flux + error * streams["noise"].normal(size=flux.shape)
        return flux, error, noisy, np.zeros(flux.shape, dtype=bool)


THIRD = Survey(
    name="dusty",
    title="Dusty survey",
    labels=(
        Label("age", "Gyr", 0.1, 14.0, r"$\tau$", "age of the star"),
        Label("mass", "solMass", 0.5, 1.3, "$M$", "mass of the star"),
        Label("dust", "mag", 0.0, 3.0, "$A_V$", "dust in front of the star"),
    ),
    pixels=PIXELS,
    mock=DustyMock,
    edits={"age": 2.0},
    training={"translator": {"hidden": (64, 32), "shared": 8, "split": 2, "iterations": 60}},
)


def simulate(labels):
    """Flux (n, 512) for labels (n, 3). Each label changes every third line."""
    age, mass, dust = np.asarray(labels, dtype=float).T[:, :, None]
    depth = np.where(
        np.arange(24) % 3 == 0,
        0.03 * age,
        np.where(np.arange(24) % 3 == 1, 0.4 * mass, 0.15 * dust),
    )
    profile = np.exp(-0.5 * ((PIXELS - CENTRES[:, None]) / 1.5) ** 2)
    return 1.0 - np.clip(depth, 0.0, 0.8) @ profile


def grid(n=400, seed=0) -> SyntheticGrid:
    low, high = (
        np.array([getattr(label, end) for label in THIRD.labels]) for end in ("low", "high")
    )
    labels = np.random.default_rng(seed).uniform(low, high, (n, 3))
    flux = simulate(labels).astype(np.float32)
    return SyntheticGrid(THIRD, labels, flux, PIXELS, low, high, {"seed": seed})
