"""Steps behind an emulator, which change its spectra: a translation, a mask, a correction."""

import sys

from torch import nn


class Step(nn.Module):
    """A change of emulated spectra; the base of all modules that `Emulator.then` takes.

    A step of your own gives ``forward``, and, to be saved and loaded, ``settings`` and ``build``.
    """

    def forward(self, flux, labels):
        """Changed flux (n, n_pix) of flux (n, n_pix) and labels (n, n_labels), tensors."""
        raise NotImplementedError

    def of(self, rows):
        """The step for some of the stars, where it holds something of each star; ``None`` for any
        star.

        Parameters
        ----------
        rows : slice, Tensor of int, or None
        """
        return self

    def check_stars(self, n: int):
        """Raise ValueError if the step holds something of each star, and of other than n stars."""

    def settings(self) -> dict:
        """What `build` needs to make a step of this kind, as JSON has it."""
        return {}

    @classmethod
    def build(cls, settings: dict, survey) -> "Step":
        """A step of this kind, of which the tensors are then loaded."""
        return cls(**settings)

    @classmethod
    def kind(cls) -> str:
        """Where the class is found: module and name."""
        return f"{cls.__module__}:{cls.__qualname__}"


def step_kind(name: str) -> type[Step]:
    """The class of a `Step.kind`, of a module that has been imported already.

    Nothing is imported here: what a notebook needs is told by its own imports.

    Raises
    ------
    ValueError
        If there is no such step.
    """
    module, _, kind = name.partition(":")
    found = getattr(sys.modules.get(module), kind, None)
    if not (isinstance(found, type) and issubclass(found, Step)):
        raise ValueError(f"there is no step {kind} in {module}: import {module} first")
    return found


class Chain(nn.Module):
    """A network from labels to spectra, and a step that changes them."""

    def __init__(self, network, step: Step):
        super().__init__()
        self.network, self.step = network, step

    @property
    def low(self):
        return self.network.low

    @property
    def high(self):
        return self.network.high

    def forward(self, labels):
        return self.step(self.network(labels), labels)

    def of(self, rows):
        """The same for some of the stars, see `Step.of`."""
        network, step = self.network.of(rows), self.step.of(rows)
        same = network is self.network and step is self.step
        return self if same else Chain(network, step)
