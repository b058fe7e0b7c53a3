"""The emulator: a small network that turns stellar labels into a spectrum.

It is differentiable in the labels.
"""

import json
import warnings
from copy import deepcopy

import numpy as np
import torch
from pooch import file_hash

import specnb.emulator.changes  # noqa: F401 - steps of shipped emulators
from specnb.core.files import read_tensors, whole_file, write_tensors
from specnb.core.labels import label_array, label_columns
from specnb.core.wavelength import same_pixels
from specnb.emulator.calibration import Calibration
from specnb.emulator.network import Network
from specnb.emulator.step import Step, check_readable, step_kind


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
    name : str, optional
        Name of a shipped emulator, as `load_emulator` takes it.

    Attributes
    ----------
    wavelength : ndarray, shape (n_pix,)
        Vacuum wavelength in Å.
    labels, units : tuple of str
        Names and units of the labels, in order.
    low, high : ndarray, shape (n_labels,)
        Range in which the emulator may be trusted. The training range is wider by a margin.
    """

    def __init__(self, network, survey, card=None, name=None):
        self.network = network.eval().requires_grad_(False)
        self.survey, self.card, self.name = survey, card or {}, name
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
            It has no calibration: that of this emulator would not tell its errors.

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

    @property
    def calibration(self) -> Calibration | None:
        """The last step, if it is a calibration, else None."""
        return next((step for step in self.steps[-1:] if isinstance(step, Calibration)), None)

    def calibrated(self, calibration: Calibration, **about) -> "Emulator":
        """A new emulator that knows its errors, which count in fits. Its spectra are the same.

        ``about`` are entries of its card, as for `then`.

        Raises
        ------
        ValueError
            If the calibration has other pixels or labels, impossible errors or no stars.
        """
        empty = Calibration.build(calibration.settings(), self.survey)
        found, shapes = ([array.shape for array in each.buffers()] for each in (calibration, empty))
        finite = torch.isfinite(calibration.components).all()
        sound = (calibration.error >= 0).all() and finite and len(calibration.stars)
        if found != shapes or not sound or not set(calibration.names) <= set(self.labels):
            raise ValueError(
                f"the calibration does not fit {self}: give errors (n_pix,), 0 or more, finite components "
                "(k, n_pix), stars (m, n_labels), offsets (o, n_labels), relations (r, n_labels + 1), names of labels"
            )
        return self.then(deepcopy(calibration).to(self.network.low), **about)

    def of(self, rows) -> "Emulator":
        """The emulator for some of the stars, for steps that store something for each star.

        Parameters
        ----------
        rows : slice, Tensor of int, or None
            Indices of the stars. None gives an emulator for any star, which uses nothing that is
            stored for single stars.
        """
        return Emulator(self.network.of(rows), self.survey, self.card, self.name)

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
        return self.network.flux_and_jacobian(labels)

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
        network = deepcopy(self.network).to(device=device, dtype=dtype)
        return Emulator(network, self.survey, self.card, self.name)

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

    def save(self, path, base: str | None = None):
        """Write weights, wavelengths, calibration and model card to one safetensors file.

        Parameters
        ----------
        path : path
        base : str, optional
            Name of a shipped emulator, such as "apogee", from which this one was made. The file
            then holds only what was added to it or changed, and needs it when it is read.

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
        if base is not None:
            shipped = self.survey.emulator_path.with_stem(base)
            about |= {"base": base, "base_sha256": file_hash(shipped)}
            known = read_tensors(shipped)[0]
            tensors = {
                name: value
                for name, value in tensors.items()
                if name not in known or not torch.equal(value.cpu(), known[name])
            }
        write_tensors(path, tensors, about)

    @classmethod
    def load(cls, path, survey, name=None):
        """Read a file written by `save`.

        If the emulator has steps, the modules of their classes must have been imported, for example
        with ``import specnb.translate``. Those of shipped emulators always are.

        Parameters
        ----------
        path : path
        survey : Survey
            The survey that defines the labels and pixels.
        name : str, optional
            Name of a shipped emulator.

        Raises
        ------
        OSError
            If the file is missing or damaged, if its emulator has other labels or pixels, if it has
            a step of an unknown class, or if it was made from a shipped emulator that is missing or
            has changed.
        """
        with whole_file(path, "emulator file", "restore it with git or train it anew"):
            tensors, about = read_tensors(path)
            if "base" in about:
                shipped = survey.emulator_path.with_stem(about["base"])
                if file_hash(shipped) != about["base_sha256"]:
                    raise OSError(f"{shipped.name}, from which it was made, has changed")
                tensors = read_tensors(shipped)[0] | tensors
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
            network.load_state_dict(tensors)  # also from float16
            return cls(network, survey, json.loads(about["card"]), name)
