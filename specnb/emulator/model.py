"""The emulator: a small network that turns stellar labels into a spectrum.

It is differentiable in the labels.
"""

import json
import warnings
from copy import deepcopy

import numpy as np
import torch

from specnb.core.files import read_tensors, whole_file, write_tensors
from specnb.core.labels import label_array, label_columns
from specnb.core.wavelength import same_pixels
from specnb.emulator.network import Network, flux_and_jacobian
from specnb.emulator.step import Step, check_readable, step_kind
from specnb.surveys import SURVEYS


class OutsideHullWarning(UserWarning):
    """Warns that labels are outside the region in which the emulator was trained."""


class Emulator:
    """A trained network with its survey and the information about its training.

    Parameters
    ----------
    network : Network
    survey : Survey
        The survey whose labels and pixels the network has.
    card : dict
        Information about the training: configuration, grid and accuracy.

    Attributes
    ----------
    wavelength : ndarray, shape (n_pix,)
        Vacuum wavelength in Å.
    labels, units : tuple of str
        Names and units of the labels, in order.
    low, high : ndarray, shape (n_labels,)
        Range in which the emulator may be trusted. The training range is wider by a margin.
    """

    def __init__(self, network, survey, card=None):
        self.network = network.eval().requires_grad_(False)
        self.survey, self.card = survey, card or {}
        self.wavelength, self.labels = survey.pixels, survey.names
        self.units = tuple(label.unit for label in survey.labels)
        self.low = np.array([label.low for label in survey.labels])
        self.high = np.array([label.high for label in survey.labels])

    def __repr__(self):
        steps = "".join(f", then {type(step).__name__}" for step in self.steps)
        return f"<Emulator of {self.survey.title}: {len(self.labels)} labels to {len(self.wavelength)} pixels{steps}>"

    @property
    def steps(self) -> list[Step]:
        """The steps that follow the network, in order, see `then`."""
        return list(self.network.steps)

    def then(self, step: Step, **about) -> "Emulator":
        """A new emulator whose spectra are changed by a further step, such as a translation.

        Parameters
        ----------
        step : Step
            The step is copied, and so is this emulator.
        **about
            Entries of the new emulator's card. The card also says what the new emulator was made
            from.

        Returns
        -------
        Emulator
            An emulator with the labels, the hull and the pixels of this one, and with a new card.

        Raises
        ------
        TypeError
            If ``step`` is not a `Step`.
        """
        if not isinstance(step, Step):
            raise TypeError(
                f"{type(step).__name__} is not a Step: derive it from specnb.emulator.step.Step"
            )
        card = {
            "made_from": deepcopy({k: v for k, v in self.card.items() if k != "history"}),
            "step": step.kind(),
            "settings": step.settings(),
            **about,
        }
        network = deepcopy(self.network)
        network.steps.append(deepcopy(step))
        return Emulator(network, self.survey, card)

    def of(self, rows) -> "Emulator":
        """The emulator for some of the stars, for steps that store something for each star.

        Parameters
        ----------
        rows : slice, Tensor of int, or None
            Indices of the stars. None gives an emulator for any star, which uses nothing that is
            stored for single stars.
        """
        return Emulator(self.network.of(rows), self.survey, self.card)

    def __call__(self, labels):
        """Flux for each row of labels.

        Parameters
        ----------
        labels : Table, array_like or Tensor, shape (n, n_labels)
            Arrays are in the order of `labels` and in the units of `units`. Units of a table are
            converted. Tensors must have the network's precision and device. They are not checked.

        Returns
        -------
        ndarray, float32, or Tensor, shape (n, n_pix)
            Flux over continuum. If the labels are a tensor, it is a tensor that is differentiable
            in the labels.

        Raises
        ------
        ValueError
            If the number of columns is wrong, or a label is missing, not finite or impossible.
        """
        if isinstance(labels, torch.Tensor):
            return self.network(labels)
        return self.network(self._checked(labels)).cpu().numpy()

    def jacobian(self, labels):
        """Exact derivative of the flux with respect to each label, by forward-mode differentiation.

        Parameters
        ----------
        labels : array_like, shape (n, n_labels)

        Returns
        -------
        ndarray, shape (n, n_labels, n_pix)
            Derivatives in flux per unit of the label.
        """
        return self.flux_and_jacobian(self._checked(labels))[1].cpu().numpy()

    def flux_and_jacobian(self, labels):
        """Flux (n, n_pix) and Jacobian (n, n_labels, n_pix) of a tensor of labels (n, n_labels)."""
        return flux_and_jacobian(self.network, labels)

    def in_hull(self, labels):
        """Whether labels lie in the region in which the training spectra were drawn.

        A star is in that region if all labels are in their training ranges and `Survey.inside` is
        true.

        Parameters
        ----------
        labels : array_like, shape (n, n_labels)

        Returns
        -------
        ndarray of bool, shape (n,)
        """
        labels = label_columns(labels, self.survey.labels)
        low, high = self.network.low.cpu().numpy(), self.network.high.cpu().numpy()
        inside = np.all((labels >= low) & (labels <= high), axis=1)
        return inside & self.survey.inside(dict(zip(self.labels, labels.T)))

    def to(self, device=None, dtype=None):
        """The emulator on another device or in another precision. This one stays as it is."""
        network = deepcopy(self.network)
        return Emulator(network.to(device=device, dtype=dtype), self.survey, self.card)

    def _checked(self, labels):
        labels = label_array(labels, self.survey.labels)
        outside = ~self.in_hull(labels)
        if outside.any():
            first = dict(zip(self.labels, labels[outside][0].round(3).tolist()))
            warnings.warn(
                f"{outside.sum()} of {len(labels)} stars lie outside the training hull, the first at {first}: "
                "the emulator extrapolates there; see in_hull()",
                OutsideHullWarning,
                stacklevel=3,
            )
        return torch.from_numpy(labels).to(self.network.low)

    def save(self, path):
        """Write weights, wavelengths and model card to one safetensors file.

        Raises
        ------
        ValueError
            If a step could not be made again from its file.
        """
        for step in self.steps:
            check_readable(step, self.survey)
        about = {
            "labels": ",".join(self.labels),
            "branches": json.dumps(self.network.shape),
            "logarithmic": json.dumps(self.network.logarithmic),
            "steps": json.dumps([[step.kind(), step.settings()] for step in self.steps]),
            "card": json.dumps(self.card),
        }
        tensors = self.network.state_dict() | {"wavelength": torch.from_numpy(self.wavelength)}
        write_tensors(path, tensors, about)

    @classmethod
    def load(cls, path, survey):
        """Read a file written by `save`.

        If the emulator has steps, the modules of their classes must have been imported, for example
        with ``import specnb.translate``.

        Parameters
        ----------
        path : path
        survey : Survey
            The survey that defines the labels and pixels.

        Raises
        ------
        OSError
            If the file is missing or damaged, if its emulator has other labels or pixels, or if
            it has a step of an unknown class.
        """
        with whole_file(path, "emulator file", "restore it with git or train it anew"):
            tensors, about = read_tensors(path)
            if about["labels"] != (expected := ",".join(survey.names)):
                raise OSError(f"its labels are {about['labels']}, not {expected}")
            wavelength = tensors.pop("wavelength").numpy()
            if not same_pixels(wavelength, survey.pixels):
                raise OSError(f"its {len(wavelength)} pixels are not those of {survey.name}")
            network = Network(
                tensors["low"],
                tensors["high"],
                json.loads(about["branches"]),
                len(wavelength),
                json.loads(about["logarithmic"]),
            )
            for kind, settings in json.loads(about.get("steps", "[]")):
                network.steps.append(step_kind(kind).build(settings, survey))
            network.load_state_dict(tensors)
            return cls(network, survey, json.loads(about["card"]))


def load_emulator(name: str = "rvs") -> Emulator:
    """Open a shipped emulator.

    Parameters
    ----------
    name : {"rvs", "apogee"}
        ``"rvs"`` has six labels and the 800 pixels of the Gaia RVS, 8460-8700 Å. ``"apogee"`` has
        25 labels and 7,214 pixels of APOGEE, 15,168-16,937 Å. Its flux is divided by the papers'
        pseudo-continuum.

    Returns
    -------
    Emulator

    Raises
    ------
    ValueError
        If there is no emulator of that name.
    """
    known = sorted(key for key, survey in SURVEYS.items() if survey.emulator_path.is_file())
    if name not in known:
        raise ValueError(
            f"there is no emulator {name!r}: choose one of {', '.join(known) or 'none (none is shipped)'}"
        )
    return Emulator.load(SURVEYS[name].emulator_path, SURVEYS[name])
