"""Steps that change the spectra of an emulator, such as a translation, a mask or a correction."""

import sys

import torch
from torch import nn


class Step(nn.Module):
    """A change of emulated spectra: the base class of all modules that `Emulator.then` takes.

    Your own step must define ``forward(flux, labels)``, which gives the changed flux (n, n_pix)
    from the flux (n, n_pix) and the labels (n, n_labels), all as tensors. To be saved and loaded,
    it must also define ``settings`` and ``build``.
    """

    def push(self, flux, labels, jacobian):
        """The changed flux and its derivatives by the labels, from those before the step.

        This is exact for every step. A step may know a faster way.

        Parameters
        ----------
        flux : Tensor, shape (n, n_pix)
        labels : Tensor, shape (n, n_labels)
        jacobian : Tensor, shape (n, n_labels, n_pix)
            It may be changed.

        Returns
        -------
        flux : Tensor, shape (n, n_pix)
        jacobian : Tensor, shape (n, n_labels, n_pix)
        """
        unit = torch.eye(labels.shape[1]).to(labels).expand(len(labels), -1, -1)
        return pushed(self, (flux, labels), (jacobian, unit))

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


def pushed(function, inputs, derivatives):
    """Value of a batched function, and its derivatives from those of its inputs.

    Parameters
    ----------
    function : callable
        Each row of its value depends only on the same rows of its inputs.
    inputs : tuple of Tensor, shape (n, ...)
    derivatives : tuple of Tensor, shape (n, k, ...)
        Derivatives of each input with respect to k labels.

    Returns
    -------
    value : Tensor, shape (n, ...)
    derivatives : Tensor, shape (n, k, ...)
        By forward-mode differentiation of all at once.
    """

    def push(*tangents):
        return torch.func.jvp(function, inputs, tangents)

    return torch.func.vmap(push, in_dims=1, out_dims=(None, 1))(*derivatives)


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
