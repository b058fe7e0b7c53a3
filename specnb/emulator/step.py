"""Steps that change the spectra of an emulator, such as a translation, a mask or a correction."""

import sys

from torch import nn


class Step(nn.Module):
    """A change of emulated spectra: the base class of all modules that `Emulator.then` takes.

    Your own step must define ``forward``. To be saved and loaded, it must also define ``settings``
    and ``build``.
    """

    def forward(self, flux, labels):
        """The changed flux (n, n_pix) from flux (n, n_pix) and labels (n, n_labels), as tensors."""
        raise NotImplementedError

    def of(self, rows):
        """The step for some of the stars, if it stores something for each star.

        ``None`` gives the step for any star.

        Parameters
        ----------
        rows : slice, Tensor of int, or None
        """
        return self

    def check_stars(self, n: int):
        """Raise ValueError if the step stores something for each star, and not for n stars."""

    def settings(self) -> dict:
        """The arguments that `build` needs to make this step, in types that JSON has."""
        return {}

    @classmethod
    def build(cls, settings: dict, survey) -> "Step":
        """Make a step of this kind. Its tensors are loaded afterwards."""
        return cls(**settings)

    @classmethod
    def kind(cls) -> str:
        """The module and the name of the class, by which it is found."""
        return f"{cls.__module__}:{cls.__qualname__}"


def step_kind(name: str) -> type[Step]:
    """The class that a `Step.kind` names. Its module must have been imported already.

    Nothing is imported here, because the imports of a notebook must show which modules it needs.

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


def check_readable(step: Step, survey):
    """Raise ValueError if a step could not be made again from what its emulator's file would hold."""
    try:
        step_kind(step.kind()).build(step.settings(), survey)
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"the step {type(step).__name__} could not be read again ({error}): give it settings "
            "and build, in a module of its own"
        ) from error


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
        """The same network and step for some of the stars, see `Step.of`."""
        network, step = self.network.of(rows), self.step.of(rows)
        same = network is self.network and step is self.step
        return self if same else Chain(network, step)
