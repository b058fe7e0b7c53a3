"""The emulator: a small network from stellar labels to a spectrum, differentiable in the labels."""

import json
import warnings
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from specnb.core.paths import DATA
from specnb.core.files import read_tensors, whole_file, write_tensors
from specnb.core.labels import LABEL_SETS, RVS_LABELS, where_sampled

WEIGHTS = DATA / "emulators"


class OutsideHullWarning(UserWarning):
    """Labels outside the region the emulator was trained on."""


class Network(nn.Module):
    """Perceptrons side by side, each of some of the labels, whose outputs are added: flux = b + Σ W_k h_k(labels of k).

    One branch of all labels is the perceptron of Cycle-StarNet and The Payne (Ting et al. 2019). With many labels most of
    them act in few pixels and hardly on each other: branches of few labels need far fewer spectra to be learned.

    Labels, some of them as logarithms, are scaled to ±1 over the training range; the output is linear, so that flux may
    exceed 1.

    Parameters
    ----------
    low, high : array_like, shape (n_labels,)
        Training range of the labels.
    branches : sequence of (sequence of int, sequence of int)
        Of each branch the columns of its labels and the widths of its hidden layers.
    n_pix : int
        Number of pixels.
    logarithmic : sequence of int
        Columns of the labels whose logarithm counts.
    """

    def __init__(self, low, high, branches, n_pix, logarithmic=()):
        super().__init__()
        self.register_buffer("low", torch.as_tensor(low, dtype=torch.float32))
        self.register_buffer("high", torch.as_tensor(high, dtype=torch.float32))
        self.columns, self.logarithmic = [list(columns) for columns, _ in branches], list(logarithmic)
        is_log = torch.zeros(len(self.low), dtype=torch.bool)
        is_log[self.logarithmic] = True
        self.register_buffer("is_log", is_log, persistent=False)
        self.branches = nn.ModuleList()
        for columns, widths in branches:
            layers = []
            for n_in, n_out in pairwise([len(columns), *widths]):
                layers += [nn.Linear(n_in, n_out), nn.SiLU()]  # smooth, so that gradients are
            self.branches.append(nn.Sequential(*layers))
        self.output = nn.Linear(sum([len(columns), *widths][-1] for columns, widths in branches), n_pix)

    @property
    def shape(self):
        """The `branches` of the constructor."""
        widths = [[layer.out_features for layer in branch if isinstance(layer, nn.Linear)] for branch in self.branches]
        return list(zip(self.columns, widths))

    def forward(self, labels):
        labels, low, high = (self._logged(values) for values in (labels, self.low, self.high))
        scaled = 2.0 * (labels - low) / (high - low) - 1.0
        parts = [branch(scaled[:, columns]) for branch, columns in zip(self.branches, self.columns)]
        return self.output(torch.cat(parts, dim=1))

    def _logged(self, labels):
        """Labels, the logarithmic ones as their logarithms."""
        if not self.logarithmic:
            return labels
        positive = torch.where(self.is_log, labels, 1.0).clamp(min=1e-3)  # also where another label is negative
        return torch.where(self.is_log, positive.log(), labels)


class Emulator:
    """A trained network with what one needs to know about it.

    Parameters
    ----------
    network : Network
    wavelength : ndarray, shape (n_pix,)
        Vacuum wavelength in Å.
    label_set : sequence of Label
        The labels in the order of the network's inputs.
    card : dict
        Where it comes from: configuration, grid, accuracy.

    Attributes
    ----------
    labels, units : tuple of str
        Names and units of the labels, in order.
    low, high : ndarray, shape (n_labels,)
        Range within which the emulator may be trusted; the training range is wider by a margin.
    """

    def __init__(self, network, wavelength, label_set=RVS_LABELS, card=None):
        self.network = network.eval().requires_grad_(False)
        self.wavelength = np.asarray(wavelength, dtype=float)
        self.label_set = tuple(label_set)
        self.labels = tuple(label.name for label in label_set)
        self.units = tuple(label.unit for label in label_set)
        self.low = np.array([label.low for label in label_set])
        self.high = np.array([label.high for label in label_set])
        self.card = card or {}

    def __call__(self, labels):
        """Flux for each row of labels.

        Parameters
        ----------
        labels : array_like or Tensor, shape (n, n_labels)
            In the order of `labels` and the units of `units`. Tensors must match the network's precision and
            device and are not checked.

        Returns
        -------
        ndarray, float32, or Tensor, shape (n, n_pix)
            Flux over continuum; a tensor, differentiable in the labels, if a tensor came in.

        Raises
        ------
        ValueError
            If the number of columns is wrong or a label is not finite.
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
            In flux per unit of the label.
        """
        return self.flux_and_jacobian(self._checked(labels))[1].cpu().numpy()

    def flux_and_jacobian(self, labels, context=None):
        """Flux (n, n_pix) and Jacobian (n, n_labels, n_pix) of a tensor of labels (n, n_labels).

        ``context``, a tensor (n, ...), is what some networks take of each star besides its labels.
        """
        return flux_and_jacobian(self.network if context is None else lambda y: self.network(y, context), labels)

    def in_hull(self, labels):
        """Whether labels lie in the region that the training spectra were drawn from.

        That region is the training range of every label, cut by `specnb.core.labels.where_sampled`.

        Parameters
        ----------
        labels : array_like, shape (n, n_labels)

        Returns
        -------
        ndarray of bool, shape (n,)
        """
        labels = np.atleast_2d(np.asarray(labels, dtype=float))
        low, high = self.network.low.cpu().numpy(), self.network.high.cpu().numpy()
        inside = np.all((labels >= low) & (labels <= high), axis=1)
        return inside & where_sampled(dict(zip(self.labels, labels.T)))

    def to(self, device=None, dtype=None):
        """Move the network to a device or precision; returns the emulator."""
        self.network.to(device=device, dtype=dtype)
        return self

    def _checked(self, labels):
        labels = np.atleast_2d(np.asarray(labels, dtype=float))
        if labels.ndim != 2 or labels.shape[1] != len(self.labels):
            raise ValueError(
                f"labels have shape {labels.shape}, but this emulator takes (n, {len(self.labels)}): {', '.join(self.labels)}"
            )
        if not np.all(np.isfinite(labels)):
            row, column = np.argwhere(~np.isfinite(labels))[0]
            raise ValueError(
                f"{self.labels[column]} of row {row} is {labels[row, column]}: labels must be finite numbers"
            )
        outside = ~self.in_hull(labels)
        if outside.any():
            first = dict(zip(self.labels, labels[outside][0].round(3).tolist()))
            warnings.warn(
                f"{outside.sum()} of {len(labels)} stars lie outside the training hull, the first at {first}: "
                "the emulator extrapolates there; see in_hull()",
                OutsideHullWarning,
                stacklevel=3,
            )
        weight = self.network.low
        return torch.as_tensor(labels, dtype=weight.dtype, device=weight.device)

    def save(self, path):
        """Write weights, wavelength and model card to one safetensors file."""
        tensors = self.network.state_dict() | {"wavelength": torch.from_numpy(self.wavelength)}
        about = {
            "labels": ",".join(self.labels),
            "branches": json.dumps(self.network.shape),
            "logarithmic": json.dumps(self.network.logarithmic),
            "card": json.dumps(self.card),
        }
        write_tensors(path, tensors, about)

    @classmethod
    def load(cls, path):
        """Read a file written by `save`.

        Raises
        ------
        OSError
            If the file is missing, truncated or an emulator of labels that specnb does not know.
        """
        known = {",".join(label.name for label in labels): labels for labels in LABEL_SETS}
        with whole_file(path, "emulator file", "restore it with git or train it anew"):
            tensors, about = read_tensors(path)
            if about["labels"] not in known:
                raise OSError(f"its labels are {about['labels']}, not {' or '.join(known)}")
            wavelength = tensors.pop("wavelength").numpy()
            shape, logarithmic = json.loads(about["branches"]), json.loads(about["logarithmic"])
            network = Network(tensors["low"], tensors["high"], shape, len(wavelength), logarithmic)
            network.load_state_dict(tensors)
        return cls(network, wavelength, known[about["labels"]], json.loads(about["card"]))


def flux_and_jacobian(function, inputs):
    """Value and Jacobian of a batched function by forward mode: one tangent an input, all at once.

    Parameters
    ----------
    function : callable
        Maps a tensor (n, k) to (n, n_pix), each row by itself.
    inputs : Tensor, shape (n, k)

    Returns
    -------
    value : Tensor, shape (n, n_pix)
    jacobian : Tensor, shape (n, k, n_pix)
    """

    def push(direction):
        return torch.func.jvp(function, (inputs,), (direction.expand_as(inputs),))

    basis = torch.eye(inputs.shape[1], dtype=inputs.dtype, device=inputs.device)
    value, jacobian = torch.func.vmap(push, out_dims=(None, 1))(basis)
    return value, jacobian


def load_emulator(name: str = "rvs") -> Emulator:
    """Open a shipped emulator.

    Parameters
    ----------
    name : {"rvs", "apogee"}
        ``"rvs"``: six labels to the 800 pixels of the Gaia RVS, 8460-8700 Å. ``"apogee"``: 25 labels to 7,214 pixels
        of APOGEE, 15,168-16,937 Å, over the papers' pseudo-continuum.

    Returns
    -------
    Emulator

    Raises
    ------
    ValueError
        If there is no emulator of that name.
    """
    known = sorted(path.stem for path in WEIGHTS.glob("*.safetensors"))
    if name not in known:
        raise ValueError(f"there is no emulator {name!r}: choose one of {', '.join(known) or 'none (none is shipped)'}")
    return Emulator.load(WEIGHTS / f"{name}.safetensors")
