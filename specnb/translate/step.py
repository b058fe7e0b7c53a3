"""A translator as a step of an emulator: from labels to spectra of the observed domain."""

from copy import copy, deepcopy
from dataclasses import asdict

import numpy as np
import torch
from torch import nn

from specnb.emulator.model import Emulator
from specnb.emulator.step import Step
from specnb.translate.config import TranslateConfig
from specnb.translate.model import Translator


class Translation(Step):
    """A step that translates an emulator's spectra to the observed domain.

    Parameters
    ----------
    translator : Translator
    split : Tensor, shape (n, ...), optional
        z_split of each of n stars. The default is the typical z_split for all stars.
    """

    def __init__(self, translator, split=None):
        super().__init__()
        self.translator = deepcopy(translator)
        self.translator.networks.critics = nn.ModuleDict()  # critics are used in training only
        self.register_buffer("split", split)

    def forward(self, flux, labels):
        self.check_stars(len(flux))
        return self.translator(flux, self.split)

    def check_stars(self, n):
        if self.split is not None and len(self.split) != n:
            raise ValueError(
                f"{n} spectra, but the z_split of {len(self.split)} stars: give these, "
                "or choose stars with emulator.of(rows)"
            )

    def of(self, rows):
        """The translation for some of the stars. With None it has the typical z_split."""
        if self.split is None:
            return self
        selected = copy(self)
        selected._buffers = self._buffers | {"split": None if rows is None else self.split[rows]}
        return selected

    def settings(self):
        config = asdict(self.translator.config)
        stars = 0 if self.split is None else len(self.split)
        return {"config": config, "stars": stars}

    @classmethod
    def build(cls, settings, survey):
        config = TranslateConfig(**settings["config"])
        translator = Translator(config, survey.pixels, torch.zeros(len(survey.pixels)), 1.0)
        shape = translator.mean_split.shape
        split = torch.zeros(settings["stars"], *shape) if settings["stars"] else None
        return cls(translator, split)


def translated_emulator(emulator: Emulator, translator: Translator, split=None) -> Emulator:
    """An emulator of the observed domain, with the labels and the hull of the synthetic one.

    Parameters
    ----------
    emulator : Emulator
    translator : Translator
    split : array_like, shape (n, ...), optional
        z_split of each star, if these n stars are then fitted with `specnb.fit_labels`. The default
        is the typical z_split for all stars.

    Raises
    ------
    ValueError
        If emulator and translator are on different pixels.
    """
    translator.check(emulator.wavelength)
    if split is not None:
        split = torch.as_tensor(
            np.asarray(split), dtype=translator.mean.dtype, device=translator.device
        )
    return emulator.then(Translation(translator, split))
